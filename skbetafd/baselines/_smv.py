"""SMV: sample-level modality valuation, and more of what a modality lags behind on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import factorial
from numbers import Integral
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._utils.sklearn_compat import Interval
from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ..training.batches import TrainingTensors
from ..training.net import NeuralNet
from ._rule import Rule, RuleTrainer, codes_of, mean_entropy

MOST_COPIES = 3

Values = Mapping[tuple[int, ...], Tensor]
"""v(S) of each row (n,), for every subset S of the modalities."""


class SMV(Rule):
    """Add copies of a row in which only the modality is left that contributes too little to it.

    v(S) = |S| where the network is right about a row from the modalities S alone, the codes of
    the others zeroed, else 0; φ_m is modality m's Shapley value, on average 1 where the network is
    right. After `warmup` epochs each epoch values every training row anew and adds to it copies
    in which only m is left: with two modalities 1, 2, 3 of them for φ_m = .5, 0, −.5, as published.
    That table is the straight line from none at φ_m = 1 to 3 at the least φ_m there can be,
    −(M−1)/2: ⌈6 (1 − φ_m) / (M + 1)⌉, which is what M > 2 modalities get.

    A rule sees batches, not row numbers. The rule therefore trains on rows of its own, which it
    refills before each epoch: the copies stand beside their originals, are shuffled among them and
    tell by `present` which codes are to be zeroed. An epoch keeps its number of steps, since the
    learning-rate schedule counts them; its batches grow. All rows keep their weight, up to the
    factor that brings the mean back to 1. One modality alone has no others to zero, and no copies.

    Parameters
    ----------
    warmup : int >= 0, default=5
        Epochs of plain joint training before the first valuation.

    References
    ----------
    Wei et al., Enhancing Multimodal Cooperation via Sample-level Modality Valuation, CVPR 2024.
    """

    rows: TrainingTensors

    constraints: ClassVar[dict[str, list[Any]]] = {
        "warmup": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(self, warmup: int = 5) -> None:
        super().__init__()
        self.warmup = warmup

    def fit(self, trainer: RuleTrainer) -> NeuralNet:
        """Train on rows of the rule's own."""
        source = trainer.rows
        self.rows = TrainingTensors(source.xs, source.y, source.weight)
        net = trainer.train(self, rows=self.rows, last=True)
        del self.rows  # no training data in what is pickled
        return net

    def begin_epoch(self, network: FusionNetwork, epoch: int, trainer: RuleTrainer) -> None:
        """Value the training rows and refill the rule's own."""
        n_modalities = len(network.encoders)
        if epoch < self.warmup or n_modalities == 1:
            return
        source = trainer.rows
        values = subset_values(network, source)
        refill(self.rows, source, n_copies(shapley(values, n_modalities)))

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the joint loss, with the codes zeroed that a copy is without."""
        codes = network.encode(batch.xs, batch.masks)
        if batch.present is not None:
            shown = batch.present.unbind(1)
            codes = [c * p[:, None] for c, p in zip(codes, shown, strict=True)]
        return {"loss": mean_entropy(network.head(codes, batch.head_mask), batch)}


@torch.no_grad()
def subset_values(network: FusionNetwork, rows: TrainingTensors) -> Values:
    """Give v(S) of each row: |S| where the codes of S alone are enough to be right, else 0."""
    network.eval()
    codes = codes_of(network, rows)
    everything = range(len(codes))
    none = torch.zeros(len(rows), dtype=torch.float64, device=rows.y.device)
    values: dict[tuple[int, ...], Tensor] = {(): none}
    for size in everything:
        for kept in combinations(everything, size + 1):
            logits = network.head([codes[m] if m in kept else None for m in everything])
            values[kept] = len(kept) * (logits.argmax(1) == rows.y).double()
    return values


def shapley(values: Values, n_modalities: int) -> Tensor:
    """φ_m = Σ_{S⊆M∖m} |S|!(M−|S|−1)!/M! [v(S∪m) − v(S)] of each row, (n, n_modalities)."""
    phi = torch.zeros(len(values[()]), n_modalities).to(values[()])
    for kept, value in values.items():
        size, total = len(kept), factorial(n_modalities)
        if size == n_modalities:
            continue
        share = factorial(size) * factorial(n_modalities - size - 1) / total
        for m in set(range(n_modalities)) - set(kept):
            phi[:, m] += share * (values[tuple(sorted((*kept, m)))] - value)
    return phi


def n_copies(phi: Tensor) -> Tensor:
    """Give the number of copies (n, n_modalities): none from φ = 1 on, 3 at the least φ."""
    least = -(phi.shape[1] - 1) / 2
    exact = MOST_COPIES * (1 - phi) / (1 - least)
    return (exact - 1e-6).ceil().clamp_min(0).long()  # twelfths have no exact sums


def refill(rows: TrainingTensors, source: TrainingTensors, copies: Tensor) -> None:
    """Put the source's rows into `rows`, then so many of each with one modality alone."""
    n, n_modalities = copies.shape
    where = source.y.device
    number = torch.arange(n, device=where)
    picks, left = [number], [source.weight.new_ones(n, n_modalities)]
    for m, own in enumerate(torch.eye(n_modalities).to(source.weight)):
        picks.append(number.repeat_interleave(copies[:, m]))
        left.append(own.expand(len(picks[-1]), -1))
    pick = torch.cat(picks)
    weight = source.weight[pick]
    rows.xs = [x[pick] for x in source.xs]
    rows.y, rows.weight, rows.present = source.y[pick], weight / weight.mean(), torch.cat(left)
