"""An interrupt in the middle of a training: what is kept, and what is said."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy
from dis import opmap
from typing import Any

from skorch.callbacks import Callback, EpochTimer, LRScheduler, PrintLog

from .._utils.messages import stack_level


class StopTraining(KeyboardInterrupt):
    """Ends a training after a complete epoch; skorch's way to do so is a KeyboardInterrupt."""


class OwnCallback(Callback):
    """A callback of this library, which stops a training by `StopTraining` alone."""


RAISE = opmap["RAISE_VARARGS"]


def may_stop(callback: Any, error: KeyboardInterrupt) -> bool:
    """Tell a callback's way to stop, which is skorch's, from the user's interrupt while it runs.

    A callback says ``raise KeyboardInterrupt``. The handler of a signal raises it at whichever
    instruction comes next, which is no ``raise`` of Python's.
    """
    if isinstance(callback, (OwnCallback, EpochTimer, LRScheduler, PrintLog)):
        return False
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    return at is not None and at.tb_frame.f_code.co_code[at.tb_lasti] == RAISE


class KeepsEpoch(OwnCallback):
    """Keeps the state of an epoch, to which an interrupted training goes back."""

    epoch_: int
    """Number of epochs that are complete."""

    def go_back(self, net: Any) -> None:
        """Put a net into that state."""
        raise NotImplementedError

    def describe(self) -> str:
        """Say which it is."""
        raise NotImplementedError


class LastEpoch(KeepsEpoch):
    """Keeps the last complete epoch; the last of the callbacks, whose changes it keeps."""

    def __init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.kept_: tuple[int, list[dict[str, Any]]] = (0, [])

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget earlier trainings."""
        self._forget()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Keep it; in one assignment, which no interrupt can part."""
        self.kept_ = (len(net.history), states(net))

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Let go of it."""
        self._forget()

    @property
    def epoch_(self) -> int:  # type: ignore[override]
        """Number of epochs that are complete."""
        return self.kept_[0]

    def go_back(self, net: Any) -> None:
        """Undo the steps of the epoch that was not completed."""
        load_states(net, self.kept_[1])

    def describe(self) -> str:
        """Say which it is."""
        return last_epoch(self.epoch_)


def states(net: Any) -> list[dict[str, Any]]:
    """Copy what a net has learned: of its module and of its criterion."""
    return [deepcopy(module.state_dict()) for module in (net.module_, net.criterion_)]


def load_states(net: Any, kept: Sequence[dict[str, Any]]) -> None:
    """Put it back, if anything was kept."""
    for module, state in zip((net.module_, net.criterion_), kept, strict=False):
        module.load_state_dict(state)


def last_epoch(epoch: int) -> str:
    """Name the last complete epoch."""
    return f"epoch {epoch}, the last complete one"


def is_stop(net: Any, error: KeyboardInterrupt) -> bool:
    """Tell a callback's stop after a complete epoch from an interrupt by the user."""
    return isinstance(error, StopTraining) and "train_loss" in net.history[-1]


def settle_interrupt(net: Any) -> None:
    """Go back to the epoch that is kept, and say so; without a complete one, there is no fit.

    Raises
    ------
    KeyboardInterrupt
        In the first epoch.
    """
    keeper = keeper_of(net)
    if keeper.epoch_ == 0:
        raise KeyboardInterrupt("in the first epoch")
    keeper.go_back(net)
    cut(net, keeper.epoch_)
    warn_of_interrupt(net, f"the network of {keeper.describe()}, is kept")


def keeper_of(net: Any) -> KeepsEpoch:
    """Give the callback that keeps an epoch of a net."""
    (keeper,) = (cb for _, cb in net.callbacks_ if isinstance(cb, KeepsEpoch))
    return keeper


def cut(net: Any, epoch: int) -> None:
    """Take out of a net's history what came after an epoch."""
    del net.history[epoch:]
    net.interrupted_ = True


def warn_of_interrupt(net: Any, kept: str) -> None:
    """Tell the user that the training is not complete."""
    n = len(net.history)
    when = f"in epoch {n + 1} of" if n < net.max_epochs else "after the last of"
    warnings.warn(
        f"Training was interrupted {when} {net.max_epochs} epochs: {kept}.",
        UserWarning,
        stacklevel=stack_level(),
    )
