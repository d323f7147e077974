"""Training of one front-door network through skorch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer
from torch import Tensor

from ..nn import (
    Codes,
    Criterion,
    FrontDoorNetwork,
    FusionNetwork,
    MediatorNetwork,
    ModuleFeatures,
    has_user_modules,
    seeded,
)
from .batches import Batch, BatchIterator, TrainingRows
from .callbacks import StopTraining, default_callbacks
from .checkpoint import Checkpoint, EpochCheckpoint
from .schedule import clip_gradients

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
    lr_schedule: str = "one-cycle"
    """One of `SCHEDULES`."""
    max_grad_norm: float | None = None
    """The largest Euclidean norm of a network's gradient; None leaves it as it is."""

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
        self.finite: Tensor | None = None
        self.n_rows: Any = 0

    @torch.no_grad()
    def add(self, terms: dict[str, Tensor], n_rows: Any) -> None:
        """Add a step; `n_rows` is a number, or one for each of several models."""
        row = torch.stack(list(terms.values())).double() * n_rows
        self.names, self.n_rows = list(terms), self.n_rows + n_rows
        self.sums = row if self.sums is None else self.sums.add_(row)
        finite = self.sums.isfinite()
        self.finite = finite.int() if self.finite is None else self.finite.add_(finite)

    def means(self) -> Tensor:
        """Means over the rows, shape (n_terms,) or (n_terms, n_models)."""
        assert self.sums is not None
        return (self.sums / self.n_rows).cpu()

    def first_broken(self, model: int = 0) -> list[str]:
        """Name the terms of a model that were the first to be no longer finite."""
        assert self.finite is not None
        steps = self.finite.reshape(len(self.names), -1)[:, model].tolist()
        return [name for name, n in zip(self.names, steps, strict=True) if n == min(steps)]


class FrontDoorNet(ClassifierMixin, NeuralNet):
    """A skorch net whose step hands whole batches, masks and weights to the criterion.

    Callbacks that score it see class indices, and rows as a `TrainingRows`.
    """

    batches_: BatchIterator
    settings_: TrainingSettings
    held_out_: TrainingRows | None = None

    @property
    def _default_callbacks(self) -> list[Any]:
        return []  # given one by one by `train`, which knows the number of steps

    def release(self) -> None:
        """Let go of the data, once there is no more training."""
        for name in ("batches_", "held_out_"):
            self.__dict__.pop(name, None)

    @property
    def classes_(self) -> np.ndarray:
        """Class indices."""
        return np.arange(self.module_.head.out.out_features)

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> tuple[Any, Any]:
        """Give the job's rows and those held out of them, if any."""
        return X, self.held_out_

    def get_iterator(self, dataset: Any, training: bool = False) -> BatchIterator | None:
        """Give the batches of the job; the held-out rows are not run through in batches."""
        return self.batches_ if training else None

    @torch.no_grad()
    def predict_proba(self, X: TrainingRows) -> np.ndarray:
        """Class probabilities of P(y | t, a), shape (n, n_classes), for callbacks that score."""
        self.module_.eval()
        parts = [
            self.criterion_.held_out_logits(self.module_, part.xs, part.present)
            for part in X.parts()
        ]
        return torch.cat(parts).softmax(1).cpu().numpy()

    def predict(self, X: TrainingRows) -> np.ndarray:
        """Class indices of the most probable labels, shape (n,)."""
        return self.predict_proba(X).argmax(axis=1)

    def train_step_single(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Take the gradients of the criterion at one batch."""
        with self.settings_.precision(batch.y.device):
            terms = self.criterion_(self.module_, *batch)
        terms = self.take_gradients(terms)
        clip_gradients(self.module_.parameters(), self.settings_.max_grad_norm)
        return {"loss": terms["loss"], "terms": terms, "y_pred": None}

    def take_gradients(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Take the gradients of the loss; gives the terms that the history is to hold."""
        self.criterion_.backward(self.module_, terms)
        return terms

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
        self.record_epoch(sums, sums.means(), prefix=prefix)

    def record_epoch(
        self, sums: EpochSums, means: Tensor, model: int = 0, prefix: str = "train"
    ) -> None:
        """Enter a model's mean of each term, shape (n_terms,), into the history."""
        if not means.isfinite().all():
            raise _divergence(len(self.history), sums.first_broken(model), self.settings_)
        for name, value in zip(sums.names, means.tolist(), strict=True):
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
    held_out: TrainingRows | None = None
    """Rows that early stopping watches, for callbacks that score them too."""
    checkpoint: Checkpoint | None = None
    """Where the training is kept after each epoch, and goes on from."""
    net_class: type[FrontDoorNet] = FrontDoorNet

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

    Raises
    ------
    KeyboardInterrupt
        If it is interrupted before that, or has a checkpoint, from which it can go on.
    """
    batches = job.batches()
    n_steps = job.settings.max_epochs * job.n_batches
    s = job.settings
    rates = [*own_rates(job.network).values(), s.learning_rate]
    net = make_net(job, default_callbacks(s.verbose, s.lr_schedule, rates, n_steps))
    net.batches_ = batches
    with own_draws(job):
        _run(net, job)
    net.release()
    return net


def train_one_pass(
    job: TrainingJob, earlier: NeuralNet | None, *, keep_optimizer: bool
) -> NeuralNet:
    """Pass once over the rows at a constant learning rate.

    Parameters
    ----------
    job : TrainingJob
        With the network as `earlier` left it.
    earlier : NeuralNet or None
        Whose history goes on; it stays as it is.
    keep_optimizer : bool
        Whether its optimizer's state goes on too.

    Returns
    -------
    skorch.NeuralNet
        The trained net.
    """
    net = make_net(job, [("epoch_timer", EpochTimer())])
    net.batches_ = job.batches()
    if earlier is not None:
        net.history.extend(deepcopy(earlier.history.to_list()))
    if earlier is not None and keep_optimizer:
        state = net.optimizer_.state_dict()
        state["state"] = deepcopy(earlier.optimizer_.state_dict()["state"])  # changed in place
        net.optimizer_.load_state_dict(state)
    net.notify("on_train_begin", X=job.rows, y=None)
    with own_draws(job):
        net.fit_loop(job.rows, epochs=1)
    net.notify("on_train_end", X=job.rows, y=None)
    net.release()
    return net


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


def make_net(job: TrainingJob, callbacks: Sequence[Any]) -> FrontDoorNet:
    """Wrap a job's network into an initialised skorch net."""
    settings = job.settings
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
        callbacks=[*callbacks, *settings.callbacks, *_keeping(job.checkpoint)],
        verbose=settings.verbose,
        device=str(job.rows.y.device),
        use_caching=False,
    )
    net.settings_, net.held_out_ = settings, job.held_out
    return net.initialize()


def _keeping(checkpoint: Checkpoint | None) -> list[tuple[str, Callback]]:
    return [] if checkpoint is None else [("epoch_checkpoint", EpochCheckpoint(checkpoint))]


def _run(net: NeuralNet, job: TrainingJob) -> None:
    rows, checkpoint = job.rows, job.checkpoint
    net.notify("on_train_begin", X=rows, y=None)
    complete = checkpoint is not None and checkpoint.resume(net)
    try:
        if not complete:
            net.fit_loop(rows, epochs=net.max_epochs - len(net.history))
    except KeyboardInterrupt as stop:
        if checkpoint is not None and not isinstance(stop, StopTraining):
            net.notify("on_train_end", X=rows, y=None)
            raise
        _settle_interrupt(net)
    if checkpoint is not None:
        checkpoint.save(net, complete=True)
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


def check_finite_codes(codes: Codes, net: NeuralNet) -> None:
    """Refuse a network that the last steps have broken."""
    if not all(code.isfinite().all() for code in codes):
        raise _divergence(len(net.history), ["codes"], net.settings_)


def _divergence(epoch: int, broken: Sequence[str], settings: TrainingSettings) -> ValueError:
    terms = [name for name in broken if name != "loss"] or list(broken)
    if terms == ["codes"]:
        what = "the codes of the training rows are not finite"
    elif len(terms) == 1:
        what = f"its {terms[0]} loss is not finite"
    else:
        what = f"its losses ({', '.join(terms)}) are not finite, all from one step on"
    rate = f"A smaller learning_rate than {settings.learning_rate:g}"
    clip = ", or a max_grad_norm" if settings.max_grad_norm is None else ""
    return ValueError(
        f"Training diverged in epoch {epoch}: {what}. {rate}{clip} is the likely cure, or "
        "standardize=True where the features are not of the order of 1."
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
