"""Shuffled stratified folds, and the inner split by which early stopping decides."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, check_cv

from .._utils.messages import without_warnings
from .._utils.sklearn_compat import SCARCE, Interval
from ..inputs.labels import read_groups

Splits = list[tuple[np.ndarray, np.ndarray]]


def stratified_splits(
    cv: Any, y: np.ndarray, groups: Any, random_state: int | np.random.RandomState | None
) -> Splits:
    """Cut rows into folds.

    Parameters
    ----------
    cv : int, splitter or iterable of (train, test)
        An int asks for so many shuffled stratified folds, which keep groups together.
    y : ndarray of shape (n_samples,)
        Labels.
    groups : array-like of shape (n_samples,) or None
        Rows of one group stay on one side.
    random_state : int, RandomState or None
        Of the shuffling.

    Raises
    ------
    ValueError
        If there are too few rows, rows of any class, or groups for the folds.
    """
    if groups is not None:
        groups = read_groups(groups, len(y))
    if isinstance(cv, Integral):
        splits = _shuffled_folds(int(cv), y, groups, random_state)
    else:
        splits = list(check_cv(cv, y, classifier=True).split(y, y, groups))
    if not splits:
        raise ValueError(f"cv={cv!r} gives no split")
    if not all(len(test) and len(train) for train, test in splits):
        raise ValueError(f"cv={cv!r} gives a fold with an empty training or test part")
    return splits


def _shuffled_folds(
    n_folds: int,
    y: np.ndarray,
    groups: np.ndarray | None,
    random_state: int | np.random.RandomState | None,
) -> Splits:
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    splitter = kind(n_folds, shuffle=True, random_state=random_state)
    with without_warnings(UserWarning, SCARCE):
        return list(splitter.split(y, y, groups))


EARLY_STOPPING: dict[str, list[Any]] = {
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 0.5, closed="right")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
}
"""Constraints of the parameters of every classifier that can stop early."""


def inner_split(
    y: np.ndarray,
    groups: np.ndarray | None,
    fraction: float,
    seed: int,
    way_out: str,
    classes: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Hold out a stratified share of the rows, groups kept together.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Class indices.
    groups : ndarray of shape (n_samples,) or None
        Rows of one group stay on one side.
    fraction : float in (0, 0.5]
        Share to hold out, rounded to a whole number of folds, of which there are at most as many
        as groups, or rows of the commonest class.
    seed : int
        Of the shuffling.
    way_out : str
        How the user does without a split; ends every error.
    classes : ndarray of shape (n_classes,), optional
        The labels, by which an error names a class.

    Returns
    -------
    tuple of two ndarrays of int
        Positions of the rows to train on, and of those held out.

    Raises
    ------
    ValueError
        If a class has one row, there is one group, or no split has training rows of every class.
    """
    seen, counts = np.unique(y, return_counts=True)
    if counts.min() < 2:
        rare = seen[counts.argmin()]
        label = f"index {rare}" if classes is None else repr(classes.tolist()[rare])
        raise ValueError(
            f"an inner split needs two rows of every class, but class {label} has {counts.min()}; "
            f"{way_out}"
        )
    n_folds = min(max(2, round(1 / fraction)), counts.max())
    if groups is not None:
        n_groups = len(np.unique(groups))
        if n_groups < 2:
            raise ValueError(f"an inner split needs two groups, got {n_groups}; {way_out}")
        n_folds = min(n_folds, n_groups)
    for fit, held in _shuffled_folds(n_folds, y, groups, seed):
        if len(held) and len(np.unique(y[fit])) == len(seen):
            return fit, held
    raise ValueError(f"groups leave no inner split with training rows of every class; {way_out}")


def check_left_present(
    present: np.ndarray, names: tuple[str, ...], way_out: str, *, together: bool = False
) -> None:
    """Refuse a split that leaves a modality, or with `together` all of them, without any row.

    `present`, of shape (n_samples, n_modalities), tells what the rows left for training have.
    """
    some = present.any(axis=0)
    if not some.all():
        raise ValueError(
            f"modality {names[int(np.argmin(some))]!r} is absent in all {len(present)} rows that "
            f"the inner split leaves for training; {way_out}"
        )
    if together and not present.all(axis=1).any():
        raise ValueError(
            f"none of the {len(present)} rows that the inner split leaves for training has all "
            f"modalities; {way_out}"
        )
