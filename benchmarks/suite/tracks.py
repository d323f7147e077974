"""The tracks of the suite: training rows, tests, and the truth under intervention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from data.real_set import RealSet, plant
from data.sets import SETS, load_set

from skbetafd import MultiModalArray
from skbetafd.baselines import FusionClassifier
from skbetafd.datasets import ConfoundedData, ConfoundedSplit
from skbetafd.datasets._law import DEFAULT_PRIOR, law_by_class, proba_given_content
from suite.methods import STOPPED, Rows

TESTS = ("iid", "half_broken", "broken", "redrawn")
SHARES = (0.25, 0.5, 0.75, 1.0)
RAW = {"av_mnist raw": "av_mnist", "fashion_mnist raw": "fashion_mnist"}
"""Sets whose confounder colours the raw images."""

DIGITS = ("kar/mor", "fou/zer", "kar/pix", "av_mnist", "pen_optic_speech")
CONFOUNDED = (*DIGITS, "satimage", "image_segments", "leaf_flavia", "fashion_mnist", *RAW)


class Variant(NamedTuple):
    """How a confounder is planted; what is not given is `confound`'s default."""

    law: dict[str, Any]
    sets: Sequence[str]
    on_auxiliary: bool = False
    by_class: tuple[Sequence[float], ...] = ()
    """Laws of U for classes 0, 1, 0, 1, …: U is correlated with the content."""


VARIANTS = {
    "independent": Variant({}, CONFOUNDED),
    "on an auxiliary": Variant({}, CONFOUNDED, on_auxiliary=True),
    "faint tint": Variant({"strength": 1.0}, CONFOUNDED),
    "unreliable tint": Variant({"reliability": 0.6}, CONFOUNDED),
    "weak confounder": Variant({"prior": (0.85, 0.1, 0.05)}, CONFOUNDED),
    "correlated with the content": Variant(
        {}, CONFOUNDED, by_class=((0.75, 0.15, 0.1), (0.45, 0.35, 0.2))
    ),
}


class Task(NamedTuple):
    """Training rows, the tests by name, and P(y | do) of the best possible predictor by test."""

    train: Rows
    tests: dict[str, tuple[MultiModalArray, np.ndarray]]
    classes: np.ndarray
    best: Callable[[], dict[str, np.ndarray]] | None = None


def tasks(track: str) -> list[tuple[str, str]]:
    """List the (set, variant) pairs of a track."""
    if track == "interventional":
        return [(name, variant) for variant, v in VARIANTS.items() for name in v.sets]
    if track == "clean":
        return [(name, "no confounder") for name in SETS]
    raise ValueError(f"track must be clean or interventional, got {track!r}")


@lru_cache(maxsize=2)
def task(track: str, name: str, variant: str, seed: int) -> Task:
    """Make the training rows and tests of one split."""
    data, clean, real_set, tinted = _data(track, name, variant, seed)
    groups = None if real_set.groups is None else real_set.groups[data.train.rows]
    rows = Rows(data.train.X, data.train.y, groups, real_set.predominant)
    if track == "clean":
        missing = _missing(data.iid, real_set.predominant, seed)
        return Task(rows, {"iid": _pair(data.iid), **missing}, data.classes)
    tests = {test: _pair(getattr(data, test)) for test in TESTS}
    prior = _law(variant, len(data.classes)).get("prior", DEFAULT_PRIOR)
    return Task(rows, tests, data.classes, lambda: _best(clean, tinted, prior, rows.groups, seed))


def _data(
    track: str, name: str, variant: str, seed: int
) -> tuple[ConfoundedData, ConfoundedData, RealSet, str]:
    """Rows with and without the confounder, the set, and the name of the tinted modality."""
    real_set = load_set(RAW.get(name, name), seed)
    if name in RAW:
        real_set = _raw_images(real_set)
    clean = plant(real_set, seed, prior=None)
    if track != "interventional":
        return clean, clean, real_set, real_set.predominant
    tinted = real_set.predominant
    if VARIANTS[variant].on_auxiliary:
        tinted = next(m for m in real_set.X.names if m != tinted)
    law = _law(variant, len(clean.classes))
    data = plant(replace(real_set, predominant=tinted), seed, **law)
    return data, clean, real_set, tinted


def _law(variant: str, n_classes: int) -> dict[str, Any]:
    law, by_class = VARIANTS[variant].law, VARIANTS[variant].by_class
    if by_class:
        return {**law, "prior": [by_class[d % len(by_class)] for d in range(n_classes)]}
    return law


def _raw_images(real_set: RealSet) -> RealSet:
    """Images unreduced and predominant: they are coloured."""
    per_modality = dict(real_set.per_modality or {})
    per_modality.pop("image", None)
    X = dict(real_set.X.items())
    X["image"] = np.asarray(X["image"], dtype=np.float32).reshape(len(real_set.y), 28, 28)
    order = ["image", *(m for m in X if m != "image")]
    X = MultiModalArray({m: X[m] for m in order})
    return replace(real_set, X=X, per_modality=per_modality or None, predominant="image")


def _pair(split: ConfoundedSplit) -> tuple[MultiModalArray, np.ndarray]:
    return split.X, split.y


def _missing(
    split: ConfoundedSplit, predominant: str, seed: int
) -> dict[str, tuple[MultiModalArray, np.ndarray]]:
    """Rows of which a share lacks all auxiliaries."""
    auxiliaries = [m for m in split.X.names if m != predominant]
    has = ~np.isnan(split.X[predominant].reshape(len(split.y), -1)).all(axis=1)
    draw = np.random.default_rng(seed).random(len(split.y))
    tests = {}
    for share in SHARES:
        present = (draw >= share) | ~has  # no row may lack everything
        given = {m: present & ~_absent(split.X[m]) for m in auxiliaries}
        tests[f"{share:.0%} missing"] = MultiModalArray(split.X, present=given), split.y
    return tests


def _absent(values: np.ndarray) -> np.ndarray:
    return np.isnan(values.reshape(len(values), -1)).all(axis=1)


def _best(
    clean: ConfoundedData, tinted: str, prior: Any, groups: np.ndarray | None, seed: int
) -> dict[str, np.ndarray]:
    """P(y | do) from classifiers of the real class on tint-free rows, and the known law of U.

    A redrawn modality tells its own class, the others that of the row which U came with.
    """

    def classes_of(names: Sequence[str], test: MultiModalArray) -> np.ndarray:
        clf = FusionClassifier(random_state=seed, **STOPPED)
        train = MultiModalArray({m: clean.train.X[m] for m in names})
        clf.fit(train, clean.train.content, groups=groups)
        return clf.predict_proba(MultiModalArray({m: test[m] for m in names}))

    names, n_classes = clean.train.X.names, len(clean.classes)
    given = np.stack(
        [proba_given_content(law, n_classes) for law in law_by_class(prior, n_classes)]
    )  # of the class that U came with, the class shown, and y
    proba = classes_of(names, clean.iid.X) @ given[np.arange(n_classes), np.arange(n_classes)]
    own = classes_of([m for m in names if m != tinted], clean.iid.X)
    shown = classes_of([tinted], clean.redrawn.X)
    redrawn = np.einsum("no,ns,osy->ny", own, shown, given)
    return {**dict.fromkeys(TESTS, proba), "redrawn": redrawn}
