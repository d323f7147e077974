"""The reference set: which contexts, and how often, the training population has."""

from __future__ import annotations

import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from ..nn import Codes, ReferenceSet

BANDWIDTH_DIVISOR = 10.0
"""τ_a² = mean squared distance of two rows' auxiliary codes / 10 (design trials)."""


def build_references(codes: Codes, weight: Tensor, n_references: int, seed: int) -> ReferenceSet:
    """Summarise the training rows' (s, a) pairs by at most `n_references` weighted pairs.

    Up to `n_references` rows are kept as they are. Beyond that, k-means centres with the mass
    of their clusters reach at K = 16 what randomly drawn references reach at K ≈ 1,000; for the
    clustering, both codes are scaled to the same total variance.

    Parameters
    ----------
    codes : Codes
        Of the training rows.
    weight : Tensor of shape (n,)
        Row weights.
    n_references : int
        K, the most references to keep.
    seed : int
        Seed of the k-means.

    Returns
    -------
    ReferenceSet
        K pairs, on the CPU.
    """
    context, auxiliary, share = (t.cpu() for t in (codes.context, codes.auxiliary, weight))
    share = share / share.sum()
    bandwidth = 2 * _total_variance(auxiliary, share) / BANDWIDTH_DIVISOR
    bandwidth = bandwidth.clamp_min(torch.finfo(bandwidth.dtype).tiny)
    if len(share) > n_references:
        cluster = _clusters(context, auxiliary, share, n_references, seed)
        context, auxiliary, share = _means(cluster, context, auxiliary, share)
    return ReferenceSet(context, auxiliary, share.log(), bandwidth)


def _clusters(context: Tensor, auxiliary: Tensor, share: Tensor, k: int, seed: int) -> Tensor:
    tiny = torch.finfo(share.dtype).tiny
    scaled = [c / _total_variance(c, share).sqrt().clamp_min(tiny) for c in (context, auxiliary)]
    kmeans = MiniBatchKMeans(k, n_init=1, random_state=seed)
    labels = kmeans.fit_predict(torch.cat(scaled, dim=1).numpy(), sample_weight=share.numpy())
    return torch.as_tensor(labels, dtype=torch.int64)


def _means(
    cluster: Tensor, context: Tensor, auxiliary: Tensor, share: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    _, cluster = cluster.unique(return_inverse=True)  # k-means may leave a cluster empty

    def sums(values: Tensor) -> Tensor:
        total = values.new_zeros(int(cluster.max()) + 1, *values.shape[1:])
        return total.index_add_(0, cluster, values)

    mass = sums(share)
    weighted = [sums(share[:, None] * code) / mass[:, None] for code in (context, auxiliary)]
    return weighted[0], weighted[1], mass


def _total_variance(code: Tensor, share: Tensor) -> Tensor:
    return (share @ (code - share @ code).square()).sum()
