"""What is done to a modality's rows before an encoder reads them, a part of them at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD

from ..inputs.missing import present_rows
from ..inputs.modality import Modality, SparseModality
from ..inputs.row_sources import slices
from ..inputs.standardise import FittedScaler, fitted_scaler
from ..nn.encoders import FULLY_CONNECTED, Encoding, ModuleFeatures, n_features
from ..training.batches import StreamedRows

ROWS_OF_A_MODULE = 256
"""Rows that a module reads at once: those of pictures are large."""

N_COMPONENTS = 32
"""Principal components through which fully connected encoders read images and sequences.

Fully connected encoders learn pixels by heart, those of the tint with them. On the raw
images of av_mnist and fashion_mnist (seeds 50 and 51, label_weight 1), accuracy / log-loss at β = 1
under a randomised tint are .56 / 1.12 and .45 / 1.58 without, .57 / 1.07 and .47 / 1.48 with 64
components, .58 / 1.06 and .47 / 1.42 with 32.
"""

COMPONENT_ROWS = 10_000
"""Of more training rows, so many drawn at random count for the components."""


def is_frozen(module: Any) -> bool:
    """Tell a torch module none of whose parameters requires a gradient."""
    return isinstance(module, torch.nn.Module) and not any(
        parameter.requires_grad for parameter in module.parameters()
    )


class Moments(NamedTuple):
    """Means and scales of features, (n_features,) each, and what they were computed from."""

    mean: np.ndarray
    var: np.ndarray
    scale: np.ndarray
    n_samples_seen: np.ndarray

    @classmethod
    def of(cls, scaler: FittedScaler) -> Moments:
        """Take them from a fitted scaler."""
        return cls(*(np.asarray(getattr(scaler, f"{name}_")) for name in cls._fields))

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, torch.Tensor], width: int) -> Moments:
        """Check those of a file, for rows of a width.

        Raises
        ------
        ValueError
            If one is of another shape or dtype, or a scale is not positive.
        """
        for name in cls._fields:
            shape, dtype = tuple(tensors[name].shape), tensors[name].dtype
            count = name == "n_samples_seen"
            if shape != (width,) and not (count and shape == ()):
                raise ValueError(f"a scaler's {name!r} has shape {shape} for rows of {width}")
            if dtype != torch.float64 and not (count and dtype == torch.int64):
                raise ValueError(f"a scaler's {name!r} is of {dtype}")
        if not (tensors["scale"] > 0).all():
            raise ValueError("a scaler's 'scale' is not positive")
        return cls(*(tensors[name].numpy() for name in cls._fields))

    def standardise(self, rows: np.ndarray) -> np.ndarray:
        """Return ``(rows - mean) / scale`` of float rows that have been checked.

        The checks of scikit-learn's StandardScaler change the warning filters for a moment, which
        all threads share, and cost more than the arithmetic of a few rows. A mean in float32 would
        move all rows of a large mean and a small scale.
        """
        out = np.subtract(rows, self.mean, out=np.empty_like(rows), casting="same_kind")
        return np.divide(out, self.scale, out=out, casting="same_kind")


@dataclass(frozen=True, eq=False)
class ModalityScaler:
    """Up to three steps from a modality's rows to what its encoder reads.

    The features that a frozen module makes of them, standardisation, principal components; with
    none, the rows are read as they are.
    """

    n_features: int
    """Width of what `transform` returns."""
    module: ModuleFeatures | None = None
    """In evaluation mode, on the device of the fit."""
    moments: Moments | None = None
    components: np.ndarray | None = None
    """Of shape (n_components, width), such that the mean variance of the components is 1."""
    single: np.ndarray | None = None
    """Whether float32 has all values of a column, (width,) of bool; None where that is unknown."""
    keeps_padding: bool = False
    """Whether the padding of a sequence, and a sequence that is missing, reach the encoder as NaN;
    what else is missing becomes 0."""

    @classmethod
    def fit(
        cls,
        array: Modality,
        weight: np.ndarray,
        encoding: Encoding,
        *,
        standardize: bool,
        device: torch.device | str = "cpu",
    ) -> ModalityScaler:
        """Fit the steps for one modality.

        Of a picture, and of a sequence, there is one scale per channel. A pixel that is dark in
        nearly all training rows would otherwise be worth hundreds of its standard deviations where
        it is not, and drown the rest of an image: on the raw pictures of av_mnist such values are
        .94 of the sum of squares of new rows. Where a fully connected encoder would read more than
        32 values in channels, it reads their principal components. The steps of a sequence have
        one mean per channel too: how many rows reach the last ones is chance.

        Parameters
        ----------
        array : Modality of shape (n_samples, width)
            Flattened rows; one that lacks the modality is all NaN, and counts nowhere.
        weight : ndarray of shape (n_samples,)
            Row weights.
        encoding : Encoding
            How the modality is read, with the shape of one row before it was flattened. A module
            that is trained reads the rows as they are.
        standardize : bool
            Whether rows, or the features of a frozen module, are standardised.
        device : torch.device
            Where a frozen module makes its features.
        """
        if is_frozen(encoding.module):
            scaler = cls._of_module(encoding, device)
            return scaler._standardising(array, weight) if standardize else scaler
        scaler = cls(encoding.width, keeps_padding=encoding.kind == "sequence")
        if not standardize or encoding.kind == "module":
            return scaler
        if isinstance(array, SparseModality):
            return replace(scaler, moments=_one_scale(array, weight))
        parts = ((np.asarray(array[rows]), weight[rows]) for rows in array.slices())
        fitted, components = fitted_scaler(parts, array.eps), None
        if encoding.kind in ("sequence", "conv1d"):
            _pool_steps(fitted, channels(encoding.shape))
        elif len(encoding.shape) > 1:
            components = _pool_pixels(fitted, array, weight, encoding)
        scaler = replace(scaler, moments=Moments.of(fitted), single=fitted.single_)
        return scaler if components is None else scaler._projecting(components)

    @classmethod
    def _of_module(cls, encoding: Encoding, device: torch.device | str) -> ModalityScaler:
        if not isinstance(encoding.module, torch.nn.Module):
            raise TypeError(f"a frozen module is needed, got {encoding.module!r}")
        module = ModuleFeatures(deepcopy(encoding.module).to(device).eval(), encoding.shape)
        return cls(n_features(module, encoding), module)

    def _standardising(self, rows: Modality, weight: np.ndarray) -> ModalityScaler:
        parts = (
            (self.transform(np.asarray(rows[part])), weight[part])
            for part in slices(len(rows), ROWS_OF_A_MODULE)
        )
        return replace(self, moments=Moments.of(fitted_scaler(parts)))

    def _projecting(self, components: np.ndarray) -> ModalityScaler:
        return replace(self, components=components, n_features=len(components))

    def __getstate__(self) -> dict[str, Any]:
        """Pickle a module as it is on the CPU, that a machine without a GPU can read it."""
        module = None if self.module is None else deepcopy(self.module).cpu()
        return {**vars(self), "module": module}

    def transform(self, rows: np.ndarray) -> np.ndarray:
        """Return what flattened rows become, (n_samples, n_features); NaN for a missing one."""
        if self.module is not None:
            rows = self._features(self.module, rows)
        if self.moments is None:
            return rows
        if self.components is None:
            return self.moments.standardise(rows)
        with np.errstate(over="ignore", invalid="ignore"):  # refused with its row further on
            return self.moments.standardise(rows) @ self.components.T

    def _features(self, module: ModuleFeatures, rows: np.ndarray) -> np.ndarray:
        like = next(module.parameters(), torch.empty(0, dtype=torch.float32, device="cpu"))
        out = np.full((len(rows), self.n_features), np.nan)
        some = np.flatnonzero(present_rows(rows))
        for of_module in slices(len(some), ROWS_OF_A_MODULE):
            part = some[of_module]
            x = torch.tensor(rows[part], dtype=like.dtype, device=like.device)
            with torch.no_grad():
                features = module(x).double().cpu().numpy()
            if not np.isfinite(features).all():
                row = int(part[~np.isfinite(features).all(axis=1)][0])
                raise ValueError(
                    f"encoders: the features of the frozen {type(module.module).__name__} are "
                    f"not finite at row {row} of those it read: "
                    f"{features[part == row][0].tolist()[:5]}"
                )
            out[part] = features
        return out

    def tensor(self, array: Modality, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """Transform rows onto the device, a part of them at a time; what is missing becomes 0."""
        out = torch.empty((len(array), self.n_features), dtype=dtype, device=device)
        for rows in array.slices():
            part = self.transform(np.asarray(array[rows]))
            out[rows] = torch.tensor(part, dtype=dtype, device=device)
        return out.nan_to_num_(torch.nan if self.keeps_padding else 0.0, torch.inf, -torch.inf)

    def training_input(
        self, array: Modality, device: torch.device, dtype: torch.dtype
    ) -> torch.Tensor | StreamedRows:
        """Transform an array onto the device, and a source when its rows are read."""
        if not array.streamed:
            return self.tensor(array, device, dtype)
        return StreamedRows(array, lambda part: self.tensor(part, device, dtype), self.n_features)

    def output(self, encoding: Encoding) -> Encoding:
        """Describe what is left for the network to encode."""
        if self.module is not None:
            return Encoding("mlp", (self.n_features,))
        if self.components is not None:
            return Encoding(encoding.kind, (self.n_features,))
        return encoding

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Describe the scaler for a file: its kind and whether it standardises; arrays by name."""
        kind = "none" if self.moments is None else "standard"
        arrays: dict[str, Any] = {} if self.moments is None else self.moments._asdict()
        if self.single is not None:
            arrays = arrays | {"single": self.single}
        if self.keeps_padding:
            kind = "padded"
        if self.components is not None:
            kind, arrays["components"] = "components", self.components
        if self.module is not None:
            kind = "frozen"
            arrays |= {f"module.{k}": v for k, v in self.module.state_dict().items()}
        return {"kind": kind, "standardised": self.moments is not None}, arrays

    @classmethod
    def from_state(
        cls,
        description: Mapping[str, Any],
        arrays: Mapping[str, torch.Tensor],
        encoding: Encoding,
        device: torch.device,
    ) -> ModalityScaler:
        """Make the scaler that `state` has described, for rows that `encoding` reads.

        A description that no such scaler has makes one that is described otherwise.

        Raises
        ------
        ValueError
            If an array has not the width of the rows.
        """
        kind, width = description["kind"], encoding.width
        scaler = cls(width, keeps_padding=encoding.kind == "sequence")
        if kind == "frozen":
            scaler = cls._of_module(encoding, device)
            own = {k.removeprefix("module."): arrays[k] for k in arrays if k.startswith("module.")}
            assert scaler.module is not None
            scaler.module.load_state_dict(own)
        if description["standardised"]:
            scaler = replace(scaler, moments=Moments.from_tensors(arrays, scaler.n_features))
        if "single" in arrays:  # earlier files have none
            single = arrays["single"].numpy()
            if single.dtype != bool or single.shape != (width,):
                raise ValueError(f"'single' is {single.dtype} {single.shape} for rows of {width}")
            scaler = replace(scaler, single=single)
        if kind == "components" and encoding.kind in FULLY_CONNECTED:
            components = arrays["components"].numpy()
            if components.dtype.kind != "f" or components.shape[1:] != (width,):
                raise ValueError(f"components have shape {components.shape} for rows of {width}")
            scaler = scaler._projecting(components)
        return scaler


def fitted_scalers(
    arrays: Iterable[Modality],
    weight: np.ndarray,
    encodings: Iterable[Encoding],
    *,
    standardize: bool,
    device: torch.device,
) -> list[ModalityScaler]:
    """Fit one scaler per modality."""
    return [
        ModalityScaler.fit(array, weight, encoding, standardize=standardize, device=device)
        for array, encoding in zip(arrays, encodings, strict=True)
    ]


def network_inputs(
    encodings: Iterable[Encoding], scalers: Iterable[ModalityScaler]
) -> list[Encoding]:
    """Describe how the network reads what the scalers make of each modality."""
    return [s.output(encoding) for encoding, s in zip(encodings, scalers, strict=True)]


def _one_scale(array: SparseModality, weight: np.ndarray) -> Moments:
    """Fit one scale for all columns of a sparse modality: the root of their mean square.

    Means would fill the zeros, so none are taken off. With a scale of its own, a word that stands
    in one remark of thousands would weigh as much as all common ones: on the remarks of
    bird_strikes (TF-IDF, 20,000 columns) β = 0 has an area under the ROC curve of .85 so, and .91
    with one scale for all.
    """
    square = array.mean_square(weight)
    mean = float(square.mean())
    scale = np.full_like(square, np.sqrt(mean) if mean > 0 else 1.0)
    return Moments(np.zeros_like(square), square, scale, np.asarray(array.present.sum()))


def _pool_pixels(
    scaler: FittedScaler, array: Modality, weight: np.ndarray, encoding: Encoding
) -> np.ndarray | None:
    """Give the pixels of a channel one scale; return components where they are read instead."""
    channel = channels(encoding.shape)
    variance = np.where(scaler.constant_, 0.0, scaler.var_)
    scale = np.sqrt(np.bincount(channel, variance) / np.bincount(channel))
    scaler.scale_ = np.where(scale > 0, scale, 1.0)[channel]
    if len(channel) <= N_COMPONENTS or encoding.kind == "conv2d":
        return None
    return _principal_components(Moments.of(scaler), array, weight, scaler.constant_)


def _pool_steps(scaler: FittedScaler, channel: np.ndarray) -> None:
    """Give all steps of a channel the mean and variance of all its values."""
    count = np.broadcast_to(scaler.n_samples_seen_, channel.shape)
    mean = np.nan_to_num(scaler.mean_)
    variance = np.where(scaler.constant_, 0, scaler.var_)
    total = np.bincount(channel, count)
    pooled = np.bincount(channel, count * mean) / total
    spread = np.nan_to_num(variance) + (mean - pooled[channel]) ** 2
    scale = np.sqrt(np.bincount(channel, count * spread) / total)
    scaler.mean_ = pooled[channel]
    least = np.full(len(pooled), np.inf)
    np.minimum.at(least, channel, np.maximum(scaler.rounding_, 1e-12))
    constant = scale <= least * np.abs(pooled)
    scaler.scale_ = np.where(constant, np.maximum(scale, 1.0), scale)[channel]


def _principal_components(
    moments: Moments, array: Modality, weight: np.ndarray, constant: np.ndarray
) -> np.ndarray:
    """Fit the components of weighted, standardised rows; zeros where there are not enough."""
    some = np.flatnonzero(array.present)
    if len(some) > COMPONENT_ROWS:
        some = np.sort(np.random.default_rng(0).choice(some, COMPONENT_ROWS, replace=False))
    rows = (
        moments.standardise(np.asarray(array[some])).astype(np.float64)
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
    """Return the channel of each feature of rows of a shape, in the order in which they flatten.

    A picture, a square (H, W) or one of more axes, is one channel: its colours stay in proportion.
    A sequence (L, C) has those of its steps; in a table (C,) each column is its own.
    """
    if len(shape) > 2 or (len(shape) == 2 and shape[0] == shape[1]):
        return np.zeros(shape, dtype=int).ravel()
    return np.indices(shape)[-1].ravel()
