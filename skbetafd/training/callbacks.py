"""Callbacks that every fit has: the learning-rate schedule and the progress bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

from skorch.callbacks import Callback, EpochTimer, LRScheduler, PrintLog
from torch.optim.lr_scheduler import OneCycleLR
from tqdm.auto import tqdm


class EpochBar(Callback):
    """A progress bar over the epochs of one fit, with the last training loss."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the bar."""
        self.bar_ = tqdm(total=net.max_epochs, unit="epoch", desc="fit")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Advance the bar by an epoch."""
        self.bar_.set_postfix(loss=f"{net.history[-1, 'train_loss']:.3f}")
        self.bar_.update()

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


class BestEpoch(Callback):
    """Keeps the epoch of the lowest validation loss, and stops when none has come for a while.

    Parameters
    ----------
    loss : callable
        The validation loss of a net.
    patience : int
        Epochs without a lower loss after which training stops.
    """

    def __init__(self, loss: Callable[[Any], float], patience: int) -> None:
        self.loss, self.patience = loss, patience

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Forget earlier trainings."""
        self.least_, self.since_ = math.inf, 0
        self.best_: list[dict[str, Any]] = []

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the loss; keep the parameters, or count."""
        loss = self.loss(net)
        net.history.record("valid_loss", loss)
        if loss < self.least_:
            self.least_, self.since_ = loss, 0
            self.best_ = [deepcopy(m.state_dict()) for m in (net.module_, net.criterion_)]
            return
        self.since_ += 1
        if self.since_ >= self.patience:
            raise KeyboardInterrupt  # skorch's way to stop after an epoch

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Go back to the best epoch."""
        for module, state in zip((net.module_, net.criterion_), self.best_, strict=False):
            module.load_state_dict(state)


def default_callbacks(
    verbose: int, learning_rates: list[float], n_steps: int
) -> list[tuple[str, Callback]]:
    """Timer and one-cycle schedule; a bar at ``verbose=1``, a printed row an epoch from 2.

    `learning_rates` are the peaks of the optimiser's groups of parameters.
    """
    schedule = LRScheduler(
        OneCycleLR, step_every="batch", event_name=None, max_lr=learning_rates, total_steps=n_steps
    )
    callbacks: list[tuple[str, Callback]] = [
        ("epoch_timer", EpochTimer()),
        ("lr_scheduler", schedule),
    ]
    if verbose == 1:
        callbacks.append(("epoch_bar", EpochBar()))
    elif verbose > 1:
        callbacks.append(("print_log", PrintLog()))
    return callbacks


def check_callbacks(callbacks: Sequence[Any] | None) -> list[Any]:
    """Refuse what skorch can't call: each is a Callback, its class, or a (name, callback) pair."""
    checked = list(callbacks or ())
    for entry in checked:
        callback = entry[1] if isinstance(entry, tuple) and len(entry) == 2 else entry
        if not isinstance(callback, Callback) and not (
            isinstance(callback, type) and issubclass(callback, Callback)
        ):
            raise TypeError(f"callbacks must be skorch callbacks, got {entry!r}")
    return checked
