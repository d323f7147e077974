import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.fitting.scaling import ModalityScaler, channels
from skbetafd.inputs.modality import face
from skbetafd.nn.encoders import Encoding


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def fitted(rows, shape, weight=None):
    weight = np.ones(len(rows)) if weight is None else weight
    return ModalityScaler.fit(face(rows), weight, Encoding("mlp", shape), standardize=True)


def standardised(rows):
    flat = rows.reshape(len(rows), -1)
    return fitted(flat, rows.shape[1:]).transform(flat).reshape(rows.shape)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((3,), [0, 1, 2]),
        ((2, 2), [0, 0, 0, 0]),
        ((3, 2), [0, 1, 0, 1, 0, 1]),
        ((2, 1, 3), [0, 0, 0, 0, 0, 0]),
        ((2, 1, 2, 2), [0, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_features_of_a_channel_are_told_by_the_shape_of_a_row(shape, expected):
    assert channels(shape).tolist() == expected


def test_columns_of_a_table_have_scales_of_their_own(rng):
    table = rng.normal(5, [1, 10, 0.1], size=(500, 3))
    scaled = standardised(table)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.std(0), 1)


def test_the_steps_of_a_channel_share_a_scale_that_makes_their_mean_variance_1(rng):
    sequences = rng.normal(3, 1, size=(400, 16, 2)) * np.array([1, 20])
    sequences[:, :4, 0] *= 1e-3
    scaled = standardised(sequences)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.var(0).mean(0), 1)
    assert scaled[:, :4, 0].std() < 0.01


def test_the_colours_of_a_picture_stay_in_proportion(rng):
    pictures = rng.normal(3, 1, size=(400, 2, 4, 4)) * np.array([1, 20])[:, None, None]
    scaled = standardised(pictures)
    np.testing.assert_allclose(scaled.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(scaled.var(0).mean(), 1)
    ratio = scaled.std(0) / pictures.std(0)
    np.testing.assert_allclose(ratio, ratio[0, 0, 0])


def test_a_dark_channel_and_rows_without_the_modality_leave_the_others_in_peace(rng):
    sequences = rng.normal(size=(50, 9, 2))
    sequences[:, :, 0] = 7.0
    sequences[::5] = np.nan
    scaled = standardised(sequences)
    present = np.delete(scaled, np.s_[::5], axis=0)
    np.testing.assert_allclose(present[:, :, 0], 0, atol=1e-9)
    np.testing.assert_allclose(present[:, :, 1].var(axis=0).mean(), 1)


def scaled_tensor(flat, weight, shape):
    return fitted(flat, shape, weight).tensor(face(flat), "cpu", torch.float64).numpy()


def test_a_picture_is_read_through_its_principal_components(rng):
    few = rng.normal(size=(300, 5)) @ rng.normal(size=(5, 100))
    components = scaled_tensor(few, np.ones(300), (10, 10))
    assert components.shape == (300, 32)
    np.testing.assert_allclose(components[:, 5:], 0, atol=1e-6)
    ratio = pdist(components) / pdist(few)  # no more than five directions: nothing is lost
    np.testing.assert_allclose(ratio, ratio[0])


def test_components_are_uncorrelated_and_of_mean_variance_1(rng):
    pictures = rng.normal(size=(500, 100)) @ rng.normal(size=(100, 100))
    covariance = np.cov(scaled_tensor(pictures, np.ones(500), (10, 10)).T, ddof=0)
    np.testing.assert_allclose(covariance, np.diag(covariance.diagonal()), atol=1e-9)
    assert covariance.diagonal().mean() == pytest.approx(1)


def test_a_weight_stands_for_repeated_rows_among_the_components(rng):
    pictures = rng.normal(size=(60, 49))
    weight = np.where(np.arange(60) < 20, 2.0, 1.0)
    weighted = scaled_tensor(pictures, weight, (7, 7))
    repeated = scaled_tensor(np.repeat(pictures, weight.astype(int), axis=0), np.ones(80), (7, 7))
    np.testing.assert_allclose(pdist(weighted[:20]), pdist(repeated[:40:2]))


def test_rows_without_a_picture_lie_in_its_middle_and_count_nowhere(rng):
    pictures = rng.normal(size=(90, 49))
    lacking = np.insert(pictures, [0, 50], np.nan, axis=0)
    scaled = scaled_tensor(lacking, np.ones(92), (7, 7))
    assert not scaled[[0, 51]].any()
    expected = scaled_tensor(pictures, np.ones(90), (7, 7))
    np.testing.assert_allclose(np.delete(scaled, [0, 51], axis=0), expected, atol=1e-9)


@pytest.mark.parametrize("n", [1, 2, 20])
def test_components_of_few_or_equal_pictures_are_filled_up_with_zeros(rng, n):
    pictures = rng.normal(size=(n, 49))
    assert scaled_tensor(pictures, np.ones(n), (7, 7)).shape == (n, 32)
    assert not scaled_tensor(np.ones((n, 49)), np.ones(n), (7, 7)).any()


@pytest.mark.parametrize("shape", [(8, 8), (3, 2)])
@pytest.mark.parametrize("factor", [1.0, 1e6, 1e-200])
def test_a_constant_up_to_rounding_stays_small_where_it_changes(rng, shape, factor):
    for _ in range(20):
        constant = np.tile(factor * rng.random(shape).ravel(), (80, 1))
        scaler = fitted(constant, shape, rng.random(80) * 3)
        moved = scaler.transform(constant * (1 + 1e-9))
        assert np.abs(moved).max() <= 1e-8 * factor


@pytest.mark.parametrize("shape", [(8, 8), (3, 8, 8), (3, 2), (5,)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_rounding_makes_of_a_constant_is_not_magnified(rng, shape, dtype):
    eps = np.finfo(dtype).eps
    constant = (1 + rng.random()) * (1 + eps * rng.normal(size=(80, *shape)))
    rows = face(constant.reshape(80, -1).astype(dtype)).floats()
    scaler = ModalityScaler.fit(rows, np.ones(80), Encoding("mlp", shape), standardize=True)
    assert np.abs(scaler.transform(np.asarray(rows) + 0.1)).max() <= 0.1 + 20 * eps


def test_components_are_those_of_all_phases_of_many_rows(rng):
    pictures = rng.normal(size=(20_000, 36))
    pictures[::2] = 0.0
    scaled = fitted(pictures, (6, 6)).transform(pictures)
    assert scaled.var(axis=0).mean() == pytest.approx(1, rel=0.05)


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
