"""Uniform: a loss of its own for every modality."""

from __future__ import annotations

import torch
from torch import Tensor

from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ._rule import OwnLosses


class Uniform(OwnLosses):
    """``L + Σ_m L_m``, L_m the cross-entropy of a linear head on modality m's code."""

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the joint and every own loss."""
        joint, own = self.losses(network, batch)
        return {"loss": joint + sum(own, torch.zeros_like(joint)), "joint": joint}
