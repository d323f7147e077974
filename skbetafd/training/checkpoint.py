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
from .stopping import KeepEpoch, Kept, OwnCallback, callback_of

FORMAT = 3
FIELDS = {"format": int, "fingerprint": str, "seeds": list, "complete": bool, "state": dict}


@dataclass(frozen=True)
class Checkpoint:
    """Where the training of one network is kept, and which fit it belongs to."""

    path: Path
    fingerprint: str
    """Of the data, the parameters and the versions of torch and of this library."""
    seeds: tuple[int, ...]
    """Of the whole fit, so that one without a random_state can go on."""

    def save(self, net: NeuralNet, *, complete: bool) -> None:
        """Write the state of a net, so that the file is at any time the old one or the new."""
        content = {
            "format": FORMAT,
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
        """Bring a net to where the file left it, if there is one; tell whether that is the end."""
        content = read_checkpoint(self.path)
        if content is None:
            return False
        check_same_fit(self.path, content, self.fingerprint)
        try:
            restore_training(net, content["state"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(_said_of(self.path, error)) from error
        return bool(content["complete"])


class EpochCheckpoint(OwnCallback):
    """Writes a checkpoint after each epoch; the last of the callbacks, whose entries it keeps."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write it."""
        self.checkpoint.save(net, complete=False)


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """Read a file, without pickle; None where there is none.

    Raises
    ------
    ValueError
        If it is broken or no checkpoint of this library.
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
        raise ValueError(_said_of(path, error)) from error
    if not _is_checkpoint(content):
        raise ValueError(
            f"{str(path)!r} is no checkpoint of this version of skbetafd; choose another "
            "checkpoint_dir or delete it"
        )
    return content


def _said_of(path: Path, error: Exception) -> str:
    return (
        f"checkpoint {str(path)!r} can't be read ({type(error).__name__}): it is broken or no "
        "checkpoint; delete it to begin anew"
    )


def _is_checkpoint(content: Any) -> bool:
    if not isinstance(content, dict) or content.keys() != FIELDS.keys():
        return False
    kinds = all(isinstance(content[name], kind) for name, kind in FIELDS.items())
    return kinds and content["format"] == FORMAT and all(type(s) is int for s in content["seeds"])


def check_same_fit(path: Path, content: dict[str, Any], fingerprint: str) -> None:
    """Refuse the checkpoint of another fit.

    Raises
    ------
    ValueError
        If the fingerprints differ.
    """
    if content["fingerprint"] != fingerprint:
        raise ValueError(
            f"checkpoint {str(path)!r} is of another fit, perhaps one that runs now: its data, "
            "parameters (callbacks and a module's first weights among them) or versions of torch "
            "and skbetafd differ; finish that fit, choose another checkpoint_dir, or delete the "
            "file"
        )


def training_state(net: NeuralNet) -> dict[str, Any]:
    """Give all that the rest of a training depends on, as tensors and plain Python values."""
    schedule, keeper = _schedule(net), callback_of(net, KeepEpoch)
    return {
        "network": net.module_.state_dict(),
        "criterion": net.criterion_.state_dict(),
        "optimizer": net.optimizer_.state_dict(),
        "schedule": None if schedule is None else schedule.state_dict(),
        "kept": None if keeper is None else list(keeper.kept_),
        "generators": [generator.get_state() for generator in net.batches_.generators],
        "global": _global_generators(net) if has_user_modules(net.module_) else None,
        "history": [{k: _plain(k, v) for k, v in dict(e).items()} for e in net.history],
    }


def restore_training(net: NeuralNet, state: dict[str, Any]) -> None:
    """Put a net, whose training has begun, into the state of another."""
    net.module_.load_state_dict(state["network"])
    net.criterion_.load_state_dict(state["criterion"])
    net.optimizer_.load_state_dict(state["optimizer"])
    schedule, keeper = _schedule(net), callback_of(net, KeepEpoch)
    if schedule is not None:
        schedule.load_state_dict(state["schedule"])
    if keeper is not None:
        keeper.kept_ = Kept(*state["kept"])
    for generator, own in zip(net.batches_.generators, state["generators"], strict=True):
        generator.set_state(own)
    if state["global"] is not None:  # within `seeded`, which puts the user's own back
        torch.set_rng_state(state["global"]["cpu"])
        if "cuda" in state["global"]:
            torch.cuda.set_rng_state(state["global"]["cuda"], net.device)
    del net.history[:]
    net.history.extend(state["history"])


def _global_generators(net: NeuralNet) -> dict[str, Tensor]:
    device = next(net.module_.parameters()).device
    states = {"cpu": torch.get_rng_state()}
    return states | ({"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {})


def _schedule(net: NeuralNet) -> Any:
    callback = callback_of(net, LRScheduler)
    return None if callback is None else callback.lr_scheduler_


def _plain(key: str, value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if value is None or isinstance(value, (bool, int, float, str, list)):
        return value
    raise TypeError(
        f"checkpoint_dir: a callback entered {key!r} into the history, a {type(value).__name__}; "
        "a checkpoint holds numbers and strings"
    )
