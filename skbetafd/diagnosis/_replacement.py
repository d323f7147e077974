"""Modalities taken out of rows: by their mean, by other rows' values, or as missing."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from itertools import groupby
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._utils.messages import named, warn
from .._utils.randomness import private_generator
from .._utils.sklearn_compat import Interval, StrOptions
from ..estimators.network_classifier import NetworkClassifier
from ..estimators.scorers import Predicted
from ..inputs.multimodal_array import MultiModalArray
from ..inputs.numeric import NumericRows, numeric_rows
from ._evaluation import Evaluation, known_predictions, read_rows

METHODS = ("mean", "missing", "permutation")

INSIDE = (
    "; of a Pipeline, pass the last step, and the rows as its other steps have transformed them"
)
"""Where columns must be numbers, and a Pipeline's encoders would make them."""

CONSTRAINTS: dict[str, list[Any]] = {
    "method": [StrOptions(set(METHODS))],
    "scoring": [None, str, callable],
    "n_repeats": [Interval(Integral, 1, None, closed="left")],
    "random_state": ["random_state"],
}


class Replacement:
    """Predictions of rows that keep some modalities, each such subset asked about once.

    Parameters
    ----------
    evaluation : Evaluation
        The classifier and the rows.
    method : {"mean", "permutation", "missing"}
        What stands in the place of a modality that is taken out; "permutation" in that of "mean"
        where a modality has none, with a warning.
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
        n = len(evaluation.y)
        if method == "mean":
            rows = _background(evaluation, background)
            try:
                self.means = modality_means(rows)
            except (TypeError, ValueError) as error:
                method = "permutation"
                whose = "" if background is None else "background: "
                warn(
                    f"{whose}a mean needs numbers, but {_reason(error)}: other rows' values stand "
                    "in (method='permutation')"
                )
        elif background is not None:
            raise ValueError(f"background is for method='mean', but method={method!r}")
        self.evaluation, self.method, self.names = evaluation, method, evaluation.X.names
        if method == "permutation":
            rng = private_generator(random_state)
            self.orders = [rng.permutation(n) for _ in range(n_repeats)]
        if method == "missing":
            complete = np.all(list(evaluation.X.present.values()), axis=0)
            # a PerModality can't tell the width of an output of which it has no row
            self.rows = np.append(np.arange(n), complete.argmax())

    def predictions(self, kept: Collection[str]) -> list[Predicted]:
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
                X._with_values({name: X._faces[name][order].value for name in removed})
                for order in self.orders
            ]
        return [known_predictions(self.evaluation, version) for version in versions]

    def _by_mean(self, removed: Collection[str]) -> MultiModalArray:
        X = self.evaluation.X
        rows = {name: np.tile(self.means[name], (len(X), 1)) for name in removed}
        return X._with_values({name: X._faces[name].like(r) for name, r in rows.items()})


def _background(evaluation: Evaluation, background: Any) -> MultiModalArray:
    if background is None:
        return evaluation.X
    with named("background"):
        return read_rows(evaluation.estimator, background)


def modality_means(X: MultiModalArray) -> dict[str, np.ndarray]:
    """Mean of each modality over the rows that have it, flat, shape (width,)."""
    rows = numeric_rows(X, np.float64, padded=X.names)
    arrays = rows.dense()
    means = {}
    for (name, array), some in zip(arrays.items(), rows.present.T, strict=True):
        if not some.any():
            raise ValueError(f"modality {name!r} is NaN in every row")
        means[name] = array[some].mean(axis=0, dtype=np.float64)
    return means


def numbers(X: MultiModalArray) -> NumericRows:
    """Read rows as numbers, as `numeric_rows` does; of a Pipeline's rows say where they are."""
    try:
        return numeric_rows(X, np.float64, padded=X.names)
    except (TypeError, ValueError) as error:
        raise type(error)(f"masked inputs must be numbers, but {_reason(error)}{INSIDE}") from error


def _reason(error: Exception) -> str:
    """Return what is wrong, without what to do for a fit."""
    return str(error).partition("; ")[0]


class InputMasks:
    """Predictions with some columns of the auxiliary inputs at their means."""

    def __init__(self, evaluation: Evaluation, predominant: str) -> None:
        self.evaluation, X = evaluation, evaluation.X
        arrays = numbers(X).dense()
        self.arrays = {name: array for name, array in arrays.items() if name != predominant}
        self.means = modality_means(X)
        widths = [array.shape[1] for array in self.arrays.values()]
        self.ends, self.n_dimensions = np.cumsum(widths)[:-1], sum(widths)

    def predict(self, masked: np.ndarray) -> Predicted:
        """Predict with the columns held where `masked`, shape (n_dimensions,), is True."""
        X = self.evaluation.X
        pieces = zip(self.arrays.items(), np.split(masked, self.ends), strict=True)
        values = {}
        for (name, array), columns in pieces:
            there = X._faces[name].present[:, None]
            held = np.where(columns & there, self.means[name], array)
            values[name] = X._faces[name].like(held)
        return known_predictions(self.evaluation, X._with_values(values))


class CodeMasks(ExitStack):
    """Predictions with some dimensions of the auxiliary codes at their means, by torch's hooks.

    A context manager: on leaving, the networks are as they were.
    """

    def __init__(
        self, evaluation: Evaluation, network: NetworkClassifier, predominant: str
    ) -> None:
        super().__init__()
        self.evaluation = evaluation
        encoders = network._code_encoders()
        self.groups = [
            [encoder.module for encoder in encoders.get(name, [])]
            for name in evaluation.X.names
            if name != predominant
        ]
        self.sums: dict[nn.Module, Tensor] = {}
        self.masks: dict[nn.Module, Tensor] = {}

    def __enter__(self) -> CodeMasks:
        super().__enter__()
        modules = [module for group in self.groups for module in group]
        handles = [module.register_forward_hook(self._add) for module in modules]
        try:
            known_predictions(self.evaluation, self.evaluation.X).predict(slice(None))
        finally:
            for handle in handles:
                handle.remove()
        n = len(self.evaluation.y)
        self.means = {module: total / n for module, total in self.sums.items()}
        # what is not called has no part at this beta; members share their masks
        called = [[module for module in group if module in self.means] for group in self.groups]
        by_width = [groupby(group, lambda module: len(self.means[module])) for group in called]
        self.groups = [list(same) for groups in by_width for _, same in groups]
        widths = [len(self.means[group[0]]) for group in self.groups]
        self.ends, self.n_dimensions = np.cumsum(widths)[:-1], sum(widths)
        for module in self.means:
            self.callback(module.register_forward_hook(self._mask).remove)
        return self

    def predict(self, masked: np.ndarray) -> Predicted:
        """Predict, when asked, with the dimensions held where `masked` is True."""
        for group, columns in zip(self.groups, np.split(masked, self.ends), strict=True):
            self.masks |= dict.fromkeys(group, torch.as_tensor(columns))
        return known_predictions(self.evaluation, self.evaluation.X)

    def _add(self, module: nn.Module, inputs: Any, code: Tensor) -> None:
        self.sums[module] = self.sums.get(module, torch.zeros_like(code[0])) + code.sum(dim=0)

    def _mask(self, module: nn.Module, inputs: Any, code: Tensor) -> Tensor:
        return torch.where(self.masks[module].to(code.device), self.means[module], code)
