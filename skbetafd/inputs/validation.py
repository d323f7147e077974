"""The only door for inputs: whatever the user has becomes a MultiModalArray."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._utils.messages import warn
from .as_numpy import FILL, as_numpy
from .columns import as_slice, check_table, from_frame, from_specification, one_level, split
from .modality import AbsentModality, Modality
from .multimodal_array import MultiModalArray, quoted
from .torch_dataset import is_dataset


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
    sparse: tuple[str, ...] = ()
    """The modalities that came as sparse matrices, whose missing rows hold one NaN beside zeros."""

    @property
    def slices(self) -> dict[str, slice | np.ndarray]:
        """Each modality's columns: a slice where they are contiguous."""
        return {name: as_slice(columns) for name, columns in self.columns.items()}


def read_training_input(
    estimator: Any, X: Any, modalities: Any = None
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
    """
    X = container_or_table(X)
    if isinstance(X, MultiModalArray):
        _check_given(X)
        _set_features(estimator, X)
        if modalities is not None:
            X = _agree(X, modalities)
        columns = {name: np.arange(s.start, s.stop) for name, s in X.slices.items()}
        return X, _layout(X, columns, flat=False)
    groups = from_frame(X)
    X = check_table(estimator, X, reset=True)
    if modalities is not None:
        groups = from_specification(modalities, X.shape[1], getattr(X, "columns", None))
    columns = {"modality0": np.arange(X.shape[1])} if groups is None else groups.columns
    X = split(X, columns, named=groups is not None and groups.named)
    return X, _layout(X, columns, flat=groups is None)


def read_prediction_input(
    estimator: Any,
    X: Any,
    layout: Layout,
    *,
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
    X = container_or_table(X)
    if not isinstance(X, MultiModalArray) and not hasattr(estimator, "feature_names_in_"):
        groups = from_frame(X)
        if groups is not None and layout.named and set(groups.columns) == set(layout.names):
            X = split(one_level(X), groups.columns, named=True)
    if not isinstance(X, MultiModalArray):
        _check_width(estimator, X, layout)
        X = check_table(estimator, X, reset=False)
        X = split(X, layout.columns, named=layout.named)
    return _arranged(type(estimator).__name__, X, layout, padded)


def container_or_table(X: Any) -> Any:
    """Make a container of what is no flat table."""
    if isinstance(X, MultiModalArray):
        return X
    X = as_numpy("X", X, FILL)
    # SciPy's dok_array is a dict, with a shape
    if is_dataset(X) or (isinstance(X, Mapping) and not hasattr(X, "shape")):
        return MultiModalArray(X)
    # an array of arrays is a list of them
    listed = isinstance(X, (list, tuple)) or (
        isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype == object
    )
    if listed and (not len(X) or any(_is_table(entry) for entry in X)):
        return MultiModalArray(X)
    if len(getattr(X, "shape", ())) > 2:
        raise ValueError(
            f"Found array with dim {len(X.shape)}: X has shape {tuple(X.shape)}, which is one "
            "modality of a higher rank, and no table; pass a list, [X], or a dict, {'image': X}"
        )
    return X


def _is_table(entry: Any) -> bool:
    if hasattr(entry, "shape"):
        return len(entry.shape) >= 2
    return (
        isinstance(entry, (list, tuple))
        and len(entry) > 0
        and isinstance(entry[0], (list, tuple, np.ndarray))
    )


def _check_width(estimator: Any, X: Any, layout: Layout) -> None:
    """Name the modalities where one array has not the columns of all."""
    widths = {n: math.prod(shape) for n, shape in zip(layout.names, layout.shapes, strict=True)}
    total = sum(widths.values())
    named = hasattr(estimator, "feature_names_in_")  # scikit-learn tells which are missing
    width = X.shape[1] if len(getattr(X, "shape", ())) == 2 and not named else total
    if len(widths) > 1 and width != total:
        raise ValueError(
            f"X has {width} features, but {type(estimator).__name__} is expecting {total} "
            f"features as input, of the modalities {widths}"
        )


def _check_given(X: MultiModalArray) -> None:
    for name, modality in X._faces.items():
        if isinstance(modality, AbsentModality):
            raise ValueError(
                f"modality {name!r} is None in every row: a fit needs each modality in some row. "
                "None is for prediction alone, where no row has the modality but all have another; "
                "in a container, present= says which rows have one"
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
        X = X._of(dict(zip(claimed, X._faces.values(), strict=True)), named=True)
    return X


def _layout(X: MultiModalArray, columns: dict[str, np.ndarray], *, flat: bool) -> Layout:
    return Layout(
        names=X.names,
        named=X.named,
        shapes=tuple(modality.shape[1:] for modality in X._faces.values()),
        columns=dict(zip(X.names, columns.values(), strict=True)),
        feature_names={name: modality.column_names for name, modality in X._faces.items()},
        flat=flat,
        sparse=tuple(name for name, modality in X._faces.items() if modality.sparse),
    )


def _arranged(
    owner: str, X: MultiModalArray, layout: Layout, padded: Collection[str]
) -> MultiModalArray:
    """Bring modalities into the order, names and shapes of fit."""
    found = X._faces
    if layout.named and X.named:
        if set(found) != set(layout.names):
            raise ValueError(
                f"X has the modalities {quoted(found)}, but {owner} was fitted with "
                f"{quoted(layout.names)}; None stands for one that no row has"
            )
    else:
        if X.named:
            warn(
                f"X has modality names, but {owner} was fitted without modality names",
            )
        if len(found) != len(layout.names):
            raise ValueError(
                f"X has {len(found)} modalities, but {owner} was fitted with "
                f"{len(layout.names)}: {quoted(layout.names)}"
            )
        found = dict(zip(layout.names, found.values(), strict=True))
    arranged = {}
    for name, shape in zip(layout.names, layout.shapes, strict=True):
        arranged[name] = _as_fitted(owner, name, found[name], shape, padded=name in padded)
        _check_columns(name, arranged[name].column_names, layout.feature_names[name])
        if name in layout.sparse:
            arranged[name] = arranged[name].as_sparse()
    return X._of(arranged, named=layout.named)


def _as_fitted(
    owner: str, name: str, modality: Modality, shape: tuple[int, ...], *, padded: bool
) -> Modality:
    """Return rows in the shape of fit; shorter sequences (n_steps, n_channels) end in NaN."""
    if isinstance(modality, AbsentModality):
        return Modality(np.full((len(modality), *shape), np.nan))
    found = modality.shape[1:]
    if found == shape:
        return modality
    if not modality.streamed:
        array = np.asarray(modality)
        shorter = len(found) == len(shape) == 2 and found[1] == shape[1] and found[0] < shape[0]
        if padded and shorter and array.dtype.kind in "biuf":
            dtype = np.result_type(array.dtype, np.float32)
            out = np.full((len(array), *shape), np.nan, dtype=dtype)
            out[:, : found[0]] = array
            return Modality(out)
        if math.prod(found) == math.prod(shape) and 1 in (len(found), len(shape)):
            return Modality(array.reshape(len(array), *shape))
    raise ValueError(
        f"modality {name!r} has rows of shape {found}, but {owner} is expecting {shape}"
    )


def _check_columns(name: str, found: list[str] | None, fitted: list[str] | None) -> None:
    for one, other in zip(found or (), fitted or (), strict=False):
        if one != other:
            raise ValueError(
                f"modality {name!r} has column {one!r} where fit saw {other!r}; the feature names "
                "should match those that were passed during fit, in their order"
            )
