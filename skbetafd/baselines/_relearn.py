"""Diagnose and re-learn: encoders that overfit go back towards their initial values."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from .._utils.messages import without_warnings
from .._utils.sklearn_compat import Interval
from ..inputs.standardise import fitted_scaler
from ..nn.fusion_network import FusionNetwork
from ..training.batches import TrainingTensors
from ..training.net import NeuralNet
from ._rule import Rule, RuleTrainer, codes_of


class Relearn(Rule):
    """Draw an encoder back to its initial values where its codes separate the training rows alone.

    Every `period` epochs: θ_m ← w_m θ_m^init + (1 − w_m) θ_m, w_m = tanh(λ |P_train − P_val|),
    P the purity of a k-means clustering of modality m's codes: the weighted share of rows that are
    of the commonest class of their cluster. There are as many clusters as classes. Each dimension
    of the code is brought to mean 0 and variance 1; this scaling and the centres are the training
    rows', to which the validation rows are assigned, so that one clustering's luck is in both.

    The optimiser's moments stay as they are, and so does the learning-rate schedule. The published
    period makes the default of 25 epochs re-learn once only, in the last fifth of the schedule.

    Parameters
    ----------
    period : int >= 1, default=20
        Epochs from one diagnosis to the next.
    times : int >= 0, default=3
        Most diagnoses.
    scale : float >= 0, default=3.0
        λ.

    References
    ----------
    Wei et al., Diagnosing and Re-learning for Balanced Multimodal Learning, ECCV 2024.
    """

    needs_validation: ClassVar[bool] = True

    constraints: ClassVar[dict[str, list[Any]]] = {
        "period": [Interval(Integral, 1, None, closed="left")],
        "times": [Interval(Integral, 0, None, closed="left")],
        "scale": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, period: int = 20, times: int = 3, scale: float = 3.0) -> None:
        super().__init__()
        self.period, self.times, self.scale = period, times, scale
        self.initial: list[list[Tensor]] = []

    def prepare(self, network: FusionNetwork, generator: torch.Generator, n_steps: int) -> None:
        """Take note of the encoders' initial values."""
        super().prepare(network, generator, n_steps)
        self.initial = [[p.detach().clone() for p in e.parameters()] for e in network.encoders]

    def fit(self, trainer: RuleTrainer) -> NeuralNet:
        """Train, and let go of the initial values."""
        net = super().fit(trainer)
        self.initial = []
        return net

    @torch.no_grad()
    def begin_epoch(self, network: FusionNetwork, epoch: int, trainer: RuleTrainer) -> None:
        """Diagnose and draw back, where a period has passed."""
        if epoch == 0 or epoch % self.period or epoch > self.times * self.period:
            return
        network.eval()
        train, held = trainer.rows, trainer.held_out
        seed = int(torch.randint(2**31 - 1, (), generator=self.generator, device="cpu"))
        codes = zip(codes_of(network, train), codes_of(network, held), strict=True)
        for own, encoder, initial in zip(codes, network.encoders, self.initial, strict=True):
            gap = np.subtract(*purities(*own, train, held, network.n_classes, seed))
            coefficient = math.tanh(self.scale * abs(gap))
            for parameter, first in zip(encoder.parameters(), initial, strict=True):
                parameter.lerp_(first, coefficient)


def purities(
    code: Tensor,
    held_code: Tensor,
    train: TrainingTensors,
    held: TrainingTensors,
    n_classes: int,
    seed: int,
) -> tuple[float, float]:
    """Purity of the clusters of one modality's codes, on the training and on the held-out rows."""
    numpy_weight = train.weight.double().cpu().numpy()
    scaler = fitted_scaler([(code.double().cpu().numpy(), numpy_weight)])
    # k-means is chaotic: without rounding, the last bit of a code decides over whole clusters
    scaled, held_scaled = (
        scaler.transform(c.double().cpu().numpy()).round(4) for c in (code, held_code)
    )
    kmeans = KMeans(n_classes, n_init=10, random_state=seed)
    with without_warnings(ConvergenceWarning):  # dead codes leave clusters empty
        kmeans.fit(scaled, sample_weight=numpy_weight)
    return (
        purity(kmeans.labels_, train.y.cpu().numpy(), numpy_weight),
        purity(kmeans.predict(held_scaled), held.y.cpu().numpy(), held.weight.cpu().numpy()),
    )


def purity(cluster: np.ndarray, y: np.ndarray, weight: np.ndarray) -> float:
    """Weighted share of the rows that are of the commonest class of their cluster."""
    mass = np.zeros((cluster.max() + 1, y.max() + 1))
    np.add.at(mass, (cluster, y), weight)
    return float(mass.max(axis=1).sum() / weight.sum())
