"""What a user is told: names before errors, where a warning points, warnings that are left out."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from types import FrameType


@contextmanager
def named(culprit: str) -> Iterator[None]:
    """Put the culprit, an argument, modality or fold, before an error's message that lacks it."""
    try:
        yield
    except (AttributeError, IndexError, OverflowError, TypeError, ValueError) as error:
        if re.search(rf"(?<!\w){re.escape(culprit)}(?!\w)", str(error)):
            raise
        message = f"{culprit}: {error}"
        if isinstance(error, UnicodeError):  # its message is made of its attributes
            raise ValueError(message) from error
        error.args = (message,)
        raise


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """Say what to install where an import fails."""
    try:
        yield
    except ImportError as error:
        message = f"{what}: pip install 'skbetafd[{extra}]'"
        raise type(error)(message, name=error.name) from error


LIBRARIES = ("skbetafd", "sklearn", "skorch", "joblib", "torch", "contextlib", "pickle")
"""Packages whose frames lie between the user's line and a warning."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the user's line, the first one out of the libraries."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_library(frame):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)


def _is_library(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).partition(".")[0] in LIBRARIES


_FILTERS = RLock()
"""Of the process: threads that overlap would restore what another had changed, and leave it so."""

if hasattr(os, "register_at_fork"):  # the thread that held it is not there
    os.register_at_fork(after_in_child=_FILTERS._at_fork_reinit)  # type: ignore[attr-defined]


@contextmanager
def without_warnings(category: type[Warning], message: str = "") -> Iterator[None]:
    """Ignore a category of warnings, or those of it that begin with `message`.

    Nothing that waits for other threads may run in the block.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message, category)
        yield
