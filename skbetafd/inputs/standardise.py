"""Means and scales of columns, by which what is only rounding is not magnified."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sklearn.preprocessing import StandardScaler

FEW_ROUNDINGS = 4
"""Machine epsilons, as a share of the mean, that a few operations add to a constant."""


class FittedScaler(StandardScaler):
    """A StandardScaler that knows which columns are constant.

    Attributes
    ----------
    constant_ : ndarray of shape (n_features,), bool
        Columns that vary by no more than rounding; their scale is at least 1, so that a column
        that varies elsewhere is not worth thousands of its standard deviations there.
    rounding_ : ndarray of shape (n_features,)
        The standard deviation, as a share of the mean, that counts as rounding.
    single_ : ndarray of shape (n_features,), bool
        Columns all of whose values float32 has.
    """

    constant_: np.ndarray
    rounding_: np.ndarray
    single_: np.ndarray


def fitted_scaler(
    parts: Iterable[tuple[np.ndarray, np.ndarray]], eps: float | np.ndarray = 0.0
) -> FittedScaler:
    """Fit means and scales to weighted rows, a part of them at a time.

    Float64 may hold what was rounded to float32 before: where all of a column's values have that
    precision, it counts.

    Parameters
    ----------
    parts : iterable of pairs of ndarrays of shapes (n, n_features) and (n,)
        Float rows, NaN where a value is missing, and their weights.
    eps : float or ndarray of shape (n_features,), default=0.0
        Machine epsilon of the floats that the rows came as, where it is known.

    References
    ----------
    Chan, Golub & LeVeque, Algorithms for Computing the Sample Variance, The American Statistician
    1983: what summation makes of a constant, the bound that StandardScaler has.
    """
    scaler, n_rows = FittedScaler().set_output(transform="default"), 0
    single: bool | np.ndarray = True
    for rows, weight in parts:
        with np.errstate(invalid="ignore"):  # the root of a variance that rounding made negative
            scaler.partial_fit(rows, sample_weight=weight)
        with np.errstate(over="ignore", invalid="ignore"):
            single = single & ~(np.abs(rows.astype(np.float32, copy=False) - rows) > 0).any(axis=0)
        n_rows += len(rows)
    own, exact = np.finfo(np.float32).eps, np.finfo(np.float64).eps
    mean, variance = np.abs(scaler.mean_), scaler.var_
    scaler.single_ = np.broadcast_to(single, mean.shape)
    scaler.rounding_ = FEW_ROUNDINGS * np.maximum(np.where(single, own, 0.0), eps)
    summed = n_rows * exact * variance + (n_rows * exact * mean) ** 2
    scaler.constant_ = variance <= np.maximum(summed, (scaler.rounding_ * mean) ** 2)
    scaler.scale_ = np.where(scaler.constant_, np.maximum(scaler.scale_, 1.0), scaler.scale_)
    return scaler
