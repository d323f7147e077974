"""Parameters and results as JSON, and back, without the name of any code."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

PLAIN_DTYPE = re.compile(r"[<>|]?(b1|[iu][1248]|f[248]|U\d{1,5})|\|O")
WIDEST = 256
"""Characters of an array of strings, unless one of them is longer."""
DEEPEST = 32
TAG = "$"


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
    if isinstance(value, (np.generic, np.ndarray)):
        return _encoded_array(value)
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
    if isinstance(value, Mapping):
        if all(isinstance(k, str) and not k.startswith(TAG) for k in value):
            return {k: encode(v) for k, v in value.items()}
        return {"$items": [[encode(k), encode(v)] for k, v in value.items()]}
    raise NotSavableError(f"{value!r}, a {type(value).__name__}, can't be saved")


def _encoded_array(value: Any) -> dict[str, Any]:
    array = np.asarray(value)
    if not PLAIN_DTYPE.fullmatch(array.dtype.str.replace("=", "")):
        raise NotSavableError(f"an array of {array.dtype} can't be saved")
    if not isinstance(value, np.ndarray):
        return {"$scalar": [array.dtype.str, encode(array.item())]}
    dtype = array.dtype.str
    masked = isinstance(value, np.ma.MaskedArray)
    mask = np.ma.getmaskarray(value).ravel().tolist() if masked else None
    values = (np.ma.getdata(value) if masked else array).ravel().tolist()
    if masked:
        values = [None if hidden else v for v, hidden in zip(values, mask or [], strict=True)]
    if array.dtype.kind == "U":
        dtype = f"<U{min(array.dtype.itemsize // 4, max(WIDEST, *map(len, values), 1))}"
    return {"$array": [dtype, list(array.shape), [encode(v) for v in values], mask]}


def with_keys(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    """Write a mapping of names or positions to what JSON holds; see `by_key`."""
    if all(isinstance(key, str) for key in mapping):
        return dict(mapping)
    return {"$items": [[key, value] for key, value in mapping.items()]}


def by_key(found: Mapping[str, Any]) -> dict[Any, Any]:
    """Read what `with_keys` has written."""
    pairs = found.get("$items")
    if not isinstance(pairs, list):
        return dict(found)
    if not all(isinstance(p, list) and len(p) == 2 and type(p[0]) in (str, int) for p in pairs):
        raise ValueError(f"a mapping holds {pairs!r:.80}")
    return {key: value for key, value in pairs}


def decode(value: Any, depth: int = 0) -> Any:
    """Turn back what `encode` made.

    Raises
    ------
    ValueError
        If a tag is unknown or what it holds is not of its form.
    """
    if depth > DEEPEST:
        raise ValueError(f"values are nested more than {DEEPEST} deep")
    if isinstance(value, list):
        return [decode(v, depth + 1) for v in value]
    if not isinstance(value, dict):
        return value
    tag = next(iter(value), "")
    if not tag.startswith(TAG):
        return {k: decode(v, depth + 1) for k, v in value.items()}
    content = value[tag]
    if len(value) != 1 or tag not in DECODERS:
        raise ValueError(f"unknown form of a value, {tag!r}")
    if tag in ("$float", "$device"):
        return DECODERS[tag](content)
    if not isinstance(content, list):
        raise ValueError(f"{tag!r} holds a {type(content).__name__}")
    return DECODERS[tag]([decode(v, depth + 1) for v in content])


def _dtype(name: Any, values: list[Any]) -> np.dtype[Any]:
    if not isinstance(name, str) or not PLAIN_DTYPE.fullmatch(name):
        raise ValueError(f"unknown kind of array, {name!r}")
    dtype = np.dtype(name)
    if dtype.kind == "U":
        longest = max((len(v) for v in values if isinstance(v, str)), default=0)
        if dtype.itemsize > 4 * max(WIDEST, longest):
            raise ValueError(f"an array of {name!r} holds strings of at most {longest} characters")
    return dtype


TYPES: dict[str, tuple[type, ...]] = {
    "b": (bool,),
    "i": (int,),
    "u": (int,),
    "f": (float, int),
    "U": (str,),
    "O": (object,),
}
"""What the entries of an array are, by the kind of its dtype."""


def _check_entries(dtype: np.dtype[Any], values: list[Any], mask: list[Any]) -> None:
    allowed = TYPES[dtype.kind]
    for value, hidden in zip(values, mask, strict=True):
        foreign = not isinstance(value, allowed) or (dtype.kind in "iuf" and value is True)
        if foreign and not (hidden is True and value is None):
            raise ValueError(f"an array of {dtype.str!r} holds {value!r:.80}")


def _check_range(array: np.ndarray, values: list[Any]) -> None:
    for i in np.flatnonzero(np.isinf(array)):
        if math.isfinite(values[i]):
            raise ValueError(f"an array of {array.dtype.str!r} can't hold {values[i]!r:.80}")


def _array(content: list[Any]) -> np.ndarray:
    name, shape, values, mask = content
    if not isinstance(values, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("an array needs a shape and values")
    if math.prod(shape) != len(values):
        raise ValueError(f"an array of shape {shape} holds {len(values)} values")
    dtype = _dtype(name, values)
    hidden = [False] * len(values) if mask is None else mask
    _check_entries(dtype, values, hidden)
    blank = None if dtype.kind == "O" else dtype.type()
    flat = np.empty(len(values), dtype=dtype)
    with np.errstate(over="ignore"):
        for i, value in enumerate(values):
            flat[i] = blank if hidden[i] else value
    if dtype.kind == "f":
        _check_range(flat, values)
    array = flat.reshape(shape)
    return array if mask is None else np.ma.MaskedArray(array, np.reshape(hidden, shape))


def _scalar(content: list[Any]) -> Any:
    name, value = content
    return _array([name, [], [value], None])[()]


def _float(content: Any) -> float:
    if content not in ("nan", "inf", "-inf"):
        raise ValueError(f"unknown number {content!r}")
    return float(content)


def _device(content: Any) -> torch.device:
    try:
        return torch.device(str(content))
    except RuntimeError as error:
        raise ValueError(f"unknown device {content!r}") from error


DECODERS: dict[str, Any] = {
    "$float": _float,
    "$device": _device,
    "$tuple": tuple,
    "$slice": lambda content: slice(*content),
    "$items": lambda content: {k: v for k, v in content},
    "$array": _array,
    "$scalar": _scalar,
}


def strict_json(text: str | bytes) -> Any:
    """Read JSON without duplicate keys, NaN or infinity, not nested too deep.

    Raises
    ------
    ValueError
        Saying what is wrong.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite_number,
        )
    except RecursionError as error:
        raise ValueError("its JSON is nested too deep") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"its JSON is broken: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"its JSON has the key {twice!r} twice")
    return out


def _finite_number(digits: str) -> float:
    if not math.isfinite(float(digits)):
        raise ValueError(f"its JSON holds {digits:.80}, which is infinite")
    return float(digits)


def _no_constant(name: str) -> Any:
    raise ValueError(f"its JSON holds {name}")
