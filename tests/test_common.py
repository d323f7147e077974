"""scikit-learn's own checks of every estimator, and why one is expected to fail."""

import pytest
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    PerModality,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier

FULL_BATCH = {"batch_size": -1, "dtype": "float64", "dropout": 0, "calibrate": False}
WEIGHTS = "check_sample_weight_equivalence_on_dense_data"
MINI_BATCH = (
    "scikit-learn runs it on its own MLPClassifier with the full-batch solver alone: a mini-batch "
    "holds another set of rows once rows are repeated"
)
OTHER_FOLDS = (
    "the folds of repeated rows are others; scikit-learn exempts TunedThresholdClassifierCV too"
)

MAIN = [
    FrontDoorMultiModalClassifier(calibrate=False),
    DiscreteFrontDoorClassifier(),
    DiscreteFrontDoorClassifier(beta=0),
    PerModality(StandardScaler()),
]
OTHERS = [
    FrontDoorMultiModalClassifier(),
    FrontDoorMultiModalClassifier(predominant=0, **FULL_BATCH),
    FrontDoorMultiModalClassifierCV(
        betas=(0, 1), cv=2, max_epochs=50, hidden_dim=16, predominant=0
    ),
    *(
        kind(**parameters)
        for kind in (FusionClassifier, UnimodalClassifier, LateFusionClassifier)
        for parameters in ({}, FULL_BATCH)
    ),
]

pytestmark = pytest.mark.filterwarnings("ignore::skbetafd.VacuousAdjustmentWarning")


def expected_failed_checks(estimator):
    if isinstance(estimator, FrontDoorMultiModalClassifierCV):
        return {WEIGHTS: OTHER_FOLDS}
    mini_batches = getattr(estimator, "batch_size", -1) != -1
    return {WEIGHTS: MINI_BATCH} if mini_batches else {}


@parametrize_with_checks(MAIN, expected_failed_checks=expected_failed_checks)
def test_sklearn_s_own_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(OTHERS, expected_failed_checks=expected_failed_checks)
def test_sklearn_s_own_checks_of_the_others(estimator, check):
    check(estimator)
