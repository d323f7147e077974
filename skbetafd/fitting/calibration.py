"""The temperature of P(y | t, a), from rows that its network has not been trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

from ..nn.seeing_network import SeeingLoss, SeeingNetwork
from ..training.batches import TrainingTensors
from ..training.job import TrainingJob
from ..training.net import FrontDoorNet
from .splits import stratified_splits

FOLDS = 3
"""Each network of the cross-fitting lacks a third of the rows."""

ENOUGH = 500
"""Held-out rows: of more rows than three times as many, one fold is trained."""


class Fold(NamedTuple):
    """A seeing network to be trained without some of the rows."""

    job: TrainingJob
    held_out: TrainingTensors


class Calibration(NamedTuple):
    """What held-out rows say of P(y | t, a)."""

    temperatures: tuple[float, float]
    """Of rows that have all modalities, and of the others."""
    losses: np.ndarray
    """Log-loss of each held-out row at its temperature."""
    frequencies: np.ndarray
    """That of the class frequencies of the rows trained on."""
    weight: np.ndarray
    """Of each held-out row."""


def cross_fitting(
    job: TrainingJob,
    network: SeeingNetwork,
    order: Sequence[int],
    groups: np.ndarray | None,
    seed: int,
) -> list[Fold]:
    """Make the jobs of the seeing networks that are each trained without a part of the rows.

    Parameters
    ----------
    job : TrainingJob
        Of the whole network; its rows are cut, and its settings kept but for the callbacks.
    network : SeeingNetwork
        Its shape is kept.
    order : sequence of int
        Positions of the modalities, as `network` reads them.
    groups : ndarray of shape (n_rows,) or None
        Rows of one group stay on one side.
    seed : int
        Of the folds and the initial weights.

    Returns
    -------
    list of Fold
        Empty where no class has two rows, or there is one group.
    """
    y = job.rows.y.cpu().numpy()
    n_folds = min(FOLDS, np.bincount(y).max())
    if groups is not None:
        n_folds = min(n_folds, len(np.unique(groups)))
    if n_folds < 2:
        return []
    rows = replace(job.rows, xs=[job.rows.xs[m] for m in order])
    folds, n_held_out = [], 0
    for at, sides in enumerate(stratified_splits(n_folds, y, groups, seed)):
        train, held_out = (rows.rows(torch.from_numpy(np.sort(s)).to(rows.y.device)) for s in sides)
        generator = torch.Generator("cpu").manual_seed(seed + 1 + at)
        settings = replace(job.settings, callbacks=[], verbose=0)
        own = replace(
            job,
            network=network.like(generator),
            criterion=SeeingLoss(),
            rows=train,
            settings=settings,
            generator=generator,
            checkpoint=None,
        )
        folds.append(Fold(own, held_out))
        n_held_out += len(held_out)
        if n_held_out >= ENOUGH:
            break
    return folds


def calibration(
    parts: Sequence[tuple[FrontDoorNet, SeeingNetwork, TrainingTensors, TrainingTensors]],
) -> Calibration:
    """Fit the temperatures to what networks say of rows that they have not been trained on.

    That of incomplete rows also to what they say of a part of what each row has.

    Parameters
    ----------
    parts : sequence of tuple
        A net and what of it sees, the rows it was trained on, and those it was not. Those of a
        class that it was not trained on either are left out.
    """
    rows, partly = [], []
    for net, network, own, rest in parts:
        rows.append(_known(net.logits(rest), own, rest))
        if len(network.inputs) > 1:
            some = replace(rest, present=_partly(network, rest))
            partly.append(_known(net.logits(some), own, some))
    own_rows, every = _joined(rows), _joined(rows + partly)
    complete = every.complete
    of_all, of_some = (best_temperature(*every.rows(some)) for some in (complete, ~complete))
    return _judged(own_rows, (of_all, of_some))


def _partly(network: SeeingNetwork, rows: TrainingTensors) -> Tensor:
    """Show of each row a part of what it has; which, has nothing to do with the rows' order."""
    generator = torch.Generator("cpu").manual_seed(0)
    order = torch.randperm(len(rows), generator=generator, device="cpu").to(rows.y.device)
    present = None if rows.present is None else rows.present[order]
    shown = network.subset(present, rows.weight[:, None])
    return shown[order.argsort()]


def uncalibrated(logits: Tensor, own: TrainingTensors, rest: TrainingTensors) -> Calibration:
    """Return the losses of logits of `rest` by what was trained on `own`, as they are."""
    return _judged(_known(logits, own, rest), (1.0, 1.0))


class _HeldOut(NamedTuple):
    logits: Tensor
    y: Tensor
    weight: Tensor
    complete: Tensor
    frequencies: Tensor

    def rows(self, some: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.logits[some], self.y[some], self.weight[some]


def _joined(parts: Sequence[_HeldOut]) -> _HeldOut:
    return _HeldOut(*map(torch.cat, zip(*parts, strict=True)))


def _known(logits: Tensor, own: TrainingTensors, rest: TrainingTensors) -> _HeldOut:
    """Take the rows of classes that have been trained on, on the CPU and in float64."""
    mass = torch.zeros(logits.shape[1], dtype=torch.float64, device="cpu")
    mass.index_add_(0, own.y.cpu(), own.weight.double().cpu())
    y, present = rest.y.cpu(), rest.present
    complete = torch.ones_like(y) if present is None else present.prod(-1).cpu()
    frequencies = -(mass / mass.sum()).log()[y]
    found = _HeldOut(
        logits.double().cpu(), y, rest.weight.double().cpu(), complete > 0, frequencies
    )
    return _HeldOut(*(values[mass[y] > 0] for values in found))


def _judged(rows: _HeldOut, temperatures: tuple[float, ...]) -> Calibration:
    of_all, of_some = temperatures
    temperature = torch.where(rows.complete, of_all, of_some)[:, None].double()
    losses = cross_entropy(rows.logits / temperature, rows.y, reduction="none")
    return Calibration(
        (of_all, of_some), losses.numpy(), rows.frequencies.numpy(), rows.weight.numpy()
    )


def best_temperature(logits: Tensor, y: Tensor, weight: Tensor) -> float:
    """Find the T at which the cross-entropy of logits / T is least.

    Few rows can't tell it: log T has a normal prior of mean 0 and standard deviation 1.

    References
    ----------
    Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """

    def loss(log_temperature: float) -> float:
        losses = cross_entropy(logits / np.exp(log_temperature), y, reduction="none")
        return float((weight * losses).sum()) + log_temperature**2 / 2

    return float(np.exp(minimize_scalar(loss, bounds=(-4.0, 4.0), method="bounded").x))
