"""The only door for inputs: whatever the user has becomes a MultiModalArray."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse

from .._utils.messages import stack_level
from .._utils.sklearn_compat import is_dataframe
from .as_numpy import FILL, as_numpy
from .columns import (
    as_slice,
    check_flat,
    column_names,
    from_frame,
    from_specification,
    one_level,
    split,
)
from .missing import fill_absent
from .multimodal_array import MultiModalArray, quoted
from .row_sources import is_stored
from .torch_dataset import unlabelled


@dataclass(frozen=True)
class Layout:
    """What fit remembers of its input, so that predict can read any other form of it."""

    names: tuple[str, ...]
    named: bool
    shapes: tuple[tuple[int, ...], ...]
    """Trailing shape of each modality, () · n_samples left out."""
    columns: dict[str, np.ndarray]
    """Positions of each modality's columns in a flat table, as fit saw it."""
    feature_names: dict[str, list[str] | None]
    """Column names within each modality that was a frame."""
    flat: bool
    """Whether fit saw one flat table that names no modalities."""

    @property
    def slices(self) -> dict[str, slice | np.ndarray]:
        """Each modality's columns: a slice where they are contiguous."""
        return {name: as_slice(columns) for name, columns in self.columns.items()}


def read_training_input(
    estimator: Any, X: Any, modalities: Any = None, *, dtype: Any = "numeric"
) -> tuple[MultiModalArray, Layout]:
    """Turn the input of `fit` into a container, and remember its layout.

    Sets ``n_features_in_`` and, where the columns have names, ``feature_names_in_``.

    Parameters
    ----------
    estimator : estimator
        The one whose fit this is.
    X : MultiModalArray, mapping, list of arrays with ndim >= 2, DataFrame or 2-D array
        In this order of recognition; a list of lists is a 2-D array.
    modalities : mapping or sequence, optional
        The columns of each modality in flat input; for the other forms a claim to be checked.
    dtype : "numeric" or None
        What scikit-learn's check of a flat array converts to.
    """
    X = _as_container(X)
    if isinstance(X, MultiModalArray):
        _set_features(estimator, X)
        if modalities is not None:
            X = _agree(X, modalities)
        columns = {name: np.arange(s.start, s.stop) for name, s in X.slices.items()}
        return X, _layout(X, columns, flat=False)
    groups = from_frame(X) if is_dataframe(X) else None
    X = check_flat(estimator, X, reset=True, dtype=dtype)
    if modalities is not None:
        names = list(X.columns) if is_dataframe(X) else None
        groups = from_specification(modalities, X.shape[1], names)
    columns = {"modality0": np.arange(X.shape[1])} if groups is None else groups.columns
    X = split(X, columns, named=groups is not None and groups.named)
    return X, _layout(X, columns, flat=groups is None)


def read_prediction_input(
    estimator: Any,
    X: Any,
    layout: Layout,
    *,
    dtype: Any = "numeric",
    padded: Collection[str] = (),
) -> MultiModalArray:
    """Turn the input of `predict`, in whichever form, into a container that `layout` describes.

    Sequences of the modalities in `padded` may have fewer steps than in fit.

    Raises
    ------
    ValueError
        If a modality is missing, unknown or of another width than in fit.

    Notes
    -----
    A modality given as None is absent in every row: it becomes rows of NaN.
    """
    _refuse_one_row(X, layout)
    _refuse_one_table(estimator, X, layout)
    X = _as_container(fill_absent(X, layout.names, layout.shapes))
    if is_dataframe(X) and not hasattr(estimator, "feature_names_in_"):
        X = _grouped_frame(X, layout)
    if not isinstance(X, MultiModalArray):
        X = check_flat(estimator, X, reset=False, dtype=dtype)
        X = split(X, layout.columns, named=layout.named)
    X = _arrange(estimator, X, layout, padded)
    _check_feature_names(X, layout)
    return X


def _as_container(X: Any) -> Any:
    X = as_numpy("X", unlabelled(X), FILL)
    if isinstance(X, Mapping) and not sparse.issparse(X):  # SciPy's dok_array is a dict
        return MultiModalArray(X)
    if isinstance(X, (list, tuple)) and (not X or any(_is_table(entry) for entry in X)):
        return MultiModalArray(X)
    if isinstance(X, np.ndarray) and X.dtype == object:
        if X.ndim > 2 or (X.ndim == 1 and any(isinstance(entry, np.ndarray) for entry in X)):
            raise TypeError(
                f"X is an object array of shape {X.shape} with arrays inside; pass the modalities "
                "as a list, a dict or a MultiModalArray"
            )
    if len(getattr(X, "shape", ())) > 2:
        raise ValueError(
            f"Found array with dim {len(X.shape)}: X has shape {tuple(X.shape)}, which is one "
            "modality of a higher rank, and no table; pass a list, [X], or a dict, {'image': X}"
        )
    return X


def _refuse_one_table(estimator: Any, X: Any, layout: Layout) -> None:
    """Refuse an array or ungrouped frame that hasn't the columns of all modalities together.

    Of a frame whose columns fit has seen, scikit-learn names those that are missing.
    """
    if len(layout.names) < 2 or isinstance(X, MultiModalArray) or len(getattr(X, "shape", ())) < 2:
        return
    if sparse.issparse(X) or (is_dataframe(X) and hasattr(estimator, "feature_names_in_")):
        return
    widths = [math.prod(shape) for shape in layout.shapes]
    if math.prod(X.shape[1:]) == sum(widths) or (is_dataframe(X) and from_frame(X) is not None):
        return
    said = f"{X.shape[1]} features" if len(X.shape) == 2 else f"shape {tuple(X.shape)}"
    fitted = [f"{name!r} ({width})" for name, width in zip(layout.names, widths, strict=True)]
    raise ValueError(
        f"X has {said}, but {type(estimator).__name__} is expecting {sum(widths)} features as "
        f"input: X is one table, and the fit had the modalities {', '.join(fitted)}. Pass a list "
        "or a dict with an array for each, or None for one that is absent; a MultiModalArray of "
        "them; or one table with the columns of all"
    )


def _refuse_one_row(X: Any, layout: Layout) -> None:
    """Refuse a modality that is one row without an axis of rows."""
    if isinstance(X, Mapping) and not sparse.issparse(X):
        given = {name: X[name] for name in layout.names if name in X}
    elif isinstance(X, (list, tuple)) and len(X) == len(layout.names) > 1:
        given = dict(zip(layout.names, X, strict=True))
    else:
        return
    for name, shape in zip(layout.names, layout.shapes, strict=True):
        value = given.get(name)
        found = getattr(value, "shape", None)
        if isinstance(value, (list, tuple)) and all(isinstance(entry, Real) for entry in value):
            found = (len(value),)
        if found == shape and len(shape) == 1 and shape[0] > 1:
            raise ValueError(
                f"modality {name!r} needs rows and columns, got shape {found}, which is one row of "
                f"the fit's {shape[0]} features: reshape(1, -1) makes a table of it"
            )


def _is_table(entry: Any) -> bool:
    if hasattr(entry, "shape"):
        return len(entry.shape) >= 2
    return (
        isinstance(entry, (list, tuple))
        and len(entry) > 0
        and isinstance(entry[0], (list, tuple, np.ndarray))
    )


def _set_features(estimator: Any, X: MultiModalArray) -> None:
    estimator.n_features_in_ = X.shape[1]
    if X.feature_names is not None:
        estimator.feature_names_in_ = np.asarray(X.feature_names, dtype=object)
    elif hasattr(estimator, "feature_names_in_"):
        del estimator.feature_names_in_


def _agree(X: MultiModalArray, modalities: Any) -> MultiModalArray:
    groups = from_specification(modalities, X.shape[1], X.feature_names)
    in_order = sorted(groups.columns.items(), key=lambda item: int(item[1][0]))
    claimed = [name for name, _ in in_order]
    same_names = not (groups.named and X.named) or claimed == list(X.names)
    held = [list(range(s.start, s.stop)) for s in X.slices.values()]
    if [columns.tolist() for _, columns in in_order] != held or not same_names:
        said = {name: as_slice(columns) for name, columns in in_order}
        raise ValueError(f"modalities say {said}, but X holds {X.slices}")
    if groups.named and not X.named:
        X = MultiModalArray(dict(zip(claimed, X.values(), strict=True)))
    return X


def _layout(X: MultiModalArray, columns: dict[str, np.ndarray], *, flat: bool) -> Layout:
    return Layout(
        names=X.names,
        named=X.named,
        shapes=tuple(tuple(value.shape[1:]) for value in X.values()),
        columns=dict(zip(X.names, columns.values(), strict=True)),
        feature_names={name: column_names(value) for name, value in X.items()},
        flat=flat,
    )


def _grouped_frame(frame: Any, layout: Layout) -> Any:
    """Take a frame by its groups' names where fit saw modalities of those names."""
    groups = from_frame(frame)
    if groups is None or not layout.named or set(groups.columns) != set(layout.names):
        return frame
    return split(one_level(frame), groups.columns, named=True)


def _arrange(
    estimator: Any, X: MultiModalArray, layout: Layout, padded: Collection[str]
) -> MultiModalArray:
    owner = type(estimator).__name__
    if layout.named and X.named:
        _check_names(owner, X.names, layout.names)
        values = [X[name] for name in layout.names]
    else:
        if X.named:
            warnings.warn(
                f"X has modality names, but {owner} was fitted without modality names",
                UserWarning,
                stacklevel=stack_level(),
            )
        if len(X.names) != len(layout.names):
            raise ValueError(
                f"X has {len(X.names)} modalities, but {owner} was fitted with "
                f"{len(layout.names)}: {quoted(layout.names)}"
            )
        values = list(X.values())
    shapes = zip(layout.names, layout.shapes, strict=True)
    values = [
        _with_padding(value, shape) if name in padded else value
        for value, (name, shape) in zip(values, shapes, strict=True)
    ]
    fitted = zip(layout.names, values, layout.shapes, strict=True)
    data = {name: _as_fitted(owner, name, value, shape) for name, value, shape in fitted}
    return MultiModalArray(data if layout.named else list(data.values()))


def _check_names(owner: str, names: tuple[str, ...], fitted: tuple[str, ...]) -> None:
    missing = [name for name in fitted if name not in names]
    unknown = [name for name in names if name not in fitted]
    if missing or unknown:
        said = [f"{quoted(missing)} missing"] if missing else []
        said += [f"{quoted(unknown)} unknown"] if unknown else []
        raise ValueError(
            f"X's modalities do not match: {', '.join(said)}; "
            f"{owner} was fitted with {quoted(fitted)}"
        )


def _with_padding(value: Any, shape: tuple[int, ...]) -> Any:
    """Fill sequences (n, n_steps, n_channels) that are shorter than in fit up with NaN."""
    found = tuple(value.shape[1:])
    if is_stored(value) or len(found) != 2 or found[1] != shape[1] or found[0] >= shape[0]:
        return value
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        return value  # refused as what it is
    out = np.full((len(array), *shape), np.nan, dtype=np.result_type(array.dtype, np.float32))
    out[:, : found[0]] = array
    return out


def _as_fitted(owner: str, name: str, value: Any, shape: tuple[int, ...]) -> Any:
    found = tuple(value.shape[1:])
    if found == shape:
        return value
    same_width = math.prod(found) == math.prod(shape) and 1 in (len(found), len(shape))
    if same_width and not (sparse.issparse(value) or is_stored(value)):
        return np.asarray(value).reshape(len(value), *shape)
    if len(found) == len(shape) == 1:
        raise ValueError(
            f"modality {name!r} has {found[0]} features, but {owner} is expecting {shape[0]}"
        )
    raise ValueError(
        f"modality {name!r} has rows of shape {found}, but {owner} is expecting {shape}"
    )


def _check_feature_names(X: MultiModalArray, layout: Layout) -> None:
    for name, value in X.items():
        found, fitted = column_names(value), layout.feature_names[name]
        if found is not None and fitted is not None and found != fitted:
            at = next(
                i for i, pair in enumerate(zip(found, fitted, strict=True)) if len(set(pair)) > 1
            )
            raise ValueError(
                f"modality {name!r} has column {found[at]!r} where fit saw {fitted[at]!r}; the "
                "feature names should match those that were passed during fit, in their order"
            )
