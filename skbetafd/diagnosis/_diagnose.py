"""diagnose: is the data imbalanced, and would anything be gained by acting on it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._utils.messages import named
from .._utils.progress import progress
from .._utils.randomness import private_generator
from .._utils.sklearn_compat import Interval, checked_arguments
from ..baselines import FusionClassifier, UnimodalClassifier
from ..baselines._fusion import RULES
from ..fitting.splits import stratified_splits
from ..inputs.labels import read_groups, read_targets
from ..inputs.multimodal_array import MultiModalArray
from ..inputs.numeric import numeric_rows
from ..inputs.row_order import warn_of_order
from ..inputs.validation import read_training_input
from ._accuracy_alone import ranking_of, resampled_means, right_alone
from ._diagnosis import JOINT, WORTHWHILE, Diagnosis
from ._evaluation import check_several
from ._folds import Fold, paired_p_value, rows_of, sign_p_value

REMEDIES = {"uniform": "balance", "ogm-ge": "balance", "predominant-first": "predominant-first"}
"""Rules of FusionClassifier that are tried, and what is recommended where one helps."""


@checked_arguments(
    {
        "cv": [Interval(Integral, 2, None, closed="left")],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "network_params": [None, dict],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    },
)
def diagnose(
    X: Any,
    y: Any,
    *,
    modalities: Any = None,
    groups: Any = None,
    cv: int = 5,
    n_repeats: int = 2,
    confidence_level: float = 0.95,
    network_params: Mapping[str, Any] | None = None,
    random_state: int | np.random.RandomState | None = None,
    verbose: int = 0,
) -> Diagnosis:
    """Tell which modality is predominant, and whether balancing would help.

    Everything is decided on rows that were held out. `UnimodalClassifier` ranks the modalities,
    with fewer than 1,000 rows the less noisy quadratic ridge probe that finds the estimators'
    predominant one; `FusionClassifier` is cross-validated plainly and with balancing rules, on the
    same folds and from the same initial weights. Each rule is compared by the corrected paired
    t-test for repeated cross-validation [1]_ and by the sign test over rows (with one repetition,
    McNemar's exact test [2]_), of which the larger p-value counts: a few folds that happen to gain
    alike would satisfy the first. The recommendation is "nothing" unless a rule is better
    significantly and by more than half a point: with good features, balancing often hurts.

    Parameters
    ----------
    X : MultiModalArray, mapping, list of arrays, DataFrame or 2-D array
        Two modalities or more. Rows of NaN lack a modality, and don't count in its accuracy.
    y : array-like of shape (n_samples,)
        Labels, two classes or more.
    modalities : mapping or sequence, default=None
        For flat input, which columns belong to which modality, as in
        `FrontDoorMultiModalClassifier`.
    groups : array-like of shape (n_samples,), default=None
        Rows of one group (copies, one patient, one recording) stay on one side of every split.
    cv : int, default=5
        Stratified folds, at least 2.
    n_repeats : int, default=2
        Repetitions of the comparison of rules on other folds. Ten differences suffice for a gain
        of about a point in 2,000 rows; the modalities are ranked on the first repetition.
    confidence_level : float in (0, 1), default=0.95
        Of the intervals, and one minus the level of the test.
    network_params : dict, default=None
        Parameters of the networks, such as ``{"max_epochs": 10, "device": "cpu"}``; by default
        those of `FusionClassifier`.
    random_state : int, RandomState or None, default=None
        Of folds, networks and bootstrap.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar over the fits and says which one is made. There are
        ``cv`` a modality, for the ranking, and ``cv * n_repeats`` for joint training and for each
        of up to three rules: 50 by default of two modalities. ``network_params`` may have a
        `verbose` of its own, for each network.

    Returns
    -------
    Diagnosis
        Print it for the findings in words.

    Raises
    ------
    ValueError
        If there is one modality or class, a class, or the groups, are too few for the folds, or
        an argument is out of range.
    TypeError
        If `X` is not numeric.

    See Also
    --------
    modality_contributions : What each modality adds to a fitted classifier.
    unimodal_gap : What joint training leaves unlearned.

    Notes
    -----
    Nothing is said of what happens when recording conditions change: on held-out rows of the same
    source the interventional classifier is not expected to win, and is not compared.

    References
    ----------
    .. [1] Nadeau, Bengio, Inference for the Generalization Error, Machine Learning 52, 2003.
    .. [2] Dietterich, Approximate Statistical Tests for Comparing Supervised Classification
       Learning Algorithms, Neural Computation 10, 1998.

    Examples
    --------
    >>> from skbetafd import diagnose
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> data = make_confounded_modalities(300, random_state=0)
    >>> found = diagnose(
    ...     data.X, data.y, cv=2, n_repeats=1, network_params={"max_epochs": 5}, random_state=0
    ... )
    >>> found.predominant
    'predominant'
    """
    X, y = _read(X, y, modalities)
    groups = None if groups is None else read_groups(groups, len(y))
    rng = private_generator(random_state)
    params = _checked_params(network_params or {})
    repeats = [_folds(cv, y, groups, rng) for _ in range(n_repeats)]
    rules, skipped = _rules(y, groups, repeats)
    n_fits = cv * (len(X.names) + n_repeats * (1 + len(rules)))
    with progress(shown=bool(verbose), total=n_fits, unit="fit", desc="diagnose") as bar:
        right = right_alone(X, y, groups, repeats[0], params, bar)
        joint = _right_jointly(X, y, groups, repeats, [None, *rules], params, bar)
    tail = (1 - confidence_level) / 2
    means = resampled_means(right, rng)
    ranking = ranking_of(X.names, right, means, [tail, 1 - tail])
    first = right[:, X.names.index(ranking["predominant"])]
    having = ~np.isnan(first)
    return Diagnosis(
        **ranking,
        **_trial(joint, rules, repeats, 1 - confidence_level),
        competition=float(first[having].mean() - joint[0, having, 0].mean()),
        skipped=skipped,
        n_samples=len(y),
        confidence_level=confidence_level,
    )


def _read(X: Any, y: Any, modalities: Any) -> tuple[MultiModalArray, np.ndarray]:
    X, _ = read_training_input(BaseEstimator(), X, modalities)
    check_several(X.names, "to balance")
    numeric_rows(X, np.float32, padded=X.names).check_presence(training=True)
    warn_of_order(X, {"y": y})
    y, _ = read_targets(FusionClassifier(), X, y)
    return X, y


def _checked_params(params: Mapping[str, Any]) -> dict[str, Any]:
    allowed = set(UnimodalClassifier().get_params()) - {"modality", "modalities", "random_state"}
    unknown = sorted(set(params) - allowed)
    if unknown:
        raise ValueError(
            f"network_params has {unknown[0]!r}={params[unknown[0]]!r}; it takes {sorted(allowed)}"
        )
    return dict(params)


def _folds(cv: int, y: np.ndarray, groups: Any, rng: np.random.RandomState) -> list[Fold]:
    seed, *seeds = rng.randint(2**31 - 1, size=1 + cv).tolist()
    splits = stratified_splits(cv, y, groups, seed)
    return [Fold(*s, seeds[i], f"fold {i}") for i, s in enumerate(splits)]


def _rules(
    y: np.ndarray, groups: np.ndarray | None, repeats: list[list[Fold]]
) -> tuple[list[str], dict[str, str]]:
    """Give the rules to try, and why others can't be."""
    parts = [fold.train for folds in repeats for fold in folds]
    skipped, why = {}, None
    if min(np.unique(y[part], return_counts=True)[1].min() for part in parts) < 2:
        why = "a class has one row in a training part"
    elif groups is not None and min(len(np.unique(groups[part])) for part in parts) < 2:
        why = "a training part is one group"
    if why:
        why += ", and the rule needs rows to decide on"
        skipped = {rule: why for rule in REMEDIES if RULES[rule].needs_validation}
    return [rule for rule in REMEDIES if rule not in skipped], skipped


def _right_jointly(
    X: MultiModalArray,
    y: np.ndarray,
    groups: np.ndarray | None,
    repeats: list[list[Fold]],
    rules: list[str | None],
    params: dict[str, Any],
    bar: Any,
) -> np.ndarray:
    """Tell the held-out rows that joint training gets right, (n_repeats, n_samples, n_rules)."""
    right = np.empty((len(repeats), len(y), len(rules)), dtype=bool)
    for i, folds in enumerate(repeats):
        for fold in folds:
            for j, rule in enumerate(rules):
                bar.set_description(f"repeat {i}, {fold.name}, {rule or JOINT}")
                clf = FusionClassifier(balancing=rule, random_state=fold.seed, **params)
                clf._keep_interrupted = False
                with named(fold.name):
                    clf.fit(X[fold.train], y[fold.train], groups=rows_of(groups, fold.train))
                right[i, fold.test, j] = clf.predict(X[fold.test]) == y[fold.test]
                bar.update()
    return right


def _trial(
    right: np.ndarray, rules: list[str], repeats: list[list[Fold]], level: float
) -> dict[str, Any]:
    """Compare each rule with plain joint training, and choose what to recommend."""
    folds = [(i, fold) for i, repeat in enumerate(repeats) for fold in repeat]
    accuracy = np.array([right[i, fold.test].mean(axis=0) for i, fold in folds])
    test_to_train = float(np.mean([len(fold.test) / len(fold.train) for _, fold in folds]))
    often = right.sum(axis=0)
    gains, p_values = {}, {}
    for j, rule in enumerate(rules, start=1):
        differences = accuracy[:, j] - accuracy[:, 0]
        gains[rule] = float(differences.mean())
        over_folds = paired_p_value(differences, test_to_train)
        over_rows = sign_p_value(often[:, j] - often[:, 0])
        p_values[rule] = min(1.0, len(rules) * max(over_folds, over_rows))
    helping = [r for r in rules if gains[r] > WORTHWHILE and p_values[r] < level]
    best = max(helping, key=gains.__getitem__, default=None)
    return {
        "recommendation": "nothing" if best is None else REMEDIES[best],
        "rule": best,
        "scores": dict(zip([JOINT, *rules], accuracy.mean(axis=0).tolist(), strict=True)),
        "gains": gains,
        "p_values": p_values,
    }
