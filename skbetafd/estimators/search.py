"""The folds of a search: fitted together, scored at every β from one prediction."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from sys import getsizeof
from typing import Any, NamedTuple

import numpy as np

from .._utils.messages import named
from .._utils.sklearn_compat import rows_of_params
from ..fitting.fit import fit_all
from ..inputs.multimodal_array import MultiModalArray
from .front_door import FrontDoorMultiModalClassifier
from .scorers import as_number


@dataclass(frozen=True, eq=False)
class SearchRows:
    """All rows of a search; one object, which a parallel backend sends once, not with each task."""

    X: MultiModalArray
    aligned: dict[str, Any]
    """Labels, and sample weights, mediators and groups or None."""

    def __sizeof__(self) -> int:
        return object.__sizeof__(self) + sum(
            getsizeof(value) for value in (self.X, *self.aligned.values())
        )


class FoldTask(NamedTuple):
    """An unfitted classifier and which rows it is trained and tested on."""

    classifier: FrontDoorMultiModalClassifier
    train: np.ndarray
    test: np.ndarray
    name: str
    """Of the fold and setting, for messages."""


class FittedFold(NamedTuple):
    """A fitted classifier and its log-probabilities at every β of the test rows."""

    classifier: FrontDoorMultiModalClassifier
    log_path: np.ndarray


def run_together(
    rows: SearchRows, tasks: Sequence[FoldTask], betas: list[float], verbose: int
) -> list[FittedFold]:
    """Fit the classifiers of several folds, their networks together where shapes allow."""
    requests = []
    for task in tasks:
        with named(task.name):
            aligned = rows_of_params(rows.X, rows.aligned, task.train)
            request = task.classifier._request(rows.X[task.train], **aligned)
        run = replace(request.run, verbose=verbose, name=task.name, keep_interrupted=False)
        requests.append(replace(request, run=run))
    folds = []
    for task, result in zip(tasks, fit_all(requests), strict=True):
        task.classifier._adopt(result)
        with named(task.name):
            path = task.classifier.log_beta_path(rows.X[task.test], betas)
        folds.append(FittedFold(task.classifier, path))
    return folds


def score_fold(
    scorer: Any,
    rows: SearchRows,
    task: FoldTask,
    fold: FittedFold,
    betas: list[float],
    params: dict[str, Any],
    scoring: Any,
) -> list[float]:
    """Score a fold at every β; `params`, of all rows, are cut to the test rows.

    `scoring` is what the user has called the scorer, for errors.
    """
    said = task.name if scoring is None else f"{task.name}, scoring={scoring!r}"
    X_test, y_test = rows.X[task.test], rows.aligned["y"][task.test]
    cut = rows_of_params(rows.X, params, task.test)
    scores = []
    for position, beta in enumerate(betas):
        with named(said):
            score = scorer(_at_beta(fold, X_test, position, beta), X_test, y_test, **cut)
        scores.append(as_number(score, scorer))
    return scores


def _at_beta(
    fold: FittedFold, X_test: MultiModalArray, position: int, beta: float
) -> FrontDoorMultiModalClassifier:
    """Copy a fold's classifier, at one β, with its prediction for the test rows known."""
    view = copy(fold.classifier)
    view.beta = beta

    def log_path(X: Any, betas: list[float]) -> np.ndarray:
        if X is X_test and (betas, view.effect) == ([beta], fold.classifier.effect):
            return fold.log_path[[position]]
        return type(view)._log_path(view, X, betas)

    view.__dict__["_log_path"] = log_path
    return view
