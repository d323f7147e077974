"""LfF: learning from failure."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._utils.sklearn_compat import Interval
from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ._rule import Rule, entropy


class LfF(Rule):
    """Train a biased network beside the main one, and weight the main loss by where it fails.

    The biased network has the generalised cross-entropy ``(1 − p_y^q) / q``. The main loss is
    weighted by ``CE_biased / (CE_biased + CE_main)``, each cross-entropy divided by a running mean
    of it over the rows of its class (decay `ema`). Both networks see the same dropout masks.

    Parameters
    ----------
    q : float in (0, 1], default=0.7
        Exponent of the generalised cross-entropy: the larger, the more the biased network dwells
        on what is easy.
    ema : float in [0, 1), default=0.7
        Decay of the running means, a step.

    References
    ----------
    Nam et al., Learning from Failure: De-biasing Classifier from Biased Classifier, NeurIPS 2020.
    """

    mean: Tensor

    constraints: ClassVar[dict[str, list[Any]]] = {
        "q": [Interval(Real, 0, 1, closed="right")],
        "ema": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(self, q: float = 0.7, ema: float = 0.7) -> None:
        super().__init__()
        self.q, self.ema = q, ema

    def prepare(self, network: FusionNetwork, generator: torch.Generator, n_steps: int) -> None:
        """Make the biased network and the running means."""
        super().prepare(network, generator, n_steps)
        where = network.out.weight
        self.biased = network.like(generator)
        self.register_buffer("mean", where.new_zeros(2, network.n_classes), persistent=False)

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the biased and the weighted main loss."""
        y, weight = batch.y, batch.weight
        biased = entropy(self.biased(batch.xs, batch.masks), y)
        main = entropy(network(batch.xs, batch.masks), y)
        easy = (1 - torch.exp(-self.q * biased)) / self.q
        difficulty = self._difficulty(biased.detach(), main.detach(), y, weight)
        terms = {"biased": (weight * easy).mean(), "main": (weight * difficulty * main).mean()}
        return {"loss": terms["biased"] + terms["main"], **terms}

    @torch.no_grad()
    def _difficulty(self, biased: Tensor, main: Tensor, y: Tensor, weight: Tensor) -> Tensor:
        losses = torch.stack([biased, main])
        counts = torch.zeros_like(self.mean[0]).index_add(0, y, weight)
        sums = torch.zeros_like(self.mean).index_add(1, y, losses * weight)
        now = sums / counts.clamp_min(torch.finfo(counts.dtype).tiny)
        moved = torch.where(self.mean == 0, now, self.ema * self.mean + (1 - self.ema) * now)
        self.mean = torch.where(counts > 0, moved, self.mean)
        scaled = losses / self.mean[:, y].clamp_min(torch.finfo(counts.dtype).tiny)
        return scaled[0] / (scaled[0] + scaled[1]).clamp_min(torch.finfo(counts.dtype).tiny)
