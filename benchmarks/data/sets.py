"""The real sets of the benchmarks, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from data.pairs import GIVEN
from data.real_set import RealSet, drawn_rows
from data.recorded import (
    birds_phase,
    breast,
    digits,
    hanzi,
    icons,
    letters,
    penguin,
    wages,
    wordclass,
)
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


def _drawn(load: Callable[[], RealSet], n_rows: int = 2850) -> Callable[[int], RealSet]:
    """Two thousand training rows in a split of 70 : 30 keep the suite affordable."""
    return lambda seed: drawn_rows(load(), n_rows, seed)


Loader = Callable[[int], RealSet]

# A set for each seed: the seed pairs rows by class or draws them, where the set needs that.
FIRST: dict[str, Loader] = {
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
"""The sixteen sets that the library was developed on."""
RECORDED: dict[str, Loader] = {
    "icons": _drawn(icons),
    "wordclass": _drawn(wordclass),
    "digits": _drawn(digits),
    "letters": _drawn(letters),
    "hanzi": _drawn(hanzi),
    "penguin": _drawn(penguin),
    "wages": _drawn(wages),
    "breast": _drawn(breast),
}
"""Sets with recorded environments, found afterwards."""
SETS: dict[str, Loader] = {**FIRST, **RECORDED, "birds_phase": _drawn(birds_phase, 3215)}


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
