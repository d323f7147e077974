"""A trained network in its skorch net, without the data it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from skorch import NeuralNet

from ..nn.criterion import Criterion
from .batches import TrainingRows
from .job import Network, TrainingJob, make_net
from .settings import TrainingSettings


def restored_net(
    network: Network,
    criterion: Criterion,
    settings: TrainingSettings,
    history: Sequence[dict[str, Any]],
    device: torch.device,
) -> NeuralNet:
    """Wrap a trained network as `train` does, its history with it."""
    nothing = torch.empty(0, device=device)
    rows = TrainingRows([nothing], nothing, nothing)
    generator = torch.Generator("cpu").manual_seed(0)
    net = make_net(TrainingJob(network, criterion, rows, settings, generator), [])
    net.history.extend(history)
    net.module_.eval()
    net.release()
    return net
