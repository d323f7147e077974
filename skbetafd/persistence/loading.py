"""From the checked content of a file to a fitted estimator: its parameters and encoders."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..fitting.encoder_identity import readings_of
from ..fitting.encodings import AXES, KINDS, try_module
from ..fitting.request import Member
from ..fitting.scaling import ModalityScaler, network_inputs
from ..fitting.trainer import criterion, training_settings
from ..inputs.modality_names import by_name
from ..inputs.validation import Layout
from ..nn.adjustment import ReferenceSet
from ..nn.config import build_network, check_state
from ..nn.encoders import Encoding
from ..training.job import restored_net
from .json_values import by_key, decode
from .model_file import check_fields, check_numbers, unpack

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


MOST_MODALITIES = 1000
"""A network tells of 3 subsets a modality which modalities they have: a square of memory."""


def describe(estimator: Any, document: dict[str, Any], layout: Layout) -> None:
    """Set what tells of the input and of the labels."""
    classes = decode(document["classes"])
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:
        raise ValueError("its classes are no array of two labels or more")
    labels = classes.tolist()
    kinds = {type(label) for label in labels}
    if len(kinds) > 1 or any(isinstance(v, float) and not math.isfinite(v) for v in labels):
        raise ValueError("its labels are of several kinds, NaN or infinite")
    if not kinds <= {str, int, float, bool}:
        raise ValueError(f"its labels are of an unknown kind, {labels[0]!r:.80}")
    if len(set(labels)) < len(labels):
        raise ValueError("a label is there twice")
    if labels != sorted(labels):
        raise ValueError("its labels are not sorted")
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


def layout_from(found: dict[str, Any]) -> Layout:
    """Make the layout of a description.

    Raises
    ------
    ValueError
        If its parts do not fit together.
    """
    kinds = {"names": list, "named": bool, "shapes": list, "columns": list}
    check_fields("its layout", found, {**kinds, "feature_names": list, "flat": bool})
    names, shapes, columns = found["names"], found["shapes"], found["columns"]
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("its modalities have no names")
    if len(set(names)) < len(names):
        raise ValueError("two modalities have the same name")
    if len(names) > MOST_MODALITIES:
        raise ValueError(f"it has {len(names)} modalities, more than {MOST_MODALITIES}")
    if not len(names) == len(shapes) == len(columns) == len(found["feature_names"]):
        raise ValueError("its layout tells of different numbers of modalities")
    positions = []
    for name, shape, own in zip(names, shapes, columns, strict=True):
        check_numbers(f"the shape of {name!r}", shape, least=1)
        check_numbers(f"the columns of {name!r}", own, least=0)
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


def set_learned(
    estimator: Any, document: dict[str, Any], tensors: dict[str, Tensor], device: torch.device
) -> None:
    """Set what was learned; every tensor of the file must have its place."""
    scalers = _scalers(document, tensors, estimator, device)
    config = _network_config(document["network"], estimator)
    inputs = network_inputs(estimator._encodings, scalers)
    histories = decode(document["histories"])
    if not histories or not all(isinstance(h, list) and h for h in histories):
        raise ValueError("it has no history")
    if document["dtype"] not in ("float32", "float64"):
        raise ValueError(f"its networks have numbers of kind {document['dtype']!r:.80}")
    dtype = getattr(torch, document["dtype"])
    own = {f"scalers.{i}.{k}" for i, s in enumerate(scalers) for k in s.state()[1]}
    own |= {
        f"members.{i}.{k}" for i in range(len(histories)) for k in _part(tensors, f"members.{i}.")
    }
    if not document["mass"] > 0:
        raise ValueError(f"its rows have the mass {document['mass']}")
    stray = [name for name in tensors if name not in own]
    if stray:
        raise ValueError(f"it has an unknown tensor {stray[0]!r:.80}")
    parameters = {**parameters_of_fit(estimator), "callbacks": None}
    members = []
    for i, history in enumerate(histories):
        state = _part(tensors, f"members.{i}.network.")
        check_state(config, inputs, state, dtype)
        network = build_network(config, inputs, torch.Generator("cpu").manual_seed(0)).to(dtype)
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
    estimator._standardize = parameters["standardize"]
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
    estimator: Any,
    device: torch.device,
) -> list[ModalityScaler]:
    found, names, scalers = document["scalers"], estimator.modality_names_, []
    if len(found) != len(names):
        raise ValueError(f"it has {len(found)} scalers of {len(names)} modalities")
    for i, (name, encoding) in enumerate(zip(names, estimator._encodings, strict=True)):
        check_fields(f"the scaler of {name!r}", found[i], {"kind": str, "standardised": bool})
        if found[i]["kind"] == "frozen" and not isinstance(encoding.module, torch.nn.Module):
            raise TypeError(
                f"modality {name!r} was read by a frozen module: a frozen module is needed, not "
                f"what makes one, got {encoding.module!r}"
            )
        own = _part(tensors, f"scalers.{i}.")
        scalers.append(ModalityScaler.from_state(found[i], own, encoding, device))
    return scalers


def _network_config(found: dict[str, Any], estimator: Any) -> dict[str, Any]:
    numbers = ("n_classes", "predominant", "hidden_dim", "knowledge_dim", "context_dim")
    check_fields(
        "its network", found, {**dict.fromkeys(numbers, int), "mediator": (dict, type(None))}
    )
    check_numbers("its network", [found[n] for n in numbers if n != "predominant"], least=1)
    mediator = found["mediator"]
    if mediator is not None:
        kinds = {"mediator_dim": int, "n_mediator_samples": (int, type(None))}
        check_fields("its mediator", mediator, kinds)
        check_numbers("its mediator", [v for v in mediator.values() if v is not None], least=1)
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


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def parameters_of_fit(estimator: Any) -> dict[str, Any]:
    """Give the parameters with which the networks were trained: of a search, the best it found."""
    return {**estimator.get_params(deep=False), **getattr(estimator, "best_params_", {})}


def check_agreement(estimator: Any) -> None:
    """Refuse parameters that contradict the networks: set after the fit, or in a forged file.

    Raises
    ------
    ValueError
        Naming the parameter.
    """
    parameters = parameters_of_fit(estimator)
    n_networks = len(estimator.members_)
    if parameters["n_members"] != n_networks:
        raise ValueError(f"it has {n_networks} networks, and n_members={parameters['n_members']!r}")
    for name in ("hidden_dim", "knowledge_dim", "context_dim"):
        learned = getattr(estimator.module_, name)
        if parameters[name] != learned:
            raise ValueError(f"its networks have {name}={learned}, it says {parameters[name]!r}")
    names = estimator.modality_names_
    given = by_name(parameters["encoders"], names, "encoders")
    for name, encoding in zip(names, estimator._encodings, strict=True):
        encoder = given.get(name, "auto")
        kind = encoder if isinstance(encoder, str) else "module"
        if kind != encoding.kind and (kind != "auto" or encoding.kind == "module"):
            raise ValueError(
                f"modality {name!r} is read by {encoding.kind!r}, and encoders says {kind!r}"
            )
