"""What is computed from scores: mean ranks, Nemenyi's critical difference, a corrected t-test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from skbetafd.diagnosis._folds import paired_p_value

BEST = "best possible"
KEY = ["set", "seed"]


def complete_predictors(rows: pd.DataFrame) -> list[str]:
    """List the predictors that have a score on every set and seed, without the best possible."""
    n = len(rows[KEY].drop_duplicates())
    counts = rows.groupby("predictor", sort=False).size()
    return [p for p, count in counts.items() if count == n and p != BEST]


def wide(rows: pd.DataFrame, value: str, predictors: Sequence[str]) -> pd.DataFrame:
    """Give one row a set, the mean over seeds, one column a predictor."""
    return rows.pivot_table(value, "set", "predictor", sort=False)[list(predictors)]


def mean_ranks(rows: pd.DataFrame, predictors: Sequence[str]) -> pd.DataFrame | None:
    """Mean rank over sets by accuracy and by log-loss."""
    if len(predictors) < 3:
        return None
    accuracy = wide(rows, "accuracy", predictors).rank(axis=1, ascending=False).mean()
    return pd.DataFrame({"accuracy": accuracy, "log_loss": _loss_ranks(rows, predictors).mean()})


def _loss_ranks(rows: pd.DataFrame, predictors: Sequence[str]) -> pd.DataFrame:
    return wide(rows, "log_loss", predictors).rank(axis=1)


def critical_difference(n_sets: int, n_predictors: int, alpha: float = 0.05) -> float:
    """Difference of mean ranks that Nemenyi's test takes as significant."""
    q = stats.studentized_range.ppf(1 - alpha, n_predictors, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_predictors * (n_predictors + 1) / (6 * n_sets)))


def corrected_t_test(differences: np.ndarray, n_train: int, n_test: int) -> float:
    """Two-sided p of a mean difference over random splits that share training rows.

    The variance is multiplied by 1/J + n_test/n_train (Nadeau & Bengio, Machine Learning 2003).
    """
    if len(differences) < 2:
        return float("nan")
    tails = [paired_p_value(sign * differences, n_test / n_train) for sign in (1, -1)]
    return min(1.0, 2 * min(tails))
