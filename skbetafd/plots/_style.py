"""What every display shares: colours, lines that can be told apart in grey, axes, matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import wraps
from inspect import signature
from typing import Any, TypeVar

import numpy as np

from .._utils.all_or_nothing import all_or_nothing
from .._utils.sklearn_compat import style_keywords

BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, YELLOW, BLACK = "#CC79A7", "#56B4E9", "#F0E442", "#000000"
GREY = "#767676"

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
BETA = "β (0: seeing, 1: doing)"


def check_matplotlib(caller: str) -> None:
    """Raise where matplotlib is missing; the error names who needs it and the extra."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ModuleNotFoundError(
            f"{caller} needs matplotlib: pip install 'skbetafd[plots]'", name="matplotlib"
        ) from error


Plot = TypeVar("Plot", bound=Callable[..., Any])


def drawn_or_not(plot: Plot) -> Plot:
    """Have a display's `plot` that fails leave the display as it was, and no figure open."""

    @wraps(plot)
    def whole(self: Any, ax: Any = None, **kwargs: Any) -> Any:
        drawn = vars(self).get("figure_")
        with all_or_nothing(self):
            try:
                return plot(self, ax, **kwargs)
            except BaseException:
                figure = vars(self).get("figure_")
                if ax is None and figure is not drawn:
                    import matplotlib.pyplot as plt

                    plt.close(figure)
                raise

    return whole  # type: ignore[return-value]


def get_axes(ax: Any, display: Any, size: tuple[float, float] = PANEL) -> Any:
    """Give the user's axes, or those of a new figure; the display keeps ``ax_`` and ``figure_``."""
    check_matplotlib(f"{type(display).__name__}.plot")
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=size, layout="constrained")
    _check_axes(ax, [ax])
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def get_panels(
    ax: Any, display: Any, shape: tuple[int, int], size: tuple[float, float] = (4.7, 4.0)
) -> None:
    """Keep the user's one Axes or several, or those of a new figure, as ``axes_``.

    `shape` are rows and columns of a new figure, and `size` the inches of a panel in it.
    """
    check_matplotlib(f"{type(display).__name__}.plot")
    if ax is None:
        import matplotlib.pyplot as plt

        whole = (size[0] * shape[1], size[1] * shape[0])
        _, ax = plt.subplots(*shape, figsize=whole, layout="constrained")
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    _check_axes(ax, axes.tolist())
    display.axes_ = axes
    display.figure_ = display.axes_[0].figure


def _check_axes(given: Any, axes: list[Any]) -> None:
    from matplotlib.axes import Axes

    if not axes or not all(isinstance(one, Axes) for one in axes):
        raise TypeError(f"ax must be a matplotlib Axes, got {given!r}")


def line_keywords(position: int, user: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """Colour, line and marker of the line at a position, unless the user gives them."""
    cycled = {
        "color": COLOURS[position % len(COLOURS)],
        "linestyle": LINES[position % len(LINES)],
        "marker": MARKERS[position % len(MARKERS)],
        "markersize": 4,
        "linewidth": 1.5,
    }
    return style_keywords({**cycled, **defaults}, user)


def finish(ax: Any, *, xlabel: str, ylabel: str, title: str | None = None) -> None:
    """Label the axes and lay a faint grid behind what is drawn."""
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.grid(alpha=0.3)
    ax.set_axisbelow(True)
    if title is not None:
        ax.set_title(title)


def plain(name: Any) -> str:
    """Write a user's name as it is: matplotlib would read formulas between dollars."""
    return str(name).replace("$", r"\$")


def legend(
    ax: Any,
    title: str | None = None,
    handles: Sequence[Any] | None = None,
    named: Sequence[Any] = (),
    last: Sequence[Any] = (),
) -> None:
    """Explain what has a label; beside the axes where there is so much that it would hide lines.

    matplotlib leaves out what a user's name hides by a leading underscore; `named` is shown. Of
    very many the first are named, `last` always, and how many are not.
    """
    if handles is None:
        shown = ax.get_legend_handles_labels()[0]
        handles = [*shown, *(line for line in named if line not in shown)]
    handles = [*_most_named(list(handles), MOST_NAMED - len(last)), *last]
    if len(handles) > MOST_INSIDE:
        size = "small" if len(handles) > MOST_NAMED / 2 else None
        place = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5), "fontsize": size}
        ax.legend(handles=handles, title=title, **place)
    elif handles:
        ax.legend(handles=handles, title=title)


def _most_named(handles: list[Any], most: int) -> list[Any]:
    from matplotlib.lines import Line2D

    if len(handles) <= most:
        return handles
    rest = f"… and {len(handles) - most + 1} more lines"
    return [*handles[: most - 1], Line2D([], [], linestyle="none", label=rest)]


def blue_white_orange() -> Any:
    """Negative orange, positive blue: told apart by colour-blind readers, and by their numbers."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("contribution", ["#8a3d00", "#ffffff", "#00446e"])


def check_keywords(method: Any, user: dict[str, Any], *, draws: str) -> None:
    """Refuse what neither a display's method nor matplotlib takes, before anything is computed.

    Parameters
    ----------
    method : bound method
        The display's, whose name and parameters an error tells.
    user : dict
        What it passes on.
    draws : {"plot", "ecdf", "barh", "imshow", "scatter", "arrow"}
        What draws.
    """
    check_matplotlib(method.__qualname__)
    known = _keywords(draws)
    own = [name for name in signature(method).parameters if name != "kwargs"]
    for name in user.keys() - known:
        meant = [SYNONYMS[name]] if SYNONYMS.get(name) in own else get_close_matches(name, own, 1)
        raise TypeError(
            f"{method.__qualname__} got an unexpected keyword argument {name!r}"
            + (f"; did you mean {meant[0]!r}?" if meant else f"; its own are {', '.join(own)}")
        )


SYNONYMS = {"groups": "environments", "environments": "groups"}
"""Two displays call by different names what a user may take for the same."""


def _keywords(draws: str) -> set[str]:
    from matplotlib.artist import ArtistInspector
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.image import AxesImage
    from matplotlib.lines import Line2D
    from matplotlib.patches import FancyArrowPatch, Rectangle

    artists = {"barh": Rectangle, "imshow": AxesImage, "scatter": PathCollection}
    artist = FancyArrowPatch if draws == "arrow" else artists.get(draws, Line2D)
    drawer = artist if draws == "arrow" else getattr(Axes, draws)
    inspector = ArtistInspector(artist)
    aliases = set().union(*inspector.aliasd.values())
    return {*signature(drawer).parameters, *inspector.get_setters(), *aliases}
