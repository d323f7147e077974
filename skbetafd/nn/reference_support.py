"""How much of an adjustment rests on what training has seen."""

from __future__ import annotations

import torch
from torch import Tensor

from .adjustment import ReferenceSet, log_reference_weights
from .front_door_network import Codes, FrontDoorNetwork
from .mediator import MediatorNetwork

LEAST_SUPPORT = 0.5
"""A row is weak where less of its reference weight rests on what training has seen."""

LEAST_RATIO = 0.05
"""A mediator value counts as seen at t′ where P(m | t′, a) ≥ this share of P(m | t, a)."""


def nearest_reference(codes: Codes, references: ReferenceSet, *, skip_own: bool = False) -> Tensor:
    """Distance of own triples (z, s, a) to the nearest reference, shape (n,).

    Each code is measured in units of its total standard deviation among the references. With
    `skip_own` the nearest is passed over: it is, or was made of, the training triple itself.
    """
    squared = torch.stack(_squared_distances(codes, references)).sum(0)
    nearest = squared.topk(2 if skip_own and squared.shape[1] > 1 else 1, largest=False).values
    return nearest[:, -1].clamp_min(0).sqrt()


def learned_support(codes: Codes, references: ReferenceSet, effect: str) -> tuple[Tensor, Tensor]:
    """Weights w_k, and whether the triple that reference k makes is near a training triple.

    The triple is (z, s_k, a), or (z, s_k, a_k) for the population; near means within the radius
    that holds 95 % of the training rows' own triples.

    Returns
    -------
    weights, support : Tensors of shape (n, K)
    """
    in_z, _, in_a = _squared_distances(codes, references)
    own = Codes(*references[:3])
    across_s, across_a = _squared_distances(own, references)[1:]
    if effect == "population":
        across = across_s + across_a
        fixed = in_z
        weights = references.log_mass.exp().expand(len(in_z), -1)
    else:
        across = across_s
        fixed = in_z + in_a
        weights = log_reference_weights(codes, references).exp()
    nearest = torch.stack([(row + across).min(dim=1).values for row in fixed])
    return weights, (nearest.clamp_min(0).sqrt() <= references.radius).to(weights)


def mediated_support(
    network: MediatorNetwork, codes: Codes, references: ReferenceSet, effect: str
) -> tuple[Tensor, Tensor]:
    """Weights w_k, and the share of P(m | t, a) that P(m | t_k, a) gives a chance to.

    Returns
    -------
    weights, support : Tensors of shape (n, K)
    """
    reading = network.reading
    rows = []
    for z, a in zip(codes.knowledge, codes.auxiliary, strict=True):
        at = references.auxiliary if effect == "population" else a.expand(len(references[0]), -1)
        own = reading.read(z.expand(len(at), -1), at)
        other = reading.read(references.knowledge, at)
        rows.append(network.mediator.shared_mass(own, other, LEAST_RATIO))
    weights = log_reference_weights(codes, references).exp()
    if effect == "population":
        weights = references.log_mass.exp().expand_as(weights)
    return weights, torch.stack(rows)


def support(
    network: FrontDoorNetwork | MediatorNetwork,
    codes: Codes,
    references: ReferenceSet,
    effect: str,
) -> tuple[Tensor, Tensor]:
    """Dispatch on how the knowledge is known; see `learned_support` and `mediated_support`."""
    if isinstance(network, MediatorNetwork):
        return mediated_support(network, codes, references, effect)
    return learned_support(codes, references, effect)


def _squared_distances(codes: Codes, references: ReferenceSet) -> list[Tensor]:
    mass = references.log_mass.exp()
    out = []
    for code, other in zip(codes, references[:3], strict=True):
        variance = (mass @ (other - mass @ other).square()).sum()
        squared = torch.cdist(code, other).square()
        out.append(squared / variance.clamp_min(torch.finfo(variance.dtype).tiny))
    return out
