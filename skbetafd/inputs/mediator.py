"""An observed mediator as `fit` reads it: categories to one-hot rows, numbers standardised."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .as_numpy import as_array, as_dense
from .categories import Levels, Row, category_rows
from .standardise import fitted_scaler


class ObservedMediator(NamedTuple):
    """A mediator as floats."""

    values: np.ndarray
    """One-hot rows (n, n_levels), or standardised columns (n, k)."""
    continuous: bool
    """Whether they are columns."""
    levels: tuple[Row, ...] | None = None
    """Of a category, in the order of the columns."""

    def described(self) -> tuple[bool, tuple[Row, ...] | None]:
        """Tell what a further fit's mediator must have in common with it."""
        return self.continuous, self.levels

    def with_levels_of(self, earlier: tuple[bool, tuple[Row, ...] | None]) -> ObservedMediator:
        """Order the columns as an earlier fit did.

        Raises
        ------
        ValueError
            If one is continuous and the other a category, or the levels are others.
        """
        continuous, levels = earlier
        if continuous != self.continuous:
            kinds = {True: "continuous", False: "categorical"}
            raise ValueError(
                f"warm_start needs a mediator as in the earlier fit, which was "
                f"{kinds[continuous]}, got a {kinds[self.continuous]} one"
            )
        if levels is None or self.levels is None:
            return self
        if set(levels) != set(self.levels):
            old, new = (", ".join(map(_said, each)) for each in (levels, self.levels))
            raise ValueError(
                f"warm_start needs the mediator's levels of the earlier fit, {old}, got {new}"
            )
        order = [self.levels.index(level) for level in levels]
        return self._replace(values=self.values[:, order], levels=levels)


def read_mediator(mediator: Any, weight: np.ndarray) -> ObservedMediator:
    """Turn a mediator into an array of floats.

    Parameters
    ----------
    mediator : array-like of shape (n_samples,) or (n_samples, k)
        Floats are continuous columns; strings, booleans and integers are categories, several
        columns of which count as one mediator with their distinct rows as levels.
    weight : ndarray of shape (n_samples,)
        Row weights; rows of weight 0 are left out.

    Returns
    -------
    ObservedMediator
        One-hot rows of a category, or standardised columns, of the rows of positive weight.

    Raises
    ------
    ValueError
        If the rows do not match, a number is not finite, columns of both kinds are mixed, a
        continuous column or the category is constant, or the levels are as good as unique.
    TypeError
        If it is sparse, or an entry is neither string nor number.
    """
    mediator = as_dense("mediator", mediator)
    n_samples, used = len(weight), weight > 0
    array = as_array(mediator)
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
        columns = array.reshape(n_samples, -1)[used].astype(float)
        return ObservedMediator(_continuous(columns, weight[used]), True)
    rows = [row for row, keep in zip(rows, used, strict=True) if keep]
    levels = Levels(rows)
    return ObservedMediator(_categorical(levels, rows), False, tuple(levels.values))


def _said(level: Row) -> str:
    return repr(level[0]) if len(level) == 1 else repr(level)


def _dtypes(mediator: Any, array: np.ndarray) -> list[Any]:
    if hasattr(mediator, "columns"):
        return [mediator[column].dtype for column in mediator.columns]
    return [getattr(mediator, "dtype", array.dtype)]


def _kind(dtype: Any) -> str:
    """Tell floats, of NumPy, pandas or polars, from all else; a pandas category is one."""
    continuous = getattr(dtype, "kind", "") == "f" or str(dtype).startswith("Float")
    return "continuous" if continuous else "categorical"


def _continuous(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    scaler = fitted_scaler([(values, weight)])
    constant = np.flatnonzero(scaler.constant_)
    if len(constant):
        raise ValueError(
            f"mediator column {constant[0]} is constant ({values[0, constant[0]].item()!r}): "
            "nothing goes through it"
        )
    return scaler.transform(values)


def _categorical(levels: Levels, rows: list[Any]) -> np.ndarray:
    if len(levels) < 2:
        raise ValueError(f"mediator has one level, {levels.values[0]!r}: nothing goes through it")
    if len(levels) > len(rows) / 2:
        raise ValueError(
            f"mediator has {len(levels)} levels in {len(rows)} rows; pass floats to have numbers "
            "taken as continuous"
        )
    return np.eye(len(levels))[levels.encode(rows)]
