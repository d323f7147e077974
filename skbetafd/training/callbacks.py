"""Callbacks that a fit has by itself: schedule, progress bar, hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skorch.callbacks import Callback, EpochTimer, LRScheduler, PrintLog

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
