"""From the checked content of a file to a fitted estimator: its parameters and encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._agreement import check_agreement
from ._file_fields import check_fields
from ._json_values import by_key, decode
from ._model_file import unpack
from ._restored_input import describe, layout_from
from ._restored_networks import set_learned
from .fitting.encodings import AXES, KINDS, try_module
from .inputs.modality_names import by_name
from .inputs.validation import Layout
from .nn.encoders import Encoding

OF_THE_MACHINE = ("memory", "checkpoint_dir", "callbacks", "accelerate")
"""Parameters that are objects or places of the machine that saves; no file decides over them."""

EVERYWHERE = ("auto", "cpu")
"""Devices that each machine has."""

OF_A_SEARCH: dict[str, Any] = {
    "beta_": (float, int),
    "best_params_": dict,
    "best_score_": float,
    "best_index_": int,
    "scores_": np.ndarray,
    "cv_results_": dict,
    "n_splits_": int,
}

FIELDS: dict[str, Any] = {
    "format": int,
    "library": str,
    "estimator": str,
    "parameters": dict,
    "classes": dict,
    "layout": dict,
    "feature_names": (list, type(None)),
    "predominant": str,
    "scores": (dict, type(None)),
    "mass": float,
    "best_epoch": (int, type(None)),
    "encodings": list,
    "scalers": list,
    "network": dict,
    "dtype": str,
    "histories": list,
    "search": dict,
}


def restored_from(
    data: bytes,
    estimators: Mapping[str, type],
    device: torch.device,
    encoders: Mapping[str, Any],
) -> Any:
    """Make the estimator of a file's bytes.

    Raises
    ------
    ValueError
        Saying what is wrong with them.
    """
    try:
        return restored(estimators, *unpack(data), device, encoders)
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} is missing") from error
    except (TypeError, IndexError, AttributeError, RuntimeError) as error:
        raise ValueError(str(error)) from error
    except (OverflowError, MemoryError) as error:
        raise ValueError("a number is too large") from error


def restored(
    estimators: Mapping[str, type],
    document: dict[str, Any],
    tensors: dict[str, Tensor],
    device: torch.device,
    encoders: Mapping[str, Any],
) -> Any:
    """Make the estimator that a document and its tensors tell of.

    Raises
    ------
    ValueError, TypeError, KeyError
        If they do not agree, or a value is not what it must be.
    """
    check_fields("its description", document, FIELDS)
    _check_finite(tensors)
    name = document["estimator"]
    if name not in estimators:
        raise ValueError(f"it holds a {name!r:.80}, which is none of {', '.join(estimators)}")
    layout = layout_from(document["layout"])
    encoders = by_name(encoders, layout.names, "encoders")
    parameters = _parameters(estimators[name], document["parameters"], layout, encoders)
    estimator = estimators[name](**parameters)
    estimator._validate_params()
    describe(estimator, document, layout)
    _search(estimator, document["search"])
    estimator._encodings = _encodings(document, layout, encoders)
    set_learned(estimator, document, tensors, device)
    check_agreement(estimator)
    return estimator


def of_the_machine(name: str, value: Any) -> bool:
    """Tell whether a parameter's value is of the machine that saves alone."""
    if name == "device":
        return str(value) not in EVERYWHERE
    return name in OF_THE_MACHINE and bool(value)


def _search(estimator: Any, found: dict[str, Any]) -> None:
    """Set the results of a search."""
    unknown = [key for key in found if key not in OF_A_SEARCH]
    if unknown:
        raise ValueError(f"unknown result of a search, {unknown[0]!r:.80}")
    if hasattr(estimator, "betas") != bool(found):
        raise ValueError(f"a {type(estimator).__name__} and the results of a search do not agree")
    if not found:
        return
    values = {name: decode(value) for name, value in found.items()}
    check_fields("the results of its search", values, OF_A_SEARCH)
    if not 0 <= values["beta_"] <= 1:
        raise ValueError(f"its search has found beta={values['beta_']!r:.80}")
    known = ("beta", *type(estimator)._get_param_names())
    unknown = [key for key in values["best_params_"] if key not in known]
    if unknown:
        raise ValueError(f"its search has found an unknown parameter {unknown[0]!r:.80}")
    for key, value in values.items():
        setattr(estimator, key, value)


def _check_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        user = ".module." in name or name.endswith(".var")  # a step never reached has no variance
        if not user and tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"its tensor {name!r} holds NaN or infinity")


def _parameters(
    estimator: type, found: dict[str, Any], layout: Layout, encoders: Mapping[str, Any]
) -> dict[str, Any]:
    known = estimator._get_param_names()  # type: ignore[attr-defined]
    unknown = [name for name in found if name not in known]
    if unknown:
        raise ValueError(f"it has an unknown parameter {unknown[0]!r:.80}")
    values = {name: decode(value) for name, value in found.items() if name != "encoders"}
    for name, value in values.items():
        if of_the_machine(name, value):
            raise ValueError(f"it sets {name!r}, which no file decides")
    given = found.get("encoders", "auto")
    if isinstance(given, dict):
        given = {
            key: entry if isinstance(entry, str) else _handed_in(name, encoders)
            for key, entry in by_key(given).items()
            for name in by_name({key: entry}, layout.names, "encoders")
        }
    return {**values, "encoders": given}


def _handed_in(name: str, encoders: Mapping[str, Any]) -> Any:
    if name not in encoders:
        raise ValueError(
            f"modality {name!r} is read by a module of the user's, which is not in the file: pass "
            f"it by load(path, encoders={{{name!r}: module}})"
        )
    module = encoders[name]
    if not callable(module):
        raise TypeError(f"encoders: modality {name!r} needs a torch module, got {module!r}")
    return module


def _encodings(
    document: dict[str, Any], layout: Layout, encoders: Mapping[str, Any]
) -> tuple[Encoding, ...]:
    found, out = document["encodings"], []
    if len(found) != len(layout.names):
        raise ValueError(f"it has {len(found)} encoders of {len(layout.names)} modalities")
    fields = {"kind": str, "shape": list, "learning_rate": (float, int, type(None))}
    for name, shape, entry in zip(layout.names, layout.shapes, found, strict=True):
        check_fields(f"the encoder of {name!r}", entry, fields)
        kind = entry["kind"]
        if kind not in (*KINDS, "module") or len(shape) not in AXES.get(kind, (len(shape),)):
            raise ValueError(f"modality {name!r} has an unknown encoder {kind!r:.80}")
        if tuple(entry["shape"]) != shape:
            raise ValueError(f"modality {name!r} has rows of shape {entry['shape']} and {shape}")
        module = _handed_in(name, encoders) if kind == "module" else None
        rate = entry["learning_rate"]
        if rate is not None and not rate > 0:
            raise ValueError(f"modality {name!r} has the learning rate {rate}")
        encoding = Encoding(kind, shape, module, rate)
        if module is not None:
            try_module(name, encoding)
        out.append(encoding)
    return tuple(out)
