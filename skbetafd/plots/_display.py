"""What every display shares: colours, lines that can be told apart in grey, axes, legends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._utils.all_or_nothing import all_or_nothing
from .._utils.messages import needing

BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#767676"

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, VERMILLION, BLACK, SKY)
"""Okabe and Ito's, told apart by colour-blind readers; without yellow, faint on white paper."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
"""Colours, markers and lines cycle at lengths without a common divisor but 1: 280 differ."""

PANEL = (5.5, 4.0)
"""Inches of a figure with one panel: a notebook's width, or a column and a half in print."""
MOST_INSIDE = 5
"""Entries of a legend that find room within the axes."""
MOST_NAMED = 20
"""Lines or categories that a legend names: more would make it higher than the figure."""
LABELS = {
    "accuracy": "accuracy (share of rows)",
    "balanced_accuracy": "balanced accuracy (mean recall of the classes)",
    "neg_log_loss": "log-loss (nats)",
    "neg_brier_score": "Brier score",
    "roc_auc": "area under the ROC curve",
}


class Display:
    """A picture of what the constructor stores, which `plot` draws whole or not at all."""

    ax_: Any
    axes_: np.ndarray
    figure_: Any
    lines_: Any
    bands_: list[Any]

    @classmethod
    def _check_matplotlib(cls, method: str) -> None:
        """Raise where matplotlib is missing; the error names who needs it and the extra."""
        with needing("plots", f"{cls.__name__}.{method} needs matplotlib"):
            import matplotlib  # noqa: F401

    @contextmanager
    def _drawing(
        self, ax: Any, rows: int = 1, columns: int = 1, size: tuple[float, float] = PANEL
    ) -> Iterator[np.ndarray]:
        """Yield the user's axes, or those of a new figure, in one dimension; sets ``figure_``.

        If the block raises, the display is as it was before, and a new figure is closed.

        Parameters
        ----------
        ax : matplotlib Axes, sequence of them, or None
            The user's.
        rows, columns : int
            How many axes there must be.
        size : tuple of float
            Inches of each of them in a new figure.

        Raises
        ------
        TypeError
            If `ax` holds anything but Axes.
        ValueError
            If there are more or fewer Axes than are drawn.
        """
        self._check_matplotlib("plot")
        from matplotlib.axes import Axes

        new = ax is None
        if new:
            from matplotlib import pyplot  # only here: the user's axes need no window

            whole = (size[0] * columns, size[1] * rows)
            ax = pyplot.subplots(rows, columns, figsize=whole, layout="constrained")[1]
        axes = np.ravel(np.asarray(ax, dtype=object))
        if not len(axes) or not all(isinstance(one, Axes) for one in axes):
            raise TypeError(f"ax must be a matplotlib Axes, got {ax!r}")
        if len(axes) != rows * columns:
            raise ValueError(f"ax must be {rows * columns} Axes, one per panel, got {len(axes)}")
        with all_or_nothing(self):
            try:
                self.figure_ = axes[0].figure
                yield axes
            except BaseException:
                if new:
                    pyplot.close(axes[0].figure)
                raise

    def _draw_line(
        self, x: np.ndarray, y: np.ndarray, half: np.ndarray | None, keywords: dict[str, Any]
    ) -> Any:
        """Draw and return one of ``lines_``, and a band of half a height around it."""
        (line,) = self.ax_.plot(x, y, **keywords)
        self.lines_.append(line)
        if half is not None:
            faint = {"color": line.get_color(), "alpha": 0.2, "linewidth": 0}
            self.bands_.append(self.ax_.fill_between(x, y - half, y + half, **faint))
        return line

    def _legend(self, lines: Sequence[Any], title: str | None = None) -> None:
        """Name lines, and what another display has drawn in the same axes before."""
        shown = self.ax_.get_legend_handles_labels()[0]  # without names that begin with "_"
        legend(self.ax_, [*shown, *(line for line in lines if line not in shown)], title)


def line_keywords(position: int, user: dict[str, Any], **own: Any) -> dict[str, Any]:
    """Colour, line and marker of the line at a position, unless the user gives them."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    cycled = {
        "color": COLOURS[position % len(COLOURS)],
        "linestyle": LINES[position % len(LINES)],
        "marker": MARKERS[position % len(MARKERS)],
        "markersize": 4,
        "linewidth": 1.5,
    }
    return cycled | own | normalize_kwargs(user, Line2D)


def label_axes(ax: Any, xlabel: str, ylabel: str) -> None:
    """Label the axes and lay a faint grid behind what is drawn."""
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(alpha=0.3)
    ax.set_axisbelow(True)


def legend(
    ax: Any,
    lines: Sequence[Any],
    title: str | None = None,
    *,
    last: Sequence[Any] = (),
    beside: bool = False,
    **keywords: Any,
) -> None:
    """Name what is drawn, beside the axes where the legend is so long that it would hide lines.

    Of very many lines the first are named, those in `last` always, and how many are not.
    `keywords` are passed to matplotlib's ``Axes.legend``.
    """
    from matplotlib.lines import Line2D

    handles, most = list(lines), MOST_NAMED - len(last)
    if len(handles) > most:
        rest = f"… and {len(handles) - most + 1} more lines"
        handles = [*handles[: most - 1], Line2D([], [], linestyle="none", label=rest)]
    handles += last
    if beside or len(handles) > MOST_INSIDE:
        keywords |= {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    if beside or len(handles) > MOST_NAMED / 2:
        keywords["fontsize"] = "small"
    ax.legend(handles=handles, title=title, **keywords)


def is_loss(scoring: Any) -> bool:
    """Tell scorers that are a loss's negative: they are drawn as the loss."""
    return isinstance(scoring, str) and scoring.startswith("neg_")


def score_label(scoring: Any) -> str:
    """Name a score for an axis, with its unit where that is known."""
    if not isinstance(scoring, str):
        return "accuracy (share of rows)" if scoring is None else "score"
    return LABELS.get(scoring, scoring.removeprefix("neg_").replace("_", " "))


def plain(name: Any) -> str:
    """Write a user's name as it is: matplotlib would read formulas between dollars."""
    return str(name).replace("$", r"\$")
