"""Training of fusion networks on one training part, with an inner split held out of it."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from ..fitting.request import FitRequest, data_dtype
from ..fitting.scaling import ModalityScaler, fitted_scalers, network_inputs
from ..fitting.splits import check_left_present, inner_split
from ..nn.fusion import FusionNetwork
from ..nn.modes import fitting
from ..training.batches import TrainingTensors
from ..training.callbacks import AroundEpoch
from ..training.device import resolve_device
from ..training.job import TrainingJob
from ..training.net import NeuralNet
from ..training.one_network import train
from ..training.settings import TrainingSettings
from ._rule import Rule, entropy

NO_SPLIT = (
    "without early_stopping and calibrate, and with a rule that needs none, there is no split"
)


class Part(NamedTuple):
    """One trained network, and which modalities it reads."""

    columns: tuple[int, ...]
    scalers: list[ModalityScaler]
    rule: Rule
    network: FusionNetwork
    history: list[dict[str, Any]]
    temperature: float

    def log_proba(self, xs: list[Tensor]) -> Tensor:
        """Log-probabilities (n, n_classes) at standardised rows of its modalities."""
        logits = self.rule.logits(self.network, xs)
        return torch.log_softmax(logits.to(xs[0].dtype) / self.temperature, dim=1)


def fit_part(
    request: FitRequest,
    columns: tuple[int, ...],
    make_rule: Callable[[], Rule],
    *,
    keep_interrupted: bool = False,
) -> Part:
    """Train one network on some modalities of a request, on the rows that have any of them."""
    rows, spec = request.rows, request.spec
    rows = rows.take(np.flatnonzero(rows.present[:, list(columns)].any(axis=1)))
    rows = replace(
        rows,
        names=tuple(rows.names[m] for m in columns),
        arrays=[rows.arrays[m] for m in columns],
        present=rows.present[:, list(columns)],
    )
    spec = replace(spec, encodings=tuple(spec.encodings[m] for m in columns))
    part = FitRequest(rows, spec, request.run)
    rule = make_rule()
    with fitting():
        trainer = Trainer(part, rule, keep_interrupted)
        net = rule.fit(trainer)
    rule, network = net.criterion_, net.module_.eval()
    temperature = trainer.temperature(rule, network) if spec.parameters["calibrate"] else 1.0
    return Part(columns, trainer.scalers, rule, network, net.history, temperature)


@dataclass
class Trainer:
    """Trains fresh networks on the same rows; the inner split decides what is to be decided.

    Parameters
    ----------
    request : FitRequest
        Rows and parameters.
    rule : Rule
        The rule that asks for training.
    keep_interrupted : bool, default=False
        Whether a network whose training is interrupted is of use: the last to be trained is.
    """

    request: FitRequest
    rule: Rule
    keep_interrupted: bool = False

    def __post_init__(self) -> None:
        p = self.parameters = self.request.spec.parameters
        self.verbose = self.request.run.verbose
        self.device = resolve_device(p["device"])
        self.dtype = getattr(torch, data_dtype(p["dtype"]))
        holds_out = p["early_stopping"] or p["calibrate"] or self.rule.needs_validation
        rows = np.arange(len(self.request.rows))
        fit, held = self._split() if holds_out else (rows, None)
        check_left_present(self.request.rows.present[fit], self.request.rows.names, NO_SPLIT)
        self.scalers = fitted_scalers(
            (array[fit] for array in self.request.rows.arrays),
            self.request.rows.weight[fit],
            self.request.spec.encodings,
            standardize=p["standardize"],
            device=self.device,
        )
        self.rows = self._tensors(fit)
        self.validation = None if held is None else self._tensors(held)
        self.generator = torch.Generator("cpu").manual_seed(self.request.spec.seeds[1])

    def _split(self) -> tuple[np.ndarray, np.ndarray]:
        rows, fraction = self.request.rows, self.parameters["validation_fraction"]
        seed = self.request.spec.seeds[0]
        return inner_split(rows.y, rows.groups, fraction, seed, NO_SPLIT, rows.classes)

    def _tensors(self, rows: np.ndarray) -> TrainingTensors:
        data, where = self.request.rows, (self.device, self.dtype)
        weight = data.weight[rows] / data.weight[rows].mean()
        return TrainingTensors(
            [
                scaler.training_input(array[rows], *where)
                for array, scaler in zip(data.arrays, self.scalers, strict=True)
            ],
            torch.tensor(data.y[rows], device=self.device),
            torch.tensor(weight, dtype=self.dtype, device=self.device),
        )

    def network(self) -> FusionNetwork:
        """Make a network with fresh initial values."""
        p = self.parameters
        return FusionNetwork(
            network_inputs(self.request.spec.encodings, self.scalers),
            len(self.request.rows.classes),
            hidden_dim=p["hidden_dim"],
            code_dim=p["knowledge_dim"],
            generator=self.generator,
        ).to(self.device, self.dtype)

    def run(
        self,
        rule: Rule,
        *,
        network: FusionNetwork | None = None,
        rows: TrainingTensors | None = None,
        max_epochs: int | None = None,
        early_stopping: bool = True,
        keep_interrupted: bool = False,
    ) -> NeuralNet:
        """Train a network by a rule; fresh, on all training rows, for all epochs by default.

        With `early_stopping` it stops early where the estimator does. An interrupt is raised, or
        with `keep_interrupted` ends the training.
        """
        network = self.network() if network is None else network
        rows = self.rows if rows is None else rows
        settings = self._settings(rule, max_epochs)
        watches = self.parameters["early_stopping"] and early_stopping
        held_out = self.validation if watches else None
        job = TrainingJob(network, rule, rows, settings, self.generator, held_out)
        rule.prepare(network, self._spawn(), job.n_batches)
        return train(job, keep_interrupted=keep_interrupted)

    def _spawn(self) -> torch.Generator:
        seed = int(torch.randint(2**62, (), generator=self.generator, device="cpu"))
        return torch.Generator("cpu").manual_seed(seed)

    def aside(self, generator: torch.Generator) -> Trainer:
        """Give a trainer on the same rows whose draws and epochs leave this one's alone."""
        aside = copy(self)
        seed = int(torch.randint(2**62, (), generator=generator, device="cpu"))
        aside.generator = torch.Generator("cpu").manual_seed(seed)
        aside.parameters = {**self.parameters, "callbacks": []}
        aside.verbose = 0
        return aside

    def _settings(self, rule: Rule, max_epochs: int | None) -> TrainingSettings:
        p = self.parameters

        def begin(net: NeuralNet) -> None:
            rule.begin_epoch(net.module_, len(net.history) - 1, self)

        return TrainingSettings(
            max_epochs=int(max_epochs or p["max_epochs"]),
            batch_size=int(p["batch_size"]),
            learning_rate=p["learning_rate"],
            weight_decay=p["weight_decay"],
            dropout=p["dropout"],
            callbacks=[AroundEpoch(begin), *p["callbacks"]],
            verbose=self.verbose,
            autocast=p["dtype"] == "bfloat16",
            optimizer=p["optimizer"],
            n_iter_no_change=int(p["n_iter_no_change"]),
        )

    @torch.no_grad()
    def logits(self, rule: Rule, network: FusionNetwork, rows: TrainingTensors) -> Tensor:
        """Logits at rows, as at prediction."""
        network.eval()
        return torch.cat([rule.logits(network, part.xs) for part in rows.in_memory()])

    def loss(
        self, rule: Rule, network: FusionNetwork, rows: TrainingTensors | None = None
    ) -> float:
        """Weighted mean cross-entropy, on the inner split by default."""
        rows = self.held_out() if rows is None else rows
        losses = entropy(self.logits(rule, network, rows), rows.y)
        return float((rows.weight * losses).mean())

    def accuracy(self, rule: Rule, network: FusionNetwork) -> float:
        """Weighted accuracy on the inner split."""
        rows = self.held_out()
        right = self.logits(rule, network, rows).argmax(1) == rows.y
        return float((rows.weight * right).mean())

    def held_out(self) -> TrainingTensors:
        """Give the rows of the inner split."""
        assert self.validation is not None
        return self.validation

    def temperature(self, rule: Rule, network: FusionNetwork) -> float:
        """Find the T that minimises the inner split's cross-entropy of logits / T.

        Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
        """
        rows = self.held_out()
        logits = self.logits(rule, network, rows).double()

        def loss(log_temperature: float) -> float:
            losses = entropy(logits / np.exp(log_temperature), rows.y)
            return float((rows.weight * losses).mean())

        found = minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded")
        return float(np.exp(found.x))
