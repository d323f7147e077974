"""OGM-GE: on-the-fly gradient modulation with generalisation enhancement."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._utils.sklearn_compat import Interval
from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ._rule import Rule, confidence, mean_entropy, ratios_to_others


class OGMGE(Rule):
    """Slow the gradients of an encoder that runs ahead, and add noise to all.

    ρ_m = p_m / mean_{j≠m} p_j, p_m = Σ_batch softmax(s_m)_y with s_m the joint head's logits of
    modality m alone; k_m = 1 − tanh(α ρ_m) where ρ_m > 1, else 1. ∇θ_m ← k_m ∇θ_m, to which
    N(0, sd(∇)²) is added, a tensor of every encoder. Under Adam a scaled gradient largely cancels:
    ``optimizer="sgd"`` is what the rule was published with.

    Parameters
    ----------
    alpha : float >= 0, default=0.3
        α; published .1 to .8 for SGD. Under AdamW 2.6 was used.
    first_epoch, last_epoch : int >= 0, default=0, 50
        Epochs in which the rule acts, counted from 0, the last not included.
    noise : bool, default=True
        Whether noise is added.

    References
    ----------
    Peng et al., Balanced Multimodal Learning via On-the-fly Gradient Modulation, CVPR 2022.
    """

    constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "first_epoch": [Interval(Integral, 0, None, closed="left")],
        "last_epoch": [Interval(Integral, 0, None, closed="left")],
        "noise": ["boolean"],
    }

    def __init__(
        self, alpha: float = 0.3, first_epoch: int = 0, last_epoch: int = 50, noise: bool = True
    ) -> None:
        super().__init__()
        self.alpha, self.first_epoch, self.last_epoch = alpha, first_epoch, last_epoch
        self.noise, self.epoch = noise, 0

    def begin_epoch(self, network: FusionNetwork, epoch: int, trainer: object) -> None:
        """Take note of the epoch."""
        self.epoch = epoch

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the joint loss, and the coefficients k_m for its gradients."""
        mask = batch.head_mask
        codes = network.encode(batch.xs, batch.masks)
        with torch.no_grad():
            alone = [network.alone(codes, m, mask) for m in range(len(codes))]
            ratios = ratios_to_others(torch.stack([confidence(s, batch) for s in alone]))
            self.coefficients = torch.where(
                ratios > 1, 1 - torch.tanh(self.alpha * ratios), torch.ones_like(ratios)
            )
        return {"loss": mean_entropy(network.head(codes, mask), batch)}

    def backward(self, network: FusionNetwork, terms: dict[str, Tensor]) -> None:
        """Take the gradients, scale those of each encoder and add noise."""
        super().backward(network, terms)
        if not self.first_epoch <= self.epoch < self.last_epoch:
            return
        for coefficient, encoder in zip(self.coefficients, network.encoders, strict=True):
            for parameter in encoder.parameters():
                gradient = parameter.grad
                assert gradient is not None
                spread = gradient.std() if gradient.numel() > 1 else gradient.new_zeros(())
                gradient.mul_(coefficient)
                if self.noise:
                    draw = torch.randn(gradient.shape, generator=self.generator, device="cpu")
                    gradient.add_(draw.to(gradient) * spread)
