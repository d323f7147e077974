"""What belongs to the rows of X has as many entries; what has not is named."""

from __future__ import annotations

from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score

from ._sklearn_compat import num_samples


def check_lengths(n_rows: int, **arguments: Any) -> None:
    """Refuse an argument that has not one entry for each row of X; None has none.

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
        try:
            found = num_samples(values)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from error
        if found != n_rows:
            raise ValueError(f"{name} has {found} entries for {n_rows} rows of X")


class AccuracyMixin(ClassifierMixin):
    """Adds scikit-learn's `score`, which names what has another length than X."""

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
            If `y` or `sample_weight` has not one entry for each row.
        """
        predicted = self.predict(X)
        check_lengths(len(predicted), y=y, sample_weight=sample_weight)
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))
