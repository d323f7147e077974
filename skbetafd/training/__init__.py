"""The skorch glue: whole-tensor batches, the training loop, stacks, reference sets, callbacks."""

from skorch import NeuralNet
from skorch.history import History

from .._utils.files import checked_path, checked_target, remove_unfinished, whole_file
from .accelerated import (
    AcceleratedNet,
    check_same_call,
    check_shards,
    from_first,
    join_processes,
    process_index,
)
from .batches import TrainingRows
from .callbacks import AroundEpoch, BeforeEpoch, BestEpoch, held_out_loss
from .checkpoint import Checkpoint, check_same_fit, read_checkpoint
from .device import resolve_device
from .divergence import check_finite_codes
from .fit import train, train_one_pass
from .job import TrainingJob
from .net import FrontDoorNet
from .references import build_references, encode_in_chunks
from .restore import restored_net
from .schedule import SCHEDULES
from .settings import TrainingSettings
from .stack import train_all
from .streamed import StreamedRows, dense, in_reading_order
from .user_callbacks import callback_names, check_callbacks, check_resumable

__all__ = [
    "SCHEDULES",
    "AcceleratedNet",
    "AroundEpoch",
    "BeforeEpoch",
    "BestEpoch",
    "Checkpoint",
    "FrontDoorNet",
    "History",
    "NeuralNet",
    "StreamedRows",
    "TrainingJob",
    "TrainingRows",
    "TrainingSettings",
    "build_references",
    "callback_names",
    "check_callbacks",
    "check_finite_codes",
    "check_resumable",
    "check_same_call",
    "check_same_fit",
    "check_shards",
    "checked_path",
    "checked_target",
    "dense",
    "encode_in_chunks",
    "from_first",
    "held_out_loss",
    "in_reading_order",
    "join_processes",
    "process_index",
    "read_checkpoint",
    "remove_unfinished",
    "resolve_device",
    "restored_net",
    "train",
    "train_all",
    "train_one_pass",
    "whole_file",
]
