import numpy as np
import pytest
from scipy.stats import ttest_rel

from skbetafd.diagnosis._folds import paired_p_value, sign_p_value
from skbetafd.fitting.splits import inner_split, stratified_splits


def test_without_overlap_of_training_parts_the_test_is_the_plain_paired_one():
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.1, 1, 12), rng.normal(0, 1, 12)
    plain = ttest_rel(one, other, alternative="greater").pvalue
    assert paired_p_value(one - other, 0.0) == pytest.approx(plain)
    t = 2 / np.sqrt(1 / 3 + 1 / 4)  # of 1, 2, 3; Student's law with 2 degrees is in closed form
    by_hand = (1 - t / np.sqrt(t**2 + 2)) / 2
    assert paired_p_value(np.array([1.0, 2.0, 3.0]), 0.25) == pytest.approx(by_hand)


def test_the_correction_makes_the_test_careful():
    differences = np.array([0.01, 0.02, 0.0, 0.015, 0.005])
    assert paired_p_value(differences, 0.25) > paired_p_value(differences, 0.0)


def test_equal_differences_are_no_division_by_zero():
    assert paired_p_value(np.zeros(4), 0.25) == 1
    assert paired_p_value(np.full(4, 0.5), 0.25) == 0


def test_the_sign_test_counts_the_rows_that_are_won_and_lost():
    assert sign_p_value(np.array([1, 1, 2, 0, 0])) == pytest.approx(1 / 8)
    assert sign_p_value(np.array([3, -1, 0])) == pytest.approx(3 / 4)
    assert sign_p_value(np.array([-1, -1, 0])) == 1
    assert sign_p_value(np.zeros(5)) == 1


def test_folds_are_stratified_shuffled_and_keep_a_rare_class_without_a_warning():
    y = np.array([0] * 20 + [1] * 20 + [2])
    splits = stratified_splits(4, y, None, 0)
    assert all(np.bincount(y[test])[:2].tolist() == [5, 5] for _, test in splits)
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(41))
    again, other = (stratified_splits(4, y, None, seed)[0][1].tolist() for seed in (0, 1))
    assert splits[0][1].tolist() == again != other


def test_groups_that_leave_a_fold_empty_are_refused():
    groups = [0] * 97 + [1, 2, 3]
    y = np.arange(100) % 2
    splits = stratified_splits(2, y, groups, 0)
    assert all(len(train) and len(test) for train, test in splits)
    with pytest.raises(ValueError, match="n_splits=5 greater than the number of groups: 4"):
        stratified_splits(5, y, groups, 0)


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        ([None] + ["x"] * 99, ValueError, "groups .*missing.* row 0"),
        ([1.0] * 99 + [np.nan], ValueError, "groups .*missing.* row 99"),
        (np.array(["x"] * 99 + [3], dtype=object), TypeError, "groups .*one kind.* row 99"),
        (np.ones((100, 2)), ValueError, r"groups .*\(100, 2\)"),
        ([1, 2, 3], ValueError, "groups has 3 entries for 100 rows"),
    ],
)
def test_groups_that_are_none_are_refused(groups, error, message):
    with pytest.raises(error, match=message):
        stratified_splits(2, np.arange(100) % 2, groups, 0)


def test_a_rare_class_leaves_the_inner_split_its_share_and_is_trained_on():
    y = np.array([0] * 60 + [1] * 58 + [2] * 2)
    fit, held = inner_split(y, None, 0.2, 0, "no split")
    assert len(held) == 24 and 2 in y[fit]
    assert sorted([*fit, *held]) == list(range(120))


def test_groups_of_one_class_do_not_take_it_out_of_the_training():
    y = np.arange(90) % 3
    groups = np.where(y == 2, 3, np.arange(90) // 3 % 3)
    for seed in range(5):
        fit, held = inner_split(y, groups, 0.2, seed, "no split")
        assert 2 in y[fit] and len(held)
        assert not set(groups[fit]) & set(groups[held])


@pytest.mark.parametrize(
    ("y", "groups", "message"),
    [
        ([0, 0, 0, 1], None, "class 'rain' has 1; no split"),
        ([0, 0, 1, 1], [3, 3, 3, 3], "two groups, got 1; no split"),
        ([0, 0, 1, 1], [0, 0, 1, 1], "every class; no split"),
    ],
)
def test_what_can_t_be_held_out_is_told(y, groups, message):
    groups = None if groups is None else np.array(groups)
    with pytest.raises(ValueError, match=message):
        inner_split(np.array(y), groups, 0.2, 0, "no split", np.array(["bird", "rain"]))
