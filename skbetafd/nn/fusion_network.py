"""The network of joint training: an encoder a modality, one head over all codes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .encoders import Encoding, encoder_masks, make_encoder
from .linear import linear


class FusionNetwork(nn.Module):
    """``W_o relu(Σ_m W_m E_m(x_m) + b)``, the front-door network without its split.

    Parameters
    ----------
    inputs : sequence of Encoding or int
        How each modality is read; a number is the width of a table for an MLP.
    n_classes : int
        Number of classes.
    hidden_dim, code_dim : int
        Widths of the hidden layers and of each modality's code.
    generator : torch.Generator
        Source of the initial weights (CPU).
    """

    def __init__(
        self,
        inputs: Sequence[Encoding | int],
        n_classes: int,
        *,
        hidden_dim: int,
        code_dim: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.inputs, self.hidden_dim = list(inputs), hidden_dim
        self.encoders = nn.ModuleList(
            make_encoder(one, hidden_dim, code_dim, generator) for one in inputs
        )
        self.shares = nn.ModuleList(
            linear(code_dim, hidden_dim, generator, bias=m == 0) for m in range(len(inputs))
        )
        self.out = linear(hidden_dim, n_classes, generator)
        self.code_dim, self.n_classes = code_dim, n_classes
        self.mask_dims = [*encoder_masks(self.encoders), hidden_dim]
        """Widths of the layers that take a dropout mask; the last is the head's."""

    def like(self, generator: torch.Generator) -> FusionNetwork:
        """Make another network of this shape, where this one is, with values of its own."""
        other = FusionNetwork(
            self.inputs,
            self.n_classes,
            hidden_dim=self.hidden_dim,
            code_dim=self.code_dim,
            generator=generator,
        )
        return other.to(self.out.weight.device, self.out.weight.dtype)

    def encode(
        self, xs: Sequence[Tensor], masks: Sequence[Tensor | None] | None = None
    ) -> list[Tensor]:
        """Encode standardised rows, one tensor (n, width) a modality, into codes (n, code_dim)."""
        some = [None] * len(xs) if masks is None else masks[:-1]
        return [e(x, mask) for e, x, mask in zip(self.encoders, xs, some, strict=True)]

    def head(self, codes: Sequence[Tensor | None], mask: Tensor | None = None) -> Tensor:
        """Logits (n, n_classes) from one code a modality; None stands for a code of zeros."""
        parts = [s(c) for s, c in zip(self.shares, codes, strict=True) if c is not None]
        first = sum(parts[1:], parts[0])
        if codes[0] is None:
            first = first + self.shares[0].bias
        return self.logits(first, mask)

    def logits(self, first: Tensor, mask: Tensor | None = None) -> Tensor:
        """Logits (n, n_classes) from the sum of what each code gives to the hidden layer."""
        hidden = torch.relu(first)
        return self.out(hidden if mask is None else hidden * mask)

    def alone(self, codes: Sequence[Tensor], modality: int, mask: Tensor | None = None) -> Tensor:
        """Logits (n, n_classes) of one modality: the joint head with the other codes zeroed."""
        return self.head([c if m == modality else None for m, c in enumerate(codes)], mask)

    def forward(self, xs: Sequence[Tensor], masks: Sequence[Tensor | None] | None = None) -> Tensor:
        """Logits (n, n_classes) of all modalities together."""
        return self.head(self.encode(xs, masks), None if masks is None else masks[-1])
