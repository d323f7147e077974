"""Stratified folds for the diagnostics, and the test that compares two methods over them."""

from __future__ import annotations

from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import binomtest
from scipy.stats import t as student
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv

from .._utils.messages import without_warnings
from .._utils.sklearn_compat import SCARCE
from ..inputs.labels import read_groups

Split = tuple[np.ndarray, np.ndarray]


class Fold(NamedTuple):
    """A split with what identifies it."""

    train: np.ndarray
    test: np.ndarray
    seed: int
    """Of every network that is trained on it: methods differ in nothing else."""
    name: str


def stratified_splits(
    cv: Any, y: np.ndarray, groups: Any, random_state: int | np.random.RandomState | None
) -> list[Split]:
    """Cut rows into folds.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        An int asks for so many shuffled stratified folds, which keep groups together.
    y : ndarray of shape (n_samples,)
        Labels.
    groups : array-like of shape (n_samples,) or None
        Rows of one group stay on one side.
    random_state : int, RandomState or None
        Of the shuffling.

    Raises
    ------
    ValueError
        If there are too few rows, rows of any class, or groups for the folds.
    """
    if groups is not None:
        groups = read_groups(groups, len(y))
    if not isinstance(cv, Integral):
        splits = list(check_cv(cv, y, classifier=True).split(y, y, groups))
        if not splits:
            raise ValueError(f"cv={cv!r} gives no split")
        return splits
    _check_enough(int(cv), y, groups)
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    splitter = kind(int(cv), shuffle=True, random_state=random_state)
    with without_warnings(UserWarning, SCARCE):
        splits = list(splitter.split(y, y, groups))
    if not all(len(test) and len(train) for train, test in splits):
        raise ValueError(f"groups are too uneven for cv={cv} folds: one of them would be empty")
    return splits


def _check_enough(cv: int, y: np.ndarray, groups: np.ndarray | None) -> None:
    labels, counts = np.unique(y, return_counts=True)
    if counts.max() < cv:
        raise ValueError(
            f"cv={cv} folds need a class with {cv} rows, but the largest, "
            f"{labels.tolist()[counts.argmax()]!r}, has {counts.max()}"
        )
    if groups is not None and len(np.unique(groups)) < cv:
        raise ValueError(f"cv={cv} folds need {cv} groups, got {len(np.unique(groups))}")


def rows_of(groups: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """Give the groups of some rows, if there are groups."""
    return None if groups is None else groups[rows]


def paired_p_value(differences: np.ndarray, test_to_train: float) -> float:
    r"""One-sided p-value of a mean difference > 0 over the folds of repeated cross-validation.

    .. math:: t = \bar d \,\Big/ \sqrt{\left(\tfrac1k + \tfrac{n_{test}}{n_{train}}\right) s_d^2}

    with k − 1 degrees of freedom: training parts overlap, and the plain paired test takes their
    differences for independent (Nadeau and Bengio, Inference for the Generalization Error,
    Machine Learning 52, 2003).

    Parameters
    ----------
    differences : ndarray of shape (k,)
        Score of the one minus score of the other method, a fold each.
    test_to_train : float
        n_test / n_train.
    """
    k, mean, variance = len(differences), differences.mean(), differences.var(ddof=1)
    if variance == 0:
        return 0.0 if mean > 0 else 1.0
    return float(student.sf(mean / np.sqrt((1 / k + test_to_train) * variance), k - 1))


def sign_p_value(net: np.ndarray) -> float:
    """One-sided p-value of the sign test: that more rows are won than lost.

    With one repetition of the folds it is McNemar's exact test (Dietterich, Approximate Statistical
    Tests for Comparing Supervised Classification Learning Algorithms, Neural Computation 10, 1998).

    Parameters
    ----------
    net : ndarray of shape (n_samples,)
        How often the one method alone is right in a row, minus how often the other alone is.
    """
    won, lost = int((net > 0).sum()), int((net < 0).sum())
    if won + lost == 0:
        return 1.0
    return float(binomtest(won, won + lost, alternative="greater").pvalue)
