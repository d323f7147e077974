"""Modalities by name or position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from .multimodal_array import quoted


def by_name(value: Any, names: Sequence[str], parameter: str) -> dict[str, Any]:
    """Spread one value over all modalities; a mapping's keys are names or positions."""
    if not isinstance(value, Mapping):
        return dict.fromkeys(names, value)
    found: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    for key, entry in value.items():
        position = isinstance(key, int) and not isinstance(key, bool) and 0 <= key < len(names)
        name = names[key] if position and key not in names else key
        if name not in names:
            raise ValueError(f"{parameter} names {key!r}, but the modalities are {quoted(names)}")
        if name in found:
            raise ValueError(
                f"{parameter} names modality {name!r} twice, by {keys[name]!r} and by {key!r}"
            )
        found[name], keys[name] = entry, key
    return found


def modality_position(
    modality: str | int, names: Sequence[str], parameter: str = "predominant"
) -> int:
    """Find the position of a modality given by name or position, in `parameter`."""
    if isinstance(modality, str) and modality in names:
        return list(names).index(modality)
    is_position = isinstance(modality, Integral) and not isinstance(modality, bool)
    if is_position and 0 <= int(modality) < len(names):
        return int(modality)
    raise ValueError(f"{parameter}={modality!r} is no modality; there are {dict(enumerate(names))}")
