"""What tells one fit from another: by content, without reading a store whole."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.metadata import version
from numbers import Real
from types import NoneType
from typing import Any

import joblib
import numpy as np
import torch

from ..inputs.row_sources import SparseRows, chunks_of
from ..training.accelerated import check_same_call, from_first, join_processes
from ..training.device import resolve_device
from .encoder_identity import described, plain_state, plain_tensor
from .request import FitRequest
from .scaling import is_frozen


def fit_key(request: FitRequest, **replaced: Any) -> str:
    """Hash all that decides what a fit learns, and the versions of torch and of this library.

    `replaced` are fields that count in another form.
    """
    parameters = {**request.parameters}
    parameters["device"] = str(resolve_device(parameters["device"]))
    parameters |= replaced.pop("parameters", {})
    plain: dict[str, Any] = {
        "arrays": [content_sum(array) for array in request.arrays],
        "encodings": tuple(map(described, request.encodings)),
        "start": _plain_start(request.start),
        "parameters": parameters,
        "watcher": None,
        "checkpoints": (),
        "classes": None,
        "mass": 0.0,
        "name": "",
    }
    same = replace(request, **{**plain, **replaced})
    return joblib.hash((same, version("skbetafd"), torch.__version__))


def content_sum(array: Any) -> tuple[Any, ...]:
    """Give shape, dtype and a hash of the values, of a source some rows at a time."""
    digest = hashlib.blake2b(digest_size=16)
    if isinstance(array, SparseRows):
        matrix = array.matrix.tocsr()
        parts: Any = (matrix.indptr, matrix.indices, matrix.data, array.present)
    else:
        parts = chunks_of(array)
    for part in parts:
        digest.update(np.ascontiguousarray(part).data.cast("B"))
    return type(array).__name__, tuple(array.shape), np.dtype(array.dtype).str, digest.hexdigest()


def _plain_start(start: Any) -> Any:
    if start is None:
        return None
    scalers = [scaler.state() for scaler in start.scalers]
    return (
        start.predominant,
        start.scores,
        [(d, {k: plain_tensor(v) for k, v in arrays.items()}) for d, arrays in scalers],
        [{k: plain_tensor(v) for k, v in network.items()} for network in start.networks],
    )


def joined(request: FitRequest) -> tuple[torch.device, FitRequest]:
    """Give the device and, of several processes, the request with the first one's seeds."""
    device = request.parameters["device"]
    if not request.parameters["accelerate"]:
        return resolve_device(device), request
    if request.checkpoints:
        raise ValueError(
            "checkpoint_dir can't be used with accelerate=True: the processes would write to the "
            "same files"
        )
    device = join_processes(device)
    check_same_call(_fingerprint(request))
    return device, replace(request, seeds=from_first(lambda: request.seeds))


def _fingerprint(request: FitRequest) -> dict[str, Any]:
    """Give what processes must have in common, by the names that an error calls it."""
    rows = dict(zip(request.names, request.arrays, strict=True))
    data = {f"modality {name!r}": array for name, array in rows.items()}
    data |= {"y": request.y, "sample_weight": request.weight, "presence": request.present}
    if request.mediator is not None:
        data["mediator"] = np.asarray(request.mediator.values)
    frozen: dict[str, Any] = {}
    for name, encoding in zip(request.names, request.encodings, strict=True):
        module = encoding.module
        if isinstance(module, torch.nn.Module) and is_frozen(module):
            state = plain_state(module)
            frozen |= {f"{key} of modality {name!r}": joblib.hash(v) for key, v in state.items()}
    sums = {name: content_sum(value) for name, value in data.items()} | frozen
    simple = {n: v for n, v in request.parameters.items() if isinstance(v, (Real, str, NoneType))}
    return {**sums, **{name: v for name, v in simple.items() if name != "device"}}
