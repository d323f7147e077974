"""Public names say where they are public, so that no pickle or repr names a private file."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any


def set_public_module(face: Mapping[str, Any]) -> None:
    """Set ``__module__`` of the classes and functions in ``__all__`` of a face's globals."""
    for name in face["__all__"]:
        if inspect.isclass(face[name]) or inspect.isfunction(face[name]):
            face[name].__module__ = face["__name__"]
