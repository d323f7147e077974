"""From one request to trained networks: hold out, find the predominant modality, scale, train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from ..inputs.row_sources import ROWS_AT_ONCE
from ..inputs.training_rows import TrainingRows
from ..nn.adjustment import ReferenceSet
from ..nn.config import build_network
from ..nn.criterion import Criterion
from ..nn.front_door_network import Codes, FrontDoorNetwork
from ..nn.losses import FrontDoorLoss
from ..nn.mediator import MediatorLoss, MediatorNetwork
from ..training.accelerated import AcceleratedNet, check_shards, from_first, process_index
from ..training.batches import TrainingTensors, in_reading_order
from ..training.checkpoint import Checkpoint
from ..training.divergence import check_finite_codes
from ..training.job import Network, TrainingJob
from ..training.net import FrontDoorNet, NeuralNet
from ..training.references import build_references, encode_in_chunks
from ..training.settings import TrainingSettings, resolved
from .calibration import Calibration, Fold, calibration, cross_fitting, uncalibrated
from .fit_keys import joined
from .predominant import find_predominant
from .request import FitRequest, FitResult, Member, data_dtype
from .scaling import ModalityScaler, fitted_scalers, is_frozen, network_inputs
from .splits import check_left_present, inner_split

NO_SPLIT = "early_stopping=False needs none"


ENOUGH_COMPLETE = 60
"""Of fewer complete rows, where most lack a modality, nothing is learned of what doing changes.

Of 600 rows, accuracy / log-loss of complete ones: 29 complete, P_1 .70 / .64, P_0 .85 / .35, and
P_0 without a modality .78 / .52; 60 complete, P_1 .80 / .46.
"""

REFERENCE_ROWS = 50_000
"""Of more training rows, so many drawn at random are clustered into the reference set."""


def presence_tensor(
    present: np.ndarray, predominant: int, device: torch.device, dtype: torch.dtype
) -> torch.Tensor | None:
    """Which modalities each row has, the predominant first; None where every row has all."""
    if present.all():
        return None
    order = [predominant, *(m for m in range(present.shape[1]) if m != predominant)]
    return torch.tensor(present[:, order], dtype=dtype, device=device)


def training_settings(
    parameters: dict[str, Any], callbacks: list[Any], verbose: int = 0, name: str = ""
) -> TrainingSettings:
    """Describe how a network is trained, by the classifier's parameters."""
    names = {field.name for field in fields(TrainingSettings)}
    own = {name: value for name, value in parameters.items() if name in names}
    autocast = parameters["dtype"] == "bfloat16"
    changed = {"callbacks": callbacks, "verbose": verbose, "name": name, "autocast": autocast}
    return TrainingSettings(**own | changed)


def criterion(parameters: dict[str, Any], *, mediated: bool) -> FrontDoorLoss | MediatorLoss:
    """Make the loss of the classifier's parameters."""
    if mediated:
        return MediatorLoss()
    names = ("knowledge_weight", "disentangle_weight", "label_weight", "temperature")
    return FrontDoorLoss(**{name: parameters[name] for name in names})


class Trainer:
    """The rows of one request, held out, scaled and on its device, and jobs that train on them.

    Parameters
    ----------
    request : FitRequest
        Rows, and how they are trained on.
    holds_out : bool
        Whether an inner split is held out of the training.
    way_out : str
        How the user does without a split; ends its errors.
    together : bool, default=False
        Whether some row that is left must have all modalities.
    """

    rows: TrainingTensors
    """Those that are trained on."""
    held_out: TrainingTensors | None
    """Those of the inner split, if any."""

    def __init__(
        self, request: FitRequest, *, holds_out: bool, way_out: str, together: bool = False
    ) -> None:
        self.device, request = joined(request)
        self.spec, self.run, self.parameters = request.spec, request.run, request.spec.parameters
        self.accelerate = self.parameters.get("accelerate", False)
        self.verbose = self.run.verbose if not self.accelerate or process_index()[0] == 0 else 0
        self.dtype = getattr(torch, data_dtype(self.parameters["dtype"]))
        self.data, self.held_data = request.rows, None
        if holds_out:
            rows, fraction = request.rows, self.parameters["validation_fraction"]
            seed = self.spec.seeds[0]
            sides = inner_split(rows.y, rows.groups, fraction, seed, way_out, rows.classes)
            self.data, self.held_data = (rows.take(side) for side in sides)
            check_left_present(self.data.present, rows.names, way_out, together=together)
        self.parameters = resolved(self.parameters, len(self.data), len(self.data.classes))

    def once(self, make: Callable[[], Any]) -> Any:
        """Make something in the first process alone, for all of them."""
        return from_first(make) if self.accelerate else make()

    def scale(self) -> None:
        """Fit the scalers, and bring all rows onto the device."""
        frozen = any(is_frozen(encoding.module) for encoding in self.spec.encodings)
        # a frozen module stays on its process's device
        self.scalers = self._scalers() if frozen else self.once(self._scalers)
        self.inputs = network_inputs(self.spec.encodings, self.scalers)
        self.rows = self._tensors(self.data)
        self.held_out = None if self.held_data is None else self._tensors(self.held_data)

    def _scalers(self) -> list[ModalityScaler]:
        if self.spec.start is not None:
            return self.spec.start.scalers
        return fitted_scalers(
            self.data.arrays,
            self.data.weight,
            self.spec.encodings,
            standardize=self.parameters["standardize"],
            device=self.device,
        )

    def _tensors(self, rows: TrainingRows) -> TrainingTensors:
        where = (self.device, self.dtype)
        xs: list[Any] = [
            scaler.training_input(array, *where)
            for array, scaler in zip(rows.arrays, self.scalers, strict=True)
        ]
        weight = torch.tensor(rows.weight, dtype=self.dtype, device=self.device)
        return TrainingTensors(xs, torch.tensor(rows.y, device=self.device), weight)

    def job(
        self,
        network: Network,
        criterion: Criterion,
        generator: torch.Generator,
        callbacks: list[Any],
        **more: Any,
    ) -> TrainingJob:
        """Make a job on the rows; `more` are further fields of it."""
        settings = training_settings(self.parameters, callbacks, self.verbose, self.run.name)
        own = {"rows": self.rows, "held_out": self.held_out, "settings": settings, **more}
        return TrainingJob(network, criterion, generator=generator, **own)


class FrontDoorTrainer(Trainer):
    """Trains the members of a front-door classifier; has a job for each of them."""

    def __init__(self, request: FitRequest) -> None:
        holds_out = request.spec.parameters["early_stopping"]
        super().__init__(request, holds_out=holds_out, way_out=NO_SPLIT, together=True)
        self.predominant, self.scores = self.once(self._find_predominant)
        self.scale()
        callbacks, seeds = self.parameters["callbacks"], self.spec.seeds[1::2]
        checkpoints = self.run.checkpoints or [None] * len(seeds)
        watching = [] if self.run.watcher is None else [self.run.watcher.callback(self)]
        copies = [[*watching, *callbacks], *(deepcopy(callbacks) for _ in seeds[1:])]
        members = zip(range(len(seeds)), seeds, copies, checkpoints, strict=True)
        self.jobs = [self._job(*member) for member in members]
        self.seeing = None
        if self.spec.seeing is not None:
            seeing, seed = self.spec.seeing, self.spec.seeds[0]
            self.seeing = self.once(lambda: seeing.learn(self.data, seed))

    def _find_predominant(self) -> tuple[int, np.ndarray | None]:
        start = self.spec.start
        if start is not None:
            start.check(self.parameters, list(self.data.names))
            return start.predominant, start.scores
        return find_predominant(self.parameters["predominant"], self.data, self.spec.seeds[0])

    def _tensors(self, rows: TrainingRows) -> TrainingTensors:
        where, tensors = (self.device, self.dtype), super()._tensors(rows)
        present = presence_tensor(rows.present, self.predominant, *where)
        if rows.mediator is None:
            return replace(tensors, present=present)
        values = torch.tensor(rows.mediator.values, dtype=self.dtype, device=self.device)
        return replace(tensors, xs=[*tensors.xs, values], present=present)

    def _job(
        self, member: int, seed: int, callbacks: list[Any], checkpoint: Checkpoint | None
    ) -> TrainingJob:
        generator = torch.Generator("cpu").manual_seed(seed)
        network = self._network(generator).to(self.device, self.dtype)
        if self.spec.start is not None:
            self.spec.start.load(network, member)
        fresh = not self.parameters["calibrate"] or self.held_out is not None
        if fresh and network.seeing is not None:
            network.seeing.temperature.fill_(1)
        job = self.job(
            network,
            criterion(self.parameters, mediated=self.data.mediator is not None),
            generator,
            callbacks,
            checkpoint=checkpoint,
            net_class=AcceleratedNet if self.accelerate else FrontDoorNet,
        )
        if self.accelerate:
            check_shards(len(self.rows), job.n_batches)
        return job

    def _network(self, generator: torch.Generator) -> FrontDoorNetwork | MediatorNetwork:
        p, observed, mediator = self.parameters, self.data.mediator, None
        if observed is not None:
            mediator = {
                "mediator_dim": observed.values.shape[1],
                "n_mediator_samples": p["n_mediator_samples"] if observed.continuous else None,
            }
        config = {name: p[name] for name in ("hidden_dim", "knowledge_dim", "context_dim")}
        config |= {"n_classes": len(self.data.classes), "predominant": self.predominant}
        config |= {"mediator": mediator, "sees": self.spec.seeing is None}
        return build_network(config, self.inputs, generator)

    def folds(self) -> list[Fold]:
        """Make the jobs by which the temperature of P_0 is fitted, where no row is held out.

        A further fit keeps the temperature: its networks begin with what they know of all rows.
        """
        p = self.parameters
        if not p["calibrate"] or p["early_stopping"] or self.spec.start is not None:
            return []
        first, groups, seed = self.jobs[0], self.data.groups, self.spec.seeds[0]
        network = first.network
        assert isinstance(network, (FrontDoorNetwork, MediatorNetwork))
        if network.seeing is None:
            return []
        return cross_fitting(first, network.seeing, network.order, groups, seed)

    def _calibrations(
        self, nets: Sequence[Any], folds: Sequence[tuple[Fold, Any]]
    ) -> list[Calibration]:
        """Fit the temperatures of every network, by held-out rows or by cross-fitting.

        Those of a classifier are 1.
        """
        if folds:
            parts = [(net, net.module_, fold.job.rows, fold.held_out) for fold, net in folds]
            return [calibration(parts)] * len(nets)
        if self.held_out is None or self.held_data is None:
            return []
        sides = self.rows, self.held_out
        if self.seeing is not None:
            logits = torch.tensor(self.seeing.log_proba(self.held_data, self.data.classes))
            return [uncalibrated(logits, *sides)]
        if not self.parameters["calibrate"]:
            return []
        return [calibration([(net, net.module_.seeing, *sides)]) for net in nets]

    def _intervenes(self, network: FrontDoorNetwork, rows: TrainingTensors) -> bool:
        """Whether there are complete rows enough; a stream that had enough stays at that."""
        n_complete = int((rows.complete_weight > 0).sum())
        if rows is not self.rows and self.spec.start is not None:
            return bool(network.intervenes) or n_complete >= ENOUGH_COMPLETE
        return self.rows.present is None or n_complete >= min(ENOUGH_COMPLETE, len(self.rows) / 2)

    def finish(
        self,
        nets: Sequence[NeuralNet],
        rows: TrainingTensors | None = None,
        more: Sequence[tuple[Codes, torch.Tensor]] = (),
        folds: Sequence[tuple[Fold, NeuralNet]] = (),
    ) -> FitResult:
        """Build the reference set of every trained network, and calibrate what it sees.

        The references are of the rows trained on, or of `rows`; and of the codes, with their
        masses, that `more` has for each network. `folds` are those of `folds`, with their nets.
        """
        rows = self.rows if rows is None else rows
        for net in nets:
            if isinstance(net.module_, FrontDoorNetwork):
                net.module_.intervenes.fill_(self._intervenes(net.module_, rows))
        seeds = self.spec.seeds[2::2][: len(nets)]
        codes_of: Sequence[Any] = more or [None] * len(nets)
        members = [
            self._member(net, seed, rows, codes)
            for net, seed, codes in zip(nets, seeds, codes_of, strict=True)
        ]
        found = self.once(partial(self._calibrations, nets, folds))
        if self.seeing is None:
            for member, one in zip(members, found, strict=bool(found)):
                temperature = member.net.module_.seeing.temperature
                temperature.copy_(temperature.new_tensor(one.temperatures))
        of_members = (self.scalers, members, self.data.mass)
        calibrated = found[0] if found else None
        return FitResult(self.predominant, self.scores, *of_members, calibrated, self.seeing)

    def _member(
        self,
        net: NeuralNet,
        seed: int,
        rows: TrainingTensors,
        more: tuple[Codes, torch.Tensor] | None,
    ) -> Member:
        net.module_.eval()
        return Member(net, self.once(partial(self._references, net, seed, rows, more)))

    def _references(
        self,
        net: NeuralNet,
        seed: int,
        rows: TrainingTensors,
        more: tuple[Codes, torch.Tensor] | None,
    ) -> ReferenceSet:
        p, mediated = self.parameters, self.data.mediator is not None
        xs, weight = rows.xs[: len(self.data.arrays)], rows.complete_weight
        if len(weight) > REFERENCE_ROWS:
            generator = torch.Generator("cpu").manual_seed(seed)
            some = torch.randperm(len(weight), generator=generator, device="cpu")[:REFERENCE_ROWS]
            some = in_reading_order(xs, some).to(weight.device)
            xs, weight = [x[some] for x in xs], weight[some]
        codes = encode_in_chunks(net.module_, xs, ROWS_AT_ONCE)
        check_finite_codes(codes, net)
        if more is not None:
            codes = Codes(*(torch.cat([a, b.to(a)]) for a, b in zip(codes, more[0], strict=True)))
            weight = torch.cat([weight, more[1].to(weight)])
        return build_references(codes, weight, p["n_references"], seed, mediated=mediated)
