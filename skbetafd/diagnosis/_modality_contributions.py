"""modality_contributions: the Shapley value of each modality for a classifier's score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.special import comb

from .._utils.randomness import private_generator
from .._utils.sklearn_compat import Interval, checked_arguments
from ..estimators.scorers import Predicted
from ._evaluation import Evaluation, Score, check_several, read_evaluation
from ._replacement import CONSTRAINTS, Replacement

MOST_PLAYERS = 8

Subset = tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class ModalityContributions:
    """What each modality adds to a classifier's score.

    Attributes
    ----------
    names : tuple of str
        The modalities, in order.
    values : ndarray of shape (n_modalities,)
        Shapley values φ_m, in units of the score; they sum to `score` − `score_without_any`.
    interval : ndarray of shape (n_modalities, 2)
        Ends of each value's percentile interval under the Bayesian bootstrap over rows [1]_. It
        says how sure the values are for this fitted classifier, not for another training set. NaN
        for a scorer that takes no sample_weight.
    by_class : ndarray of shape (n_classes, n_modalities) or None
        With accuracy, the Shapley values of each class's recall, whose mean by class share is
        `values`; None with another score. NaN for a class without a row.
    classes : ndarray of shape (n_classes,)
        The classifier's classes, the rows of `by_class`.
    score, score_without_any : float
        v(all modalities) and v(none).
    subset_scores : dict of tuple of str to float
        v(S) of every subset of modalities.
    imbalance : float
        (max φ − min φ) / Σ|φ|, from 0 to 1 where no value is negative; 0 for equal values. This
        library's own measure.
    method : str
        What stood in the place of the other modalities; "permutation" where they have no mean.
    confidence_level : float
        Of `interval`.

    See Also
    --------
    modality_contributions : Gives it.

    References
    ----------
    .. [1] Rubin, The Bayesian Bootstrap, Annals of Statistics 9, 1981.
    """

    names: tuple[str, ...]
    values: np.ndarray
    interval: np.ndarray
    by_class: np.ndarray | None
    classes: np.ndarray
    score: float
    score_without_any: float
    subset_scores: dict[Subset, float]
    imbalance: float
    method: str
    confidence_level: float

    def __str__(self) -> str:
        width = max(map(len, self.names))
        rows = zip(self.names, self.values, self.interval, strict=True)
        lines = [f"{name:{width}}  {v:+.3f}  [{a:+.3f}, {b:+.3f}]" for name, v, (a, b) in rows]
        head = (
            f"score {self.score:.3f}, without any modality {self.score_without_any:.3f} (by "
            f"{self.method}); imbalance {self.imbalance:.2f}; contributions with "
            f"{self.confidence_level:.0%} intervals:"
        )
        return "\n".join([head, *lines])

    __repr__ = __str__


@checked_arguments(
    CONSTRAINTS
    | {
        "n_bootstrap": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
    }
)
def modality_contributions(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    method: str = "mean",
    background: Any = None,
    scoring: Any = None,
    sample_weight: Any = None,
    n_repeats: int = 5,
    n_bootstrap: int = 200,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> ModalityContributions:
    r"""Share a fitted classifier's score among the modalities, by their Shapley values.

    .. math::

        \phi_m = \sum_{S \subseteq M \setminus m} \frac{|S|!\,(|M| - |S| - 1)!}{|M|!}
                 \,[v(S \cup m) - v(S)]

    with v(S) the score where only the modalities in S are left as they are [1]_ [2]_.

    Parameters
    ----------
    estimator : fitted classifier
        Any that predicts from a `MultiModalArray`: this library's, scikit-learn's own, a Pipeline
        or a fitted search.
    X : MultiModalArray, mapping, list of arrays, DataFrame or 2-D array
        Rows to evaluate at, better not those of training. A plain table needs an estimator of
        this library, which remembers its modalities; any other one needs them in the order of
        its fit, which it can't check.
    y : array-like of shape (n_samples,)
        Their labels.
    method : {"mean", "permutation", "missing"}, default="mean"
        What stands in the place of a modality outside S: its mean over `background` (fast, and
        needs nothing of the estimator, but a mean may be like no row); the values of other rows
        of `X`, drawn jointly for all such modalities (keeps them realistic, but pairs what never
        met); or nothing, rows of NaN, for an estimator that deals with missing modalities. Where a
        modality has no mean, as text or single gaps have none, "permutation" stands in for it.
    background : rows in any of the forms of `X`, default=None
        The rows whose means "mean" takes: those of training, if at hand. None takes `X`.
    scoring : str, callable or None, default=None
        None is accuracy. Else a scorer's name, or ``scorer(estimator, X, y)``, which may use `X`
        for the estimator's predictions only.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights of the rows in the score.
    n_repeats : int, default=5
        Permutations over whose scores v is averaged; used with "permutation". Five bring their
        noise below that of the rows.
    n_bootstrap : int, default=200
        Random weightings of the rows (Dirichlet, which loses no class as resampling can). They
        cost no predictions; a scorer other than accuracy is asked for each.
    confidence_level : float in (0, 1), default=0.95
        Of the intervals.
    random_state : int, RandomState or None, default=None
        Of the permutations and the bootstrap.

    Returns
    -------
    ModalityContributions
        The values with their intervals, the scores they are made of, and the imbalance.

    Raises
    ------
    NotFittedError, TypeError
        If the estimator is not fitted, or no classifier.
    ValueError
        If there is one modality, or more than 8 (every subset is predicted), an argument
        is out of range, or labels or weights don't fit `X`.

    Warns
    -----
    UserWarning
        If a modality has no mean, and other rows' values are taken.

    See Also
    --------
    conditional_utilisation : What a modality adds to all others.
    diagnose : Whether the imbalance is worth an intervention in training.

    Notes
    -----
    A row that has no modality left (all of them under "missing") is predicted as the most
    frequent class of `y`, with the class frequencies as probabilities.

    References
    ----------
    .. [1] Shapley, A Value for n-Person Games, Contributions to the Theory of Games II, 1953.
    .. [2] Hu, Li, Zhou, SHAPE: An Unified Approach to Evaluate the Contribution and Cooperation
       of Individual Modalities, IJCAI 2022.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skbetafd import modality_contributions
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> data = make_confounded_modalities(400, random_state=0)
    >>> clf = LogisticRegression().fit(data.X, data.y)
    >>> found = modality_contributions(clf, data.X, data.y, random_state=0)
    >>> found.names[found.values.argmax()]
    'predominant'
    """
    evaluation = read_evaluation(estimator, X, y, sample_weight)
    names = evaluation.X.names
    check_several(names, "to share")
    if len(names) > MOST_PLAYERS:
        raise ValueError(
            f"X has {len(names)} modalities; the exact Shapley value predicts with every subset, "
            f"and is offered for at most {MOST_PLAYERS}"
        )
    rng = private_generator(random_state)
    replacement = Replacement(evaluation, method, background, n_repeats, rng)
    subsets = [s for size in range(len(names) + 1) for s in combinations(names, size)]
    known = [replacement.predictions(subset) for subset in subsets]
    score, weights = Score(scoring, evaluation), shapley_weights(names, subsets)
    scores = np.array([np.mean([score(k) for k in repeats]) for repeats in known])
    values = weights @ scores
    resampled = _resampled_scores(score, known, n_bootstrap, rng) @ weights.T
    tail = (1 - confidence_level) / 2
    return ModalityContributions(
        names=names,
        values=values,
        interval=np.quantile(resampled, [tail, 1 - tail], axis=0).T,
        by_class=_by_class(score, evaluation, known) @ weights.T if score.is_accuracy else None,
        classes=np.asarray(evaluation.estimator.classes_),
        score=float(scores[-1]),
        score_without_any=float(scores[0]),
        subset_scores=dict(zip(subsets, scores.tolist(), strict=True)),
        imbalance=_imbalance(values),
        method=replacement.method,
        confidence_level=confidence_level,
    )


def shapley_weights(names: Sequence[str], subsets: Sequence[Subset]) -> np.ndarray:
    """Give the matrix (n_modalities, n_subsets) that turns the subsets' scores into values."""
    inside = np.array([[name in subset for subset in subsets] for name in names])
    n_others = inside.sum(axis=0) - inside
    share = 1 / (len(names) * comb(len(names) - 1, n_others))
    return np.where(inside, share, -share)


def _imbalance(values: np.ndarray) -> float:
    total = np.abs(values).sum()
    return float(np.ptp(values) / total) if total > 0 else 0.0


def _mean_correct(score: Score, known: Sequence[Sequence[Predicted]]) -> np.ndarray:
    """Share of the repeats in which a row is right, shape (n_subsets, n_samples)."""
    return np.array([np.mean([score.correct(k) for k in repeats], axis=0) for repeats in known])


def _by_class(
    score: Score, evaluation: Evaluation, known: Sequence[Sequence[Predicted]]
) -> np.ndarray:
    """Recall of each class with each subset, shape (n_classes, n_subsets)."""
    own = (evaluation.estimator.classes_[:, None] == evaluation.y) * evaluation.weight
    total = own.sum(axis=1, keepdims=True)
    recall = own @ _mean_correct(score, known).T
    return np.divide(recall, total, out=np.full_like(recall, np.nan), where=total > 0)


def _resampled_scores(
    score: Score,
    known: Sequence[Sequence[Predicted]],
    n_bootstrap: int,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Scores of every subset under random row weights, shape (n_bootstrap, n_subsets)."""
    if not score.takes_weights:
        return np.full((n_bootstrap, len(known)), np.nan)
    ones = np.ones(len(score.y))
    factors = (len(ones) * rng.dirichlet(ones) for _ in range(n_bootstrap))
    if score.is_accuracy:
        right = _mean_correct(score, known).T
        return np.array([(f * score.weight) @ right / (f @ score.weight) for f in factors])
    return np.array(
        [[np.mean([score(k, f) for k in repeats]) for repeats in known] for f in factors]
    )


@checked_arguments(CONSTRAINTS)
def conditional_utilisation(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    method: str = "mean",
    background: Any = None,
    scoring: Any = None,
    sample_weight: Any = None,
    n_repeats: int = 5,
    random_state: int | np.random.RandomState | None = None,
) -> dict[str, float]:
    r"""Tell how much of a fitted classifier's score each modality adds to all the others.

    .. math:: u(m \mid \mathrm{rest}) = \frac{A(\mathrm{all}) - A(\mathrm{rest})}{A(\mathrm{all})}

    with A(rest) the score where the modality is replaced [1]_. Modalities that say the same have
    no utilisation, however telling they are: see `modality_contributions` for a fair share.

    Parameters
    ----------
    estimator, X, y, method, background, scoring, sample_weight, n_repeats, random_state
        As in `modality_contributions`; any number of modalities.

    Returns
    -------
    dict of str to float
        The u(m | rest) under each modality's name: at most 1 where the score can't be negative,
        negative where the classifier does better without.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        As in `modality_contributions`, and if the score with all modalities is not positive.

    References
    ----------
    .. [1] Wu, Jastrzębski, Cho, Geras, Characterizing and Overcoming the Greedy Nature of
       Learning in Multi-modal Deep Neural Networks, ICML 2022.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skbetafd import conditional_utilisation
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> data = make_confounded_modalities(400, random_state=0)
    >>> clf = LogisticRegression().fit(data.X, data.y)
    >>> used = conditional_utilisation(clf, data.X, data.y)
    >>> used["predominant"] > used["auxiliary"]
    True
    """
    evaluation = read_evaluation(estimator, X, y, sample_weight)
    replacement = Replacement(evaluation, method, background, n_repeats, random_state)
    score, names = Score(scoring, evaluation), evaluation.X.names

    def mean_score(kept: list[str]) -> float:
        return float(np.mean([score(known) for known in replacement.predictions(kept)]))

    everything = mean_score(list(names))
    if everything <= 0:
        raise ValueError(
            f"utilisation is a share of the score with all modalities, which is {everything:.3g}; "
            "it takes a positive one"
        )
    without = {name: mean_score([n for n in names if n != name]) for name in names}
    return {name: (everything - rest) / everything for name, rest in without.items()}
