"""How a network is trained."""

from __future__ import annotations

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
