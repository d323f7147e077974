"""BetaPathDisplay: what each β is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._path_scores import fold_scores, is_loss, score_label, score_path, search_scores, with_beta
from ._style import (
    BETA,
    check_keywords,
    drawn_or_not,
    finish,
    get_axes,
    legend,
    line_keywords,
    plain,
)

BETAS = np.linspace(0, 1, 11)


class BetaPathDisplay:
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

    ax_: Any
    figure_: Any
    lines_: list[Any]
    bests_: list[Any]
    bands_: list[Any]

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

    @drawn_or_not
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
        check_keywords(self.plot, kwargs, draws="plot")
        ax = get_axes(ax, self)
        self.lines_, self.bests_, self.bands_ = [], [], []
        for position, scores in enumerate(self.scores):
            name = None if self.names is None else plain(self.names[position])
            style = line_keywords(position, kwargs, label=name)
            (line,) = ax.plot(self.betas, scores, **style)
            self.lines_.append(line)
            self._mark_best(line, scores, named=name is not None)
            if self.spread is not None:
                half = self.spread[position]
                band = ax.fill_between(
                    self.betas,
                    scores - half,
                    scores + half,
                    color=line.get_color(),
                    alpha=0.2,
                    lw=0,
                )
                self.bands_.append(band)
        finish(ax, xlabel=BETA, ylabel=self.score_name)
        if self.names is None:
            legend(ax)
        else:
            legend(ax, "large marker: best β", named=self.lines_)
        return self

    def _mark_best(self, line: Any, scores: np.ndarray, *, named: bool) -> None:
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
            label=None if named else f"best β = {self.betas[best]:g}",
            zorder=line.get_zorder() + 1,
        )
        self.bests_.append(artist)

    def _check(self) -> None:
        """Refuse what doesn't go together: a line has a name, and a score and a sd at each β."""
        betas, scores = np.asarray(self.betas), np.asarray(self.scores)
        if betas.ndim != 1 or scores.ndim != 2 or scores.shape[1] != len(betas):
            raise ValueError(
                "scores must be of shape (n_lines, n_betas), and betas of (n_betas,), got "
                f"{scores.shape} and {betas.shape}"
            )
        if self.spread is not None and np.shape(self.spread) != scores.shape:
            raise ValueError(
                f"spread must be of the scores' shape {scores.shape}, got {np.shape(self.spread)}"
            )
        if self.names is not None and len(self.names) != len(scores):
            raise ValueError(f"names must name {len(scores)} lines, got {self.names!r}")

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
        check_keywords(cls.from_estimator, kwargs, draws="plot")
        clf, X = with_beta(estimator, X)
        betas = np.sort(_read_betas(BETAS if betas is None else betas))
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
        check_keywords(cls.from_predictions, kwargs, draws="plot")
        if y_true is None:
            raise ValueError("y_true must be the true labels, got None")
        path, betas = np.asarray(proba_path), _read_betas(betas)
        labels = np.unique(y_true) if classes is None else np.asarray(classes)
        if len(np.unique(labels)) < len(labels):
            raise ValueError(f"classes must be different labels, got {classes!r}")
        if path.ndim != 3 or path.shape[0] != len(betas) or path.shape[2] != len(labels):
            raise ValueError(
                f"proba_path must be of shape (n_betas, n_samples, n_classes) = ({len(betas)}, "
                f"{len(y_true)}, {len(labels)}), got {path.shape}"
            )
        wrong = ~((path >= 0) & (path <= 1))
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0].tolist())
            raise ValueError(f"proba_path must hold probabilities, got {path[at]} at {at}")
        order = np.argsort(betas, kind="stable")
        names, scores = score_path(
            y_true,
            path[order],
            labels,
            scoring,
            environments=environments,
            sample_weight=sample_weight,
        )
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
        check_keywords(cls.from_search, kwargs, draws="plot")
        betas, folds, scoring = search_scores(search)
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
        check_keywords(cls.from_cv_results, kwargs, draws="plot")
        betas = np.sort(_read_betas(BETAS if betas is None else betas))
        folds = fold_scores(cv_results, X, y, betas, scoring)
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
