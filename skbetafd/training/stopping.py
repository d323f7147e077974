"""How a training ends before its last epoch, and which epoch's network is then kept.

A callback stops a training after a complete epoch: early stopping, one of the user's, or
scikit-learn's. A user interrupts it (Ctrl-C) at any moment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, NamedTuple

import torch
from skorch.callbacks import Callback, EpochTimer, LRScheduler, PrintLog

from .._utils.messages import warn
from .batches import TrainingTensors
from .divergence import divergence


class StopTraining(KeyboardInterrupt):
    """Ends a training after a complete epoch; skorch's way to do so is a KeyboardInterrupt."""


class OwnCallback(Callback):
    """A callback of this library, which stops a training by `StopTraining` alone."""


NEVER_STOP = (OwnCallback, EpochTimer, LRScheduler, PrintLog)
"""Callbacks out of which a KeyboardInterrupt is the user's; out of others it is their stop."""


def is_stop(net: Any, error: KeyboardInterrupt) -> bool:
    """Tell a callback's stop after a complete epoch from an interrupt by the user."""
    return isinstance(error, StopTraining) and "train_loss" in net.history[-1]


@torch.no_grad()
def held_out_loss(net: Any, rows: TrainingTensors) -> float:
    """Evaluate the loss that early stopping watches at held-out rows, some at a time."""
    net.module_.eval()
    total = 0.0
    for part in rows.parts():
        total += float(net.criterion_.held_out_loss(net.module_, part)) * len(part)
    return total / len(rows)


class EarlyStop(OwnCallback):
    """Records the loss of the held-out rows; stops when none lower has come for a while.

    Parameters
    ----------
    patience : int
        Epochs without a lower loss after which training stops.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the loss, and count."""
        loss = held_out_loss(net, net.held_out_)
        if not math.isfinite(loss):
            raise divergence(len(net.history), ["validation"], net.settings_)
        least = min((entry["valid_loss"] for entry in net.history[:-1]), default=math.inf)
        net.history.record("valid_loss", loss)
        net.history.record("valid_loss_best", loss < least)
        if len(net.history) - best_epoch(net.history) >= self.patience:
            raise StopTraining


def best_epoch(history: Sequence[dict[str, Any]]) -> int:
    """Give the epoch, counted from 1, of the lowest held-out loss; without any, the last."""
    n = len(history)
    return next((i for i in range(n, 0, -1) if history[i - 1].get("valid_loss_best", True)), n)


class Kept(NamedTuple):
    """What a training goes back to."""

    n_epochs: int = 0
    """Number of epochs that are complete."""
    epoch: int = 0
    """The one that is kept."""
    states: Sequence[dict[str, Any]] = ()
    """Of its module and its criterion."""


class KeepEpoch(OwnCallback):
    """Keeps the best epoch, or without held-out rows the last; called after all but checkpoints."""

    def __init__(self) -> None:
        self.kept_ = Kept()

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget earlier trainings."""
        self.kept_ = Kept()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Keep the epoch, in one assignment, which no interrupt can part."""
        epoch, states = best_epoch(net.history), self.kept_.states
        if epoch == len(net.history):
            states = [deepcopy(module.state_dict()) for module in (net.module_, net.criterion_)]
        self.kept_ = Kept(len(net.history), epoch, states)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Let go of it."""
        self.kept_ = Kept()

    def state_dict(self) -> dict[str, Any]:
        """Give what is kept."""
        return self.kept_._asdict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Keep that."""
        self.kept_ = Kept(**state)

    def go_back(self, net: Any) -> None:
        """Put a net into the state of the epoch that is kept."""
        for module, state in zip((net.module_, net.criterion_), self.kept_.states, strict=True):
            module.load_state_dict(state)


def callback_of(net: Any, kind: type[Callback]) -> Any:
    """Give a net's first callback of a kind; None without any."""
    return next((callback for _, callback in net.callbacks_ if isinstance(callback, kind)), None)


def settle_interrupt(nets: Sequence[Any]) -> bool:
    """Go back to the epochs that are kept, and warn; return False in the first epoch."""
    keepers = [callback_of(net, KeepEpoch) for net in nets]
    if not all(keeper.kept_.n_epochs for keeper in keepers):
        return False
    for net, keeper in zip(nets, keepers, strict=True):
        keeper.go_back(net)
        del net.history[keeper.kept_.n_epochs :]
        net.interrupted_ = True
    epochs = sorted({keeper.kept_.epoch for keeper in keepers})
    warn(
        f"Training was interrupted after {len(nets[0].history)} of {nets[0].max_epochs} epochs: "
        f"what is kept is of epoch {', '.join(map(str, epochs))}.",
    )
    return True
