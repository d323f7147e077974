"""Stratified folds for the diagnostics, and the test that compares two methods over them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest
from scipy.stats import t as student


class Fold(NamedTuple):
    """A split with what identifies it."""

    train: np.ndarray
    test: np.ndarray
    seed: int
    """Of every network that is trained on it: methods differ in nothing else."""
    name: str


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
