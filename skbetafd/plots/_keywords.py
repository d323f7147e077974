"""Keywords that displays hand on to matplotlib."""

from __future__ import annotations

from difflib import get_close_matches
from inspect import signature
from typing import Any

from ._style import check_matplotlib


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
