"""Prediction at a β, and along many: what every classifier of this library shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from .._utils.sklearn_compat import validate_parameters
from ..fitting.request import READ_AT_PREDICTION
from ..inputs.labels import check_sample_weight, one_label_per_row
from ..inputs.row_order import warn_of_order


class ProbabilityMixin(ClassifierMixin):
    """Adds what follows from `predict_log_proba`: probabilities, labels and their accuracy."""

    classes_: np.ndarray

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Log of `predict_proba`."""
        raise NotImplementedError

    def predict_proba(self, X: Any) -> np.ndarray:
        """Class probabilities; of a classifier with `beta`, P_β(y | t, a) there.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            Naming the modality, row and column that can't be read.
        """
        return normalised(np.exp(self.predict_log_proba(X)))

    def predict(self, X: Any) -> np.ndarray:
        """Most probable label.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes.

        Returns
        -------
        ndarray of shape (n_samples,)
            Of the labels in `classes_`.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            Naming the modality, row and column that can't be read.
        """
        log_proba = self.predict_log_proba(X)
        return self.classes_[log_proba.argmax(axis=1)]

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
        predicted = self.predict(X)
        warn_of_order(X, {"y": y, "sample_weight": sample_weight})
        labels = one_label_per_row(y, len(predicted))
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


class BetaPathMixin(ProbabilityMixin):
    """Adds the methods of prediction to an estimator with `beta`, `effect` and `_log_path`.

    ``_log_path(X, betas)`` gives log P_β of shape (n_betas, n_samples, n_classes).
    """

    beta: float
    effect: str

    def _log_path(self, X: Any, betas: list[float]) -> np.ndarray:
        raise NotImplementedError

    def beta_path(self, X: Any, betas: Sequence[float] | np.ndarray) -> np.ndarray:
        """Class probabilities for several β at the price of one.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes.
        betas : sequence of float in [0, 1]
            The values of β.

        Returns
        -------
        ndarray of shape (n_betas, n_samples, n_classes)
            P_β(y | t, a), in the order of `betas` and `classes_`.

        Raises
        ------
        ValueError
            If a β is outside [0, 1], or there is none.
        """
        return normalised(np.exp(self.log_beta_path(X, betas)))

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Log of `predict_proba`, without a rounding to 0.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        validate_parameters(self, READ_AT_PREDICTION, beta=self.beta, effect=self.effect)
        return self._log_path(X, [self.beta])[0]

    def log_beta_path(self, X: Any, betas: Sequence[float] | np.ndarray) -> np.ndarray:
        """Log of `beta_path`, without a rounding to 0.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes.
        betas : sequence of float in [0, 1]
            The values of β.

        Returns
        -------
        ndarray of shape (n_betas, n_samples, n_classes)
            In the order of `betas` and `classes_`.

        Raises
        ------
        TypeError
            If `betas` is no sequence.
        ValueError
            If a β is outside [0, 1], or there is none.
        """
        check_is_fitted(self)
        betas = checked_betas(self, betas)
        validate_parameters(self, READ_AT_PREDICTION, effect=self.effect)
        return self._log_path(X, betas)


def checked_betas(estimator: Any, betas: Any) -> list[float]:
    """Return the values of β as a list; there must be one, and all must be from 0 to 1."""
    try:
        betas = list(betas)
    except TypeError:
        raise TypeError(f"betas must be a sequence of numbers, got {betas!r}") from None
    if not betas:
        raise ValueError(f"betas must hold at least one value, got {betas!r}")
    for beta in betas:
        validate_parameters(estimator, {"betas": READ_AT_PREDICTION["beta"]}, betas=beta)
    return betas


def normalised(proba: np.ndarray) -> np.ndarray:
    """Divide by the sum, which is 1 up to rounding: scikit-learn refuses 1.0000002."""
    return proba / proba.sum(axis=-1, keepdims=True)
