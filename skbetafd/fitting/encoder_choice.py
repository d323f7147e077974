"""Which encoder reads a modality, and what tells it from another fit's encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import joblib
import numpy as np
import torch

from ..inputs.missing import present_rows
from ..inputs.modality import Modality
from ..inputs.modality_names import by_name
from ..inputs.multimodal_array import quoted
from ..nn.encoders import Encoding, ModuleFeatures, n_features, seeded, user_module
from .scaling import is_frozen

KINDS = ("linear", "mlp", "conv1d", "conv2d", "sequence")
AXES = {"conv1d": (2,), "sequence": (2,), "conv2d": (2, 3)}
"""Axes that a row must have; the others read any."""


@dataclass(frozen=True)
class Reading:
    """How a modality is read, in plain values."""

    kind: str
    shape: tuple[int, ...]
    module: str = ""
    """Of a user's module, its text."""
    frozen: bool = False
    state: str = ""
    """Of a frozen module, the hash of its state."""
    tensors: tuple[tuple[Any, ...], ...] = field(default=(), compare=False)
    """Of a user's module: name, dtype, shape and whether it is trained, of each tensor."""

    def __str__(self) -> str:
        if not self.module:
            return repr(self.kind)
        return f"the {'frozen' if self.frozen else 'trained'} module {self.module}"


def resolve_encodings(
    encoders: Any,
    encoder_learning_rate: Any,
    names: Sequence[str],
    shapes: Sequence[tuple[int, ...]],
    arrays: Sequence[Modality],
) -> tuple[Encoding, ...]:
    """Find how each modality is read.

    Parameters
    ----------
    encoders : str or mapping of str to str, nn.Module or callable
        The estimator's parameter: "auto", a kind for all modalities, or something for some of
        them by name; the others are "auto".
    encoder_learning_rate : float, mapping of str to float, or None
        The estimator's parameter.
    names : sequence of str
        The modalities.
    shapes : sequence of tuple of int
        Shape of one row of each.
    arrays : sequence of Modality of shape (n_samples, width)
        Flattened rows; padded steps are NaN.

    Raises
    ------
    ValueError
        If a name or kind is unknown, or a kind does not fit the shape of the rows.
    TypeError
        If an encoder is none of these.
    """
    given = by_name(encoders, names, "encoders")
    rates = by_name(encoder_learning_rate, names, "encoder_learning_rate")
    for name in rates if isinstance(encoder_learning_rate, Mapping) else ():
        if isinstance(given.get(name, "auto"), str):
            raise ValueError(
                f"encoder_learning_rate names {name!r}, which no module of the user's reads"
            )
    return tuple(
        _encoding(name, given.get(name, "auto"), rates.get(name), shape, array)
        for name, shape, array in zip(names, shapes, arrays, strict=True)
    )


def may_be_padded(
    encoders: Any, names: Sequence[str], shapes: Sequence[tuple[int, ...]]
) -> list[str]:
    """Name the modalities whose last steps may be NaN."""
    given = by_name(encoders, names, "encoders")
    sequences = [name for name, shape in zip(names, shapes, strict=True) if len(shape) == 2]
    return [name for name in sequences if given.get(name, "auto") in ("auto", "sequence")]


def _encoding(
    name: str, encoder: Any, rate: Any, shape: tuple[int, ...], array: Modality
) -> Encoding:
    if isinstance(encoder, torch.nn.Module) or (callable(encoder) and not isinstance(encoder, str)):
        _check_rate(name, rate)
        return Encoding("module", shape, encoder, rate)
    if not isinstance(encoder, str):
        raise TypeError(
            f"encoders[{name!r}] must be a kind, a torch module or what makes one, got {encoder!r}"
        )
    kind = automatic(shape, array) if encoder == "auto" else encoder
    if kind not in KINDS:
        raise ValueError(
            f"encoders: modality {name!r} can be read by 'auto', {quoted(KINDS)}, a torch module "
            f"or what makes one, got {encoder!r}"
        )
    if len(shape) not in AXES.get(kind, (len(shape),)):
        raise ValueError(
            f"encoders: {kind!r} can't read modality {name!r}, whose rows have shape {shape}; it "
            f"needs {' or '.join(map(str, AXES[kind]))} axes"
        )
    return Encoding(kind, shape)


def reading_of(name: str, encoding: Encoding) -> Reading:
    """Describe how a modality is read, once a user's module has read two rows of zeros.

    What makes modules is described by what it makes under a fixed seed.

    Raises
    ------
    TypeError
        If a factory makes no module.
    ValueError
        If the module can't be made, can't read rows of that shape, or returns no features.
    """
    kind, shape = encoding.kind, tuple(encoding.shape)
    if encoding.module is None:
        return Reading(kind, shape)
    module, frozen = _tried_module(name, encoding), is_frozen(encoding.module)
    tensors = [*module.named_parameters(), *module.named_buffers()]
    return Reading(
        kind,
        shape,
        str(module),
        frozen,
        joblib.hash(plain_tensors(module.state_dict())) if frozen else "",
        tuple((n, str(v.dtype), tuple(v.shape), v.requires_grad) for n, v in tensors),
    )


def readings_of(names: Sequence[str], encodings: Sequence[Encoding]) -> tuple[Reading, ...]:
    """Describe how each modality is read, see `reading_of`."""
    return tuple(map(reading_of, names, encodings))


def plain_tensors(values: Mapping[str, Any]) -> dict[str, Any]:
    """Turn tensors into dtype, shape and bytes: NumPy has no bfloat16, and pickles differ."""
    return {name: _plain(v) if isinstance(v, torch.Tensor) else v for name, v in values.items()}


def _plain(value: torch.Tensor) -> tuple[Any, ...]:
    flat = value.detach().cpu().contiguous().flatten()
    return str(value.dtype), tuple(value.shape), flat.view(torch.uint8).numpy()


def _tried_module(name: str, encoding: Encoding) -> torch.nn.Module:
    generator = torch.Generator("cpu").manual_seed(0)
    try:
        module = user_module(encoding, generator)
    except Exception as error:
        raise ValueError(
            f"encoders: modality {name!r} got {encoding.module!r}, which gives no module when it "
            f"is called without arguments, or one that can't be copied: {error}"
        ) from error
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            f"encoders: modality {name!r} got {module!r} from {encoding.module!r}; a torch module "
            "is needed"
        )
    try:
        with seeded(generator):
            n_features(ModuleFeatures(module, encoding.shape), encoding)
    except Exception as error:
        raise ValueError(
            f"encoders: the module of modality {name!r} can't read float rows of shape "
            f"(n, {', '.join(map(str, encoding.shape))}) and return (n, ...) features: {error}"
        ) from error
    return module


def _check_rate(name: str, rate: Any) -> None:
    number = isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool)
    if rate is not None and not (number and 0 < rate < np.inf):
        raise ValueError(
            f"encoder_learning_rate of modality {name!r} must be a positive number, got {rate!r}"
        )


def automatic(shape: tuple[int, ...], array: Modality) -> str:
    """Choose a kind by the shape of a row, (H, W), (C, H, W), (L, C) or (C,)."""
    if len(shape) == 3:
        return "conv2d"
    if len(shape) != 2 or shape[0] == 1:
        return "mlp"
    return "conv2d" if shape[0] == shape[1] and not padded(array) else "sequence"


def padded(array: Modality) -> bool:
    """Tell whether rows that are there have steps of NaN."""
    return any(np.isnan(part[present_rows(part)]).any() for part in array.chunks())
