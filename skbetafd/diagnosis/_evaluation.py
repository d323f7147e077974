"""A fitted classifier and the rows that a diagnostic asks it about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, is_classifier
from sklearn.metrics import get_scorer
from sklearn.utils.validation import check_is_fitted

from .._utils.sklearn_compat import accepts_sample_weight
from ..estimators.scorers import told_of_classes
from ..inputs.labels import check_sample_weight, one_label_a_row
from ..inputs.missing import present_in
from ..inputs.multimodal_array import MultiModalArray
from ..inputs.validation import read_prediction_input, read_training_input
from ._unwrap import parts_of

Scorer = Callable[..., Any]

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
    if isinstance(estimator, type) or not hasattr(estimator, "predict"):
        raise TypeError(f"estimator must be a classifier, got {estimator!r}")
    check_is_fitted(estimator)
    if not is_classifier(estimator):
        raise TypeError(f"estimator must be a classifier, got {estimator!r}")
    X = read_rows(estimator, X)
    y, weight = read_labels(X, y, sample_weight)
    if not set(y.tolist()) & set(np.asarray(estimator.classes_).tolist()):
        raise ValueError(
            f"y has no class that the estimator knows: {y.tolist()[0]!r} in its first row, but the "
            f"classes are {np.asarray(estimator.classes_).tolist()[:10]}"
        )
    return Evaluation(estimator, X, y, weight, sample_weight is not None)


def read_rows(estimator: Any, X: Any) -> MultiModalArray:
    """Turn rows into a container, laid out as the estimator was fitted to it where that is known.

    Other estimators than this library's remember no modalities; for them `X` has to come in
    modalities, or with their names in the columns.
    """
    reader = next((e for e in parts_of(estimator, first=True) if hasattr(e, "_layout")), None)
    if reader is not None:
        return read_prediction_input(reader, X, reader._layout)
    return read_training_input(BaseEstimator(), X, dtype=None)[0]


def read_labels(
    X: MultiModalArray, y: Any, sample_weight: Any = None
) -> tuple[np.ndarray, np.ndarray]:
    """Check labels and weights for the rows of `X`; both of shape (n_samples,)."""
    y = one_label_a_row(y)
    if len(y) != len(X):
        raise ValueError(f"y has {len(y)} labels for {len(X)} rows of X")
    if not len(y):
        raise ValueError("X has 0 rows; at least one is needed")
    return y, check_sample_weight(sample_weight, len(y))


class KnownPredictions(ClassifierMixin, BaseEstimator):
    """A classifier whose input are row numbers: it looks up what another one says of them.

    A row without any modality gets the class frequencies, which is all that is known of it.

    Parameters
    ----------
    evaluation : Evaluation
        The classifier, and the labels whose frequencies count.
    X : MultiModalArray
        The rows, as the classifier is to see them; a spare one more may follow.
    """

    def __init__(self, evaluation: Evaluation, X: MultiModalArray) -> None:
        self.evaluation, self.X = evaluation, X
        self.classes_ = evaluation.estimator.classes_
        self.predict: Callable[[Any], np.ndarray]
        for name in RESPONSES:
            if hasattr(evaluation.estimator, name):
                setattr(self, name, self._looking_up(name))

    def _looking_up(self, name: str) -> Callable[[Any], Any]:
        known = cache(lambda: self._respond(name))

        def response(rows: Any) -> np.ndarray:
            return known()[rows]

        response.__name__ = name  # scikit-learn's scorers ask for it
        return response

    def _respond(self, name: str) -> np.ndarray:
        n, some = len(self.evaluation.y), has_something(self.X)
        prior = self._prior(name)
        if not some[:n].any():
            return np.repeat(prior, n, axis=0)
        X = self.X if some.all() else self.X[some]
        given = np.asarray(getattr(self.evaluation.estimator, name)(X))
        if some.all():
            return given[:n]
        out = np.repeat(prior.astype(given.dtype), len(some), axis=0)
        out[some] = given
        return out[:n]

    def _prior(self, name: str) -> np.ndarray:
        """Say what is predicted of a row of which nothing is known, with a first axis of 1."""
        known = np.asarray(self.classes_)[None] == self.evaluation.y[:, None]
        share = self.evaluation.weight @ known
        share = share / max(share.sum(), np.finfo(float).tiny)
        if name == "predict":
            return np.asarray(self.classes_)[[share.argmax()]]
        if name == "predict_proba":
            return share[None]
        logs = np.log(np.maximum(share, np.finfo(float).tiny))
        binary = name == "decision_function" and len(logs) == 2
        return logs[1:] - logs[:1] if binary else logs[None]


def has_something(X: MultiModalArray) -> np.ndarray:
    """Tell the rows that have any modality, shape (n,), bool."""
    return np.any([present_in(value) for value in X.values()], axis=0)


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
        scorer: Scorer = get_scorer("accuracy" if scoring is None else scoring)
        self.scorer = told_of_classes(scoring, scorer)
        self.y, self.weight = evaluation.y, evaluation.weight
        self.weighted = evaluation.weighted
        self.takes_weights = accepts_sample_weight(self.scorer)
        if self.weighted and not self.takes_weights:
            raise ValueError(f"scoring={scoring!r} takes no sample_weight, but it was given")

    def __call__(self, known: KnownPredictions, factor: np.ndarray | None = None) -> float:
        """Score all rows, their weights times a factor of shape (n_samples,)."""
        weight = self.weight if factor is None else self.weight * factor
        if self.is_accuracy:
            return float(np.average(self.correct(known), weights=weight))
        given = self.weighted or factor is not None
        weights = {"sample_weight": weight} if given else {}
        score = self.scorer(known, np.arange(len(self.y)), self.y, **weights)
        if not isinstance(score, Real):
            raise ValueError(f"scoring must return a number, got {score!r} from {self.scorer}")
        return float(score)

    def correct(self, known: KnownPredictions) -> np.ndarray:
        """Tell the rows that are predicted rightly, shape (n_samples,), bool."""
        return known.predict(np.arange(len(self.y))) == self.y
