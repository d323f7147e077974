"""The three tracks of the suite: training rows, tests, and the truth under intervention."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from methods import STOPPED, Rows
from real_set import RealSet, plant
from sets import SETS, load_set

from skbetafd import MultiModalArray
from skbetafd.baselines import FusionClassifier
from skbetafd.datasets import ConfoundedData, ConfoundedSplit

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
RAW = {"av_mnist raw": "av_mnist", "fashion_mnist raw": "fashion_mnist"}
"""Sets whose confounder colours the raw images."""

DIGITS = ("kar/mor", "fou/zer", "kar/pix", "av_mnist", "pen_optic_speech")
CONFOUNDED = (*DIGITS, "satimage", "image_segments", "leaf_flavia", "fashion_mnist", *RAW)


class Variant(NamedTuple):
    """How a confounder is planted; what is not given is `confound`'s default."""

    law: dict[str, Any]
    sets: Sequence[str]
    on_auxiliary: bool = False


VARIANTS = {
    "independent": Variant({}, CONFOUNDED),
    "on an auxiliary": Variant({}, CONFOUNDED, on_auxiliary=True),
    "faint tint": Variant({"strength": 1.0}, CONFOUNDED),
    "unreliable tint": Variant({"reliability": 0.6}, CONFOUNDED),
    "weak confounder": Variant({"prior": (0.85, 0.1, 0.05)}, CONFOUNDED),
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
    if track in ("iid", "missing"):
        return [(name, "clean") for name in SETS]
    raise ValueError(f"track must be iid, interventional or missing, got {track!r}")


@lru_cache(maxsize=2)
def task(track: str, name: str, variant: str, seed: int) -> Task:
    """Make the training rows and tests of one split."""
    data, clean, real_set = _data(track, name, variant, seed)
    rows = Rows(data.train.X, data.train.y, _train_groups(real_set, seed), real_set.predominant)
    if track == "iid":
        return Task(rows, {"iid": _pair(data.iid)}, data.classes)
    if track == "missing":
        return Task(rows, _missing(data.iid, real_set.predominant, seed), data.classes)
    names = ("iid", "half_broken", "broken")
    tests = {test: _pair(getattr(data, test)) for test in names}
    return Task(rows, tests, data.classes, lambda: _best(data, clean, rows.groups, seed))


def _data(
    track: str, name: str, variant: str, seed: int
) -> tuple[ConfoundedData, ConfoundedData, RealSet]:
    real_set = load_set(RAW.get(name, name), seed)
    if name in RAW:
        real_set = _raw_images(real_set)
    clean = plant(real_set, seed, prior=None)
    if track != "interventional":
        return clean, clean, real_set
    law, _, on_auxiliary = VARIANTS[variant]
    tinted = real_set
    if on_auxiliary:
        others = [m for m in real_set.X.names if m != real_set.predominant]
        tinted = replace(real_set, predominant=others[0])
    return plant(tinted, seed, **law), clean, real_set


def _raw_images(real_set: RealSet) -> RealSet:
    """Images unreduced and predominant: they are coloured."""
    per_modality = dict(real_set.per_modality or {})
    per_modality.pop("image", None)
    X = dict(real_set.X.items())
    X["image"] = np.asarray(X["image"], dtype=np.float32).reshape(len(real_set.y), 28, 28)
    order = ["image", *(m for m in X if m != "image")]
    X = MultiModalArray({m: X[m] for m in order})
    return replace(real_set, X=X, per_modality=per_modality or None, predominant="image")


def _train_groups(real_set: RealSet, seed: int) -> np.ndarray | None:
    if real_set.groups is None:
        return None
    numbered = replace(
        real_set,
        X=MultiModalArray({real_set.predominant: real_set.groups[:, None].astype(float)}),
        per_modality=None,
    )
    return plant(numbered, seed, prior=None).train.X[real_set.predominant][:, 0].astype(int)


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
    data: ConfoundedData, clean: ConfoundedData, groups: np.ndarray | None, seed: int
) -> dict[str, np.ndarray]:
    """P(y | do) of a classifier of the real class on tint-free rows, convolved with P(U)."""
    clf = FusionClassifier(random_state=seed, **STOPPED)
    clf.fit(clean.train.X, clean.train.content, groups=groups)
    given_content = np.stack(
        [data.train.proba[data.train.content == d][0] for d in range(len(data.classes))]
    )
    proba = clf.predict_proba(clean.iid.X) @ given_content
    return dict.fromkeys(("iid", "half_broken", "broken"), proba)
