"""Encoders: from the standardised rows of one modality to a code."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .linear import linear


class MLPEncoder(nn.Module):
    """One hidden layer, a rectifier, an optional dropout mask, a linear code.

    Parameters
    ----------
    input_dim, hidden_dim, code_dim : int
        Widths of the input, of the hidden layer and of the code.
    generator : torch.Generator
        Source of the initial weights (CPU).
    """

    def __init__(
        self, input_dim: int, hidden_dim: int, code_dim: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.hidden = linear(input_dim, hidden_dim, generator)
        self.code = linear(hidden_dim, code_dim, generator)

    @property
    def mask_dims(self) -> Sequence[int]:
        """Widths of the layers that take a dropout mask."""
        return (self.hidden.out_features,)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode rows (n, input_dim) into codes (n, code_dim)."""
        hidden = torch.relu(self.hidden(x))
        if mask is not None:
            hidden = hidden * mask
        return self.code(hidden)
