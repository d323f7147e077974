"""Rows of what is not in memory, on disk or behind a Dataset, some at a time."""

from __future__ import annotations

import math
import reprlib
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

ROWS_AT_ONCE = 2**16
"""Rows that are scaled or encoded at once."""

VALUES_AT_ONCE = 2**21
"""Values of a source that are dense at once (16 MB in float64)."""

BLOCK_BYTES = 2**20
"""About the size of the contiguous rows that are read together from a store without random
access; where it says how its rows are chunked, whole chunks are read."""

CACHE_BYTES = 2**25
"""Of the blocks of one store that are kept in memory."""


def row_key(key: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Split a key to an array of this shape, as NumPy reads it, so that few rows need be read.

    Returns
    -------
    rows : slice or ndarray of shape (n,), int
        The rows that are needed, by position.
    then : tuple or None
        The key to the array of these rows; None where they are what was asked for.

    Raises
    ------
    IndexError
        If the key is of no kind that NumPy takes, or there is no such row.
    """
    first, *rest = (key or (Ellipsis,)) if isinstance(key, tuple) else (key,)
    twice = sum(entry is Ellipsis for entry in (first, *rest)) > 1
    whole = len(rest) < len(shape) and all(map(_is_everything, rest)) and not twice
    if first is Ellipsis and whole:
        first = slice(None)
    if isinstance(first, slice):
        return first, None if whole else (slice(None), *rest)
    index = np.asarray(first)
    if index.size == 0 and index.dtype.kind == "f":
        index = index.astype(int)
    if index.dtype.kind not in "biu" and first is not None and first is not Ellipsis:
        raise IndexError(
            "rows are selected by a slice, integers or booleans, a modality by its name; "
            f"got {reprlib.repr(first)}"
        )
    if index.ndim > 1 or (index.ndim == 0 and index.dtype.kind not in "iu"):
        return slice(None), (first, *rest)
    np.broadcast_to(np.int8(0), shape[:1])[index]  # NumPy's own errors
    if index.dtype.kind == "b":
        index = np.flatnonzero(index)
    rows = np.atleast_1d(index).astype(np.intp) % max(1, shape[0])
    if whole and index.ndim:
        return rows, None
    return rows, (np.arange(len(rows)).reshape(index.shape), *rest)


def _is_everything(key: Any) -> bool:
    return key is Ellipsis or (isinstance(key, slice) and key == slice(None))


def rows_at_once(width: int) -> int:
    """Give how many rows of so many values are dense at once."""
    return max(1, min(ROWS_AT_ONCE, VALUES_AT_ONCE // max(1, width)))


def slices(n_rows: int, size: int = ROWS_AT_ONCE) -> list[slice]:
    """Cut rows into slices of at most `size`."""
    return [slice(start, start + size) for start in range(0, n_rows, size)]


class Blocks:
    """Rows of a store that only slices are read from; the last blocks read stay in memory."""

    def __init__(self, store: Any) -> None:
        self.store = store
        n_rows, *shape = store.shape
        row_bytes = max(1, math.prod(shape) * np.dtype(store.dtype).itemsize)
        chunks = getattr(store, "chunks", None)
        rows = chunks[0] if isinstance(chunks, tuple) and isinstance(chunks[0], int) else 0
        self.n_rows = min(n_rows, rows or max(1, BLOCK_BYTES // row_bytes)) or 1
        self.n_kept = max(2, CACHE_BYTES // (self.n_rows * row_bytes))
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_kept": OrderedDict()}

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Read rows by position, each block once."""
        out = np.empty((len(rows), *self.store.shape[1:]), dtype=self.store.dtype)
        numbers = rows // self.n_rows
        for number in np.unique(numbers).tolist():
            here = numbers == number
            out[here] = self._block(number)[rows[here] - number * self.n_rows]
        return out

    def _block(self, number: int) -> np.ndarray:
        if number not in self._kept:
            start = number * self.n_rows
            self._kept[number] = np.asarray(self.store[start : start + self.n_rows])
        self._kept.move_to_end(number)
        while len(self._kept) > self.n_kept:
            self._kept.popitem(last=False)
        return self._kept[number]


class RowView:
    """Some rows of a store, none of which are read before they are asked for."""

    def __init__(self, store: Any, rows: np.ndarray | None = None, blocks: Any = None) -> None:
        self.store, self.rows = store, rows
        random_access = isinstance(store, np.memmap) or hasattr(store, "gather")
        self.blocks = Blocks(store) if blocks is None and not random_access else blocks
        n_rows = store.shape[0] if rows is None else len(rows)
        self.shape = (n_rows, *store.shape[1:])
        self.dtype = np.dtype(store.dtype)
        self.ndim = len(self.shape)

    def __len__(self) -> int:
        return int(self.shape[0])

    def __repr__(self) -> str:
        return f"RowView({self.shape} {self.dtype} of {type(self.store).__name__})"

    def __getitem__(self, key: Any) -> Any:
        """Select rows as a view, entries as an array, as NumPy does."""
        rows, then = row_key(key, self.shape)
        if self.rows is not None:
            rows = self.rows[rows]
        elif isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        view = RowView(self.store, rows, self.blocks)
        return view if then is None else view.read()[then]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.read())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.read(), dtype=dtype)

    def read(self) -> np.ndarray:
        """Read the rows of the view, of its shape."""
        rows = np.arange(len(self)) if self.rows is None else self.rows
        gather = getattr(self.store, "gather", None)
        first = int(rows[0]) if len(rows) else 0
        if gather is None and np.array_equal(rows, np.arange(first, first + len(rows))):
            return np.array(self.store[first : first + len(rows)])
        if self.blocks is not None:
            gather = self.blocks.gather
        return np.asarray(self.store[rows]) if gather is None else np.array(gather(rows))
