"""The skorch glue: whole-tensor batches, the training loop, stacks, reference sets, callbacks."""

from .batches import TrainingRows
from .callbacks import BeforeEpoch, BestEpoch, check_callbacks
from .fit import TrainingJob, TrainingSettings, check_finite_codes, resolve_device, train
from .references import build_references, encode_in_chunks
from .stack import train_all

__all__ = [
    "BeforeEpoch",
    "BestEpoch",
    "TrainingJob",
    "TrainingRows",
    "TrainingSettings",
    "build_references",
    "check_callbacks",
    "check_finite_codes",
    "encode_in_chunks",
    "resolve_device",
    "train",
    "train_all",
]
