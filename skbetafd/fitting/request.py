"""What a fit is asked for, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from .._utils.sklearn_compat import Interval, StrOptions
from ..inputs.training_rows import TrainingRows
from ..nn.adjustment import ReferenceSet
from ..nn.encoders import Encoding
from ..training.checkpoint import Checkpoint
from ..training.net import NeuralNet
from .calibration import Calibration
from .encoder_choice import Reading
from .scaling import ModalityScaler
from .seeing_classifier import SeeingClassifier
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
        "seeing",
        "class_weight",
        "memory",
        "checkpoint_dir",
        "warm_start",
        "verbose",
        "random_state",
    )
)
"""Parameters of the classifier that a request does not carry, or carries in another form: those
read at prediction, and those whose effect is in its rows, weights, seeds, encodings or start, or
in who sees."""


@dataclass(frozen=True)
class FitSpec:
    """What decides, together with the rows, what a fit learns."""

    encodings: tuple[Encoding, ...]
    """How each modality is read."""
    readings: tuple[Reading, ...]
    """The same in plain values, to compare fits by."""
    parameters: dict[str, Any]
    """Of the classifier, without those that fit does not use; callbacks are a checked list."""
    seeds: tuple[int, ...]
    """Of the probe (and the inner split), then of network and references of every member."""
    start: Start | None = None
    """What the networks start from, instead of random weights."""
    seeing: SeeingClassifier | None = None
    """Who sees, if not the network."""


@dataclass(frozen=True)
class FitRun:
    """What makes no difference to what a fit learns."""

    verbose: int = 0
    name: str = ""
    """Of a fold, for messages."""
    watcher: Any = None
    """A `FitTasks` that is told of the epochs."""
    checkpoints: tuple[Checkpoint, ...] = ()
    """Of each member's network, if any."""
    keep_interrupted: bool = False
    """Whether the networks of an interrupted training are of use, see `train_all`."""


@dataclass(frozen=True, repr=False)
class FitRequest:
    """All that a fit depends on."""

    rows: TrainingRows
    """Those of positive weight."""
    spec: FitSpec
    run: FitRun

    def starting_from(self, start: Start) -> FitRequest:
        """Start from an earlier fit of the same classes, modalities, encoders and mediator."""
        start.check_data(self.rows, self.spec.readings)
        rows = replace(self.rows, mediator=start.ordered(self.rows.mediator))
        return replace(self, rows=rows, spec=replace(self.spec, start=start))

    def __repr__(self) -> str:
        # joblib.Memory writes this beside a result
        return f"FitRequest({self.rows.names}, {len(self.rows)} rows, {self.spec.parameters})"


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
    """Sum of the weights, as they came, of the rows trained on."""
    calibration: Calibration | None = None
    """What rows that the networks have not seen say of P(y | t, a), if there were any."""
    seeing: SeeingClassifier | None = None
    """Who sees, if not the network, fitted."""


def data_dtype(dtype: str) -> str:
    """Return the precision of data and parameters; bfloat16 is for the forward pass alone."""
    return "float32" if dtype == "bfloat16" else dtype


def draw_seeds(random_state: np.random.RandomState, n_members: int) -> tuple[int, ...]:
    """Draw the seeds of a fit; those of the first member don't depend on how many follow."""
    network, probe, references = random_state.randint(2**31 - 1, size=3).tolist()
    more = random_state.randint(2**31 - 1, size=2 * (n_members - 1)).tolist()
    return (probe, network, references, *more)
