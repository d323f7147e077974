"""Heads: from knowledge, context and auxiliary codes to logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .linear import linear


class AdditiveHead(nn.Module):
    """``W_o relu(W_z z + W_s s + W_a a + b)``.

    The first layer is additive, so that exchanging the context of n rows for K references costs
    n + K matrix rows, not n · K.

    Parameters
    ----------
    knowledge_dim, context_dim, auxiliary_dim, hidden_dim, n_classes : int
        Widths of the codes (auxiliary_dim may be 0), of the hidden layer and of the output.
    generator : torch.Generator
        Source of the initial weights (CPU).
    """

    def __init__(
        self,
        knowledge_dim: int,
        context_dim: int,
        auxiliary_dim: int,
        hidden_dim: int,
        n_classes: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.knowledge = linear(knowledge_dim, hidden_dim, generator)
        self.context = linear(context_dim, hidden_dim, generator, bias=False)
        self.auxiliary = (
            linear(auxiliary_dim, hidden_dim, generator, bias=False) if auxiliary_dim else None
        )
        self.out = linear(hidden_dim, n_classes, generator)

    def own_part(self, knowledge: Tensor, auxiliary: Tensor) -> Tensor:
        """Compute the share of z and a in the first layer, W_z z + W_a a + b."""
        part = self.knowledge(knowledge)
        return part if self.auxiliary is None else part + self.auxiliary(auxiliary)

    def forward(
        self, knowledge: Tensor, context: Tensor, auxiliary: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Logits (n, n_classes) at the triples (z, s, a)."""
        hidden = torch.relu(self.own_part(knowledge, auxiliary) + self.context(context))
        return self.out(hidden if mask is None else hidden * mask)


class PartialHead(AdditiveHead):
    """An additive head over the modalities that are present.

    An absent modality's codes count as 0, and a learned vector stands in their place in the first
    layer. In `present`, column 0 is the predominant modality, then the auxiliaries in order.
    """

    def __init__(
        self,
        knowledge_dim: int,
        context_dim: int,
        auxiliary_dim: int,
        hidden_dim: int,
        n_classes: int,
        generator: torch.Generator,
        *,
        n_auxiliary: int,
    ) -> None:
        super().__init__(
            knowledge_dim, context_dim, auxiliary_dim, hidden_dim, n_classes, generator
        )
        self.absent = nn.Parameter(
            torch.zeros(1 + n_auxiliary, hidden_dim, dtype=torch.float32, device="cpu")
        )
        self.block = auxiliary_dim // n_auxiliary

    def auxiliary_columns(self, present: Tensor) -> Tensor:
        """Spread the auxiliaries' presence over their code columns."""
        return present[..., 1:].repeat_interleave(self.block, dim=-1)

    def own_part_present(self, knowledge: Tensor, auxiliary: Tensor, present: Tensor) -> Tensor:
        """Compute the first layer's share of what is present but context, and of what is absent."""
        part = self.knowledge(knowledge * present[..., :1])
        if self.auxiliary is not None:
            part = part + self.auxiliary(auxiliary * self.auxiliary_columns(present))
        return part + (1 - present) @ self.absent

    def at(
        self,
        knowledge: Tensor,
        context: Tensor,
        auxiliary: Tensor,
        present: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Logits at the triples of which only `present` is known; leading axes broadcast."""
        own = self.own_part_present(knowledge, auxiliary, present)
        hidden = torch.relu(own + self.context(context * present[..., :1]))
        return self.out(hidden if mask is None else hidden * mask)
