"""What tells one fit from another: by content, without reading a store whole."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import joblib
import numpy as np
import torch

from ..inputs.modality import Modality, face
from ..training.accelerated import check_same_call, from_first, join_processes
from ..training.device import resolve_device
from .encoder_choice import plain_tensors
from .request import FitRequest


def fit_key(request: FitRequest, **replaced: Any) -> str:
    """Hash all that decides what a fit learns, and the versions of torch and of this library.

    `replaced` are parts that count in another form.
    """
    spec = request.spec
    modules = [e.module for e in spec.encodings if isinstance(e.module, torch.nn.Module)]
    parts = {
        **comparable(request),
        "device": str(resolve_device(spec.parameters["device"])),
        "callbacks": spec.parameters["callbacks"],
        "seeds": spec.seeds,
        "start": _plain_start(spec.start),
        "first weights": [plain_tensors(module.state_dict()) for module in modules],
        "tensors of modules": [reading.tensors for reading in spec.readings],
        **replaced,
    }
    return joblib.hash((parts, version("skbetafd"), torch.__version__))


def comparable(request: FitRequest) -> dict[str, Any]:
    """Return what fits of the same in several processes have in common, by what errors call it."""
    rows, spec = request.rows, request.spec
    data = {f"modality {name!r}": a for name, a in zip(rows.names, rows.arrays, strict=True)}
    aligned = {"y": rows.y, "sample_weight": rows.weight, "presence": rows.present}
    if rows.mediator is not None:
        aligned["mediator"] = rows.mediator.values
    if rows.groups is not None:
        aligned["groups"] = rows.groups
    data |= {name: face(values) for name, values in aligned.items()}
    encoders = zip(rows.names, spec.readings, spec.encodings, strict=True)
    return {
        "modalities": rows.names,
        **{name: content_sum(value) for name, value in data.items()},
        "continuous mediator": rows.mediator is not None and rows.mediator.continuous,
        "classes": rows.classes.tolist(),
        **{f"encoder of modality {n!r}": (reading, e.learning_rate) for n, reading, e in encoders},
        **{n: v for n, v in spec.parameters.items() if n not in ("device", "callbacks")},
        "seeing": _seeing_sum(spec.seeing),
    }


def content_sum(array: Modality) -> tuple[Any, ...]:
    """Return shape, dtype and a hash of the values."""
    digest = hashlib.blake2b(digest_size=16)
    for part in array.content():
        digest.update(np.ascontiguousarray(part).data.cast("B"))
    return type(array).__name__, array.shape, array.dtype.str, digest.hexdigest()


def _seeing_sum(seeing: Any) -> str:
    try:
        return str(joblib.hash(seeing))
    except Exception as error:  # of any kind, in what pickles an object of the user's
        raise ValueError(
            f"{seeing.name} can't be told from others, which memory, checkpoint_dir and "
            f"accelerate=True need: {error}"
        ) from error


def _plain_start(start: Any) -> Any:
    if start is None:
        return None
    scalers = [scaler.state() for scaler in start.scalers]
    return (
        start.predominant,
        start.scores,
        [(description, plain_tensors(arrays)) for description, arrays in scalers],
        [plain_tensors(network) for network in start.networks],
    )


def joined(request: FitRequest) -> tuple[torch.device, FitRequest]:
    """Return the device and, of several processes, the request with the first one's seeds."""
    spec = request.spec
    if not spec.parameters.get("accelerate"):
        return resolve_device(spec.parameters["device"]), request
    if request.run.checkpoints:
        raise ValueError(
            "checkpoint_dir can't be used with accelerate=True: the processes would write to the "
            "same files"
        )
    device = join_processes(spec.parameters["device"])
    check_same_call(comparable(request))
    return device, replace(request, spec=replace(spec, seeds=from_first(lambda: spec.seeds)))
