"""How a network is trained."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": torch.optim.AdamW, "optimizer__fused": True},
    "sgd": {  # not fused: that has no way to leave out a parameter without gradient
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "optimizer__nesterov": True,
    },
}


def epochs_for(n_rows: int, n_classes: int) -> int:
    """Return the epochs of ``max_epochs="auto"``: ``30 √(C / 10) ∛(2000 / n)``.

    Neither root counts up to 10 classes, or 2,000 rows. The steps, not the epochs, make a
    network: 30 epochs were best in the mean of sixteen sets of 176 to 4,200 rows (accuracy /
    log-loss, seeds 50 and 51: 30 .907 / .239, 40 .903 / .242), many classes want more (28
    classes: 40 .811 / .67, 80 .831 / .61), and many rows make many steps (20,000 rows: 8 .884 /
    .31, 15 .888 / .30).
    """
    return math.ceil(30 * max(1, n_classes / 10) ** (1 / 2) * min(1, 2000 / n_rows) ** (1 / 3))


def batch_for(n_rows: int) -> int:
    """Return the rows of ``batch_size="auto"``: 128, or the power of 2 below √n if that is more.

    The terms that compare rows need large batches, and what sees small ones: 128 is between.
    """
    return max(128, 2 ** int(math.log2(math.sqrt(n_rows))))


def resolved(parameters: dict[str, Any], n_rows: int, n_classes: int) -> dict[str, Any]:
    """Return a classifier's parameters with a number for each "auto" of the above."""
    own = {"max_epochs": epochs_for(n_rows, n_classes), "batch_size": batch_for(n_rows)}
    return parameters | {name: n for name, n in own.items() if parameters[name] == "auto"}


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained; the names are the estimator's."""

    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    dropout: float
    callbacks: Sequence[Any]
    verbose: int
    optimizer: str = "adamw"
    """"adamw", or "sgd" with Nesterov's momentum of .9."""
    autocast: bool = False
    """Whether the forward pass runs in bfloat16 where torch deems that safe."""
    lr_schedule: str = "one-cycle"
    """One of `SCHEDULES`."""
    max_grad_norm: float | None = None
    """The largest Euclidean norm of a network's gradient; None leaves it as it is."""

    n_iter_no_change: int = 1
    """Epochs without a lower loss of the held-out rows, if any, after which training stops."""

    name: str = ""
    """Of what is fitted, where there is more than one, for messages."""

    @contextmanager
    def precision(self, device: torch.device) -> Iterator[None]:
        """Make the context of the forward pass."""
        with torch.autocast(device.type, torch.bfloat16, enabled=self.autocast):
            yield
        if self.autocast:  # within an autocast of the caller's, torch keeps the weights' copies
            torch.clear_autocast_cache()
