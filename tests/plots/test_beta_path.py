import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    d2_brier_score,
    d2_log_loss_score,
    hinge_loss,
    log_loss,
    make_scorer,
    roc_auc_score,
)
from sklearn.model_selection import GridSearchCV, LeaveOneGroupOut, PredefinedSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    PerModality,
)
from skbetafd.plots import BetaPathDisplay

BETAS = [0, 0.25, 0.5, 1]
CLASSES = np.array(["a", "b", "c"])


def scores_of(clf, X, y, betas):
    return [clf.set_params(beta=beta).score(X, y) for beta in betas]


@pytest.fixture(scope="module")
def pipeline(data):
    clf = FrontDoorMultiModalClassifier(max_epochs=2, random_state=0)
    return make_pipeline(PerModality(StandardScaler()), clf).fit(data.X, data.y)


@pytest.fixture
def known():
    """Labels of 60 rows, and probabilities at each β."""
    rng = np.random.default_rng(0)
    path = rng.dirichlet(np.ones(3), size=(4, 60))
    return rng.choice(CLASSES, 60), path


def scored(y, path, scoring=None, **keywords):
    keywords = {"classes": CLASSES, "betas": BETAS} | keywords
    return BetaPathDisplay.from_predictions(y, path, scoring=scoring, **keywords)


def test_labels_whose_index_is_in_another_order_are_warned_of(clf, data):
    X = {name: pd.DataFrame(rows) for name, rows in data.X.items()}
    with pytest.warns(UserWarning, match="but y has the index labels of modality"):
        BetaPathDisplay.from_estimator(clf, X, pd.Series(data.y)[::-1])


def test_the_line_holds_the_scores_that_score_gives_at_each_beta(clf, data):
    display = BetaPathDisplay.from_estimator(clf, data.X, data.y)
    assert_allclose(display.betas, np.linspace(0, 1, 11))
    assert_allclose(display.scores, [scores_of(clf, data.X, data.y, display.betas)])
    assert_allclose(display.lines_[0].get_ydata(), display.scores[0])
    assert display.ax_.get_xlabel() == "β (0: seeing, 1: doing)"
    assert display.ax_.get_ylabel() == "accuracy (share of rows)"


def test_all_betas_cost_one_prediction(clf, data, monkeypatch):
    asked = []
    real = FrontDoorMultiModalClassifier._log_path
    monkeypatch.setattr(
        FrontDoorMultiModalClassifier,
        "_log_path",
        lambda self, X, betas: asked.append(len(betas)) or real(self, X, betas),
    )
    sites = np.arange(200) % 4
    BetaPathDisplay.from_estimator(clf, data.X, data.y, betas=[0, 0.5, 1], environments=sites)
    assert asked == [3]


def test_a_pipeline_and_a_search_are_asked_for_the_classifier_inside(pipeline, data):
    direct = scores_of(pipeline[-1], pipeline[:-1].transform(data.X), data.y, [0, 1])
    shown = BetaPathDisplay.from_estimator(pipeline, data.X, data.y, betas=[0, 1])
    assert_allclose(shown.scores, [direct])
    search = GridSearchCV(pipeline, {}, cv=2).fit(data.X, data.y)
    assert BetaPathDisplay.from_estimator(search, data.X, data.y).scores.shape == (1, 11)


def test_a_discrete_classifier_has_a_path_too():
    rng = np.random.default_rng(0)
    X, y = [rng.integers(0, 2, (60, 1)), rng.integers(0, 2, (60, 1))], rng.integers(0, 2, 60)
    clf = DiscreteFrontDoorClassifier().fit(X, y, mediator=rng.integers(0, 2, 60))
    assert BetaPathDisplay.from_estimator(clf, X, y).scores.shape == (1, 11)


@pytest.mark.parametrize(("greater", "best"), [(True, 0.5), (False, 0.0)])
def test_the_larger_marker_is_at_the_first_best_beta(greater, best):
    display = BetaPathDisplay(
        betas=np.array([0, 0.5, 1]),
        scores=np.array([[0.1, 0.4, 0.4]]),
        greater_is_better=greater,
    ).plot(marker="")
    assert display.bests_[0].get_xdata() == [best]
    assert display.bests_[0].get_marker() == "o"
    assert display.bests_[0].get_markersize() > display.lines_[0].get_markersize()
    assert display.ax_.get_legend().get_texts()[0].get_text() == f"best β = {best:g}"


def test_a_line_without_scores_has_no_best_and_gaps_are_passed_over():
    scores = np.array([[np.nan, np.nan], [np.nan, 0.3]])
    display = BetaPathDisplay(betas=np.array([0, 1]), scores=scores, names=["a", "b"]).plot()
    assert [marker.get_xdata().tolist() for marker in display.bests_] == [[1]]


def test_predictions_in_any_order_of_beta_give_the_same_picture(known):
    y, path = known
    order = [2, 0, 3, 1]
    shown = scored(y, path[order], "neg_log_loss", betas=np.array(BETAS)[order])
    assert_array_equal(shown.betas, BETAS)
    assert_allclose(shown.scores, scored(y, path, "neg_log_loss").scores)


def test_accuracy_is_that_of_the_most_probable_label_weighted_by_row(known):
    y, path = known
    weight = np.arange(60.0)
    expected = [accuracy_score(y, CLASSES[p.argmax(1)], sample_weight=weight) for p in path]
    display = scored(y, path, sample_weight=weight)
    assert display.names is None
    assert_allclose(display.scores, [expected])


def test_environments_stand_in_the_order_in_which_they_appear(known):
    y, path = known
    display = scored(y, path, environments=["z"] * 20 + ["a"] * 40)
    assert display.names == ["z", "a"]
    expected = [accuracy_score(y[20:], CLASSES[p[20:].argmax(1)]) for p in path]
    assert_allclose(display.scores[1], expected)
    assert len(display.lines_) == len(display.bests_) == 2


@pytest.mark.parametrize(
    ("scoring", "metric", "label"),
    [
        ("neg_log_loss", log_loss, "log-loss (nats)"),
        ("neg_brier_score", brier_score_loss, "Brier score"),
        ("d2_log_loss_score", d2_log_loss_score, "d2 log loss score"),
        ("d2_brier_score", d2_brier_score, "d2 brier score"),
    ],
)
def test_scores_that_can_be_told_all_classes_need_not_see_them(known, scoring, metric, label):
    y, path = known
    rows = np.isin(y, ["a", "b"]) & (np.arange(60) < 30)
    display = scored(y, path, scoring, environments=rows)
    expected = [metric(y[rows], p[rows], labels=CLASSES) for p in path]
    assert_allclose(display.scores[display.names.index(True)], expected)
    assert display.ax_.get_ylabel() == label
    assert display.greater_is_better == (not scoring.startswith("neg"))


@pytest.mark.parametrize(
    ("scoring", "metric"),
    [
        ("roc_auc", lambda y, p: roc_auc_score(y, p[:, 1])),
        (make_scorer(accuracy_score), lambda y, p: accuracy_score(y, p.argmax(1))),
    ],
)
def test_scorers_of_two_classes_and_callables_work_from_predictions(scoring, metric):
    rng = np.random.default_rng(0)
    y, path = rng.integers(0, 2, 50), rng.dirichlet(np.ones(2), size=(4, 50))
    display = scored(y, path, scoring, classes=None)
    assert_allclose(display.scores[0], [metric(y, p) for p in path])


@pytest.mark.filterwarnings("ignore:Only one class is present")
@pytest.mark.parametrize(
    ("scoring", "keywords", "words"),
    [
        ("roc_auc_ovr", {}, "scoring='roc_auc_ovr' has no value in environment 1.* label 'b'"),
        ("top_k_accuracy", {}, "scoring='top_k_accuracy' has no value in environment"),
        (lambda *_: np.nan, {}, "no value in environment .*nan"),
        (None, {"sample_weight": np.arange(60) < 30}, "0 in every row of environment 1"),
        ("f1_macro", {"sample_weight": np.arange(60) < 30}, "0 in every row of environment 1"),
        (lambda *_: 0.0, {"sample_weight": np.ones(60)}, "takes none"),
        (
            make_scorer(hinge_loss, response_method="decision_function"),
            {},
            "asks for more than labels and probabilities",
        ),
    ],
)
def test_an_environment_without_a_score_is_named(known, scoring, keywords, words):
    y, path = known
    y = np.where((y == "b") & (np.arange(60) >= 30), "a", y)
    with pytest.raises(ValueError, match=words):
        scored(y, path, scoring, environments=np.arange(60) // 30, **keywords)


def test_the_band_of_a_search_is_one_sd_around_the_mean_of_its_folds(data):
    search = FrontDoorMultiModalClassifierCV(betas=[0, 1], cv=3, max_epochs=1, random_state=0)
    display = BetaPathDisplay.from_search(search.fit(data.X, data.y))
    assert_allclose(display.scores[0], search.scores_.mean(axis=0))
    assert_allclose(display.spread[0], search.scores_.std(axis=0))
    top = display.bands_[0].get_paths()[0].vertices[:, 1].max()
    assert_allclose(top, (display.scores + display.spread).max())
    assert display.names == ["mean ± sd of 3 folds"]


def test_folds_that_are_environments_are_lines_by_their_names(data):
    site = np.arange(200) % 3
    search = FrontDoorMultiModalClassifierCV(
        betas=[0, 1], cv=LeaveOneGroupOut(), max_epochs=1, random_state=0
    ).fit(data.X, data.y, groups=site)
    display = BetaPathDisplay.from_search(search, fold_names=["A", "B", "C"])
    assert_allclose(display.scores, search.scores_)
    assert display.spread is None


def test_a_grid_search_through_a_pipeline_shows_what_it_scored(pipeline, data):
    grid = {"frontdoormultimodalclassifier__beta": [1, 0]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(data.X, data.y)
    display = BetaPathDisplay.from_search(search)
    assert_allclose(display.scores[0], search.cv_results_["mean_test_score"][::-1])


def test_a_search_over_more_shows_the_best_ones_other_parameters_and_the_score_of_refit(data):
    grid = {"beta": [1, 0], "dropout": [0.1, 0.3]}
    clf = FrontDoorMultiModalClassifier(max_epochs=1, random_state=0)
    scoring = {"mine": "neg_log_loss", "other": "accuracy"}
    search = GridSearchCV(clf, grid, cv=3, scoring=scoring, refit="mine").fit(data.X, data.y)
    params, means = search.cv_results_["params"], search.cv_results_["mean_test_mine"]
    for best in range(len(params)):
        search.best_index_, search.best_params_ = best, params[best]
        display = BetaPathDisplay.from_search(search)
        same = [i for i, p in enumerate(params) if p["dropout"] == params[best]["dropout"]]
        assert_array_equal(display.betas, [0, 1])
        assert_allclose(-display.scores[0], means[same[::-1]])
    assert display.score_name == "log-loss (nats)"
    assert not display.greater_is_better
    search.refit = False
    with pytest.raises(ValueError, match="refit=False"):
        BetaPathDisplay.from_search(search)


def test_cross_validated_classifiers_are_scored_on_their_own_test_rows(pipeline, data):
    results = cross_validate(
        pipeline, data.X, data.y, cv=2, return_estimator=True, return_indices=True
    )
    display = BetaPathDisplay.from_cv_results(results, data.X, data.y, fold_names=[0, 1])
    assert_allclose(display.scores[:, -1], results["test_score"])  # beta is 1 by default
    assert BetaPathDisplay.from_cv_results(results, data.X, data.y).spread.shape == (1, 11)
    del results["indices"]
    with pytest.raises(ValueError, match="return_indices=True"):
        BetaPathDisplay.from_cv_results(results, data.X, data.y)


def test_a_fold_without_a_score_is_named(data):
    y = np.asarray(data.y)
    results = cross_validate(
        FrontDoorMultiModalClassifier(max_epochs=1, calibrate=False, random_state=0),
        data.X,
        y,
        cv=PredefinedSplit(np.where(y == 0, -1, np.arange(len(y)) % 2)),
        return_estimator=True,
        return_indices=True,
    )
    with pytest.raises(ValueError, match=r"'roc_auc_ovr' has no value in fold 0, .* label 0"):
        BetaPathDisplay.from_cv_results(results, data.X, y, scoring="roc_auc_ovr")


@pytest.mark.parametrize("betas", [[0, 5], [np.nan, 1], [], 0.5, [[0, 1]], "ab", [None]])
def test_what_is_no_sequence_of_betas_is_refused(known, betas):
    with pytest.raises(ValueError, match="betas must be a sequence"):
        scored(*known, betas=betas)


def test_a_search_that_is_not_over_beta_is_refused_by_its_parameters(data):
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2).fit(data.X, data.y)
    with pytest.raises(ValueError, match=r"over one beta, .* \['C'\]"):
        BetaPathDisplay.from_search(search)
