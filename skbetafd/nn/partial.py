"""The network for rows that lack a modality: P(y | what is there)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .encoders import MLPEncoder
from .linear import linear


class PartialNetwork(nn.Module):
    """``W_o relu(Σ_m present_m · h_m + Σ_m (1 − present_m) · v_m)``.

    h_m = E_m(x_m) has an encoder of its own, so that a modality alone reaches what a model of it
    alone would. To intervene on the predominant modality, h_T = W_z z + W_s s + b takes its
    place, whose codes are not moved by it. v_m is learned, and stands for what is not there.

    Parameters
    ----------
    input_dims : sequence of int
        Flattened width of each modality, the predominant first.
    knowledge_dim, context_dim, hidden_dim, n_classes : int
        Widths of z, of s, of the hidden layers and of the output.
    generator : torch.Generator
        Source of the initial weights (CPU).
    """

    def __init__(
        self,
        input_dims: Sequence[int],
        *,
        knowledge_dim: int,
        context_dim: int,
        hidden_dim: int,
        n_classes: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(
            MLPEncoder(width, hidden_dim, hidden_dim, generator) for width in input_dims
        )
        self.knowledge = linear(knowledge_dim, hidden_dim, generator)
        self.context = linear(context_dim, hidden_dim, generator, bias=False)
        self.absent = nn.Parameter(
            torch.zeros(len(input_dims), hidden_dim, dtype=torch.float32, device="cpu")
        )
        self.out = linear(hidden_dim, n_classes, generator)

    def shares(self, xs: Sequence[Tensor], masks: Sequence[Tensor] | None = None) -> Tensor:
        """Compute h of each modality, shape (n, n_modalities, hidden_dim)."""
        pairs = zip(self.encoders, xs, strict=True)
        parts = [e(x, None if masks is None else masks[m]) for m, (e, x) in enumerate(pairs)]
        return torch.stack(parts, dim=1)

    def hidden(self, shares: Tensor, present: Tensor) -> Tensor:
        """First layer of the head where of `shares` only `present` (..., n, M) is known."""
        known = torch.einsum("...nm,nmh->...nh", present, shares)
        return known + (1 - present) @ self.absent

    def forward(self, xs: Sequence[Tensor], present: Tensor) -> Tensor:
        """Logits (n, n_classes) of P(y | x_m, present_m = 1); elsewhere x may hold anything."""
        return self.out(torch.relu(self.hidden(self.shares(xs), present)))


def partial_loss(
    network: PartialNetwork,
    xs: Sequence[Tensor],
    codes: Sequence[Tensor],
    y: Tensor,
    weight: Tensor,
    present: Tensor | None,
    masks: Sequence[Tensor] | None,
) -> Tensor:
    """Mean cross-entropy over the proper subsets of the modalities, of each what a row has.

    Those with the predominant modality count twice: by its own encoder, and by its codes, which
    are held fixed. `masks` are the encoders': where modalities are left out, dropout in the head
    too costs up to two points (satimage).
    """
    subsets, doing = (rows.to(weight) for rows in _proper_subsets(len(xs)))
    shown = torch.cat([subsets, doing])[:, None].expand(-1, len(y), -1)
    if present is not None:
        shown = shown * present
    seen = network.shares(xs, masks)
    knowledge, context = (code.detach() for code in codes[:2])
    coded = (network.knowledge(knowledge) + network.context(context))[:, None]
    parts = shown.split([len(subsets), len(doing)])
    hidden = torch.cat(
        [
            network.hidden(seen, parts[0]),
            network.hidden(torch.cat([coded, seen[:, 1:]], dim=1), parts[1]),
        ]
    )
    logits = network.out(torch.relu(hidden)).flatten(0, 1)
    counted = weight * (shown.sum(2) > 0)
    return (
        counted.flatten() * cross_entropy(logits, y.repeat(len(shown)), reduction="none")
    ).mean()


@cache
def _proper_subsets(n_modalities: int) -> tuple[Tensor, Tensor]:
    """All proper non-empty subsets, and those of them that hold the first modality.

    Beyond four modalities, each alone and each left out.
    """
    if n_modalities <= 4:
        rows = torch.cartesian_prod(*[torch.tensor([0, 1], device="cpu")] * n_modalities)
        rows = rows[1:-1]
    else:
        alone = torch.eye(n_modalities, dtype=torch.int64, device="cpu")
        rows = torch.cat([alone, 1 - alone])
    return rows, rows[rows[:, 0] == 1]
