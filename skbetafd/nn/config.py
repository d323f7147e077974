"""A network's widths as plain numbers, and the network of such widths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .encoders import Encoding
from .features import channels_last
from .front_door import FrontDoorNetwork
from .linear import without_memory
from .mediator import MediatorNetwork


def network_config(network: FrontDoorNetwork | MediatorNetwork) -> dict[str, Any]:
    """Give what, with the encodings of its inputs, a network can be built from again."""
    arguments = {k: v for k, v in network.arguments().items() if k != "inputs"}
    names = [name for name in ("mediator_dim", "n_mediator_samples") if name in arguments]
    mediator = {name: arguments.pop(name) for name in names}
    return {**arguments, "mediator": mediator or None}


def build_network(
    config: Mapping[str, Any], inputs: Sequence[Encoding], generator: torch.Generator
) -> FrontDoorNetwork | MediatorNetwork:
    """Build a network with initial values of its own, as `network_config` tells of one."""
    shared = {k: config[k] for k in ("predominant", "hidden_dim", "knowledge_dim", "context_dim")}
    if config["mediator"] is None:
        return FrontDoorNetwork(inputs, config["n_classes"], **shared, generator=generator)
    return MediatorNetwork(
        inputs, config["n_classes"], **shared, **config["mediator"], generator=generator
    )


def check_state(
    config: Mapping[str, Any],
    inputs: Sequence[Encoding],
    state: Mapping[str, Tensor],
    dtype: torch.dtype,
) -> None:
    """Refuse a state that is not a network's of this config, before memory is taken for one.

    Raises
    ------
    ValueError
        Naming the tensor that is unknown, missing, or of another shape or kind.
    """
    _check_sizes(config, inputs, state)
    with without_memory():
        own = build_network(config, inputs, torch.Generator("cpu")).to(dtype).state_dict()
    for name in [*own, *state]:
        if name not in own or name not in state:
            raise ValueError(f"the network's tensor {name!r:.80} is unknown or missing")
        a, b = own[name], state[name]
        if a.shape != b.shape or a.dtype != b.dtype:
            raise ValueError(
                f"the network's tensor {name!r} has shape {tuple(b.shape)} of {b.dtype}, expected "
                f"{tuple(a.shape)} of {a.dtype}"
            )


def _check_sizes(
    config: Mapping[str, Any], inputs: Sequence[Encoding], state: Mapping[str, Tensor]
) -> None:
    """Refuse widths that a state does not have; the rest of its shapes follow from them.

    Raises
    ------
    ValueError
        Naming the tensor that is missing or of another shape.
    """
    hidden, code = config["hidden_dim"], config["knowledge_dim"]
    expected: dict[str, tuple[int | None, ...]] = {
        "head.knowledge.weight": (hidden, code),
        "head.context.weight": (hidden, config["context_dim"]),
        "head.out.weight": (config["n_classes"], hidden),
    }
    mediator = config["mediator"]
    if mediator is not None and mediator["n_mediator_samples"] is None:
        expected["mediator.code.weight"] = (code, mediator["mediator_dim"])
    elif mediator is not None:
        points = (mediator["n_mediator_samples"], mediator["mediator_dim"])
        expected["mediator.points"] = points
        n_columns = mediator["mediator_dim"]
        parameters = n_columns + n_columns * (n_columns + 1) // 2
        expected["reading.out.weight"] = (parameters, hidden)
    others = [m for m in range(len(inputs)) if m != config["predominant"]]
    prefixes = [("knowledge", config["predominant"])]
    prefixes += [(f"auxiliary.{i}", m) for i, m in enumerate(others)]
    for prefix, m in prefixes:
        expected |= {f"{prefix}.{name}": s for name, s in _first_layer(inputs[m]).items()}
    for name, shape in expected.items():
        found = tuple(state[name].shape) if name in state else None
        same = found is not None and len(found) == len(shape)
        if not same or any(s not in (None, f) for s, f in zip(shape, found or (), strict=True)):
            raise ValueError(f"the network's {name!r} has shape {found}, expected {shape}")


def _first_layer(encoding: Encoding) -> dict[str, tuple[int | None, ...]]:
    """Shape of the layer by whose size the shape of a row is bounded; None: any number."""
    kind, shape = encoding.kind, encoding.shape
    if kind == "linear":
        return {"code.weight": (None, encoding.width)}
    if kind == "mlp":
        return {"hidden.weight": (None, encoding.width)}
    if kind == "sequence":
        return {"features.gru.weight_ih_l0": (None, shape[-1])}
    if kind == "module":
        return {}
    axes = int(kind[4])
    sides = shape[:-1] if axes == 1 or channels_last(shape) else shape[-axes:]
    size = (None, math.prod(shape) // math.prod(sides), *[None] * axes)
    return {"features.layers.0.weight": size}
