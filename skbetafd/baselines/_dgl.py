"""DGL: disentangled gradient learning."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._utils.sklearn_compat import Interval
from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ._rule import Rule, mean_entropy


class DGL(Rule):
    """Train each encoder by its modality alone, and the head on codes that it leaves as they are.

    ``CE(h(sg(z_1), …), y) + α Σ_m CE(h̄(0, …, z_m, …, 0), y)``: the joint loss has no gradient in
    the encoders (sg), and the loss of a modality alone, through the same head, none in the head
    (h̄). Under Adam α cancels but for weight decay.

    Parameters
    ----------
    alpha : float > 0, default=4.0
        α; published with SGD.

    References
    ----------
    Wei et al., Boosting Multimodal Learning via Disentangled Gradient Learning, ICCV 2025
    (arXiv 2507.10213).
    """

    constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="neither")]
    }

    def __init__(self, alpha: float = 4.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the joint loss and those of each modality alone."""
        codes, mask = network.encode(batch.xs, batch.masks), batch.head_mask
        joint = mean_entropy(network.head([code.detach() for code in codes], mask), batch)
        alone = [mean_entropy(network.alone(codes, m, mask), batch) for m in range(len(codes))]
        own = self.alpha * torch.stack(alone).sum()
        return {"loss": joint + own, "joint": joint, "own": own}

    def backward(self, network: FusionNetwork, terms: dict[str, Tensor]) -> None:
        """Take the modalities' gradients for the encoders, the joint loss's for the head."""
        terms["own"].backward()
        for part in (network.shares, network.out):
            part.zero_grad()
        terms["joint"].backward()
