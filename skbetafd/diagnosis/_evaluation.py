"""A fitted classifier and the rows that a diagnostic asks it about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils.validation import check_is_fitted

from .._utils.sklearn_compat import accepts_sample_weight
from ..estimators.scorers import Predicted, as_number, scorer_of
from ..inputs.labels import check_sample_weight, one_label_per_row
from ..inputs.missing import complete_rows
from ..inputs.multimodal_array import MultiModalArray
from ..inputs.row_order import warn_of_order
from ..inputs.validation import read_prediction_input, read_training_input
from ._unwrap import outermost

RESPONSES = ("predict", "predict_proba", "predict_log_proba", "decision_function")


@dataclass(frozen=True)
class Evaluation:
    """A fitted classifier with rows, labels and weights, all checked."""

    estimator: Any
    X: MultiModalArray
    y: np.ndarray
    weight: np.ndarray
    """Non-negative, shape (n_samples,); all 1 where none were given."""
    weighted: bool

    def of_complete_rows(self, what: str) -> Evaluation:
        """Leave out rows that lack a modality, as `complete_rows` does."""
        rows = complete_rows(self.X.names, np.column_stack([*self.X.present.values()]), what)
        if rows.all():
            return self
        return replace(self, X=self.X[rows], y=self.y[rows], weight=self.weight[rows])


def read_evaluation(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Evaluation:
    """Check a fitted classifier and the rows to evaluate it at.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If it is no classifier.
    ValueError
        If `X` is not what it was fitted to, or labels or weights don't fit `X`.
    """
    check_is_fitted(estimator)
    if not is_classifier(estimator):
        raise TypeError(f"estimator must be a classifier, got {estimator!r}")
    X = read_rows(estimator, X)
    y, weight = read_labels(X, y, sample_weight)
    classes = np.asarray(estimator.classes_).tolist()
    if set(y.tolist()).isdisjoint(classes):
        raise ValueError(
            f"y has no class that the estimator knows: {y.tolist()[0]!r} in its first row, but the "
            f"classes are {classes[:10]}"
        )
    return Evaluation(estimator, X, y, weight, sample_weight is not None)


def read_rows(estimator: Any, X: Any) -> MultiModalArray:
    """Turn rows into a container, laid out as the estimator was fitted to it where that is known.

    Other estimators than this library's remember no modalities; for them `X` has to come in
    modalities, or with their names in the columns.
    """
    reader = outermost(estimator)
    if hasattr(reader, "_layout"):
        return read_prediction_input(reader, X, reader._layout)
    return read_training_input(BaseEstimator(), X)[0]


def check_several(names: Sequence[str], purpose: str) -> None:
    """Check that there are two modalities or more."""
    if len(names) < 2:
        raise ValueError(
            f"{names[0]!r} is the only modality: there is nothing {purpose}. Pass several, as a "
            "list, a dict or a MultiModalArray"
        )


def read_labels(
    X: MultiModalArray, y: Any, sample_weight: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Check labels and weights for the rows of `X`; both of shape (n_samples,)."""
    warn_of_order(X, {"y": y, "sample_weight": sample_weight})
    y = one_label_per_row(y, len(X))
    if not len(y):
        raise ValueError("X has 0 rows; at least one is needed")
    return y, check_sample_weight(sample_weight, len(y))


def known_predictions(evaluation: Evaluation, X: MultiModalArray) -> Predicted:
    """Look up what the classifier predicts of the rows of `X`, of which a spare one may follow.

    A row without any modality gets the class frequencies, which is all that is known of it.
    """
    methods = [name for name in RESPONSES if hasattr(evaluation.estimator, name)]
    predictions = {name: partial(_predictions, evaluation, X, name) for name in methods}
    return Predicted(evaluation.estimator.classes_, predictions)


def _predictions(evaluation: Evaluation, X: MultiModalArray, method: str) -> np.ndarray:
    n, some = len(evaluation.y), has_something(X)
    of_nothing = _prediction_of_nothing(evaluation, method)
    if not some[:n].any():
        return np.repeat(of_nothing, n, axis=0)
    given = np.asarray(getattr(evaluation.estimator, method)(X if some.all() else X[some]))
    if some.all():
        return given[:n]
    out = np.repeat(of_nothing.astype(given.dtype), len(some), axis=0)
    out[some] = given
    return out[:n]


def _prediction_of_nothing(evaluation: Evaluation, method: str) -> np.ndarray:
    """Return what is predicted of a row of which nothing is known, with a first axis of 1."""
    classes = np.asarray(evaluation.estimator.classes_)
    tiny = np.finfo(float).tiny
    share = evaluation.weight @ (classes == evaluation.y[:, None])
    share = share / max(share.sum(), tiny)
    if method == "predict":
        return classes[[share.argmax()]]
    if method == "predict_proba":
        return share[None]
    logs = np.log(np.maximum(share, tiny))
    binary = method == "decision_function" and len(logs) == 2
    return logs[1:] - logs[:1] if binary else logs[None]


def has_something(X: MultiModalArray) -> np.ndarray:
    """Tell the rows that have any modality, shape (n,), bool."""
    return np.any(list(X.present.values()), axis=0)


class Score:
    """A score of known predictions.

    Parameters
    ----------
    scoring : str, callable or None
        None is accuracy; else a name of scikit-learn's or ``scorer(estimator, X, y)``, which may
        hand `X` to the estimator and do nothing else with it.
    evaluation : Evaluation
        Labels and weights.
    """

    def __init__(self, scoring: Any, evaluation: Evaluation) -> None:
        self.is_accuracy = scoring is None or scoring == "accuracy"
        self.scorer = scorer_of(scoring)
        self.y, self.weight = evaluation.y, evaluation.weight
        self.weighted = evaluation.weighted
        self.takes_weights = accepts_sample_weight(self.scorer)
        if self.weighted and not self.takes_weights:
            raise ValueError(f"scoring={scoring!r} takes no sample_weight, but it was given")

    def __call__(self, known: Predicted, factor: np.ndarray | None = None) -> float:
        """Score all rows, their weights times a factor of shape (n_samples,)."""
        weight = self.weight if factor is None else self.weight * factor
        if self.is_accuracy:
            return float(np.average(self.correct(known), weights=weight))
        given = self.weighted or factor is not None
        weights = {"sample_weight": weight} if given else {}
        return as_number(self.scorer(known, np.arange(len(self.y)), self.y, **weights), self.scorer)

    def correct(self, known: Predicted) -> np.ndarray:
        """Tell the rows that are predicted rightly, shape (n_samples,), bool."""
        return known.predict(np.arange(len(self.y))) == self.y
