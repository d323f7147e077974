"""MultiModalArray: several aligned arrays that scikit-learn can index as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from html import escape
from typing import Any, Self

import numpy as np

from .missing import COMPLETE
from .modality import AbsentModality, Modality, as_modality
from .row_order import warn_of_order
from .row_sources import row_key
from .torch_dataset import Items, is_dataset


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
        arrays of any dtype and rank, DataFrames (of ``pyarrow``, turned to pandas'), SciPy sparse
        matrices; or stores that are read
        only where rows are needed: ``np.memmap`` and whatever is no ndarray but has ``shape``, a
        NumPy ``dtype`` and slices of rows (zarr, h5py). Nothing is copied. A Series, and strings in
        one dimension, are one column. None is a modality that no row has, at prediction alone. A
        Dataset's items are
        ``((x_1, …, x_m), y)``, ``({name: x}, y)`` or ``(x_1, …, x_m, y)``, with or without the
        label, which is not read here. A sequence's modalities are called ``modality0``,
        ``modality1``, … and count as unnamed. A row that is all NaN (in a frame, an array of
        objects or a sparse matrix: all null) in a modality lacks that modality. Of a sparse row
        the stored entries count: one that stores nothing is a row of zeros and is there, one that
        stores NaN and nothing else is missing. An estimator that was fitted on a sparse modality
        reads dense rows of it so too: NaN beside zeros alone is missing.
    present : mapping of str to array-like of shape (n_samples,), bool, optional
        Where a modality is present; the other rows of it become null, in a copy: NaN in numbers,
        None in strings and objects, what the library has for it in a frame, one stored NaN in a
        sparse row; a store is read for it. A modality that is left out is present everywhere.

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

    Warns
    -----
    UserWarning
        If pandas objects have the same index labels in another order: rows go by position.

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
        if is_dataset(data):
            data = Items(data).stores()
        if isinstance(data, str) or not isinstance(data, Iterable):
            raise TypeError(f"data must be a mapping or a sequence of arrays, got {data!r}")
        if hasattr(data, "columns") or (isinstance(data, np.ndarray) and data.ndim == 2):
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
        for name in entries:
            if not isinstance(name, str):
                raise TypeError(f"a modality's name must be a string, got {name!r}")
        given = {name: as_modality(name, x) for name, x in entries.items() if x is not None}
        if not given:
            raise ValueError(f"X has no rows: it holds None for each of {quoted(entries)}")
        _check_same_rows(given)
        n_rows = len(next(iter(given.values())))
        self._faces = {name: given.get(name, AbsentModality(n_rows)) for name in entries}
        if present is not None and not isinstance(present, Mapping):
            raise TypeError(f"present must be a mapping of modality to booleans, got {present!r}")
        for name, rows in (present or {}).items():
            if name not in self._faces:
                raise ValueError(
                    f"present names {name!r}, but the modalities are {quoted(self.names)}"
                )
            self._faces[name] = self._faces[name].without(name, rows)
        masks = {f"present[{name!r}]": rows for name, rows in (present or {}).items()}
        warn_of_order(self, {f"modality {n!r}": value for n, value in entries.items()} | masks)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities, in order."""
        return tuple(self._faces)

    @property
    def widths(self) -> tuple[int, ...]:
        """Features of each modality, (n_modalities,)."""
        return tuple(modality.width for modality in self._faces.values())

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
        return {name: modality.present for name, modality in self._faces.items()}

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the flat table, (n_samples, n_features)."""
        return len(self), sum(self.widths)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the flat table."""
        dtypes = [m.dtype for m in self._faces.values() if m.value is not None]
        if any(dtype.kind not in "biufc" for dtype in dtypes) and len(set(dtypes)) > 1:
            return np.dtype(object)
        return np.result_type(*dtypes)

    @property
    def feature_names(self) -> list[str] | None:
        """Names of the columns, ``modality__column``, where all modalities have them."""
        return flat_names({name: modality.column_names for name, modality in self._faces.items()})

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
        return tuple(modality.value for modality in self._faces.values())

    def items(self) -> Iterator[tuple[str, Any]]:
        """Iterate over (name, array) pairs.

        Returns
        -------
        iterator of (str, array)
            In the order of the names.
        """
        return iter(zip(self.names, self.values(), strict=True))

    def __len__(self) -> int:
        return len(next(iter(self._faces.values())))

    def __sizeof__(self) -> int:
        # parallel backends send once what is large, and learn that by this
        return object.__sizeof__(self) + sum(m.n_bytes for m in self._faces.values())

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(np.asarray(self))

    def __contains__(self, name: object) -> bool:
        return name in self._faces

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("A flat array of several modalities can't be made without a copy.")
        target = np.dtype(dtype) if dtype is not None else self.dtype
        flat = [np.asarray(m).reshape(len(m), m.width) for m in self._faces.values()]
        return np.hstack([rows.astype(target) for rows in flat])

    def __getitem__(self, key: Any) -> Any:
        """Select a modality by name; rows as a container, entries as an array, as NumPy does."""
        if isinstance(key, str):
            if key not in self._faces:
                raise KeyError(f"no modality {key!r}; there are {quoted(self.names)}")
            return self._faces[key].value
        rows, then = row_key(key, self.shape)
        part = self._of({name: modality[rows] for name, modality in self._faces.items()})
        return part if then is None else np.asarray(part)[then]

    def __setitem__(self, key: Any, values: Any) -> None:
        """Set a column of the flat table; the modality becomes another array, itself unchanged."""
        rows, column = key if isinstance(key, tuple) and len(key) == 2 else (key, None)
        if not isinstance(column, (int, np.integer)):
            raise TypeError(
                "one column of the flat table can be set, as X[rows, column] = values, got "
                f"X[{key!r}]; a new MultiModalArray holds other modalities"
            )
        column = np.arange(self.shape[1])[column]
        name, place = next(item for item in self.slices.items() if column < item[1].stop)
        modality = self._faces[name]
        lacking = np.arange(len(self))[rows][~modality.present[rows]]
        if lacking.size:
            raise ValueError(
                f"column {column}, of modality {name!r}, can't be set in row {lacking.flat[0]}, "
                f"which lacks the modality; {COMPLETE}"
            )
        table = np.asarray(modality).reshape(len(self), modality.width)
        table = table.astype(np.result_type(table, np.asarray(values)))
        table[rows, column - place.start] = values
        self._faces = self._faces | {name: as_modality(name, modality.like(table))}

    def copy(self) -> Self:
        """Return a container of which columns can be set, as ``X[rows, column] = values``.

        Returns
        -------
        MultiModalArray
            Of the same arrays; what is set in one container is set in no other.
        """
        return self._of(self._faces)

    def _of(self, faces: dict[str, Modality], named: bool | None = None) -> Self:
        new = copy(self)
        new._faces = faces
        new.named = self.named if named is None else named
        return new

    def _with_values(self, values: Mapping[str, Any]) -> Self:
        """Return a container with other arrays for some modalities."""
        faces = self._faces | {name: as_modality(name, value) for name, value in values.items()}
        _check_same_rows(faces)
        return self._of(faces)

    def __repr__(self) -> str:
        parts = []
        for name, modality in self._faces.items():
            _, share = _missing(modality)
            lacking = f" ({share} missing)" if share else ""
            parts.append(f"{name}={modality}{lacking}")
        return f"MultiModalArray({', '.join(parts)})"

    def _repr_html_(self) -> str:
        head = "<tr><th>modality</th><th>shape</th><th>dtype</th><th>missing rows</th></tr>"
        rows = []
        for name, modality in self._faces.items():
            missing, share = _missing(modality)
            number = "not counted" if missing is None else str(missing)
            cells = [name, modality.shape, modality.dtype, number + f" ({share})" * bool(share)]
            rows.append("".join(f"<td>{escape(str(cell))}</td>" for cell in cells))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        caption = f"<caption>MultiModalArray, {len(self)} rows</caption>"
        return f"<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>"


def _check_same_rows(faces: Mapping[str, Modality]) -> None:
    first, *_ = faces
    for name, modality in faces.items():
        if len(modality) != len(faces[first]):
            raise ValueError(
                f"modality {name!r} has {len(modality)} rows, but modality {first!r} has "
                f"{len(faces[first])}"
            )


def flat_names(columns: Mapping[str, list[str] | None]) -> list[str] | None:
    """Name the columns of a flat table, ``modality__column``; None unless all have names."""
    if None in columns.values():
        return None
    return [f"{name}__{column}" for name, group in columns.items() for column in group or ()]


def quoted(names: Iterable[str]) -> str:
    """Spell names for a message."""
    return ", ".join(repr(name) for name in names)


def _missing(modality: Modality) -> tuple[int | None, str]:
    """Count the rows that lack a modality, and spell their share; a store is not read for it."""
    if modality.streamed and not modality.sparse:
        return None, ""
    missing = ~modality.present
    if not missing.any():
        return 0, ""
    share = missing.mean()
    return missing.sum(), "<1%" if share < 0.01 else ">99%" if 0.99 < share < 1 else f"{share:.0%}"
