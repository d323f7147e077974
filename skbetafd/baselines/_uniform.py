"""Uniform: a loss of its own for every modality."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..nn.fusion import FusionNetwork
from ._rule import OwnLosses


class Uniform(OwnLosses):
    """``L + Σ_m L_m``, L_m the cross-entropy of a linear head on modality m's code."""

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
        joint, own = self.losses(network, xs, y, weight, masks)
        return {"loss": joint + sum(own, torch.zeros_like(joint)), "joint": joint}
