"""The training criterion: outcome, discriminative knowledge, disentanglement, label."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from .criterion import Batch, Criterion
from .dependence import directed_hsic, info_nce
from .front_door_network import Codes, FrontDoorNetwork

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
    + disentangle_weight · D + label_weight · (1 − p_y) + CE(partial, y)`` with
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
    without an auxiliary modality there is no knowledge, no disentangle and no partial term. The
    last trains the network for missing modalities, which moves no code, at every subset of the
    modalities. A row that lacks a modality counts in the terms for which it has what they need.

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
            "outcome": 1.0,
            "label": label_weight,
            "partial": 1.0,
            "knowledge": knowledge_weight,
            "disentangle": disentangle_weight,
        }
        self.active = {
            n for n, w in self.weights.items() if bool(w.any() if torch.is_tensor(w) else w)
        }
        self.temperature = temperature
        self.label_counts = True

    def set_epoch(self, epoch: int, max_epochs: int) -> None:
        """Let the label count, or not yet."""
        self.label_counts = epoch >= int(LABEL_START * max_epochs)

    def forward(self, network: FrontDoorNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate ``"loss"`` and its unweighted terms.

        Every tensor may have a leading axis of k models whose parameters are stacked.
        """
        weight, present = batch.weight, batch.present
        logits, codes = network(batch.xs, batch.masks)
        complete = weight if present is None else weight * present.prod(-1)
        predominant = weight if present is None else weight * present[..., 0]
        heads = {"outcome": (logits.unsqueeze(-3), complete.unsqueeze(-2))}
        label = None
        if "label" in self.active:
            label = network.knowledge_label(codes.knowledge)
            heads["label"] = (label.unsqueeze(-3), predominant.unsqueeze(-2))
        if network.auxiliaries:
            ordered = [batch.xs[m] for m in network.order]
            some = None if batch.masks is None else batch.masks[1:-1]
            partial, counted = network.partial.training_logits(ordered, codes, present, some)
            rows = weight.unsqueeze(-2).expand(partial.shape[:-1])
            heads["partial"] = (partial, rows if counted is None else rows * counted)
        terms = _head_losses(heads, batch.y)
        if network.auxiliaries and "knowledge" in self.active:
            left = network.project_knowledge(codes.knowledge)
            right = network.project_auxiliary(codes.auxiliary)
            left, right, rows = self.whole_batch(left, right, complete)
            terms["knowledge"] = info_nce(left, right, rows, self.temperature)
        if network.auxiliaries and "disentangle" in self.active:
            opinion = label if self.label_counts else None
            terms["disentangle"] = self._disentangle(codes, opinion, predominant, complete)
        weights = {**self.weights, "label": self.weights["label"] * self.label_counts}
        weighted = [weights[name] * term for name, term in terms.items()]
        return {"loss": torch.stack(weighted).sum(0), **terms}

    def held_out_loss(self, network: FrontDoorNetwork, batch: Batch) -> Tensor:
        """Weighted cross-entropy of P_0, see `held_out_logits`."""
        logits = self.held_out_logits(network, batch)
        return (batch.weight * cross_entropy(logits, batch.y, reduction="none")).mean()

    def held_out_logits(self, network: FrontDoorNetwork, batch: Batch) -> Tensor:
        """Logits of P_0: at own triples, or where a row lacks a modality by what it has."""
        logits = network(batch.xs)[0]
        if batch.present is None:
            return logits
        partial = network.partial([batch.xs[m] for m in network.order], batch.present)
        return torch.where(batch.present.prod(-1, keepdim=True) > 0, logits, partial)

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


def _head_losses(heads: dict[str, tuple[Tensor, Tensor]], y: Tensor) -> dict[str, Tensor]:
    """Weighted means over each head's logits (..., k, n, n_classes), in one call.

    Of the cross-entropy, and for the label of 1 − p_y.
    """
    logits = torch.cat([logits for logits, _ in heads.values()], dim=-3)
    weight = torch.cat([weight for _, weight in heads.values()], dim=-2)
    labels = y.unsqueeze(-2).expand(weight.shape).flatten()
    entropy = cross_entropy(logits.flatten(0, -2).to(weight.dtype), labels, reduction="none")
    sizes = [logits.shape[-3] for logits, _ in heads.values()]
    rows = dict(zip(heads, entropy.view_as(weight).split(sizes, dim=-2), strict=True))
    if "label" in rows:
        rows["label"] = -torch.expm1(-rows["label"])
    return {name: (heads[name][1] * losses).mean((-2, -1)) for name, losses in rows.items()}
