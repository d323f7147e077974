"""MultiModalArray: several aligned arrays that scikit-learn can index as one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from sys import getsizeof
from typing import Any

import numpy as np
from scipy import sparse

from .._utils.sklearn_compat import is_dataframe, safe_indexing
from .missing import null_rows, present_in, with_absent_rows
from .modality import as_modality
from .row_sources import RowView, is_stored, row_positions
from .torch_dataset import unlabelled


class MultiModalArray:
    """Named modalities with aligned rows, behaving as one two-dimensional array.

    scikit-learn's splitters, searches and meta-estimators need one object with one number of
    rows. This one has a 2-D ``shape`` (rows × total flattened width), indexes rows as an array
    does, turns into a flat 2-D array with ``np.asarray`` (so that any scikit-learn estimator
    accepts it), and gives a modality back under its name.

    Parameters
    ----------
    data : mapping of str to array-like, sequence of array-like, or torch Dataset
        One entry a modality, each of shape (n_samples, ...) with at least two dimensions: NumPy
        arrays of any dtype and rank, DataFrames, SciPy sparse matrices; or stores that are read
        only where rows are needed: ``np.memmap`` and whatever is no ndarray but has ``shape``, a
        NumPy ``dtype`` and slices of rows (zarr, h5py). Nothing is copied. Strings in one
        dimension, as a Series or list of text, are one column. A Dataset's items are
        ``((x_1, …, x_m), y)``, ``({name: x}, y)`` or ``(x_1, …, x_m, y)``, with or without the
        label, which is not read here. A sequence's modalities are called ``modality0``,
        ``modality1``, … and count as unnamed. A row that is all NaN (in a frame, an array of
        objects or a sparse matrix: all null) in a modality lacks that modality. Of a sparse row
        the stored entries count: one that stores nothing is a row of zeros and is there, one that
        stores NaN and nothing else is missing.
    present : mapping of str to array-like of shape (n_samples,), bool, optional
        Where a modality is present; the other rows of it become null, in a copy: NaN in numbers,
        None in strings and objects, what the library has for it in a frame, one stored NaN in a
        sparse row. Stores take none. A modality that is
        left out is present everywhere.

    Attributes
    ----------
    names : tuple of str
        The modalities' names, in order.
    named : bool
        Whether the names were given (by a mapping) or made up (for a sequence).
    shape : tuple of (int, int)
        Number of rows, total flattened width.
    widths : tuple of int
        Flattened width of each modality.
    slices : dict of str to slice
        Where each modality's columns lie in the flat array.
    present : dict of str to ndarray of shape (n_samples,), bool
        Which rows have each modality, as the argument says it;
        ``np.all(list(X.present.values()), axis=0)`` tells the complete ones.
    feature_names : list of str or None
        ``"modality__column"`` for each column, where every modality is a DataFrame with string
        column names.

    Raises
    ------
    ValueError
        If there is no modality, or one has fewer than two dimensions or another number of rows.
    TypeError
        If `data` is neither mapping nor sequence, or a name is not a string.

    See Also
    --------
    PerModality : A scikit-learn transformer for each modality.

    Examples
    --------
    >>> import numpy as np
    >>> from skbetafd import MultiModalArray
    >>> X = MultiModalArray({"audio": np.zeros((4, 3)), "image": np.ones((4, 2, 2))})
    >>> X
    MultiModalArray(audio=(4, 3) float64, image=(4, 2, 2) float64)
    >>> X.shape
    (4, 7)
    >>> X[:2]["image"].shape
    (2, 2, 2)
    >>> np.asarray(X)[0]
    array([0., 0., 0., 1., 1., 1., 1.])
    """

    ndim = 2

    def __init__(
        self,
        data: Mapping[str, Any] | Sequence[Any],
        *,
        present: Mapping[str, Any] | None = None,
    ) -> None:
        data = unlabelled(data)
        if isinstance(data, str) or not isinstance(data, Iterable):
            raise TypeError(f"data must be a mapping or a sequence of arrays, got {data!r}")
        if is_dataframe(data) or (isinstance(data, np.ndarray) and data.ndim == 2):
            raise TypeError(
                "data is one table; pass a mapping or a list of the modalities, or the table "
                "itself to fit, with modalities= or column groups"
            )
        self.named = getattr(data, "named", isinstance(data, Mapping))
        if isinstance(data, (Mapping, MultiModalArray)):
            entries = dict(data.items())
        else:
            entries = {f"modality{i}": value for i, value in enumerate(data)}
        if not entries:
            raise ValueError("X holds no modality: at least one is required, got 0.")
        self._data = {name: as_modality(name, value) for name, value in entries.items()}
        _check_same_rows(self._data)
        if present is not None and not isinstance(present, Mapping):
            raise TypeError(f"present must be a mapping of modality to booleans, got {present!r}")
        for name, rows in (present or {}).items():
            if name not in self._data:
                raise ValueError(
                    f"present names {name!r}, but the modalities are {quoted(self.names)}"
                )
            self._data[name] = with_absent_rows(name, self._data[name], rows)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities, in order."""
        return tuple(self._data)

    @property
    def widths(self) -> tuple[int, ...]:
        """Features of each modality, (n_modalities,)."""
        return tuple(math.prod(value.shape[1:]) for value in self._data.values())

    @property
    def slices(self) -> dict[str, slice]:
        """Columns of each modality in the flat table."""
        ends = np.cumsum(self.widths).tolist()
        return {
            name: slice(end - width, end)
            for name, width, end in zip(self.names, self.widths, ends, strict=True)
        }

    @property
    def present(self) -> dict[str, np.ndarray]:
        """Which rows have each modality, (n_samples,) bool each."""
        return {name: present_in(value) for name, value in self._data.items()}

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the flat table, (n_samples, n_features)."""
        return len(self), sum(self.widths)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the flat table."""
        dtypes = [entry_dtype(value) for value in self._data.values()]
        if any(dtype.kind not in "biufc" for dtype in dtypes) and len(set(dtypes)) > 1:
            return np.dtype(object)
        return np.result_type(*dtypes)

    @property
    def feature_names(self) -> list[str] | None:
        """Names of the columns, ``modality__column``, where all modalities have them."""
        columns = [(name, list(getattr(v, "columns", [None]))) for name, v in self._data.items()]
        if not all(isinstance(c, str) for _, group in columns for c in group):
            return None
        return [f"{name}__{column}" for name, group in columns for column in group]

    def keys(self) -> tuple[str, ...]:
        """Return the modalities' names, so that ``dict(X)`` works.

        Returns
        -------
        tuple of str
            In order.
        """
        return self.names

    def values(self) -> tuple[Any, ...]:
        """Return the modalities' arrays.

        Returns
        -------
        tuple of array, matrix, frame or store, each of shape (n_samples, ...)
            In the order of the names.
        """
        return tuple(self._data.values())

    def items(self) -> Iterator[tuple[str, Any]]:
        """Iterate over (name, array) pairs.

        Returns
        -------
        iterator of (str, array)
            In the order of the names.
        """
        return iter(self._data.items())

    def __len__(self) -> int:
        return int(next(iter(self._data.values())).shape[0])

    def __sizeof__(self) -> int:
        # parallel backends send once what is large, and learn that by this
        return object.__sizeof__(self) + sum(_n_bytes(value) for value in self.values())

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(np.asarray(self))

    def __contains__(self, name: object) -> bool:
        return name in self._data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("A flat array of several modalities can't be made without a copy.")
        target = np.dtype(dtype) if dtype is not None else self.dtype
        return np.hstack([_flat(value).astype(target) for value in self._data.values()])

    def __getitem__(self, key: Any) -> Any:
        """Select a modality by name, or rows as an array's first axis does."""
        if isinstance(key, str):
            if key not in self._data:
                raise KeyError(f"no modality {key!r}; there are {quoted(self.names)}")
            return self._data[key]
        if isinstance(key, tuple):
            if len(key) == 1 or (len(key) == 2 and _is_everything(key[1])):
                return self[key[0]]
            return np.asarray(self)[key]
        if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
            row = int(key)
            if not -len(self) <= row < len(self):
                raise IndexError(f"row {row} is out of bounds for {len(self)} rows")
            row %= len(self)
            return np.asarray(self[row : row + 1])[0]
        if not isinstance(key, slice):
            key = row_positions(key, len(self))
        return self._like({name: _rows(value, key) for name, value in self.items()})

    def _like(self, data: dict[str, Any]) -> MultiModalArray:
        new = MultiModalArray(data)
        new.named = self.named
        return new

    def __repr__(self) -> str:
        return as_text(self._data)

    def _repr_html_(self) -> str:
        return as_table(self._data, len(self))


def _check_same_rows(data: Mapping[str, Any]) -> None:
    rows = {name: value.shape[0] for name, value in data.items()}
    first = next(iter(rows))
    for name, n in rows.items():
        if n != rows[first]:
            raise ValueError(
                f"modality {name!r} has {n} rows, but modality {first!r} has {rows[first]}"
            )


def _n_bytes(value: Any) -> int:
    if sparse.issparse(value):
        return int(value.data.nbytes + value.indices.nbytes + value.indptr.nbytes)
    return int(value.nbytes) if hasattr(value, "nbytes") else getsizeof(value)


def _flat(value: Any) -> np.ndarray:
    dense = _dense(value) if sparse.issparse(value) else np.asarray(value)
    return dense.reshape(len(dense), math.prod(dense.shape[1:]))


def _dense(matrix: Any) -> np.ndarray:
    dense: np.ndarray = matrix.toarray()
    absent = null_rows(matrix) if matrix.dtype.kind == "f" else None
    if absent is not None:
        dense[absent] = np.nan
    return dense


def _rows(value: Any, key: Any) -> Any:
    return RowView.of(value)[key] if is_stored(value) else safe_indexing(value, key)


def _is_everything(key: Any) -> bool:
    return key is Ellipsis or (isinstance(key, slice) and key == slice(None))


def quoted(names: Iterable[str]) -> str:
    """Spell names for a message."""
    return ", ".join(repr(name) for name in names)


def as_text(data: Mapping[str, Any]) -> str:
    """Spell each modality's name, shape, dtype and, where rows are missing, their share."""
    parts = (
        f"{name}={value.shape} {entry_dtype(value)}{f' ({share} missing)' if share else ''}"
        for name, value in data.items()
        for share in [_share(_missing_rows(value))]
    )
    return f"MultiModalArray({', '.join(parts)})"


def as_table(data: Mapping[str, Any], n_rows: int) -> str:
    """Write a table in HTML, a row a modality."""
    head = "<tr><th>modality</th><th>shape</th><th>dtype</th><th>missing rows</th></tr>"
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{value.shape}</td>"
        f"<td>{escape(str(entry_dtype(value)))}</td><td>{escape(_n_missing(value))}</td></tr>"
        for name, value in data.items()
    )
    caption = f"<caption>MultiModalArray, {n_rows} rows</caption>"
    return f"<table>{caption}<thead>{head}</thead><tbody>{rows}</tbody></table>"


def entry_dtype(value: Any) -> np.dtype[Any]:
    """Give the one dtype that a modality's entries have together."""
    if is_dataframe(value):
        return np.asarray(value).dtype  # of all rows: a missing value turns integers to floats
    return np.dtype(value.dtype)


def _missing_rows(value: Any) -> np.ndarray | None:
    """Tell the rows that lack a modality; a store is not read through for a look at it."""
    return None if is_stored(value) else null_rows(value)


def _n_missing(value: Any) -> str:
    if is_stored(value):
        return "not counted"
    rows = _missing_rows(value)
    return "0" if rows is None else f"{rows.sum()} ({_share(rows)})"


def _share(rows: np.ndarray | None) -> str:
    if rows is None:
        return ""
    share = rows.mean()
    return "<1%" if share < 0.01 else ">99%" if 0.99 < share < 1 else f"{share:.0%}"
