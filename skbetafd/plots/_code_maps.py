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
from .._utils.sklearn_compat import style_keywords
from ..estimators.front_door import FrontDoorMultiModalClassifier
from ..fitting.probe import probe_scores
from ..inputs.labels import one_value_per_row
from ._style import BLUE, COLOURS, GREY, MARKERS, MOST_NAMED, plain

CODES = ("knowledge", "context")
LEAST_ROWS = 3
"""Fewer make no map: their two dimensions would show nothing but that they differ."""


def codes_and_colours(
    clf: FrontDoorMultiModalClassifier, X: Any, y: Any, environments: Any
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Give the codes, and what colours them, of the rows that have the predominant modality."""
    codes = clf.codes(X)
    having = clf._read(X, clf.module_).present
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
        name: None if values is None else one_value_per_row(values, name, len(there))[there]
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


def categories(values: Any, name: str) -> list[tuple[str, np.ndarray]]:
    """Give the label and the rows of each category, sorted; of more than 20, the rarer as one.

    Parameters
    ----------
    values : array-like of shape (n_samples,)
    name : str
        What an error calls them.

    Returns
    -------
    list of (str, ndarray of bool of shape (n_samples,))
    """
    values = one_value_per_row(values, name, len(values))
    names, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(names) <= MOST_NAMED:
        return [(plain(name), codes == i) for i, name in enumerate(names)]
    named = np.sort(np.argsort(-counts, kind="stable")[: MOST_NAMED - 1])
    shown = [(plain(names[i]), codes == i) for i in named]
    return [*shown, (f"{len(names) - len(named)} others", ~np.isin(codes, named))]


def scatter_categories(
    ax: Any,
    points: np.ndarray,
    shown: list[tuple[str, np.ndarray]] | None,
    user: dict[str, Any],
) -> list[Any]:
    """Draw points (n, 2), each category in a colour and a marker of its own; None is one."""
    if shown is None:
        style = style_keywords({"color": BLUE, "s": 14, "alpha": 0.7, "linewidths": 0}, user)
        return [ax.scatter(*points.T, **style)]
    drawn = []
    for position, (name, rows) in enumerate(shown):
        rest = position == MOST_NAMED - 1
        own = {
            "color": GREY if rest else COLOURS[position % len(COLOURS)],
            "marker": "." if rest else MARKERS[position % len(MARKERS)],
            "s": 14,
            "alpha": 0.7,
            "linewidths": 0,
            "label": name,
        }
        drawn.append(ax.scatter(*points[rows].T, **style_keywords(own, user)))
    return drawn
