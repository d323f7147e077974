"""Entries of a saved description: there, and of their kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LARGEST_NUMBER = 2**40
"""Of a size or position."""


def check_fields(what: str, found: Any, fields: Mapping[str, Any]) -> None:
    """Refuse a mapping that has other entries than `fields`, or one of another type.

    Raises
    ------
    ValueError
        Naming the entry.
    """
    if not isinstance(found, dict):
        raise ValueError(f"{what} is a {type(found).__name__}")
    for name in [*found, *fields]:
        if name not in fields:
            raise ValueError(f"{what} has an unknown entry {name!r:.80}")
        if name not in found:
            raise ValueError(f"{what} lacks {name!r}")
        value, kind = found[name], fields[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{what}: {name!r} is a {type(value).__name__}, {value!r:.80}")


def check_numbers(what: str, values: Any, *, least: int) -> None:
    """Refuse what is no list of whole numbers from `least` on.

    Raises
    ------
    ValueError
        With the value that is none.
    """
    if not isinstance(values, list) or not values:
        raise ValueError(f"{what} is empty or no list")
    for value in values:
        if type(value) is not int or not least <= value <= LARGEST_NUMBER:
            raise ValueError(f"{what} holds {value!r:.80}")
