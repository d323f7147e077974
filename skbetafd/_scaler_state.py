"""Scalers as a description and arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler

from ._frozen import FrozenFeatures
from ._scaling import ComponentScaler, PaddedScaler, Scaler
from .nn.encoders import Encoding

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
