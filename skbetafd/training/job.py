"""A network, what it is trained on and how, and the skorch net made of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from skorch import NeuralNet

from ..nn.criterion import Criterion
from ..nn.encoders import ModuleFeatures, has_user_modules, seeded
from ..nn.front_door_network import FrontDoorNetwork
from ..nn.fusion_network import FusionNetwork
from ..nn.mediator import MediatorNetwork
from ..nn.seeing_network import SeeingNetwork
from .batches import BatchIterator, TrainingTensors
from .checkpoint import Checkpoint, EpochCheckpoint
from .net import FrontDoorNet
from .settings import OPTIMIZERS, TrainingSettings
from .stopping import EarlyStop, KeepEpoch

Network = FrontDoorNetwork | MediatorNetwork | SeeingNetwork | FusionNetwork


@dataclass(frozen=True)
class TrainingJob:
    """A network, what it is trained on and how; every random draw comes from `generator`."""

    network: Network
    criterion: Criterion
    rows: TrainingTensors
    settings: TrainingSettings
    generator: torch.Generator
    held_out: TrainingTensors | None = None
    """Rows that early stopping watches; without any there is none."""
    checkpoint: Checkpoint | None = None
    """Where the training is kept after each epoch, and goes on from."""
    net_class: type[FrontDoorNet] = FrontDoorNet

    @property
    def n_batches(self) -> int:
        """Number of steps an epoch."""
        size = self.settings.batch_size
        if size == -1:
            return 1
        n_rows = len(self.rows)
        return max(1, min(-(-n_rows // size), n_rows // 2))  # batch norm can't train on one row

    def batches(self) -> BatchIterator:
        """Make the iterator over the batches of any number of epochs."""
        device = self.rows.y.device
        seed = int(torch.randint(2**62, (), generator=self.generator, device="cpu"))
        return BatchIterator(
            self.rows,
            self.n_batches,
            mask_dims=self.network.mask_dims,
            dropout=self.settings.dropout,
            generator=self.generator,
            mask_generator=torch.Generator(device).manual_seed(seed),
        )


def own_draws(job: TrainingJob) -> AbstractContextManager[None]:
    """Make what a user's module draws, say in its dropout, come from the job's generator."""
    return seeded(job.generator) if has_user_modules(job.network) else nullcontext()


def own_rates(network: torch.nn.Module) -> dict[str, float]:
    """Learning rates of the user's modules that have one of their own, by skorch's patterns."""
    return {
        f"{name}.*": module.learning_rate
        for name, module in network.named_modules()
        if isinstance(module, ModuleFeatures) and module.learning_rate is not None
    }


def make_net(
    job: TrainingJob, callbacks: Sequence[Any], *, keep_interrupted: bool = False
) -> FrontDoorNet:
    """Wrap a job's network into an initialised skorch net.

    `callbacks` are called first, then early stopping, those of the settings, and what keeps each
    epoch: for early stopping and, if `keep_interrupted`, for an interrupt; and the checkpoint.
    """
    settings = job.settings
    early, last = [], []
    if job.held_out is not None:
        early.append(("early_stop", EarlyStop(settings.n_iter_no_change)))
    if job.held_out is not None or keep_interrupted:
        last.append(("keep_epoch", KeepEpoch()))
    if job.checkpoint is not None:
        last.append(("epoch_checkpoint", EpochCheckpoint(job.checkpoint)))
    net = job.net_class(
        job.network,
        criterion=job.criterion,
        **OPTIMIZERS[settings.optimizer],
        optimizer__weight_decay=settings.weight_decay,
        optimizer__param_groups=[
            (pattern, {"lr": rate}) for pattern, rate in own_rates(job.network).items()
        ],
        lr=settings.learning_rate,
        max_epochs=settings.max_epochs,
        batch_size=settings.batch_size,
        train_split=None,
        callbacks=[*callbacks, *early, *settings.callbacks, *last],
        verbose=settings.verbose,
        device=str(job.rows.y.device),
        use_caching=False,
    )
    net.settings_, net.held_out_ = settings, job.held_out
    return net.initialize()


def restored_net(
    network: Network,
    criterion: Criterion,
    settings: TrainingSettings,
    history: Sequence[dict[str, Any]],
    device: torch.device,
) -> NeuralNet:
    """Wrap a trained network as `train` does, its history with it."""
    nothing = torch.empty(0, device=device)
    rows = TrainingTensors([nothing], nothing, nothing)
    generator = torch.Generator("cpu").manual_seed(0)
    net = make_net(TrainingJob(network, criterion, rows, settings, generator), [])
    net.history.extend(history)
    net.module_.eval()
    net.release()
    return net
