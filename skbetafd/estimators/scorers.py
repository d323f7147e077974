"""Scorers of probabilities that are told of every class: the rows need not show them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import brier_score_loss, d2_brier_score, d2_log_loss_score, log_loss

from ..inputs.labels import check_known

METRICS: dict[str, tuple[int, Callable[..., Any]]] = {
    "neg_log_loss": (-1, log_loss),
    "neg_brier_score": (-1, brier_score_loss),
    "d2_log_loss_score": (1, d2_log_loss_score),
    "d2_brier_score": (1, d2_brier_score),
}
"""Sign and metric of scikit-learn's scorers that take the classes they see for all there are."""


def told_of_classes(scoring: Any, scorer: Callable[..., Any]) -> Callable[..., Any]:
    """Give a scorer that knows the estimator's classes, where the one of that name does not.

    An environment may lack a class: what log-loss and Brier score are there needs no row of it.
    A label that is none of the estimator's classes has no probability, and is a ValueError.
    """
    if not isinstance(scoring, str) or scoring not in METRICS:
        return scorer
    sign, metric = METRICS[scoring]

    def score(estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
        check_known(np.asarray(y), estimator.classes_)  # the metrics say it of "passed labels"
        proba = estimator.predict_proba(X)
        value = metric(y, proba, labels=estimator.classes_, sample_weight=sample_weight)
        return sign * value

    return score
