"""Linear layers that draw their initial values from a generator of one's own."""

from __future__ import annotations

import math

import torch
from torch import nn


def linear(
    input_dim: int, output_dim: int, generator: torch.Generator, *, bias: bool = True
) -> nn.Linear:
    """Make a linear layer whose initial values come from `generator` alone.

    The distribution is torch's own default, U(−1/√input_dim, 1/√input_dim), drawn
    without touching the global generator.
    """
    # dtype and device are spelled out: the user's global defaults must not change a seeded fit
    layer = nn.utils.skip_init(
        nn.Linear, input_dim, output_dim, bias=bias, dtype=torch.float32, device="cpu"
    )
    bound = 1.0 / math.sqrt(max(input_dim, 1))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return layer
