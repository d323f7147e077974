"""A single modality as the user has it: with rows and columns, or refused by its name."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from .._utils.sklearn_compat import is_dataframe
from .as_numpy import FILL, as_numpy
from .missing import null_rows
from .row_sources import is_stored

ABSENT = (
    ": a fit needs each modality in some row. None is for prediction alone, where no row has the "
    "modality but all have another; in a container, present= says which rows have one"
)
PAD = "pad sequences of unequal length at their end with NaN, to (n, steps, channels)"
ONE_COLUMN = (
    "reshape(-1, 1) makes one column of a one-dimensional array, and df[['name']] takes one of a "
    "frame"
)


def as_modality(name: Any, value: Any) -> Any:
    """Give a store, frame or CSR matrix, or else an array, of two axes or more; text has one."""
    if not isinstance(name, str):
        raise TypeError(f"a modality's name must be a string, got {name!r}")
    value = as_numpy(f"modality {name!r}", value, FILL)
    if is_stored(value) and len(value.shape) > 1:
        return value
    if sparse.issparse(value):
        value = value.tocsr()
    elif not is_dataframe(value):
        try:
            value = np.asarray(value)
        except ValueError as error:
            raise ValueError(f"modality {name!r} is no array: {error}; {PAD}") from error
    if value.shape == ():
        entry = value.item()
        raise ValueError(
            f"modality {name!r} needs rows and columns, got {entry!r}{ABSENT * (entry is None)}"
        )
    if _is_text(value):
        return value.reshape(-1, 1)
    if len(value.shape) < 2:
        holds_arrays = value.dtype == object and any(np.ndim(entry) for entry in value)
        raise ValueError(
            f"modality {name!r} needs rows and columns, got shape {value.shape}; "
            + (PAD if holds_arrays else ONE_COLUMN)
        )
    return value


def _is_text(value: Any) -> bool:
    """Tell a sequence of strings, some or all of them null; it can only be one column."""
    if len(value.shape) != 1 or value.dtype.kind != "O":
        return len(value.shape) == 1 and value.dtype.kind in "UT" and value.size > 0
    if any(isinstance(entry, str) for entry in value):
        return not any(map(np.ndim, value))
    nulls = null_rows(value[:, None])
    return nulls is not None and bool(nulls.all())
