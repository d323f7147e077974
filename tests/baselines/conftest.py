"""Small fits, and networks whose codes and logits can be read off the rows."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from skbetafd.baselines import FusionClassifier
from skbetafd.nn.fusion_network import FusionNetwork


@pytest.fixture(scope="session")
def see_through() -> Callable[[int], FusionNetwork]:
    """Make networks that show positive rows: code m is x_m, the logits are the sum of the codes."""

    def make(n_modalities: int) -> FusionNetwork:
        network = FusionNetwork(
            [2] * n_modalities, 2, hidden_dim=2, code_dim=2, generator=torch.Generator()
        ).double()
        for parameter in network.parameters():
            torch.nn.init.eye_(parameter) if parameter.dim() == 2 else torch.nn.init.zeros_(
                parameter
            )
        return network

    return make


@pytest.fixture(scope="session")
def showing() -> Callable[..., torch.Tensor]:
    """Make positive logits of two classes with given probabilities of the first."""

    def make(*p: float) -> torch.Tensor:
        p_first = torch.tensor(p, dtype=torch.float64)
        logits = torch.stack([p_first, 1 - p_first], 1).log() + 20
        return logits.requires_grad_()

    return make


@pytest.fixture(scope="session")
def fitted() -> Callable[..., FusionClassifier]:
    """Fit a small classifier by a rule."""

    def make(
        X: Any, y: Any, balancing: str | None, sample_weight: Any = None, **parameters: Any
    ) -> FusionClassifier:
        small = {"max_epochs": 3, "hidden_dim": 8, "knowledge_dim": 4, "random_state": 0}
        clf = FusionClassifier(balancing=balancing, **(small | parameters))
        return clf.fit(X, y, sample_weight=sample_weight)

    return make


@pytest.fixture(scope="session")
def weights() -> Callable[[torch.nn.Module], np.ndarray]:
    """Return all parameters of a module."""

    def flat(module: torch.nn.Module) -> np.ndarray:
        return torch.cat([p.detach().float().flatten() for p in module.parameters()]).numpy()

    return flat
