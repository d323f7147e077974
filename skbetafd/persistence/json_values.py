"""Parameters and results as JSON, and back, without the name of any code."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

PLAIN_DTYPE = re.compile(r"[<>|]?(b1|[iu][1248]|f[248]|U\d{1,5})|\|O")
LARGEST_ARRAY = 2**28
"""Bytes: the strings of an array all take as much memory as its dtype says."""
TAG = "$"
MODULE = type("Module", (), {"__repr__": lambda self: "a module of the user's"})()
"""Stands for a module of the user's, which no file holds."""


class NotSavableError(ValueError):
    """A value that JSON has no form for."""


def encode(value: Any) -> Any:
    """Turn a value into what JSON holds; what it has no form of is a dict with one ``$`` key.

    Raises
    ------
    NotSavableError
        If the value has no form here; a function or an object, say.
    """
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, np.ndarray):
        return _encoded_array(value)
    if isinstance(value, np.generic):
        return {"$scalar": [_plain_dtype(value.dtype.str, 1).str, encode(value.item())]}
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, list):
        return [encode(v) for v in value]
    if isinstance(value, tuple):
        return {"$tuple": [encode(v) for v in value]}
    if isinstance(value, slice):
        return {"$slice": [encode(v) for v in (value.start, value.stop, value.step)]}
    if isinstance(value, torch.device):
        return {"$device": str(value)}
    if value is MODULE:
        return {"$module": True}
    if isinstance(value, Mapping):
        if all(isinstance(k, str) and not k.startswith(TAG) for k in value):
            return {k: encode(v) for k, v in value.items()}
        return {"$items": [[encode(k), encode(v)] for k, v in value.items()]}
    raise NotSavableError(f"{value!r}, a {type(value).__name__}, can't be saved")


def _encoded_array(array: np.ndarray) -> dict[str, Any]:
    dtype, mask = _plain_dtype(array.dtype.str, array.size), None
    values = np.ma.getdata(array).ravel().tolist()
    if isinstance(array, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(array).ravel().tolist()
        values = [None if hidden else v for v, hidden in zip(values, mask, strict=True)]
    return {"$array": [dtype.str, list(array.shape), [encode(v) for v in values], mask]}


def _plain_dtype(name: str, size: int) -> np.dtype[Any]:
    if not PLAIN_DTYPE.fullmatch(name):
        raise NotSavableError(f"an array of {name!r} can't be saved")
    dtype = np.dtype(name)
    if dtype.itemsize * size > LARGEST_ARRAY:
        raise NotSavableError(f"an array of {size} values of {name!r} is too large")
    return dtype


def decode(value: Any) -> Any:
    """Turn back what `encode` made; of anything else, `encode` makes something else again.

    Raises
    ------
    ValueError, TypeError
        If a tag is unknown, or what it holds can't be turned back.
    """
    if isinstance(value, list):
        return [decode(v) for v in value]
    if not isinstance(value, dict):
        return value
    tag = next(iter(value), "")
    if not tag.startswith(TAG):
        return {k: decode(v) for k, v in value.items()}
    if tag not in DECODERS:
        raise ValueError(f"unknown form of a value, {tag!r:.80}")
    return DECODERS[tag](decode(value[tag]))


def _array(name: str, shape: list[int], values: list[Any], mask: list[bool] | None) -> np.ndarray:
    dtype = _plain_dtype(name, len(values))
    hidden = [False] * len(values) if mask is None else mask
    shown = (dtype.type() if h else v for v, h in zip(values, hidden, strict=True))
    with np.errstate(over="ignore"):
        array = np.fromiter(shown, dtype, len(values)).reshape(shape)
    return array if mask is None else np.ma.MaskedArray(array, np.reshape(hidden, shape))


DECODERS: dict[str, Any] = {
    "$float": float,
    "$device": torch.device,
    "$tuple": tuple,
    "$slice": lambda content: slice(*content),
    "$items": dict,
    "$array": lambda content: _array(*content),
    "$scalar": lambda content: _array(content[0], [], [content[1]], None)[()],
    "$module": lambda _: MODULE,
}
