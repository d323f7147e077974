"""torch Datasets and DataLoaders as input: their items become stores of rows, and labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset, IterableDataset

from .as_numpy import FILL, as_array, as_numpy
from .row_sources import row_key

ITEMS = "((x_1, ..., x_m), y), ({name: x}, y) or (x_1, ..., x_m, y), the label y where there is one"


TEXT = "USO"
"""Kinds of dtype that hold strings."""


def is_dataset(X: Any) -> bool:
    """Tell a torch Dataset (skorch's is one) or DataLoader."""
    return isinstance(X, (Dataset, DataLoader))


def labelled(X: Any, y: Any) -> tuple[Any, Any]:
    """Open a Dataset for `fit`; without `y`, its items' labels are taken.

    Raises
    ------
    TypeError, ValueError
        If the dataset has no length or no items, or items that are not understood or have no label.
    """
    if not is_dataset(X):
        return X, y
    items = Items(X)
    return items.stores(), items.labels() if y is None else y


class Items:
    """The items of a Dataset; those last read stay in memory, for the next modality."""

    def __init__(self, X: Any) -> None:
        dataset = X.dataset if isinstance(X, DataLoader) else X
        name = type(dataset).__name__
        if isinstance(dataset, IterableDataset) or not hasattr(dataset, "__len__"):
            raise TypeError(
                f"{name} has no length and no order: rows are drawn at random, so a Dataset with "
                "__len__ and __getitem__ is needed"
            )
        if not len(dataset):
            raise ValueError(f"{name} has 0 items: at least one is required")
        self.dataset, self.n_rows = dataset, len(dataset)
        entries, _ = self._item(0)
        self.named = isinstance(entries, Mapping)
        keys = list(entries) if isinstance(entries, Mapping) else list(range(len(entries)))
        self.like = {key: self._like(key) for key in keys}
        self._last: tuple[bytes, dict[Any, np.ndarray]] = (b"", {})

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_last": (b"", {})}

    def stores(self) -> Any:
        """Give a store for each modality, None if no item has it, under its name if it has one."""
        stores = {
            key: None if like is None else ItemStore(self, key, like)
            for key, like in self.like.items()
        }
        return stores if self.named else list(stores.values())

    def labels(self) -> list[Any]:
        """Read every item for its label."""
        labels = []
        for row in range(self.n_rows):
            label = self._item(row)[1]
            if label is None:
                raise self._error(row, f"has no label, and y is None: items must be {ITEMS}")
            labels.append(label.item() if hasattr(label, "item") else label)
        return labels

    def read(self, rows: np.ndarray) -> dict[Any, np.ndarray]:
        """Read items by position: one array a modality, NaN where an item has None."""
        key = rows.tobytes()
        if key != self._last[0]:
            out = {
                key: np.full((len(rows), *like.shape), _missing(like), like.dtype)
                for key, like in self.like.items()
                if like is not None
            }
            for at, row in enumerate(rows.tolist()):
                self._fill(out, at, row)
            self._last = (key, out)
        return self._last[1]

    def _fill(self, out: dict[Any, np.ndarray], at: int, row: int) -> None:
        entries, _ = self._item(row)
        for key, array in out.items():
            try:
                entry = entries[key]
            except (KeyError, IndexError):
                raise self._error(row, f"has no modality {key!r}") from None
            if entry is None:
                continue
            entry = _array(key, entry)
            if entry.shape != array.shape[1:] or not _fits(entry.dtype, array.dtype):
                raise self._error(
                    row,
                    f"has {entry.dtype} of shape {entry.shape} in modality {key!r}, where others "
                    f"have {array.dtype} of shape {array.shape[1:]}",
                )
            array[at] = entry

    def _error(self, row: int, fault: str) -> ValueError:
        return ValueError(f"item {row} of {type(self.dataset).__name__} {fault}")

    def _like(self, key: Any) -> np.ndarray | None:
        """Find an entry that is there, as an array of no values but its shape and dtype."""
        for row in range(self.n_rows):
            entry = self._item(row)[0][key]
            if entry is not None:
                entry = _array(key, entry)
                return np.empty(entry.shape, _dtype_for(entry.dtype))
        return None

    def _item(self, row: int) -> tuple[Any, Any]:
        item = self.dataset[row]
        if isinstance(item, Mapping):
            return item, None
        if isinstance(item, (tuple, list)) and item:
            if len(item) == 2 and isinstance(item[0], (Mapping, tuple, list)):
                return item[0], item[1]
            if np.ndim(item[-1]) == 0 and len(item) > 1 and item[-1] is not None:
                return item[:-1], item[-1]
            return item, None
        raise TypeError(
            f"item {row} of {type(self.dataset).__name__} is a {type(item).__name__}; it must be "
            f"{ITEMS}"
        )


class ItemStore:
    """One modality of a dataset's items, as rows."""

    def __init__(self, items: Items, key: Any, like: np.ndarray) -> None:
        self.items, self.key = items, key
        self.shape = (items.n_rows, *like.shape)
        self.dtype = like.dtype

    def gather(self, rows: np.ndarray) -> np.ndarray:
        """Read rows by position."""
        return self.items.read(rows)[self.key]

    def __getitem__(self, key: Any) -> Any:
        rows, then = row_key(key, self.shape)
        part = self.gather(np.arange(self.shape[0])[rows])
        return part if then is None else part[then]


def _array(key: Any, entry: Any) -> np.ndarray:
    """Read an entry; a single number or text is one column."""
    return np.atleast_1d(as_array(as_numpy(f"an item's modality {key!r}", entry, FILL)))


def _dtype_for(dtype: np.dtype[Any]) -> Any:
    """Give the dtype for all items like this one; text is of any length."""
    if dtype.kind in TEXT:
        return object
    return np.float64 if dtype.kind in "biuf" and dtype != np.float32 else dtype


def _fits(dtype: np.dtype[Any], like: np.dtype[Any]) -> bool:
    return dtype.kind in TEXT if like.kind == "O" else np.can_cast(dtype, like, "same_kind")


def _missing(like: np.ndarray) -> Any:
    if like.dtype.kind == "O":
        return None
    return np.nan if like.dtype.kind == "f" else np.zeros((), like.dtype)
