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
from .splits import stratified_splits

FOLDS = 3
"""Each network of the cross-fitting lacks a third of the rows."""

ENOUGH = 2000
"""Held-out rows: of more rows than three times as many, not all folds are trained."""


class Fold(NamedTuple):
    """A seeing network to be trained without some of the rows."""

    job: TrainingJob
    held_out: TrainingTensors


class Calibration(NamedTuple):
    """What held-out rows say of P(y | t, a)."""

    temperature: float
    losses: np.ndarray
    """Log-loss of each held-out row at this temperature."""
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
    parts: Sequence[tuple[Tensor, TrainingTensors, TrainingTensors]],
    temperature: float | None = None,
) -> Calibration:
    """Fit the temperature, unless it is given, to what is said of rows that were not trained on.

    `parts` are the logits, with the rows that were trained on and those that were not, which the
    logits are of. Rows of a class that has not been trained on either are left out.
    """
    logits, y, weight, frequencies = [], [], [], []
    for found, own, rest in parts:
        all_logits = found.double().cpu()
        mass = torch.zeros(all_logits.shape[1], dtype=torch.float64)
        mass.index_add_(0, own.y.cpu(), own.weight.double().cpu())
        known = mass[rest.y.cpu()] > 0
        logits.append(all_logits[known])
        y.append(rest.y.cpu()[known])
        weight.append(rest.weight.double().cpu()[known])
        frequencies.append(-(mass / mass.sum()).log()[y[-1]])
    rows = torch.cat(logits), torch.cat(y), torch.cat(weight)
    temperature = best_temperature(*rows) if temperature is None else temperature
    losses = cross_entropy(rows[0] / temperature, rows[1], reduction="none")
    return Calibration(temperature, losses.numpy(), torch.cat(frequencies).numpy(), rows[2].numpy())


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
