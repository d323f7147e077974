"""unimodal_gap: what joint training leaves unlearned of each modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .._utils.messages import named
from .._utils.randomness import private_generator
from .._utils.sklearn_compat import checked_arguments
from ..fitting.splits import stratified_splits
from ..inputs.labels import read_groups
from ..inputs.modality_names import by_name
from ..inputs.multimodal_array import MultiModalArray, quoted
from ..inputs.validation import read_training_input
from ._evaluation import read_labels
from ._folds import rows_of
from ._replacement import INSIDE

OF_SEVERAL_MODALITIES = {
    "balancing": None,
    "balancing_params": None,
    "beta": 0.0,
    "betas": (0.0,),
    "modalities": None,
    "modality": 0,
    "predominant": "auto",
}
"""Parameters that name a modality or weigh one against another, and what they are for one alone."""
BY_MODALITY = ("encoders", "encoder_learning_rate")
"""Parameters that may go by a modality's name or position."""


@dataclass(frozen=True, eq=False, repr=False)
class UnimodalGap:
    """Accuracies of a joint network, of each modality alone, and of its jointly trained code.

    Attributes
    ----------
    names : tuple of str
        The modalities, in order.
    alone : ndarray of shape (n_modalities,)
        Cross-validated accuracy in [0, 1] of the estimator trained on one modality alone.
    probe : ndarray of shape (n_modalities,)
        Of a linear probe on the modality's code out of joint training.
    gap : ndarray of shape (n_modalities,)
        `alone` − `probe`; positive where joint training has left something unlearned.
    joint : float
        Accuracy of the estimator on all modalities.
    competition : float
        The best modality's accuracy `alone` minus the joint estimator's at the rows that have the
        modality; positive means that joint training failed.
    by_fold : dict of str to ndarray
        ``"alone"``, ``"probe"`` and ``"joint_there"`` (of the joint estimator, at the rows that
        have the modality) of shape (n_folds, n_modalities), ``"joint"`` of (n_folds,).

    See Also
    --------
    unimodal_gap : Gives it.
    """

    names: tuple[str, ...]
    alone: np.ndarray
    probe: np.ndarray
    gap: np.ndarray
    joint: float
    competition: float
    by_fold: dict[str, np.ndarray]

    def __str__(self) -> str:
        width = max(map(len, self.names))
        rows = zip(self.names, self.alone, self.probe, self.gap, strict=True)
        lines = [f"{n:{width}}  alone {a:.3f}, probe {p:.3f}, gap {g:+.3f}" for n, a, p, g in rows]
        return "\n".join([f"joint {self.joint:.3f}, competition {self.competition:+.3f}", *lines])

    __repr__ = __str__


@checked_arguments({"cv": ["cv_object"], "random_state": ["random_state"]})
def unimodal_gap(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = 5,
    groups: Any = None,
    random_state: int | np.random.RandomState | None = None,
) -> UnimodalGap:
    """Compare each modality's jointly trained code with the modality trained alone.

    On every fold, clones of the estimator are fitted to all modalities and to each alone; a
    logistic regression on the joint clone's codes of a modality says what joint training has
    learned of it. A gap is what the stronger modalities have kept it from learning [1]_ [2]_.

    Parameters
    ----------
    estimator : classifier with ``modality_codes``
        FrontDoorMultiModalClassifier, FusionClassifier or LateFusionClassifier, fitted or not.
        Alone, a modality is trained without balancing and is the predominant one.
    X : MultiModalArray, mapping, list of arrays, DataFrame or 2-D array
        The modalities, or a table that the estimator's `modalities` cuts. A row that lacks a
        modality does not count in that modality's accuracies.
    y : array-like of shape (n_samples,)
        Labels.
    cv : int, splitter or iterable of (train, test), default=5
        An int is a number of shuffled stratified folds.
    groups : array-like of shape (n_samples,), default=None
        Rows of one group stay on one side of every split.
    random_state : int, RandomState or None, default=None
        Of the folds. The networks' is the estimator's own.

    Returns
    -------
    UnimodalGap
        Accuracies, gaps and competition, means over the folds.

    Raises
    ------
    TypeError
        If the estimator has no ``modality_codes``.
    ValueError
        If it doesn't read all modalities, labels don't fit `X`, or the rows don't suffice for
        the folds.

    References
    ----------
    .. [1] Wang, Tran, Feiszli, What Makes Training Multi-modal Classification Networks Hard?,
       CVPR 2020.
    .. [2] Du et al., On Uni-modal Feature Learning in Supervised Multi-modal Learning, ICML 2023.

    Examples
    --------
    >>> from skbetafd import unimodal_gap
    >>> from skbetafd.baselines import FusionClassifier
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> data = make_confounded_modalities(200, random_state=0)
    >>> clf = FusionClassifier(max_epochs=2, random_state=0)
    >>> unimodal_gap(clf, data.X, data.y, cv=2, random_state=0).gap.shape
    (2,)
    """
    if not hasattr(estimator, "modality_codes"):
        raise TypeError(
            "estimator must have modality_codes, as FrontDoorMultiModalClassifier has, got "
            f"{type(estimator).__name__}{INSIDE}"
        )
    modalities = getattr(estimator, "modalities", None)
    X, _ = read_training_input(BaseEstimator(), X, modalities)
    y, _ = read_labels(X, y)
    groups = None if groups is None else read_groups(groups, len(y))
    splits = stratified_splits(cv, y, groups, private_generator(random_state))
    for name, there in X.present.items():
        if not any(there[test].any() for _, test in splits):
            raise ValueError(f"modality {name!r} is NaN in every test row")
    accuracies, joint = np.full((3, len(splits), len(X.names)), np.nan), np.empty(len(splits))
    for number, (train, test) in enumerate(splits):
        with named(f"fold {number}"):
            accuracies[:, number], joint[number] = _fold(estimator, X, y, groups, train, test)
    alone, probe, joint_there = accuracies
    mean_alone, mean_probe = np.nanmean(alone, axis=0), np.nanmean(probe, axis=0)
    best = mean_alone.argmax()
    return UnimodalGap(
        names=X.names,
        alone=mean_alone,
        probe=mean_probe,
        gap=mean_alone - mean_probe,
        joint=float(joint.mean()),
        competition=float(mean_alone[best] - np.nanmean(joint_there[:, best])),
        by_fold={"alone": alone, "probe": probe, "joint_there": joint_there, "joint": joint},
    )


def _fold(
    estimator: Any,
    X: MultiModalArray,
    y: np.ndarray,
    groups: np.ndarray | None,
    train: np.ndarray,
    test: np.ndarray,
) -> tuple[np.ndarray, float]:
    """Accuracies on one test part: alone, probe, joint of each modality; and the joint one's."""
    joint = clone(estimator).set_params(modalities=None)
    joint._keep_interrupted = False
    joint.fit(X[train], y[train], groups=rows_of(groups, train))
    codes, codes_test = joint.modality_codes(X[train]), joint.modality_codes(X[test])
    unread = [name for name in X.names if name not in codes]
    if unread:
        raise ValueError(f"the estimator does not read {quoted(unread)}: {estimator!r}")
    right = joint.predict(X[test]) == y[test]
    accuracies = np.full((3, len(X.names)), np.nan)
    for m, name in enumerate(X.names):
        there = X._faces[name].present
        having, asked = there[train], there[test]
        if not asked.any():
            continue
        seen, X_one = train[having], MultiModalArray({name: X[name]})
        one = clone(estimator).set_params(**_alone(estimator, X.names, name))
        one._keep_interrupted = False
        linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        with named(f"modality {name!r}"):
            one.fit(X_one[seen], y[seen], groups=rows_of(groups, seen))
            linear.fit(codes[name][having], y[seen])
        y_asked = y[test][asked]
        accuracies[:, m] = (
            np.mean(one.predict(X_one[test[asked]]) == y_asked),
            np.mean(linear.predict(codes_test[name][asked]) == y_asked),
            right[asked].mean(),
        )
    return accuracies, float(right.mean())


def _alone(estimator: Any, names: tuple[str, ...], name: str) -> dict[str, Any]:
    """Give the parameters that one modality alone is trained with instead of the estimator's."""
    given = estimator.get_params(deep=False)
    changed: dict[str, Any] = {
        key: value for key, value in OF_SEVERAL_MODALITIES.items() if key in given
    }
    changed |= {key: _its(key, given[key], names, name) for key in BY_MODALITY if key in given}
    if given.get("param_grid"):
        grid = given["param_grid"]
        grids = [grid] if isinstance(grid, Mapping) else grid
        changed["param_grid"] = [_grid_alone(grid, names, name) for grid in grids]
    return changed


def _grid_alone(
    grid: Mapping[str, Any], names: tuple[str, ...], name: str
) -> dict[str, Sequence[Any]]:
    return {
        key: [_its(key, value, names, name) for value in values] if key in BY_MODALITY else values
        for key, values in grid.items()
        if key not in OF_SEVERAL_MODALITIES
    }


def _its(key: str, value: Any, names: tuple[str, ...], name: str) -> Any:
    """Give a modality's part of a parameter that goes by modality, if it does."""
    if not isinstance(value, Mapping):
        return value
    return {own: each for own, each in by_name(value, names, key).items() if own == name}
