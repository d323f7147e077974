"""Front-door adjustment over a reference set, and the mixture in β."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .front_door import Codes, FrontDoorNetwork

CHUNK_ELEMENTS = 2**21
"""Hidden activations held at once (8 MB in float32): larger chunks fall out of the cache."""


class ReferenceSet(NamedTuple):
    """The population whose contexts an intervention draws from: K pairs with masses."""

    context: Tensor
    """s_k, shape (K, context_dim)."""
    auxiliary: Tensor
    """a_k, shape (K, auxiliary_dim)."""
    log_mass: Tensor
    """log π_k, shape (K,); the masses sum to 1."""
    bandwidth: Tensor
    """τ_a², the squared width of the kernel in a, a scalar."""

    def to(self, device: torch.device) -> ReferenceSet:
        """Move the reference set to a device."""
        return ReferenceSet(*(tensor.to(device) for tensor in self))


def log_reference_weights(auxiliary: Tensor, references: ReferenceSet) -> Tensor:
    """Log w_k(a) with w_k(a) ∝ π_k exp(−‖a − a_k‖² / 2τ_a²), shape (n, K)."""
    own, other = auxiliary, references.auxiliary
    # a's own norm is the same for every k and cancels in the softmax
    distance = other.square().sum(1) - 2 * own @ other.T
    return torch.log_softmax(references.log_mass - distance / (2 * references.bandwidth), dim=1)


def log_proba_doing(
    network: FrontDoorNetwork, codes: Codes, references: ReferenceSet, effect: str
) -> Tensor:
    """Log P(y | do t, a), or log P(y | do t), by averaging probabilities over references.

    ``effect="conditional"``: Σ_k w_k(a) softmax head(z, s_k, a).
    ``effect="population"``: Σ_k π_k softmax head(z, s_k, a_k).

    Averages are taken of probabilities, never of logits: the bias of the latter does not vanish
    with K.

    Returns
    -------
    Tensor of shape (n, n_classes)
    """
    reference_part = network.head_context(references.context)
    if effect == "population":
        own = network.head_knowledge(codes.knowledge)
        if network.auxiliaries:
            reference_part = reference_part + network.head_auxiliary(references.auxiliary)
        log_weights = references.log_mass.expand(len(own), -1)
    else:
        own = network.own_part(codes.knowledge, codes.auxiliary)
        log_weights = log_reference_weights(codes.auxiliary, references)
    logits = network.head_out((own[:, None] + reference_part).relu_())
    return torch.logsumexp(torch.log_softmax(logits, dim=2) + log_weights[:, :, None], dim=1)


def mix(log_seeing: Tensor, log_doing: Tensor, beta: float) -> Tensor:
    """Log P_β = log[(1 − β) P_0 + β P_1], exact at both ends."""
    if beta == 0:
        return log_seeing
    if beta == 1:
        return log_doing
    return torch.logaddexp(log_seeing + math.log1p(-beta), log_doing + math.log(beta))


def log_proba_path(
    network: FrontDoorNetwork,
    xs: Sequence[Tensor],
    references: ReferenceSet,
    betas: Sequence[float],
    effect: str,
) -> Tensor:
    """Log P_β of each row for every β, in chunks of bounded memory.

    Without an auxiliary modality knowledge and context can't be told apart: P_β is P_0.

    Returns
    -------
    Tensor of shape (n_betas, n, n_classes)
    """
    hidden_dim = network.head_out.in_features
    rows = max(1, CHUNK_ELEMENTS // (hidden_dim * len(references.log_mass)))
    adjusts = bool(network.auxiliaries) and any(beta > 0 for beta in betas)
    chunks = []
    for start in range(0, len(xs[0]), rows):
        codes = network.encode([x[start : start + rows] for x in xs])
        seeing = torch.log_softmax(network.head(codes), dim=1)
        doing = log_proba_doing(network, codes, references, effect) if adjusts else seeing
        chunks.append(torch.stack([mix(seeing, doing, beta) for beta in betas]))
    return torch.cat(chunks, dim=1)
