"""Uniform: a loss of its own for every modality."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..nn import FusionNetwork
from ._rule import Rule, mean_entropy, own_heads


class Uniform(Rule):
    """``L + Σ_m L_m``, L_m the cross-entropy of a linear head on modality m's code."""

    def prepare(self, network: FusionNetwork, generator: torch.Generator, n_steps: int) -> None:
        """Make the heads."""
        super().prepare(network, generator, n_steps)
        self.heads = own_heads(network, generator)

    def forward(
        self,
        network: FusionNetwork,
        xs: Sequence[Tensor],
        y: Tensor,
        weight: Tensor,
        present: Tensor | None,
        masks: Sequence[Tensor] | None,
    ) -> dict[str, Tensor]:
        """Evaluate the joint and every own loss."""
        codes = network.encode(xs, masks)
        joint = mean_entropy(network.head(codes, masks[-1] if masks else None), y, weight)
        own = [mean_entropy(h(c), y, weight) for h, c in zip(self.heads, codes, strict=True)]
        return {"loss": joint + sum(own, torch.zeros_like(joint)), "joint": joint}
