import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skbetafd import DiscreteFrontDoorClassifier

VACUOUS = "ignore::skbetafd.VacuousAdjustmentWarning"


@pytest.mark.filterwarnings(VACUOUS)
@parametrize_with_checks([DiscreteFrontDoorClassifier(), DiscreteFrontDoorClassifier(beta=0)])
def test_sklearn_s_own_checks(estimator, check):
    check(estimator)
