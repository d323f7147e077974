"""Where few training rows have all modalities, more information still predicts no worse."""

import numpy as np
import pytest
from sklearn.metrics import log_loss

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd._utils.exceptions import VacuousAdjustmentWarning

pytestmark = pytest.mark.filterwarnings(
    "ignore:No support for beta=1", "ignore:.* beta is without effect"
)

WIDTHS = {"a": 4, "v": 3}


def drawn(n, seed):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    signs = {"a": 1, "v": -1}
    return {m: rng.normal(size=(n, w)) + signs[m] * y[:, None] for m, w in WIDTHS.items()}, y


def with_gaps(X, n_complete):
    """Leave each row after the first ones a single modality, the next in turn."""
    n = len(X["a"])
    turn = np.arange(n) // 3 % 2
    has = {m: (turn == i) | (np.arange(n) < n_complete) for i, m in enumerate(X)}
    return MultiModalArray(X, present=has)


X_TEST, Y_TEST = drawn(900, 1)


def quality(proba):
    return np.mean(proba.argmax(1) == Y_TEST), log_loss(Y_TEST, proba)


@pytest.fixture(scope="module", params=[1, 3, 29, 60])
def fitted(request):
    X, y = drawn(600, 0)
    clf = FrontDoorMultiModalClassifier(predominant="a", max_epochs=20, random_state=0)
    return request.param, clf.fit(with_gaps(X, request.param), y)


@pytest.mark.parametrize("withheld", WIDTHS)
def test_a_complete_row_is_predicted_no_worse_than_without_a_modality(fitted, withheld):
    clf = fitted[1].set_params(beta=0)
    whole = quality(clf.predict_proba(X_TEST))
    less = quality(clf.predict_proba({**X_TEST, withheld: None}))
    assert whole[0] >= less[0] and whole[1] <= less[1]


def test_nor_is_it_worse_under_intervention(fitted):
    n_complete, clf = fitted
    path = clf.beta_path(X_TEST, [0, 1])
    assert np.array_equal(*path) == (n_complete < 60)
    doing = quality(clf.set_params(beta=1).predict_proba(X_TEST))
    less = quality(clf.set_params(beta=0).predict_proba({**X_TEST, "v": None}))
    assert doing[0] > less[0] - 0.05 and doing[1] < less[1] + 0.05


def test_it_is_told_with_the_count_that_beta_has_no_effect():
    X, y = drawn(600, 0)
    parameters = {"predominant": "a", "max_epochs": 1, "calibrate": False, "random_state": 0}
    clf = FrontDoorMultiModalClassifier(**parameters)
    with pytest.warns(VacuousAdjustmentWarning, match="29 of 600 training rows"):
        clf.fit(with_gaps(X, 29), y)
    with pytest.warns(VacuousAdjustmentWarning, match="29 of 600 training rows"):
        FrontDoorMultiModalClassifier(**parameters).partial_fit(with_gaps(X, 29), y, np.unique(y))


def test_what_a_fit_has_learned_of_interventions_a_gappy_stream_does_not_undo():
    X, y = drawn(600, 0)
    parameters = {"predominant": "a", "max_epochs": 2, "calibrate": False, "random_state": 0}
    clf = FrontDoorMultiModalClassifier(**parameters).fit(X, y)
    clf.partial_fit(with_gaps(X, 29), y)
    assert not np.array_equal(*clf.beta_path(X_TEST, [0, 1]))
