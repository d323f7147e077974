"""G-Blend: gradient blending by overfitting-to-generalisation ratios."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .._utils.sklearn_compat import Interval
from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ._rule import OwnLosses, Rule, RuleTrainer, mean_entropy


class GBlend(OwnLosses):
    """Weigh each modality's loss and the joint loss by what they generalise for what they overfit.

    ``Σ_k w_k L_k``, k = 1..M the modalities' own linear heads and k = M+1 the joint head. Every
    `period` epochs, copies of the network and heads are trained from where they are, each on one
    L_k alone. With ΔG_k the copy's change of validation loss and ΔO_k that of (validation −
    training) loss, w_k ∝ |ΔG_k / ΔO_k²|, Σ w_k = 1.

    A copy is trained for the period's epochs, the last period's being those that are left, on a
    one-cycle schedule of its own; it draws from a generator of its own and calls none of the
    user's callbacks. Cost: M+2 times that of joint training. A gap that hardly changes, as a weak
    modality's does, decides by its square: it can take nearly all the weight. Under Adam the scale
    of a head's own gradient cancels, so that w acts by which loss drives an encoder.

    Parameters
    ----------
    period : int >= 1, default=10
        Epochs from one weighing to the next; the first is before the first epoch.
    floor : float > 0, default=1e-2
        Least |ΔO_k|, in nats: without it, a loss whose gap happens to stay as it was would
        take all the weight.

    References
    ----------
    Wang et al., What Makes Training Multi-modal Classification Networks Hard?, CVPR 2020.
    """

    needs_validation: ClassVar[bool] = True
    weights: Tensor

    constraints: ClassVar[dict[str, list[Any]]] = {
        "period": [Interval(Integral, 1, None, closed="left")],
        "floor": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, period: int = 10, floor: float = 1e-2) -> None:
        super().__init__()
        self.period, self.floor = period, floor

    def prepare(self, network: FusionNetwork, generator: torch.Generator, n_steps: int) -> None:
        """Make the heads, and weights that are equal until the first weighing."""
        super().prepare(network, generator, n_steps)
        n_losses = len(self.heads) + 1
        self.register_buffer("weights", network.out.weight.new_full((n_losses,), 1 / n_losses))

    def begin_epoch(self, network: FusionNetwork, epoch: int, trainer: RuleTrainer) -> None:
        """Weigh the losses anew where a period begins."""
        if epoch % self.period:
            return
        n_epochs = min(self.period, int(trainer.parameters["max_epochs"]) - epoch)
        aside = trainer.aside(self.generator)
        trials = [_trial(network, h, m, aside, n_epochs) for m, h in enumerate([*self.heads, None])]
        before, after = torch.tensor(trials, dtype=torch.float64, device="cpu").unbind(1)
        self.weights.copy_(blend_weights(before, after, self.floor))

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the blended loss."""
        joint, own = self.losses(network, batch)
        return {"loss": (self.weights * torch.stack([*own, joint])).sum(), "joint": joint}


class OneLoss(Rule):
    """Train on one loss of several: that of `head` on one modality's code, or the joint loss."""

    def __init__(self, head: nn.Module | None, modality: int) -> None:
        super().__init__()
        self.head, self.modality = head, modality

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the loss."""
        return {"loss": mean_entropy(self._logits(network, batch.xs, batch.masks), batch)}

    def logits(self, network: FusionNetwork, xs: Sequence[Tensor]) -> Tensor:
        """Logits (n, n_classes) of the head that is trained."""
        return self._logits(network, xs, None)

    def _logits(
        self, network: FusionNetwork, xs: Sequence[Tensor], masks: Sequence[Tensor] | None
    ) -> Tensor:
        if self.head is None:
            return network(xs, masks)
        m = self.modality
        return self.head(network.encoders[m](xs[m], masks[m] if masks else None))


def _trial(
    network: FusionNetwork,
    head: nn.Module | None,
    modality: int,
    trainer: RuleTrainer,
    n_epochs: int,
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Train a copy on one loss; give its (training, validation) loss before and after."""
    rule, network = OneLoss(deepcopy(head), modality), deepcopy(network)
    before = trainer.loss(rule, network, trainer.rows), trainer.loss(rule, network)
    trainer.train(rule, network=network, max_epochs=n_epochs, early_stopping=False)
    return before, (trainer.loss(rule, network, trainer.rows), trainer.loss(rule, network))


def blend_weights(before: Tensor, after: Tensor, floor: float) -> Tensor:
    """w_k ∝ |ΔG_k / ΔO_k²| of (training, validation) losses (n_losses, 2), summing to 1."""
    change = after - before
    overfitting = (change[:, 1] - change[:, 0]).abs().clamp_min(floor)
    ratio = change[:, 1].abs() / overfitting.square()
    if ratio.sum() == 0:
        return torch.full_like(ratio, 1 / len(ratio))
    return ratio / ratio.sum()
