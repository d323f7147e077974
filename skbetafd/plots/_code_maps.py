"""Two dimensions of a code, and what a probe reads from the whole of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler

from .._contribution import probe_scores


def code_map(code: np.ndarray, method: str, seed: int) -> tuple[np.ndarray, tuple[str, str]]:
    """Give two dimensions of a code, each of its columns at variance 1, and the axes' names."""
    code = StandardScaler().fit_transform(code)
    if method == "tsne":
        perplexity = min(30.0, (len(code) - 1) / 3)
        tsne = TSNE(perplexity=perplexity, random_state=seed)
        return tsne.fit_transform(code), ("t-SNE 1", "t-SNE 2")
    pca = PCA(min(2, code.shape[1]), random_state=seed)
    points = pca.fit_transform(code)
    shares = [*pca.explained_variance_ratio_, 0.0]
    if points.shape[1] == 1:
        points = np.column_stack([points, np.zeros(len(points))])
    first, second = (f"component {i + 1} ({shares[i]:.0%} of variance)" for i in range(2))
    return points, (first, second)


def code_probes(
    codes: Mapping[str, np.ndarray], colourings: Mapping[str, np.ndarray], seed: int
) -> dict[tuple[str, str], float]:
    """Give the accuracy of the probe for each pair; a colouring of one value has none."""
    probes: dict[tuple[str, str], float] = {}
    for name, values in colourings.items():
        classes, y = np.unique(values, return_inverse=True)
        if len(classes) > 1:
            scores = probe_scores([codes[code] for code in codes], y, np.ones(len(y)), seed)
            probes |= {(code, name): float(s) for code, s in zip(codes, scores, strict=True)}
    return probes
