"""Modalities taken out of rows: by their mean, by other rows' values, or as missing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from .._utils.randomness import private_generator
from .._utils.sklearn_compat import StrOptions, is_dataframe, safe_indexing
from ..inputs.missing import present_in
from ..inputs.multimodal_array import MultiModalArray
from ..inputs.numeric import dense_modalities
from ._evaluation import Evaluation, KnownPredictions, read_rows

METHODS = ("mean", "missing", "permutation")

NO_MEAN = (
    "text, categories and gaps have no mean: take method='permutation' or method='missing', or "
    "pass a Pipeline's last step with rows that its other steps have transformed"
)

CONSTRAINTS: dict[str, list[Any]] = {
    "method": [StrOptions(set(METHODS))],
    "scoring": [None, str, callable],
    "random_state": ["random_state"],
}


class Replacement:
    """Predictions of rows that keep some modalities, each such subset asked about once.

    Parameters
    ----------
    evaluation : Evaluation
        The classifier and the rows.
    method : {"mean", "permutation", "missing"}
        What stands in the place of a modality that is taken out.
    background : rows in any input form, or None
        Whose means "mean" takes; None: the rows themselves.
    n_repeats : int
        Permutations, the same ones for every subset.
    random_state : int, RandomState or None
        Of the permutations.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        method: str,
        background: Any,
        n_repeats: int,
        random_state: Any,
    ) -> None:
        self.evaluation, self.method, self.names = evaluation, method, evaluation.X.names
        n = len(evaluation.y)
        if method == "mean":
            self.means = modality_means(_background(evaluation, background))
        elif background is not None:
            raise ValueError(f"background is for method='mean', but method={method!r}")
        if method == "permutation":
            rng = private_generator(random_state)
            self.orders = [rng.permutation(n) for _ in range(n_repeats)]
        if method == "missing":
            complete = np.all([present_in(value) for value in evaluation.X.values()], axis=0)
            # a PerModality can't tell the width of an output of which it has no row
            self.rows = np.append(np.arange(n), complete.argmax())

    def predictions(self, kept: Collection[str]) -> list[KnownPredictions]:
        """Predict with the other modalities taken out, once a repeat."""
        X = self.evaluation.X
        removed = [name for name in self.names if name not in kept]
        if not removed:
            versions = [X]
        elif self.method == "mean":
            versions = [self._by_mean(removed)]
        elif self.method == "missing":
            absent = np.arange(len(self.rows)) == len(self.rows) - 1
            spare = X[self.rows]
            versions = [MultiModalArray(spare, present=dict.fromkeys(removed, absent))]
        else:
            versions = [
                with_values(X, {n: safe_indexing(X[n], order) for n in removed})
                for order in self.orders
            ]
        return [KnownPredictions(self.evaluation, version) for version in versions]

    def _by_mean(self, removed: Collection[str]) -> MultiModalArray:
        X = self.evaluation.X
        rows = {name: np.tile(self.means[name], (len(X), 1)) for name in removed}
        return with_values(X, {name: in_the_form_of(X[name], r) for name, r in rows.items()})


def with_values(X: MultiModalArray, values: dict[str, Any]) -> MultiModalArray:
    """Give `X` with other arrays for some modalities."""
    data = {name: values.get(name, value) for name, value in X.items()}
    return MultiModalArray(data if X.named else list(data.values()))


def _background(evaluation: Evaluation, background: Any) -> MultiModalArray:
    if background is None:
        return evaluation.X
    try:
        return read_rows(evaluation.estimator, background)
    except (TypeError, ValueError) as error:
        raise type(error)(f"background: {error}") from error


def modality_means(X: MultiModalArray) -> dict[str, np.ndarray]:
    """Mean of each modality over the rows that have it, flat, shape (width,)."""
    try:
        arrays = dense_modalities(X, np.float64, padded=X.names)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{NO_MEAN} ({error})") from error
    means = {}
    for name, array in zip(X.names, arrays, strict=True):
        some = present_in(array)
        if not some.any():
            raise ValueError(f"modality {name!r} is NaN in every row: it has no mean")
        means[name] = array[some].mean(axis=0, dtype=np.float64)
    return means


def in_the_form_of(value: Any, rows: np.ndarray) -> Any:
    """Give rows (n_samples, width) the shape of the modality `value`, and a frame's columns."""
    shaped = rows.reshape(value.shape)
    if is_dataframe(value) and hasattr(value, "index"):
        return type(value)(shaped, index=value.index, columns=value.columns)
    return shaped
