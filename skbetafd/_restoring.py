"""From the checked content of a file to a fitted estimator."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._encodings import AXES, KINDS
from ._fit_request import Member
from ._fitting import criterion, training_settings
from ._inputs import Layout
from ._json_values import decode
from ._readings import readings_of
from ._scaler_state import scaler_from, scaler_state
from ._scaling import Scaler, network_inputs
from .nn import Encoding, ReferenceSet, build_network, check_state
from .training import restored_net

OF_THE_MACHINE = ("memory", "checkpoint_dir", "callbacks", "accelerate")
"""Parameters that are objects or places of the machine that saves; no file decides over them."""

OF_A_SEARCH = (
    "beta_",
    "best_params_",
    "best_score_",
    "best_index_",
    "scores_",
    "cv_results_",
    "n_splits_",
)

LARGEST_NUMBER = 2**40
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
    _check_fields("its description", document, FIELDS)
    _check_finite(tensors)
    name = document["estimator"]
    if name not in estimators:
        raise ValueError(f"it holds a {name!r:.80}, which is none of {', '.join(estimators)}")
    estimator = estimators[name](**_parameters(estimators[name], document["parameters"], encoders))
    estimator._validate_params()
    _describe(estimator, document)
    estimator._encodings = _encodings(document, estimator._layout, encoders)
    _learned(estimator, document, tensors, device)
    for key, value in document["search"].items():
        if key not in OF_A_SEARCH:
            raise ValueError(f"unknown result of a search, {key!r:.80}")
        setattr(estimator, key, decode(value))
    if document["search"] and not (
        type(estimator.beta_) in (float, int) and 0 <= estimator.beta_ <= 1
    ):
        raise ValueError(f"its search has found beta={estimator.beta_!r:.80}")
    if hasattr(estimator, "betas") != bool(document["search"]):
        raise ValueError(f"a {name} and the results of a search do not agree")
    return estimator


def _check_fields(what: str, found: Any, fields: Mapping[str, Any]) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{what} is a {type(found).__name__}")
    for name in [*found, *fields]:
        if name not in fields:
            raise ValueError(f"{what} has an unknown entry {name!r:.80}")
        if name not in found:
            raise ValueError(f"{what} lacks {name!r}")
        value, kind = found[name], fields[name]
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise ValueError(f"{what}: {name!r} is a {type(value).__name__}, {value!r:.80}")


def _check_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        user = ".module." in name or name.endswith(".var")  # a step never reached has no variance
        if not user and tensor.is_floating_point() and not tensor.isfinite().all():
            raise ValueError(f"its tensor {name!r} holds NaN or infinity")


def _parameters(
    estimator: type, found: dict[str, Any], encoders: Mapping[str, Any]
) -> dict[str, Any]:
    known = estimator._get_param_names()  # type: ignore[attr-defined]
    unknown = [name for name in found if name not in known]
    if unknown:
        raise ValueError(f"it has an unknown parameter {unknown[0]!r:.80}")
    for name in OF_THE_MACHINE:
        if found.get(name):
            raise ValueError(f"it sets {name!r}, which no file decides")
    values = {name: decode(value) for name, value in found.items() if name != "encoders"}
    given = found.get("encoders", "auto")
    if isinstance(given, dict):
        given = {
            n: _handed_in(n, encoders) if not isinstance(e, str) else e for n, e in given.items()
        }
    return {**values, "encoders": given}


def _handed_in(name: str, encoders: Mapping[str, Any]) -> Any:
    if name not in encoders:
        raise ValueError(
            f"modality {name!r} is read by a module of the user's, which is not in the file: pass "
            f"it by load(path, encoders={{{name!r}: module}})"
        )
    return encoders[name]


def _describe(estimator: Any, document: dict[str, Any]) -> None:
    """Set what tells of the input and of the labels."""
    classes = decode(document["classes"])
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:
        raise ValueError("its classes are no array of two labels or more")
    labels = classes.tolist()
    if len({type(label) for label in labels}) > 1 or any(label != label for label in labels):
        raise ValueError("its labels are of several kinds, or NaN")
    if len(set(labels)) < len(labels):
        raise ValueError("a label is there twice")
    layout = _layout(document["layout"])
    estimator.classes_, estimator._layout = classes, layout
    estimator.modality_names_, estimator.modality_slices_ = list(layout.names), layout.slices
    estimator.n_features_in_ = sum(len(columns) for columns in layout.columns.values())
    names = document["feature_names"]
    if names is not None:
        if len(names) != estimator.n_features_in_ or not all(isinstance(n, str) for n in names):
            raise ValueError(f"it has {len(names)} names of {estimator.n_features_in_} features")
        estimator.feature_names_in_ = np.asarray(names, dtype=object)
    scores = document["scores"]
    if document["predominant"] not in layout.names:
        raise ValueError(f"its predominant modality {document['predominant']!r:.80} is not there")
    if scores is not None and (
        list(scores) != list(layout.names) or not all(type(s) is float for s in scores.values())
    ):
        raise ValueError("its scores are not those of the modalities")
    estimator.predominant_, estimator.modality_scores_ = document["predominant"], scores


def _layout(found: dict[str, Any]) -> Layout:
    kinds = {"names": list, "named": bool, "shapes": list, "columns": list}
    _check_fields("its layout", found, {**kinds, "feature_names": list, "flat": bool})
    names, shapes, columns = found["names"], found["shapes"], found["columns"]
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("its modalities have no names")
    if len(set(names)) < len(names):
        raise ValueError("two modalities have the same name")
    if not len(names) == len(shapes) == len(columns) == len(found["feature_names"]):
        raise ValueError("its layout tells of different numbers of modalities")
    positions = []
    for name, shape, own in zip(names, shapes, columns, strict=True):
        _check_numbers(f"the shape of {name!r}", shape, least=1)
        _check_numbers(f"the columns of {name!r}", own, least=0)
        if math.prod(shape) != len(own):
            raise ValueError(f"modality {name!r} has rows of shape {shape} and {len(own)} columns")
        positions += own
    if sorted(positions) != list(range(len(positions))):
        raise ValueError("the columns of the modalities overlap or have gaps")
    for name, own, said in zip(names, columns, found["feature_names"], strict=True):
        words = isinstance(said, list) and all(isinstance(word, str) for word in said)
        if said is not None and not (words and len(said) == len(own)):
            raise ValueError(f"the feature names of {name!r} are not one a column")
    return Layout(
        names=tuple(names),
        named=found["named"],
        shapes=tuple(tuple(shape) for shape in shapes),
        columns={n: np.array(own) for n, own in zip(names, columns, strict=True)},
        feature_names=dict(zip(names, found["feature_names"], strict=True)),
        flat=found["flat"],
    )


def _check_numbers(what: str, values: Any, *, least: int) -> None:
    if not isinstance(values, list) or not values:
        raise ValueError(f"{what} is empty or no list")
    for value in values:
        if type(value) is not int or not least <= value <= LARGEST_NUMBER:
            raise ValueError(f"{what} holds {value!r:.80}")


def _encodings(
    document: dict[str, Any], layout: Layout, encoders: Mapping[str, Any]
) -> tuple[Encoding, ...]:
    found, out = document["encodings"], []
    if len(found) != len(layout.names):
        raise ValueError(f"it has {len(found)} encoders of {len(layout.names)} modalities")
    fields = {"kind": str, "shape": list, "learning_rate": (float, int, type(None))}
    for name, shape, entry in zip(layout.names, layout.shapes, found, strict=True):
        _check_fields(f"the encoder of {name!r}", entry, fields)
        kind = entry["kind"]
        if kind not in (*KINDS, "module") or len(shape) not in AXES.get(kind, (len(shape),)):
            raise ValueError(f"modality {name!r} has an unknown encoder {kind!r:.80}")
        if tuple(entry["shape"]) != shape:
            raise ValueError(f"modality {name!r} has rows of shape {entry['shape']} and {shape}")
        module = _handed_in(name, encoders) if kind == "module" else None
        out.append(Encoding(kind, shape, module, entry["learning_rate"]))
    return tuple(out)


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _learned(
    estimator: Any, document: dict[str, Any], tensors: dict[str, Tensor], device: torch.device
) -> None:
    """Set what was learned; every tensor of the file must have its place."""
    scalers = _scalers(document, tensors, estimator._encodings, device)
    config = _network_config(document["network"], estimator)
    inputs = network_inputs(estimator._encodings, scalers)
    histories = decode(document["histories"])
    if not histories or not all(isinstance(h, list) and h for h in histories):
        raise ValueError("it has no history")
    if document["dtype"] not in ("float32", "float64"):
        raise ValueError(f"its networks have numbers of kind {document['dtype']!r:.80}")
    dtype = getattr(torch, document["dtype"])
    own = {f"scalers.{i}.{k}" for i, s in enumerate(scalers) for k in scaler_state(s)[1]}
    own |= {
        f"members.{i}.{k}" for i in range(len(histories)) for k in _part(tensors, f"members.{i}.")
    }
    if not document["mass"] > 0:
        raise ValueError(f"its rows have the mass {document['mass']}")
    if estimator.n_members != len(histories):
        raise ValueError(f"it has {len(histories)} networks, and n_members={estimator.n_members}")
    stray = [name for name in tensors if name not in own]
    if stray:
        raise ValueError(f"it has an unknown tensor {stray[0]!r:.80}")
    parameters = {**estimator.get_params(deep=False), "callbacks": None}
    members = []
    for i, history in enumerate(histories):
        state = _part(tensors, f"members.{i}.network.")
        check_state(config, inputs, state, dtype)
        network = build_network(config, inputs).to(dtype)
        network.load_state_dict(state)
        net = restored_net(
            network.to(device),
            criterion(parameters, mediated=config["mediator"] is not None),
            training_settings(parameters, [], 0),
            _history(history),
            device,
        )
        members.append(Member(net, _references(_part(tensors, f"members.{i}."), config, dtype)))
    estimator._scalers, estimator.members_ = scalers, members
    estimator._standardize = estimator.standardize
    estimator._readings = readings_of(estimator._encodings)
    estimator.net_, estimator.references_ = members[0]
    estimator.history_ = estimator.net_.history
    estimator.n_iter_ = len(estimator.history_)
    estimator._mass = document["mass"]
    if document["best_epoch"] is not None:
        estimator.best_epoch_ = document["best_epoch"]


def _history(history: list[Any]) -> list[dict[str, Any]]:
    for entry in history:
        if not isinstance(entry, dict) or not isinstance(entry.get("batches"), list):
            raise ValueError("its history is none of skorch's")
    return history


def _scalers(
    document: dict[str, Any],
    tensors: Mapping[str, Tensor],
    encodings: tuple[Encoding, ...],
    device: torch.device,
) -> list[Scaler | None]:
    found = document["scalers"]
    if len(found) != len(encodings):
        raise ValueError(f"it has {len(found)} scalers of {len(encodings)} modalities")
    for entry in found:
        _check_fields("a scaler", entry, {"kind": str, "standardised": bool})
    return [
        scaler_from(entry, _part(tensors, f"scalers.{i}."), encoding, device)
        for i, (entry, encoding) in enumerate(zip(found, encodings, strict=True))
    ]


def _network_config(found: dict[str, Any], estimator: Any) -> dict[str, Any]:
    numbers = ("n_classes", "predominant", "hidden_dim", "knowledge_dim", "context_dim")
    _check_fields(
        "its network", found, {**dict.fromkeys(numbers, int), "mediator": (dict, type(None))}
    )
    _check_numbers("its network", [found[n] for n in numbers if n != "predominant"], least=1)
    mediator = found["mediator"]
    if mediator is not None:
        kinds = {"mediator_dim": int, "n_mediator_samples": (int, type(None))}
        _check_fields("its mediator", mediator, kinds)
        _check_numbers("its mediator", [v for v in mediator.values() if v is not None], least=1)
    names = estimator.modality_names_
    if found["predominant"] != names.index(estimator.predominant_):
        raise ValueError(f"its network has the predominant modality {found['predominant']}")
    if found["n_classes"] != len(estimator.classes_):
        raise ValueError(
            f"its network tells {found['n_classes']} classes, its labels are "
            f"{len(estimator.classes_)}"
        )
    return found


def _references(
    part: dict[str, Tensor], config: dict[str, Any], dtype: torch.dtype
) -> ReferenceSet:
    stray = [n for n in part if not n.startswith(("network.", "references."))]
    found = _part(part, "references.")
    stray += [name for name in found if name not in ReferenceSet._fields]
    if stray:
        raise ValueError(f"it has an unknown tensor {stray[0]!r:.80}")
    references = ReferenceSet(**{name: found[name] for name in ReferenceSet._fields})
    k = len(references.log_mass) if references.log_mass.dim() else 0
    weight = _part(part, "network.").get("head.auxiliary.weight")
    widths = (
        config["knowledge_dim"],
        config["context_dim"],
        0 if weight is None else weight.shape[1],
    )
    shapes = [*((k, width) for width in widths), (k,), (), (), ()]
    for name, tensor, shape in zip(references._fields, references, shapes, strict=True):
        if tuple(tensor.shape) != shape or tensor.dtype != dtype or not k:
            raise ValueError(
                f"the references' {name!r} have shape {tuple(tensor.shape)} of {tensor.dtype}, "
                f"expected {shape} of {dtype}"
            )
    return references
