"""What all threads of a process share is changed by one of them at a time."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

_LOCK = RLock()


def _renew_lock() -> None:
    global _LOCK
    _LOCK = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)  # the thread that held it is not there


@contextmanager
def alone() -> Iterator[None]:
    """Keep out other threads that change what is restored after: filters, levels, generators.

    Threads that overlap would restore what another had changed, and leave it so.
    """
    with _LOCK:
        yield


@contextmanager
def without_warnings(category: type[Warning], message: str = "") -> Iterator[None]:
    """Ignore a category of warnings, or those of it that begin with `message`.

    Nothing that waits for other threads may run in the block.
    """
    with alone(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message, category)
        yield
