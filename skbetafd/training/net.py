"""The skorch net: whole batches, several losses, one look at the device an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from skorch import NeuralNet
from torch import Tensor

from ..nn.criterion import Batch
from .batches import BatchIterator, TrainingTensors
from .divergence import divergence
from .schedule import OWN_SCHEDULE, clip_gradients
from .settings import TrainingSettings
from .stopping import NEVER_STOP, StopTraining


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

    Callbacks that score it see class indices, and rows as a `TrainingTensors`.
    """

    batches_: BatchIterator
    settings_: TrainingSettings
    held_out_: TrainingTensors | None = None
    interrupted_ = False
    """Whether the user ended the training before its time."""

    @property
    def _default_callbacks(self) -> list[Any]:
        return []  # given one by one by `train`, which knows the number of steps

    def release(self, *, keep_optimizer: bool = False) -> None:
        """Let go of data and gradients and, where no stream goes on, of the optimizer's state."""
        self.module_.zero_grad(set_to_none=True)
        for name in ("batches_", "held_out_"):
            self.__dict__.pop(name, None)
        if not keep_optimizer:
            self.optimizer_.state.clear()
        for name, callback in self.callbacks_:
            if name == OWN_SCHEDULE:
                vars(callback).pop("lr_scheduler_", None)  # it holds the weights once more

    def notify(self, method_name: str, **kwargs: Any) -> None:
        """Call the callbacks; at an epoch's end one may stop the training, once all are called."""
        if method_name != "on_epoch_end":
            super().notify(method_name, **kwargs)
            return
        stopped = False
        for _, callback in self.callbacks_:
            try:
                callback.on_epoch_end(self, **kwargs)
            except KeyboardInterrupt as error:
                if isinstance(callback, NEVER_STOP) and not isinstance(error, StopTraining):
                    raise
                stopped = True  # the error itself would hold on to the last step's graph
        if stopped:
            raise StopTraining

    def __getstate__(self) -> dict[str, Any]:
        # skorch pickles the module by itself, and classes of a notebook are lost on its workers
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.initialized_:  # the reader of a pickle may lack the device
            self.device = str(next(self.module_.parameters()).device)

    @property
    def classes_(self) -> np.ndarray:
        """Class indices."""
        return np.arange(self.module_.n_classes)

    def get_split_datasets(self, X: Any, y: Any = None, **fit_params: Any) -> tuple[Any, Any]:
        """Give the job's rows and those held out of them, if any."""
        return X, self.held_out_

    def get_iterator(self, dataset: Any, training: bool = False) -> BatchIterator | None:
        """Give the batches of the job; the held-out rows are not run through in batches."""
        return self.batches_ if training else None

    @torch.no_grad()
    def logits(self, rows: TrainingTensors) -> Tensor:
        """Logits of P(y | t, a), shape (n, n_classes)."""
        self.module_.eval()
        return torch.cat([self.criterion_.held_out_logits(self.module_, p) for p in rows.parts()])

    def predict_proba(self, X: TrainingTensors) -> np.ndarray:
        """Class probabilities of P(y | t, a), shape (n, n_classes), for callbacks that score."""
        return self.logits(X).softmax(1).cpu().numpy()

    def predict(self, X: TrainingTensors) -> np.ndarray:
        """Class indices of the most probable labels, shape (n,)."""
        return self.predict_proba(X).argmax(axis=1)

    def train_step_single(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Take the gradients of the criterion at one batch."""
        with self.settings_.precision(batch.y.device):
            terms = self.criterion_(self.module_, batch)
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
            raise divergence(len(self.history), sums.first_broken(model), self.settings_)
        for name, value in zip(sums.names, means.tolist(), strict=True):
            key = name if name.endswith("loss") else f"{name}_loss"
            self.history.record(f"{prefix}_{key}", value)
        seen = self.history[:, f"{prefix}_loss"]
        self.history.record(f"{prefix}_loss_best", seen[-1] <= min(seen))
