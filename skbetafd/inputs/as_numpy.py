"""Arrays of other kinds, as NumPy's: the numbers of a tensor; a mask is never dropped."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy import sparse

FILL = "hand on .astype(float).filled(np.nan), where a row that is all NaN lacks the modality"
LEAVE_OUT = "leave those rows out of every argument"


def as_numpy(name: str, value: Any, remedy: str = LEAVE_OUT) -> Any:
    """Return a tensor as an array, without its gradient, and anything else as it is.

    Raises
    ------
    TypeError
        If NumPy has no such tensor: it is sparse, say, or of bfloat16.
    ValueError
        If it is a masked array with something masked, for which there is the `remedy`.
    """
    if isinstance(value, torch.Tensor):
        try:
            return value.detach().cpu().numpy()
        except (TypeError, RuntimeError) as error:
            raise TypeError(f"{name} is a tensor that is no NumPy array: {error}") from error
    if not isinstance(value, np.ma.MaskedArray):
        return value
    hidden = value.data[np.ma.getmaskarray(value)]
    masked = len(hidden)
    if masked and not (value.dtype.kind == "f" and np.isnan(hidden).all()):
        raise ValueError(
            f"{name} is a masked array with {masked} of {value.size} entries masked, which would "
            f"be read as if they were there: {remedy}"
        )
    return value.data


def as_dense(name: str, value: Any) -> Any:
    """Return what `as_numpy` does; TypeError if it is sparse."""
    if sparse.issparse(value):
        raise TypeError(
            f"{name} is a sparse matrix of shape {value.shape}; dense data is required, use "
            "toarray()"
        )
    return as_numpy(name, value)
