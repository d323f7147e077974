"""Standardisation of modalities, without a temporary of the data's size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import StandardScaler

from ..inputs.missing import present_rows
from ..inputs.row_sources import RowSource, SparseRows, rows_at_once, slices
from ..nn.encoders import Encoding, ModuleFeatures, n_features
from ..training.batches import StreamedRows

ROWS_OF_A_MODULE = 256
"""Rows that a module reads at once: those of pictures are large."""


def is_frozen(module: Any) -> bool:
    """Tell a torch module none of whose parameters requires a gradient."""
    return isinstance(module, torch.nn.Module) and not any(
        parameter.requires_grad for parameter in module.parameters()
    )


@dataclass(frozen=True)
class FrozenFeatures:
    """A module in its state of evaluation, and the standardisation of its features."""

    module: ModuleFeatures
    n_features: int
    scaler: StandardScaler | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the module as it is on the CPU, that a machine without a GPU can read it."""
        return {**vars(self), "module": deepcopy(self.module).cpu()}

    @classmethod
    def of(cls, encoding: Encoding, device: torch.device) -> FrozenFeatures:
        """Copy a user's module to a device."""
        if not isinstance(encoding.module, torch.nn.Module):
            raise TypeError(f"a frozen module is needed, got {encoding.module!r}")
        own = deepcopy(encoding.module).to(device).eval()
        module = ModuleFeatures(own, encoding.shape)
        return cls(module, n_features(module, encoding))

    def standardised(self, rows: np.ndarray, weight: np.ndarray) -> FrozenFeatures:
        """Fit the means and variances of the features of weighted rows."""
        scaler = StandardScaler().set_output(transform="default")
        for start in range(0, len(rows), ROWS_OF_A_MODULE):
            part = slice(start, start + ROWS_OF_A_MODULE)
            scaler.partial_fit(self.transform(np.asarray(rows[part])), sample_weight=weight[part])
        return replace(self, scaler=scaler)

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return the features of flattened rows, (n_samples, n_features); NaN for a missing one."""
        like = next(self.module.parameters(), torch.empty(0, dtype=torch.float32, device="cpu"))
        has = present_rows(rows)
        out = np.full((len(rows), self.n_features), np.nan)
        some = np.flatnonzero(has)
        for start in range(0, len(some), ROWS_OF_A_MODULE):
            part = some[start : start + ROWS_OF_A_MODULE]
            x = torch.tensor(rows[part], dtype=like.dtype, device=like.device)
            with torch.no_grad():
                features = self.module(x).double().cpu().numpy()
            if not np.isfinite(features).all():
                row = int(part[~np.isfinite(features).all(axis=1)][0])
                raise ValueError(
                    f"encoders: the features of the frozen {type(self.module.module).__name__} are "
                    f"not finite at row {row} of those it read: "
                    f"{features[part == row][0].tolist()[:5]}"
                )
            out[part] = features
        return out if self.scaler is None else standardised(self.scaler, out)


N_COMPONENTS = 32
"""Principal components through which fully connected encoders read images and sequences.

Fully connected encoders learn pixels by heart, those of the tint with them. On the raw
images of av_mnist and fashion_mnist (seeds 50 and 51, label_weight 1), accuracy / log-loss at β = 1
under a randomised tint are .56 / 1.12 and .45 / 1.58 without, .57 / 1.07 and .47 / 1.48 with 64
components, .58 / 1.06 and .47 / 1.42 with 32.
"""

COMPONENT_ROWS = 10_000
"""Of more training rows, so many drawn at random count for the components."""


@dataclass(frozen=True)
class ComponentScaler:
    """Standardisation of a modality's pixels, and its principal components, as one map."""

    pixels: StandardScaler
    components: np.ndarray
    """Of shape (n_components, width), such that the mean variance of the components is 1."""

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return the components of flattened rows, (n_samples, n_components)."""
        with np.errstate(over="ignore", invalid="ignore"):  # refused with its row further on
            return standardised(self.pixels, rows) @ self.components.T


@dataclass(frozen=True)
class PaddedScaler:
    """Standardisation of a sequence's channels, which leaves padded steps NaN."""

    steps: StandardScaler | None

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return flattened rows, (n_samples, width), as they are without `standardize`."""
        return rows if self.steps is None else standardised(self.steps, rows)


Scaler: TypeAlias = StandardScaler | ComponentScaler | PaddedScaler | FrozenFeatures


def fitted_scalers(
    arrays: Iterable[np.ndarray],
    weight: np.ndarray,
    encodings: Iterable[Encoding],
    *,
    standardize: bool,
    device: torch.device,
) -> list[Scaler | None]:
    """Fit one scaler a modality, see `fitted_scaler`; without `standardize`, what else is fixed.

    The features of a frozen module are made on `device`. A module that is trained reads the rows
    as they are: None.
    """
    scalers: list[Scaler | None] = []
    for array, encoding in zip(arrays, encodings, strict=True):
        if is_frozen(encoding.module):
            frozen = FrozenFeatures.of(encoding, device)
            scalers.append(frozen.standardised(array, weight) if standardize else frozen)
        elif encoding.kind == "module":
            scalers.append(None)
        elif standardize and isinstance(array, SparseRows):
            scalers.append(sparse_scaler(array, weight))
        elif standardize:
            scalers.append(fitted_scaler(array, weight, encoding))
        else:
            scalers.append(PaddedScaler(None) if encoding.kind == "sequence" else None)
    return scalers


def network_inputs(
    encodings: Iterable[Encoding], scalers: Iterable[Scaler | None]
) -> list[Encoding]:
    """Tell how the network reads what the scalers make of each modality."""
    inputs = []
    for encoding, scaler in zip(encodings, scalers, strict=True):
        if isinstance(scaler, ComponentScaler):
            encoding = Encoding(encoding.kind, (len(scaler.components),))
        elif isinstance(scaler, FrozenFeatures):
            encoding = Encoding("mlp", (scaler.n_features,))
        inputs.append(encoding)
    return inputs


def fitted_scaler(array: np.ndarray, weight: np.ndarray, encoding: Encoding) -> Scaler:
    """Fit means of the features and, where a modality has channels, one scale for each channel.

    A pixel that is dark in nearly all training rows would otherwise be worth hundreds of its
    standard deviations where it is not, and drown the rest of an image: on the raw pictures of
    av_mnist such values are .94 of the sum of squares of new rows. Where a fully connected encoder
    would read more than 32 values in channels, it reads their principal components. The steps of
    a sequence have one mean a channel too: how many rows reach the last ones is chance.

    Parameters
    ----------
    array : ndarray of shape (n_samples, width)
        Flattened rows; one that lacks the modality is all NaN, and counts nowhere.
    weight : ndarray of shape (n_samples,)
        Row weights.
    encoding : Encoding
        With the shape of one row before it was flattened; see `channels`.
    """
    scaler, shape = StandardScaler().set_output(transform="default"), encoding.shape
    with np.errstate(invalid="ignore"):  # the root of a variance that rounding made negative
        for rows in _chunks(array):
            scaler.partial_fit(np.asarray(array[rows]), sample_weight=weight[rows])
    if encoding.kind in ("sequence", "conv1d"):
        _pool_steps(scaler, channels(shape), len(array))
        return PaddedScaler(scaler) if encoding.kind == "sequence" else scaler
    if len(shape) > 1:
        channel = channels(shape)
        constant = _constant(scaler, len(array))
        variance = np.where(constant, 0.0, scaler.var_)
        scale = np.sqrt(np.bincount(channel, variance) / np.bincount(channel))
        scaler.scale_ = np.where(scale > 0, scale, 1.0)[channel]
        if len(channel) > N_COMPONENTS and encoding.kind != "conv2d":
            return ComponentScaler(scaler, principal_components(scaler, array, weight, constant))
    return scaler


def sparse_scaler(array: SparseRows, weight: np.ndarray) -> StandardScaler:
    """Fit one scale for all columns of a sparse modality: the root of their mean square.

    Means would fill the zeros, so none are taken off. With a scale of its own, a word that stands
    in one remark of thousands would weigh as much as all common ones: on the remarks of
    bird_strikes (TF-IDF, 20,000 columns) β = 0 has an area under the ROC curve of .85 so, and .91
    with one scale for all.
    """
    square = array.mean_square(weight)
    mean = float(square.mean())
    scaler = StandardScaler(with_mean=False).set_output(transform="default")
    scaler.n_features_in_, scaler.n_samples_seen_ = array.shape[1], int(array.present.sum())
    scaler.mean_, scaler.var_ = np.zeros_like(square), square
    scaler.scale_ = np.full_like(square, np.sqrt(mean) if mean > 0 else 1.0)
    return scaler


def _pool_steps(scaler: StandardScaler, channel: np.ndarray, n_rows: int) -> None:
    """Give all steps of a channel the mean and variance of all its values."""
    count = np.broadcast_to(scaler.n_samples_seen_, channel.shape)
    mean = np.nan_to_num(scaler.mean_)
    variance = np.where(_constant(scaler, n_rows), 0, scaler.var_)
    total = np.bincount(channel, count)
    pooled = np.bincount(channel, count * mean) / total
    spread = np.nan_to_num(variance) + (mean - pooled[channel]) ** 2
    scale = np.sqrt(np.bincount(channel, count * spread) / total)
    scaler.mean_ = pooled[channel]
    scaler.scale_ = np.where(scale > 1e-12 * np.abs(pooled), scale, 1.0)[channel]


def _constant(scaler: StandardScaler, n_rows: int) -> np.ndarray:
    """Tell the features whose variance is no more than rounding makes of a constant.

    Chan, Golub & LeVeque, Algorithms for Computing the Sample Variance, The American Statistician
    1983: the bound that StandardScaler has for tables.
    """
    eps = np.finfo(np.float64).eps
    bound = n_rows * eps * scaler.var_ + (n_rows * scaler.mean_ * eps) ** 2
    return scaler.var_ <= bound


def principal_components(
    scaler: StandardScaler, array: np.ndarray, weight: np.ndarray, constant: np.ndarray
) -> np.ndarray:
    """Fit the components of weighted, standardised rows; zeros where there are not enough."""
    some = np.flatnonzero(present_rows(array))
    if len(some) > COMPONENT_ROWS:
        some = np.sort(np.random.default_rng(0).choice(some, COMPONENT_ROWS, replace=False))
    rows = (
        standardised(scaler, np.asarray(array[some])).astype(np.float64)
        * np.sqrt(weight[some])[:, None]
    )
    rows[:, constant] = 0.0
    n_components = min(N_COMPONENTS, *(size - 1 for size in rows.shape))
    components = np.zeros((N_COMPONENTS, array.shape[1]))
    if n_components and rows.any():
        svd = TruncatedSVD(n_components, algorithm="arpack", random_state=0)
        svd.set_output(transform="default").fit(rows)
        variance = svd.singular_values_**2 / weight[some].sum()
        components[:n_components] = svd.components_ / np.sqrt(variance.mean())
    return components


def channels(shape: tuple[int, ...]) -> np.ndarray:
    """Give the channel of each feature of rows of a shape, in the order in which they flatten.

    A picture, a square (H, W) or one of more axes, is one channel: its colours stay in proportion.
    A sequence (L, C) has those of its steps; in a table (C,) each column is its own.
    """
    if len(shape) > 2 or (len(shape) == 2 and shape[0] == shape[1]):
        return np.zeros(shape, dtype=int).ravel()
    return np.indices(shape)[-1].ravel()


def standardised_tensors(
    arrays: Sequence[Any],
    scalers: Sequence[Scaler | None],
    device: torch.device,
    dtype: torch.dtype,
) -> list[torch.Tensor]:
    """Scale each modality onto the device, some rows at a time; what is missing becomes 0.

    But the padding of a sequence, and a sequence that is missing, stay NaN.
    """
    out = []
    for array, scaler in zip(arrays, scalers, strict=True):
        tensor = torch.empty((len(array), _width(array, scaler)), dtype=dtype, device=device)
        for rows in _chunks(array):
            some = np.asarray(array[rows])
            part = _scaled(scaler, some)
            tensor[rows] = torch.tensor(part, dtype=dtype, device=device)
        kept = torch.nan if isinstance(scaler, PaddedScaler) else 0.0
        out.append(tensor.nan_to_num_(kept, torch.inf, -torch.inf))
    return out


def _scaled(scaler: Scaler | None, rows: np.ndarray) -> np.ndarray:
    if isinstance(scaler, StandardScaler):
        return standardised(scaler, rows)
    return rows if scaler is None else scaler.transform(rows)


def training_inputs(
    arrays: Sequence[Any],
    scalers: Sequence[Scaler | None],
    device: torch.device,
    dtype: torch.dtype,
) -> list[torch.Tensor | StreamedRows]:
    """Scale arrays onto the device, and sources when their rows are read."""
    return [
        _streamed(array, scaler, device, dtype)
        if isinstance(array, RowSource)
        else standardised_tensors([array], [scaler], device, dtype)[0]
        for array, scaler in zip(arrays, scalers, strict=True)
    ]


def _streamed(
    source: RowSource, scaler: Scaler | None, device: torch.device, dtype: torch.dtype
) -> StreamedRows:
    def to_tensor(part: RowSource) -> torch.Tensor:
        return standardised_tensors([part], [scaler], device, dtype)[0]

    return StreamedRows(source, to_tensor, _width(source, scaler))


def _width(array: Any, scaler: Scaler | None) -> int:
    if isinstance(scaler, ComponentScaler):
        return len(scaler.components)
    return scaler.n_features if isinstance(scaler, FrozenFeatures) else int(array.shape[1])


def _chunks(array: Any) -> list[slice]:
    return (
        slices(len(array), rows_at_once(array.shape[1]))
        if isinstance(array, RowSource)
        else slices(len(array))
    )


def standardised(scaler: StandardScaler, rows: np.ndarray) -> np.ndarray:
    """Give ``scaler.transform(rows)`` of float rows that have been checked, bitwise.

    Its own checks change the warning filters for a moment, which all threads share, and cost more
    than the arithmetic of a few rows.
    """
    out = rows - scaler.mean_.astype(rows.dtype) if scaler.with_mean else rows.copy()
    out /= scaler.scale_.astype(rows.dtype)
    return out


FIELDS = ("mean", "var", "scale", "n_samples_seen")
KINDS = ("none", "standard", "components", "padded", "frozen")
OF_ENCODERS = {
    "sequence": ("padded",),
    "module": ("none", "frozen"),
    "conv1d": ("none", "standard"),
    "conv2d": ("none", "standard"),
}
OF_TABLES = ("none", "standard", "components")


def scaler_state(scaler: Scaler | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Describe a scaler: its kind and whether it standardises, and its arrays by name."""
    kind, standard, arrays = "none", None, {}
    if isinstance(scaler, StandardScaler):
        kind, standard = "standard", scaler
    elif isinstance(scaler, ComponentScaler):
        kind, standard, arrays = "components", scaler.pixels, {"components": scaler.components}
    elif isinstance(scaler, PaddedScaler):
        kind, standard = "padded", scaler.steps
    elif isinstance(scaler, FrozenFeatures):
        kind, standard = "frozen", scaler.scaler
        arrays = {f"module.{k}": v for k, v in scaler.module.state_dict().items()}
    if standard is not None:
        arrays = arrays | {name: getattr(standard, f"{name}_") for name in FIELDS}
    return {"kind": kind, "standardised": standard is not None}, arrays


def scaler_from(
    state: Mapping[str, Any],
    arrays: Mapping[str, torch.Tensor],
    encoding: Encoding,
    device: torch.device,
) -> Scaler | None:
    """Make the scaler of a description, for rows that `encoding` tells of.

    Raises
    ------
    ValueError
        If an array has not the width of the rows, or the kind is unknown or not for such rows.
    """
    kind, width = state["kind"], encoding.width
    if kind in KINDS and kind not in OF_ENCODERS.get(encoding.kind, OF_TABLES):
        raise ValueError(f"a scaler {kind!r} is not for rows that {encoding.kind!r} reads")
    if kind == "frozen":
        frozen = FrozenFeatures.of(encoding, device)
        own = {k.removeprefix("module."): v for k, v in arrays.items() if k.startswith("module.")}
        frozen.module.load_state_dict(own)
        scaler = _standard(arrays, frozen.n_features) if state["standardised"] else None
        return FrozenFeatures(frozen.module, frozen.n_features, scaler)
    standard = _standard(arrays, width) if state["standardised"] else None
    if kind == "padded":
        return PaddedScaler(standard)
    if kind == "none" and standard is None:
        return None
    if kind == "standard" and standard is not None:
        return standard
    if kind == "components" and standard is not None:
        components = arrays["components"].numpy()
        if components.dtype.kind != "f" or components.ndim != 2 or components.shape[1] != width:
            raise ValueError(f"components have shape {components.shape} for rows of {width}")
        return ComponentScaler(standard, components)
    raise ValueError(f"unknown scaler {kind!r}")


def _standard(arrays: Mapping[str, torch.Tensor], width: int) -> StandardScaler:
    scaler = StandardScaler().set_output(transform="default")
    scaler.n_features_in_ = width
    for name in FIELDS:
        if arrays[name].dtype == torch.bfloat16:
            raise ValueError(f"a scaler's {name!r} is of bfloat16")
        array = arrays[name].numpy()
        if array.shape != (width,) and not (name == "n_samples_seen" and array.ndim == 0):
            raise ValueError(f"a scaler's {name!r} has shape {array.shape} for rows of {width}")
        counts = name == "n_samples_seen" and array.dtype.kind in "fi"
        if array.dtype != np.float64 and not counts:
            raise ValueError(f"a scaler's {name!r} is of {array.dtype}")
        setattr(scaler, f"{name}_", np.array(array)[()])
    if not (scaler.scale_ > 0).all():
        raise ValueError("a scaler's 'scale' is not positive")
    # of a step that no row reaches, the variance is NaN
    if (scaler.var_ < 0).any() or np.isinf(scaler.var_).any():
        raise ValueError("a scaler's 'var' is negative or infinite")
    if np.any(scaler.n_samples_seen_ < 0):
        raise ValueError("a scaler's 'n_samples_seen' is negative")
    scaler.with_mean = bool(scaler.mean_.any())  # without means, sparse rows stay sparse
    return scaler
