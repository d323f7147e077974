"""Which modality is predominant: the one that is named, or that a probe finds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split
from sklearn.utils.extmath import safe_sparse_dot

from .._utils.sklearn_compat import solve_cholesky_kernel
from ..inputs.modality import Modality
from ..inputs.modality_names import modality_position
from ..inputs.row_sources import VALUES_AT_ONCE, slices
from ..inputs.standardise import fitted_scaler
from ..inputs.training_rows import TrainingRows

PROBE_ROWS = 2000
"""More rows change the ranking of modalities rarely and cost the cube of their number."""

PROBE_FOLDS = 3

RIDGE = 0.3
"""From .03 to 3 the ranking on the confounded digit pairs is the same."""

MOST_STORED = 0.1
"""Share of the cells above which products of sparse rows take longer than of dense ones."""


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
    found = [array if isinstance(array, Modality) else Modality(array) for array in arrays]
    return np.array([_score_present(array[rows], y, sample_weight, seed) for array in found])


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


def _score_present(array: Modality, y: np.ndarray, weight: np.ndarray, seed: int) -> float:
    rows = np.flatnonzero(array.present)
    if len(rows) < 2:
        return 0.0
    scores, array, y, weight = [], array[rows].in_memory(), y[rows], weight[rows]
    for train, test in _folds(y, seed):
        predicted = probe_predict(array, y, weight, train, test)
        scores.append(np.average(predicted == y[test], weights=weight[test]))
    return float(np.mean(scores))


def probe_predict(
    array: Modality, y: np.ndarray, weight: np.ndarray, train: np.ndarray, test: np.ndarray
) -> np.ndarray:
    """Fit the probe to some rows of one modality, and predict class indices of others."""
    targets = np.where(y[train, None] == np.arange(y[train].max() + 1), 1.0, -1.0)
    products = _products if array.sparse else _scaled_products
    own, others = (_quadratic(part) for part in products(array, weight, train, test))
    # KernelRidge would copy the products, and read them for NaN
    dual = solve_cholesky_kernel(own, targets, RIDGE, weight[train])
    return (others @ dual).argmax(axis=1)


def _quadratic(products: np.ndarray) -> np.ndarray:
    products += 1
    products **= 2
    return products


def _products(
    array: Modality, weight: np.ndarray, train: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean products of sparse rows, at the one scale by which the network reads them too."""
    rows: Any = array.value.astype(np.float64)
    square = np.average(rows[train].power(2).sum(axis=1), weights=weight[train], axis=0).item()
    if rows.nnz > MOST_STORED * math.prod(rows.shape):
        rows = rows.toarray()
    return tuple(
        safe_sparse_dot(rows[some], rows[train].T, dense_output=True) / (square or 1.0)
        for some in (train, test)
    )


def _scaled_products(
    array: Modality, weight: np.ndarray, train: np.ndarray, test: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean products of rows whose columns have mean 0 and variance 1, some columns at a time."""
    rows = np.asarray(array)
    own, others = np.zeros((len(train), len(train))), np.zeros((len(test), len(train)))
    eps = np.broadcast_to(array.eps, rows.shape[1])
    for columns in slices(rows.shape[1], max(1, VALUES_AT_ONCE // len(rows))):
        fitted, asked = (rows[some, columns].astype(np.float64) for some in (train, test))
        scaler = fitted_scaler([(fitted, weight[train])], eps[columns])
        fitted, asked = (
            np.nan_to_num(scaler.transform(part), copy=False, nan=0.0)  # the padding of a sequence
            for part in (fitted, asked)
        )
        own += fitted @ fitted.T
        others += asked @ fitted.T
    own /= rows.shape[1]
    others /= rows.shape[1]
    return own, others
