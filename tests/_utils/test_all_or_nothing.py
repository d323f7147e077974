"""A refused call leaves the caller's generator where it was."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.baselines import FusionClassifier

SMALL = {"max_epochs": 1, "hidden_dim": 8}
REFUSED = {
    "classifier": FrontDoorMultiModalClassifier(**SMALL, predominant="nope"),
    "search": FrontDoorMultiModalClassifierCV(**SMALL, predominant="nope", cv=2),
    "baseline": FusionClassifier(**SMALL, callbacks=[print]),
}


@pytest.mark.parametrize("estimator", REFUSED.values(), ids=REFUSED)
def test_a_refused_fit_draws_nothing(estimator, X, y):
    generator = np.random.RandomState(0)
    estimator.set_params(random_state=generator)
    with pytest.raises((TypeError, ValueError)):
        estimator.fit(X, y)
    assert_array_equal(generator.random_sample(3), np.random.RandomState(0).random_sample(3))


def test_a_refused_part_of_a_stream_draws_nothing(X, y):
    generator = np.random.RandomState(0)
    clf = FrontDoorMultiModalClassifier(**SMALL, random_state=generator)
    with pytest.raises(ValueError, match="scale sample_weight"):
        clf.partial_fit(X, y, classes=np.unique(y), sample_weight=1e301)
    assert_array_equal(generator.random_sample(3), np.random.RandomState(0).random_sample(3))
    clf.partial_fit(X, y, classes=np.unique(y))
    assert generator.random_sample() != np.random.RandomState(0).random_sample()


def test_a_generator_of_another_kind_is_left_alone_without_a_warning(X, y):
    generator = np.random.RandomState(np.random.PCG64(3))
    before = generator.get_state(legacy=False)
    with pytest.raises(ValueError, match="predominant"):
        FrontDoorMultiModalClassifier(**SMALL, predominant="nope", random_state=generator).fit(X, y)
    assert generator.get_state(legacy=False) == before
