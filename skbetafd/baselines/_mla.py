"""MLA: one modality at a time, through one head that is kept from forgetting the others."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ..nn.linear import linear
from ._rule import Rule, RuleTrainer, mean_entropy


class MLA(Rule):
    """Train the modalities in turn on one shared linear head, its gradients kept orthogonal.

    L_m = CE(W z_m + b, y). Encoder m gets the gradient of L_m, the head Σ_m ∇_W L_m · P, where
    after each modality P ← P − (Pr)(Pr)ᵀ / (λ + rᵀPr): so that the next modality moves the head's
    answer to the mean code r of the last but little. λ = .1^(1 + b/B), b = 0..B−1 the batch's
    number in the epoch. P starts from the identity each epoch, as λ starts over: in P⁻¹ = I +
    Σ rrᵀ/λ nothing is ever forgotten, and a head that is never released ends up frozen. The head's
    bias, which answers to all codes alike, is not projected.

    Published with an optimiser's step a modality. Here the gradients of all modalities make one
    step a batch; P still goes from one to the next within it, so only the point at which the later
    modalities' gradients are taken differs. Under AdamW a step is no longer orthogonal to r
    exactly, nor with weight decay.

    The joint head is not trained. A prediction is Σ_m w_m softmax(s_m), w_m ∝ exp(max_j H_j − H_m)
    with H_m the entropy of softmax(s_m), the weights of each row summing to 1: softmax(−H), in
    which the maximum cancels.

    References
    ----------
    Zhang et al., Multimodal Representation Learning by Alternating Unimodal Adaptation, CVPR 2024.
    """

    projector: Tensor

    def prepare(self, network: FusionNetwork, generator: torch.Generator, n_steps: int) -> None:
        """Make the head and the projector."""
        super().prepare(network, generator, n_steps)
        where = network.out.weight
        self.head = linear(network.code_dim, network.n_classes, generator).to(where)
        self.register_buffer("projector", torch.eye(network.code_dim).to(where))
        self.batch = 0

    def begin_epoch(self, network: FusionNetwork, epoch: int, trainer: RuleTrainer) -> None:
        """Start counting batches, and let the head go in all directions again."""
        self.batch = 0
        self.projector.copy_(torch.eye(len(self.projector)))

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate each modality's loss, and their sum."""
        codes = network.encode(batch.xs, batch.masks)
        self.means = [(batch.weight[:, None] * c.detach()).mean(0) for c in codes]
        own = [mean_entropy(self.head(c), batch) for c in codes]
        return {"loss": torch.stack(own).sum()} | {f"own_{m}": loss for m, loss in enumerate(own)}

    def backward(self, network: FusionNetwork, terms: dict[str, Tensor]) -> None:
        """Take each modality's gradients in turn, those of the head projected."""
        total = torch.zeros_like(self.head.weight)
        for m, mean in enumerate(self.means):
            self.head.weight.grad = None
            terms[f"own_{m}"].backward()
            assert self.head.weight.grad is not None
            total += self.head.weight.grad @ self.projector
            self._protect(mean)
        self.head.weight.grad = total
        self.batch += 1

    @torch.no_grad()
    def _protect(self, mean: Tensor) -> None:
        """Take the direction of a mean code out of the projector."""
        damping = 0.1 ** (1 + self.batch / self.n_steps)
        along = self.projector @ mean.to(self.projector)
        self.projector -= torch.outer(along, along) / (damping + mean.to(along) @ along)

    def logits(self, network: FusionNetwork, xs: Sequence[Tensor]) -> Tensor:
        """Log of the modalities' mean probability, weighted by how certain each is of a row."""
        own = torch.stack([self.head(code) for code in network.encode(xs)])
        log_proba = torch.log_softmax(own, dim=2)
        negative_entropy = (log_proba.exp() * log_proba).sum(2, keepdim=True)
        return torch.logsumexp(torch.log_softmax(negative_entropy, dim=0) + log_proba, dim=0)
