import numpy as np
import pytest
from numpy.testing import assert_allclose
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
from sklearn.model_selection import GridSearchCV

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.plots._path_scores import score_label, score_path, search_scores


@pytest.fixture
def known():
    rng = np.random.default_rng(0)
    path = rng.dirichlet(np.ones(3), size=(4, 60))
    return rng.choice(["a", "b", "c"], 60), path, np.array(["a", "b", "c"])


def test_accuracy_is_that_of_the_most_probable_label_weighted_by_row(known):
    y, path, classes = known
    weight = np.arange(60.0)
    names, scores = score_path(y, path, classes, sample_weight=weight)
    expected = [accuracy_score(y, classes[p.argmax(1)], sample_weight=weight) for p in path]
    assert names is None
    assert_allclose(scores, [expected])


def test_a_loss_is_the_loss_itself_even_where_an_environment_lacks_a_class(known):
    y, path, classes = known
    names, scores = score_path(y, path, classes, "neg_log_loss", environments=y == "c")
    assert sorted(names) == [False, True]
    rows = (y == "c") == names[0]
    assert_allclose(scores[0], [log_loss(y[rows], p[rows], labels=classes) for p in path])


@pytest.mark.parametrize("scoring", ["neg_brier_score", "d2_log_loss_score", "d2_brier_score"])
def test_scores_that_can_be_told_all_classes_need_not_see_them(known, scoring):
    y, path, classes = known
    kinds = {"neg_brier_score": brier_score_loss, "d2_log_loss_score": d2_log_loss_score}
    metric = kinds.get(scoring, d2_brier_score)
    rows = np.isin(y, ["a", "b"]) & (np.arange(60) < 30)
    names, scores = score_path(y, path, classes, scoring, environments=rows)
    expected = [metric(y[rows], p[rows], labels=classes) for p in path]
    assert_allclose(scores[names.index(True)], expected)


@pytest.mark.parametrize("scoring", ["roc_auc_ovr", "top_k_accuracy"])
def test_an_environment_without_a_score_is_named_with_scoring_and_the_class(known, scoring):
    y, path, classes = known
    site = np.where(y == "b", "old", "new")
    message = f"scoring='{scoring}' has no value in environment (old|new), where no row .* '[ab]'"
    with pytest.raises(ValueError, match=message):
        score_path(y, path, classes, scoring, environments=site)
    with pytest.raises(ValueError, match=f"'{scoring}' has no value in fold 3"):
        score_path(y[y == "b"], path[:, y == "b"], classes, scoring, where="fold 3")


@pytest.mark.filterwarnings("ignore:Only one class is present")
def test_a_score_that_is_nan_in_an_environment_is_no_line():
    y, path = np.array([0, 1, 0, 0]), np.full((1, 4, 2), 0.5)
    with pytest.raises(ValueError, match=r"'roc_auc' has no value in environment b.*gives nan"):
        score_path(y, path, np.arange(2), "roc_auc", environments=["a", "a", "b", "b"])


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", "f1_macro"])
def test_an_environment_of_weight_0_is_named(known, scoring):
    y, path, classes = known
    site = np.repeat(["old", "new"], 30)
    with pytest.raises(ValueError, match="0 in every row of environment new"):
        weight = (site == "old") * 1.0
        score_path(y, path, classes, scoring, environments=site, sample_weight=weight)


def test_a_scorer_of_decisions_is_told_what_is_known(known):
    y, path, classes = known
    scoring = make_scorer(hinge_loss, response_method="decision_function")
    with pytest.raises(ValueError, match=r"hinge_loss.* asks for more than labels and prob") as e:
        score_path(y, path, classes, scoring)
    assert "Predicted" not in str(e.value)


def test_environments_stand_in_the_order_in_which_they_appear(known):
    y, path, classes = known
    names, scores = score_path(y, path, classes, environments=["z"] * 20 + ["a"] * 40)
    assert names == ["z", "a"]
    assert_allclose(scores[1], [accuracy_score(y[20:], classes[p[20:].argmax(1)]) for p in path])


@pytest.mark.parametrize("scoring", ["roc_auc", make_scorer(accuracy_score)])
def test_scorers_of_two_classes_and_callables_work_from_predictions(scoring):
    rng = np.random.default_rng(0)
    y, path = rng.integers(0, 2, 50), rng.dirichlet(np.ones(2), size=(2, 50))
    scores = score_path(y, path, np.arange(2), scoring)[1][0]
    metric = (
        [roc_auc_score(y, p[:, 1]) for p in path]
        if scoring == "roc_auc"
        else [accuracy_score(y, p.argmax(1)) for p in path]
    )
    assert_allclose(scores, metric)


def test_weights_for_a_scorer_that_takes_none_are_refused(known):
    y, path, classes = known
    with pytest.raises(ValueError, match="takes none"):
        score_path(y, path, classes, lambda clf, X, y: 0.0, sample_weight=np.ones(60))


@pytest.mark.parametrize(
    ("scoring", "label"),
    [
        (None, "accuracy (share of rows)"),
        ("neg_log_loss", "log-loss (nats)"),
        ("f1_macro", "f1 macro"),
        (lambda clf, X, y: 0.0, "score"),
    ],
)
def test_axes_are_named_by_score_and_unit(scoring, label):
    assert score_label(scoring) == label


def fitted_search(data, **keywords):
    grid = {"beta": [1, 0], "dropout": [0.1, 0.3]}
    clf = FrontDoorMultiModalClassifier(max_epochs=1, random_state=0)
    return GridSearchCV(clf, grid, cv=3, **keywords).fit(data.X, data.y)


def test_a_search_over_more_than_beta_shows_the_best_ones_other_parameters(data):
    search = fitted_search(data, scoring="neg_log_loss")
    betas, scores, scoring = search_scores(search)
    assert_allclose(betas, [0, 1])
    assert scoring == "neg_log_loss"
    assert_allclose(-scores.mean(axis=0).min(), search.best_score_)
    assert scores.shape == (3, 2)
    params, means = search.cv_results_["params"], search.cv_results_["mean_test_score"]
    for best in range(len(params)):
        search.best_index_, search.best_params_ = best, params[best]
        same = [i for i, p in enumerate(params) if p["dropout"] == params[best]["dropout"]]
        assert_allclose(-search_scores(search)[1].mean(axis=0), means[same[::-1]])


def test_of_several_scores_the_one_that_refit_names_is_shown(data):
    scorers = ["accuracy", "neg_log_loss"]
    search = fitted_search(data, scoring=scorers, refit="neg_log_loss")
    _, scores, scoring = search_scores(search)
    assert scoring == "neg_log_loss"
    assert (scores > 0).all()
    with pytest.raises(ValueError, match=r"refit must name one, got refit=False"):
        search_scores(fitted_search(data, scoring=scorers, refit=False))


def test_a_search_that_is_not_over_beta_is_refused_by_its_parameters(data):
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=2).fit(data.X, data.y)
    with pytest.raises(ValueError, match=r"over one beta, got none among \['C'\]"):
        search_scores(search)
