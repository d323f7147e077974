"""The classifier inside a search or a Pipeline, and rows as it sees them."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._utils.sklearn_compat import BaseSearchCV


def parts_of(estimator: Any, *, first: bool) -> list[Any]:
    """Give an estimator, then what it wraps: a search's best one, a pipeline's first or last."""
    parts = [estimator]
    while True:
        outer = parts[-1]
        if hasattr(outer, "best_estimator_"):
            parts.append(outer.best_estimator_)
        elif isinstance(outer, Pipeline):
            parts.append(outer[0 if first else -1])
        else:
            return parts


def inside(estimator: Any, X: Any = None) -> tuple[Any, Any]:
    """Go through searches and pipelines to the last step; X, if given, is transformed on the way.

    A search is left by its ``best_estimator_``.
    """
    if isinstance(estimator, BaseSearchCV):
        check_is_fitted(estimator, "best_estimator_")
        return inside(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline) and len(estimator) > 0:
        if X is not None and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        return inside(estimator[-1], X)
    return estimator, X
