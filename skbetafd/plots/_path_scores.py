"""Scores along β: from predictions, and from what a search has found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._utils.sklearn_compat import accepts_sample_weight, safe_indexing
from ..diagnosis._unwrap import inside
from ..estimators.prediction import BetaPathMixin
from ..estimators.scorers import Predicted, scorer_of
from ..inputs.labels import (
    check_known,
    check_lengths,
    check_sample_weight,
    one_label_per_row,
    one_value_per_row,
)

LABELS = {
    "accuracy": "accuracy (share of rows)",
    "balanced_accuracy": "balanced accuracy (mean recall of the classes)",
    "neg_log_loss": "log-loss (nats)",
    "neg_brier_score": "Brier score",
    "roc_auc": "area under the ROC curve",
}


def is_loss(scoring: Any) -> bool:
    """Tell scorers that are a loss's negative: they are drawn as the loss."""
    return isinstance(scoring, str) and scoring.startswith("neg_")


def score_label(scoring: Any) -> str:
    """Name a score for an axis, with its unit where that is known."""
    if not isinstance(scoring, str):
        return "accuracy (share of rows)" if scoring is None else "score"
    return LABELS.get(scoring, scoring.removeprefix("neg_").replace("_", " "))


def score_path(
    y: Any,
    path: np.ndarray,
    classes: np.ndarray,
    scoring: Any = None,
    *,
    environments: Any = None,
    sample_weight: Any = None,
    where: str = "these rows",
) -> tuple[list[Any] | None, np.ndarray]:
    """Score each environment at each β.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    path : ndarray of shape (n_betas, n_samples, n_classes)
    classes : ndarray of shape (n_classes,)
    scoring : str or callable
    environments, sample_weight : array-like of shape (n_samples,) or None
    where : str
        What an error calls the rows where there are no environments.

    Returns
    -------
    names : list or None
        The environments in the order in which they appear.
    scores : ndarray of shape (n_environments or 1, n_betas)
        Of a loss, the loss.

    Raises
    ------
    ValueError
        If labels, environments or weights don't go with the path, or an environment has no score;
        the error names it and `scoring`.
    """
    y = one_label_per_row(y, path.shape[1])
    check_known(y, classes)
    names, chosen, places = None, [np.arange(len(y))], [where]
    if environments is not None:
        environments = one_value_per_row(environments, "environments", len(y))
        values, first = np.unique(environments, return_index=True)
        names = list(values[np.argsort(first)])
        chosen = [np.flatnonzero(environments == name) for name in names]
        places = [f"environment {name}" for name in names]
    score = _Score(scoring, classes, y, sample_weight)
    scores = [
        [score(proba, rows, place) for proba in path]
        for rows, place in zip(chosen, places, strict=True)
    ]
    return names, np.array(scores, dtype=float)


class _Score:
    """A score of known probabilities at some of the rows; an error names it and them."""

    def __init__(self, scoring: Any, classes: np.ndarray, y: np.ndarray, sample_weight: Any):
        self.scoring, self.classes, self.y = scoring, classes, y
        self.scorer = scorer_of(scoring)
        self.weight = None
        if sample_weight is not None:
            self.weight = check_sample_weight(sample_weight, len(y))
            if not accepts_sample_weight(self.scorer):
                raise ValueError(f"sample_weight is given, and scoring={scoring!r} takes none")

    def __call__(self, proba: np.ndarray, rows: np.ndarray, where: str) -> float:
        weight = {} if self.weight is None else {"sample_weight": self.weight[rows]}
        if weight and not weight["sample_weight"].any():
            raise ValueError(f"sample_weight is 0 in every row of {where}: it has no score")
        try:
            known = Predicted.of_proba(proba, self.classes)
            score = self.scorer(known, rows, self.y[rows], **weight)
        except AttributeError as error:
            raise ValueError(
                f"scoring={self.scoring!r} asks for more than labels and probabilities, which are "
                "all that is known at each β"
            ) from error
        except ValueError as error:
            raise self._no_score(where, rows, str(error)) from error
        score = score.item() if isinstance(score, np.ndarray) and score.ndim == 0 else score
        if not isinstance(score, Real) or not np.isfinite(float(score)):
            raise self._no_score(where, rows, f"it gives {score!r}")
        return float(-score if is_loss(self.scoring) else score)

    def _no_score(self, where: str, rows: np.ndarray, reason: str) -> ValueError:
        lacking = np.setdiff1d(self.classes, self.y[rows]).tolist()
        hint = f", where no row has the label {lacking[0]!r}" if lacking else ""
        return ValueError(f"scoring={self.scoring!r} has no value in {where}{hint}: {reason}")


def with_beta(estimator: Any, X: Any) -> tuple[BetaPathMixin, Any]:
    """Give the classifier with a β inside a search or Pipeline, and the rows as it sees them."""
    clf, X = inside(estimator, X)
    if not isinstance(clf, BetaPathMixin):
        raise TypeError(
            "estimator must be a FrontDoorMultiModalClassifier or DiscreteFrontDoorClassifier, or "
            f"a Pipeline or search that ends with one, got {type(clf).__name__}"
        )
    check_is_fitted(clf)
    return clf, X


def fold_scores(
    cv_results: dict[str, Any], X: Any, y: Any, betas: np.ndarray, scoring: Any
) -> np.ndarray:
    """Score `cross_validate`'s classifiers on their test rows; shape (n_folds, n_betas)."""
    if not isinstance(cv_results, Mapping):
        raise TypeError(f"cv_results must be the dict of cross_validate, got {cv_results!r}")
    missing = {"estimator", "indices"} - set(cv_results)
    if missing:
        raise ValueError(
            f"cv_results lacks {sorted(missing)}: call cross_validate with "
            "return_estimator=True and return_indices=True"
        )
    check_lengths(len(X) if hasattr(X, "__len__") else len(y), y=y)
    folds = []
    tests = cv_results["indices"]["test"]
    for fold, (estimator, rows) in enumerate(zip(cv_results["estimator"], tests, strict=True)):
        clf, X_test = with_beta(estimator, safe_indexing(X, rows))
        path, y_test = clf.beta_path(X_test, betas), safe_indexing(y, rows)
        where = f"fold {fold}"
        folds.append(score_path(y_test, path, clf.classes_, scoring, where=where)[1][0])
    return np.array(folds)


def search_scores(search: Any) -> tuple[np.ndarray, np.ndarray, Any]:
    """Give β, scores of shape (n_folds, n_betas) and the scorer's name of a fitted search.

    Of a search over more than β, the candidates that share the best one's other parameters.
    """
    if not any(hasattr(search, name) for name in ("betas", "refit", "cv_results_")):
        raise TypeError(
            f"search must be a search over beta, got {type(search).__name__}; `from_estimator` "
            "draws a classifier"
        )
    check_is_fitted(search, "cv_results_")
    several = getattr(search, "multimetric_", False)
    if several and not isinstance(search.refit, str):
        raise ValueError(f"of several scores, refit must name one, got refit={search.refit!r}")
    results, best = search.cv_results_, search.best_params_
    beta = _beta_name(best)
    rows = list(_rows_of(results, best, beta, search.best_index_))
    rows.sort(key=lambda row: results["params"][row][beta])
    suffix = search.refit if several else "score"
    folds = [results[f"split{fold}_test_{suffix}"][rows] for fold in range(search.n_splits_)]
    scoring = search.scoring
    if several:
        scoring = scoring[search.refit] if isinstance(scoring, dict) else search.refit
    scores = np.array(folds, dtype=float)
    betas = np.array([results["params"][row][beta] for row in rows], dtype=float)
    return betas, -scores if is_loss(scoring) else scores, scoring


def _beta_name(best: dict[str, Any]) -> str:
    names = [name for name in best if name == "beta" or name.endswith("__beta")]
    if len(names) != 1:
        raise ValueError(
            f"the search must be over one beta, got {names or 'none'} among {sorted(best)}"
        )
    return names[0]


def _rows_of(results: dict[str, Any], best: dict[str, Any], beta: str, index: int) -> Iterator[int]:
    others = {name: value for name, value in best.items() if name != beta}
    rounds: Sequence[int] = results.get("iter", np.zeros(len(results["params"]), dtype=int))
    seen = set()
    for row, params in enumerate(results["params"]):
        rest = {name: value for name, value in params.items() if name != beta}
        same_round = rounds[row] == rounds[index]  # halving searches score on ever more rows
        if beta in params and rest == others and same_round and params[beta] not in seen:
            seen.add(params[beta])
            yield row
