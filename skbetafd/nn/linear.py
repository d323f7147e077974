"""Linear layers that draw their initial values from a generator of one's own, and that stack."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import linear as apply_linear


class Linear(nn.Linear):
    """``x Wᵀ + b``, of one model or, with parameters of shape (k, ...), of k models at once.

    With stacked parameters x has shape (k, ..., input_dim). torch.func.vmap does the same at more
    than twice the cost of a small model's step.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer, or each model's layer to its own rows."""
        if self.weight.dim() == 2:
            return apply_linear(x, self.weight, self.bias)
        rows = x if x.dim() == 3 else x.flatten(1, -2)
        if self.bias is None:
            out = torch.bmm(rows, self.weight.mT)
        else:
            out = torch.baddbmm(self.bias[:, None], rows, self.weight.mT)
        return out if x.dim() == 3 else out.view(*x.shape[:-1], -1)


def linear(
    input_dim: int, output_dim: int, generator: torch.Generator, *, bias: bool = True
) -> Linear:
    """Make a linear layer whose initial values come from `generator` alone.

    The distribution is torch's own default, U(−1/√input_dim, 1/√input_dim), drawn
    without touching the global generator.
    """
    # dtype and device are spelled out: the user's global defaults must not change a seeded fit
    layer = nn.utils.skip_init(
        Linear, input_dim, output_dim, bias=bias, dtype=torch.float32, device=birthplace()
    )
    return drawn(layer, input_dim, generator)


Layer = TypeVar("Layer", bound=nn.Module)


def drawn(layer: Layer, fan_in: int, generator: torch.Generator) -> Layer:
    """Draw a layer's parameters from U(−1/√fan_in, 1/√fan_in), torch's own default."""
    bound = 1.0 / math.sqrt(max(fan_in, 1))
    with torch.no_grad():
        for parameter in layer.parameters():
            if not parameter.is_meta:
                parameter.uniform_(-bound, bound, generator=generator)
    return layer


_BIRTHPLACE = ContextVar("_BIRTHPLACE", default="cpu")


def birthplace() -> str:
    """Name the device on which layers are made: the CPU, or none."""
    return _BIRTHPLACE.get()


@contextmanager
def without_memory() -> Iterator[None]:
    """Make layers that have shapes alone."""
    token = _BIRTHPLACE.set("meta")
    try:
        yield
    finally:
        _BIRTHPLACE.reset(token)
