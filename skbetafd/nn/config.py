"""A network's widths as plain numbers, and the network of such widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from .encoders import Encoding
from .front_door_network import FrontDoorNetwork
from .mediator import MediatorNetwork


def network_config(network: FrontDoorNetwork | MediatorNetwork) -> dict[str, Any]:
    """Give what, with the encodings of its inputs, a network that sees can be built from again."""
    arguments = {k: v for k, v in network.arguments().items() if k not in ("inputs", "sees")}
    names = [name for name in ("mediator_dim", "n_mediator_samples") if name in arguments]
    mediator = {name: arguments.pop(name) for name in names}
    return {**arguments, "mediator": mediator or None}


def build_network(
    config: Mapping[str, Any], inputs: Sequence[Encoding], generator: torch.Generator
) -> FrontDoorNetwork | MediatorNetwork:
    """Build a network with initial values of its own, as `network_config` tells of one.

    It sees unless ``"sees"`` is False.
    """
    shared = {k: config[k] for k in ("predominant", "hidden_dim", "knowledge_dim", "context_dim")}
    shared["sees"] = config.get("sees", True)
    if config["mediator"] is None:
        return FrontDoorNetwork(inputs, config["n_classes"], **shared, generator=generator)
    return MediatorNetwork(
        inputs, config["n_classes"], **shared, **config["mediator"], generator=generator
    )
