"""From checked arrays to trained networks: the work of fit, for one classifier or for many."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils.validation import check_memory
from skorch import NeuralNet

from ._contribution import modality_position, probe_scores
from ._mediator import ObservedMediator
from ._scaling import ROWS_AT_ONCE, fitted_scalers, network_inputs, standardised_tensors
from .nn import (
    Encoding,
    FrontDoorLoss,
    FrontDoorNetwork,
    MediatorLoss,
    MediatorNetwork,
    ReferenceSet,
)
from .training import (
    TrainingJob,
    TrainingRows,
    TrainingSettings,
    build_references,
    check_finite_codes,
    encode_in_chunks,
    resolve_device,
    train_all,
)

NOT_IN_FIT = frozenset(
    (
        "beta",
        "effect",
        "predict_batch_size",
        "modalities",
        "encoders",
        "encoder_learning_rate",
        "memory",
        "verbose",
        "random_state",
    )
)
"""Parameters of the classifier that a request does not carry, or carries in another form."""

REFERENCE_ROWS = 50_000
"""Of more training rows, so many drawn at random are clustered into the reference set."""


@dataclass(frozen=True, repr=False)
class FitRequest:
    """All that a fit depends on: the rows of positive weight, and the parameters it uses."""

    names: tuple[str, ...]
    arrays: list[np.ndarray]
    """Modalities, numeric, of shape (n_samples, width)."""
    encodings: tuple[Encoding, ...]
    """How each modality is read."""
    present: np.ndarray
    """Which modality a row has, shape (n_samples, n_modalities), bool."""
    y: np.ndarray
    """Class indices, shape (n_samples,)."""
    n_classes: int
    weight: np.ndarray
    """Row weights with mean 1, shape (n_samples,)."""
    mediator: ObservedMediator | None
    parameters: dict[str, Any]
    """Of the classifier, without those that fit does not use; callbacks are a checked list."""
    seeds: tuple[int, ...]
    """Of the probe, then of the network and of the references of every member."""

    def __repr__(self) -> str:
        # joblib.Memory writes this beside a result
        return f"FitRequest({self.names}, {len(self.y)} rows, {self.parameters})"


class Member(NamedTuple):
    """One trained network with its reference set."""

    net: NeuralNet
    references: ReferenceSet


@dataclass(frozen=True)
class FitResult:
    """What a fit has learned."""

    predominant: int
    scores: np.ndarray | None
    """Probe accuracy of each modality, unless the predominant one was named."""
    scalers: list[Any]
    members: list[Member]


def data_dtype(dtype: str) -> str:
    """Give the precision of data and parameters; bfloat16 is for the forward pass alone."""
    return "float32" if dtype == "bfloat16" else dtype


def draw_seeds(random_state: np.random.RandomState, n_members: int) -> tuple[int, ...]:
    """Draw the seeds of a fit; those of the first member don't depend on how many follow."""
    network, probe, references = random_state.randint(2**31 - 1, size=3).tolist()
    more = random_state.randint(2**31 - 1, size=2 * (n_members - 1)).tolist()
    return (probe, network, references, *more)


def fit_all(requests: Sequence[FitRequest], verbose: int = 0) -> list[FitResult]:
    """Fit several classifiers; their networks are trained together where shapes allow."""
    with torch.inference_mode(False), torch.enable_grad():
        prepared = [_Preparation(request, verbose) for request in requests]
        nets = iter(train_all([job for p in prepared for job in p.jobs], verbose))
        return [p.finish([next(nets) for _ in p.jobs]) for p in prepared]


def fit_cached(request: FitRequest, memory: Any, verbose: int = 0) -> FitResult:
    """Fit one classifier, or take what an equal request learned out of a joblib.Memory."""
    device = str(resolve_device(request.parameters["device"]))
    request = replace(request, parameters={**request.parameters, "device": device})
    versions = (version("skbetafd"), torch.__version__)
    memory = check_memory(str(memory) if isinstance(memory, Path) else memory)
    return memory.cache(_fit_one, ignore=["verbose"])(request, versions, verbose)


def _fit_one(request: FitRequest, versions: tuple[str, ...], verbose: int) -> FitResult:
    return fit_all([request], verbose)[0]


def presence_tensor(
    present: np.ndarray, predominant: int, device: torch.device, dtype: torch.dtype
) -> torch.Tensor | None:
    """Which modalities each row has, the predominant first; None where every row has all."""
    if present.all():
        return None
    order = [predominant, *(m for m in range(present.shape[1]) if m != predominant)]
    return torch.tensor(present[:, order], dtype=dtype, device=device)


class _Preparation:
    """One request on the device, with a job for each member."""

    def __init__(self, request: FitRequest, verbose: int) -> None:
        self.request, self.parameters = request, request.parameters
        self.device = resolve_device(self.parameters["device"])
        self.dtype = getattr(torch, data_dtype(self.parameters["dtype"]))
        self.predominant, self.scores = self._find_predominant()
        self.scalers = fitted_scalers(
            request.arrays,
            request.weight,
            request.encodings,
            standardize=self.parameters["standardize"],
            device=self.device,
        )
        self.rows = self._training_rows()
        first, *more = request.seeds[1::2]
        callbacks = self.parameters["callbacks"]
        self.jobs = [self._job(first, callbacks, verbose)]
        self.jobs += [self._job(seed, deepcopy(callbacks), verbose) for seed in more]

    def _find_predominant(self) -> tuple[int, np.ndarray | None]:
        request, names = self.request, list(self.request.names)
        if self.parameters["predominant"] != "auto" or "auto" in names:
            return modality_position(self.parameters["predominant"], names), None
        scores = probe_scores(request.arrays, request.y, request.weight, request.seeds[0])
        return int(scores.argmax()), scores

    def _training_rows(self) -> TrainingRows:
        request, where = self.request, (self.device, self.dtype)
        xs = standardised_tensors(request.arrays, self.scalers, *where)
        if request.mediator is not None:
            values = request.mediator.values
            xs.append(torch.tensor(values, dtype=self.dtype, device=self.device))
        return TrainingRows(
            xs,
            torch.tensor(request.y, device=self.device),
            torch.tensor(request.weight, dtype=self.dtype, device=self.device),
            presence_tensor(request.present, self.predominant, *where),
        )

    def _job(self, seed: int, callbacks: list[Any], verbose: int) -> TrainingJob:
        p = self.parameters
        generator = torch.Generator("cpu").manual_seed(seed)
        settings = TrainingSettings(
            max_epochs=int(p["max_epochs"]),
            batch_size=int(p["batch_size"]),
            learning_rate=p["learning_rate"],
            weight_decay=p["weight_decay"],
            dropout=p["dropout"],
            callbacks=callbacks,
            verbose=verbose,
            autocast=p["dtype"] == "bfloat16",
        )
        network = self._network(generator).to(self.device, self.dtype)
        return TrainingJob(network, self._criterion(), self.rows, settings, generator)

    def _network(self, generator: torch.Generator) -> FrontDoorNetwork | MediatorNetwork:
        request, p = self.request, self.parameters
        inputs = network_inputs(request.encodings, self.scalers)
        shared: dict[str, Any] = {
            name: p[name] for name in ("hidden_dim", "knowledge_dim", "context_dim")
        }
        shared |= {"predominant": self.predominant, "generator": generator}
        mediator = request.mediator
        if mediator is None:
            return FrontDoorNetwork(inputs, request.n_classes, **shared)
        return MediatorNetwork(
            inputs,
            request.n_classes,
            mediator_dim=mediator.values.shape[1],
            n_mediator_samples=p["n_mediator_samples"] if mediator.continuous else None,
            **shared,
        )

    def _criterion(self) -> FrontDoorLoss | MediatorLoss:
        if self.request.mediator is not None:
            return MediatorLoss()
        names = ("knowledge_weight", "disentangle_weight", "label_weight", "temperature")
        return FrontDoorLoss(**{name: self.parameters[name] for name in names})

    def finish(self, nets: Sequence[NeuralNet]) -> FitResult:
        """Build the reference set of every trained network."""
        seeds = self.request.seeds[2::2]
        members = [self._member(net, seed) for net, seed in zip(nets, seeds, strict=True)]
        return FitResult(self.predominant, self.scores, self.scalers, members)

    def _member(self, net: NeuralNet, seed: int) -> Member:
        rows, mediated = self.rows, self.request.mediator is not None
        weight = rows.weight if rows.present is None else rows.weight * rows.present.prod(1)
        xs = rows.xs[: len(self.request.arrays)]
        if len(weight) > REFERENCE_ROWS:
            generator = torch.Generator("cpu").manual_seed(seed)
            some = torch.randperm(len(weight), generator=generator, device="cpu")[:REFERENCE_ROWS]
            some = some.to(weight.device)
            xs, weight = [x[some] for x in xs], weight[some]
        codes = encode_in_chunks(net.module_.eval(), xs, ROWS_AT_ONCE)
        check_finite_codes(codes, len(net.history))
        n_references = self.parameters["n_references"]
        return Member(net, build_references(codes, weight, n_references, seed, mediated=mediated))
