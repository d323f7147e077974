"""What the baseline classifiers share: parameters, fit and prediction."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import torch
from scipy.special import logsumexp
from sklearn.utils.validation import check_is_fitted

from .._utils.all_or_nothing import all_or_nothing
from .._utils.out_of_memory import training_memory
from .._utils.sklearn_compat import StrOptions
from ..estimators.network_classifier import CodeEncoder, NetworkClassifier, refuse_overflow
from ..estimators.prediction import ProbabilityMixin
from ..fitting.calibration import best_temperature
from ..fitting.request import FitRequest, FitRun
from ..fitting.scaling import ModalityScaler
from ..fitting.splits import EARLY_STOPPING
from ..inputs.numeric import NumericRows
from ..inputs.torch_dataset import labelled
from ..nn.fusion_network import FusionNetwork
from ..nn.torch_modes import fitting
from ..training.stopping import best_epoch
from ._rule import Rule, RuleTrainer

PARAMETERS = """
    modalities : mapping or sequence, default=None
        For flat input, which columns belong to which modality, as in
        FrontDoorMultiModalClassifier.
    encoders : str, or mapping of str or int to str, torch.nn.Module or callable, default="auto"
        How each modality is read, as in FrontDoorMultiModalClassifier.
    encoder_learning_rate : float or mapping of str to float, default=None
        Peak learning rate of the user's modules, as in FrontDoorMultiModalClassifier.
    hidden_dim : int, default=128
        Width of each hidden layer.
    knowledge_dim : int, default=32
        Width of each modality's code; the front-door estimator's name for it.
    dropout : float in [0, 1), default=0.4
        Probability of leaving out a hidden unit in training.
    standardize : bool, default=True
        Bring each feature to mean 0 and variance 1, with the training rows' statistics. A
        picture, a square (H, W) or one of more axes a row, has one variance for all its pixels, a
        sequence (L, C) one a channel, as in FrontDoorMultiModalClassifier.
    max_epochs : int or "auto", default="auto"
        Passes over the training rows; "auto" as in FrontDoorMultiModalClassifier.
    batch_size : int or "auto", default="auto"
        Most rows in a batch, at least 2; -1 means all rows; "auto" as there.
    learning_rate : float, default=3e-3
        Peak of the one-cycle schedule.
    weight_decay : float, default=1e-2
        The optimiser's weight decay.
    class_weight : dict of label to float or "balanced", default=None
        By which the weights of a label's rows are multiplied, as in
        FrontDoorMultiModalClassifier.
    optimizer : {"adamw", "sgd"}, default="adamw"
        "sgd" has Nesterov's momentum of .9, and wants a larger `learning_rate`.
    early_stopping : bool, default=False
        Keep the epoch with the lowest log-loss on an inner split of the training rows.
    validation_fraction : float in (0, 0.5], default=0.2
        Share of the training rows in the inner split, rounded to a whole number of folds, of
        which there are at most as many as groups, or rows of the commonest class. Used with
        `early_stopping`, `calibrate`, or a rule that is decided on held-out rows.
    n_iter_no_change : int, default=10
        Epochs without a lower log-loss after which early stopping ends the training.
    calibrate : bool, default=False
        Divide the logits by the temperature that minimises the log-loss on the inner split.
    refit : bool, default=False
        After a training that held rows out, train afresh on all rows, for the number of epochs
        that `early_stopping` kept, and divide by the temperature found before. Rules that follow
        held-out rows throughout ("g-blend", "relearn") are left at the first training. Without an
        inner split there is one training on all rows anyway.
    callbacks : list of skorch callbacks, default=None
        Added to the training loop.
    predict_batch_size : int, default=65536
        Rows scaled and predicted at once.
    dtype : {"float32", "float64", "bfloat16"}, default="float32"
        Precision, as in FrontDoorMultiModalClassifier.
    device : str or torch.device, default="auto"
        "auto" takes CUDA where there is a GPU, else the CPU.
    random_state : int, RandomState or None, default=None
        Source of initial weights, batches, dropout masks, the rules' draws and the inner split.
        None draws afresh each time.
    verbose : int, default=0
        0 is silent, 1 shows a progress bar, 2 prints a row an epoch.
"""


class Part(NamedTuple):
    """One trained network, and which modalities it reads."""

    columns: tuple[int, ...]
    scalers: list[ModalityScaler]
    rule: Rule
    network: FusionNetwork
    history: list[dict[str, Any]]
    temperature: float

    def log_proba(self, xs: list[torch.Tensor]) -> torch.Tensor:
        """Log-probabilities (n, n_classes) at standardised rows of its modalities."""
        logits = self.rule.logits(self.network, xs)
        return torch.log_softmax(logits.to(xs[0].dtype) / self.temperature, dim=1)


def fit_part(request: FitRequest, columns: tuple[int, ...], rule: Rule) -> Part:
    """Train one network on some modalities of a request, on the rows that have any of them."""
    present = request.rows.present[:, list(columns)]
    used = np.flatnonzero(present.any(axis=1))
    rows = request.rows.take(used)
    rows = replace(
        rows,
        names=tuple(rows.names[m] for m in columns),
        arrays=[rows.arrays[m] for m in columns],
        present=present[used],
    )
    spec = request.spec
    spec = replace(spec, encodings=tuple(spec.encodings[m] for m in columns))
    own, fresh = replace(request, rows=rows, spec=spec), deepcopy(rule)
    refit = spec.parameters["refit"] and rule.holds_out(spec.parameters)
    with fitting():
        part = _trained(replace(own, run=_raising(own.run)) if refit else own, columns, rule)
        decided = rule.decided(part.rule) if rule.needs_validation else fresh
        if not refit or decided is None:
            return part
        once = {"early_stopping": False, "calibrate": False}
        parameters = {**spec.parameters, **once, "max_epochs": best_epoch(part.history)}
        own = replace(own, spec=replace(spec, parameters=parameters))
        return _trained(own, columns, decided)._replace(temperature=part.temperature)


def _trained(request: FitRequest, columns: tuple[int, ...], rule: Rule) -> Part:
    trainer = RuleTrainer(request, rule)
    net = rule.fit(trainer)
    rule, network, temperature = net.criterion_, net.module_.eval(), 1.0
    if request.spec.parameters["calibrate"]:
        logits = trainer.logits(rule, network, trainer.held_out)
        held_out = trainer.held_out
        temperature = best_temperature(logits.double(), held_out.y, held_out.weight)
    return Part(columns, trainer.scalers, rule, network, net.history, temperature)


def _raising(run: FitRun) -> FitRun:
    """Let an interrupt end the fit: another training would follow."""
    return replace(run, keep_interrupted=False)


class Baseline(ProbabilityMixin, NetworkClassifier):
    """A classifier of networks that see the label as it comes, without an adjustment."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **NetworkClassifier._parameter_constraints,
        "optimizer": [StrOptions({"adamw", "sgd"})],
        **EARLY_STOPPING,
        "calibrate": ["boolean"],
        "refit": ["boolean"],
    }

    def __init__(
        self,
        *,
        modalities: Any = None,
        encoders: Any = "auto",
        encoder_learning_rate: Any = None,
        hidden_dim: int = 128,
        knowledge_dim: int = 32,
        dropout: float = 0.4,
        standardize: bool = True,
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        class_weight: Any = None,
        optimizer: str = "adamw",
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        n_iter_no_change: int = 10,
        calibrate: bool = False,
        refit: bool = False,
        callbacks: Sequence[Any] | None = None,
        predict_batch_size: int = 65_536,
        dtype: str = "float32",
        device: str | torch.device = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.modalities = modalities
        self.encoders = encoders
        self.encoder_learning_rate = encoder_learning_rate
        self.hidden_dim = hidden_dim
        self.knowledge_dim = knowledge_dim
        self.dropout = dropout
        self.standardize = standardize
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.calibrate = calibrate
        self.refit = refit
        self.callbacks = callbacks
        self.predict_batch_size = predict_batch_size
        self.dtype = dtype
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def _views(self, names: Sequence[str]) -> list[tuple[int, ...]]:
        """Give the modalities of each network, by position."""
        raise NotImplementedError

    def _make_rule(self) -> Rule:
        return Rule()

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, groups: Any = None) -> Self:
        """Train on all rows, or without `refit` on those outside an inner split.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame, 2-D array or torch Dataset
            The modalities, each of shape (n_samples, ...), or a flat table of them. Rows of NaN
            lack the modality, which is then read as its training mean; without `standardize`
            as 0.
        y : array-like of shape (n_samples,), default=None
            Labels: strings, booleans or integers, two classes or more. Without, those of the
            Dataset's items.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; 0 leaves a row out.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group stay on one side of the inner split.

        Returns
        -------
        estimator
            This estimator.

        Raises
        ------
        ValueError, TypeError
            Naming the modality, row and column, or the parameter, and its value; ValueError too
            if the training diverges. The estimator is then as it was.
        KeyboardInterrupt
            If it is interrupted before that, or in any but the last of several trainings. The
            estimator is then as it was.

        Warns
        -----
        UserWarning
            If the training is interrupted (Ctrl-C) after its first epoch, and which epoch's
            network is kept: the best one with `early_stopping`, else the last complete one. A
            search or an ensemble of scikit-learn's then goes on, as with MLPClassifier.
        """
        with all_or_nothing(self), training_memory(self.batch_size):
            self._validate_params()
            X, y = labelled(X, y)
            self._make_rule()  # its parameters are checked before any work
            request = self._request(X, y, sample_weight, groups=groups)
            *views, last = self._views(request.rows.names)
            others = replace(request, run=_raising(request.run))
            self.parts_ = [fit_part(others, view, self._make_rule()) for view in views]
            self.parts_.append(fit_part(request, last, self._make_rule()))
            self.history_ = self.parts_[0].history
            self.n_iter_ = len(self.history_)
        return self

    @property
    def module_(self) -> torch.nn.Module:
        """The (first) trained torch module."""
        return self.parts_[0].network

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

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError, TypeError
            Naming the modality, row and column that can't be read.
        """
        check_is_fitted(self)
        log_proba = np.concatenate(self._in_batches(X, self._log_proba))
        refuse_overflow(log_proba)
        return log_proba

    def _log_proba(self, rows: NumericRows) -> np.ndarray:
        """Log of the mean probability over the networks that have something to read in a row."""
        log_proba, counts = [], []
        for part in self.parts_:
            own = [rows.arrays[m] for m in part.columns]
            xs = self._standardised(own, part.scalers, part.network)
            log_proba.append(part.log_proba(xs).cpu().numpy())
            counts.append(rows.present[:, list(part.columns)].any(axis=1))
        if len(log_proba) == 1:
            return log_proba[0]
        weight = np.stack(counts)[:, :, None] / np.sum(counts, axis=0)[:, None]
        return logsumexp(np.stack(log_proba), axis=0, b=weight).astype(log_proba[0].dtype)

    def _code_encoders(self) -> dict[str, list[CodeEncoder]]:
        return {
            self.modality_names_[m]: [CodeEncoder(part.network.encoders[i], part.scalers[i])]
            for part in self.parts_
            for i, m in enumerate(part.columns)
        }
