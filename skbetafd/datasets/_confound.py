"""confound: plant a hidden confounder with a known law in real multimodal data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from .._utils.arguments import check_number
from .._utils.randomness import private_generator
from ..inputs.labels import one_label_per_row, read_groups
from ..inputs.modality_names import modality_position
from ..inputs.multimodal_array import MultiModalArray
from ._law import DEFAULT_PRIOR, draw, label_rule, law_by_class, proba_given_content
from ._tint import tinted


@dataclass(frozen=True, eq=False, repr=False)
class ConfoundedSplit:
    """The rows of one split, with everything that made their label.

    Attributes
    ----------
    X : MultiModalArray
        The modalities; the confounded one shows the tint.
    y : ndarray of shape (n_samples,)
        The label, ``classes[(content + confounder) % C]``.
    confounder : ndarray of shape (n_samples,), int
        The hidden U, from 0 to k - 1.
    content : ndarray of shape (n_samples,), int
        The index d of the row's real class in ``classes``.
    tint : ndarray of shape (n_samples,), int
        The value that is shown: mostly `confounder`, where the tint is not broken.
    proba : ndarray of shape (n_samples, C)
        Exact P(y | d), columns in the order of ``classes``: the answer to an intervention on the
        tint, for one who knows the real class. An upper bound where the real classes overlap.
        In ``redrawn``, P(y | do(t), a) for one who knows the real classes of both.
    rows : ndarray of shape (n_samples,), int
        Positions of the rows in the X that was given, so that ``groups[rows]`` are their groups.

    See Also
    --------
    confound : Gives several of it.
    """

    X: MultiModalArray
    y: np.ndarray
    confounder: np.ndarray
    content: np.ndarray
    tint: np.ndarray
    proba: np.ndarray
    rows: np.ndarray

    def __repr__(self) -> str:
        return f"ConfoundedSplit({len(self.y)} rows, {self.X!r})"


@dataclass(frozen=True, eq=False, repr=False)
class ConfoundedData:
    """Training rows and four tests, which share their rows and U.

    Attributes
    ----------
    train : ConfoundedSplit
        Tint and label share the cause U.
    iid : ConfoundedSplit
        Test rows under the training law.
    half_broken : ConfoundedSplit
        Each test row as in `broken` with probability 1/2, else as in `iid`.
    broken : ConfoundedSplit
        Test rows under do(tint): drawn uniformly, independent of U.
    redrawn : ConfoundedSplit
        Test rows under do(t): the tinted modality is another test row's, drawn at random, and
        with it `content` and `tint`; U and the other modalities are the row's own. These and the
        knowledge then disagree as they never did in training (see `skbetafd.overlap`).
    classes : ndarray of shape (C,)
        The sorted labels.

    See Also
    --------
    confound : Gives it.
    """

    train: ConfoundedSplit
    iid: ConfoundedSplit
    half_broken: ConfoundedSplit
    broken: ConfoundedSplit
    redrawn: ConfoundedSplit
    classes: np.ndarray

    def __repr__(self) -> str:
        return (
            f"ConfoundedData({len(self.train.y)} training rows; {len(self.iid.y)} rows in each of "
            f"the tests iid, half_broken, broken, redrawn; {len(self.classes)} classes)"
        )


def confound(
    X: MultiModalArray | Mapping[str, Any] | Sequence[Any],
    y: Any,
    *,
    modality: str | int,
    prior: Sequence[float] | Sequence[Sequence[float]] | None = DEFAULT_PRIOR,
    reliability: float = 0.95,
    strength: float = 3.0,
    noise: float = 0.7,
    test_size: float = 0.3,
    groups: Any = None,
    random_state: int | np.random.RandomState | None = None,
) -> ConfoundedData:
    r"""Plant a hidden confounder in real data, so that interventions have a known answer.

    With d the class index of a row, C classes and a hidden :math:`U \sim` `prior`, independent of
    everything else (or of everything but d), the new label is

    .. math:: y = (d + U) \bmod C \qquad (\text{two classes: flipped where } U > 0).

    A tint that mostly shows U is written into `modality`. In training it predicts the shift of the
    label; once it is set from outside (the split ``broken``) it predicts nothing, and
    :math:`P(y \mid d, do(tint)) = \sum_u P(u) 1[y = (d + u) \bmod C]`, the attribute ``proba``.

    Parameters
    ----------
    X : MultiModalArray, mapping of str to array-like, or list of array-like
        The real modalities, each of shape (n_samples, ...). Not changed.
    y : array-like of shape (n_samples,)
        The real classes: any sortable labels, at least two of them, two rows each.
    modality : str or int
        Name or position of the modality that shows the tint.
    prior : sequence of k floats, array-like of shape (C, k) or None, default=(.6, .25, .15)
        P(U = 0), P(U = 1), …, or one such row a class: U is then correlated with the content, and
        the other modalities tell of it. The default keeps the real class most likely while 40 % of
        the labels move. None, the same as ``(1.0,)``, is the never confounded control: labels and
        modalities stay as they are. ``(1.0, 0.0, 0.0)`` keeps the labels but adds a tint that
        means nothing.
    reliability : float in [0, 1], default=0.95
        With this probability the tint is U, otherwise uniform over the k values. Less than 1, so
        that every (content, tint, label) occurs.
    strength : float >= 0, default=3.0
        Size of the tint. The default stands 4 noise deviations out: read almost without error.
    noise : float >= 0, default=0.7
        Standard deviation of the tint's Gaussian noise.
    test_size : float in (0, 1), default=0.3
        Share of the rows in the tests. With `groups`, the nearest ratio of up to ten folds.
    groups : array-like of shape (n_samples,) or None, default=None
        Rows of one group (copies, one patient) stay on one side of the split.
    random_state : int, RandomState or None, default=None
        None draws afresh each time. NumPy's global generator is never used.

    Returns
    -------
    ConfoundedData
        ``train`` and the tests ``iid``, ``half_broken``, ``broken``, ``redrawn``, each with its
        truth. Splits are stratified by real class. The first three tests share the noise too:
        they differ only in the rows whose tint was replaced.

    Raises
    ------
    ValueError
        If an argument is out of range, `modality` does not exist, lengths differ, y has fewer than
        two classes or a class with one row, or the split leaves a side empty.
    TypeError
        If an argument or the modality is of a type that can't be used.

    See Also
    --------
    make_confounded_modalities : Simulated modalities, with exact posteriors.

    Notes
    -----
    The tint is the vector :math:`z = strength \cdot e_w + N(0, noise^2 I_k)`, w the value shown.

    - A two-dimensional array or sparse matrix (n, p) gets z as k more columns: (n, p + k).
    - A DataFrame gets the columns ``tint0`` … ``tint{k-1}``; its column names become strings.
    - Images (n, H, W), or (n, c, H, W) averaged over c, become coloured, (n, k, H, W): channel j is
      the image × :math:`\exp(z_j - \max_i z_i)`. The brightest channel, mostly w, is the image at
      full brightness; by default the others are at about exp(-3) = .05. z less its maximum tells
      as much about w as z itself.

    Examples
    --------
    >>> from skbetafd.datasets import confound, load_multiple_features
    >>> digits = load_multiple_features(("kar", "mor"))
    >>> data = confound(digits.data, digits.target, modality="kar", random_state=0)
    >>> data.train.X
    MultiModalArray(kar=(1400, 67) float64, mor=(1400, 6) float64)
    >>> data.broken.proba[0].round(2)
    array([0.25, 0.15, 0.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.6 ])
    """
    X = _as_container(X)
    name = X.names[modality_position(modality, X.names, "modality")]
    y = one_label_per_row(y, len(X))
    classes, content = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y must hold at least 2 classes, got {classes.tolist()}")
    groups = None if groups is None else read_groups(groups, len(X))
    laws = law_by_class(prior, len(classes))
    check_number("reliability", reliability, 0, 1)
    check_number("strength", strength, 0)
    check_number("noise", noise, 0)
    check_number("test_size", test_size, 0, 1, closed=False)

    rng = private_generator(random_state)
    train, test = _split(content, groups, test_size, rng)
    other = rng.permutation(test)
    n, k = len(X), laws.shape[1]
    confounder = draw(laws[content], rng)
    natural = _mostly(confounder, reliability, k, rng)
    random = rng.randint(k, size=n)
    half = np.where(rng.random_sample(n) < 0.5, random, natural)
    deviations = rng.normal(0.0, noise, (n, k))
    label_of = label_rule(k, len(classes))
    proba_of = np.stack([proba_given_content(law, len(classes)) for law in laws])

    def split(rows: np.ndarray, tint: np.ndarray, shown: np.ndarray | None = None) -> Any:
        shown = rows if shown is None else shown
        code = strength * np.eye(k)[tint] + deviations
        return ConfoundedSplit(
            X=tinted(_with_rows(X, rows, name, shown), name, code[shown]),
            y=classes[label_of[confounder[rows], content[shown]]],
            confounder=confounder[rows],
            content=content[shown],
            tint=tint[shown],
            proba=proba_of[content[rows], content[shown]],
            rows=rows,
        )

    return ConfoundedData(
        train=split(train, natural),
        iid=split(test, natural),
        half_broken=split(test, half),
        broken=split(test, random),
        redrawn=split(test, natural, other),
        classes=classes,
    )


def _as_container(X: Any) -> MultiModalArray:
    if isinstance(X, MultiModalArray):
        return X
    if not isinstance(X, (Mapping, list, tuple)):
        raise TypeError(
            f"X must be a MultiModalArray, a dict or a list of modalities, got {type(X).__name__}"
        )
    return MultiModalArray(X)


def _split(
    content: np.ndarray, groups: np.ndarray | None, test_size: float, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(len(content))
    if groups is None:
        try:
            return train_test_split(rows, test_size=test_size, stratify=content, random_state=rng)
        except ValueError as error:
            raise ValueError(f"test_size={test_size} of {len(rows)} rows: {error}") from error
    n_groups, fewest = groups.max() + 1, np.bincount(content).min()
    if min(n_groups, fewest) < 2:
        raise ValueError(
            "to keep groups together, the split needs 2 groups and 2 rows of each class, got "
            f"{n_groups} groups and a class of {fewest} rows"
        )
    n_test, n_folds = _fold_ratio(test_size, min(10, n_groups, fewest))
    folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=rng)
    tests = [test for _, test in folds.split(rows, content, groups)]
    test = np.sort(np.concatenate(tests[:n_test]))
    train = np.setdiff1d(rows, test)
    if len(np.unique(content[train])) < len(np.unique(content)):
        lost = np.setdiff1d(content, content[train]).tolist()
        raise ValueError(f"groups leave no training row to the classes of index {lost}")
    if not len(train) or not len(test):
        raise ValueError(
            f"test_size={test_size} leaves {len(train)} training and {len(test)} test rows: "
            f"there are {n_groups} groups"
        )
    return train, test


def _fold_ratio(test_size: float, most_folds: int) -> tuple[int, int]:
    ratio = Fraction(float(test_size)).limit_denominator(int(most_folds))
    edge = Fraction(1, int(most_folds))
    ratio = min(max(ratio, edge), 1 - edge)
    return ratio.numerator, ratio.denominator


def _mostly(
    confounder: np.ndarray, reliability: float, n_values: int, rng: np.random.RandomState
) -> np.ndarray:
    kept = rng.random_sample(len(confounder)) < reliability
    return np.where(kept, confounder, rng.randint(n_values, size=len(confounder)))


def _with_rows(
    X: MultiModalArray, rows: np.ndarray, name: str, shown: np.ndarray
) -> MultiModalArray:
    """Take the rows `rows`, and of the modality `name` the rows `shown`."""
    if shown is rows:
        return X[rows]
    return X[rows]._with_values({name: X[shown][name]})
