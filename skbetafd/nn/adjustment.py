"""Front-door adjustment over a reference set, and the mixture in β."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .encoders import held_activations
from .front_door_network import Codes, FrontDoorNetwork, ModalityEncoders
from .heads import AdditiveHead

CHUNK_ELEMENTS = 2**20
"""Hidden activations held at once (4 MB in float32): larger chunks fall out of a CPU's cache."""

DEVICE_CHUNK_ELEMENTS = 2**26
"""The same on a GPU (256 MB): in a CPU's chunks an H100 was no faster than four CPU threads."""


class ReferenceSet(NamedTuple):
    """The population whose contexts an intervention draws from: K triples with masses."""

    knowledge: Tensor
    """z_k, shape (K, knowledge_dim)."""
    context: Tensor
    """s_k, shape (K, context_dim)."""
    auxiliary: Tensor
    """a_k, shape (K, auxiliary_dim)."""
    log_mass: Tensor
    """log π_k, shape (K,); the masses sum to 1."""
    bandwidth: Tensor
    """τ_a², the squared width of the kernel in a, a scalar."""
    knowledge_bandwidth: Tensor
    """τ_z², the squared width of the kernel in z, a scalar."""
    radius: Tensor
    """Distance to the nearest reference within which 95 % of the training triples lie."""

    def to(self, device: torch.device) -> ReferenceSet:
        """Move the reference set to a device."""
        return ReferenceSet(*(tensor.to(device) for tensor in self))


def log_reference_weights(
    codes: Codes, references: ReferenceSet, shown: Tensor | None = None
) -> Tensor:
    """Log w_k(a) with w_k(a) ∝ π_k exp(−‖a − a_k‖² / 2τ_a²), shape (n, K).

    `shown`, of a's shape, is 0 at the columns of modalities that a row lacks: they are left out
    of the distance, τ_a² shrinks by their share, and exp(−‖z − z_k‖² / 2τ_z²) joins in where
    there are any.
    """
    own, other = codes.auxiliary, references.auxiliary
    if not other.shape[1]:
        return references.log_mass.expand(own.shape[0], -1)
    # the own code's norm is the same for every k and cancels in the softmax
    if shown is None:
        distance = (other.square().sum(1) - 2 * own @ other.T) / references.bandwidth
    else:
        distance = shown @ other.square().T - 2 * (own * shown) @ other.T
        share = shown.mean(1, keepdim=True)
        distance = distance / (references.bandwidth * share.clamp_min(1 / shown.shape[1]))
        known, knowledge = codes.knowledge, references.knowledge
        near = knowledge.square().sum(1) - 2 * known @ knowledge.T
        distance = distance + (share < 1) * near / references.knowledge_bandwidth
    return torch.log_softmax(references.log_mass - distance / 2, dim=1)


def log_proba_seeing(
    network: ModalityEncoders, xs: Sequence[Tensor], present: Tensor | None
) -> Tensor:
    """Log P(y | what a row has), shape (n, n_classes); NaN where no network sees."""
    if network.seeing is None:
        return xs[0].new_full((len(xs[0]), network.n_classes), math.nan)
    logits = network.seeing([xs[m] for m in network.order], present)
    return torch.log_softmax(logits, dim=1)


def log_proba_doing(
    network: FrontDoorNetwork,
    codes: Codes,
    references: ReferenceSet,
    effect: str,
    present: Tensor | None = None,
) -> Tensor:
    """Log P(y | do t, a), or log P(y | do t), by averaging probabilities over references.

    ``effect="conditional"``: Σ_k w_k(a) softmax(l(z) + head(z, s_k, a)).
    ``effect="population"``: Σ_k π_k softmax(l(z) + head(z, s_k, a_k)).

    l(z) is what knowledge alone says of the label.

    Averages are taken of probabilities, never of logits: the bias of the latter does not vanish
    with K. `present` of shape (n, n_modalities), the predominant first, tells what a row has of
    a. Without the predominant modality there is nothing to intervene on.

    Returns
    -------
    Tensor of shape (n, n_classes)
    """
    head = network.head
    reference_part = head.context(references.context)
    if effect == "population":
        own = head.knowledge(codes.knowledge)
        if head.auxiliary is not None:
            reference_part = reference_part + head.auxiliary(references.auxiliary)
        log_weights = references.log_mass.expand(own.shape[0], -1)
    else:
        shown = None if present is None else present[:, 1:]
        own = network.own_part(codes, shown)
        columns = None if shown is None else network.of_columns(shown)
        log_weights = log_reference_weights(codes, references, columns)
    known = network.knowledge_label(codes.knowledge)
    return average_proba(head, own[:, None] + reference_part, log_weights, known)


def average_proba(
    head: AdditiveHead, hidden: Tensor, log_weights: Tensor, known: Tensor | None = None
) -> Tensor:
    """Log of the weighted mean of probabilities over the axes between the first and the last.

    `hidden`, the first layer before its rectifier, is overwritten; to the logits of each row,
    `known` of shape (n, n_classes) is added. Below the smallest normal number of its dtype a
    probability counts as that.
    """
    rows = hidden.relu_().flatten(1, -2)
    # classes before references: a softmax over a short last axis takes four times as long, and
    # one product of all rows does not use a second core
    weight = head.out.weight.expand(rows.shape[0], -1, -1)
    bias = head.out.bias if known is None else head.out.bias + known
    logits = torch.baddbmm(bias[..., None], weight, rows.mT)
    share = log_weights.exp().flatten(1)[:, None]
    mean = (torch.softmax(logits, dim=1) * share).sum(dim=2)
    return mean.clamp_min(torch.finfo(mean.dtype).tiny).log()


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
    present: Tensor | None = None,
    known: Tensor | None = None,
) -> Tensor:
    """Log P_β of each row for every β, in chunks of bounded memory.

    Without an auxiliary modality knowledge and context can't be told apart, from few complete
    rows neither, and without the predominant modality there is nothing to intervene on: P_β is
    P_0. `present` of shape
    (n, n_modalities), the predominant first, tells which modalities a row has. `known` of shape
    (n, n_classes) is log P_0 where another than the network sees.

    Returns
    -------
    Tensor of shape (n_betas, n, n_classes)
    """
    widest = max(network.head.out.in_features, network.n_classes)
    n_references = len(references.log_mass)
    encoding = max(widest, *(held_activations(one) for one in network.inputs))
    adjusts = network.adjusts and any(beta > 0 for beta in betas)
    chunks = []
    for part in chunks_of_rows(xs[0], encoding):
        rows, having = [x[part] for x in xs], None if present is None else present[part]
        if known is not None:
            seeing = known[part]
        elif adjusts and present is None and min(betas) == 1:
            seeing = rows[0].new_zeros(len(rows[0]), network.n_classes)  # it has no part in P_1
        else:
            seeing = log_proba_seeing(network, rows, having)
        doing = seeing
        if adjusts:
            codes = network.encode(rows)
            parts = [
                log_proba_doing(
                    network,
                    codes.rows(few),
                    references,
                    effect,
                    None if having is None else having[few],
                )
                for few in chunks_of_rows(seeing, widest * n_references)
            ]
            doing = where_present(having, torch.cat(parts), seeing)
        mixed = [mix(seeing, doing.to(seeing), beta if adjusts else 0.0) for beta in betas]
        chunks.append(torch.stack(mixed))
    return torch.cat(chunks, dim=1)


def where_present(present: Tensor | None, doing: Tensor, seeing: Tensor) -> Tensor:
    """Take log P_1 of the rows that have the predominant modality, and log P_0 of the others."""
    return doing if present is None else torch.where(present[:, :1] > 0, doing, seeing)


def chunks_of_rows(x: Tensor, elements: int) -> Iterator[slice]:
    """Cut rows into chunks whose hidden activations, so many `elements` a row, are held at once."""
    most = CHUNK_ELEMENTS if x.device.type == "cpu" else DEVICE_CHUNK_ELEMENTS
    n_rows = max(1, most // elements)
    for start in range(0, len(x), n_rows):
        yield slice(start, start + n_rows)
