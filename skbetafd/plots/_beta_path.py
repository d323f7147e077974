"""BetaPathDisplay: what each β is worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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
from ..inputs.row_order import warn_of_order
from ._display import Display, is_loss, label_axes, line_keywords, plain, score_label

BETAS = np.linspace(0, 1, 11)


class BetaPathDisplay(Display):
    """A score over β, from seeing (0) to doing (1), one line an environment.

    Make it by `from_estimator`, `from_predictions`, `from_search` or `from_cv_results`. All
    parameters are stored as attributes.

    Parameters
    ----------
    betas : ndarray of shape (n_betas,)
        Values of β in [0, 1], in the order of drawing.
    scores : ndarray of shape (n_lines, n_betas)
        What is drawn, in the unit that `score_name` tells.
    spread : ndarray of shape (n_lines, n_betas), default=None
        Half the height of a band around each line, in the same unit; None draws none.
    names : list of n_lines values, default=None
        For the legend; None for a single line without a name.
    score_name : str, default="score"
        Label of the vertical axis.
    greater_is_better : bool, default=True
        Where the best β of a line is: at its highest or at its lowest point.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the lines.
    figure_ : matplotlib Figure
        Figure with the axes.
    lines_ : list of matplotlib Line2D
        One a row of `scores`.
    bests_ : list of matplotlib Line2D
        The larger marker at the best β of each line; of equal scores, at the first.
    bands_ : list of matplotlib artists
        The bands of `spread`; empty without.

    See Also
    --------
    skbetafd.FrontDoorMultiModalClassifier.beta_path : The probabilities behind it.
    skbetafd.FrontDoorMultiModalClassifierCV : Chooses β by cross-validation.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skbetafd import FrontDoorMultiModalClassifier
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> from skbetafd.plots import BetaPathDisplay
    >>> data = make_confounded_modalities(400, random_state=0)
    >>> clf = FrontDoorMultiModalClassifier(max_epochs=5, random_state=0).fit(data.X, data.y)
    >>> display = BetaPathDisplay.from_estimator(clf, data.X, data.y, scoring="neg_log_loss")
    >>> display.ax_.get_ylabel()
    'log-loss (nats)'
    >>> plt.close(display.figure_)
    """

    bests_: list[Any]

    def __init__(
        self,
        *,
        betas: np.ndarray,
        scores: np.ndarray,
        spread: np.ndarray | None = None,
        names: Sequence[Any] | None = None,
        score_name: str = "score",
        greater_is_better: bool = True,
    ) -> None:
        self.betas = betas
        self.scores = scores
        self.spread = spread
        self.names = names
        self.score_name = score_name
        self.greater_is_better = greater_is_better

    def plot(self, ax: Any = None, **kwargs: Any) -> BetaPathDisplay:
        """Draw the lines, with a larger marker at the best β of each.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's ``Axes.plot`` for every line, above this library's own colours.

        Returns
        -------
        BetaPathDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        self._check()
        with self._drawing(ax) as (self.ax_,):
            self.lines_, self.bests_, self.bands_ = [], [], []
            for position, scores in enumerate(self.scores):
                name = None if self.names is None else plain(self.names[position])
                half = None if self.spread is None else self.spread[position]
                style = line_keywords(position, kwargs, label=name)
                self._mark_best(self._draw_line(self.betas, scores, half, style), scores)
            label_axes(self.ax_, "β (0: seeing, 1: doing)", self.score_name)
            if self.names is not None:
                self._legend(self.lines_, "large marker: best β")
            elif self.bests_:
                self._legend(self.bests_)
        return self

    def _mark_best(self, line: Any, scores: np.ndarray) -> None:
        if np.isnan(scores).all():
            return
        best = np.nanargmax(scores) if self.greater_is_better else np.nanargmin(scores)
        marker = line.get_marker()
        (artist,) = self.ax_.plot(
            self.betas[best],
            scores[best],
            linestyle="none",
            marker="o" if str(marker).strip().lower() in ("none", "") else marker,
            markersize=max(10, 2 * line.get_markersize()),
            color=line.get_color(),
            label=f"best β = {self.betas[best]:g}" if self.names is None else None,
            zorder=line.get_zorder() + 1,
        )
        self.bests_.append(artist)

    def _check(self) -> None:
        """Check that each line has a score and half a band at each β, and a name."""
        n_lines, betas = len(self.scores), np.shape(self.betas)
        expected = {"scores": (n_lines, *betas), "spread": (n_lines, *betas), "names": (n_lines,)}
        for name, shape in expected.items():
            value = getattr(self, name)
            if value is not None and np.shape(value)[: len(shape)] != shape:
                raise ValueError(
                    f"{name} must be of shape {shape}, got {np.shape(value)} with {betas} betas"
                )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        betas: Sequence[float] | np.ndarray | None = None,
        scoring: Any = None,
        environments: Any = None,
        sample_weight: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> BetaPathDisplay:
        """Score a fitted classifier at many β, for the price of one prediction.

        Parameters
        ----------
        estimator : FrontDoorMultiModalClassifier, DiscreteFrontDoorClassifier, Pipeline or search
            Fitted; a Pipeline or search must end with one of these classifiers.
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that its `predict` takes.
        y : array-like of shape (n_samples,)
            Their labels.
        betas : sequence of float in [0, 1], default=None
            Values of β; None is 0, 0.1, …, 1.
        scoring : str or callable, default=None
            A scorer that works from predictions; None is the accuracy. A loss (``"neg_log_loss"``
            and other names with ``neg_``) is drawn as the loss itself, the lower the better.
        environments : array-like of shape (n_samples,), default=None
            The site, day or test of each row: one line for each, in the order in which they
            appear.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the score.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's ``Axes.plot`` for every line.

        Returns
        -------
        BetaPathDisplay
            Drawn.

        Raises
        ------
        TypeError
            If `estimator` has no β.
        ValueError
            If a β is outside [0, 1], lengths differ, or an environment has no score, as where it
            lacks a class that `scoring` needs; the error names both.
        """
        cls._check_matplotlib("from_estimator")
        aligned = {"y": y, "environments": environments, "sample_weight": sample_weight}
        warn_of_order(X, aligned)
        clf, X = _with_beta(estimator, X)
        betas = _read_betas(BETAS if betas is None else betas)
        return cls.from_predictions(
            y,
            clf.beta_path(X, betas),
            betas,
            classes=clf.classes_,
            scoring=scoring,
            environments=environments,
            sample_weight=sample_weight,
            ax=ax,
            **kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        proba_path: Any,
        betas: Sequence[float] | np.ndarray,
        *,
        classes: Any = None,
        scoring: Any = None,
        environments: Any = None,
        sample_weight: Any = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> BetaPathDisplay:
        """Score what `beta_path` has given.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        proba_path : array-like of shape (n_betas, n_samples, n_classes)
            Class probabilities at each β.
        betas : sequence of n_betas floats in [0, 1]
            The values of β.
        classes : array-like of shape (n_classes,), default=None
            Labels of the columns, the classifier's ``classes_``; None are those in `y_true`,
            sorted.
        scoring, environments, sample_weight, ax, **kwargs
            As in `from_estimator`.

        Returns
        -------
        BetaPathDisplay
            Drawn.

        Raises
        ------
        ValueError
            If shapes don't go together.
        """
        betas, path = _read_betas(betas), np.asarray(proba_path)
        if path.ndim != 3 or len(path) != len(betas):
            raise ValueError(
                f"proba_path must be of shape (n_betas = {len(betas)}, n_samples, n_classes), got "
                f"{path.shape}"
            )
        y = one_label_per_row(y_true, path.shape[1])
        labels = np.unique(y) if classes is None else np.asarray(classes)
        if not len(labels) == len(np.unique(labels)) == path.shape[2]:
            raise ValueError(
                f"classes must be {path.shape[2]} different labels, one per column of proba_path, "
                f"got {labels.tolist()}"
            )
        wrong = np.argwhere(~((path >= 0) & (path <= 1))).tolist()
        if wrong:
            value = path[tuple(wrong[0])]
            raise ValueError(f"proba_path must hold probabilities, got {value} at {wrong[0]}")
        order = np.argsort(betas, kind="stable")
        names, scores = _score_path(y, path[order], labels, scoring, environments, sample_weight)
        return cls(
            betas=betas[order],
            scores=scores,
            names=names,
            score_name=score_label(scoring),
            greater_is_better=not is_loss(scoring),
        ).plot(ax, **kwargs)

    @classmethod
    def from_search(
        cls, search: Any, *, fold_names: Sequence[Any] | None = None, ax: Any = None, **kwargs: Any
    ) -> BetaPathDisplay:
        """Draw what a search over β has found: the mean over folds, in a band of one sd.

        Parameters
        ----------
        search : FrontDoorMultiModalClassifierCV, GridSearchCV or the like
            Fitted, over `beta` or ``…__beta``. Of a search over more, the candidates that share
            the other parameters of the best one are drawn; of several scores, the one that
            ``refit`` names.
        fold_names : sequence of n_folds values, default=None
            Draws a line a fold by these names, as where the folds are environments
            (LeaveOneGroupOut: ``np.unique(groups)``); None draws their mean.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's ``Axes.plot`` for every line.

        Returns
        -------
        BetaPathDisplay
            Drawn.

        Raises
        ------
        ValueError
            If the search is not over one β, or there are not as many names as folds.
        """
        betas, folds, scoring = _search_scores(search)
        return cls._of_folds(betas, folds, scoring, fold_names).plot(ax, **kwargs)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: dict[str, Any],
        X: Any,
        y: Any,
        *,
        betas: Sequence[float] | np.ndarray | None = None,
        scoring: Any = None,
        fold_names: Sequence[Any] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> BetaPathDisplay:
        """Score the classifiers of `cross_validate` at many β, each on its own test rows.

        Parameters
        ----------
        cv_results : dict
            Of :func:`sklearn.model_selection.cross_validate` with ``return_estimator=True`` and
            ``return_indices=True``.
        X, y : as given to `cross_validate`
            The same rows and labels.
        betas, scoring
            As in `from_estimator`.
        fold_names : sequence of n_folds values, default=None
            Draws a line a fold by these names; None draws the mean in a band of one sd.
        ax, **kwargs
            As in `from_estimator`.

        Returns
        -------
        BetaPathDisplay
            Drawn.

        Raises
        ------
        ValueError
            If `cv_results` lacks estimators or indices, or there are not as many names as folds.
        """
        cls._check_matplotlib("from_cv_results")
        betas = np.sort(_read_betas(BETAS if betas is None else betas))
        folds = _fold_scores(cv_results, X, y, betas, scoring)
        return cls._of_folds(betas, folds, scoring, fold_names).plot(ax, **kwargs)

    @classmethod
    def _of_folds(
        cls, betas: np.ndarray, folds: np.ndarray, scoring: Any, names: Sequence[Any] | None
    ) -> BetaPathDisplay:
        if names is not None and len(names) != len(folds):
            raise ValueError(
                f"fold_names must have a name for each of {len(folds)} folds, got {names!r}"
            )
        mean = names is None
        return cls(
            betas=betas,
            scores=folds.mean(axis=0, keepdims=True) if mean else folds,
            spread=folds.std(axis=0, keepdims=True) if mean else None,
            names=[f"mean ± sd of {len(folds)} folds"] if names is None else list(names),
            score_name=score_label(scoring),
            greater_is_better=not is_loss(scoring),
        )


def _read_betas(betas: Any) -> np.ndarray:
    """Read one or more β, shape (n_betas,)."""
    try:
        array = np.asarray(betas, dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.ndim != 1 or not len(array) or not np.all((array >= 0) & (array <= 1)):
        raise ValueError(f"betas must be a sequence of one or more values in [0, 1], got {betas!r}")
    return array


def _score_path(
    y: Any,
    path: np.ndarray,
    classes: np.ndarray,
    scoring: Any = None,
    environments: Any = None,
    sample_weight: Any = None,
    *,
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
    scorer, weight = scorer_of(scoring), None
    if sample_weight is not None:
        weight = check_sample_weight(sample_weight, len(y))
        if not accepts_sample_weight(scorer):
            raise ValueError(f"sample_weight is given, and scoring={scoring!r} takes none")
    names, places = None, {where: np.arange(len(y))}
    if environments is not None:
        environments = one_value_per_row(environments, "environments", len(y))
        first = np.unique(environments, return_index=True)[1]
        names = list(environments[np.sort(first)])
        places = {f"environment {name}": np.flatnonzero(environments == name) for name in names}
    scores = []
    for place, rows in places.items():
        weights = {} if weight is None else {"sample_weight": weight[rows]}
        if weights and not weights["sample_weight"].any():
            raise ValueError(f"sample_weight is 0 in every row of {place}: it has no score")
        lacking = np.setdiff1d(classes, y[rows]).tolist()
        hint = f", where no row has the label {lacking[0]!r}" if lacking else ""
        with _naming(scoring, place + hint):
            known = (Predicted.of_proba(proba, classes) for proba in path)
            scores.append([_finite(scorer(one, rows, y[rows], **weights)) for one in known])
    return names, (-1 if is_loss(scoring) else 1) * np.array(scores)


@contextmanager
def _naming(scoring: Any, place: str) -> Iterator[None]:
    """Name scorer and rows in what a scorer raises."""
    try:
        yield
    except AttributeError as error:
        raise ValueError(
            f"scoring={scoring!r} asks for more than labels and probabilities, which are all that "
            "is known at each β"
        ) from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"scoring={scoring!r} has no value in {place}: {error}") from error


def _finite(score: Any) -> float:
    if not np.isfinite(float(score)):
        raise ValueError(f"it gives {score!r}")
    return float(score)


def _with_beta(estimator: Any, X: Any) -> tuple[BetaPathMixin, Any]:
    """Give the classifier with a β inside a search or Pipeline, and the rows as it sees them."""
    clf, X = inside(estimator, X)
    if not isinstance(clf, BetaPathMixin):
        raise TypeError(
            "estimator must be a FrontDoorMultiModalClassifier or DiscreteFrontDoorClassifier, or "
            f"a Pipeline or search that ends with one, got {type(clf).__name__}"
        )
    check_is_fitted(clf)
    return clf, X


def _fold_scores(
    cv_results: dict[str, Any], X: Any, y: Any, betas: np.ndarray, scoring: Any
) -> np.ndarray:
    """Score `cross_validate`'s classifiers on their test rows; shape (n_folds, n_betas)."""
    if not isinstance(cv_results, Mapping) or not {"estimator", "indices"} <= set(cv_results):
        given = list(cv_results) if isinstance(cv_results, Mapping) else cv_results
        raise ValueError(
            "cv_results must be of cross_validate with return_estimator=True and "
            f"return_indices=True, got {given!r}"
        )
    check_lengths(len(X) if hasattr(X, "__len__") else len(y), y=y)
    folds = []
    tests = cv_results["indices"]["test"]
    for fold, (estimator, rows) in enumerate(zip(cv_results["estimator"], tests, strict=True)):
        clf, X_test = _with_beta(estimator, safe_indexing(X, rows))
        path, y_test = clf.beta_path(X_test, betas), safe_indexing(y, rows)
        where = f"fold {fold}"
        folds.append(_score_path(y_test, path, clf.classes_, scoring, where=where)[1][0])
    return np.array(folds)


def _search_scores(search: Any) -> tuple[np.ndarray, np.ndarray, Any]:
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
    names = [name for name in best if name == "beta" or name.endswith("__beta")]
    if len(names) != 1:
        raise ValueError(f"the search must be over one beta, got {names} among {sorted(best)}")
    (beta,), candidates = names, results["params"]
    rounds = results.get("iter", np.zeros(len(candidates)))  # halving scores on ever more rows
    same = [
        row
        for row, params in enumerate(candidates)
        if params == {**best, beta: params.get(beta)} and rounds[row] == rounds[search.best_index_]
    ]
    betas, first = np.unique([candidates[row][beta] for row in same], return_index=True)
    rows = np.array(same)[first]
    suffix = search.refit if several else "score"
    folds = [results[f"split{fold}_test_{suffix}"][rows] for fold in range(search.n_splits_)]
    scoring = search.scoring
    if several:
        scoring = scoring[search.refit] if isinstance(scoring, dict) else search.refit
    scores = np.array(folds, dtype=float)
    return betas.astype(float), -scores if is_loss(scoring) else scores, scoring
