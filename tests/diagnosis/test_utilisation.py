import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skbetafd import MultiModalArray, conditional_utilisation


@pytest.fixture(name="fitted")
def logistic(X, y):
    return LogisticRegression().fit(X, y)


def test_utilisation_is_the_share_of_the_score_that_goes_with_the_modality(fitted, X, y):
    used = conditional_utilisation(fitted, X, y)
    everything = fitted.score(X, y)
    mean = np.broadcast_to(X["audio"].mean(axis=0), X["audio"].shape)
    rest = fitted.score(MultiModalArray({"audio": mean, "video": X["video"]}), y)
    assert used["audio"] == pytest.approx((everything - rest) / everything)
    assert list(used) == ["audio", "video"]


def test_more_than_eight_modalities_are_fine(X, y):
    many = MultiModalArray({f"m{i}": X["audio"] for i in range(10)})
    used = conditional_utilisation(LogisticRegression().fit(many, y), many, y)
    assert len(used) == 10


def test_permutations_follow_the_seed(fitted, X, y):
    first, second = (
        conditional_utilisation(fitted, X, y, method="permutation", random_state=1)
        for _ in range(2)
    )
    assert first == second
    assert first != conditional_utilisation(fitted, X, y, method="permutation", random_state=2)


def test_a_score_that_is_not_positive_has_no_shares(fitted, X, y):
    with pytest.raises(ValueError, match=r"share of the score.*which is -0\.\d+"):
        conditional_utilisation(fitted, X, y, scoring="neg_log_loss")
