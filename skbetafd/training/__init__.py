"""The skorch glue: whole-tensor batches, the training loop, reference sets, callbacks."""

from .fit import TrainingSettings, resolve_device, train
from .references import build_references

__all__ = ["TrainingSettings", "build_references", "resolve_device", "train"]
