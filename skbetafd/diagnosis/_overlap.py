"""Overlap: whether the adjustment can be trusted at given rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._utils.exceptions import OverlapWarning
from .._utils.messages import warn
from ..estimators.front_door import FrontDoorMultiModalClassifier
from ..inputs.missing import complete_rows
from ..nn.reference_support import LEAST_SUPPORT
from ._evaluation import check_several
from ._unwrap import inside

MOST_WEAK = 0.05


@dataclass(frozen=True, repr=False)
class Overlap:
    """What stands behind the adjusted prediction of each row.

    Attributes
    ----------
    effective_references : ndarray of shape (n_samples,)
        Kish's effective number of the references that support the row, 1 / Σ w_k² over them; 0
        where none does, NaN at a row that lacks a modality.
    supported : ndarray of shape (n_samples,)
        Share in [0, 1] of the row's reference weight that rests on what training has seen; NaN
        at a row that lacks a modality.
    weak : ndarray of shape (n_samples,), bool
        Rows with less than half of it.
    share_weak : float
        Their share in [0, 1] of the rows that have all modalities.

    See Also
    --------
    overlap : Gives it.
    """

    effective_references: np.ndarray
    supported: np.ndarray
    weak: np.ndarray
    share_weak: float

    def __str__(self) -> str:
        return (
            f"{self.share_weak:.0%} of {(~np.isnan(self.supported)).sum()} rows have weak overlap; "
            f"median supported weight {np.nanmedian(self.supported):.2f}, median effective "
            f"references {np.nanmedian(self.effective_references):.1f}"
        )

    __repr__ = __str__


def overlap(clf: FrontDoorMultiModalClassifier, X: Any) -> Overlap:
    """Tell at which rows the adjustment extrapolates, for the classifier's `effect`.

    The adjustment lends each row the contexts of the reference population. With learned
    knowledge, a reference supports a row if the triple it makes, (z, s_k, a), or (z, s_k, a_k)
    for ``effect="population"``, is as near to a training triple as 95 % of the training rows'
    own triples are. With an observed mediator, it supports the row by the share of P(m | t, a)
    at which P(m | t_k, a) is at least 5 % as large: positivity, in a finite sample.

    Parameters
    ----------
    clf : FrontDoorMultiModalClassifier, Pipeline or search
        Fitted on two modalities or more; of several members, the first one is asked. Of a
        Pipeline, the last step is asked, about the rows that its other steps transform; of a
        GridSearchCV or the like, its ``best_estimator_``.
    X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
        Rows, in any of the forms that `predict` takes.

    Returns
    -------
    Overlap
        A value a row, and the share of weak rows.

    Raises
    ------
    ValueError
        If the classifier has one modality (there is no adjustment), or no row has all modalities.
    TypeError
        If `clf` is, or ends with, another estimator.

    Warns
    -----
    OverlapWarning
        If more than 5 % of the rows are weak: do not trust β near 1 there.
    UserWarning
        Of rows that lack a modality, which are left out: the thresholds are those of whole rows.

    Notes
    -----
    The thresholds (95 %, 5 %, half, 5 %) are this library's conventions, not theory.

    Examples
    --------
    >>> from skbetafd import FrontDoorMultiModalClassifier, overlap
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> data = make_confounded_modalities(400, random_state=0)
    >>> clf = FrontDoorMultiModalClassifier(max_epochs=5, random_state=0).fit(data.X, data.y)
    >>> report = overlap(clf, data.X)
    >>> report.supported.shape
    (400,)
    """
    clf, X = inside(clf, X)
    if not isinstance(clf, FrontDoorMultiModalClassifier):
        raise TypeError(
            "clf must be a FrontDoorMultiModalClassifier, or a Pipeline or search that ends with "
            f"one, got {type(clf).__name__}; of another estimator pass the classifier inside, and "
            "the rows as it sees them"
        )
    check_is_fitted(clf)
    check_several(clf.modality_names_, "to adjust for")
    rows = clf._read(X)
    complete = complete_rows(rows.names, rows.present, "overlap")
    weights, support = clf._support(rows.take(complete))
    carried = weights * support
    supported, effective = np.full((2, len(rows)), np.nan)
    supported[complete] = total = carried.sum(axis=1)
    squares = np.square(carried).sum(axis=1)
    effective[complete] = np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0)
    weak = supported < LEAST_SUPPORT
    report = Overlap(effective, supported, weak, float(weak[complete].mean()))
    if report.share_weak > MOST_WEAK:
        warn(
            f"{report}. There the adjustment for effect={clf.effect!r} extrapolates; a smaller "
            "beta leans on it less.",
            OverlapWarning,
        )
    return report
