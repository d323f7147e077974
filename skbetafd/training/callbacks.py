"""Callbacks that a fit has by itself, and which of the user's can work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from skorch.callbacks import (
    BatchScoring,
    Callback,
    EarlyStopping,
    EpochScoring,
    EpochTimer,
    InputShapeSetter,
    LRScheduler,
    PassthroughScoring,
    PrintLog,
)

from .._utils.progress import progress
from .schedule import OWN_SCHEDULE, schedule_policy
from .stopping import OwnCallback, StopTraining


class EpochBar(OwnCallback):
    """A progress bar over the epochs of one fit, with the last training loss."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the bar."""
        self.bar_ = progress(shown=True, total=net.max_epochs, unit="epoch", desc="fit")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Advance the bar by an epoch."""
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.3f}")
        self.bar_.update(len(net.history) - self.bar_.n)  # a resumed fit begins further on

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar, and let go of it: it can't be pickled."""
        self.bar_.close()
        del self.bar_


class AroundEpoch(OwnCallback):
    """Calls functions of the net before and after each epoch; the latter may stop the training.

    Both are forgotten at the end, that the net may be pickled.
    """

    def __init__(
        self,
        begin: Callable[[Any], None] | None = None,
        end: Callable[[Any], bool] | None = None,
    ) -> None:
        self.begin, self.end = begin, end

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Call the first."""
        if self.begin is not None:
            self.begin(net)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Call the second; stop where it is true."""
        if self.end is not None and self.end(net):
            raise StopTraining

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Forget both."""
        self.begin = self.end = None


def default_callbacks(
    verbose: int, lr_schedule: str, learning_rates: list[float], n_steps: int
) -> list[tuple[str, Callback]]:
    """Timer and schedule; a bar at ``verbose=1``, a printed row an epoch from 2.

    `learning_rates` are the peaks of the optimiser's groups of parameters.
    """
    policy, arguments = schedule_policy(lr_schedule, learning_rates, n_steps)
    schedule = LRScheduler(policy, step_every="batch", event_name=None, **arguments)
    callbacks: list[tuple[str, Callback]] = [
        ("epoch_timer", EpochTimer()),
        (OWN_SCHEDULE, schedule),
    ]
    if verbose == 1:
        callbacks.append(("epoch_bar", EpochBar()))
    elif verbose > 1:
        callbacks.append(("print_log", PrintLog()))
    return callbacks


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
    for entry, kind in zip(checked, callback_kinds(checked), strict=True):
        if not issubclass(kind, Callback):
            raise TypeError(f"callbacks must be skorch callbacks, got {entry!r}")
        if issubclass(kind, NEED_BATCHES):
            raise ValueError(
                f"{kind.__name__} can't be used: a batch here is no pair (X, y) and has no "
                "scores; EpochScoring can"
            )
        if not held_out:
            callback = _callback(entry)
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
    for kind in callback_kinds(callbacks):
        for stateful, instead in HAVE_OWN_STATE.items():
            if issubclass(kind, stateful):
                raise ValueError(
                    f"checkpoint_dir can't be used with {kind.__name__}, whose state no "
                    f"checkpoint holds: {instead}"
                )


def callback_names(callbacks: Sequence[Any]) -> list[str]:
    """Name the kinds of callbacks, which have no content that could be compared."""
    return [f"{kind.__module__}.{kind.__qualname__}" for kind in callback_kinds(callbacks)]


def callback_kinds(callbacks: Sequence[Any]) -> list[type]:
    """Give the class of each: a callback, its class, or a (name, callback) pair."""
    return [cb if isinstance(cb, type) else type(cb) for cb in map(_callback, callbacks)]


def _callback(entry: Any) -> Any:
    return entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry
