"""The picture of the suite: mean accuracies, one panel a track and test."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from skbetafd._utils.files import whole_file
from suite.comparison import BEST


def picture(scores: pd.DataFrame, path: Path) -> None:
    """Draw mean accuracies, one panel a track and test, one dot a predictor."""
    panels = [
        ("no confounder", "iid", "i.i.d."),
        ("independent", "broken", "confounder broken"),
        ("no confounder", "100% missing", "all auxiliaries missing"),
    ]
    shown = []
    for variant, test, title in panels:
        rows = scores[(scores["variant"] == variant) & (scores["test"] == test)]
        if len(rows):
            shown.append((title, rows))
    if not shown:
        return
    figure, axes = plt.subplots(1, len(shown), figsize=(4.4 * len(shown), 6.4), squeeze=False)
    for axis, (title, rows) in zip(axes[0], shown, strict=True):
        _panel(axis, title, rows)
    figure.tight_layout()
    with whole_file(path) as file:
        figure.savefig(file, dpi=150, format="png")
    plt.close(figure)


def _panel(axis: plt.Axes, title: str, rows: pd.DataFrame) -> None:
    by_set = rows.pivot_table("accuracy", "set", "predictor")
    order = by_set.mean().sort_values().index
    for position, predictor in enumerate(order):
        own = predictor.startswith("β")
        color = "#d55e00" if own else "#000000" if predictor == BEST else "#0072b2"
        values = by_set[predictor].dropna()
        axis.plot(values, [position] * len(values), "|", color=color, alpha=0.45, markersize=9)
        axis.plot(values.mean(), position, "o", color=color, markersize=6)
    axis.set_yticks(range(len(order)), order)
    axis.set_xlabel("accuracy (dot: mean, bars: sets)")
    axis.set_title(f"{title}, {len(by_set)} sets")
    axis.grid(axis="x", alpha=0.3)
