"""Checkpoints: the whole state of a network's training, written after each epoch."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import LRScheduler
from torch import Tensor

from .._utils.files import whole_file
from ..nn.encoders import has_user_modules
from .stopping import KeepEpoch, OwnCallback, callback_of

CHECKPOINT_FORMAT = 3
FIELDS = {"format", "fingerprint", "seeds", "complete", "state"}


@dataclass(frozen=True)
class Checkpoint:
    """Where the training of one network is kept, and which fit it belongs to.

    skorch's own Checkpoint would not do: it writes several files, which a kill can part, and
    neither generators nor schedule.
    """

    path: Path
    fingerprint: str
    """Of the data, the parameters and the versions of torch and of this library."""
    seeds: tuple[int, ...]
    """Of the whole fit, so that one without a random_state can go on."""

    def save(self, net: NeuralNet, *, complete: bool) -> None:
        """Write the state of a net, so that the file is at any time the old one or the new."""
        content = {
            "format": CHECKPOINT_FORMAT,
            "fingerprint": self.fingerprint,
            "seeds": list(self.seeds),
            "complete": complete,
            "state": training_state(net),
        }
        made = BytesIO()  # of a full disk, torch's own writer would not say
        torch.save(content, made)
        with whole_file(self.path) as file:
            file.write(made.getbuffer())

    def resume(self, net: NeuralNet) -> bool:
        """Bring a net to where the file left it, if there is one; return whether it is complete."""
        content = read_checkpoint(self.path, self.fingerprint)
        if content is None:
            return False
        restore_training(net, content["state"])
        return bool(content["complete"])


class EpochCheckpoint(OwnCallback):
    """Writes a checkpoint after each epoch; the last of the callbacks, whose entries it keeps."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write it."""
        self.checkpoint.save(net, complete=False)


def read_checkpoint(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Read the checkpoint of a fit, without pickle; None where there is none.

    Raises
    ------
    ValueError
        If the file is broken, no checkpoint of this version, or one of another fit.
    OSError
        If the system can't read it; or it is a directory.
    """
    try:
        file = open(path, "rb")
    except FileNotFoundError:
        return None
    try:
        with file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # what torch raises depends on where a file is broken
        raise ValueError(
            f"checkpoint {str(path)!r} can't be read ({type(error).__name__}): it is broken or no "
            "checkpoint; delete it to begin anew"
        ) from error
    same_fields = isinstance(content, dict) and content.keys() == FIELDS
    if not same_fields or content["format"] != CHECKPOINT_FORMAT:
        raise ValueError(
            f"{str(path)!r} is no checkpoint of this version of skbetafd; choose another "
            "checkpoint_dir or delete it"
        )
    if content["fingerprint"] != fingerprint:
        raise ValueError(
            f"checkpoint {str(path)!r} is of another fit, perhaps one that runs now: its data, "
            "parameters (callbacks and a module's first weights among them) or versions of torch "
            "and skbetafd differ; finish that fit, choose another checkpoint_dir, or delete the "
            "file"
        )
    return content


def _stateful(net: NeuralNet) -> dict[str, Any]:
    """Give what of a net in training has torch's ``state_dict`` and ``load_state_dict``."""
    keeper = callback_of(net, KeepEpoch)
    return {
        "network": net.module_,
        "criterion": net.criterion_,
        "optimizer": net.optimizer_,
        "schedule": callback_of(net, LRScheduler).lr_scheduler_,
        **({} if keeper is None else {"kept": keeper}),
    }


def training_state(net: NeuralNet) -> dict[str, Any]:
    """Give all that the rest of a training depends on, as tensors and plain Python values."""
    return {
        **{name: part.state_dict() for name, part in _stateful(net).items()},
        "generators": [generator.get_state() for generator in net.batches_.generators],
        "global": _global_generators(net) if has_user_modules(net.module_) else None,
        "history": [{k: _plain(k, v) for k, v in dict(e).items()} for e in net.history],
    }


def restore_training(net: NeuralNet, state: dict[str, Any]) -> None:
    """Put a net, whose training has begun, into the state of another."""
    for name, part in _stateful(net).items():
        part.load_state_dict(state[name])
    for generator, own in zip(net.batches_.generators, state["generators"], strict=True):
        generator.set_state(own)
    if state["global"] is not None:  # within `seeded`, which puts the user's own back
        torch.set_rng_state(state["global"]["cpu"])
        if "cuda" in state["global"]:
            torch.cuda.set_rng_state(state["global"]["cuda"], net.device)
    net.history[:] = state["history"]


def _global_generators(net: NeuralNet) -> dict[str, Tensor]:
    device = next(net.module_.parameters()).device
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def _plain(key: str, value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if value is None or isinstance(value, (bool, int, float, str, list)):
        return value
    raise TypeError(
        f"checkpoint_dir: a callback entered {key!r} into the history, a {type(value).__name__}; "
        "a checkpoint holds numbers and strings"
    )
