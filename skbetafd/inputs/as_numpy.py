"""Arrays of other kinds, as NumPy's, in which text, numbers and missing cells stay apart."""

from __future__ import annotations

from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from scipy import sparse

from .missing import is_null, nulls

FILL = "hand on .astype(float).filled(np.nan), where a row that is all NaN lacks the modality"
LEAVE_OUT = "leave those rows out of every argument"


def as_numpy(name: str, value: Any, remedy: str = LEAVE_OUT) -> Any:
    """Return a tensor as an array, what pyarrow has as pandas', and anything else as it is.

    Raises
    ------
    TypeError
        If it is not computed, as a polars LazyFrame or a Dask DataFrame, or NumPy has no such
        tensor: it is sparse, say, or of bfloat16.
    ValueError
        If it is a masked array with something masked, for which there is the `remedy`.
    """
    if type(value).__module__.startswith("pyarrow.") and hasattr(value, "to_pandas"):
        return value.to_pandas()
    for kind, method in (("LazyFrame", "collect"), ("DataFrame", "compute")):
        if type(value).__name__ == kind and hasattr(type(value), method):
            raise TypeError(f"{name} is a {kind} that is not computed: pass its .{method}()")
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


def as_array(value: Any) -> np.ndarray:
    """Return an array whose cells are what those of a list, a column or a frame are.

    Where NumPy would spell what stands beside strings in a list ("nan", "1"), or round integers
    that int64 does not hold, it is an array of objects.
    """
    array = np.asarray(value)
    if array.dtype.kind == "T":
        return array.astype(object)
    if not isinstance(value, (list, tuple)):
        return array
    if array.dtype.kind == "f":
        integers = all(isinstance(cell, Integral) for cell in value)
        changed = integers and max(value, default=0) >= 2**63
    else:
        changed = array.dtype.kind in "US" and not any(
            all(isinstance(cell, text) for cell in np.asarray(value, dtype=object).flat)
            for text in (str, bytes)
        )
    return np.asarray(value, dtype=object) if changed else array


def first_no_number(column: np.ndarray) -> int | None:
    """Return the first row of a column (n,) whose cell is neither a real number nor missing.

    A column of text, dates, complex numbers or arrays has none but these.
    """
    if column.ndim > 1:
        return 0
    if column.dtype.kind in "biuf":
        return None
    if column.dtype.kind != "O":
        return int(nulls(column).argmin())
    cells = enumerate(column)
    return next((row for row, cell in cells if not (is_number(cell) or is_null(cell))), None)


def is_number(cell: Any) -> bool:
    """Whether a cell is a real number; NumPy's durations, integers to Python, are none."""
    known = isinstance(cell, (float, int, Real, Decimal, np.bool_))
    return known and not isinstance(cell, np.timedelta64)


def as_floats(values: Any) -> Any:
    """Cast numbers and nulls to float64, but for float32.

    They are scaled as precisely as they come, then cast.
    """
    if values.dtype in (np.float32, np.float64):
        return values
    if values.dtype == object:
        values = np.where(nulls(values), np.nan, values)
    return values.astype(np.float64)
