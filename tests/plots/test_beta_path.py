import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
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


def scores_of(clf, X, y, betas):
    return [clf.set_params(beta=beta).score(X, y) for beta in betas]


@pytest.fixture(scope="module")
def pipeline(data):
    clf = FrontDoorMultiModalClassifier(max_epochs=2, random_state=0)
    return make_pipeline(PerModality(StandardScaler()), clf).fit(data.X, data.y)


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
    BetaPathDisplay.from_estimator(
        clf, data.X, data.y, betas=[0, 0.5, 1], environments=np.arange(200) % 4
    )
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


def test_environments_are_lines_of_their_own_and_named(clf, data):
    display = BetaPathDisplay.from_estimator(
        clf, data.X, data.y, environments=["new"] * 100 + ["old"] * 100
    )
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["new", "old"]
    assert len(display.lines_) == len(display.bests_) == 2


@pytest.mark.parametrize(("greater", "best"), [(True, 0.5), (False, 0.0)])
def test_the_larger_marker_is_at_the_first_best_beta(greater, best):
    display = BetaPathDisplay(
        betas=np.array([0, 0.5, 1]),
        scores=np.array([[0.1, 0.4, 0.4]]),
        greater_is_better=greater,
    ).plot()
    assert display.bests_[0].get_xdata() == [best]
    assert display.bests_[0].get_markersize() > display.lines_[0].get_markersize()
    assert display.ax_.get_legend().get_texts()[0].get_text() == f"best β = {best:g}"


def test_a_line_without_scores_has_no_best_and_gaps_are_passed_over():
    scores = np.array([[np.nan, np.nan], [np.nan, 0.3]])
    display = BetaPathDisplay(betas=np.array([0, 1]), scores=scores, names=["a", "b"]).plot()
    assert [marker.get_xdata().tolist() for marker in display.bests_] == [[1]]


def test_it_draws_into_the_users_axes_with_the_users_keywords():
    figure, axes = plt.subplots(1, 2)
    display = BetaPathDisplay(betas=np.array([0, 1]), scores=np.array([[0.1, 0.2]]))
    assert display.plot(axes[1], color="red", marker="") is display
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert display.lines_[0].get_color() == display.bests_[0].get_color() == "red"
    assert display.bests_[0].get_marker() == "o"
    assert not axes[0].lines


def test_predictions_in_any_order_of_beta_give_the_same_picture(clf, data):
    path = clf.beta_path(data.X, [1, 0, 0.5])
    shown = BetaPathDisplay.from_predictions(data.y, path, [1, 0, 0.5], scoring="neg_log_loss")
    known = BetaPathDisplay.from_estimator(
        clf, data.X, data.y, betas=[0, 0.5, 1], scoring="neg_log_loss"
    )
    assert_array_equal(shown.betas, [0, 0.5, 1])
    assert_allclose(shown.scores, known.scores)


def test_the_band_of_a_search_is_one_sd_around_the_mean_of_its_folds(data):
    search = FrontDoorMultiModalClassifierCV(betas=[0, 1], cv=3, max_epochs=1, random_state=0)
    search.fit(data.X, data.y)
    display = BetaPathDisplay.from_search(search)
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
    with pytest.raises(ValueError, match=r"for each of 3 folds, got \['A'\]"):
        BetaPathDisplay.from_search(search, fold_names=["A"])


def test_a_grid_search_through_a_pipeline_shows_what_it_scored(pipeline, data):
    grid = {"frontdoormultimodalclassifier__beta": [1, 0]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(data.X, data.y)
    display = BetaPathDisplay.from_search(search)
    assert_allclose(display.scores[0], search.cv_results_["mean_test_score"][::-1])


def test_cross_validated_classifiers_are_scored_on_their_own_test_rows(pipeline, data):
    results = cross_validate(
        pipeline, data.X, data.y, cv=2, return_estimator=True, return_indices=True
    )
    display = BetaPathDisplay.from_cv_results(results, data.X, data.y, fold_names=[0, 1])
    assert_allclose(display.scores[:, -1], results["test_score"])  # beta is 1 by default
    assert BetaPathDisplay.from_cv_results(results, data.X, data.y).spread.shape == (1, 11)
    del results["indices"]
    with pytest.raises(ValueError, match=r"lacks .'indices'.: call cross_validate with"):
        BetaPathDisplay.from_cv_results(results, data.X, data.y)


def test_a_fold_without_a_score_is_named(data):
    y = np.asarray(data.y)
    results = cross_validate(
        FrontDoorMultiModalClassifier(max_epochs=1, random_state=0),
        data.X,
        y,
        cv=PredefinedSplit(np.where(y == 0, -1, np.arange(len(y)) % 2)),
        return_estimator=True,
        return_indices=True,
    )
    with pytest.raises(ValueError, match=r"'roc_auc_ovr' has no value in fold 0, .* label 0"):
        BetaPathDisplay.from_cv_results(results, data.X, y, scoring="roc_auc_ovr")


def test_what_can_not_be_shown_is_refused_by_name(clf, data):
    path = clf.beta_path(data.X, [0, 1])
    with pytest.raises(ValueError, match=r"\(3, 200, .*got \(2, 200"):
        BetaPathDisplay.from_predictions(data.y, path, [0, 0.5, 1])
    with pytest.raises(TypeError, match="got LogisticRegression"):
        BetaPathDisplay.from_estimator(LogisticRegression(), data.X, data.y)
    with pytest.raises(NotFittedError):
        BetaPathDisplay.from_estimator(FrontDoorMultiModalClassifier(), data.X, data.y)


def test_without_matplotlib_nothing_is_computed_before_the_error(no_matplotlib):
    with pytest.raises(ImportError, match=r"from_estimator needs matplotlib"):
        BetaPathDisplay.from_estimator(None, None, None)
