"""Which of the user's callbacks can work, told before any training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    InputShapeSetter,
    LRScheduler,
    PassthroughScoring,
)

NEED_BATCHES = (BatchScoring, PassthroughScoring, InputShapeSetter)
"""Callbacks of skorch that read a batch as a pair (X, y), or scores kept for each batch."""

HAVE_OWN_STATE: dict[type[Callback], str] = {
    EarlyStopping: "early_stopping=True keeps its count",
    LRScheduler: "lr_schedule keeps its place",
}
"""Callbacks of skorch whose state decides over the rest of the training, and what to use."""


def check_callbacks(callbacks: Sequence[Any] | None, *, held_out: bool = True) -> list[Any]:
    """Refuse what can't work: each is a skorch Callback, its class, or a (name, callback) pair.

    Parameters
    ----------
    callbacks : sequence or None
        The user's.
    held_out : bool
        Whether there are held-out rows, and with them a ``"valid_loss"``.

    Raises
    ------
    TypeError
        If an entry is no callback.
    ValueError
        If a callback reads batches as pairs, or monitors or scores held-out rows that there are
        not.
    """
    checked = list(callbacks or ())
    for entry in checked:
        callback = _callback(entry)
        kind = callback if isinstance(callback, type) else type(callback)
        if not issubclass(kind, Callback):
            raise TypeError(f"callbacks must be skorch callbacks, got {entry!r}")
        if issubclass(kind, NEED_BATCHES):
            raise ValueError(
                f"{kind.__name__} can't be used: a batch here is no pair (X, y) and has no "
                "scores; EpochScoring can"
            )
        if not held_out:
            _check_monitor(kind, kind() if callback is EarlyStopping else callback)
    return checked


def _check_monitor(kind: type[Callback], callback: Any) -> None:
    monitor = getattr(callback, "monitor", None)
    if isinstance(monitor, str) and monitor.startswith("valid_loss"):
        raise ValueError(
            f"{kind.__name__} monitors {monitor!r}, but there are no held-out rows: set "
            "early_stopping=True, or monitor 'train_loss'"
        )
    if issubclass(kind, EpochScoring) and not getattr(callback, "on_train", True):
        raise ValueError(
            "EpochScoring scores held-out rows, but there are none: set early_stopping=True, or "
            "its on_train=True"
        )


def check_resumable(callbacks: Sequence[Any]) -> None:
    """Refuse callbacks with a state that a checkpoint does not hold.

    Raises
    ------
    ValueError
        Naming the callback, and what to use in its place.
    """
    for entry in callbacks:
        callback = _callback(entry)
        kind = callback if isinstance(callback, type) else type(callback)
        for stateful, instead in HAVE_OWN_STATE.items():
            if issubclass(kind, stateful):
                raise ValueError(
                    f"checkpoint_dir can't be used with {kind.__name__}, whose state no "
                    f"checkpoint holds: {instead}"
                )


def callback_names(callbacks: Sequence[Any]) -> list[str]:
    """Name the kinds of callbacks, which have no content that could be compared."""
    kinds = [cb if isinstance(cb, type) else type(cb) for cb in map(_callback, callbacks)]
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in kinds]


def _callback(entry: Any) -> Any:
    return entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry
