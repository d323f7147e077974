"""The real sets of the benchmarks, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from data.pairs import GIVEN
from data.real_set import RealSet
from data.signals import fashion_mnist, image_segments, known_pair, pen_optic_speech
from data.tables import (
    alzheimer,
    bird_strikes,
    brca,
    cell_segmentation,
    email_spam,
    leaf_flavia,
    pd_speech,
    tweets_device,
)


def _unseeded(load: Callable[[], RealSet]) -> Callable[[int], RealSet]:
    return lambda seed: load()


# A set for each seed: the seed pairs rows by class or chooses them, where the set needs that.
SETS: dict[str, Callable[[int], RealSet]] = {
    **{name: partial(known_pair, name) for name in GIVEN},
    "image_segments": _unseeded(image_segments),
    "leaf_flavia": _unseeded(leaf_flavia),
    "cell_segmentation": _unseeded(cell_segmentation),
    "alzheimer": _unseeded(alzheimer),
    "bird_strikes": _unseeded(bird_strikes),
    "email_spam": _unseeded(email_spam),
    "tweets_device": _unseeded(tweets_device),
    "pd_speech": _unseeded(pd_speech),
    "brca": _unseeded(brca),
    "fashion_mnist": fashion_mnist,
    "pen_optic_speech": pen_optic_speech,
}


def load_set(name: str, seed: int = 0) -> RealSet:
    """Return a set by its name.

    Parameters
    ----------
    name : str
        A key of ``SETS``.
    seed : int, default=0
        Of the rows paired by class or chosen, where the set needs that.

    Returns
    -------
    RealSet
        Not yet numbers: see `prepare`.

    Raises
    ------
    ValueError
        If `name` is unknown.
    """
    if name not in SETS:
        raise ValueError(f"name must be one of {', '.join(SETS)}, got {name!r}")
    return SETS[name](seed)
