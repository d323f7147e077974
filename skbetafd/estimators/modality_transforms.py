"""One modality through one scikit-learn transformer: what it sees, and what comes back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from .._utils.messages import named
from .._utils.sklearn_compat import get_tags, rows_of_params, safe_indexing, safe_set_output
from ..inputs.missing import null_rows, spread_rows
from ..inputs.row_sources import is_stored

PASSTHROUGH = "passthrough"


def cloned(name: str, transformer: Any, output: str | None) -> Any:
    """Clone a modality's transformer, with the output container that was asked for."""
    if isinstance(transformer, str) and transformer == PASSTHROUGH:
        return transformer
    if not (hasattr(transformer, "fit") and hasattr(transformer, "transform")):
        raise TypeError(
            f"the transformer of modality {name!r} needs fit and transform, got {transformer!r}"
        )
    with named(f"modality {name!r}"):
        copy = clone(transformer)
        if output is not None:
            safe_set_output(copy, transform=output)
        return copy


def fit_one(name: str, transformer: Any, value: Any, y: Any, routed: Mapping[str, Any]) -> None:
    """Fit a modality's transformer to the rows that have the modality."""
    if isinstance(transformer, str):
        return
    rows = _present(value)
    with named(f"modality {name!r}"), _blaming_absence(value, rows):
        seen = _as_seen(transformer, _taken(value, rows))
        transformer.fit(seen, _taken(y, rows), **rows_of_params(value, routed["fit"], rows))


def fit_transform_one(
    name: str, transformer: Any, value: Any, y: Any, routed: Mapping[str, Any]
) -> Any:
    """Fit and transform, by the transformer's own fit_transform where it has one."""
    if isinstance(transformer, str) or not hasattr(transformer, "fit_transform"):
        fit_one(name, transformer, value, y, routed)
        return transform_one(name, transformer, value, None, routed)
    rows = _present(value)
    # not fit and transform: TargetEncoder cross-fits in fit_transform alone
    with named(f"modality {name!r}"), _blaming_absence(value, rows):
        some = _taken(value, rows)
        params = rows_of_params(value, routed["fit_transform"], rows)
        out = transformer.fit_transform(_as_seen(transformer, some), _taken(y, rows), **params)
        return _in_place(_shaped_like(some, out), value, rows)


def transform_one(
    name: str, transformer: Any, value: Any, example: Any, routed: Mapping[str, Any]
) -> Any:
    """Transform the rows that have the modality; the others stay null.

    `example` is one row that has it, which tells the width where no row of `value` does.
    """
    if isinstance(transformer, str):
        return value
    rows = _present(value)
    nothing = rows is not None and not len(rows)
    some = example if nothing else _taken(value, rows)
    with named(f"modality {name!r}"):
        params = {} if nothing else rows_of_params(value, routed["transform"], rows)
        out = _shaped_like(some, transformer.transform(_as_seen(transformer, some), **params))
        return _in_place(out[:0] if nothing else out, value, rows)


def as_read(transformer: Any, value: Any) -> Any:
    """Give a store's rows as an array, where a transformer reads them; a memory map is one."""
    passes = isinstance(transformer, str) or isinstance(value, np.ndarray) or not is_stored(value)
    return value if passes else np.array(value[:])  # a copy: a store may keep what it last read


def example_row(value: Any) -> Any:
    """Give the first row that has the modality."""
    rows = _present(value)
    return safe_indexing(value, np.arange(1) if rows is None else rows[:1])


def in_frame(value: Any, output: str) -> Any:
    """Put a table that passes through into a frame, where that is asked for and possible."""
    if output == "default" or sparse.issparse(value) or len(value.shape) != 2:
        return value
    as_it_is = FunctionTransformer(feature_names_out="one-to-one")
    return as_it_is.set_output(transform=output).fit_transform(value)


def _present(value: Any) -> np.ndarray | None:
    """Positions of the rows that have the modality; None where all do."""
    absent = null_rows(value)
    return None if absent is None else np.flatnonzero(~absent)


@contextmanager
def _blaming_absence(value: Any, rows: np.ndarray | None) -> Iterator[None]:
    """Say of a fit that no rows suffice for why there are none."""
    try:
        yield
    except ValueError as error:
        if rows is None or len(rows):
            raise
        said = f"it is missing in all {value.shape[0]} rows; a fit needs it in some row"
        raise ValueError(said) from error


def _taken(value: Any, rows: np.ndarray | None) -> Any:
    return value if rows is None or value is None else safe_indexing(value, rows)


def _in_place(out: Any, value: Any, rows: np.ndarray | None) -> Any:
    if rows is None:
        return out
    present = np.zeros(value.shape[0], dtype=bool)
    present[rows] = True
    return spread_rows(out, present, getattr(value, "index", None))


def _as_seen(transformer: Any, value: Any) -> Any:
    """Give a table as its transformer wants it: 2-D, or the documents of its one column."""
    table = _two_d(value)
    if not takes_documents(transformer):
        return table
    if table.shape[1] != 1:
        raise ValueError(
            f"{type(transformer).__name__} takes one column of documents, got {table.shape[1]} "
            "columns; make each a modality, or name each in a ColumnTransformer"
        )
    return safe_indexing(table, 0, axis=1) if hasattr(table, "columns") else table[:, 0]


def takes_documents(transformer: Any) -> bool:
    """Tell whether a transformer wants a 1-D sequence, of strings or dicts, and no table."""
    if isinstance(transformer, Pipeline):
        steps = [step for _, step in transformer.steps if step not in (None, PASSTHROUGH)]
        return bool(steps) and takes_documents(steps[0])
    if isinstance(transformer, FeatureUnion):
        parts = [part for _, part in transformer.transformer_list if not isinstance(part, str)]
        return any(takes_documents(part) for part in parts)
    if not hasattr(transformer, "__sklearn_tags__"):
        return False
    tags = get_tags(transformer).input_tags
    return (tags.string or tags.dict) and not tags.two_d_array


def _two_d(value: Any) -> Any:
    if len(value.shape) == 2:
        return value
    return value.reshape(len(value), math.prod(value.shape[1:]))


def _shaped_like(value: Any, out: Any) -> Any:
    if len(value.shape) == 2 or sparse.issparse(out):
        return out
    array = np.asarray(out)
    return array.reshape(value.shape) if array.shape == _two_d(value).shape else out
