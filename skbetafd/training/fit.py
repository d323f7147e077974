"""Training of one front-door network through skorch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from skorch import NeuralNet
from torch import Tensor

from ..nn import (
    Codes,
    Criterion,
    FrontDoorNetwork,
    FusionNetwork,
    MediatorNetwork,
    ModuleFeatures,
    seeded,
)
from .batches import Batch, BatchIterator, TrainingRows
from .callbacks import default_callbacks

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": torch.optim.AdamW, "optimizer__fused": True},
    "sgd": {  # not fused: that has no way to leave out a parameter without gradient
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": 0.9,
        "optimizer__nesterov": True,
    },
}

Network = FrontDoorNetwork | MediatorNetwork | FusionNetwork


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained; the names are the estimator's."""

    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    dropout: float
    callbacks: Sequence[Any]
    verbose: int
    optimizer: str = "adamw"
    """"adamw", or "sgd" with Nesterov's momentum of .9."""
    autocast: bool = False
    """Whether the forward pass runs in bfloat16 where torch deems that safe."""

    def precision(self, device: torch.device) -> torch.autocast:
        """Make the context of the forward pass."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.autocast)


class EpochSums:
    """Losses summed on the device and read off it once, at the end of the epoch.

    Kept one by one, the steps' small tensors would hold on to memory between the large.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sums: Tensor | None = None
        self.n_rows: Any = 0

    @torch.no_grad()
    def add(self, terms: dict[str, Tensor], n_rows: Any) -> None:
        """Add a step; `n_rows` is a number, or one for each of several models."""
        row = torch.stack(list(terms.values())).double() * n_rows
        self.names, self.n_rows = list(terms), self.n_rows + n_rows
        self.sums = row if self.sums is None else self.sums.add_(row)

    def means(self) -> Tensor:
        """Means over the rows, shape (n_terms,) or (n_terms, n_models)."""
        assert self.sums is not None
        return (self.sums / self.n_rows).cpu()


class FrontDoorNet(NeuralNet):
    """A skorch net whose step hands whole batches, masks and weights to the criterion."""

    batches_: BatchIterator
    settings_: TrainingSettings

    @property
    def _default_callbacks(self) -> list[Any]:
        return []  # given one by one by `train`, which knows the number of steps

    def get_iterator(self, dataset: Any, training: bool = False) -> BatchIterator:
        """Give the batches of the job, whatever the dataset."""
        return self.batches_

    def train_step_single(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Take the gradients of the criterion at one batch."""
        with self.settings_.precision(batch.y.device):
            terms = self.criterion_(self.module_, *batch)
        self.criterion_.backward(self.module_, terms)
        return {"loss": terms["loss"], "terms": terms, "y_pred": None}

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """Run an epoch, reading the losses off the device once, at its end."""
        if iterator is None:
            return
        self._set_training(training)
        self.criterion_.set_epoch(len(self.history) - 1, self.max_epochs)
        sums = EpochSums()
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            sums.add(step["terms"], len(batch.y))
            self.notify("on_batch_end", batch=batch, training=training, **step)
        self.record_epoch(sums.names, sums.means(), prefix)

    def record_epoch(self, names: Sequence[str], means: Tensor, prefix: str = "train") -> None:
        """Enter the epoch's mean of each term into the history."""
        if not means.isfinite().all():
            raise _divergence(len(self.history))
        for name, value in zip(names, means.tolist(), strict=True):
            key = name if name.endswith("loss") else f"{name}_loss"
            self.history.record(f"{prefix}_{key}", value)
        seen = self.history[:, f"{prefix}_loss"]
        self.history.record(f"{prefix}_loss_best", seen[-1] <= min(seen))


@dataclass(frozen=True)
class TrainingJob:
    """A network, what it is trained on and how; every random draw comes from `generator`."""

    network: Network
    criterion: Criterion
    rows: TrainingRows
    settings: TrainingSettings
    generator: torch.Generator

    @property
    def n_batches(self) -> int:
        """Number of steps an epoch."""
        size = self.settings.batch_size
        return 1 if size == -1 else -(-len(self.rows) // size)

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


def train(job: TrainingJob) -> NeuralNet:
    """Train one network.

    Returns
    -------
    skorch.NeuralNet
        With the trained network in ``module_`` and an entry an epoch in ``history``.

    Warns
    -----
    UserWarning
        If the training is interrupted after at least one epoch; the network is kept as it is.
    """
    batches = job.batches()
    n_steps = job.settings.max_epochs * job.n_batches
    rates = [*own_rates(job.network).values(), job.settings.learning_rate]
    net = make_net(job, default_callbacks(job.settings.verbose, rates, n_steps))
    net.batches_ = batches
    with own_draws(job):
        _run(net, job.rows)
    del net.batches_
    return net


def own_draws(job: TrainingJob) -> AbstractContextManager[None]:
    """Make what a user's module draws, say in its dropout, come from the job's generator."""
    has_own = any(isinstance(module, ModuleFeatures) for module in job.network.modules())
    return seeded(job.generator) if has_own else nullcontext()


def own_rates(network: torch.nn.Module) -> dict[str, float]:
    """Learning rates of the user's modules that have one of their own, by skorch's patterns."""
    return {
        f"{name}.*": module.learning_rate
        for name, module in network.named_modules()
        if isinstance(module, ModuleFeatures) and module.learning_rate is not None
    }


def make_net(job: TrainingJob, callbacks: Sequence[Any]) -> FrontDoorNet:
    """Wrap a job's network into an initialised skorch net."""
    settings = job.settings
    net = FrontDoorNet(
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
        callbacks=[*callbacks, *settings.callbacks],
        verbose=settings.verbose,
        device=str(job.rows.y.device),
    )
    net.settings_ = settings
    return net.initialize()


def _run(net: NeuralNet, rows: TrainingRows) -> None:
    net.notify("on_train_begin", X=rows, y=None)
    try:
        net.fit_loop(rows)
    except KeyboardInterrupt:
        _settle_interrupt(net)
    net.notify("on_train_end", X=rows, y=None)


def _settle_interrupt(net: NeuralNet) -> None:
    """Let a callback stop after an epoch (skorch's way is this exception); warn of a user's."""
    if "train_loss" in net.history[-1]:
        return
    drop_unfinished_epoch(net)
    warn_of_interrupt(net)


def drop_unfinished_epoch(net: NeuralNet) -> None:
    """Take an interrupted epoch out of the history; without another one, there is no fit."""
    if net.history and "train_loss" not in net.history[-1]:
        del net.history[-1]
    if not net.history:
        raise KeyboardInterrupt


def warn_of_interrupt(net: NeuralNet) -> None:
    """Tell the user that the training is not complete."""
    warnings.warn(
        f"Training was interrupted in epoch {len(net.history) + 1} of {net.max_epochs}; the "
        "network is kept as it was then.",
        UserWarning,
        stacklevel=7,
    )


def check_finite_codes(codes: Codes, epoch: int) -> None:
    """Refuse a network that the last steps have broken."""
    if not all(code.isfinite().all() for code in codes):
        raise _divergence(epoch)


def _divergence(epoch: int) -> ValueError:
    return ValueError(
        f"Training diverged in epoch {epoch}: the loss or the codes are not finite. A smaller "
        "learning_rate, or standardize=True, is the likely cure."
    )


def resolve_device(device: str | torch.device) -> torch.device:
    """Resolve "auto" to CUDA where there is a GPU, else CPU; any other name is tried."""
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        probe = torch.zeros(1, device=device)
        probe.item()
        return probe.device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device {device!r} can't be used here: {error}") from error
