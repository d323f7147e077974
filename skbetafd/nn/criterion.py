"""What the training loop asks of every criterion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn


def _own_rows(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tensors


class Criterion(nn.Module):
    """A module that gives ``"loss"`` and its terms for a batch, and takes their gradients."""

    whole_batch: Callable[..., tuple[Tensor, ...]] = staticmethod(_own_rows)
    """Turns aligned tensors of a batch's rows, where these are a share of it, into those of all."""

    def set_epoch(self, epoch: int, max_epochs: int) -> None:
        """Learn that an epoch, counted from 0, begins; without a schedule that changes nothing."""

    def backward(self, network: Any, terms: dict[str, Tensor]) -> None:
        """Take the gradients of the loss; a rule that balances modalities may alter them."""
        terms["loss"].backward()

    def held_out_loss(
        self,
        network: Any,
        xs: Sequence[Tensor],
        y: Tensor,
        weight: Tensor,
        present: Tensor | None,
    ) -> Tensor:
        """Evaluate, without dropout, what early stopping watches; by default the whole loss."""
        return self(network, xs, y, weight, present, None)["loss"]

    def held_out_logits(self, network: Any, xs: Sequence[Tensor], present: Tensor | None) -> Tensor:
        """Logits (n, n_classes) by which held-out rows are scored during training."""
        raise NotImplementedError
