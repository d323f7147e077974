"""From the bytes of a file to a fitted estimator: a skeleton made by code, then its leaves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..fitting.encoder_choice import readings_of, resolve_encodings
from ..fitting.request import FitResult, Member
from ..fitting.scaling import ModalityScaler, network_inputs
from ..fitting.trainer import criterion, training_settings
from ..inputs.modality_names import by_name, modality_position
from ..inputs.validation import Layout
from ..nn.adjustment import ReferenceSet
from ..nn.config import build_network
from ..nn.encoders import Encoding
from ..nn.linear import without_memory
from ..training.job import restored_net
from ..training.settings import resolved
from .json_values import MODULE, decode
from .model_file import unpack
from .saving import (
    MOST_MODALITIES,
    OF_A_SEARCH,
    WIDTHS,
    check_restorable,
    described,
    leaves_of,
    parameters_of_fit,
)

ABSENT = "nothing"
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def restored_from(
    data: bytes,
    estimators: Mapping[str, type],
    device: torch.device,
    encoders: Mapping[str, Any],
) -> Any:
    """Make the estimator that a file describes, if `save` would write that file of it.

    Parameters
    ----------
    data : bytes
        The content of the file.
    estimators : mapping of str to class
        Those that a file may name.
    device : torch.device
        Where the networks go.
    encoders : mapping of str or int to module or callable
        The user's modules, which no file holds.

    Raises
    ------
    Exception
        Of any kind, if the file is broken or forged.
    """
    document, leaves = unpack(data)
    name = document["estimator"]
    if name not in estimators:
        raise ValueError(f"it holds a {name!r:.80}, which is none of {', '.join(estimators)}")
    layout = _layout(document["layout"])
    modules = by_name(encoders, layout.names, "encoders")
    estimator: Any = estimators[name](**_parameters(document["parameters"], layout.names, modules))
    estimator._validate_params()
    _set_search(estimator, document["search"])
    _set_description(estimator, document, layout)
    estimator._encodings = _encodings(document["encodings"], layout, modules)
    estimator._readings = readings_of(layout.names, estimator._encodings)
    _set_learned(estimator, document, leaves, device)
    check_restorable(estimator)
    again, _ = described(estimator)
    own = again["parameters"].items()
    again["parameters"] = {k: v for k, v in own if k in document["parameters"]}
    again["library"] = document["library"]
    _check_same("its description", again, document)
    _check_same("its tensors", _forms(leaves_of(estimator)), _forms(leaves))
    return estimator


def _check_same(place: str, expected: Any, found: Any) -> None:
    """Compare what a file holds with what it must hold; name the place where they differ."""
    if expected == found:
        return
    if isinstance(expected, list) and isinstance(found, list):
        expected, found = dict(enumerate(expected)), dict(enumerate(found))
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in {**expected, **found}:
            inner = f"{place}, {key!r:.80}"
            _check_same(inner, expected.get(key, ABSENT), found.get(key, ABSENT))
    else:
        raise ValueError(f"{place}: expected {expected!r:.80}, got {found!r:.80}")


def _forms(state: Mapping[str, Tensor]) -> dict[str, str]:
    return {name: f"{tensor.dtype} of shape {[*tensor.shape]}" for name, tensor in state.items()}


def _part(leaves: Mapping[str, Tensor], place: str) -> dict[str, Tensor]:
    return {k.removeprefix(place): v for k, v in leaves.items() if k.startswith(place)}


def _leaves_of(
    skeleton: Mapping[str, Tensor], leaves: Mapping[str, Tensor], place: str
) -> dict[str, Tensor]:
    """Return the leaves at a place, which must have the names and forms of those of a skeleton."""
    found = _part(leaves, place)
    _check_same(f"its tensors at {place!r}", _forms(skeleton), _forms(found))
    return found


def _module(name: str, modules: Mapping[str, Any]) -> Any:
    if name not in modules:
        raise ValueError(
            f"modality {name!r} is read by a module of the user's, which is not in the file: pass "
            f"it by load(path, encoders={{{name!r}: module}})"
        )
    if not callable(modules[name]):
        raise TypeError(f"encoders: modality {name!r} needs a torch module, got {modules[name]!r}")
    return modules[name]


def _parameters(
    found: dict[str, Any], names: Sequence[str], modules: Mapping[str, Any]
) -> dict[str, Any]:
    values = decode(found)
    encoders = values.get("encoders")
    if isinstance(encoders, dict):
        values["encoders"] = {
            key: _module(name, modules) if encoder is MODULE else encoder
            for key, encoder in encoders.items()
            for name in by_name({key: encoder}, names, "encoders")
        }
    return values


def _layout(found: dict[str, Any]) -> Layout:
    names, shapes = found["names"], [tuple(map(int, shape)) for shape in found["shapes"]]
    if len(names) > MOST_MODALITIES:
        raise ValueError(f"it has {len(names)} modalities, more than {MOST_MODALITIES}")
    columns = [np.array(own, dtype=np.intp) for own in found["columns"]]
    words = [None if own is None else list(map(str, own)) for own in found["feature_names"]]
    for name, shape, own, said in zip(names, shapes, columns, words, strict=True):
        if min(shape) < 1 or own.shape != (math.prod(shape),):
            raise ValueError(f"modality {name!r} has rows of {shape} and columns of {own.shape}")
        if said is not None and len(said) != len(own):
            raise ValueError(f"modality {name!r} has {len(said)} names of {len(own)} columns")
    positions = np.sort(np.concatenate(columns))
    if not np.array_equal(positions, np.arange(len(positions))):
        raise ValueError("the columns of the modalities overlap or have gaps")
    return Layout(
        names=tuple(map(str, names)),
        named=bool(found["named"]),
        shapes=tuple(shapes),
        columns=dict(zip(names, columns, strict=True)),
        feature_names=dict(zip(names, words, strict=True)),
        flat=bool(found["flat"]),
        sparse=tuple(name for name in names if name in found.get("sparse", ())),
    )


def _set_description(estimator: Any, document: dict[str, Any], layout: Layout) -> None:
    """Set what tells of the input and of the labels."""
    classes = decode(document["classes"])
    kinds = {type(label) for label in classes.tolist()}
    if len(classes) < 2 or len(kinds) > 1 or not kinds <= {str, int, float, bool}:
        raise ValueError("its labels are not two or more strings or numbers of one kind")
    if not np.array_equal(np.unique(classes), classes) or classes[-1] == np.inf:
        raise ValueError(f"its labels are not finite, sorted and each there once: {classes!r:.80}")
    names, features = list(layout.names), document["feature_names"]
    estimator.classes_, estimator._layout = classes, layout
    estimator.modality_names_, estimator.modality_slices_ = names, layout.slices
    estimator.n_features_in_ = sum(map(math.prod, layout.shapes))
    if features is not None:
        if len(features) != estimator.n_features_in_:
            raise ValueError(f"it names {len(features)} of {estimator.n_features_in_} features")
        estimator.feature_names_in_ = np.array(features, dtype=object)


def _set_search(estimator: Any, found: dict[str, Any]) -> None:
    """Set the results of a search."""
    if not hasattr(estimator, "betas"):
        return
    for name, kind in OF_A_SEARCH.items():
        value = decode(found[name])
        if not isinstance(value, kind):
            raise ValueError(f"the search's {name!r} is {value!r:.80}")
        setattr(estimator, name, value)
    unknown = {*estimator.best_params_} - {"beta", *estimator.get_params()}
    if not 0 <= estimator.beta_ <= 1 or unknown:
        raise ValueError(f"the search found beta={estimator.beta_}, {estimator.best_params_}")


def _encodings(
    found: list[dict[str, Any]], layout: Layout, modules: Mapping[str, Any]
) -> tuple[Encoding, ...]:
    kinds, rates = {}, {}
    for name, entry in zip(layout.names, found, strict=True):
        kinds[name] = entry["kind"]
        if entry["kind"] == "module":
            kinds[name], rates[name] = _module(name, modules), entry["learning_rate"]
    no_rows: list[Any] = [None] * len(found)
    return resolve_encodings(kinds, rates, layout.names, layout.shapes, no_rows)


def _set_learned(
    estimator: Any, document: dict[str, Any], leaves: dict[str, Tensor], device: torch.device
) -> None:
    """Set what was learned."""
    names, scores, mass = estimator.modality_names_, document["scores"], float(document["mass"])
    if not 0 < mass < math.inf:
        raise ValueError(f"its rows have the mass {mass}")
    predominant = modality_position(document["predominant"], names)
    scalers = _scalers(estimator, document["scalers"], leaves, device)
    inputs, dtype = network_inputs(estimator._encodings, scalers), DTYPES[document["dtype"]]
    n_classes = len(estimator.classes_)
    parameters = resolved(parameters_of_fit(estimator), math.ceil(mass), n_classes)
    parameters["callbacks"] = None
    config = {name: parameters[name] for name in WIDTHS} | {
        "n_classes": n_classes,
        "predominant": predominant,
        "mediator": document["network"]["mediator"],
    }
    with without_memory():  # a forged file may describe a network that the memory can't hold
        skeleton = build_network(config, inputs, torch.Generator("cpu")).to(dtype).state_dict()
    members = []
    for i, history in enumerate(decode(document["histories"])):
        if not all(isinstance(entry, dict) and "batches" in entry for entry in history):
            raise ValueError("its history is none of skorch's")
        state = _leaves_of(skeleton, leaves, f"members.{i}.network.")
        network = build_network(config, inputs, torch.Generator("cpu").manual_seed(0)).to(dtype)
        network.load_state_dict(state)
        assert network.seeing is not None
        temperature = network.seeing.temperature
        if not (temperature > 0).all():
            raise ValueError(f"its temperatures are {temperature.tolist()}, not above 0")
        net = restored_net(
            network.to(device),
            criterion(parameters, mediated=config["mediator"] is not None),
            training_settings(parameters, [], 0),
            history,
            device,
        )
        members.append(Member(net, _references(network, leaves, f"members.{i}.references.")))
    estimator._standardize = parameters["standardize"]
    known = None if scores is None else np.array([scores[name] for name in names], dtype=float)
    estimator._adopt(FitResult(predominant, known, scalers, members, mass))
    vars(estimator).pop("best_epoch_", None)  # it follows early_stopping, which may be set since
    if document["best_epoch"] is not None:
        estimator.best_epoch_ = int(document["best_epoch"])


def _references(network: Any, leaves: Mapping[str, Tensor], place: str) -> ReferenceSet:
    k = max(1, leaves[f"{place}log_mass"].numel())
    widths = (network.knowledge_dim, network.context_dim, network.auxiliary_dim)
    shapes = [*((k, width) for width in widths), (k,), (), (), ()]
    dtype = next(network.parameters()).dtype
    skeleton = ReferenceSet(*(torch.empty(s, dtype=dtype, device="meta") for s in shapes))
    return ReferenceSet(**_leaves_of(skeleton._asdict(), leaves, place))


def _scalers(
    estimator: Any, found: list[Any], leaves: Mapping[str, Tensor], device: torch.device
) -> list[ModalityScaler]:
    scalers = []
    for i, (entry, encoding) in enumerate(zip(found, estimator._encodings, strict=True)):
        if entry["kind"] == "frozen" and not isinstance(encoding.module, torch.nn.Module):
            raise TypeError(
                f"modality {estimator.modality_names_[i]!r} was read by a frozen module: a frozen "
                f"module is needed, not what makes one, got {encoding.module!r}"
            )
        own = _part(leaves, f"scalers.{i}.")
        scalers.append(ModalityScaler.from_state(entry, own, encoding, device))
    return scalers
