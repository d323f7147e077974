"""What tells one fit from another: by content, without reading a store whole."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import joblib
import numpy as np
import torch

from ._fit_request import FitRequest
from ._readings import described, plain_tensor
from ._scaler_state import scaler_state
from .inputs.row_sources import SparseRows, chunks_of
from .training.device import resolve_device


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
    scalers = [scaler_state(scaler) for scaler in start.scalers]
    return (
        start.predominant,
        start.scores,
        [(d, {k: plain_tensor(v) for k, v in arrays.items()}) for d, arrays in scalers],
        [{k: plain_tensor(v) for k, v in network.items()} for network in start.networks],
    )
