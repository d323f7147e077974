"""From one request to trained networks: hold out, find the predominant modality, scale, train."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from ..inputs.modality_names import modality_position
from ..inputs.row_sources import ROWS_AT_ONCE
from ..inputs.training_rows import TrainingRows
from ..nn.adjustment import ReferenceSet
from ..nn.config import build_network
from ..nn.front_door import Codes, FrontDoorNetwork
from ..nn.losses import FrontDoorLoss
from ..nn.mediator import MediatorLoss, MediatorNetwork
from ..training.accelerated import AcceleratedNet, check_shards, from_first, process_index
from ..training.batches import TrainingTensors, in_reading_order
from ..training.checkpoint import Checkpoint
from ..training.divergence import check_finite_codes
from ..training.job import TrainingJob
from ..training.net import FrontDoorNet, NeuralNet
from ..training.references import build_references, encode_in_chunks
from ..training.settings import TrainingSettings
from .fit_keys import joined
from .probe import probe_scores
from .request import FitRequest, FitResult, FitSpec, Member, data_dtype
from .scaling import ModalityScaler, fitted_scalers, is_frozen, network_inputs
from .splits import check_left_present, inner_split

NO_SPLIT = "early_stopping=False needs none"


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


def _hold_out(rows: TrainingRows, spec: FitSpec) -> tuple[TrainingRows, TrainingRows | None]:
    """Part rows into the rows to train on and those that early stopping watches, if any."""
    if not spec.parameters["early_stopping"]:
        return rows, None
    fraction, seed = spec.parameters["validation_fraction"], spec.seeds[0]
    sides = inner_split(rows.y, rows.groups, fraction, seed, NO_SPLIT, rows.classes)
    fit, held = (rows.take(side) for side in sides)
    check_left_present(fit.present, fit.names, NO_SPLIT, together=True)
    return fit, _normalised(held)


def _normalised(rows: TrainingRows) -> TrainingRows:
    return replace(rows, weight=rows.weight / rows.weight.mean())


def training_settings(
    parameters: dict[str, Any], callbacks: list[Any], verbose: int, name: str = ""
) -> TrainingSettings:
    """Tell how a network is trained, by the classifier's parameters."""
    p = parameters
    return TrainingSettings(
        max_epochs=int(p["max_epochs"]),
        batch_size=int(p["batch_size"]),
        learning_rate=p["learning_rate"],
        weight_decay=p["weight_decay"],
        dropout=p["dropout"],
        callbacks=callbacks,
        verbose=verbose,
        autocast=p["dtype"] == "bfloat16",
        lr_schedule=p["lr_schedule"],
        max_grad_norm=p["max_grad_norm"],
        n_iter_no_change=int(p["n_iter_no_change"]),
        name=name,
    )


def criterion(parameters: dict[str, Any], *, mediated: bool) -> FrontDoorLoss | MediatorLoss:
    """Make the loss of the classifier's parameters."""
    if mediated:
        return MediatorLoss()
    names = ("knowledge_weight", "disentangle_weight", "label_weight", "temperature")
    return FrontDoorLoss(**{name: parameters[name] for name in names})


class Preparation:
    """One request on the device, with a job for each member."""

    def __init__(self, request: FitRequest) -> None:
        self.device, request = joined(request)
        rows, self.spec, run = request.rows, request.spec, request.run
        rows, held_out = _hold_out(rows, self.spec)
        self.mass = float(rows.weight.sum())
        self.data = _normalised(rows) if held_out is not None else rows
        self.parameters = self.spec.parameters
        self.accelerate = self.parameters["accelerate"]
        self.verbose = run.verbose if not self.accelerate or process_index()[0] == 0 else 0
        self.dtype = getattr(torch, data_dtype(self.parameters["dtype"]))
        self.predominant, self.scores = self._once(self._find_predominant)
        frozen = any(is_frozen(encoding.module) for encoding in self.spec.encodings)
        # a frozen module stays on its process's device
        self.scalers = self._scalers() if frozen else self._once(self._scalers)
        self.rows = self._tensors(self.data)
        self.held_out = None if held_out is None else self._tensors(held_out)
        callbacks, seeds = self.parameters["callbacks"], self.spec.seeds[1::2]
        checkpoints = run.checkpoints or [None] * len(seeds)
        watching = [] if run.watcher is None else [run.watcher.callback(self)]
        self.name = run.name
        copies = [[*watching, *callbacks], *(deepcopy(callbacks) for _ in seeds[1:])]
        self.jobs = [
            self._job(member, seed, own, self.verbose, checkpoint)
            for member, (seed, own, checkpoint) in enumerate(
                zip(seeds, copies, checkpoints, strict=True)
            )
        ]

    def _once(self, make: Callable[[], Any]) -> Any:
        return from_first(make) if self.accelerate else make()

    def _find_predominant(self) -> tuple[int, np.ndarray | None]:
        rows, start, names = self.data, self.spec.start, list(self.data.names)
        if start is not None:
            start.check(self.parameters, names)
            return start.predominant, start.scores
        if self.parameters["predominant"] != "auto" or "auto" in names:
            return modality_position(self.parameters["predominant"], names), None
        scores = probe_scores(rows.arrays, rows.y, rows.weight, self.spec.seeds[0])
        return int(scores.argmax()), scores

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
        if rows.mediator is not None:
            values = rows.mediator.values
            xs.append(torch.tensor(values, dtype=self.dtype, device=self.device))
        return TrainingTensors(
            xs,
            torch.tensor(rows.y, device=self.device),
            torch.tensor(rows.weight, dtype=self.dtype, device=self.device),
            presence_tensor(rows.present, self.predominant, *where),
        )

    def _job(
        self,
        member: int,
        seed: int,
        callbacks: list[Any],
        verbose: int,
        checkpoint: Checkpoint | None,
    ) -> TrainingJob:
        p = self.parameters
        generator = torch.Generator("cpu").manual_seed(seed)
        settings = training_settings(p, callbacks, verbose, self.name)
        network = self._network(generator).to(self.device, self.dtype)
        if self.spec.start is not None:
            self.spec.start.load(network, member)
        job = TrainingJob(
            network,
            criterion(p, mediated=self.data.mediator is not None),
            self.rows,
            settings,
            generator,
            held_out=self.held_out,
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
        inputs = network_inputs(self.spec.encodings, self.scalers)
        return build_network({**config, "mediator": mediator}, inputs, generator)

    def finish(
        self,
        nets: Sequence[NeuralNet],
        rows: TrainingTensors | None = None,
        more: Sequence[tuple[Codes, torch.Tensor]] = (),
    ) -> FitResult:
        """Build the reference set of every trained network.

        Of the rows trained on, or of `rows`; and of the codes, with their masses, that `more`
        has for each network.
        """
        rows = self.rows if rows is None else rows
        seeds = self.spec.seeds[2::2][: len(nets)]
        codes_of: Sequence[Any] = more or [None] * len(nets)
        members = [
            self._member(net, seed, rows, codes)
            for net, seed, codes in zip(nets, seeds, codes_of, strict=True)
        ]
        return FitResult(self.predominant, self.scores, self.scalers, members, self.mass)

    def _member(
        self,
        net: NeuralNet,
        seed: int,
        rows: TrainingTensors,
        more: tuple[Codes, torch.Tensor] | None,
    ) -> Member:
        net.module_.eval()
        return Member(net, self._once(partial(self._references, net, seed, rows, more)))

    def _references(
        self,
        net: NeuralNet,
        seed: int,
        rows: TrainingTensors,
        more: tuple[Codes, torch.Tensor] | None,
    ) -> ReferenceSet:
        p, mediated = self.parameters, self.data.mediator is not None
        weight = rows.weight if rows.present is None else rows.weight * rows.present.prod(1)
        xs = rows.xs[: len(self.data.arrays)]
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
