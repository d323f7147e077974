"""Standardisation of modalities, without a temporary of the data's size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import StandardScaler

from ._presence import present_rows

ROWS_AT_ONCE = 2**16
"""Rows that are scaled or encoded at once."""

N_COMPONENTS = 32
"""Principal components through which images and sequences are read.

The encoders are fully connected and learn pixels by heart, those of the tint with them. On the raw
images of av_mnist and fashion_mnist (seeds 50 and 51, label_weight 1), accuracy / log-loss at β = 1
under a randomised tint are .56 / 1.12 and .45 / 1.58 without, .57 / 1.07 and .47 / 1.48 with 64
components, .58 / 1.06 and .47 / 1.42 with 32.
"""

COMPONENT_ROWS = 10_000
"""Of more training rows, so many drawn at random count for the components."""


@dataclass(frozen=True)
class ComponentScaler:
    """Standardisation of a modality's pixels, and its principal components, as one map."""

    pixels: StandardScaler
    components: np.ndarray
    """Of shape (n_components, width), such that the mean variance of the components is 1."""

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return the components of flattened rows, (n_samples, n_components)."""
        with np.errstate(over="ignore", invalid="ignore"):  # refused with its row further on
            return self.pixels.transform(rows) @ self.components.T


Scaler: TypeAlias = StandardScaler | ComponentScaler


def fitted_scalers(
    arrays: Iterable[np.ndarray],
    weight: np.ndarray,
    shapes: Iterable[tuple[int, ...]],
    *,
    standardize: bool,
) -> list[Scaler | None]:
    """Fit one scaler a modality, see `fitted_scaler`; None each without `standardize`."""
    return [
        fitted_scaler(array, weight, shape) if standardize else None
        for array, shape in zip(arrays, shapes, strict=True)
    ]


def fitted_scaler(array: np.ndarray, weight: np.ndarray, shape: tuple[int, ...]) -> Scaler:
    """Fit means of the features and, where a modality has channels, one scale for each channel.

    A pixel that is dark in nearly all training rows would otherwise be worth hundreds of its
    standard deviations where it is not, and drown the rest of an image: on the raw pictures of
    av_mnist such values are .94 of the sum of squares of new rows. Where a row has more than 32
    values in channels, its principal components are read.

    Parameters
    ----------
    array : ndarray of shape (n_samples, width)
        Flattened rows; one that lacks the modality is all NaN, and counts nowhere.
    weight : ndarray of shape (n_samples,)
        Row weights.
    shape : tuple of int
        Shape of one row before it was flattened; see `channels`.
    """
    scaler = StandardScaler().set_output(transform="default")
    with np.errstate(invalid="ignore"):  # the root of a variance that rounding made negative
        for rows in _chunks(len(array)):
            scaler.partial_fit(array[rows], sample_weight=weight[rows])
    if len(shape) > 1:
        channel = channels(shape)
        constant = _constant(scaler, len(array))
        variance = np.where(constant, 0.0, scaler.var_)
        scale = np.sqrt(np.bincount(channel, variance) / np.bincount(channel))
        scaler.scale_ = np.where(scale > 0, scale, 1.0)[channel]
        if len(channel) > N_COMPONENTS:
            return ComponentScaler(scaler, principal_components(scaler, array, weight, constant))
    return scaler


def _constant(scaler: StandardScaler, n_rows: int) -> np.ndarray:
    """Tell the features whose variance is no more than rounding makes of a constant.

    Chan, Golub & LeVeque, Algorithms for Computing the Sample Variance, The American Statistician
    1983: the bound that StandardScaler has for tables.
    """
    eps = np.finfo(np.float64).eps
    bound = n_rows * eps * scaler.var_ + (n_rows * scaler.mean_ * eps) ** 2
    return scaler.var_ <= bound


def principal_components(
    scaler: StandardScaler, array: np.ndarray, weight: np.ndarray, constant: np.ndarray
) -> np.ndarray:
    """Fit the components of weighted, standardised rows; zeros where there are not enough."""
    some = np.flatnonzero(present_rows(array))
    if len(some) > COMPONENT_ROWS:
        some = np.sort(np.random.default_rng(0).choice(some, COMPONENT_ROWS, replace=False))
    rows = scaler.transform(array[some]).astype(np.float64) * np.sqrt(weight[some])[:, None]
    rows[:, constant] = 0.0
    n_components = min(N_COMPONENTS, *(size - 1 for size in rows.shape))
    components = np.zeros((N_COMPONENTS, array.shape[1]))
    if n_components and rows.any():
        svd = TruncatedSVD(n_components, algorithm="arpack", random_state=0)
        svd.set_output(transform="default").fit(rows)
        variance = svd.singular_values_**2 / weight[some].sum()
        components[:n_components] = svd.components_ / np.sqrt(variance.mean())
    return components


def channels(shape: tuple[int, ...]) -> np.ndarray:
    """Give the channel of each feature of rows of a shape, in the order in which they flatten.

    A picture, a square (H, W) or one of more axes, is one channel: its colours stay in proportion.
    A sequence (L, C) has those of its steps; in a table (C,) each column is its own.
    """
    if len(shape) > 2 or (len(shape) == 2 and shape[0] == shape[1]):
        return np.zeros(shape, dtype=int).ravel()
    return np.indices(shape)[-1].ravel()


def standardised_tensors(
    arrays: Sequence[np.ndarray],
    scalers: Sequence[Scaler | None],
    device: torch.device,
    dtype: torch.dtype,
) -> list[torch.Tensor]:
    """Scale each modality onto the device, some rows at a time; what is missing becomes 0."""
    out = []
    for array, scaler in zip(arrays, scalers, strict=True):
        width = array.shape[1]
        if isinstance(scaler, ComponentScaler):
            width = len(scaler.components)
        tensor = torch.empty((len(array), width), dtype=dtype, device=device)
        for rows in _chunks(len(array)):
            part = array[rows] if scaler is None else scaler.transform(array[rows])
            tensor[rows] = torch.tensor(part, dtype=dtype, device=device)
        out.append(tensor.nan_to_num_(0.0, torch.inf, -torch.inf))
    return out


def _chunks(n: int) -> list[slice]:
    return [slice(start, start + ROWS_AT_ONCE) for start in range(0, n, ROWS_AT_ONCE)]
