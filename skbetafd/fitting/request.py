"""What a fit is asked for, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from .._utils.sklearn_compat import Interval, StrOptions
from ..inputs.mediator import ObservedMediator
from ..nn.adjustment import ReferenceSet
from ..nn.encoders import Encoding
from ..training.checkpoint import Checkpoint
from ..training.net import NeuralNet
from .scaling import ModalityScaler
from .warm_start import Start

READ_AT_PREDICTION: dict[str, list[Any]] = {
    "beta": [Interval(Real, 0, 1, closed="both")],
    "effect": [StrOptions({"conditional", "population"})],
}
"""Constraints of the parameters that every classifier of this library reads at prediction."""


NOT_IN_FIT = frozenset(
    (
        "beta",
        "effect",
        "predict_batch_size",
        "modalities",
        "encoders",
        "encoder_learning_rate",
        "class_weight",
        "memory",
        "checkpoint_dir",
        "warm_start",
        "verbose",
        "random_state",
    )
)
"""Parameters of the classifier that a request does not carry, or carries in another form: those
read at prediction, and those whose effect is in its rows, weights, seeds, encodings or start."""


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
    """Of the probe (and the inner split), then of network and references of every member."""
    classes: np.ndarray | None = None
    """Labels, for messages and checkpoints; they make no difference to what is learned."""
    mass: float = 0.0
    """Sum of the row weights as they came; it makes no difference to what is learned."""
    groups: np.ndarray | None = None
    """Rows of one group stay on one side of an inner split, shape (n_samples,)."""
    start: Start | None = None
    """What the networks start from, instead of random weights."""
    watcher: Any = None
    """A `FitTasks` that is told of the epochs; it makes no difference to what is learned."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """Of each member's network, if any; they make no difference to what is learned."""

    name: str = ""
    """Of a fold, for messages."""

    def rows(self, some: np.ndarray) -> FitRequest:
        """Cut the request to some rows; their weights stay as they are."""
        observed = self.mediator
        return replace(
            self,
            arrays=[array[some] for array in self.arrays],
            present=self.present[some],
            y=self.y[some],
            weight=self.weight[some],
            mediator=None if observed is None else observed._replace(values=observed.values[some]),
            groups=None if self.groups is None else self.groups[some],
        )

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
    scalers: list[ModalityScaler]
    members: list[Member]
    mass: float
    """Of the rows trained on, the sum of the request's weights, whose mean over all is 1."""


def data_dtype(dtype: str) -> str:
    """Give the precision of data and parameters; bfloat16 is for the forward pass alone."""
    return "float32" if dtype == "bfloat16" else dtype


def draw_seeds(random_state: np.random.RandomState, n_members: int) -> tuple[int, ...]:
    """Draw the seeds of a fit; those of the first member don't depend on how many follow."""
    network, probe, references = random_state.randint(2**31 - 1, size=3).tolist()
    more = random_state.randint(2**31 - 1, size=2 * (n_members - 1)).tolist()
    return (probe, network, references, *more)
