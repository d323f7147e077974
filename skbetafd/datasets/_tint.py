"""Write a tint into a modality: columns of a table, or the colour of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.messages import named
from ..inputs.modality import Modality
from ..inputs.multimodal_array import MultiModalArray


def tinted(X: MultiModalArray, name: str, code: np.ndarray) -> MultiModalArray:
    """Return `X` with the modality `name` showing `code` (n_samples, k), if k > 1."""
    if code.shape[1] == 1:
        return X
    return X._with_values({name: _show(X._faces[name], name, code)})


def _show(modality: Modality, name: str, code: np.ndarray) -> Any:
    if len(modality.shape) == 2 and (modality.column_names or modality.dtype.kind in "biufO"):
        with named(f"modality {name!r}"):
            return modality.appended({f"tint{j}": column for j, column in enumerate(code.T)})
    if len(modality.shape) not in (3, 4) or modality.dtype.kind not in "biuf":
        raise TypeError(
            f"modality {name!r} of shape {modality.shape} and dtype {modality.dtype} can't be "
            "tinted: it must be a table or images (n, H, W) or (n, c, H, W) of numbers"
        )
    code = code.astype(np.result_type(modality.dtype, np.float32))
    return _coloured(np.asarray(modality), code)


def _coloured(images: np.ndarray, code: np.ndarray) -> np.ndarray:
    grey = images if images.ndim == 3 else images.mean(axis=1)
    gain = np.exp(code - code.max(axis=1, keepdims=True))
    return (gain[:, :, None, None] * grey[:, None]).astype(code.dtype)
