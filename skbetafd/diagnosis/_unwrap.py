"""The classifier inside a search or a Pipeline, and rows as it sees them."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._utils.sklearn_compat import BaseSearchCV


def outermost(estimator: Any) -> Any:
    """Return the part that reads X first: of a search's best estimator, of a Pipeline's steps."""
    while not hasattr(estimator, "_layout"):
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            estimator = estimator[0]
        else:
            break
    return estimator


def inside(estimator: Any, X: Any = None) -> tuple[Any, Any]:
    """Go through searches and pipelines to the last step; X, if given, is transformed on the way.

    A search is left by its ``best_estimator_``.
    """
    if isinstance(estimator, BaseSearchCV):
        check_is_fitted(estimator, "best_estimator_")
    if hasattr(estimator, "best_estimator_"):
        return inside(estimator.best_estimator_, X)
    if isinstance(estimator, Pipeline) and len(estimator) > 0:
        if X is not None and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        return inside(estimator[-1], X)
    return estimator, X
