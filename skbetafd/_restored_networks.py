"""From the checked content of a file to what was learned: scalers, networks, references."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ._agreement import parameters_of_fit
from ._file_fields import check_fields, check_numbers
from ._json_values import decode
from .fitting.encoder_identity import readings_of
from .fitting.request import Member
from .fitting.scaling import Scaler, network_inputs, scaler_from, scaler_state
from .fitting.trainer import criterion, training_settings
from .nn.adjustment import ReferenceSet
from .nn.config import build_network, check_state
from .training.job import restored_net


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
    own = {f"scalers.{i}.{k}" for i, s in enumerate(scalers) for k in scaler_state(s)[1]}
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
) -> list[Scaler | None]:
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
        scalers.append(scaler_from(found[i], _part(tensors, f"scalers.{i}."), encoding, device))
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
