"""Who is calling, and where a warning points: at the user's line, however deep it is raised."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FrameType

LIBRARIES = ("skbetafd", "sklearn", "skorch", "joblib", "torch", "contextlib")
"""Packages whose frames lie between the user's line and a warning."""

ONE_FIT = ("base", "callback", "pipeline", "utils")
"""Modules of scikit-learn through which a single fit is called."""


def stack_level() -> int:
    """Give the `stacklevel` by which the caller's warning points out of the libraries."""
    level, frame = 0, sys._getframe(1)
    while frame.f_back is not None and _is_library(frame):
        level, frame = level + 1, frame.f_back
    return level + 1


def calling_modules() -> Iterator[str]:
    """Name the modules of the calls that are under way, the innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield str(frame.f_globals.get("__name__"))
        frame = frame.f_back


def one_of_many_fits() -> bool:
    """Tell whether the fit that is running is one of several that are made by one call.

    A search, an ensemble, `diagnose`: who interrupts them means all of it.
    """
    for name in calling_modules():
        package, _, module = name.partition(".")
        if package == "sklearn" and module.split(".")[0] not in ONE_FIT:
            return True
        if package == "skbetafd" and module.startswith("diagnosis"):
            return True
    return False


def _is_library(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in LIBRARIES
