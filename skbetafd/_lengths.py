"""What belongs to the rows of X has as many entries; what has not is named."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from ._one_label import one_label_a_row
from ._plain import plain
from ._utils.messages import blaming
from ._utils.sklearn_compat import check_weight_array, num_samples


def check_lengths(n_rows: int, **arguments: Any) -> None:
    """Refuse an argument that has not one entry, unmasked, for each row of X; None has none.

    Raises
    ------
    ValueError
        If it has fewer or more.
    TypeError
        If it has no length.
    """
    for name, values in arguments.items():
        if values is None:
            continue
        plain(name, values)
        try:
            found = num_samples(values)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from error
        if found != n_rows:
            raise ValueError(f"{name} has {found} entries for {n_rows} rows of X")


def check_sample_weight(sample_weight: Any, n_rows: int, *, scale_free: bool = False) -> np.ndarray:
    """Read weights of rows: one for each, one number for all, or None, which is 1.

    Returns
    -------
    ndarray of shape (n_rows,), float64

    Raises
    ------
    ValueError
        If they are no numbers, negative, not finite, all 0, not one a row or, where they are not
        `scale_free`, so large that their sum is infinite.
    """
    given = plain("sample_weight", sample_weight)
    array = np.asarray(given)
    if array.ndim:
        check_lengths(n_rows, sample_weight=given)
    if array.dtype.kind in "mMc":
        raise ValueError(
            f"sample_weight must be real numbers, got {array.dtype}, first {array.flat[0]!s}"
        )
    if not array.ndim and given is not None:
        given = np.full(n_rows, given)
    try:
        with blaming("sample_weight"):
            weight = check_weight_array(
                given, np.empty((n_rows, 0)), dtype=np.float64, ensure_non_negative=True
            )
    except TypeError as error:
        raise ValueError(str(error)) from error
    if not scale_free and weight.max() > np.finfo(float).max / n_rows:
        raise ValueError(
            f"sample_weight is up to {weight.max():.3g}, too large for a sum over {n_rows} rows: "
            "divide it by its largest"
        )
    return weight


class AccuracyMixin(ClassifierMixin):
    """Adds scikit-learn's `score`, which names what has another length than X."""

    classes_: np.ndarray

    def predict(self, X: Any) -> Any:
        """Predict the label of each row."""
        raise NotImplementedError

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy of `predict`.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes.
        y : array-like of shape (n_samples,)
            True labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        float
            Share of the rows, or of their weight, that is predicted rightly.

        Raises
        ------
        ValueError
            If `y` or `sample_weight` has not one entry for each row, if `y` holds no labels of the
            classes' kind, or a weight is negative.
        """
        if y is None:
            raise ValueError("y must be the true labels, got None")
        predicted = self.predict(X)
        labels = one_label_a_row(y)
        check_lengths(len(predicted), y=labels)
        if sample_weight is not None:
            sample_weight = check_sample_weight(sample_weight, len(predicted))
        try:
            return float(accuracy_score(labels, predicted, sample_weight=sample_weight))
        except (TypeError, ValueError) as error:
            first, known = labels.tolist()[0], self.classes_.tolist()[:5]
            raise ValueError(
                f"y must hold labels as those of fit, {known}, got {first!r} in its first row: "
                f"{error}"
            ) from error
