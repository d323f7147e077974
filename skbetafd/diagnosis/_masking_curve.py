"""auxiliary_masking_curve: the score as more and more of the auxiliary modalities is masked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from .._utils.randomness import private_generator
from .._utils.sklearn_compat import checked_arguments
from ..estimators.network_classifier import NetworkClassifier
from ..fitting.predominant import probe_scores
from ..inputs.modality_names import modality_position
from ._evaluation import Evaluation, Score, check_several, read_evaluation
from ._replacement import CONSTRAINTS, CodeMasks, InputMasks, numbers
from ._unwrap import inside

TENTHS = tuple(i / 10 for i in range(11))


@dataclass(frozen=True, eq=False, repr=False)
class MaskingCurve:
    """Scores of a classifier that sees less and less of its auxiliary modalities.

    Attributes
    ----------
    shares : ndarray of shape (n_shares,)
        Share in [0, 1] of the auxiliary dimensions that are masked.
    scores : ndarray of shape (n_repeats, n_shares)
        The score, for each order in which dimensions are masked.
    predominant : str
        The modality that is never masked.
    masked : {"codes", "inputs"}
        Whether dimensions of the auxiliary codes or columns of the auxiliary inputs were masked.
    n_dimensions : int
        How many there are.

    See Also
    --------
    auxiliary_masking_curve : Gives it.
    """

    shares: np.ndarray
    scores: np.ndarray
    predominant: str
    masked: str
    n_dimensions: int

    def __str__(self) -> str:
        means, sds = self.scores.mean(axis=0), self.scores.std(axis=0)
        rows = zip(self.shares, means, sds, strict=True)
        head = (
            f"share masked of {self.n_dimensions} auxiliary {self.masked}' dimensions (all of "
            f"{self.predominant!r} is kept), mean score ± sd over {len(self.scores)} orders:"
        )
        return "\n".join([head, *(f"{share:4.0%}  {m:.3f} ± {sd:.3f}" for share, m, sd in rows)])

    __repr__ = __str__


@checked_arguments(CONSTRAINTS | {"predominant": [None, str, Integral]})
def auxiliary_masking_curve(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    shares: Sequence[float] | np.ndarray = TENTHS,
    predominant: str | int | None = None,
    n_repeats: int = 5,
    scoring: Any = None,
    random_state: int | np.random.RandomState | None = None,
) -> MaskingCurve:
    """Mask growing shares of the auxiliary modalities' codes, and score the prediction.

    The exploration that motivates the interventional method [1]_: where the score rises as
    auxiliary dimensions are masked, more of the auxiliary modality is not what is needed.

    A masked dimension is held at its mean over `X`, not at zero: a code has an offset, and a
    head that has never seen zero there answers with a bias of its own. In one repeat dimensions
    are masked in one random order, so that a larger share masks all that a smaller one did.

    Parameters
    ----------
    estimator : fitted classifier
        For this library's network classifiers, alone or at the end of a Pipeline or search, the
        dimensions of the auxiliary codes are masked; for any other estimator, the columns of the
        auxiliary inputs, which must be numeric.
    X : MultiModalArray, mapping, list of arrays, DataFrame or 2-D array
        Rows to evaluate at; where codes are masked, those that lack a modality are left out.
    y : array-like of shape (n_samples,)
        Their labels.
    shares : sequence of float in [0, 1], default=(0, 0.1, ..., 1)
        Shares of the dimensions of all auxiliary modalities together, rounded to whole ones.
    predominant : str, int or None, default=None
        The modality that is kept, by name or position. None takes the estimator's
        ``predominant_`` or, where it has none, the best cross-validated ridge probe on `X`.
    n_repeats : int, default=5
        Random orders.
    scoring : str, callable or None, default=None
        As in `modality_contributions`; None is accuracy.
    random_state : int, RandomState or None, default=None
        Of the orders, and of the probe.

    Returns
    -------
    MaskingCurve
        Scores of shape (n_repeats, n_shares).

    Raises
    ------
    NotFittedError, TypeError
        If the estimator is not fitted, or no classifier.
    ValueError
        If there is one modality only, `predominant` is not the one that the estimator was fitted
        with, no row has all modalities where codes are to be masked, or an argument is out of
        range.

    Warns
    -----
    UserWarning
        Of rows that are left out.

    Notes
    -----
    The front-door estimator draws its references by the masked code; the references' own codes
    stay as they are. While this runs, the estimator must not predict in another thread.

    References
    ----------
    .. [1] Li, Song, Zheng, Li, Sun, Xiong, "Interventional Imbalanced Multi-Modal
       Representation Learning via β-Generalization Front-Door Criterion", arXiv 2406.11490.

    Examples
    --------
    >>> from skbetafd import auxiliary_masking_curve
    >>> from skbetafd.baselines import FusionClassifier
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> data = make_confounded_modalities(200, random_state=0)
    >>> clf = FusionClassifier(max_epochs=2, random_state=0).fit(data.X, data.y)
    >>> curve = auxiliary_masking_curve(clf, data.X, data.y, shares=[0, 0.5, 1], random_state=0)
    >>> curve.scores.shape, curve.masked
    ((5, 3), 'codes')
    """
    shares = _checked_shares(shares)
    evaluation = read_evaluation(estimator, X, y)
    check_several(evaluation.X.names, "to mask beside it")
    rng = private_generator(random_state)
    network, _ = inside(estimator)
    fitted: str | None = getattr(network, "predominant_", None)
    of_codes = isinstance(network, NetworkClassifier)
    if of_codes:
        evaluation = evaluation.of_complete_rows("the masking of codes")
    score, kept = Score(scoring, evaluation), _predominant(evaluation, predominant, fitted, rng)
    context: Any = (
        CodeMasks(evaluation, network, kept)
        if of_codes
        else nullcontext(InputMasks(evaluation, kept))
    )
    with context as masks:
        n_dimensions = masks.n_dimensions
        if not n_dimensions:
            raise ValueError(f"the estimator reads no modality beside {kept!r}: {estimator!r}")
        counts = np.round(shares * n_dimensions).astype(int)
        ranks = [rng.permutation(n_dimensions) for _ in range(n_repeats)]
        scores = [[score(masks.predict(rank < count)) for count in counts] for rank in ranks]
    masked = "codes" if of_codes else "inputs"
    return MaskingCurve(shares, np.array(scores), kept, masked, n_dimensions)


def _checked_shares(shares: Any) -> np.ndarray:
    try:
        values = list(shares)
    except TypeError:
        raise TypeError(f"shares must be a sequence of numbers, got {shares!r}") from None
    if not values:
        raise ValueError(f"shares must hold at least one value, got {shares!r}")
    for share in values:
        if not isinstance(share, Real) or isinstance(share, bool) or not 0 <= float(share) <= 1:
            raise ValueError(f"shares must be numbers from 0 to 1, got {share!r}")
    return np.array(values, dtype=float)


def _predominant(
    evaluation: Evaluation, given: Any, fitted: str | None, rng: np.random.RandomState
) -> str:
    names = evaluation.X.names
    if given is None and fitted is not None:
        return fitted
    if given is None:
        rows = numbers(evaluation.X)
        rows.check_size()
        y = np.unique(evaluation.y, return_inverse=True)[1]
        scores = probe_scores(rows.arrays, y, np.ones(len(y)), rng.randint(2**31 - 1))
        return names[scores.argmax()]
    asked = names[modality_position(given, names)]
    if fitted is not None and asked != fitted:
        raise ValueError(
            f"predominant={given!r}, but the estimator was fitted with {fitted!r} as the "
            "predominant modality"
        )
    return asked
