"""An observed mediator as `fit` reads it: categories to one-hot rows, numbers standardised."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.preprocessing import StandardScaler

from ._levels import Levels, category_rows
from ._sklearn_compat import is_dataframe


class ObservedMediator(NamedTuple):
    """A mediator as floats."""

    values: np.ndarray
    """One-hot rows (n, n_levels), or standardised columns (n, k)."""
    continuous: bool
    """Whether they are columns."""

    def rows(self, used: np.ndarray) -> ObservedMediator:
        """Select rows by a mask."""
        return ObservedMediator(self.values[used], self.continuous)


def read_mediator(mediator: Any, n_samples: int) -> ObservedMediator:
    """Turn a mediator into an array of floats.

    Parameters
    ----------
    mediator : array-like of shape (n_samples,) or (n_samples, k)
        Floats are continuous columns; strings, booleans and integers are categories, several
        columns of which count as one mediator with their distinct rows as levels.
    n_samples : int
        Number of training rows.

    Returns
    -------
    ObservedMediator
        One-hot rows of a category, or standardised columns.

    Raises
    ------
    ValueError
        If the rows do not match, a number is not finite, columns of both kinds are mixed, a
        continuous column or the category is constant, or the levels are as good as unique.
    TypeError
        If it is sparse, or an entry is neither string nor number.
    """
    array = np.asarray(mediator)
    if array.ndim not in (1, 2) or array.shape[0] != n_samples:
        raise ValueError(
            f"mediator must have shape ({n_samples},) or ({n_samples}, k), got {array.shape}"
        )
    kinds = {_kind(dtype) for dtype in _dtypes(mediator, array)}
    if len(kinds) > 1:
        raise ValueError(
            "mediator mixes continuous and categorical columns; pass one kind, "
            f"got {[str(dtype) for dtype in _dtypes(mediator, array)]}"
        )
    rows = category_rows("mediator", mediator)
    if kinds == {"continuous"}:
        return ObservedMediator(_continuous(array.reshape(n_samples, -1).astype(float)), True)
    return ObservedMediator(_categorical(Levels(rows), rows), False)


def _dtypes(mediator: Any, array: np.ndarray) -> list[np.dtype[Any]]:
    if not is_dataframe(mediator):
        return [array.dtype]
    return [np.asarray(mediator[column]).dtype for column in mediator.columns]


def _kind(dtype: np.dtype[Any]) -> str:
    return "continuous" if dtype.kind == "f" else "categorical"


def _continuous(values: np.ndarray) -> np.ndarray:
    constant = np.flatnonzero(np.ptp(values, axis=0) == 0)
    if len(constant):
        raise ValueError(
            f"mediator column {constant[0]} is constant ({values[0, constant[0]]!r}): nothing "
            "goes through it"
        )
    return StandardScaler().set_output(transform="default").fit_transform(values)


def _categorical(levels: Levels, rows: list[Any]) -> np.ndarray:
    if len(levels) < 2:
        raise ValueError(f"mediator has one level, {levels.values[0]!r}: nothing goes through it")
    if len(levels) > len(rows) / 2:
        raise ValueError(
            f"mediator has {len(levels)} levels in {len(rows)} rows; pass floats to have numbers "
            "taken as continuous"
        )
    return np.eye(len(levels))[levels.encode(rows)]
