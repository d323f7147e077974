"""The network: knowledge and context of the predominant modality, auxiliary codes, one head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .encoders import MLPEncoder, linear


class Codes(NamedTuple):
    """What the encoders say of a batch of n rows."""

    knowledge: Tensor
    """z = φ(x_T), shape (n, knowledge_dim)."""
    context: Tensor
    """s = ψ(x_T), shape (n, context_dim)."""
    auxiliary: Tensor
    """a = [E_m(x_m)], shape (n, n_auxiliary · knowledge_dim); width 0 without auxiliaries."""


class FrontDoorNetwork(nn.Module):
    """Outcome model P(y | z, s, a) over a knowledge and a context code.

    ``head(z, s, a) = W_o relu(W_z z + W_s s + W_a a + b)``: the first layer is additive, so
    that exchanging the context of n rows for K references costs n + K matrix rows, not n · K.

    Parameters
    ----------
    input_dims : sequence of int
        Flattened width of each modality, in the order in which the rows arrive.
    n_classes : int
        Number of classes.
    predominant : int
        Position of the predominant modality T.
    hidden_dim, knowledge_dim, context_dim : int
        Widths of the hidden layers, of z (and of each auxiliary code) and of s.
    projection_dim : int, default=32
        Width in which knowledge and auxiliary codes are compared.
    generator : torch.Generator
        Source of the initial weights (CPU); the global generator is not touched.
    """

    def __init__(
        self,
        input_dims: Sequence[int],
        n_classes: int,
        *,
        predominant: int,
        hidden_dim: int,
        knowledge_dim: int,
        context_dim: int,
        projection_dim: int = 32,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.predominant = predominant
        self.auxiliaries = [m for m in range(len(input_dims)) if m != predominant]

        def encoder(modality: int, code_dim: int) -> MLPEncoder:
            return MLPEncoder(input_dims[modality], hidden_dim, code_dim, generator)

        self.knowledge = encoder(predominant, knowledge_dim)
        self.context = encoder(predominant, context_dim)
        self.auxiliary = nn.ModuleList(encoder(m, knowledge_dim) for m in self.auxiliaries)
        auxiliary_dim = knowledge_dim * len(self.auxiliaries)

        self.head_knowledge = linear(knowledge_dim, hidden_dim, generator)
        self.head_context = linear(context_dim, hidden_dim, generator, bias=False)
        self.head_out = linear(hidden_dim, n_classes, generator)
        self.knowledge_label = linear(knowledge_dim, n_classes, generator)
        if self.auxiliaries:
            self.head_auxiliary = linear(auxiliary_dim, hidden_dim, generator, bias=False)
            self.project_knowledge = linear(knowledge_dim, projection_dim, generator)
            self.project_auxiliary = linear(auxiliary_dim, projection_dim, generator)

        encoders = [self.knowledge, self.context, *self.auxiliary]
        self.mask_dims = [*(d for e in encoders for d in e.mask_dims), hidden_dim]

    def encode(self, xs: Sequence[Tensor], masks: Sequence[Tensor | None] | None = None) -> Codes:
        """Encode standardised rows, one tensor (n, width) a modality."""
        masks = masks if masks is not None else [None] * len(self.mask_dims)
        x = xs[self.predominant]
        auxiliary = [
            encoder(xs[m], mask)
            for m, encoder, mask in zip(self.auxiliaries, self.auxiliary, masks[2:-1], strict=True)
        ]
        return Codes(
            self.knowledge(x, masks[0]),
            self.context(x, masks[1]),
            torch.cat(auxiliary, dim=1) if auxiliary else x.new_empty((len(x), 0)),
        )

    def head(self, codes: Codes, mask: Tensor | None = None) -> Tensor:
        """Logits (n, n_classes) of the outcome model at the codes' own triples."""
        hidden = torch.relu(
            self.own_part(codes.knowledge, codes.auxiliary) + self.head_context(codes.context)
        )
        return self.head_out(hidden if mask is None else hidden * mask)

    def own_part(self, knowledge: Tensor, auxiliary: Tensor) -> Tensor:
        """Compute the share of z and a in the head's first layer, W_z z + W_a a + b."""
        part = self.head_knowledge(knowledge)
        return part + self.head_auxiliary(auxiliary) if self.auxiliaries else part

    def forward(
        self, xs: Sequence[Tensor], masks: Sequence[Tensor] | None = None
    ) -> tuple[Tensor, Codes]:
        """Logits of the outcome model at each row's own triple, and the codes."""
        codes = self.encode(xs, masks)
        return self.head(codes, masks[-1] if masks is not None else None), codes
