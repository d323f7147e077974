"""JTT: just train twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch

from ..training.batches import TrainingTensors
from ..training.net import NeuralNet
from ._rule import Rule, RuleTrainer


class JTT(Rule):
    """Train plainly for T epochs, mark the rows that are misclassified, train afresh.

    In the second training, on the estimator's schedule, marked rows have λ times their weight. Of
    the pairs (T, λ) the one with the best accuracy on the inner split is kept; where there is one
    pair alone, nothing is held out for it.

    Parameters
    ----------
    epochs : int or sequence of int, default=(5, 20)
        T; published 5 to 60 epochs of longer trainings.
    up_weight : float or sequence of float, default=(5.0, 20.0, 50.0)
        λ; published 5 to 50.

    References
    ----------
    Liu et al., Just Train Twice: Improving Group Robustness without Training Group Information,
    ICML 2021.
    """

    needs_validation: ClassVar[bool] = True
    best: tuple[Any, Any]

    def __init__(
        self,
        epochs: int | Sequence[int] = (5, 20),
        up_weight: float | Sequence[float] = (5.0, 20.0, 50.0),
    ) -> None:
        super().__init__()
        self.epochs = _values("epochs", epochs, Integral)
        self.up_weight = _values("up_weight", up_weight, Real)
        pairs = len(self.epochs) * len(self.up_weight)
        self.needs_validation = pairs > 1  # type: ignore[misc]

    def fit(self, trainer: RuleTrainer) -> NeuralNet:
        """Train twice for every pair of settings."""
        marked = {}
        for epochs in self.epochs:
            first = trainer.train(Rule(), max_epochs=int(epochs), early_stopping=False)
            logits = trainer.logits(first.criterion_, first.module_, trainer.rows)
            marked[epochs] = logits.argmax(1) != trainer.rows.y
        nets = {
            (epochs, factor): trainer.train(
                Rule(), rows=_weighted(trainer.rows, marked[epochs], factor)
            )
            for epochs, factor in product(self.epochs, self.up_weight)
        }
        if len(nets) > 1:
            scores = {p: trainer.accuracy(n.criterion_, n.module_) for p, n in nets.items()}
            self.best = max(scores, key=lambda pair: scores[pair])
            return nets[self.best]
        return next(iter(nets.values()))

    def decided(self, trained: Rule) -> JTT:
        """Keep the best pair."""
        return JTT(*self.best)


def _weighted(rows: TrainingTensors, marked: torch.Tensor, factor: float) -> TrainingTensors:
    weight = torch.where(marked, factor * rows.weight, rows.weight)
    return replace(rows, weight=weight / weight.mean())


def _values(name: str, given: float | Sequence[float], kind: type) -> tuple[float, ...]:
    values = tuple(given) if np.iterable(given) else (given,)
    if not values or not all(isinstance(v, kind) and 0 < v < np.inf for v in values):
        whole = "whole " if kind is Integral else ""
        raise ValueError(f"{name} must be positive, a {whole}number or several, got {given!r}")
    return values
