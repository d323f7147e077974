"""The table of a search, in the shape of GridSearchCV's ``cv_results_``."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.stats import rankdata

from ._utils.messages import stack_level


def search_results(
    settings: list[dict[str, Any]], scores: np.ndarray, seconds: float
) -> dict[str, Any]:
    """Tabulate a score of every setting and fold.

    Parameters
    ----------
    settings : list of dict
        The candidates' parameters.
    scores : ndarray of shape (n_candidates, n_folds)
        The larger the better; NaN ranks last.
    seconds : float
        Time of a fit with its predictions.
    """
    table: dict[str, Any] = {
        "mean_fit_time": np.full(len(settings), seconds),
        "params": settings,
    }
    for name in sorted({name for setting in settings for name in setting}):
        mask = [name not in setting for setting in settings]
        column = np.ma.MaskedArray(np.empty(len(settings), dtype=object), mask=mask)
        for i, setting in enumerate(settings):
            if name in setting:
                column[i] = setting[name]
        table[f"param_{name}"] = column
    for fold, column in enumerate(scores.T):
        table[f"split{fold}_test_score"] = column
    mean = scores.mean(axis=1)
    table["mean_test_score"], table["std_test_score"] = mean, scores.std(axis=1)
    if not np.isfinite(mean).all():
        said = f"test scores are not finite: {mean.tolist()}"
        warnings.warn(said, UserWarning, stacklevel=stack_level())
    worst = 0.0 if np.isnan(mean).all() else np.nanmin(mean) - 1
    ranks = rankdata(-np.where(np.isnan(mean), worst, mean), method="min")
    table["rank_test_score"] = ranks.astype(np.int32)
    return table
