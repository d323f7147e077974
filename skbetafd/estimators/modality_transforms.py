"""One modality through one scikit-learn transformer: what it sees, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer

from .._utils.messages import named
from .._utils.sklearn_compat import get_tags, rows_of_params, safe_indexing, safe_set_output
from ..inputs.modality import Modality, face
from ..inputs.recipe import contents, described

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


def fit_one(
    name: str, transformer: Any, modality: Modality, y: Any, routed: Mapping[str, Any], method: str
) -> Any:
    """Fit a modality's transformer to the rows that have the modality; `method` is its own.

    Returns
    -------
    array, sparse matrix or frame of shape (n_samples, ...)
        What ``fit_transform`` returns; of a transformer without it, and of ``fit``, as it is.
    """
    if isinstance(transformer, str):
        return modality.value
    if not hasattr(transformer, method):
        fit_one(name, transformer, modality, y, routed, "fit")
        return transform_one(name, transformer, modality, None, routed)
    rows = _present(modality)
    with named(f"modality {name!r}"), _blaming_absence(modality, rows):
        some = modality if rows is None else modality[rows]
        y = y if rows is None or y is None else safe_indexing(y, rows)
        params = rows_of_params(modality, routed[method], rows)
        # not fit and transform: TargetEncoder cross-fits in fit_transform alone
        out = getattr(transformer, method)(_as_seen(transformer, some), y, **params)
        return out if method == "fit" else _in_place(_shaped_like(some, out), modality, rows)


def transform_one(
    name: str, transformer: Any, modality: Modality, example: Any, routed: Mapping[str, Any]
) -> Any:
    """Transform the rows that have the modality; the others stay null.

    `example` is one row that has it, which tells the width where no row of the modality does.
    """
    if isinstance(transformer, str):
        return modality.value
    rows = _present(modality)
    nothing = rows is not None and not len(rows)
    some = example if nothing else modality if rows is None else modality[rows]
    with named(f"modality {name!r}"), _describing(some):
        params = {} if nothing else rows_of_params(modality, routed["transform"], rows)
        out = _shaped_like(some, transformer.transform(_as_seen(transformer, some), **params))
        return _in_place(out[:0] if nothing else out, modality, rows)


def as_read(transformer: Any, modality: Modality) -> Modality:
    """Return a store's rows as an array, where a transformer reads them."""
    return modality if isinstance(transformer, str) else modality.in_memory()


def example_row(modality: Modality) -> Modality:
    """Return the first row that has the modality."""
    rows = _present(modality)
    return modality[np.arange(1) if rows is None else rows[:1]]


def in_frame(value: Any, output: str) -> Any:
    """Put a table that passes through into a frame, where that is asked for and possible."""
    modality = face(value)
    if output == "default" or modality.sparse or len(modality.shape) != 2:
        return value
    as_it_is = FunctionTransformer(feature_names_out="one-to-one")
    return as_it_is.set_output(transform=output).fit_transform(value)


def _present(modality: Modality) -> np.ndarray | None:
    """Positions of the rows that have the modality; None where all do."""
    present = modality.present
    return None if present.all() else np.flatnonzero(present)


@contextmanager
def _describing(modality: Modality) -> Iterator[None]:
    """Say of an error which columns are no complete numbers."""
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        said = described(contents(modality))
        if said:
            error.args = (f"{error}; the modality has {said}",)
        raise


@contextmanager
def _blaming_absence(modality: Modality, rows: np.ndarray | None) -> Iterator[None]:
    """Say of a fit that no rows suffice for why there are none."""
    try:
        yield
    except ValueError as error:
        if rows is None or len(rows):
            raise
        said = f"it is missing in all {len(modality)} rows; a fit needs it in some row"
        raise ValueError(said) from error


def _in_place(out: Any, modality: Modality, rows: np.ndarray | None) -> Any:
    if rows is None:
        return out
    return face(out).spread(modality.present, getattr(modality.value, "index", None)).value


def _as_seen(transformer: Any, modality: Modality) -> Any:
    """Return a table as its transformer wants it: 2-D, or the documents of its one column."""
    table = modality.value
    if len(modality.shape) != 2:
        table = table.reshape(len(modality), modality.width)
    if not takes_documents(transformer):
        return table
    if modality.width != 1:
        raise ValueError(
            f"{type(transformer).__name__} takes one column of documents, got {modality.width} "
            "columns; make each a modality, or name each in a ColumnTransformer"
        )
    return safe_indexing(table, 0, axis=1)


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


def _shaped_like(modality: Modality, out: Any) -> Any:
    """Return the output in the shape of a modality of higher rank, where the width is kept."""
    if len(modality.shape) == 2 or face(out).sparse:
        return out
    array = np.asarray(out)
    flat = (len(modality), modality.width)
    return array.reshape(modality.shape) if array.shape == flat else out
