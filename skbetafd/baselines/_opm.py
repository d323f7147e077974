"""OPM: on-the-fly prediction modulation."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._utils.sklearn_compat import Interval
from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ._rule import Rule, confidence, mean_entropy, ratios_to_others


class OPM(Rule):
    """Leave out codes of a modality that runs ahead, so that the others have to predict.

    q_m = clip(q₀ (1 + λ tanh(ρ_m − 1)), 0, 1) where ρ_m > 1, else 0, with ρ_m = p_m / mean_{j≠m}
    p_j, p_m = Σ_batch softmax(s_m)_y and s_m the joint head's logits of modality m alone. In a
    batch, with probability p_exe, z_m is set to zero row by row with probability q_m, and all codes
    are divided by 1 − θ, θ the mean of q over the codes' dimensions.

    Parameters
    ----------
    q0 : float in [0, 1], default=0.5
        q₀, the least probability with which a stronger modality is left out; published.
    lam : float >= 0, default=0.5
        λ, how much that grows with its lead; published.
    p_exe : float in [0, 1], default=0.7
        Share of the batches in which the rule acts; published.

    References
    ----------
    Wei et al., On-the-fly Modulation for Balanced Multimodal Learning, IEEE TPAMI 2025.
    """

    constraints: ClassVar[dict[str, list[Any]]] = {
        "q0": [Interval(Real, 0, 1, closed="both")],
        "lam": [Interval(Real, 0, None, closed="left")],
        "p_exe": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(self, q0: float = 0.5, lam: float = 0.5, p_exe: float = 0.7) -> None:
        super().__init__()
        self.q0, self.lam, self.p_exe = q0, lam, p_exe

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the joint loss, in most batches on codes of which some are left out."""
        mask = batch.head_mask
        codes = network.encode(batch.xs, batch.masks)
        if self._uniform(1) < self.p_exe:
            with torch.no_grad():
                alone = [network.alone(codes, m, mask) for m in range(len(codes))]
                scores = torch.stack([confidence(s, batch) for s in alone])
            codes = self._thinned(codes, self._rates(ratios_to_others(scores)))
        return {"loss": mean_entropy(network.head(codes, mask), batch)}

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(shape, generator=self.generator, dtype=torch.float32, device="cpu")

    def _rates(self, ratios: Tensor) -> Tensor:
        rates = (self.q0 * (1 + self.lam * torch.tanh(ratios - 1))).clamp(0, 1)
        return torch.where(ratios > 1, rates, 0.0)

    def _thinned(self, codes: Sequence[Tensor], rates: Tensor) -> list[Tensor]:
        keep = self._uniform(len(codes), len(codes[0]), 1).to(rates.device) >= rates[:, None, None]
        theta = rates.mean()  # all codes are equally wide
        return [code * k / (1 - theta) for code, k in zip(codes, keep, strict=True)]
