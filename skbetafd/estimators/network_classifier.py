"""What all classifiers that train a network on several modalities share: parameters and input."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from .._utils.out_of_memory import in_parts
from .._utils.randomness import private_generator
from .._utils.sklearn_compat import Interval, Options, StrOptions, VisualBlock, validate_parameters
from ..fitting.encoder_choice import may_be_padded, readings_of, resolve_encodings
from ..fitting.request import NOT_IN_FIT, FitRequest, FitRun, FitSpec, data_dtype, draw_seeds
from ..fitting.scaling import ModalityScaler
from ..inputs.modality import Modality, rows_together
from ..inputs.numeric import NumericRows, numeric_rows
from ..inputs.recipe import with_recipe
from ..inputs.row_order import warn_of_order
from ..inputs.training_rows import training_rows
from ..inputs.validation import read_prediction_input, read_training_input
from ..nn.torch_modes import predicting
from ..training.callbacks import check_callbacks
from .pickling import Portable, device_of


def refuse_overflow(log_proba: np.ndarray) -> None:
    """Refuse log-probabilities (..., n_samples, n_classes) that an overflow has made NaN."""
    _refuse_rows(np.isnan(log_proba))


def finite(code: np.ndarray) -> np.ndarray:
    """Give codes (n_samples, width) back, or refuse those that have overflowed."""
    _refuse_rows(~np.isfinite(code))
    return code


def _refuse_rows(overflowed: np.ndarray) -> None:
    rows = np.argwhere(overflowed)[:, -2]
    if len(rows):
        raise ValueError(f"X is too far from the training rows at row {rows.min()}: overflow")


Part = TypeVar("Part")


class CodeEncoder(NamedTuple):
    """What makes a modality's code from its rows."""

    module: torch.nn.Module
    scaler: ModalityScaler


class NetworkClassifier(Portable):
    """Parameters and input of a classifier whose network trains on several modalities."""

    _keep_interrupted = True
    """Whether `fit` ends with what an interrupted training has learned; diagnostics, which call
    several, set it to False."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "modalities": [None, dict, "array-like"],
        "encoders": [str, dict],
        "encoder_learning_rate": [Interval(Real, 0, None, closed="neither"), dict, None],
        "hidden_dim": [Interval(Integral, 1, None, closed="left")],
        "knowledge_dim": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "standardize": ["boolean"],
        "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "batch_size": [
            Interval(Integral, 2, None, closed="left"),
            Options(Integral, {-1}),
            StrOptions({"auto"}),
        ],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "callbacks": [None, list, tuple],
        "class_weight": [None, dict, StrOptions({"balanced"})],
        "predict_batch_size": [Interval(Integral, 1, None, closed="left")],
        "dtype": [StrOptions({"float32", "float64", "bfloat16"})],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # whoever passes groups, to a splitter say, means them for the inner split too
    __metadata_request__fit: ClassVar[dict[str, Any]] = {"groups": True}

    predict_batch_size: int

    def _assign(self, parameters: dict[str, Any]) -> None:
        """Set the parameters in a constructor's ``locals()``, as they are."""
        for name, value in parameters.items():
            if name != "self":
                setattr(self, name, value)

    n_members: int = 1
    """One network, but where a subclass has it as a parameter."""
    class_weight: Any = None
    """No weights, but where a subclass has them as a parameter."""

    @property
    def module_(self) -> torch.nn.Module:
        """The (first) trained torch module."""
        raise NotImplementedError

    def _sk_visual_block_(self) -> VisualBlock:
        """Show a block per modality with its encoder; before `fit`, the estimator alone."""
        if not hasattr(self, "modality_names_"):
            name = type(self).__name__
            return VisualBlock("single", self, names=name, name_details=str(self))
        predominant = getattr(self, "predominant_", None)
        return VisualBlock(
            "parallel",
            [
                e.module if isinstance(e.module, torch.nn.Module) else e.kind
                for e in self._encodings
            ],
            names=[f"{n} (predominant)" if n == predominant else n for n in self._layout.names],
            name_details=[f"shape of a row: {shape}" for shape in self._layout.shapes],
        )

    def _learned(self) -> dict[str, Any]:
        """Return the attributes that are no parameters."""
        parameters = self._get_param_names()
        return {name: value for name, value in vars(self).items() if name not in parameters}

    def _device_in_use(self) -> str:
        fitted = any(name in vars(self) for name in ("members_", "parts_"))
        return device_of(next(self.module_.parameters())) if fitted else "cpu"

    def _request(
        self, X: Any, y: Any, sample_weight: Any, mediator: Any = None, groups: Any = None
    ) -> FitRequest:
        """Check all input of `fit`; sets the attributes that describe it."""
        X, self._layout = read_training_input(self, X, self.modalities)
        return self._request_of_rows(X, y, sample_weight, mediator, groups)

    def _request_of_rows(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        mediator: Any = None,
        groups: Any = None,
        classes: np.ndarray | None = None,
        *,
        first: bool = True,
    ) -> FitRequest:
        """Check all but the layout of X; `classes` as in `read_targets`.

        The `first` rows must hold every modality, and some row all of them.
        """
        aligned = {"y": y, "sample_weight": sample_weight, "mediator": mediator, "groups": groups}
        warn_of_order(X, aligned)
        names, shapes = self._layout.names, self._layout.shapes
        padded = may_be_padded(self.encoders, names, shapes) if first else self._padded()
        asked = with_recipe(X, flat=self._layout.flat, modalities=self.modalities)
        with asked if first else nullcontext():
            numbers = numeric_rows(X, data_dtype(self.dtype), padded=padded)
        rows = training_rows(
            self,
            numbers,
            y,
            sample_weight,
            mediator,
            groups,
            classes=classes,
            complete=first,
        )
        if first:
            rate = self.encoder_learning_rate
            self._encodings = resolve_encodings(self.encoders, rate, names, shapes, rows.arrays)
            self._readings = readings_of(names, self._encodings)
        self.modality_names_, self.modality_slices_ = list(names), self._layout.slices
        run = FitRun(int(self.verbose), keep_interrupted=self._keep_interrupted)
        spec = FitSpec(
            self._encodings,
            self._readings,
            self._fit_parameters(),
            draw_seeds(private_generator(self.random_state), int(self.n_members)),
        )
        return FitRequest(rows, spec, run)

    @classmethod
    def _fit_parameter_names(cls) -> set[str]:
        return set(cls._get_param_names()) - NOT_IN_FIT

    def _fit_parameters(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in sorted(self._fit_parameter_names())}
        callbacks = check_callbacks(self.callbacks, held_out=values["early_stopping"])
        plain = {n: int(v) if isinstance(v, np.integer) else v for n, v in values.items()}
        return {**plain, "callbacks": callbacks}

    def _padded(self) -> list[str]:
        """Name the modalities whose last steps may be NaN."""
        named = zip(self._layout.names, self._encodings, strict=True)
        return [name for name, encoding in named if encoding.kind == "sequence"]

    def _precision(self) -> str:
        """Name the dtype of the network."""
        return str(next(self.module_.parameters()).dtype).removeprefix("torch.")

    def _read(self, X: Any, *, mediated: bool = False) -> NumericRows:
        """Rows as numeric arrays of the network's precision."""
        padded = self._padded()
        X = read_prediction_input(self, X, self._layout, padded=padded)
        rows = numeric_rows(X, self._precision(), padded=padded)
        rows.check_presence(training=False, mediated=mediated)
        return rows

    def _in_batches(
        self, X: Any, work: Callable[[NumericRows], Part], *, mediated: bool = False
    ) -> list[Part]:
        """Work through the rows, `predict_batch_size` at once, or fewer if wide."""
        size = self.predict_batch_size
        validate_parameters(self, self._parameter_constraints, predict_batch_size=size)
        rows = X if isinstance(X, NumericRows) else self._read(X, mediated=mediated)
        size = rows_together(rows.arrays, size)
        with predicting():
            return in_parts(lambda some: work(rows.take(some)), len(rows), size)

    @staticmethod
    def _standardised(
        arrays: list[Modality], scalers: list[ModalityScaler], network: torch.nn.Module
    ) -> list[torch.Tensor]:
        """Rows as the network reads them, on its device."""
        weights = next(network.parameters())
        return [
            scaler.tensor(array, weights.device, weights.dtype)
            for array, scaler in zip(arrays, scalers, strict=True)
        ]

    def _code_encoders(self) -> dict[str, list[CodeEncoder]]:
        """Give the encoders of each modality that is read, one a network, by its name."""
        raise NotImplementedError

    def modality_codes(self, X: Any) -> dict[str, np.ndarray]:
        """Each modality's code, (n_samples, knowledge_dim), under its name.

        The front-door estimator's code of the predominant modality is the knowledge code; of
        several networks, the first one's codes are given.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes. Where a row lacks a modality, its code is
            that of the training mean; without `standardize`, or where a module of the user's is
            trained on it, that of 0.

        Returns
        -------
        dict of str to ndarray of shape (n_samples, knowledge_dim)
            The codes of the modalities that a network reads.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is no fit.
        ValueError
            For bad rows, as in `predict`.
        """
        check_is_fitted(self)
        rows = self._read(X)
        arrays = dict(zip(rows.names, rows.arrays, strict=True))
        codes = {}
        for name, (encoder, *_) in self._code_encoders().items():
            with predicting():
                xs = self._standardised([arrays[name]], [encoder.scaler], encoder.module)
                codes[name] = finite(encoder.module(xs[0]).cpu().numpy())
        return codes
