"""Scores of probabilities where the rows to be scored do not show every class."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.metrics import get_scorer
from sklearn.model_selection import LeaveOneGroupOut

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.diagnosis import modality_contributions
from skbetafd.estimators.scorers import told_of_classes

METRICS = ["neg_log_loss", "neg_brier_score", "d2_log_loss_score", "d2_brier_score"]
SMALL = {"max_epochs": 1, "hidden_dim": 8, "n_references": 8, "random_state": 0}


@pytest.fixture(scope="module")
def fitted(modalities, y):
    return FrontDoorMultiModalClassifier(**SMALL).fit(modalities, y)


@pytest.mark.parametrize("scoring", METRICS)
def test_where_all_classes_are_there_they_are_scikit_learns(scoring, fitted, X, y):
    expected = get_scorer(scoring)
    told = told_of_classes(expected)
    weight = np.random.default_rng(0).random(len(y))
    assert_allclose(told(fitted, X, y), expected(fitted, X, y))
    weighted = told(fitted, X, y, sample_weight=weight)
    assert_allclose(weighted, expected(fitted, X, y, sample_weight=weight))


def test_two_classes_score_as_scikit_learns(X, y):
    two = (y == "car").astype(int)  # of strings, scikit-learn has no Brier score
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(X, two)
    for scoring in METRICS:
        told = told_of_classes(get_scorer(scoring))
        assert_allclose(told(clf, X, two), get_scorer(scoring)(clf, X, two), rtol=1e-6)


def test_log_loss_of_rows_that_lack_a_class_is_that_of_their_labels(fitted, X, y):
    rows = np.flatnonzero(y != "car")
    proba = fitted.predict_proba(X[rows])
    right = proba[np.arange(len(rows)), np.searchsorted(fitted.classes_, y[rows])]
    told = told_of_classes(get_scorer("neg_log_loss"))
    assert_allclose(told(fitted, X[rows], y[rows]), np.log(right).mean(), rtol=1e-5)


@pytest.mark.parametrize("scoring", ["neg_log_loss", get_scorer("neg_log_loss")], ids=str)
def test_a_search_across_sites_scores_one_that_lacks_a_class(modalities, y, scoring):
    site = np.random.default_rng(0).integers(3, size=len(y))
    y = np.where((site == 2) & (y == "car"), "rain", y)
    search = FrontDoorMultiModalClassifierCV(
        **SMALL, betas=[0, 1], cv=LeaveOneGroupOut(), scoring=scoring, refit=False
    ).fit(modalities, y, groups=site)
    X = {name: array[site != 2] for name, array in modalities.items()}
    clf = FrontDoorMultiModalClassifier(**SMALL, beta=1).fit(X, y[site != 2])
    held_out = {name: array[site == 2] for name, array in modalities.items()}
    at = np.searchsorted(clf.classes_, y[site == 2])
    expected = clf.predict_log_proba(held_out)[np.arange(len(at)), at].mean()
    assert_allclose(search.scores_[2, 1], expected, rtol=1e-4)


def test_a_label_that_no_training_row_had_is_named_with_its_fold(modalities, y):
    site = np.where(y == "car", 2, np.arange(len(y)) % 2)
    search = FrontDoorMultiModalClassifierCV(**SMALL, cv=LeaveOneGroupOut(), scoring="neg_log_loss")
    words = r"^fold 2, scoring='neg_log_loss': y has the label 'car', which is not among the class"
    with pytest.raises(ValueError, match=words):
        search.fit(modalities, y, groups=site)


def test_contributions_are_told_of_rows_that_lack_a_class(fitted, modalities, y):
    rows = y != "car"
    X = {name: array[rows] for name, array in modalities.items()}
    found = modality_contributions(fitted, X, y[rows], scoring="neg_log_loss")
    assert np.isfinite(found.score)
