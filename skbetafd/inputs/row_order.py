"""Rows go by position: a warning where the index labels of pandas say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .._utils.messages import warn


def index_of(value: Any) -> Any:
    """Return the index of a pandas frame, Series or index; None of all else."""
    index = getattr(value, "index", None)
    return index if type(index).__module__.partition(".")[0] == "pandas" else None


def without_labels(values: Any) -> Any:
    """Return what is not of pandas as it is, else with an index that no order is read from."""
    return values if index_of(values) is None else values.set_axis([0] * len(values), axis=0)


def _indices(X: Any) -> dict[str, Any]:
    """Return the indices in any form of X, or None, by what has them."""
    if hasattr(X, "_faces"):
        return {f"modality {name!r}": modality.index for name, modality in X._faces.items()}
    if isinstance(X, (list, tuple)):
        X = {f"modality{i}": value for i, value in enumerate(X)}
    if isinstance(X, Mapping):
        return {f"modality {name!r}": index_of(value) for name, value in X.items()}
    return {"X": index_of(X)}


def warn_of_order(X: Any, aligned: Mapping[str, Any]) -> None:
    """Warn of pandas objects whose index has the labels of X's in another order.

    Parameters
    ----------
    X : container, mapping, list or frame
        What the rows are of.
    aligned : mapping of str to object
        What belongs to the rows, by its name; what is not of pandas has no labels.

    Warns
    -----
    UserWarning
        Once, with the number of rows that differ.
    """
    indices = {n: index for n, value in aligned.items() if (index := index_of(value)) is not None}
    for first, index in _indices(X).items():
        # what agrees with a modality is not held against those that don't
        indices = {name: other for name, other in indices.items() if not other.equals(index)}
        moved = {name: n for name, other in indices.items() if (n := _moved(index, other))}
        if moved:
            have = "have" if len(moved) > 1 else "has"
            warn(
                f"rows are matched by position, but {' and '.join(moved)} {have} the index labels "
                f"of {first} in another order ({max(moved.values())} of {len(index)} rows differ): "
                "select by .loc[index of the other], or by reset_index(drop=True) where the "
                "positions are right (guide: Data)"
            )
            return


def _moved(one: Any, other: Any) -> int:
    """Count the labels that stand elsewhere in another index of the same ones."""
    if (
        one is None
        or len(one) != len(other)
        or one.nlevels != other.nlevels
        or not other.isin(one[:1]).any()  # quick where the labels are others
        or not (one.is_unique and other.is_unique)
    ):
        return 0
    at = one.get_indexer(other)
    return int((at != np.arange(len(at))).sum()) if (at >= 0).all() else 0
