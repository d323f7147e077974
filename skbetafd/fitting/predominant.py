"""Which modality is predominant: the one that is named, or that a probe finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler

from ..inputs.missing import present_rows
from ..inputs.modality import Modality
from ..inputs.modality_names import modality_position
from ..inputs.training_rows import TrainingRows

PROBE_ROWS = 2000
"""More rows change the ranking of modalities rarely and cost the cube of their number."""

PROBE_FOLDS = 3

RIDGE = 0.3
"""From .03 to 3 the ranking on the confounded digit pairs is the same."""


def find_predominant(
    predominant: str | int, rows: TrainingRows, seed: int
) -> tuple[int, np.ndarray | None]:
    """Return the predominant modality's position, and the scores by which it was found, if any.

    It is the one that a probe predicts the label from best, or that `predominant` names; "auto" is
    a name where a modality has it.
    """
    if predominant != "auto" or "auto" in rows.names:
        return modality_position(predominant, rows.names), None
    scores = probe_scores(rows.arrays, rows.y, rows.weight, seed)
    return int(scores.argmax()), scores


def probe_scores(
    arrays: Sequence[Modality | np.ndarray], y: np.ndarray, sample_weight: np.ndarray, seed: int
) -> np.ndarray:
    """Cross-validated accuracy of a ridge probe on each modality alone.

    The probe is linear in all products of two features (a polynomial kernel of degree 2). A
    probe linear in the features themselves can't see a label that two of them make together,
    as content and recording context do: on the confounded pair fou/zer it scores the confounded
    modality .40 and the other .43, where the quadratic probe says .59 and .49.

    Parameters
    ----------
    arrays : sequence of Modality or ndarray of shape (n_samples, width)
        One a modality; rows of NaN lack it, and are left out of its score.
    y : ndarray of shape (n_samples,)
        Class indices from 0.
    sample_weight : ndarray of shape (n_samples,)
        Positive weights.
    seed : int
        Of the row subset (at most 2,000, stratified) and of the three folds.

    Returns
    -------
    ndarray of shape (n_modalities,)
        Mean weighted accuracy over the folds, in [0, 1].
    """
    rows = _subset(y, seed)
    y, sample_weight = y[rows], sample_weight[rows]
    found = [np.asarray(array[rows]) for array in arrays]
    return np.array([_score_present(array, y, sample_weight, seed) for array in found])


def _subset(y: np.ndarray, seed: int) -> np.ndarray:
    rows = np.arange(len(y))
    if len(y) <= PROBE_ROWS:
        return rows
    classes, counts = np.unique(y, return_counts=True)
    # scikit-learn wants a row of each class in both parts
    possible = counts.min() > 1 and len(classes) <= min(PROBE_ROWS - 1, len(y) - PROBE_ROWS)
    stratify = y if possible else None
    subset, _ = train_test_split(rows, train_size=PROBE_ROWS, stratify=stratify, random_state=seed)
    return subset


def _folds(y: np.ndarray, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    smallest = np.unique(y, return_counts=True)[1].min()
    if smallest >= PROBE_FOLDS:
        splitter = StratifiedKFold(PROBE_FOLDS, shuffle=True, random_state=seed)
    else:
        splitter = KFold(min(PROBE_FOLDS, len(y)), shuffle=True, random_state=seed)
    return splitter.split(y, y)


def _score_present(X: np.ndarray, y: np.ndarray, weight: np.ndarray, seed: int) -> float:
    rows = present_rows(X)
    if rows.sum() < 2:
        return 0.0
    X, y, weight = X[rows].astype(np.float64), y[rows], weight[rows]
    return _score(X, y, weight, list(_folds(y, seed)))


def _score(X: np.ndarray, y: np.ndarray, weight: np.ndarray, folds: list) -> float:
    scores = []
    for train, test in folds:
        predicted = probe_predict(X[train], y[train], weight[train], X[test])
        scores.append(np.average(predicted == y[test], weights=weight[test]))
    return float(np.mean(scores))


def probe_predict(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray, X_test: np.ndarray
) -> np.ndarray:
    """Fit the probe to rows of one modality, and predict class indices of others."""
    targets = np.where(y[:, None] == np.arange(y.max() + 1), 1.0, -1.0)
    scaler = StandardScaler().set_output(transform="default")
    with np.errstate(invalid="ignore"):  # of steps that no sequence reaches
        scaler.fit(X, sample_weight=weight)
    probe = KernelRidge(alpha=RIDGE, kernel="poly", degree=2, coef0=1, gamma=1 / X.shape[1])
    probe.fit(_scaled(scaler, X), targets, sample_weight=weight)
    return probe.predict(_scaled(scaler, X_test)).argmax(axis=1)


def _scaled(scaler: StandardScaler, X: np.ndarray) -> np.ndarray:
    """Scale rows; the padding of a sequence becomes the mean."""
    return np.nan_to_num(scaler.transform(X), copy=False, nan=0.0)
