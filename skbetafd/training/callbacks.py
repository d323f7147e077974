"""Callbacks that a fit has by itself: schedule, progress bar, the best epoch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from skorch.callbacks import Callback, EpochTimer, LRScheduler, PrintLog

from .._utils.progress import progress
from .batches import TrainingTensors
from .divergence import divergence
from .interrupts import KeepsEpoch, OwnCallback, StopTraining, load_states, states
from .schedule import OWN_SCHEDULE, schedule_policy


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


class BeforeEpoch(OwnCallback):
    """Calls a function of the net and the epoch, counted from 0, before each epoch."""

    def __init__(self, call: Callable[[Any, int], None]) -> None:
        self.call = call

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Call it."""
        self.call(net, len(net.history) - 1)


class AroundEpoch(OwnCallback):
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
def held_out_loss(net: Any, rows: TrainingTensors) -> float:
    """Evaluate what a net's criterion says of held-out rows, some at a time."""
    net.module_.eval()
    total = 0.0
    for part in rows.parts():
        loss = net.criterion_.held_out_loss(net.module_, part)
        total += float(loss) * len(part)
    return total / len(rows)


class SoFar(NamedTuple):
    """The lowest validation loss, epochs since, the state it came of, and epochs in all."""

    least: float = math.inf
    since: int = 0
    best: Sequence[dict[str, Any]] = ()
    epoch: int = 0


class BestEpoch(KeepsEpoch):
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
        self.so_far_ = SoFar()

    def state_dict(self) -> dict[str, Any]:
        """Give what the rest of the training depends on."""
        so_far = self.so_far_
        return {"least": so_far.least, "since": so_far.since, "best": so_far.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.so_far_ = SoFar(**state)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the loss; keep the parameters, or count."""
        assert self.loss is not None
        before, epoch, loss = self.so_far_, len(net.history), self.loss(net)
        if not math.isfinite(loss):
            raise divergence(epoch, ["validation"], net.settings_)
        better = loss < before.least
        net.history.record("valid_loss", loss)
        net.history.record("valid_loss_best", better)
        # all in one assignment, which no interrupt can part
        if better:
            self.so_far_ = SoFar(loss, 0, states(net), epoch)
            return
        self.so_far_ = before._replace(since=before.since + 1, epoch=epoch)
        if self.so_far_.since >= self.patience:
            raise StopTraining

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Go back to the best epoch."""
        self.go_back(net)
        self.loss = None
        self.so_far_ = SoFar()

    @property
    def epoch_(self) -> int:  # type: ignore[override]
        """Number of epochs that are complete."""
        return self.so_far_.epoch

    def go_back(self, net: Any) -> None:
        """Put a net into the state of the best epoch."""
        load_states(net, self.so_far_.best)

    def describe(self) -> str:
        """Say which epoch is kept."""
        n = self.epoch_
        return f"epoch {n - self.so_far_.since}, the best of {n}"


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
