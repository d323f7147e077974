import numpy as np
import pytest

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd._scaling import channels, fitted_scaler


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3,), [0, 1, 2]),
        ((2, 2), [0, 0, 0, 0]),
        ((3, 2), [0, 1, 0, 1, 0, 1]),
        ((2, 1, 3), [0, 0, 0, 1, 1, 1]),
        ((2, 1, 2, 2), [0, 0, 0, 0, 1, 1, 1, 1]),
    ],
)
def test_features_of_a_channel_are_told_by_the_shape_of_a_row(shape, expected):
    assert channels(shape).tolist() == expected


def test_columns_of_a_table_have_scales_of_their_own(rng):
    table = rng.normal(5, [1, 10, 0.1], size=(500, 3))
    scaled = fitted_scaler(table, np.ones(500), (3,)).transform(table)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(0), 1)


def test_the_pixels_of_a_channel_share_a_scale_that_makes_their_mean_variance_1(rng):
    pictures = rng.normal(3, 1, size=(400, 2, 4, 4)) * np.array([1, 20])[:, None, None]
    pictures[:, 0, 0] *= 1e-3
    flat = pictures.reshape(400, -1)
    scaled = fitted_scaler(flat, np.ones(400), (2, 4, 4)).transform(flat).reshape(pictures.shape)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.var(0).mean((1, 2)), 1)
    assert scaled[:, 0, 0].std() < 0.01


def test_a_dark_channel_and_rows_without_the_modality_leave_the_others_in_peace(rng):
    pictures = rng.normal(size=(50, 2, 3, 3))
    pictures[:, 0] = 7.0
    pictures[::5] = np.nan
    flat = pictures.reshape(50, -1)
    scaled = fitted_scaler(flat, np.ones(50), (2, 3, 3)).transform(flat).reshape(pictures.shape)
    present = np.delete(scaled, np.s_[::5], axis=0)
    np.testing.assert_allclose(present[:, 0], 0, atol=1e-9)
    np.testing.assert_allclose(present[:, 1].var(axis=0).mean(), 1)


def test_a_pixel_that_lights_up_after_training_does_not_decide_alone(rng):
    y = np.arange(200) % 2
    pictures = rng.normal(size=(200, 6, 6)) + 2 * y[:, None, None]
    pictures[:, 0, 0] = 1e-4 * rng.normal(size=200)
    other = rng.normal(size=(200, 3))
    clf = FrontDoorMultiModalClassifier(max_epochs=5, predominant=0, random_state=0)
    clf.fit([pictures, other], y)
    lit = pictures.copy()
    lit[:, 0, 0] = 1.0
    np.testing.assert_allclose(
        clf.predict_proba([lit, other]), clf.predict_proba([pictures, other]), atol=0.2
    )
