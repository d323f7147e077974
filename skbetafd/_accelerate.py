"""What a fit in several processes begins with: they must be fitting the same."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from types import NoneType
from typing import Any

import joblib
import numpy as np
import torch

from ._fit_keys import content_sum
from ._fit_request import FitRequest
from ._frozen import is_frozen
from ._readings import plain_state
from .training.accelerated import check_same_call, from_first, join_processes
from .training.device import resolve_device


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
