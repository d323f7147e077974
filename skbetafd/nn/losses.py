"""The training criterion: outcome, discriminative knowledge, disentanglement, label."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .criterion import Batch, Criterion
from .dependence import directed_hsic, info_nce
from .front_door_network import Codes, FrontDoorNetwork, ModalityEncoders
from .seeing_network import SeeingLoss, weighted_entropy

LEAST_SIZE = 1e-4
"""Mean square below which values count as constant."""


class FrontDoorLoss(Criterion):
    """The criterion, on a batch of own triples (never on the β mixture).

    ``CE([l(z)] + head([z], s, a), y) + knowledge_weight · InfoNCE(P_z z, P_a a)
    + disentangle_weight · D + label_weight · r · CE(l(z), y) + CE(m(a), y) + CE(withheld, y)
    + ‖linear([z], s) − x_T‖² / ‖x_T‖² + seeing`` with linear l and m, what knowledge and what the
    auxiliaries say of the label; ``D = HSIC(z, [s]) + HSIC(s, [a]) + HSIC(s, [softmax l(z)])``;
    and ``r = [p_y / max p]``, p ∝ exp(l(z) + m(a)). What stands in brackets is held fixed:
    knowledge leaves what context holds, and context leaves what the auxiliaries or knowledge hold
    of the label. Moved from both sides, HSIC(z, s) would be content with a context that forgets
    what confounds, and leave that in the knowledge. Without the last part, context takes over
    what knowledge alone could know, and β = 1 loses it.

    The auxiliaries are witnesses of the label: r is 1 where they and knowledge together hold it
    for the most likely, and near 0 where they contradict it, as where what confounds has moved
    it. Learned from the rows that are left, knowledge has no need of what confounds. What of T
    and of A is independent given the label loses nothing by that: among the rows of a label, r
    goes by A. The expected error 1 − p_y, which the term was before, goes by knowledge's own
    opinion alone; its gradient vanishes with p_y, so that with many classes it never starts.
    Accuracy at β = 1 (seed 50), before, with weights 10, 5, 3 tuned to it, and now, all being 1:
    .59 and .76 on 28 classes (hanzi), .52 and .69 on 26 (letters), where joint training has .79
    and .74; under a randomised tint .54 and .55, the mean of six sets.

    The outcome moves no knowledge, and the head adds to what knowledge says: context learns what
    that leaves open, so that to exchange contexts can't lose it (hanzi .06 less otherwise), and
    knowledge does not learn what confounds from it (on the raw images of av_mnist .50 under a
    randomised tint, and .31 otherwise; .55 with `knowledge_weight` 2, which costs .03 on letters).
    The reconstruction of T keeps the context from collapsing (it held one component of 95 %
    nearly everywhere), and gives it what confounds before knowledge has it.

    A term of weight 0 is not computed, and without the label term neither is the last part of D;
    without it there is no witness term; without an auxiliary modality the outcome, the label and
    seeing alone are left. Withheld is the head's loss at a subset of the auxiliaries, and moves no
    code. Seeing is the loss
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
    AAAI 2017: the mean absolute error of probabilities, 1 − p_y.
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

    def forward(self, network: FrontDoorNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate ``"loss"`` and its unweighted terms.

        Every tensor may have a leading axis of k models whose parameters are stacked.
        """
        weight, present, complete = batch.weight, batch.present, batch.complete_weight
        mask = batch.head_mask
        codes = network.encode(batch.xs, batch.masks)
        predominant = _with_predominant(batch)
        terms = seeing_terms(network, batch)
        outcome = network.outcome(codes, _shown(batch), mask)
        terms["outcome"] = weighted_entropy(outcome, batch, predominant)
        if network.auxiliaries:
            fixed = Codes(*(code.detach() for code in codes))
            some = network.subset(present, codes.knowledge, batch.places)[..., 1:]
            withheld = network.outcome(fixed, some, mask)
            terms["withheld"] = weighted_entropy(withheld, batch, predominant)
        label = None
        if "label" in self.active:
            label = network.knowledge_label(codes.knowledge)
            opinion = label
            if network.auxiliaries:
                witness = network.witness(codes, _shown(batch))
                terms["witness"] = weighted_entropy(witness, batch)
                opinion = label + witness
            trusted = predominant * _trust(opinion.detach().to(weight.dtype), batch.y)
            terms["label"] = weighted_entropy(label, batch, trusted)
        if network.auxiliaries and "knowledge" in self.active:
            left = network.project_knowledge(codes.knowledge)
            right = network.project_auxiliary(codes.auxiliary)
            left, right, rows = self.whole_batch(left, right, complete)
            terms["knowledge"] = info_nce(left, right, rows, self.temperature)
        if network.auxiliaries and "disentangle" in self.active:
            terms["disentangle"] = self._disentangle(codes, label, predominant, complete)
        if network.auxiliaries:
            terms["reconstruction"] = self._reconstruction(network, codes, batch)
        weights = {**self.weights, "witness": self._label_counts()}
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
            links.append((1, 3, self._label_counts()))
        compared = self.whole_batch(*parts, *weights)
        return directed_hsic(compared[: len(parts)], compared[len(parts) :], links)

    def _label_counts(self) -> float | Tensor:
        """1 for models with a label term, else 0."""
        weight = self.weights["label"]
        return (weight != 0).to(weight.dtype) if torch.is_tensor(weight) else 1.0

    def _reconstruction(self, network: FrontDoorNetwork, codes: Codes, batch: Batch) -> Tensor:
        """Squared error of the predominant modality from z, held fixed, and s, as a share.

        Of the square of its values, since those of a user's module come in any scale.
        """
        weight = _with_predominant(batch)
        both = torch.cat([codes.knowledge.detach(), codes.context], dim=-1)
        x = batch.xs[network.predominant].to(weight.dtype)
        found = network.reconstruct(both).to(weight.dtype)
        none = x.isnan()  # a sequence ends in them
        error, size = (v.masked_fill(none, 0.0).square().mean(-1) for v in (found - x, x))
        error, size, weight = self.whole_batch(error, size, weight)
        return (weight * error).mean(-1) / (weight * size).mean(-1).clamp_min(LEAST_SIZE)


def _trust(opinion: Tensor, y: Tensor) -> Tensor:
    """How likely each row's label is, as a share of the likeliest, by an opinion's logits."""
    own = opinion.gather(-1, y[..., None])
    return (own - opinion.max(-1, keepdim=True).values).exp()[..., 0]


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
