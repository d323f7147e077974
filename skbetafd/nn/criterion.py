"""What the training loop asks of every criterion."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Criterion(nn.Module):
    """A module that gives ``"loss"`` and its terms for a batch, and takes their gradients."""

    def set_epoch(self, epoch: int, max_epochs: int) -> None:
        """Learn that an epoch, counted from 0, begins; without a schedule that changes nothing."""

    def backward(self, network: Any, terms: dict[str, Tensor]) -> None:
        """Take the gradients of the loss; a rule that balances modalities may alter them."""
        terms["loss"].backward()
