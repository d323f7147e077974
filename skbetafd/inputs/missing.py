"""Nulls in arrays: NaN, None, NaT and pandas.NA. An empty string or a zero is a value."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from numbers import Number
from typing import Any

import numpy as np

from .._utils.messages import warn
from .._utils.sklearn_compat import is_pandas_na

COMPLETE = (
    "X[np.all(list(X.present.values()), axis=0)] of a MultiModalArray X holds those that have all"
)
"""What to do where rows must have every modality."""


def nulls(array: np.ndarray) -> np.ndarray:
    """Return which entries are null, in the shape of the array."""
    if array.dtype.kind == "O":
        with np.errstate(invalid="ignore"):  # what comparing NaN sets, in some builds of Python
            return np.vectorize(is_null, otypes=[bool])(array)
    if array.dtype.kind in "mM":
        return np.isnat(array)
    return np.isnan(array) if array.dtype.kind in "fc" else np.zeros(array.shape, dtype=bool)


def is_null(entry: Any) -> bool:
    """Whether an entry of an array of objects is null."""
    # NaN and NaT alone differ from themselves; pandas.NA has no truth, an array several
    if isinstance(entry, (str, float, int, Number, np.generic, datetime)):  # the usual ones first
        return bool(entry != entry)
    return entry is None or is_pandas_na(entry)


def present_rows(array: np.ndarray) -> np.ndarray:
    """Return the rows (n,) of flat floats that are not all NaN."""
    return ~np.isnan(array).all(axis=1)


def complete_rows(names: Sequence[str], present: np.ndarray, what: str) -> np.ndarray:
    """Return which rows have all modalities, of (n_samples, n_modalities); warn of those left out.

    Raises
    ------
    ValueError
        If no row has all: `what` is made of those that have.
    """
    complete = np.asarray(present.all(axis=1))
    if complete.all():
        return complete
    row, column = np.argwhere(~present)[0]
    lacking = (
        f"{(~complete).sum()} of {len(present)} rows lack a modality (row {row} {names[column]!r})"
    )
    if not complete.any():
        raise ValueError(f"{lacking}: {what} needs rows that have all")
    warn(f"{lacking}: {what} leaves them out")
    return complete
