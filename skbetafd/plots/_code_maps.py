"""Two dimensions of a code, and what a probe reads from the whole of it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_array

from .._utils.messages import stack_level
from ..estimators.front_door import FrontDoorMultiModalClassifier
from ..fitting.probe import probe_scores
from ..inputs.labels import row_labels

CODES = ("knowledge", "context")
LEAST_ROWS = 3
"""Fewer make no map: their two dimensions would show nothing but that they differ."""


def codes_and_colours(
    clf: FrontDoorMultiModalClassifier, X: Any, y: Any, environments: Any
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Give the codes, and what colours them, of the rows that have the predominant modality."""
    codes = clf.codes(X)
    having = clf._read(X, clf.module_)[1]
    there = having[:, list(clf.modality_names_).index(clf.predominant_)]
    colours = {"y": y, "environments": environments}
    if there.all():
        return codes, colours
    warnings.warn(
        f"{(~there).sum()} of {len(there)} rows lack {clf.predominant_!r}, whose codes knowledge "
        "and context are: they are left out",
        UserWarning,
        stacklevel=stack_level(),
    )
    some = {
        name: None if values is None else row_labels(values, name, len(there))[there]
        for name, values in colours.items()
    }
    return {name: code[there] for name, code in codes.items()}, some


def read_codes(codes: Any) -> dict[str, np.ndarray]:
    """Check the two codes: finite arrays (n_samples, n_dimensions) of as many rows, 3 or more."""
    if not isinstance(codes, Mapping):
        raise TypeError(f"codes must be a dict with {list(CODES)}, got {codes!r}")
    lacking = [name for name in CODES if name not in codes]
    if lacking:
        raise ValueError(f"codes must hold {list(CODES)}, got {list(codes)}")
    arrays = {}
    for name in CODES:
        array = np.asarray(codes[name])
        if array.ndim != 2 or len(array) < LEAST_ROWS or not array.shape[1]:
            raise ValueError(
                f"the {name} must be of shape (n_samples, n_dimensions), with {LEAST_ROWS} rows or "
                f"more to make a map, got {array.shape}"
            )
        arrays[name] = check_array(array, input_name=name)
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"the codes must have as many rows each, got {rows}")
    return arrays


def code_map(code: np.ndarray, method: str, seed: int) -> tuple[np.ndarray, tuple[str, str]]:
    """Give two dimensions of a code, each of its columns at variance 1, and the axes' names."""
    code = StandardScaler().fit_transform(code)
    if not code.any():
        return np.zeros((len(code), 2)), ("the code is the same in every row", "")
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
