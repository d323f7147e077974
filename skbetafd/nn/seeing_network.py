"""The network that sees: P(y | what is there), for every subset of the modalities."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cache
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .criterion import Batch, Criterion
from .encoders import Encoding, encoder_masks, make_encoder
from .linear import birthplace, linear


class Subsets(nn.Module):
    """Chooses which modalities each row of a batch is to show."""

    shown: Tensor

    def __init__(self, n_modalities: int) -> None:
        super().__init__()
        subsets = _proper_subsets(n_modalities)
        shown = torch.zeros(len(subsets), n_modalities, dtype=torch.float32, device="cpu")
        for row, subset in zip(shown, subsets, strict=True):
            row[list(subset)] = 1.0
        self.register_buffer("shown", shown, persistent=False)

    def forward(self, present: Tensor | None, like: Tensor, places: Tensor | None = None) -> Tensor:
        """Give each row a proper subset of what it has, by 1 and 0.

        The rows of a batch come in random order, and take the subsets in turn. A row that has
        nothing of its own subset shows all it has.

        Returns
        -------
        Tensor of shape (..., n, n_modalities)
        """
        if places is None:
            places = torch.arange(like.shape[-2], device=like.device)
        shown = self.shown[places % len(self.shown)].to(like)
        if present is None:
            return shown.expand(*like.shape[:-1], -1)
        kept = shown * present
        return torch.where(kept.sum(-1, keepdim=True) > 0, kept, present)


class SeeingNetwork(nn.Module):
    """``W_o relu(W relu([c_1, …, c_M]) + b)``, over the temperature.

    c_m is modality m's code by an encoder with a normalised hidden layer or, where a row lacks the
    modality, a learned vector.

    Parameters
    ----------
    inputs : sequence of Encoding or int
        How each modality is read, in the order of the columns of `present`.
    n_classes : int
        Number of classes.
    hidden_dim : int
        Width of the codes and of all hidden layers.
    generator : torch.Generator
        Source of the initial weights (CPU).
    """

    temperature: Tensor
    """Of rows that have all modalities, and of the others, shape (2,)."""

    def __init__(
        self,
        inputs: Sequence[Encoding | int],
        n_classes: int,
        *,
        hidden_dim: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.inputs, self.n_classes, self.hidden_dim = list(inputs), n_classes, hidden_dim
        self.encoders = nn.ModuleList(
            make_encoder(one, hidden_dim, hidden_dim, generator, normalised=True) for one in inputs
        )
        self.missing = nn.Parameter(
            torch.zeros(len(inputs), hidden_dim, dtype=torch.float32, device=birthplace())
        )
        self.hidden = linear(len(inputs) * hidden_dim, hidden_dim, generator)
        self.out = linear(hidden_dim, n_classes, generator)
        self.mask_dims = [*encoder_masks(self.encoders), hidden_dim]
        """Widths of the layers that take a dropout mask; the last is the head's."""
        ones = torch.ones(2, dtype=torch.float32, device=birthplace())
        self.register_buffer("temperature", ones)
        self.subset = Subsets(len(inputs))

    def like(self, generator: torch.Generator) -> SeeingNetwork:
        """Make another network of this shape, where this one is, with values of its own."""
        shape = (self.inputs, self.n_classes)
        other = SeeingNetwork(*shape, hidden_dim=self.hidden_dim, generator=generator)
        return other.to(self.out.weight.device, self.out.weight.dtype)

    def encode(
        self, xs: Sequence[Tensor], masks: Sequence[Tensor | None] | None = None
    ) -> list[Tensor]:
        """Encode standardised rows, one tensor (n, width) a modality, into (n, hidden_dim)."""
        some = [None] * len(xs) if masks is None else masks[: len(xs)]
        return [e(x, mask) for e, x, mask in zip(self.encoders, xs, some, strict=True)]

    def head(
        self, codes: Sequence[Tensor], present: Tensor | None, mask: Tensor | None = None
    ) -> Tensor:
        """Logits (n, n_classes) of the codes that are present, before the temperature."""
        if present is not None:
            codes = [
                torch.lerp(
                    self.missing[..., m, None, :].to(code), code, present[..., m, None].to(code)
                )
                for m, code in enumerate(codes)
            ]
        hidden = torch.relu(self.hidden(torch.relu(torch.cat(list(codes), dim=-1))))
        return self.out(hidden if mask is None else hidden * mask)

    def forward(self, xs: Sequence[Tensor], present: Tensor | None = None) -> Tensor:
        """Logits (n, n_classes) of P(y | x_m, present_m = 1); elsewhere x may hold anything."""
        logits = self.head(self.encode(xs), present)
        of_all, of_some = self.temperature.to(logits.dtype)
        if present is None:
            return logits / of_all
        return logits / torch.where(present.prod(-1, keepdim=True) > 0, of_all, of_some)

    def training_logits(
        self,
        xs: Sequence[Tensor],
        present: Tensor | None,
        masks: Sequence[Tensor] | None,
        places: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Logits (..., n, n_classes) of all that each row has, and of a subset of it.

        Where modalities are left out, dropout in the head too would cost half a point of those
        rows, and a fourth of a point of the others (four sets, seeds 50 and 51).
        """
        codes, mask = self.encode(xs, masks), None if masks is None else masks[-1]
        logits = {"seeing": self.head(codes, present, mask)}
        if len(self.inputs) > 1:
            logits["partial"] = self.head(codes, self.subset(present, codes[0], places))
        return logits


class SeeingLoss(Criterion):
    """``CE(seeing, y) + CE(partial, y)``: of all that a row has, and of a subset of it."""

    def forward(self, network: SeeingNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate ``"loss"`` and its terms; every tensor may have a leading axis of models."""
        logits = network.training_logits(batch.xs, batch.present, batch.masks, batch.places)
        terms = {name: weighted_entropy(one, batch) for name, one in logits.items()}
        return {"loss": torch.stack(list(terms.values())).sum(0), **terms}

    def shared(self) -> Hashable:
        """Return nothing in particular: all are alike."""
        return True

    def held_out_logits(self, network: SeeingNetwork, batch: Batch) -> Tensor:
        """Logits of all that a row has."""
        return network(batch.xs, batch.present)


def weighted_entropy(logits: Tensor, batch: Batch, weight: Tensor | None = None) -> Tensor:
    """Weighted mean cross-entropy over rows, by default with the batch's weights."""
    weight = batch.weight if weight is None else weight
    rows = logits.flatten(0, -2).to(weight.dtype)
    losses = cross_entropy(rows, batch.y.flatten(), reduction="none").view_as(weight)
    return (weight * losses).mean(-1)


@cache
def _proper_subsets(n_modalities: int) -> list[tuple[int, ...]]:
    """All proper non-empty subsets; beyond four modalities, each alone and each left out."""
    sizes = range(1, n_modalities) if n_modalities <= 4 else sorted({1, n_modalities - 1})
    return [some for size in sizes for some in combinations(range(n_modalities), size)]
