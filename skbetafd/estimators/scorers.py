"""Scorers of known predictions, told of every class: the rows need not show them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from numbers import Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import (
    brier_score_loss,
    d2_brier_score,
    d2_log_loss_score,
    get_scorer,
    log_loss,
)

from .._utils.sklearn_compat import metric_of
from ..inputs.labels import check_known
from .prediction import normalised

Scorer = Callable[..., Any]

METRICS = (log_loss, brier_score_loss, d2_log_loss_score, d2_brier_score)
"""scikit-learn's metrics of probabilities that take the classes they see for all there are."""


def scorer_of(scoring: Any) -> Scorer:
    """Return scikit-learn's scorer of a name, or the callable; None is accuracy."""
    return told_of_classes(get_scorer("accuracy" if scoring is None else scoring))


def told_of_classes(scorer: Scorer) -> Scorer:
    """Return a scorer that knows the estimator's classes, where its metric does not.

    An environment may lack a class: what log-loss and Brier score are there needs no row of it.
    A label that is none of the estimator's classes has no probability, and is a ValueError.
    """
    metric, sign, given = metric_of(scorer)
    if metric not in METRICS or "labels" in given:
        return scorer

    def score(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
        check_known(np.asarray(y), estimator.classes_)  # the metrics say it of "passed labels"
        proba, labels = estimator.predict_proba(X), estimator.classes_
        return sign * metric(y, proba, labels=labels, sample_weight=sample_weight, **given)

    return score


def as_number(score: Any, scorer: Scorer) -> float:
    """Check that a scorer has returned a number."""
    if not isinstance(score, Real):
        raise ValueError(f"scoring must return a number, got {score!r} from {scorer}")
    return float(score)


class Predicted(ClassifierMixin, BaseEstimator):
    """A classifier whose input are row numbers: its predictions of all rows are known.

    Scorers take it for a fitted classifier.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels.
    predictions : mapping of str to callable
        Under a method's name, what returns its predictions of all rows; called once, if at all.
    """

    def __init__(
        self, classes: np.ndarray, predictions: Mapping[str, Callable[[], np.ndarray]]
    ) -> None:
        self.classes_ = np.asarray(classes)
        self.predict: Callable[[Any], np.ndarray]
        for name, predict_all in predictions.items():
            setattr(self, name, _looking_up(name, predict_all))

    @classmethod
    def of_proba(cls, proba: np.ndarray, classes: np.ndarray) -> Predicted:
        """Know probabilities of shape (n_samples, n_classes), and the labels they make likely."""
        known = {
            "predict_proba": lambda: normalised(proba),
            "predict": lambda: classes[proba.argmax(axis=1)],
        }
        return cls(classes, known)


def _looking_up(name: str, predict_all: Callable[[], np.ndarray]) -> Callable[[Any], np.ndarray]:
    known = cache(predict_all)

    def method(rows: Any) -> np.ndarray:
        return known()[rows]

    method.__name__ = name  # scikit-learn's scorers read it
    return method
