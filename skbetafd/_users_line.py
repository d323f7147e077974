"""Where a warning points: at the user's line, however deep in the libraries it is raised."""

from __future__ import annotations

import sys
from types import FrameType

LIBRARIES = ("skbetafd", "sklearn", "skorch", "joblib", "torch", "contextlib")
"""Packages whose frames lie between the user's line and a warning."""


def stack_level() -> int:
    """Give the `stacklevel` by which the caller's warning points out of the libraries."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and _is_library(frame):
        level, frame = level + 1, frame.f_back
    return level + 1


def _is_library(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in LIBRARIES
