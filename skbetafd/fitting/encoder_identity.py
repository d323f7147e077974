"""What an encoding reads by: described alike in every process, to compare fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import joblib
import torch

from ..nn.encoders import Encoding, user_module
from .scaling import is_frozen


class Reading(NamedTuple):
    """How a modality is read, in plain values."""

    kind: str
    shape: tuple[int, ...]
    module: str = ""
    """Of a user's module, its text."""
    frozen: bool = False
    state: str = ""
    """Of a frozen module, the hash of its state."""


def plain_tensor(value: Any) -> Any:
    """Give a tensor as dtype, shape and bytes: NumPy has no bfloat16, and pickles differ."""
    if not isinstance(value, torch.Tensor):
        return value
    flat = value.detach().cpu().contiguous().flatten()
    return str(value.dtype), tuple(value.shape), flat.view(torch.uint8).numpy()


def plain_state(module: torch.nn.Module) -> dict[str, Any]:
    """Give a module's state as plain values, by name."""
    return {name: plain_tensor(value) for name, value in module.state_dict().items()}


def module_of(encoding: Encoding) -> torch.nn.Module:
    """Give a user's module, to look at, or what its factory makes under a fixed seed."""
    if isinstance(encoding.module, torch.nn.Module):
        return encoding.module
    return user_module(encoding, torch.Generator("cpu").manual_seed(0))


def reading_of(encoding: Encoding) -> Reading:
    """Describe how a modality is read; a factory by what it makes under a fixed seed."""
    kind, shape = encoding.kind, tuple(encoding.shape)
    if encoding.module is None:
        return Reading(kind, shape)
    made = module_of(encoding)
    frozen = is_frozen(encoding.module)
    state = joblib.hash(plain_state(made)) if frozen else ""
    return Reading(kind, shape, str(made), frozen, state)


def readings_of(encodings: Sequence[Encoding]) -> tuple[Reading, ...]:
    """Describe how each modality is read."""
    return tuple(map(reading_of, encodings))


def check_same_readings(
    names: Sequence[str], earlier: Sequence[Reading], new: Sequence[Reading]
) -> None:
    """Refuse another way to read a modality than the earlier fit's.

    Raises
    ------
    ValueError
        Naming the modality.
    """
    for name, old, own in zip(names, earlier, new, strict=True):
        if old == own:
            continue
        if (old.kind, old.module, old.frozen) == (own.kind, own.module, own.frozen):
            what = f"a frozen module with other weights or buffers, {own.module}"
        else:
            what = f"{_said(own)}, the earlier fit by {_said(old)}"
        raise ValueError(
            f"encoders: warm_start needs the encoders of the earlier fit, but modality {name!r} "
            f"is now read by {what}"
        )


def described(encoding: Encoding) -> Any:
    """Describe an encoding with all that a fit from random weights depends on."""
    module, rest = encoding.module, encoding._replace(module=None)
    if module is None:
        return tuple(rest)
    made = module_of(encoding)
    if isinstance(module, torch.nn.Module):
        state: Any = plain_state(made)
    else:
        state = [(n, str(v.dtype), tuple(v.shape)) for n, v in made.named_parameters()]
        state += [(n, str(v.dtype), tuple(v.shape)) for n, v in made.named_buffers()]
    fixed = [name for name, value in made.named_parameters() if not value.requires_grad]
    return (str(made), state, fixed, *rest)


def _said(reading: Reading) -> str:
    if not reading.module:
        return repr(reading.kind)
    return f"the {'frozen' if reading.frozen else 'trained'} module {reading.module}"
