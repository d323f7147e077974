"""Rows of nulls in arrays, sparse matrices and frames: found, and put in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from numbers import Number
from typing import Any

import numpy as np
from scipy import sparse

from .._utils.sklearn_compat import is_dataframe, is_pandas_na, safe_indexing
from .as_numpy import as_numpy


def null_rows(value: Any) -> np.ndarray | None:
    """Tell the rows in which every entry is null; None where there are none.

    Null are NaN, None, NaT and pandas.NA, and in a polars frame null and NaN. An empty string or
    a zero is a value. Of a sparse matrix, the stored entries count: a row that stores nothing is
    a row of zeros, one that stores NaN and nothing else is null.

    Parameters
    ----------
    value : ndarray, sparse matrix or DataFrame of shape (n_samples, ...)
        Anything else has no nulls, and a memory map is not read for them.

    Returns
    -------
    ndarray of shape (n_samples,), bool, or None
    """
    if 0 in value.shape or isinstance(value, np.memmap):
        return None
    if is_dataframe(value):
        rows = _null_in_frame(value)
    elif sparse.issparse(value):
        entries = value.tocoo()
        found = np.bincount(entries.coords[0][np.isnan(entries.data)], minlength=value.shape[0])
        stored = np.bincount(entries.coords[0], minlength=value.shape[0])
        rows = (found > 0) & (found == stored)
    elif isinstance(value, np.ndarray) and value.dtype.kind in "fcmMO":
        rows = np.asarray(_null_entries(value).reshape(len(value), -1).all(axis=1))
    else:
        return None
    return rows if rows.any() else None


def _null_in_frame(frame: Any) -> np.ndarray:
    if hasattr(frame, "isna"):
        return np.asarray(frame.isna().all(axis=1), dtype=bool)
    nulls = [
        column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null()
        for column in frame.iter_columns()
    ]
    return np.asarray(np.all(nulls, axis=0))


def _null_entries(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "O":
        with np.errstate(invalid="ignore"):  # what comparing NaN sets, in some builds of Python
            return np.asarray(_is_null(array))
    return np.asarray(np.isnat(array) if array.dtype.kind in "mM" else np.isnan(array))


@np.vectorize(otypes=[bool])
def _is_null(entry: Any) -> bool:
    # NaN and NaT alone differ from themselves; pandas.NA has no truth, an array several
    if entry is None or is_pandas_na(entry):
        return True
    return isinstance(entry, (Number, np.generic, datetime)) and bool(entry != entry)


def spread_rows(value: Any, rows: np.ndarray, index: Any = None) -> Any:
    """Put a table's rows, in order, where `rows` is True, and rows of nulls elsewhere.

    Parameters
    ----------
    value : ndarray, sparse matrix or DataFrame of shape (rows.sum(), ...)
        The rows. Numbers become floats, strings objects; a sparse matrix keeps its kind, its null
        rows storing one NaN.
    rows : ndarray of shape (n_samples,), bool
        Where they go.
    index : pandas.Index, optional
        That of a pandas frame's result; by default 0, 1, …

    Returns
    -------
    ndarray, sparse matrix or DataFrame of shape (n_samples, ...)
    """
    source = np.full(len(rows), -1)
    source[rows] = np.arange(rows.sum())
    if is_dataframe(value):
        return _spread_frame(value, source, index)
    if sparse.issparse(value):
        null = type(value.tocsr())(([np.nan], ([0], [0])), shape=(1, value.shape[1]))
        return type(null)(sparse.vstack([value, null], format="csr"))[source]
    if value.dtype.kind in "biuf":
        value = value.astype(np.result_type(value.dtype, np.float32))
        null = np.full((1, *value.shape[1:]), np.nan, dtype=value.dtype)
    else:
        null = np.full((1, *value.shape[1:]), None, dtype=object)
    return np.concatenate([value, null])[source]


def _spread_frame(frame: Any, source: np.ndarray, index: Any) -> Any:
    if not hasattr(frame, "reindex"):
        return frame.vstack(frame.clear(1))[source % (frame.shape[0] + 1)]
    spread = frame.reset_index(drop=True).reindex(source)  # -1 is no label: a row of nulls
    return spread.reset_index(drop=True) if index is None else spread.set_axis(index, axis=0)


COMPLETE = (
    "X[np.all(list(X.present.values()), axis=0)] of a MultiModalArray X holds those that have all"
)
"""What to do where rows must have every modality."""


def check_complete(names: Sequence[str], present: np.ndarray, purpose: str) -> None:
    """Check that rows have all modalities, by `present` of shape (n_samples, n_modalities)."""
    if not present.all():
        row, column = np.argwhere(~present)[0]
        raise ValueError(
            f"{purpose} needs all modalities, but row {row} lacks {names[column]!r}, and "
            f"{(~present.all(axis=1)).sum()} of {len(present)} rows lack one; {COMPLETE}"
        )


def with_absent_rows(name: str, value: Any, present: Any) -> Any:
    """Copy a modality with nulls in the rows where `present` is False."""
    mask = np.asarray(as_numpy(f"present[{name!r}]", present, "say True or False of every row"))
    if mask.dtype != bool or mask.shape != (value.shape[0],):
        raise ValueError(
            f"present[{name!r}] must be {value.shape[0]} booleans, one a row, got {mask.dtype} of "
            f"shape {mask.shape}"
        )
    if mask.all():
        return value
    if not (is_dataframe(value) or isinstance(value, np.ndarray) or sparse.issparse(value)):
        raise TypeError(
            f"present[{name!r}]: only arrays in memory, sparse "
            "matrices and frames can have absent rows, got "
            f"{type(value).__name__}"
        )
    some = safe_indexing(value, np.flatnonzero(mask))
    return spread_rows(some, mask, getattr(value, "index", None))


def fill_absent(X: Any, names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> Any:
    """Put rows of NaN where a whole modality is given as None."""
    width: dict[Any, tuple[int, ...]]
    absent: list[Any]
    if isinstance(X, Mapping):
        width = dict(zip(names, shapes, strict=True))
        absent = [name for name, value in X.items() if value is None and name in width]
    elif isinstance(X, (list, tuple)) and len(X) == len(shapes):
        width = dict(enumerate(shapes))
        absent = [i for i, value in enumerate(X) if value is None]
    else:
        return X
    given = X.values() if isinstance(X, Mapping) else X
    there = [value for value in given if value is not None]
    if not (absent and there):
        return X
    rows = _n_rows(there[0])
    filled = {i: np.full((rows, *width[i]), np.nan) for i in absent}
    if isinstance(X, Mapping):
        return {**X, **filled}
    return [filled.get(i, value) for i, value in enumerate(X)]


def _n_rows(value: Any) -> int:
    """Count rows; what has none is refused later, as what it is."""
    if hasattr(value, "shape"):
        return int(value.shape[0]) if value.shape else 0
    return len(value) if hasattr(value, "__len__") else 0


def present_in(value: Any) -> np.ndarray:
    """Tell the rows of a modality of any kind that are not all null, shape (n,), bool."""
    in_memory = is_dataframe(value) or sparse.issparse(value)
    absent = null_rows(value if in_memory else np.asarray(value))
    return np.ones(value.shape[0], dtype=bool) if absent is None else ~absent


def present_rows(array: Any) -> np.ndarray:
    """Tell the rows of a numeric modality, flattened, that are not all NaN; shape (n,)."""
    return array.present if hasattr(array, "present") else ~np.isnan(array).all(axis=1)
