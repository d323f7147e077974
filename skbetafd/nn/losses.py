"""The training criterion: outcome, discriminative knowledge, disentanglement, label."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from .front_door import FrontDoorNetwork
from .partial import partial_loss

HSIC_BATCH = 64
"""The batch size at which tr(KHLH)/B and the other losses were balanced (design trials)."""

STANDARD_DEVIATION_FLOOR = 1e-4


def info_nce(left: Tensor, right: Tensor, weight: Tensor, temperature: float) -> Tensor:
    """Symmetric InfoNCE between two views of the same rows.

    Row i's positive is the other view of row i, its negatives are the batch. A row of weight w
    stands for w rows, among the negatives too, so that weights equal repetitions exactly.

    Parameters
    ----------
    left, right : Tensor of shape (n, d)
        Two projections of the rows; they are L2-normalised here.
    weight : Tensor of shape (n,)
        Row weights with mean about 1; a row of weight 0 is no negative.
    temperature : float
        τ, by which cosine similarities are divided.

    References
    ----------
    van den Oord, Li & Vinyals, Representation Learning with Contrastive Predictive Coding,
    arXiv 1807.03748.
    """
    similarity = normalize(left, dim=1) @ normalize(right, dim=1).T / temperature
    log_weight = weight.clamp_min(torch.finfo(weight.dtype).tiny).log()
    positive = similarity.diagonal()
    forward = torch.logsumexp(similarity + log_weight, dim=1) - positive
    backward = torch.logsumexp(similarity + log_weight[:, None], dim=0) - positive
    return 0.5 * (weight * (forward + backward)).sum() / len(weight)


def hsic(left: Tensor, right: Tensor, weight: Tensor) -> Tensor:
    """Hilbert–Schmidt independence criterion of two codes, times 64.

    tr(KHLH)/n² with Gaussian kernels exp(−d²/(2·dim)) on codes standardised within the batch;
    the factor keeps the scale of tr(KHLH)/B at the batch size of the design's trials, whatever
    the batch size here.

    Parameters
    ----------
    left, right : Tensor of shape (n, d)
        The codes whose dependence is measured.
    weight : Tensor of shape (n,)
        Row weights; a row of weight w stands for w rows.

    References
    ----------
    Gretton et al., Measuring Statistical Dependence with Hilbert–Schmidt Norms, ALT 2005.
    """
    share = weight / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)
    return HSIC_BATCH * (
        share @ (_centred_kernel(left, share) * _centred_kernel(right, share)) @ share
    )


def _centred_kernel(code: Tensor, share: Tensor) -> Tensor:
    deviation = code - share @ code
    variance = share @ deviation.square()
    # the floor stands under the root: at a constant code the root alone has no gradient
    standard = deviation / (variance + STANDARD_DEVIATION_FLOOR**2).sqrt()
    kernel = torch.exp(-_squared_distances(standard) / (2 * code.shape[1]))
    row_mean = kernel @ share
    return kernel - row_mean - row_mean[:, None] + share @ row_mean


def _squared_distances(x: Tensor) -> Tensor:
    norm = x.square().sum(1)
    return norm + norm[:, None] - 2 * x @ x.T


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
        terms = {"outcome": _cross_entropy(logits, y, complete)}
        loss = terms["outcome"]
        if network.auxiliaries and self.knowledge_weight:
            left = network.project_knowledge(codes.knowledge)
            right = network.project_auxiliary(codes.auxiliary)
            terms["knowledge"] = info_nce(left, right, complete, self.temperature)
            loss = loss + self.knowledge_weight * terms["knowledge"]
        if network.auxiliaries and self.disentangle_weight:
            terms["disentangle"] = hsic(codes.knowledge, codes.context, predominant)
            loss = loss + self.disentangle_weight * terms["disentangle"]
        if self.label_weight:
            label = network.knowledge_label(codes.knowledge)
            terms["label"] = _cross_entropy(label, y, predominant)
            loss = loss + self.label_weight * terms["label"]
        if network.auxiliaries:
            ordered = [xs[m] for m in network.order]
            some = None if masks is None else masks[1:-1]
            terms["partial"] = partial_loss(
                network.partial, ordered, codes, y, weight, present, some
            )
            loss = loss + terms["partial"]
        return {"loss": loss, **terms}


def _cross_entropy(logits: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    return (weight * cross_entropy(logits, y, reduction="none")).mean()
