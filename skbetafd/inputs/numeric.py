"""From a container to checked numbers."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from .._utils.messages import named
from .modality import Modality, rows_together
from .multimodal_array import MultiModalArray
from .recipe import OTHER, remedy
from .row_sources import ROWS_AT_ONCE, slices

LARGEST = {"float32": 1e19, "float64": 1e148}
"""Beyond these, squares overflow; scaling sums them in float64."""

MOST_VALUES = 2**28
"""Of a sparse or stored modality that is made dense whole: 2 GiB in float64."""

IMPUTE = "only a row that is all NaN lacks its modality: impute single values"
UNPADDED = " (only the encoder 'sequence' reads steps that are padding)"
INFINITE = "replace it by a finite number, or by NaN and impute that"
PADDING = (
    "only a row that is all NaN lacks its modality, and only steps at the end of a sequence that "
    "are all NaN are padding: impute the others (guide: Missing modalities)"
)


@dataclass(frozen=True, repr=False)
class NumericRows:
    """Checked modalities, and which row has which."""

    names: tuple[str, ...]
    arrays: list[Modality]
    """Flat float rows, (n_samples, width)."""
    present: np.ndarray
    """Which modality a row has, shape (n_samples, n_modalities), bool."""

    def __len__(self) -> int:
        return len(self.present)

    @property
    def complete(self) -> np.ndarray:
        """Which rows have all modalities, shape (n_samples,), bool."""
        return np.asarray(self.present.all(axis=1))

    def take(self, rows: Any) -> Self:
        """Cut all that is aligned to some rows."""
        arrays = [array[rows] for array in self.arrays]
        return replace(self, arrays=arrays, present=self.present[rows])

    def dense(self) -> dict[str, np.ndarray]:
        """Return each modality's array, where none is too large for that."""
        self.check_size()
        return {n: np.asarray(a) for n, a in zip(self.names, self.arrays, strict=True)}

    def check_size(self) -> None:
        """Raise where a sparse or stored modality has more than 2^28 values."""
        for name, array in zip(self.names, self.arrays, strict=True):
            if array.streamed and math.prod(array.shape) > MOST_VALUES:
                raise ValueError(
                    f"modality {name!r} of shape {array.shape} would be dense here and is too "
                    "large: pass some of the rows"
                )

    def check_presence(
        self, positions: np.ndarray | None = None, *, training: bool, mediated: bool = False
    ) -> None:
        """Raise where a row has no modality.

        In training every modality must be in some row, and all of them in one; with an observed
        mediator every row needs all. `positions` are the rows' in the user's data, for messages.
        """
        names, present = self.names, self.present
        at = np.arange(len(self)) if positions is None else positions
        empty = np.flatnonzero(~present.any(axis=1))
        if len(empty):
            raise ValueError(
                f"row {at[empty[0]]} has no modality: all of {', '.join(map(repr, names))} are "
                f"NaN there ({len(empty)} such rows)"
            )
        counts = dict(zip(names, present.sum(axis=0).tolist(), strict=True))
        for name, count in counts.items() if training else ():
            if not count:
                raise ValueError(f"modality {name!r} is NaN in every training row")
        if training and not self.complete.any():
            others = present.sum(axis=1, keepdims=True) - present == len(names) - 1
            n_without, name = max(zip(others.sum(axis=0).tolist(), names, strict=True))
            without = f"; without {name!r}, {n_without} rows have all" if n_without else ""
            raise ValueError(
                "no training row has all modalities: they were never seen together; rows with "
                f"each: {counts}{without if len(names) > 2 else ''}"
            )
        if mediated and not present.all():
            row, column = np.argwhere(~present)[0]
            raise ValueError(
                f"modality {names[column]!r} is missing in row {at[row]}: with an observed "
                "mediator every row needs all modalities"
            )


def numeric_rows(X: MultiModalArray, dtype: Any, *, padded: Collection[str] = ()) -> NumericRows:
    """Check each modality and flatten it to floats; what is stored is read through once.

    The floats are float64 or, where they came so, float32; `dtype` is what they will be cast to.
    The last steps of a row of a modality in `padded`, of shape (n_samples, n_steps, n_channels),
    may be all NaN.

    Raises
    ------
    TypeError
        If a cell of an array of Python objects is none of them: a list, say.
    ValueError
        If a modality has no column, no row, or text, dates, complex numbers, NaN or infinity.
    """
    found = X._faces
    arrays = [_floats(name, modality) for name, modality in found.items()]
    checks = [
        _FiniteCheck(name, modality, np.dtype(dtype), name in padded and len(modality.shape) == 3)
        for name, modality in found.items()
    ]
    present = np.empty((len(X), len(arrays)), dtype=bool)
    # side by side, as the items of a Dataset hold all modalities
    for rows in slices(len(X), rows_together(arrays, ROWS_AT_ONCE)):
        for m, (array, check) in enumerate(zip(arrays, checks, strict=True)):
            part = array[rows].in_memory()
            present[rows, m] = part.present
            check(part, present[rows, m], rows.start)
    arrays = [array.with_present(present[:, m]) for m, array in enumerate(arrays)]
    return NumericRows(X.names, arrays, present)


def _floats(name: str, modality: Modality) -> Modality:
    shape = modality.shape
    if not all(shape):
        what = "features" if shape[0] else "rows"
        raise ValueError(f"modality {name!r} has 0 {what}, its shape is {shape}")
    found = modality.first_no_number()
    if found is not None:
        row, column, cell, dtype = found
        what_to_do = remedy(cell)
        raise (TypeError if what_to_do == OTHER else ValueError)(
            f"modality {name!r} holds {dtype}, {str(cell)!r} at row {row}, "
            f"{modality.place(column)}; {what_to_do}"
        )
    with named(f"modality {name!r}"), np.errstate(over="ignore"):  # reported with its row
        return modality.floats()


@dataclass(frozen=True)
class _FiniteCheck:
    """Raises where a modality's floats are not finite, or too large to be squared."""

    name: str
    modality: Modality
    dtype: np.dtype[Any]
    padded: bool

    def __call__(self, part: Modality, present: np.ndarray, first: int) -> None:
        limit = min(LARGEST[self.dtype.name], float(np.finfo(part.dtype).max))
        if part.within(limit):
            return
        flat = np.asarray(part)
        wrong = ~(np.abs(flat) <= limit) & present[:, None]
        if self.padded:
            sequences = flat.reshape(len(flat), *self.modality.shape[1:])
            wrong[_padding(sequences).reshape(flat.shape)] = False
        if not wrong.any():
            return
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        number = float(flat[row, column])
        what = "NaN" if np.isnan(number) else "infinity" if np.isinf(number) else repr(number)
        hint = f", too large for {self.dtype} arithmetic"
        if not np.isfinite(number):
            unpadded = IMPUTE + UNPADDED * (len(self.modality.shape) == 3)
            missing = PADDING if self.padded else unpadded
            hint = f"; {missing if np.isnan(number) else INFINITE}"
        raise ValueError(
            f"Input modality {self.name!r} contains {what} at row {row + first}, "
            f"{self.modality.place(column)}{hint}"
        )


def _padding(sequences: np.ndarray) -> np.ndarray:
    """Mask the steps of (n_samples, n_steps, n_channels) that, as all after them, are all NaN."""
    absent = np.isnan(sequences).all(axis=2)
    trailing = np.logical_and.accumulate(absent[:, ::-1], axis=1)[:, ::-1]
    return np.broadcast_to(trailing[:, :, None], sequences.shape)
