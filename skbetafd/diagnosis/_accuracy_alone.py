"""Which modality is predominant: each one's accuracy alone, out of fold."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.messages import named
from ..baselines import UnimodalClassifier
from ..fitting.predominant import probe_predict
from ..inputs.modality import Modality
from ..inputs.multimodal_array import MultiModalArray
from ._diagnosis import IMBALANCED, PROBE_BELOW
from ._folds import Fold, rows_of

N_BOOTSTRAP = 1000


def right_alone(
    X: MultiModalArray,
    y: np.ndarray,
    groups: np.ndarray | None,
    folds: list[Fold],
    params: dict[str, Any],
    bar: Any,
) -> np.ndarray:
    """Tell the rows that each modality alone gets right, (n_samples, n_modalities).

    NaN where the row lacks the modality.
    """
    right = np.full((len(y), len(X.names)), np.nan)
    few = len(y) < PROBE_BELOW
    for fold in folds:
        for m, name in enumerate(X.names):
            bar.set_description(f"{fold.name}, {name!r} alone")
            there = X._faces[name].present
            train, test = fold.train[there[fold.train]], fold.test[there[fold.test]]
            if len(test):
                with named(f"{fold.name}, modality {name!r}"):
                    if not len(train):
                        raise ValueError("NaN in every training row")
                    alone = MultiModalArray({name: X[name]})
                    if few:
                        rows = Modality(np.asarray(alone, dtype=np.float64))
                        predicted = probe_predict(rows, y, np.ones(len(y)), train, test)
                    else:
                        clf = UnimodalClassifier(random_state=fold.seed, **params)
                        clf._keep_interrupted = False
                        clf.fit(alone[train], y[train], groups=rows_of(groups, train))
                        predicted = clf.predict(alone[test])
                    right[test, m] = predicted == y[test]
            bar.update()
    return right


def resampled_means(right: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Accuracy of each modality on resampled rows, shape (N_BOOTSTRAP, n_modalities)."""
    n = len(right)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=N_BOOTSTRAP).astype(float)
    asked = counts @ ~np.isnan(right)
    return counts @ np.nan_to_num(right) / np.maximum(asked, 1)


def ranking_of(
    names: tuple[str, ...], right: np.ndarray, resampled: np.ndarray, ends: list[float]
) -> dict[str, Any]:
    """Rank the modalities alone, and say how sure the differences are."""
    accuracy = np.nanmean(right, axis=0)
    order = np.argsort(-accuracy, kind="stable")
    first, second, last = order[0], order[1], order[-1]

    def ahead_of(other: int) -> tuple[float, tuple[float, float]]:
        low, high = np.quantile(resampled[:, first] - resampled[:, other], ends).tolist()
        return float(accuracy[first] - accuracy[other]), (low, high)

    (lead, lead_ci), (spread, spread_ci) = ahead_of(second), ahead_of(last)
    return {
        "predominant": names[first],
        "predominant_lead": lead,
        "predominant_ci": lead_ci,
        "runner_up": names[second],
        "weakest": names[last],
        "alone": dict(zip(names, accuracy.tolist(), strict=True)),
        "spread": spread,
        "spread_ci": spread_ci,
        "imbalanced": spread_ci[0] > IMBALANCED,
    }
