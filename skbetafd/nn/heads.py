"""Heads: from knowledge, context and auxiliary codes to logits."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .linear import linear


class ReadingHead(nn.Module):
    """``W_o relu(W_z z + W_a a + b)``.

    Parameters
    ----------
    knowledge_dim, auxiliary_dim, hidden_dim, n_outputs : int
        Widths of the codes (auxiliary_dim may be 0), of the hidden layer and of the output.
    generator : torch.Generator
        Source of the initial weights (CPU).
    """

    def __init__(
        self,
        knowledge_dim: int,
        auxiliary_dim: int,
        hidden_dim: int,
        n_outputs: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.knowledge = linear(knowledge_dim, hidden_dim, generator)
        self.auxiliary = (
            linear(auxiliary_dim, hidden_dim, generator, bias=False) if auxiliary_dim else None
        )
        self.out = linear(hidden_dim, n_outputs, generator)

    def own_part(self, knowledge: Tensor, auxiliary: Tensor) -> Tensor:
        """Compute the share of z and a in the first layer, W_z z + W_a a + b."""
        part = self.knowledge(knowledge)
        return part if self.auxiliary is None else part + self.auxiliary(auxiliary)

    def read(self, knowledge: Tensor, auxiliary: Tensor, mask: Tensor | None = None) -> Tensor:
        """Compute the outputs (..., n_outputs) at the pairs (z, a)."""
        hidden = torch.relu(self.own_part(knowledge, auxiliary))
        return self.out(hidden if mask is None else hidden * mask)


class AdditiveHead(ReadingHead):
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
        super().__init__(knowledge_dim, auxiliary_dim, hidden_dim, n_classes, generator)
        self.context = linear(context_dim, hidden_dim, generator, bias=False)

    def forward(
        self, knowledge: Tensor, context: Tensor, auxiliary: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Logits (n, n_classes) at the triples (z, s, a)."""
        hidden = torch.relu(self.own_part(knowledge, auxiliary) + self.context(context))
        return self.out(hidden if mask is None else hidden * mask)
