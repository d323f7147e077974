"""Heads: from knowledge, context and auxiliary codes to logits."""

from __future__ import annotations

from collections.abc import Sequence

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


class PartialHead(AdditiveHead):
    """An additive head over the modalities that are present.

    An absent modality's codes count as 0, and a learned vector stands in their place in the first
    layer. In `present`, column 0 is the predominant modality, then the auxiliaries in order.
    """

    auxiliary: nn.Linear

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

    def shares(self, knowledge: Tensor, context: Tensor, auxiliary: Tensor) -> Tensor:
        """Compute each modality's share of the first layer, shape (n, n_modalities, hidden_dim)."""
        own = knowledge @ self.knowledge.weight.T + self.context(context)
        return torch.cat([own[:, None], self._auxiliary_shares(auxiliary)], dim=1)

    def _auxiliary_shares(self, auxiliary: Tensor) -> Tensor:
        blocks = auxiliary.unflatten(-1, (-1, self.block)).transpose(0, 1)
        weights = self.auxiliary.weight.T.unflatten(0, (-1, self.block))
        return torch.bmm(blocks, weights).transpose(0, 1)

    def own_part_present(self, knowledge: Tensor, auxiliary: Tensor, present: Tensor) -> Tensor:
        """Compute the first layer's share of what is present but context, and of what is absent."""
        shown = auxiliary * self.auxiliary_columns(present)
        part = self.own_part(knowledge * present[:, :1], shown)
        return part + (1 - present) @ self.absent

    def at(self, codes: Sequence[Tensor], present: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits at the triples (z, s, a) of which only `present` is known.

        Parameters
        ----------
        codes : three Tensors of shape (n, width)
            z, s and a.
        present : Tensor of shape (..., n, n_modalities)
            1 for what is known, else 0; leading axes for several subsets at once.
        mask : Tensor of shape (n, hidden_dim), optional
            Dropout mask.
        """
        known = torch.einsum("...nm,nmh->...nh", present, self.shares(*codes))
        hidden = torch.relu(known + (1 - present) @ self.absent + self.knowledge.bias)
        return self.out(hidden if mask is None else hidden * mask)
