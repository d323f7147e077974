"""Labels and weights, as `fit` reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from ._one_label import check_one_label_a_row
from ._sklearn_compat import check_sample_weight

LEAST_SHARE = 1e-8
"""Below this share of the largest, a positive weight is lost in float32's rounding."""


def read_targets(
    estimator: Any, X: Any, y: Any, sample_weight: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Turn labels into class indices, and check the weights; sets ``classes_``.

    Parameters
    ----------
    estimator : estimator
        The one whose fit this is.
    X : MultiModalArray
        The rows that the labels belong to.
    y : array-like of shape (n_samples,)
        Labels.
    sample_weight : array-like of shape (n_samples,) or None
        Non-negative weights; None means all 1.

    Returns
    -------
    tuple of two ndarrays of shape (n_samples,)
        Class indices, and weights as shares of the largest.

    Raises
    ------
    ValueError
        If `y` is missing, of another length, not finite or no class labels, has several labels a
        row or one class in the rows of positive weight, or a weight is negative.
    TypeError
        If `y` is sparse.
    """
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    check_one_label_a_row(y)
    with _blaming("y"):
        y = column_or_1d(y, warn=True)
        check_consistent_length(next(iter(X.values())), y)
        assert_all_finite(y, input_name="y", estimator_name=name)
        check_classification_targets(y)
        encoder = LabelEncoder().fit(y)
    with _blaming("sample_weight"):
        sample_weight = check_sample_weight(
            sample_weight, np.empty((len(y), 0)), dtype=np.float64, ensure_non_negative=True
        )
    _check_range(sample_weight)
    sample_weight = sample_weight / sample_weight.max()
    seen = np.unique(y[sample_weight > 0])
    if len(seen) < 2:
        raise ValueError(
            f"y has one class, {seen.tolist()[0]!r}, in the rows of positive weight; "
            f"{name} needs at least 2 classes."
        )
    estimator.classes_ = encoder.classes_
    return encoder.transform(y), sample_weight


def read_groups(groups: Any, n_rows: int) -> np.ndarray:
    """Give the groups of rows as numbers from 0, shape (n_rows,)."""
    with _blaming("groups"):
        groups = column_or_1d(groups, input_name="groups")
        numbers = np.unique(groups, return_inverse=True)[1]
    if len(groups) != n_rows:
        raise ValueError(f"groups has {len(groups)} entries for {n_rows} rows")
    return numbers


def _check_range(sample_weight: np.ndarray) -> None:
    least, most = sample_weight[sample_weight > 0].min(), sample_weight.max()
    if least / most < LEAST_SHARE:
        raise ValueError(
            f"sample_weight ranges from {least:.3g} to {most:.3g}: the small ones vanish beside "
            "the large"
        )


@contextmanager
def _blaming(culprit: str) -> Iterator[None]:
    """Put the argument's name before a message that lacks it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if culprit in re.findall(r"\w+", str(error)):
            raise
        raise type(error)(f"{culprit}: {error}") from error
