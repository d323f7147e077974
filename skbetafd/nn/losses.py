"""The training criterion: outcome, discriminative knowledge, disentanglement, label."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .dependence import hsic, info_nce
from .front_door import FrontDoorNetwork


class FrontDoorLoss(nn.Module):
    """The criterion, on a batch of own triples (never on the β mixture).

    ``CE(head(z, s, a), y) + knowledge_weight · InfoNCE(P_z z, P_a a)
    + disentangle_weight · HSIC(z, s) + label_weight · CE(linear(z), y) + CE(partial, y)``. A term
    of weight 0 is not computed; without an auxiliary modality there is no knowledge, no
    disentangle and no partial term. The last trains the network for missing modalities, which
    moves no code, at every subset of the modalities. A row that lacks a modality counts in the
    terms for which it has what they need.

    Parameters
    ----------
    knowledge_weight, disentangle_weight, label_weight : float
        Weights of the terms.
    temperature : float
        τ of the knowledge loss.
    """

    def __init__(
        self,
        *,
        knowledge_weight: float,
        disentangle_weight: float,
        label_weight: float,
        temperature: float,
    ) -> None:
        super().__init__()
        self.knowledge_weight = knowledge_weight
        self.disentangle_weight = disentangle_weight
        self.label_weight = label_weight
        self.weights = {
            "outcome": 1.0,
            "label": label_weight,
            "partial": 1.0,
            "knowledge": knowledge_weight,
            "disentangle": disentangle_weight,
        }
        self.temperature = temperature

    def forward(
        self,
        network: FrontDoorNetwork,
        xs: Sequence[Tensor],
        y: Tensor,
        weight: Tensor,
        present: Tensor | None,
        masks: Sequence[Tensor] | None,
    ) -> dict[str, Tensor]:
        """Evaluate ``"loss"`` and its unweighted terms.

        Parameters
        ----------
        network : FrontDoorNetwork
            The model.
        xs : sequence of Tensor of shape (n, width)
            Standardised rows, one tensor a modality; anything finite where it is absent.
        y : Tensor of shape (n,), int64
            Class indices.
        weight : Tensor of shape (n,)
            Positive row weights with mean about 1.
        present : Tensor of shape (n, n_modalities) or None
            1 where a row has a modality, else 0: the predominant first, then the auxiliaries.
            None: every row has all.
        masks : sequence of Tensor or None
            Dropout masks, one a hidden layer (``network.mask_dims``).
        """
        logits, codes = network(xs, masks)
        complete = weight if present is None else weight * present.prod(1)
        predominant = weight if present is None else weight * present[:, 0]
        heads = {"outcome": (logits[None], complete[None])}
        if self.label_weight:
            label = network.knowledge_label(codes.knowledge)
            heads["label"] = (label[None], predominant[None])
        if network.auxiliaries:
            ordered = [xs[m] for m in network.order]
            some = None if masks is None else masks[1:-1]
            partial, counted = network.partial.training_logits(ordered, codes, present, some)
            counts = weight.expand(len(partial), -1)
            heads["partial"] = (partial, counts if counted is None else counts * counted)
        terms = _cross_entropies(heads, y)
        if network.auxiliaries and self.knowledge_weight:
            left = network.project_knowledge(codes.knowledge)
            right = network.project_auxiliary(codes.auxiliary)
            terms["knowledge"] = info_nce(left, right, complete, self.temperature)
        if network.auxiliaries and self.disentangle_weight:
            terms["disentangle"] = hsic(codes.knowledge, codes.context, predominant)
        weighted = [self.weights[name] * term for name, term in terms.items()]
        return {"loss": torch.stack(weighted).sum(), **terms}


def _cross_entropies(heads: dict[str, tuple[Tensor, Tensor]], y: Tensor) -> dict[str, Tensor]:
    """Weighted mean cross-entropy of each head's logits (k, n, n_classes), in one call for all."""
    logits = torch.cat([logits for logits, _ in heads.values()])
    weight = torch.cat([weight for _, weight in heads.values()])
    entropy = cross_entropy(logits.flatten(0, 1), y.repeat(len(logits)), reduction="none")
    means = (weight * entropy.view_as(weight)).mean(1)
    parts = means.split([len(logits) for logits, _ in heads.values()])
    return {name: part.mean() for name, part in zip(heads, parts, strict=True)}
