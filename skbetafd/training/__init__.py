"""The skorch glue: whole-tensor batches, the training loop, reference sets, callbacks."""

from .callbacks import check_callbacks
from .fit import TrainingSettings, check_finite_codes, resolve_device, train
from .references import build_references

__all__ = [
    "TrainingSettings",
    "build_references",
    "check_callbacks",
    "check_finite_codes",
    "resolve_device",
    "train",
]
