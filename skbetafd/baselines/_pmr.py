"""PMR: prototypical modality rebalance."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .._utils.sklearn_compat import Interval
from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ..training.batches import TrainingTensors, dense
from ._rule import Rule, RuleTrainer, confidence, mean_entropy


class PMR(Rule):
    """Pull the codes of the slowest modality towards the prototypes of their classes.

    ``L + α CE(d_m, y)`` for the m of the least Σ_batch softmax(d_m)_y, where d_mk = −‖z_m −
    proto_mk‖. The prototypes, weighted class means of z_m without dropout, are refreshed before
    each epoch on some of the rows: proto ← μ proto + (1 − μ) mean, the first time the mean itself.
    An only modality is trained plainly.

    Parameters
    ----------
    alpha : float >= 0, default=1.0
        α; published 1 to 3.
    first_epoch, last_epoch : int >= 0, default=0, 70
        Epochs in which the rule acts, counted from 0, the last not included; published.
    share : float in (0, 1], default=0.1
        Share of the rows that make the prototypes, published for batches. It is taken of each
        class, at least one row, so that no class lacks a prototype.
    momentum : float in [0, 1), default=0.5
        μ. The codes of early epochs are worth forgetting: half of a prototype is an epoch old.

    References
    ----------
    Fan et al., PMR: Prototypical Modal Rebalance for Multimodal Learning, CVPR 2023.
    """

    acts: bool
    prototypes: list[Tensor] | None

    constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "first_epoch": [Interval(Integral, 0, None, closed="left")],
        "last_epoch": [Interval(Integral, 0, None, closed="left")],
        "share": [Interval(Real, 0, 1, closed="right")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        alpha: float = 1.0,
        first_epoch: int = 0,
        last_epoch: int = 70,
        share: float = 0.1,
        momentum: float = 0.5,
    ) -> None:
        super().__init__()
        self.alpha, self.first_epoch, self.last_epoch = alpha, first_epoch, last_epoch
        self.share, self.momentum = share, momentum

    def prepare(self, network: FusionNetwork, generator: torch.Generator, n_steps: int) -> None:
        """Forget earlier prototypes."""
        super().prepare(network, generator, n_steps)
        self.acts, self.prototypes = False, None

    def begin_epoch(self, network: FusionNetwork, epoch: int, trainer: RuleTrainer) -> None:
        """Refresh the prototypes."""
        several = len(network.encoders) > 1
        self.acts = several and self.first_epoch <= epoch < self.last_epoch
        if not self.acts:
            return
        means = self._class_means(network, trainer.rows)
        old = self.prototypes
        pairs = zip(means if old is None else old, means, strict=True)
        self.prototypes = [before.lerp(mean, 1 - self.momentum) for before, mean in pairs]

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the joint loss and the slowest modality's prototype loss."""
        codes = network.encode(batch.xs, batch.masks)
        joint = mean_entropy(network.head(codes, batch.head_mask), batch)
        if not self.acts:
            return {"loss": joint, "joint": joint}
        return {"loss": joint + self.alpha * self._slowest(codes, batch), "joint": joint}

    def _slowest(self, codes: Sequence[Tensor], batch: Batch) -> Tensor:
        assert self.prototypes is not None
        nearness = [
            -torch.cdist(c, p, compute_mode="donot_use_mm_for_euclid_dist")
            for c, p in zip(codes, self.prototypes, strict=True)
        ]
        scores = torch.stack([confidence(d, batch) for d in nearness])
        losses = torch.stack([mean_entropy(d, batch) for d in nearness])
        return losses.gather(0, scores.argmin()[None])[0]  # indexing would wait for the device

    @torch.no_grad()
    def _class_means(self, network: FusionNetwork, rows: TrainingTensors) -> list[Tensor]:
        some = self._draw(rows.y, network.n_classes)
        codes = network.encode([dense(x[some]) for x in rows.xs])
        y, weight = rows.y[some], rows.weight[some]
        member = one_hot(y, network.n_classes).T * weight
        # a class that the inner split has left without rows gets a prototype at 0
        member = member / member.sum(1, keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny)
        return [member @ code for code in codes]

    def _draw(self, y: Tensor, n_classes: int) -> Tensor:
        order = torch.randperm(len(y), generator=self.generator, device="cpu").to(y.device)
        classes = [order[y[order] == k] for k in range(n_classes)]
        return torch.cat([rows[: max(1, round(self.share * len(rows)))] for rows in classes])
