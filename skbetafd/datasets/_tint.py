"""Write a tint into a modality: columns of a table, or the colour of images."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from .._utils.sklearn_compat import is_dataframe
from ..inputs.multimodal_array import MultiModalArray


def tinted(X: MultiModalArray, name: str, code: np.ndarray) -> MultiModalArray:
    """Return `X` with the modality `name` showing `code` (n_samples, k), if k > 1."""
    if code.shape[1] == 1:
        return X
    return X._like({**dict(X.items()), name: _show(X[name], name, code)})


def _show(modality: Any, name: str, code: np.ndarray) -> Any:
    if is_dataframe(modality):
        return _append_columns(modality, name, code)
    if sparse.issparse(modality):
        return sparse.hstack([modality, code], format="csr")
    wanted = "biufO" if modality.ndim == 2 else "biuf"
    if modality.ndim > 4 or modality.dtype.kind not in wanted:
        raise TypeError(
            f"modality {name!r} of shape {modality.shape} and dtype {modality.dtype} can't be "
            "tinted: it must be a table or images (n, H, W) or (n, c, H, W) of numbers"
        )
    code = code.astype(np.result_type(modality.dtype, np.float32))
    return np.hstack([modality, code]) if modality.ndim == 2 else _coloured(modality, code)


def _append_columns(table: Any, name: str, code: np.ndarray) -> Any:
    if not hasattr(table, "assign"):
        raise TypeError(
            f"modality {name!r} is a {type(table).__module__} DataFrame: only pandas can be tinted"
        )
    table = table.rename(columns=str)
    tint = {f"tint{j}": column for j, column in enumerate(code.T)}
    for column in tint:
        if column in table.columns:
            raise ValueError(f"modality {name!r} already has a column {column!r}")
    return table.assign(**tint)


def _coloured(images: np.ndarray, code: np.ndarray) -> np.ndarray:
    grey = images if images.ndim == 3 else images.mean(axis=1)
    gain = np.exp(code - code.max(axis=1, keepdims=True))
    return (gain[:, :, None, None] * grey[:, None]).astype(code.dtype)
