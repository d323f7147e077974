"""One modality, whatever it comes in: an array, a frame, a sparse matrix or a store of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from copy import copy
from sys import getsizeof
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from .._utils.messages import without_warnings
from .._utils.sklearn_compat import is_dataframe, safe_indexing
from ..nn.features import channels_last
from .as_numpy import FILL, as_array, as_floats, as_numpy, first_no_number
from .missing import is_null, nulls
from .row_order import index_of
from .row_sources import RowView, rows_at_once, slices

PAD = "pad sequences of unequal length at their end with NaN, to (n, steps, channels)"
TWO_AXES = "reshape(-1, 1) makes it one column, reshape(1, -1) one row, df[['name']] a frame's"


class Modality:
    """Aligned rows of an array in memory; subclasses are the other kinds.

    Indexing takes rows, ``np.asarray`` reads them; a sparse row that lacks the modality is NaN
    then.

    Attributes
    ----------
    value : ndarray, frame, CSR matrix or store of shape (n_samples, ...)
        What the user has.
    eps : float or ndarray of shape (n_columns,)
        Machine epsilon of the floats that numbers came as; 0 of other numbers.
    """

    streamed = False
    """Whether rows are dense only where they are read, some at a time."""
    sparse = False

    def __init__(
        self, value: Any, present: np.ndarray | None = None, eps: float | np.ndarray = 0.0
    ) -> None:
        self.value, self._present, self.eps = value, present, eps
        self._index: Any = None
        self._name_columns: Callable[[], list[str]] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, (n_samples, ...)."""
        return tuple(self.value.shape)

    @property
    def width(self) -> int:
        """Flattened width of a row."""
        return math.prod(self.shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The one dtype that the entries have together."""
        return np.dtype(self.value.dtype)

    @property
    def column_names(self) -> list[str] | None:
        """A frame's column names, where all are strings."""
        return None

    @property
    def index(self) -> Any:
        """The index of what was a pandas Series or is a frame, else None."""
        return self._index

    def name_columns(self, make: Callable[[], list[str]]) -> None:
        """Keep what makes names of the columns that a transformer returned, for messages."""
        self._name_columns = make

    @property
    def transformed(self) -> bool:
        """Whether a transformer returned it."""
        return self._name_columns is not None

    def place(self, position: int) -> str:
        """Spell where an entry of a flat row lies, in the axes of the rows as they came."""
        shape = self.shape[1:] or (1,)
        at = [int(i) for i in np.unravel_index(position, shape)]
        if len(shape) == 1:
            names = self.column_names or []
            with suppress(AttributeError, TypeError, ValueError):  # transformers may have none
                names = names or (self._name_columns or list)()
            return f"column {position}" + (f" ({names[position]!r})" if names else "")
        if len(shape) == 3:
            channel = at.pop(2 if channels_last(shape) else 0)
            return f"channel {channel}, picture row {at[0]}, column {at[1]}"
        # a square may be a picture or a sequence
        if len(shape) > 3 or shape[0] == shape[1]:
            return f"entry {at}"
        return f"step {at[0]}, channel {at[1]}"

    @property
    def n_bytes(self) -> int:
        """About the memory that the value takes."""
        return int(getattr(self.value, "nbytes", 0)) or getsizeof(self.value)

    @property
    def present(self) -> np.ndarray:
        """The rows that have the modality, those not all null, shape (n_samples,), bool."""
        if self._present is not None:
            return self._present
        if 0 in self.shape:
            return np.ones(len(self), dtype=bool)
        return ~self._null_rows()

    def _null_rows(self) -> np.ndarray:
        if self.dtype.kind not in "fcmMO":
            return np.zeros(len(self), dtype=bool)
        return np.asarray(nulls(self.value).reshape(len(self), -1).all(axis=1))

    def with_present(self, present: np.ndarray) -> Self:
        """Return the rows with what is known of their presence."""
        new = copy(self)
        new._present = present
        return new

    def __len__(self) -> int:
        return int(self.shape[0])

    def __str__(self) -> str:
        return f"{self.shape} {self.dtype}"

    def __copy__(self) -> Self:
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_name_columns": None}  # it holds a transformer

    def __getitem__(self, rows: Any) -> Self:
        new = copy(self)
        new.value = self._rows(rows)
        new._present = None if self._present is None else self._present[rows]
        new._index = None if self._index is None else self._index[rows]
        return new

    def _rows(self, rows: Any) -> Any:
        return self.value[rows]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self._read(), dtype=dtype)

    def _read(self) -> np.ndarray:
        return np.asarray(self.value)

    def in_memory(self) -> Modality:
        """Return what is stored as an array that has been read."""
        return self

    def as_sparse(self) -> Modality:
        """Return numbers in memory as a CSR matrix; stores, and what holds other cells, as is."""
        if self.streamed or not len(self) or self.first_no_number() is not None:
            return self
        floats = self.floats()
        return floats if floats.sparse else SparseModality(sparse.csr_array(floats.value))

    def slices(self) -> list[slice]:
        """Cut the rows into slices that are scaled or encoded at once."""
        return slices(len(self), rows_at_once(self.width)) if self.streamed else slices(len(self))

    def chunks(self) -> Iterator[np.ndarray]:
        """Read the rows, some at a time."""
        return (np.asarray(self[rows]) for rows in self.slices())

    def content(self) -> Iterable[Any]:
        """Arrays whose bytes tell the rows from others of the same kind, shape and dtype."""
        return self.chunks()

    def blocks(self) -> tuple[np.ndarray, int] | None:
        """Block in which each row lies, and how many are kept; None where any order will do."""
        return None

    def floats(self) -> Modality:
        """Return flat rows (n_samples, width) of numbers and nulls as float64.

        Those that came as float32 stay so.
        """
        flat = np.asarray(self.value).reshape(len(self), -1)
        return Modality(as_floats(flat), eps=_eps(self.dtype))

    def columns(self) -> Iterator[np.ndarray]:
        """Return the cells of each column of the flat rows, (n_samples,)."""
        return iter(np.asarray(self).reshape(len(self), -1).T)

    def first_no_number(self) -> tuple[int, int, Any, Any] | None:
        """Row and column of a cell that is neither a real number nor null, the cell, its dtype."""
        if self.dtype.kind in "biuf":
            return None
        for position, column in enumerate(self.columns()):
            row = first_no_number(column)
            if row is not None:
                return row, position, column[row], column.dtype
        return None

    def within(self, limit: float) -> bool:
        """Whether all numbers are finite and no larger; NaN is not."""
        # one pass without a temporary of the data's size; NaN fails the comparison
        numbers = self.value.data if self.sparse else self.value
        return bool(numbers.min(initial=0) >= -limit and numbers.max(initial=0) <= limit)

    def without(self, name: str, present: Any) -> Modality:
        """Copy with nulls in the rows where `present` is False."""
        mask = np.asarray(as_numpy(f"present[{name!r}]", present, "say True or False of every row"))
        if mask.dtype != bool or mask.shape != (len(self),):
            raise ValueError(
                f"present[{name!r}] must be {len(self)} booleans, one a row, got {mask.dtype} of "
                f"shape {mask.shape}"
            )
        if mask.all():
            return self
        return self[np.flatnonzero(mask)].spread(mask, getattr(self.value, "index", None))

    def spread(self, rows: np.ndarray, index: Any = None) -> Modality:
        """Put the rows, in order, where `rows` (n,) is True, and rows of nulls elsewhere.

        Numbers become floats, strings objects. `index` is that of a pandas frame's result.
        """
        source = np.full(len(rows), -1)
        source[rows] = np.arange(rows.sum())
        return face(self._with_nulls(source, index))

    def _with_nulls(self, source: np.ndarray, index: Any) -> Any:
        value, null = self.value, None
        dtype: Any = object
        if value.dtype.kind in "biuf":
            dtype, null = np.result_type(value.dtype, np.float32), np.nan
        row = np.full((1, *value.shape[1:]), null, dtype=dtype)
        return np.concatenate([value.astype(dtype, copy=False), row])[source]

    def like(self, rows: np.ndarray) -> Any:
        """Return rows (n_samples, width) in the shape of these, and as a frame if it is one."""
        return rows.reshape(self.shape)

    def appended(self, columns: Mapping[str, np.ndarray]) -> Any:
        """Return a table with further columns, by name where it has names.

        Raises
        ------
        TypeError, ValueError
            If it is a frame of another library than pandas, or has such a column.
        """
        code = np.stack(list(columns.values()), axis=1)
        return np.hstack([self.value, code.astype(np.result_type(self.dtype, np.float32))])


class FrameModality(Modality):
    """Rows of a pandas or polars frame."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of all rows as an array: a missing value turns integers to floats."""
        return np.asarray(self.value).dtype

    @property
    def column_names(self) -> list[str] | None:
        """The column names, where all are strings."""
        names = list(self.value.columns)
        return names if names and all(isinstance(name, str) for name in names) else None

    @property
    def index(self) -> Any:
        """The index of a pandas frame."""
        return index_of(self.value)

    def _rows(self, rows: Any) -> Any:
        return safe_indexing(self.value, rows)

    def _null_rows(self) -> np.ndarray:
        frame = self.value
        if hasattr(frame, "isna"):
            return np.asarray(frame.isna().all(axis=1), dtype=bool)
        nulls = [
            column.is_null() | column.is_nan() if column.dtype.is_float() else column.is_null()
            for column in frame.iter_columns()
        ]
        return np.asarray(np.all(nulls, axis=0))

    def floats(self) -> Modality:
        """As of an array, but columns may differ; a CSR matrix where pandas has all sparse."""
        frame, dtypes = self.value, list(self.value.dtypes)
        if all(hasattr(dtype, "fill_value") for dtype in dtypes):
            zeros = type(dtypes[0])(np.float64, 0.0)
            return face(frame.astype(zeros).sparse.to_coo()).with_present(self.present).floats()
        if hasattr(frame, "fillna") and object in dtypes:  # check_array does not take pandas.NA
            frame = frame.fillna(np.nan)
        with without_warnings(UserWarning, "pandas.DataFrame with sparse columns"):
            precisions = [np.float64, np.float32]
            flat = check_array(frame, dtype=precisions, ensure_all_finite=False)
        return Modality(as_floats(flat), eps=np.array([_eps(dtype) for dtype in dtypes]))

    def columns(self) -> Iterator[np.ndarray]:
        """Return the cells of each column, (n_samples,)."""
        return map(self._column, range(self.width))

    def _column(self, position: int) -> np.ndarray:
        return as_array(getattr(self.value, "iloc", self.value)[:, position])

    def first_no_number(self) -> tuple[int, int, Any, Any] | None:
        """As of an array, column by column, with the dtype that the frame's library has."""
        for position, dtype in enumerate(self.value.dtypes):
            is_numeric = getattr(dtype, "is_numeric", bool)  # of polars; pandas has a kind
            if getattr(dtype, "kind", "O") not in "biuf" and not is_numeric():
                column = self._column(position)
                row = first_no_number(column)
                if row is not None:
                    return row, position, column[row], dtype
        return None

    def _with_nulls(self, source: np.ndarray, index: Any) -> Any:
        frame = self.value
        if not hasattr(frame, "reindex"):
            return frame.vstack(frame.clear(1))[source % (frame.shape[0] + 1)]
        spread = frame.reset_index(drop=True).reindex(source)  # -1 is no label: a row of nulls
        return spread.reset_index(drop=True) if index is None else spread.set_axis(index, axis=0)

    def like(self, rows: np.ndarray) -> Any:
        """Return rows as a frame of the same columns."""
        frame = self.value
        if not hasattr(frame, "index"):
            return type(frame)(rows, schema=frame.columns, orient="row")
        return type(frame)(rows, index=frame.index, columns=frame.columns)

    def appended(self, columns: Mapping[str, np.ndarray]) -> Any:
        """Return the frame with further columns."""
        if not hasattr(self.value, "assign"):
            library = type(self.value).__module__
            raise TypeError(f"it is a {library} DataFrame: only pandas can be tinted")
        table = self.value.rename(columns=str)
        for column in columns:
            if column in table.columns:
                raise ValueError(f"it already has a column {column!r}")
        return table.assign(**columns)


class SparseModality(Modality):
    """Rows of a CSR matrix.

    The stored entries count: a row that stores nothing is a row of zeros, one that stores NaN and
    nothing else lacks the modality.
    """

    streamed = sparse = True

    @property
    def n_bytes(self) -> int:
        """Memory of the entries and their places."""
        matrix = self.value
        return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)

    def _null_rows(self) -> np.ndarray:
        if self.dtype.kind not in "fc":
            return np.zeros(len(self), dtype=bool)
        entries, n_rows = self.value.tocoo(), len(self)
        found = np.bincount(entries.coords[0][np.isnan(entries.data)], minlength=n_rows)
        stored = np.bincount(entries.coords[0], minlength=n_rows)
        return np.asarray((found > 0) & (found == stored))

    def _read(self) -> np.ndarray:
        out: np.ndarray = self.value.toarray()
        present = self.present
        if not present.all():
            out[~present] = np.nan
        return out

    def content(self) -> Iterable[Any]:
        """Arrays of the entries, their places and the rows that are there."""
        return self.value.indptr, self.value.indices, self.value.data, self.present

    def floats(self) -> SparseModality:
        """As of an array; rows that are missing store nothing afterwards."""
        matrix, present = as_floats(self.value), self.present
        if not present.all():
            matrix = matrix.copy()
            matrix.data[np.repeat(~present, np.diff(matrix.indptr))] = 0.0
            matrix.eliminate_zeros()
        return SparseModality(matrix, present)

    def first_no_number(self) -> tuple[int, int, Any, Any] | None:
        """As of an array: the first that is stored, where the dtype is of no real numbers."""
        if self.dtype.kind in "biuf":
            return None
        entries = self.value.tocoo()
        row, column = (int(positions[0]) for positions in entries.coords)
        return row, column, entries.data[0], self.dtype

    def mean_square(self, weight: np.ndarray) -> np.ndarray:
        """Weighted mean square of each column over the rows that have the modality."""
        weight = np.where(self.present, weight, 0.0)
        entries = self.value.tocoo()
        row, column = entries.coords
        squares = weight[row] * entries.data.astype(np.float64) ** 2
        return np.bincount(column, squares, minlength=self.width) / weight.sum()

    def _with_nulls(self, source: np.ndarray, index: Any) -> Any:
        null = type(self.value)(([np.nan], ([0], [0])), shape=(1, self.width))
        return type(null)(sparse.vstack([self.value, null], format="csr"))[source]

    def appended(self, columns: Mapping[str, np.ndarray]) -> Any:
        """Return the matrix with further columns."""
        return sparse.hstack([self.value, np.stack(list(columns.values()), axis=1)], format="csr")


class StoredModality(Modality):
    """Rows of a store, which are read only where they are needed."""

    streamed = True

    def __init__(self, value: Any, flat: np.dtype[Any] | None = None) -> None:
        super().__init__(value, eps=_eps(value.dtype))
        self._flat = flat
        """The dtype of rows that are flattened where they are read."""

    @property
    def view(self) -> RowView:
        """The rows, some of a store's."""
        return self.value if isinstance(self.value, RowView) else RowView(self.value)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, (n_samples, ...), or (n_samples, width) of floats."""
        shape = tuple(self.value.shape)
        return shape if self._flat is None else (shape[0], math.prod(shape[1:]))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the store, or of the floats that are made of it."""
        return super().dtype if self._flat is None else self._flat

    @property
    def present(self) -> np.ndarray:
        """The rows that have the modality; the store is read through if it is not known."""
        if self._present is not None:
            return self._present
        parts = [self[rows].in_memory().present for rows in self.slices()]
        return np.concatenate([np.ones(0, dtype=bool), *parts])

    def _rows(self, rows: Any) -> Any:
        return self.view[rows]

    def _read(self) -> np.ndarray:
        return self.view.read().reshape(self.shape).astype(self.dtype, copy=False)

    def in_memory(self) -> Modality:
        """Return an array that has been read; a memory map is one."""
        mapped = self._flat is None and isinstance(self.value, np.ndarray)
        return Modality(self.value if mapped else self._read(), eps=self.eps)

    def blocks(self) -> tuple[np.ndarray, int] | None:
        """Block in which each row lies, and how many are kept; None where any order will do."""
        view = self.view
        if view.blocks is None:
            return None
        rows = np.arange(len(view)) if view.rows is None else view.rows
        return rows // view.blocks.n_rows, view.blocks.n_kept

    def floats(self) -> StoredModality:
        """As of an array, but nothing is read."""
        return StoredModality(
            self.view, np.dtype(np.float32 if self.dtype == np.float32 else np.float64)
        )

    def first_no_number(self) -> tuple[int, int, Any, Any] | None:
        """Return the first cell of all, where the dtype is of no real numbers."""
        if self.dtype.kind in "biuf":
            return None
        return 0, 0, np.asarray(self[:1]).flat[0], self.dtype

    def spread(self, rows: np.ndarray, index: Any = None) -> Modality:
        """As of an array: the rows are read."""
        return Modality(np.asarray(self)).spread(rows, index)


class AbsentModality(Modality):
    """What is given as None: no row has it, and how wide it would be is not known here."""

    dtype = np.dtype(bool)

    def __init__(self, n_rows: int) -> None:
        super().__init__(None, np.zeros(n_rows, dtype=bool))

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, (n_samples, 0)."""
        return len(self.present), 0

    def __str__(self) -> str:
        return "None"

    def _rows(self, rows: Any) -> Any:
        return None

    def _read(self) -> np.ndarray:
        return np.empty(self.shape, self.dtype)

    def without(self, name: str, present: Any) -> Modality:
        """Return it as it is; a row that has it contradicts."""
        if np.any(present):
            raise ValueError(f"present[{name!r}] says that rows have it, but it is None")
        return self


def rows_together(modalities: Iterable[Modality], most: int) -> int:
    """How many rows are read at once: fewer than `most` where what is streamed is wide."""
    width = sum(modality.width for modality in modalities if modality.streamed)
    return min(most, rows_at_once(width)) if width else most


def face(value: Any) -> Modality:
    """Wrap an array, frame, sparse matrix or store."""
    if _is_stored(value):
        return StoredModality(value)
    if sparse.issparse(value):
        matrix = value.tocsr()
        if not matrix.has_canonical_format:  # entries of one cell are summed, in a copy
            matrix = matrix.copy()
            matrix.sum_duplicates()
        return SparseModality(matrix)
    return FrameModality(value) if is_dataframe(value) else Modality(as_array(value))


def as_modality(name: str, value: Any) -> Modality:
    """Wrap what has rows and columns; text has one axis, and is one column.

    Raises
    ------
    TypeError, ValueError
        If the value has fewer than two axes and is no text.
    """
    index, given = index_of(value), value
    value = as_numpy(f"modality {name!r}", value, FILL)
    if any(isinstance(n, float) for n in getattr(value, "shape", ())):
        raise ValueError(
            f"modality {name!r} has rows that were not counted, its shape is {value.shape}: pass "
            "its .compute_chunk_sizes()"
        )
    if len(getattr(value, "shape", ())) < 2:
        value = _array(name, value)
    if value.shape == ():
        raise ValueError(f"modality {name!r} needs rows and columns, got {value.item()!r}")
    if _is_text(value):
        value = value.reshape(-1, 1)
    elif hasattr(given, "to_frame"):
        value = given.to_frame()
    if len(value.shape) < 2:
        cells = value if value.dtype == object else ()
        holds_arrays = any(np.ndim(cell) for cell in cells)
        remedy = PAD if holds_arrays else TWO_AXES
        if any(isinstance(cell, str) for cell in cells):
            row = [isinstance(cell, str) or is_null(cell) for cell in cells].index(False)
            remedy = f"one column of text has none but strings, but row {row} is {value[row]!r}"
        raise ValueError(
            f"modality {name!r} needs rows and columns, got shape {value.shape}; {remedy}"
        )
    modality = face(value)
    modality._index = index
    return modality


def _array(name: str, value: Any) -> np.ndarray:
    try:
        return as_array(value)
    except ValueError as error:
        raise ValueError(f"modality {name!r} is no array: {error}; {PAD}") from error


def _is_text(value: Any) -> bool:
    """Whether it is a sequence of strings, some or all null, which can only be one column."""
    if len(value.shape) != 1 or not value.size:
        return False
    if value.dtype.kind not in "Of":
        return value.dtype.kind == "U"
    return all(isinstance(cell, str) or is_null(cell) for cell in value)


def _is_stored(value: Any) -> bool:
    """Whether it is read row by row: a memory map, or no ndarray but with shape, dtype and rows."""
    if isinstance(value, np.ndarray):
        return isinstance(value, np.memmap)
    if sparse.issparse(value) or is_dataframe(value) or isinstance(value, np.generic):
        return False
    return isinstance(getattr(value, "dtype", None), np.dtype) and all(
        hasattr(value, name) for name in ("shape", "__getitem__")
    )


def _eps(dtype: Any) -> float:
    numpy_float = isinstance(dtype, np.dtype) and dtype.kind == "f"
    return float(np.finfo(dtype).eps) if numpy_float else 0.0
