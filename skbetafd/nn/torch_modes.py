"""Modes that torch has for a thread: what is computed does not depend on those of the caller."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock

import torch

GENERATORS = RLock()
"""Of the process: one thread at a time seeds torch's global generators and restores them."""

if hasattr(os, "register_at_fork"):  # the thread that held it is not there
    os.register_at_fork(after_in_child=GENERATORS._at_fork_reinit)  # type: ignore[attr-defined]

AUTOCAST = ("cpu", "cuda", "mps", "xpu")
"""Kinds of devices that torch knows autocast of."""


@contextmanager
def without_autocast() -> Iterator[None]:
    """Compute in the precision of the tensors."""
    with ExitStack() as stack:
        for kind in AUTOCAST:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


@contextmanager
def fitting() -> Iterator[None]:
    """Record gradients, in tensors that can have them; autocast only where it is asked for."""
    with torch.inference_mode(False), torch.enable_grad(), without_autocast():
        yield


@contextmanager
def predicting() -> Iterator[None]:
    """Record no gradients; no autocast."""
    with torch.no_grad(), without_autocast():
        yield
