"""Predominant-first: the strongest modality learns fastest, the contrary of balancing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ..training.net import NeuralNet
from ._rule import Rule, RuleTrainer, mean_entropy


class PredominantFirst(Rule):
    """Let the encoders of the auxiliary modalities take part in a share of the steps only.

    The predominant modality is the one that reaches the best accuracy alone on the inner split;
    its encoder takes every step. The others take a step with probability k, drawn anew each step:
    a gradient coefficient k in expectation, which, unlike a constant factor, does not cancel under
    Adam. k is the one of the lowest inner-split log-loss; 1 is plain joint training. A control for
    the thesis that balancing is not the point; this library's own.

    Parameters
    ----------
    coefficients : sequence of float in [0, 1], default=(1.0, 0.5, 0.25, 0.1)
        The values of k that are tried.
    """

    needs_validation: ClassVar[bool] = True

    def __init__(self, coefficients: Sequence[float] = (1.0, 0.5, 0.25, 0.1)) -> None:
        super().__init__()
        self.coefficients = tuple(coefficients)
        if not self.coefficients or not all(0 <= k <= 1 for k in self.coefficients):
            raise ValueError(f"coefficients must be numbers in [0, 1], got {coefficients!r}")

    def fit(self, trainer: RuleTrainer) -> NeuralNet:
        """Find the predominant modality, then the coefficient, each on the inner split."""
        alone = [_Alone(m) for m in range(len(trainer.rows.xs))]
        scores = [trainer.accuracy(r, trainer.train(r).module_) for r in alone]
        predominant = scores.index(max(scores))
        nets = [trainer.train(_Slowed(predominant, k)) for k in self.coefficients]
        return min(nets, key=lambda net: trainer.loss(net.criterion_, net.module_))

    def decided(self, trained: Rule) -> Rule:
        """Keep the predominant modality and the coefficient."""
        assert isinstance(trained, _Slowed)
        return _Slowed(trained.predominant, trained.coefficient)


class _Alone(Rule):
    """One modality's own training in the joint network."""

    def __init__(self, modality: int) -> None:
        super().__init__()
        self.modality = modality

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        codes = network.encode(batch.xs, batch.masks)
        logits = network.alone(codes, self.modality, batch.head_mask)
        return {"loss": mean_entropy(logits, batch)}

    def logits(self, network: FusionNetwork, xs: Sequence[Tensor]) -> Tensor:
        return network.alone(network.encode(xs), self.modality)


class _Slowed(Rule):
    """Joint training in which all but one encoder skip steps."""

    def __init__(self, predominant: int, coefficient: float) -> None:
        super().__init__()
        self.predominant, self.coefficient = predominant, coefficient

    def backward(self, network: FusionNetwork, terms: dict[str, Tensor]) -> None:
        super().backward(network, terms)
        draws = torch.rand(len(network.encoders), generator=self.generator, device="cpu")
        for m, (draw, encoder) in enumerate(zip(draws, network.encoders, strict=True)):
            if m != self.predominant and draw >= self.coefficient:
                encoder.zero_grad(set_to_none=True)  # the optimiser skips what has no gradient
