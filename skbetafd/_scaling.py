"""Standardisation of modalities, without a temporary of the data's size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

ROWS_AT_ONCE = 2**16
"""Rows that are scaled or encoded at once."""


def fitted_scalers(
    arrays: Iterable[np.ndarray],
    weight: np.ndarray,
    shapes: Iterable[tuple[int, ...]],
    *,
    standardize: bool,
) -> list[StandardScaler | None]:
    """Fit one scaler a modality, see `fitted_scaler`; None each without `standardize`."""
    return [
        fitted_scaler(array, weight, shape) if standardize else None
        for array, shape in zip(arrays, shapes, strict=True)
    ]


def fitted_scaler(array: np.ndarray, weight: np.ndarray, shape: tuple[int, ...]) -> StandardScaler:
    """Fit means of the features and, where a modality has channels, one scale for each channel.

    A pixel that is dark in nearly all training rows would otherwise be worth hundreds of its
    standard deviations where it is not, and drown the rest of an image: on the raw pictures of
    av_mnist such values are .94 of the sum of squares of new rows.

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
    for rows in _chunks(len(array)):
        scaler.partial_fit(array[rows], sample_weight=weight[rows])
    if len(shape) > 1:
        channel = channels(shape)
        scale = np.sqrt(np.bincount(channel, scaler.var_) / np.bincount(channel))
        scaler.scale_ = np.where(scale > 0, scale, 1.0)[channel]
    return scaler


def channels(shape: tuple[int, ...]) -> np.ndarray:
    """Give the channel of each feature of rows of a shape, in the order in which they flatten.

    A square (H, W) is one channel, a sequence (L, C) has those of its steps, and (C, H, W) or more
    axes have them first; in a table (C,) each column is its own.
    """
    if len(shape) == 2 and shape[0] == shape[1]:
        return np.zeros(shape, dtype=int).ravel()
    axis = 0 if len(shape) > 2 else len(shape) - 1
    return np.indices(shape)[axis].ravel()


def standardised_tensors(
    arrays: Sequence[np.ndarray],
    scalers: Sequence[StandardScaler | None],
    device: torch.device,
    dtype: torch.dtype,
) -> list[torch.Tensor]:
    """Scale each modality onto the device, some rows at a time; what is missing becomes 0."""
    out = []
    for array, scaler in zip(arrays, scalers, strict=True):
        tensor = torch.empty(array.shape, dtype=dtype, device=device)
        for rows in _chunks(len(array)):
            part = array[rows] if scaler is None else scaler.transform(array[rows])
            tensor[rows] = torch.tensor(part, dtype=dtype, device=device)
        out.append(tensor.nan_to_num_(0.0, torch.inf, -torch.inf))
    return out


def _chunks(n: int) -> list[slice]:
    return [slice(start, start + ROWS_AT_ONCE) for start in range(0, n, ROWS_AT_ONCE)]
