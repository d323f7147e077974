"""What the training loop asks of every criterion."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from torch import Tensor, nn


def _own_rows(*tensors: Tensor) -> tuple[Tensor, ...]:
    return tensors


@dataclass(eq=False)
class Batch:
    """Aligned rows of every modality; of stacked models, each tensor has a leading axis of them."""

    xs: Sequence[Any]
    """Standardised rows (n, width) of each modality; where it is absent anything finite, or NaN
    in a sequence. An observed mediator comes last."""
    y: Tensor
    """Class indices (n,), int64."""
    weight: Tensor
    """Positive row weights (n,) with mean about 1."""
    present: Tensor | None = None
    """1 where a row has a modality, else 0, shape (n, n_modalities): the predominant first, then
    the auxiliaries. None: every row has all."""
    masks: Sequence[Tensor] | None = None
    """Dropout masks of each hidden layer (``network.mask_dims``)."""
    places: Tensor | None = None
    """Of the rows in the whole batch, (n,), where these are a share of it."""

    def rows(self, some: slice | Tensor) -> Self:
        """Take some of the rows."""
        return replace(
            self,
            xs=[x[some] for x in self.xs],
            y=self.y[some],
            weight=self.weight[some],
            present=None if self.present is None else self.present[some],
            masks=None if self.masks is None else [mask[some] for mask in self.masks],
            places=None if self.places is None else self.places[some],
        )

    @property
    def complete_weight(self) -> Tensor:
        """Row weights, 0 where a row lacks a modality."""
        return self.weight if self.present is None else self.weight * self.present.prod(-1)

    @property
    def head_mask(self) -> Tensor | None:
        """Dropout mask of the head, the last."""
        return self.masks[-1] if self.masks else None


class Criterion(nn.Module):
    """A module that returns ``"loss"`` and its terms for a batch, and takes their gradients.

    ``forward(network, batch)`` evaluates a dict of the loss and its unweighted terms.
    """

    whole_batch: Callable[..., tuple[Tensor, ...]] = staticmethod(_own_rows)
    """Turns aligned tensors of a batch's rows, where these are a share of it, into those of all."""

    def set_epoch(self, epoch: int, max_epochs: int) -> None:
        """Learn that an epoch, counted from 0, begins; without a schedule that changes nothing."""

    def backward(self, network: Any, terms: dict[str, Tensor]) -> None:
        """Take the gradients of the loss; a rule that balances modalities may alter them."""
        terms["loss"].backward()

    def shared(self) -> Hashable:
        """Return what criteria must have in common to be stacked; None can't be stacked."""
        return None

    def stacked(self, criteria: Sequence[Self], like: Tensor) -> Self:
        """Return the criterion of several models; its weights are made as `like`."""
        return self

    def held_out_loss(self, network: Any, batch: Batch) -> Tensor:
        """Evaluate, without dropout, what early stopping watches; by default the whole loss."""
        return self(network, batch)["loss"]

    def held_out_logits(self, network: Any, batch: Batch) -> Tensor:
        """Logits (n, n_classes) by which held-out rows are scored during training."""
        raise NotImplementedError
