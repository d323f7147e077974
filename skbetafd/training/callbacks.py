"""Callbacks that a fit has by itself: schedule, progress bar, the best epoch."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from skorch.callbacks import Callback, EpochTimer, LRScheduler, PrintLog
from tqdm.auto import tqdm

from .batches import TrainingRows
from .schedule import schedule_policy


class EpochBar(Callback):
    """A progress bar over the epochs of one fit, with the last training loss."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the bar."""
        self.bar_ = tqdm(total=net.max_epochs, unit="epoch", desc="fit")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Advance the bar by an epoch."""
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.3f}")
        self.bar_.update(len(net.history) - self.bar_.n)  # a resumed fit begins further on

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar, and let go of it: it can't be pickled."""
        self.bar_.close()
        del self.bar_


class BeforeEpoch(Callback):
    """Calls a function of the net and the epoch, counted from 0, before each epoch."""

    def __init__(self, call: Callable[[Any, int], None]) -> None:
        self.call = call

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Call it."""
        self.call(net, len(net.history) - 1)


class AroundEpoch(Callback):
    """Calls functions of the net before and after each epoch; the latter may stop the training.

    Both are forgotten at the end, that the net may be pickled.
    """

    def __init__(
        self, begin: Callable[[Any], None] | None, end: Callable[[Any], bool] | None
    ) -> None:
        self.begin, self.end = begin, end

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Call the first."""
        assert self.begin is not None
        self.begin(net)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Call the second; stop where it is true."""
        assert self.end is not None
        if self.end(net):
            raise StopTraining

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Forget both."""
        self.begin = self.end = None


@torch.no_grad()
def held_out_loss(net: Any, rows: TrainingRows) -> float:
    """Evaluate what a net's criterion says of held-out rows, some at a time."""
    net.module_.eval()
    total = 0.0
    for p in rows.parts():
        loss = net.criterion_.held_out_loss(net.module_, p.xs, p.y, p.weight, p.present)
        total += float(loss) * len(p)
    return total / len(rows)


class StopTraining(KeyboardInterrupt):
    """Ends a training after a complete epoch; skorch's way to do so is a KeyboardInterrupt."""


class BestEpoch(Callback):
    """Keeps the epoch of the lowest validation loss, and stops when none has come for a while.

    Parameters
    ----------
    loss : callable
        The validation loss of a net; forgotten at the end, that the net may be pickled.
    patience : int
        Epochs without a lower loss after which training stops.
    """

    def __init__(self, loss: Callable[[Any], float] | None, patience: int) -> None:
        self.loss, self.patience = loss, patience

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget earlier trainings."""
        self.least_, self.since_ = math.inf, 0
        self.best_: list[dict[str, Any]] = []

    def state_dict(self) -> dict[str, Any]:
        """Give what the rest of the training depends on."""
        return {"least": self.least_, "since": self.since_, "best": self.best_}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.least_, self.since_, self.best_ = state["least"], state["since"], state["best"]

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the loss; keep the parameters, or count."""
        assert self.loss is not None
        loss = self.loss(net)
        net.history.record("valid_loss", loss)
        net.history.record("valid_loss_best", loss < self.least_)
        if loss < self.least_:
            self.least_, self.since_ = loss, 0
            self.best_ = [deepcopy(m.state_dict()) for m in (net.module_, net.criterion_)]
            return
        self.since_ += 1
        if self.since_ >= self.patience:
            raise StopTraining

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Go back to the best epoch."""
        for module, state in zip((net.module_, net.criterion_), self.best_, strict=False):
            module.load_state_dict(state)
        self.loss, self.best_ = None, []


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
        ("lr_scheduler", schedule),
    ]
    if verbose == 1:
        callbacks.append(("epoch_bar", EpochBar()))
    elif verbose > 1:
        callbacks.append(("print_log", PrintLog()))
    return callbacks
