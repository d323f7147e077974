"""Auxiliary modalities masked by dimensions, of their codes or of their inputs."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..estimators.network_classifier import NetworkClassifier
from ..inputs.missing import COMPLETE, present_in
from ..inputs.numeric import dense_modalities
from ._evaluation import Evaluation, KnownPredictions
from ._replacement import in_the_form_of, modality_means, with_values


class InputMasks:
    """Predictions with some columns of the auxiliary inputs at their means."""

    def __init__(self, evaluation: Evaluation, predominant: str) -> None:
        self.evaluation, X = evaluation, evaluation.X
        arrays = dict(zip(X.names, dense_modalities(X, np.float64, padded=X.names), strict=True))
        self.arrays = {name: array for name, array in arrays.items() if name != predominant}
        self.means = modality_means(X)
        widths = [array.shape[1] for array in self.arrays.values()]
        self.ends, self.n_dimensions = np.cumsum(widths)[:-1], sum(widths)

    def predict(self, masked: np.ndarray) -> KnownPredictions:
        """Predict with the columns held where `masked`, shape (n_dimensions,), is True."""
        X = self.evaluation.X
        pieces = zip(self.arrays.items(), np.split(masked, self.ends), strict=True)
        values = {}
        for (name, array), columns in pieces:
            there = present_in(array)[:, None]
            held = np.where(columns & there, self.means[name], array)
            values[name] = in_the_form_of(X[name], held)
        return KnownPredictions(self.evaluation, with_values(X, values))


class CodeMasks(ExitStack):
    """Predictions with some dimensions of the auxiliary codes at their means, by torch's hooks.

    A context manager: on leaving, the networks are as they were.
    """

    def __init__(
        self, evaluation: Evaluation, network: NetworkClassifier, predominant: str
    ) -> None:
        super().__init__()
        self.evaluation = evaluation
        _check_complete(evaluation)
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
            KnownPredictions(self.evaluation, self.evaluation.X).predict(slice(None))
        finally:
            for handle in handles:
                handle.remove()
        n = len(self.evaluation.y)
        self.means = {module: total / n for module, total in self.sums.items()}
        widths = [len(self.means[group[0]]) if group else 0 for group in self.groups]
        self.ends, self.n_dimensions = np.cumsum(widths)[:-1], sum(widths)
        for module in modules:
            self.callback(module.register_forward_hook(self._mask).remove)
        return self

    def predict(self, masked: np.ndarray) -> KnownPredictions:
        """Predict, when asked, with the dimensions held where `masked` is True."""
        for group, columns in zip(self.groups, np.split(masked, self.ends), strict=True):
            self.masks |= dict.fromkeys(group, torch.as_tensor(columns))
        return KnownPredictions(self.evaluation, self.evaluation.X)

    def _add(self, module: nn.Module, inputs: Any, code: Tensor) -> None:
        self.sums[module] = self.sums.get(module, torch.zeros_like(code[0])) + code.sum(dim=0)

    def _mask(self, module: nn.Module, inputs: Any, code: Tensor) -> Tensor:
        return torch.where(self.masks[module].to(code.device), self.means[module], code)


def _check_complete(evaluation: Evaluation) -> None:
    for name, value in evaluation.X.items():
        absent = np.flatnonzero(~present_in(value))
        if len(absent):
            raise ValueError(
                f"codes are masked at rows that have all modalities, but row {absent[0]} lacks "
                f"modality {name!r}, and {len(absent)} of {value.shape[0]} rows do; {COMPLETE}"
            )
