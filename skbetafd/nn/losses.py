"""The training criterion: outcome, discriminative knowledge, disentanglement, label."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from .criterion import Batch, Criterion
from .dependence import directed_hsic, info_nce
from .front_door_network import Codes, FrontDoorNetwork, ModalityEncoders
from .seeing_network import SeeingLoss, weighted_entropy

LABEL_START = 0.2
"""Share of the epochs before the label and the opinion count.

From the first epoch on, knowledge may take what confounds before the context has it, and keep it:
log-loss at β = 1 under a randomised tint 1.36 and 1.56 on the raw images of av_mnist and
fashion_mnist, 1.09 and 1.43 with this, 1.06 and 1.42 at .3, but 1.09, 1.12 and 1.16 on kar/mor
(seeds 50 and 51).
"""


class FrontDoorLoss(Criterion):
    """The criterion, on a batch of own triples (never on the β mixture).

    ``CE(head(z, s, a), y) + knowledge_weight · InfoNCE(P_z z, P_a a)
    + disentangle_weight · D + label_weight · (1 − p_y) + CE(withheld, y) + seeing`` with
    ``p = softmax(linear(z))`` and ``D = HSIC(z, [s]) + HSIC(s, [a]) + HSIC(s, [p])``. What stands
    in brackets is held fixed: knowledge leaves what context holds, and context leaves what the
    auxiliaries or knowledge hold of the label. Moved from both sides, HSIC(z, s) would be content
    with a context that forgets what confounds, and leave that in the knowledge. Without the last
    part, context takes over what knowledge alone could know, and β = 1 loses it.

    The label's term is the expected error of knowledge alone (the mean absolute error of its
    probabilities), not their cross-entropy. That would weigh the rows of the less likely labels
    most, whose labels what confounds has moved, and draw the confounder into the knowledge. A row
    whose label knowledge holds for unlikely moves nothing here: it is left to the context.

    The label counts in its two places after a fifth of the epochs: the context has first say on
    what the auxiliaries do not know.

    A term of weight 0 is not computed, and without the label term neither is the last part of D;
    without an auxiliary modality there is no knowledge, no disentangle and no withheld term. The
    last is the head's loss at a subset of the auxiliaries, and moves no code. Seeing is the loss
    of the seeing network, if there is one, which shares nothing with the rest, see `SeeingLoss`.
    A row that lacks a modality counts in the terms for which it has what they need.

    Parameters
    ----------
    knowledge_weight, disentangle_weight, label_weight : float or Tensor of shape (k,)
        Weights of the terms; one for each of k stacked models.
    temperature : float
        τ of the knowledge loss.

    References
    ----------
    Ghosh, Kumar & Sastry, Robust Loss Functions under Label Noise for Deep Neural Networks,
    AAAI 2017: the mean absolute error of probabilities.
    """

    def __init__(
        self,
        *,
        knowledge_weight: float | Tensor,
        disentangle_weight: float | Tensor,
        label_weight: float | Tensor,
        temperature: float,
    ) -> None:
        super().__init__()
        self.weights: dict[str, float | Tensor] = {
            "label": label_weight,
            "knowledge": knowledge_weight,
            "disentangle": disentangle_weight,
        }
        self.active = {
            n for n, w in self.weights.items() if bool(w.any() if torch.is_tensor(w) else w)
        }
        self.temperature = temperature
        self.label_counts = True

    def shared(self) -> Hashable:
        """Return which terms are computed, and the temperature."""
        return frozenset(self.active), self.temperature

    def stacked(self, criteria: Sequence[FrontDoorLoss], like: Tensor) -> FrontDoorLoss:
        """Return the criterion of several models, with the weights of each."""
        weights = {
            f"{name}_weight": like.new_tensor([c.weights[name] for c in criteria])
            for name in self.weights
        }
        return FrontDoorLoss(**weights, temperature=self.temperature)

    def set_epoch(self, epoch: int, max_epochs: int) -> None:
        """Let the label count, or not yet."""
        self.label_counts = epoch >= int(LABEL_START * max_epochs)

    def forward(self, network: FrontDoorNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate ``"loss"`` and its unweighted terms.

        Every tensor may have a leading axis of k models whose parameters are stacked.
        """
        weight, present = batch.weight, batch.present
        mask = batch.head_mask
        codes = network.encode(batch.xs, batch.masks)
        complete = weight if present is None else weight * present.prod(-1)
        predominant = _with_predominant(batch)
        terms = seeing_terms(network, batch)
        outcome = network.outcome(codes, _shown(batch), mask)
        terms["outcome"] = weighted_entropy(outcome, batch, predominant)
        if network.auxiliaries:
            fixed = Codes(*(code.detach() for code in codes))
            some = network.subset(present, codes.knowledge)[..., 1:]
            withheld = network.outcome(fixed, some, mask)
            terms["withheld"] = weighted_entropy(withheld, batch, predominant)
        label = None
        if "label" in self.active:
            label = network.knowledge_label(codes.knowledge)
            terms["label"] = _expected_error(label, batch, predominant)
        if network.auxiliaries and "knowledge" in self.active:
            left = network.project_knowledge(codes.knowledge)
            right = network.project_auxiliary(codes.auxiliary)
            left, right, rows = self.whole_batch(left, right, complete)
            terms["knowledge"] = info_nce(left, right, rows, self.temperature)
        if network.auxiliaries and "disentangle" in self.active:
            opinion = label if self.label_counts else None
            terms["disentangle"] = self._disentangle(codes, opinion, predominant, complete)
        weights = {**self.weights, "label": self.weights["label"] * self.label_counts}
        weighted = [weights.get(name, 1.0) * term for name, term in terms.items()]
        return {"loss": torch.stack(weighted).sum(0), **terms}

    def held_out_loss(self, network: FrontDoorNetwork, batch: Batch) -> Tensor:
        """Weighted cross-entropy, see `held_out_logits`."""
        weight = _with_predominant(batch) if network.seeing is None else batch.weight
        return weighted_entropy(self.held_out_logits(network, batch), batch, weight)

    def held_out_logits(self, network: FrontDoorNetwork, batch: Batch) -> Tensor:
        """Logits of P_0; where no network sees, of the head at each row's own context."""
        if network.seeing is None:
            return network.outcome(network.encode(batch.xs), _shown(batch))
        return network.seeing([batch.xs[m] for m in network.order], batch.present)

    def _disentangle(
        self, codes: Codes, label: Tensor | None, predominant: Tensor, complete: Tensor
    ) -> Tensor:
        """Sum three dependences, each of which moves its first code alone."""
        parts = [codes.knowledge, codes.context, codes.auxiliary]
        weights = [predominant, predominant, complete]
        links: list[tuple[int, int, float | Tensor]] = [(0, 1, 1.0), (1, 2, 1.0)]
        if label is not None:
            parts.append(label.detach().softmax(-1))
            weights.append(predominant)
            weight = self.weights["label"]
            scale = (weight != 0).to(predominant.dtype) if torch.is_tensor(weight) else 1.0
            links.append((1, 3, scale))
        compared = self.whole_batch(*parts, *weights)
        return directed_hsic(compared[: len(parts)], compared[len(parts) :], links)


def _expected_error(logits: Tensor, batch: Batch, weight: Tensor) -> Tensor:
    """Weighted mean of 1 − p_y over rows."""
    rows = logits.flatten(0, -2).to(weight.dtype)
    losses = cross_entropy(rows, batch.y.flatten(), reduction="none").view_as(weight)
    return (weight * -torch.expm1(-losses)).mean(-1)


def _with_predominant(batch: Batch) -> Tensor:
    """Weights (..., n) of the rows that have the predominant modality; of others 0."""
    return batch.weight if batch.present is None else batch.weight * batch.present[..., 0]


def _shown(batch: Batch) -> Tensor | None:
    """Which auxiliaries each row has, (..., n, n_auxiliary)."""
    return None if batch.present is None else batch.present[..., 1:]


def seeing_terms(network: ModalityEncoders, batch: Batch) -> dict[str, Tensor]:
    """Terms of the seeing network, see `SeeingLoss`; its rows have the predominant first."""
    if network.seeing is None:
        return {}
    masks = None if batch.masks is None else batch.masks[1:]
    own = replace(batch, xs=[batch.xs[m] for m in network.order], masks=masks)
    terms = SeeingLoss()(network.seeing, own)
    del terms["loss"]
    return terms
