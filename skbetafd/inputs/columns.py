"""Which columns of a flat table belong to which modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from reprlib import repr as shortened
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

from .._utils.messages import named
from .._utils.sklearn_compat import check_n_features, is_dataframe, safe_indexing
from .as_numpy import as_array
from .multimodal_array import MultiModalArray

SEPARATOR = "__"
"""Between modality and column, as in ColumnTransformer's output names."""


class ColumnGroups(NamedTuple):
    """Modality names and the positions of their columns in a flat table."""

    columns: dict[str, np.ndarray]
    named: bool


def from_specification(
    modalities: Any, n_features: int, names: Sequence[str] | None = None
) -> ColumnGroups:
    """Read ``modalities=``: widths, slices or column lists, in a mapping or a sequence.

    Parameters
    ----------
    modalities : mapping or sequence
        Of int (widths, in order), slice, or list of column positions or column names.
    n_features : int
        Width of the flat table.
    names : sequence of str, optional
        The table's column names, where it has them.

    Raises
    ------
    TypeError, ValueError
        If an entry is none of these, or a column belongs to no or to two modalities.
    """
    is_named = isinstance(modalities, Mapping)
    if isinstance(modalities, Mapping):
        entries = dict(modalities)
    elif isinstance(modalities, (Sequence, np.ndarray)) and not isinstance(modalities, str):
        entries = {f"modality{i}": entry for i, entry in enumerate(modalities)}
    else:
        raise TypeError(
            "modalities must be a mapping or a sequence of widths, slices or column lists, "
            f"got {modalities!r}"
        )
    if not entries:
        raise ValueError(f"modalities names no modality, got {modalities!r}")
    for name in entries:
        if not isinstance(name, str):
            raise TypeError(f"a modality's name must be a string, got {name!r}")
    if any(_is_integer(entry) for entry in entries.values()):
        columns = _from_widths(entries)
    else:
        columns = {}
        for name, entry in entries.items():
            with named(f"modality {name!r}"):
                columns[name] = _positions(entry, n_features, names)
    _check_partition(columns, n_features)
    return ColumnGroups(columns, is_named)


def from_frame(frame: Any) -> ColumnGroups | None:
    """Group by the first of several column levels, or by names ``modality__column``.

    None where there is one level, and a column's name is not of that form; or of no frame.
    """
    if not is_dataframe(frame):
        return None
    names = list(frame.columns)
    if getattr(frame.columns, "nlevels", 1) > 1:
        owners = [str(first) for first, *_ in names]
    elif all(_has_prefix(name) for name in names):
        owners = [name.partition(SEPARATOR)[0] for name in names]
    else:
        return None
    columns: dict[str, list[int]] = {}
    for position, owner in enumerate(owners):
        columns.setdefault(owner, []).append(position)
    groups = {name: np.array(group) for name, group in columns.items()}
    return ColumnGroups(groups, named=True) if groups else None


def ungrouped(names: Sequence[Any]) -> list[Any]:
    """Return the column names that keep the others from being grouped by ``modality__column``."""
    stray = [name for name in names if not _has_prefix(name)]
    return stray if len(stray) < len(names) else []


def _has_prefix(name: Any) -> bool:
    return isinstance(name, str) and bool(name.partition(SEPARATOR)[0]) and SEPARATOR in name


def _from_widths(widths: dict[str, Any]) -> dict[str, np.ndarray]:
    for name, width in widths.items():
        if not _is_integer(width):
            raise TypeError(
                f"modality {name!r} must be given by a width, as others are, got {width!r}"
            )
        if width < 1:
            raise ValueError(f"modality {name!r} must have at least 1 column, got width {width}")
    ends = np.cumsum(list(widths.values()))
    return {
        name: np.arange(end - width, end)
        for (name, width), end in zip(widths.items(), ends, strict=True)
    }


def _positions(entry: Any, n_features: int, names: Sequence[str] | None) -> np.ndarray:
    if not isinstance(entry, (slice, Sequence, np.ndarray)) or isinstance(entry, str):
        raise TypeError(
            "the columns must be given by a slice of positions, a list of columns, or (for all "
            f"modalities alike) a width, got {entry!r}"
        )
    if isinstance(entry, slice):
        return np.arange(n_features)[entry]
    known = {str(name): at for at, name in enumerate(() if names is None else names)}
    found: list[Any] = [known.get(c, c) if isinstance(c, str) else c for c in entry]
    for column in found:
        if not _is_integer(column) or not -n_features <= column < n_features:
            raise ValueError(f"column {column!r} is none of X's {n_features}")
    return np.arange(n_features)[np.array(found, dtype=int)]


def _check_partition(columns: dict[str, np.ndarray], n_features: int) -> None:
    for name, group in columns.items():
        if not len(group):
            raise ValueError(f"modality {name!r} has no column")
    held = np.bincount(np.concatenate(list(columns.values())), minlength=n_features)
    wrong = np.flatnonzero(held != (np.arange(len(held)) < n_features))
    if len(wrong):
        owners = [name for name, group in columns.items() if wrong[0] in group]
        raise ValueError(
            f"modalities must hold each of X's {n_features} columns once, but column {wrong[0]} "
            f"is held by {owners}"
        )


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def one_level(frame: Any) -> Any:
    """Join the levels of a frame's column names, ``modality__column``."""
    if getattr(frame.columns, "nlevels", 1) == 1:
        return frame
    return frame.set_axis([SEPARATOR.join(map(str, c)) for c in frame.columns], axis=1)


def check_table(estimator: Any, X: Any, *, reset: bool) -> Any:
    """Check a table as scikit-learn's estimators do; what its cells are, is left as it is."""
    if not is_dataframe(X):
        with named("X"):
            X = X if hasattr(X, "shape") else as_array(X)
            if len(X.shape) == 1:  # scikit-learn's message holds all of it
                first = shortened(np.asarray(X[:3]).tolist())
                raise ValueError(
                    f"Expected 2D array, got 1D array instead: {first}. Reshape your data: X."
                    "reshape(-1, 1) is one column, reshape(1, -1) one row, pd.DataFrame(X) records"
                )
            return validate_data(estimator, X, reset=reset, dtype=None, ensure_all_finite=False)
    X = one_level(X)
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    check_n_features(estimator, X, reset=reset)
    return X


def split(X: Any, columns: dict[str, np.ndarray], *, named: bool) -> MultiModalArray:
    """Cut a table into modalities by the positions of their columns."""
    data = {
        name: _without_prefix(name, safe_indexing(X, as_slice(positions), axis=1))
        for name, positions in columns.items()
    }
    return MultiModalArray(data if named else list(data.values()))


def _without_prefix(modality: str, table: Any) -> Any:
    if not is_dataframe(table):
        return table
    frame = table.copy() if hasattr(table, "copy") else table.clone()
    frame.columns = [str(c).removeprefix(modality + SEPARATOR) for c in frame.columns]
    return frame


def as_slice(positions: np.ndarray) -> slice | np.ndarray:
    """Give positions without a gap as a slice."""
    first, last = int(positions[0]), int(positions[-1])
    if np.array_equal(positions, np.arange(first, last + 1)):
        return slice(first, last + 1)
    return positions
