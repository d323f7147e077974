"""The reference set: which contexts, and how often, the training population has."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from .._utils.messages import without_warnings
from ..nn.adjustment import ReferenceSet
from ..nn.front_door_network import Codes, ModalityEncoders
from ..nn.reference_support import nearest_reference
from .batches import Rows, rows_ahead, streams

RADIUS_ROWS = 2000
BANDWIDTH_ROWS = 1000

DIVISORS = (1e-6, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Candidates for mean squared distance / τ²; the first leaves the masses alone."""

LEARNED_DIVISOR = 10.0
"""With learned codes: cross-validation follows what of the content is left in the context and
takes 30, which costs .01 of log-loss under do (kar/mor, three seeds)."""

KMEANS_STEPS = 10
"""Lloyd's steps from random rows: a tighter clustering than mini-batches from k-means++, in a
tenth of its time."""

DECIMALS = 6
"""Of the codes, at a total variance of 1, that k-means sees."""

COPY_DISTANCE = 1e-8
"""Squared, in units of the mean: rows this near are copies, up to rounding."""

TOLERANCE = 1.01
"""The widest kernel within 1 % of the best error is taken: a narrow one has more variance."""


def build_references(
    codes: Codes, weight: Tensor, n_references: int, seed: int, *, mediated: bool = False
) -> ReferenceSet:
    """Summarise the training rows' triples (z, s, a) by at most `n_references` weighted ones.

    Up to `n_references` rows are kept as they are. Beyond that, k-means centres with the mass
    of their clusters reach at K = 16 what randomly drawn references reach at K ≈ 1,000; for the
    clustering, the codes are scaled to the same total variance.

    Parameters
    ----------
    codes : Codes
        Of the training rows.
    weight : Tensor of shape (n,)
        Row weights; a row of weight 0 is no reference.
    n_references : int
        K, the most references to keep.
    seed : int
        Seed of the k-means.
    mediated : bool
        Whether the mediator is observed, so that the context stands for all of T: the kernel's
        width is then cross-validated.

    Returns
    -------
    ReferenceSet
        K triples, on the CPU.
    """
    used = weight > 0
    kept = Codes(*(code[used].cpu() for code in codes))
    share = weight[used].cpu()
    share = share / share.sum()
    spread = [_total_variance(code, share) for code in kept]
    tau_a = 2 * spread[2] / LEARNED_DIVISOR
    if mediated:
        tau_a = _bandwidth(kept.context, kept.auxiliary, share, 2 * spread[2])
    if len(share) > n_references:
        cluster = _clusters(kept, spread, share, n_references, seed)
        kept, share = _means(cluster, kept, share)
    tau_z, radius = 2 * spread[0] / LEARNED_DIVISOR, spread[0]
    references = ReferenceSet(*kept, share.log(), tau_a, tau_z, radius)
    return references._replace(radius=_radius(codes, used, references))


@torch.no_grad()
def encode_in_chunks(network: ModalityEncoders, xs: Sequence[Rows], n_rows: int) -> Codes:
    """Encode rows, `n_rows` at once, without keeping the hidden layers of all."""
    n_rows = rows_ahead(xs, n_rows) if streams(xs) else n_rows
    codes: Codes | None = None
    start = 0
    for chunk in zip(*(x.split(n_rows) for x in xs), strict=True):
        part = network.encode(chunk)
        # what outlives its chunk would keep the memory of the chunk from being given back
        codes = codes or Codes(*(code.new_empty(len(xs[0]), code.shape[1]) for code in part))
        for code, some in zip(codes, part, strict=True):
            code[start : start + len(some)] = some
        start += n_rows
    assert codes is not None
    return codes


def _radius(codes: Codes, used: Tensor, references: ReferenceSet) -> Tensor:
    """95 % quantile, over evenly spaced training rows, of the distance to a reference."""
    rows = used.nonzero()[:, 0]
    rows = rows[:: max(1, len(rows) // RADIUS_ROWS)]
    some = Codes(*(code[rows].cpu() for code in codes))
    return torch.quantile(nearest_reference(some, references, skip_own=True), 0.95)


def _bandwidth(context: Tensor, auxiliary: Tensor, share: Tensor, scale: Tensor) -> Tensor:
    """τ_a² by cross-validation of the kernel's conditional distribution of s′ given a.

    The score is the leave-one-out squared error of E[s′ | a], a Gaussian likelihood of P(s′ | a)
    with common variance, on evenly spaced rows. A row's copies are left out with it.
    """
    if not auxiliary.shape[1]:
        return scale
    step = max(1, len(share) // BANDWIDTH_ROWS)
    context, auxiliary, share = context[::step], auxiliary[::step], share[::step]
    exactly = "donot_use_mm_for_euclid_dist"
    distance = torch.cdist(auxiliary, auxiliary, compute_mode=exactly).square()
    own = distance <= COPY_DISTANCE * scale
    distance = distance.masked_fill(own, torch.inf)
    lonely = own.all(dim=1)

    def error(divisor: float) -> float:
        weight = torch.softmax(share.log() - distance * divisor / (2 * scale), dim=1)
        squared = (context - weight @ context).square().sum(1)
        return float((share * squared)[~lonely].sum())

    errors = [error(divisor) for divisor in DIVISORS]
    widest = next(d for d, e in zip(DIVISORS, errors, strict=True) if e <= TOLERANCE * min(errors))
    return scale / widest


def _clusters(codes: Codes, spread: list[Tensor], share: Tensor, k: int, seed: int) -> Tensor:
    scaled = [code / variance.sqrt() for code, variance in zip(codes, spread, strict=True)]
    # k-means is chaotic: without rounding, the last bit of a code decides over whole clusters
    rows = torch.cat(scaled, dim=1).round(decimals=DECIMALS)
    kmeans = KMeans(k, init="random", n_init=1, max_iter=KMEANS_STEPS, random_state=seed)
    with without_warnings(ConvergenceWarning):  # copies leave clusters empty
        labels = kmeans.fit_predict(rows.numpy(), sample_weight=share.numpy())
    return torch.as_tensor(labels, dtype=torch.int64, device="cpu")


def _means(cluster: Tensor, codes: Codes, share: Tensor) -> tuple[Codes, Tensor]:
    _, cluster = cluster.unique(return_inverse=True)  # k-means may leave a cluster empty

    def sums(values: Tensor) -> Tensor:
        total = values.new_zeros(int(cluster.max()) + 1, *values.shape[1:])
        return total.index_add_(0, cluster, values)

    mass = sums(share)
    return Codes(*(sums(share[:, None] * code) / mass[:, None] for code in codes)), mass


def _total_variance(code: Tensor, share: Tensor) -> Tensor:
    """Total variance, at least what rounding makes of equal codes: distances are divided by it."""
    info = torch.finfo(code.dtype)
    floor = info.eps * (share @ code.square()).sum()
    return torch.maximum((share @ (code - share @ code).square()).sum(), floor + info.tiny)
