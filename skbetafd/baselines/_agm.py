"""AGM: adaptive gradient modulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb
from numbers import Real
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._utils.sklearn_compat import Interval
from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ._rule import Rule, mean_entropy


class AGM(Rule):
    """Scale each modality's share of the logit gradient by how far its lead is from its usual one.

    s_m are the Shapley values of the logits v(S), the joint head's with the codes outside S zeroed
    and v(∅) = 0, so that Σ_m s_m are the joint logits. c_m = CE(s_m, y), r_m = exp(M/(M−1)
    (c̄ − c_m)), and r*_m the same of running means of c_m, each the mean over all steps so far, the
    present one included. The gradient that reaches s_m is multiplied by
    k_m = exp(α min(r*_m − r_m, cap)); the loss is the joint one. It takes 2^M − 1 heads a step.

    Parameters
    ----------
    alpha : float >= 0, default=1.5
        α; published 1.5 to 4.
    cap : float >= 0, default=None
        Most of r*_m − r_m; None is the published 10 with two modalities, 7 with more.

    References
    ----------
    Li et al., Boosting Multi-modal Model Performance with Adaptive Gradient Modulation, ICCV 2023.
    """

    constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "cap": [None, Interval(Real, 0, None, closed="both")],
    }

    def __init__(self, alpha: float = 1.5, cap: float | None = None) -> None:
        super().__init__()
        self.alpha, self.cap = alpha, cap

    def prepare(self, network: FusionNetwork, generator: torch.Generator, n_steps: int) -> None:
        """Forget earlier steps."""
        super().prepare(network, generator, n_steps)
        self.n_seen = 0
        self.usual = network.out.weight.new_zeros(len(network.encoders))

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the joint loss, through logits whose gradients are scaled."""
        shares = shapley_logits(network, network.encode(batch.xs, batch.masks), batch.head_mask)
        with torch.no_grad():
            costs = torch.stack([mean_entropy(s, batch) for s in shares])
            coefficients = self._coefficients(costs)
        scaled = [_scale_gradient(s, k) for s, k in zip(shares, coefficients, strict=True)]
        return {"loss": mean_entropy(torch.stack(scaled).sum(0), batch)}

    def _coefficients(self, costs: Tensor) -> Tensor:
        self.n_seen += 1
        self.usual = self.usual + (costs - self.usual) / self.n_seen
        default = 10.0 if len(costs) < 3 else 7.0
        cap = default if self.cap is None else self.cap
        return torch.exp(self.alpha * (_leads(self.usual) - _leads(costs)).clamp_max(cap))


def shapley_logits(
    network: FusionNetwork, codes: Sequence[Tensor], mask: Tensor | None
) -> list[Tensor]:
    """Split the joint logits into one share (n, n_classes) a modality."""
    n, nothing = len(codes), codes[0].new_zeros(len(codes[0]), network.n_classes)
    values: dict[tuple[int, ...], Tensor] = {(): nothing}
    for some in (s for size in range(1, n + 1) for s in combinations(range(n), size)):
        values[some] = network.head([c if m in some else None for m, c in enumerate(codes)], mask)
    return [_share(values, m, n) for m in range(n)]


def _share(values: Mapping[tuple[int, ...], Tensor], modality: int, n: int) -> Tensor:
    """Σ_{S∋m} (|S|−1)! (n−|S|)! / n! · [v(S) − v(S∖m)]."""
    gains = [
        (value - values[tuple(m for m in some if m != modality)]) / (n * comb(n - 1, len(some) - 1))
        for some, value in values.items()
        if modality in some
    ]
    return torch.stack(gains).sum(0)


def _leads(costs: Tensor) -> Tensor:
    """r_m = exp(M/(M−1) (c̄ − c_m)), 1 for an only modality."""
    return torch.exp(len(costs) / max(len(costs) - 1, 1) * (costs.mean() - costs))


def _scale_gradient(share: Tensor, coefficient: Tensor) -> Tensor:
    """Leave the value as it is, to the last bit even where the coefficient is large."""
    fixed = share.detach()
    return fixed + coefficient * (share - fixed)
