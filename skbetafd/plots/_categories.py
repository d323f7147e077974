"""Points in categories: told apart by colour and marker, however many categories there are."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.sklearn_compat import style_keywords
from ..inputs.labels import row_labels
from ._style import BLUE, COLOURS, GREY, MARKERS, MOST_NAMED, plain


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
    values = row_labels(values, name, len(values))
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
