"""What a fit in several processes begins with: they must be fitting the same."""

from __future__ import annotations

from dataclasses import replace
from numbers import Real
from types import NoneType
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
import torch

from ._frozen import is_frozen
from .training import check_same_call, from_first, join_processes, resolve_device

if TYPE_CHECKING:
    from ._fitting import FitRequest


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
    for name, encoding in zip(request.names, request.encodings, strict=True):
        module = encoding.module
        if isinstance(module, torch.nn.Module) and is_frozen(module):
            state = module.state_dict()
            data |= {f"{key} of modality {name!r}": v.cpu().numpy() for key, v in state.items()}
    sums = {
        name: (value.shape, value.dtype.str, crc32(np.ascontiguousarray(value).data))
        for name, value in data.items()
    }
    simple = {n: v for n, v in request.parameters.items() if isinstance(v, (Real, str, NoneType))}
    return {**sums, **{name: v for name, v in simple.items() if name != "device"}}
