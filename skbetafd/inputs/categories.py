"""Categorical tables: each distinct row is one level of one variable."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np

from .._utils.sklearn_compat import is_dataframe
from .as_numpy import LEAVE_OUT, as_array, as_dense, is_number
from .missing import is_null
from .modality import Modality, face

Row = tuple[Hashable, ...]


def category_rows(name: str, value: Any) -> list[Row]:
    """Read a table of categories as one tuple a row.

    Parameters
    ----------
    name : str
        What the table is, for messages.
    value : array-like of shape (n_samples,) or (n_samples, ...)
        Strings, booleans or real numbers. Numbers are equal by value, whatever their type.

    Raises
    ------
    TypeError
        If it is sparse, or an entry is neither string nor real number.
    ValueError
        If it has no row or column, or an entry is NaN or infinite.
    """
    array = as_array(as_dense(name, value))
    if array.ndim == 0 or not array.size:
        what = "samples" if array.ndim and not len(array) else "features"
        raise ValueError(f"{name} has 0 {what}, its shape is {array.shape}")
    flat = array.reshape(len(array), -1)
    if flat.dtype.kind not in "biuSU":
        _check_entries(name, flat, face(value if is_dataframe(value) else array))
    return [tuple(row) for row in flat.tolist()]


def _check_entries(name: str, flat: np.ndarray, table: Modality) -> None:
    if flat.dtype.kind == "f":
        suspect: Iterable[Any] = np.argwhere(~np.isfinite(flat))
    else:
        suspect = np.ndindex(flat.shape)
    for row, column in suspect:
        entry = flat[row, column]
        if isinstance(entry, (str, bytes)) or (is_number(entry) and np.isfinite(float(entry))):
            continue
        place = f"row {row}, {table.place(int(column))}"
        if is_null(entry):
            what = "NaN" if isinstance(entry, Real) else repr(entry)
            raise ValueError(f"{name} contains {what} at {place}; {LEAVE_OUT}")
        if is_number(entry):
            raise ValueError(f"{name} contains infinity at {place}")
        raise TypeError(f"{name}, {place}: argument must be a string or a number, got {entry!r}")


class Levels:
    """The distinct rows of a table in order of appearance, and their numbers.

    Parameters
    ----------
    rows : list of tuples
        What the levels are taken from.

    Attributes
    ----------
    values : list of tuples
        The levels.
    """

    def __init__(self, rows: list[Row]) -> None:
        self.values = list(dict.fromkeys(rows))
        self._codes = {row: code for code, row in enumerate(self.values)}

    def __len__(self) -> int:
        return len(self.values)

    def encode(self, rows: list[Row]) -> np.ndarray:
        """Give each row its level's number, or −1 if it is no level."""
        return np.array([self._codes.get(row, -1) for row in rows], dtype=np.intp)

    def check_comparable(self, rows: list[Row], columns: Sequence[tuple[str, str]]) -> None:
        """Check that entries which no level has could be a level's.

        `columns` hold what a message calls each column's table, and its place there.

        Raises
        ------
        TypeError
            If an entry is of another kind than all of its column's: "1" is never 1.
        ValueError
            If it equals one in float32 alone: 0.1 is none of float32.
        """
        for position, (whose, column) in enumerate(columns):
            known = dict.fromkeys(level[position] for level in self.values)
            kinds = {_kind(value): value for value in known}
            rounded = {_float32(value): value for value in known}
            for row, entry in enumerate(entries[position] for entries in rows):
                if entry in known:
                    continue
                known[entry], single = None, _float32(entry)  # which is looked at once
                place = f"{whose}, row {row}, {column} is {entry!r} ({type(entry).__name__})"
                if _kind(entry) not in kinds:
                    kind, seen = next(iter(kinds.items()))
                    how = "" if isinstance(seen, bool) else f", say by astype({kind})"
                    raise TypeError(
                        f"{place}, where fit saw {seen!r} ({type(seen).__name__}): pass the dtype "
                        f"of fit{how}"
                    )
                if single is not None and single in rounded:
                    raise ValueError(
                        f"{place}, where fit saw {rounded[single]!r}, equal in float32 alone: "
                        "pass one dtype to fit and to predict, say by astype(np.float32)"
                    )


def _kind(entry: Any) -> str:
    return "str" if isinstance(entry, str) else "bytes" if isinstance(entry, bytes) else "float"


def _float32(entry: Any) -> np.float32 | None:
    """Round a number to float32; None of a whole one, which it is in every dtype, and of text."""
    broken = isinstance(entry, Real) and float(entry) % 1 != 0
    return (np.float32(entry) or None) if broken else None
