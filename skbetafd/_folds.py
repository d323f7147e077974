"""The folds of a search: fitted together, scored at every β from one prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ._classifier import FrontDoorMultiModalClassifier
from ._fitting import fit_all
from ._multimodal_array import MultiModalArray
from ._sklearn_compat import safe_indexing


class FoldTask(NamedTuple):
    """An unfitted classifier and the rows that it is trained and tested on."""

    classifier: FrontDoorMultiModalClassifier
    X: MultiModalArray
    aligned: dict[str, Any]
    """Labels, and sample weights and mediators or None."""
    train: np.ndarray
    test: np.ndarray


class Fold(NamedTuple):
    """A fitted classifier and its log-probabilities at every β of the test rows."""

    classifier: FrontDoorMultiModalClassifier
    X_test: MultiModalArray
    log_path: np.ndarray


def run_together(tasks: Sequence[FoldTask], betas: list[float], verbose: int) -> list[Fold]:
    """Fit the classifiers of several folds, their networks together where shapes allow."""
    requests = []
    for task in tasks:
        aligned = [_rows(value, task.train) for value in task.aligned.values()]
        requests.append(task.classifier.request(task.X[task.train], *aligned))
    folds = []
    for task, result in zip(tasks, fit_all(requests, verbose), strict=True):
        task.classifier.adopt(result)
        X_test = task.X[task.test]
        path = task.classifier.log_beta_path(X_test, betas)
        folds.append(Fold(task.classifier, X_test, path))
    return folds


def score_fold(
    scorer: Any, task: FoldTask, fold: Fold, betas: list[float], params: dict[str, Any]
) -> list[float]:
    """Score a fold at every β; `params`, of all rows, are cut to the test rows."""
    y_test = _rows(task.aligned["y"], task.test)
    cut = {name: _rows(value, task.test) for name, value in params.items()}
    views = [_AtBeta(fold, position, beta) for position, beta in enumerate(betas)]
    return [float(scorer(view, fold.X_test, y_test, **cut)) for view in views]


def _rows(values: Any, rows: np.ndarray) -> Any:
    if values is None:
        return None
    return safe_indexing(values if hasattr(values, "__len__") else np.asarray(values), rows)


class _AtBeta(FrontDoorMultiModalClassifier):
    """A fold's classifier at one β, which knows its prediction for the test rows."""

    def __init__(self, fold: Fold, position: int, beta: float) -> None:
        self.__dict__.update(vars(fold.classifier))
        self.beta = beta
        self._known = (fold.X_test, fold.log_path[position : position + 1])

    def _log_path(self, X: Any, betas: list[float]) -> np.ndarray:
        known_X, log_path = self._known
        if X is known_X and betas == [self.beta]:
            return log_path
        return super()._log_path(X, betas)
