"""MMPareto: a common descent direction of the joint and each own loss."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._utils.sklearn_compat import Interval
from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ._rule import OwnLosses


class MMPareto(OwnLosses):
    """Give each encoder a direction in which neither the joint nor its own loss grows.

    With a = ∇L and b = ∇L_m over encoder m, L_m the cross-entropy of a linear head on its code:
    h = 2λa + 2(1−λ)b, λ = ½ where ⟨a, b⟩ > 0, else ⟨b, b−a⟩ / ‖a−b‖², which then is between 0 and
    1 and makes λa + (1−λ)b the shortest vector between a and b. Each tensor of h that is shorter
    than its a + b is brought to that length, and all are multiplied by γ. The joint head gets ∇L
    and the own heads ∇L_m, unscaled.
    Published with SGD at a learning rate of 2e-3; under Adam the lengths largely cancel.

    Parameters
    ----------
    gamma : float > 0, default=1.5
        γ; published.

    References
    ----------
    Wei and Hu, MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance, ICML 2024.
    """

    constraints: ClassVar[dict[str, list[Any]]] = {
        "gamma": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, gamma: float = 1.5) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate ``"joint"``, ``"own_0"``, ``"own_1"``, … and their sum."""
        joint, own = self.losses(network, batch)
        terms = {"joint": joint, **{f"own_{m}": loss for m, loss in enumerate(own)}}
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def backward(self, network: FusionNetwork, terms: dict[str, Tensor]) -> None:
        """Take the gradients of each loss by itself, and combine those of the encoders."""
        everything = list(network.parameters())
        joint = torch.autograd.grad(terms["joint"], everything, retain_graph=True)
        gradients = dict(zip(everything, joint, strict=True))
        for m, (encoder, head) in enumerate(zip(network.encoders, self.heads, strict=True)):
            common, private = list(encoder.parameters()), list(head.parameters())
            own = torch.autograd.grad(terms[f"own_{m}"], common + private)
            both = self._combined([gradients[p] for p in common], own[: len(common)])
            gradients.update(zip(common + private, both + list(own[len(common) :]), strict=True))
        for parameter, gradient in gradients.items():
            parameter.grad = gradient

    def _combined(self, joint: Sequence[Tensor], own: Sequence[Tensor]) -> list[Tensor]:
        share = _joint_share(joint, own)
        pairs = list(zip(joint, own, strict=True))
        return [
            self.gamma * _lengthened(2 * share * a + 2 * (1 - share) * b, a + b) for a, b in pairs
        ]


def _joint_share(joint: Sequence[Tensor], own: Sequence[Tensor]) -> Tensor:
    """λ of one encoder's gradients, over all its tensors."""
    a, b = (torch.cat([g.flatten() for g in gradients]) for gradients in (joint, own))
    between = b - a
    tiny = torch.finfo(a.dtype).tiny  # both are 0
    nearest = b.dot(between) / between.square().sum().clamp_min(tiny)
    return torch.where(a.dot(b) > 0, 0.5, nearest)


def _lengthened(vector: Tensor, model: Tensor) -> Tensor:
    """Bring a tensor that is shorter than its model, and not 0, to the model's length."""
    length = vector.norm()
    return torch.where(length > 0, vector * (model.norm() / length).clamp_min(1), vector)
