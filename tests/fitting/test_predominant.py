import numpy as np
import pytest

from skbetafd.fitting.predominant import PROBE_ROWS, probe_scores


def test_the_probe_ranks_the_more_telling_modality_first():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    means = rng.normal(size=(3, 4))
    strong, weak = rng.normal(means[y], 0.5), rng.normal(means[y], 5.0)
    scores = probe_scores([weak, strong], y, np.ones(300), seed=0)
    assert scores[1] > 0.8 > 0.6 > scores[0]


def test_the_probe_sees_a_label_that_two_features_make_together():
    rng = np.random.default_rng(0)
    exclusive_or = rng.choice([-1.0, 1.0], (400, 2))
    y = (exclusive_or.prod(axis=1) > 0).astype(int)
    noise = rng.normal(size=(400, 2))
    scores = probe_scores([exclusive_or, noise], y, np.ones(400), seed=0)
    assert scores[0] > 0.95
    assert scores[1] < 0.65


def test_many_rows_are_subsampled_and_equal_seeds_agree():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 2 * PROBE_ROWS)
    X = y[:, None] + rng.normal(size=(2 * PROBE_ROWS, 2))
    first, second = (probe_scores([X], y, np.ones(len(y)), seed=1) for _ in range(2))
    assert first == second
    assert first[0] != probe_scores([X], y, np.ones(len(y)), seed=2)[0]


@pytest.mark.parametrize("y", [[0, 1], [0, 0, 0, 0, 1], list(range(6)), [0, 1] * 2 + [2]])
def test_classes_with_few_rows_are_no_obstacle(y):
    y = np.array(y)
    scores = probe_scores([np.eye(len(y))], y, np.ones(len(y)), seed=0)
    assert 0 <= scores[0] <= 1


def test_a_rare_class_among_many_rows_is_no_obstacle():
    y = np.zeros(PROBE_ROWS + 10, dtype=int)
    y[0] = 1
    assert probe_scores([np.ones((len(y), 1))], y, np.ones(len(y)), seed=0)[0] > 0.99


@pytest.mark.parametrize("more", [1, 2, 3, 4])
def test_fewer_rows_to_leave_out_than_classes_are_no_obstacle(more):
    y = np.arange(PROBE_ROWS + more) % 3
    assert probe_scores([np.eye(3)[y]], y, np.ones(len(y)), seed=0)[0] > 0.99


def test_weights_change_the_probe():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 90)
    X = rng.normal(size=(90, 3)) + np.where(np.arange(90) < 45, y, -y)[:, None]
    weight = np.where(np.arange(90) < 45, 1.0, 1e-3)
    assert probe_scores([X], y, weight, seed=0) > probe_scores([X], y, np.ones(90), seed=0)
