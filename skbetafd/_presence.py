"""Missing modalities: a row of NaN, and nothing else, says that a modality is absent there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ._null_rows import null_rows, spread_rows
from ._plain import plain
from ._utils.sklearn_compat import is_dataframe, safe_indexing

COMPLETE = (
    "X[np.all(list(X.present.values()), axis=0)] of a MultiModalArray X holds those that have all"
)
"""What to do where rows must have every modality."""


def with_absent_rows(name: str, value: Any, present: Any) -> Any:
    """Copy a modality with nulls in the rows where `present` is False."""
    mask = np.asarray(plain(f"present[{name!r}]", present, "say True or False of every row"))
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


def check_some_present(
    names: Sequence[str], present: np.ndarray, rows: np.ndarray, *, training: bool
) -> None:
    """Refuse a row without any modality, and in training a modality or pairing without any row.

    Parameters
    ----------
    names : sequence of str
        The modalities.
    present : ndarray of shape (n_samples, n_modalities), bool
        Which modality each row has.
    rows : ndarray of shape (n_samples,), int
        The rows' positions in the user's data, for messages.
    training : bool
        Whether these are training rows.
    """
    empty = np.flatnonzero(~present.any(axis=1))
    if len(empty):
        raise ValueError(
            f"row {rows[empty[0]]} has no modality: all of {', '.join(map(repr, names))} are NaN "
            f"there ({len(empty)} such rows)"
        )
    if not training:
        return
    for name, column in zip(names, present.T, strict=True):
        if not column.any():
            raise ValueError(f"modality {name!r} is NaN in every training row")
    if not present.all(axis=1).any():
        raise ValueError(
            "no training row has all modalities: they were never seen together; rows with each: "
            f"{dict(zip(names, present.sum(axis=0).tolist(), strict=True))}"
        )
