"""FrontDoorMultiModalClassifierCV: all of β for the price of one fit a fold."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.metrics import check_scoring
from sklearn.model_selection import ParameterGrid, StratifiedKFold, check_cv
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from .._utils.all_or_nothing import all_or_nothing
from .._utils.dask_backend import lasting_backend
from .._utils.messages import named
from .._utils.out_of_memory import training_memory
from .._utils.sklearn_compat import (
    accepts_sample_weight,
    routing_enabled,
    search_table,
    with_callbacks,
)
from ..fitting.checkpoint_files import remove_fold_checkpoints
from ..fitting.warm_start import LEARNED
from ..inputs.as_numpy import as_array, as_numpy
from ..inputs.labels import check_sample_weight
from ..inputs.row_order import without_labels
from ..inputs.torch_dataset import labelled
from ..inputs.validation import container_or_table, read_training_input
from ..training.accelerated import from_first, join_processes
from .front_door import FrontDoorMultiModalClassifier
from .prediction import checked_betas
from .scorers import told_of_classes
from .search import FittedFold, FoldTask, SearchRows, run_together, score_fold

NOT_SEARCHED = {"accelerate", "beta", "modalities", "verbose", "checkpoint_dir"}


class FrontDoorMultiModalClassifierCV(FrontDoorMultiModalClassifier):
    """FrontDoorMultiModalClassifier with β chosen by cross-validation.

    One fit a fold serves every β, and the folds (and the settings of `param_grid`) are trained
    as one program where their shapes allow: the search that GridSearchCV makes over `beta`, with
    the same folds, seeds and scores, for the price of few fits.

    I.i.d. folds will rightly choose a small β. To choose it for a shift, split across
    environments: ``cv=LeaveOneGroupOut()`` and ``groups``.

    Parameters
    ----------
    betas : sequence of float in [0, 1], default=(0, 0.25, 0.5, 0.75, 1)
        The values of β that are compared. Of equal scores the first one wins.
    param_grid : dict or list of dicts, default=None
        Values of further parameters of the classifier, as GridSearchCV takes them.
    cv : int, cross-validation generator or iterable, default=None
        As in scikit-learn: None is a stratified 5-fold.
    scoring : str or callable, default=None
        One score, the larger the better. None is the accuracy. Where a shift is expected,
        "neg_log_loss" tells more; it and the Brier score are told of all classes, so that a
        fold's test rows may lack some.
    refit : bool, default=True
        Fit the best setting on all rows; without it, the search can't predict.
    n_jobs : int, default=None
        Processes among which the fits are shared out. Fits in one process are already trained
        together, so that more processes, which take seconds to start, help only where there are
        idle cores. Under ``joblib.parallel_config("dask")`` it is not read: every fit is a task
        of its own for the cluster's workers, so that the scores are those of single fits,
        whatever the cluster, and a worker that dies costs the fit it was at. With
        `accelerate`, refused.
    effect, predominant, modalities, encoders, encoder_learning_rate, seeing, hidden_dim, \
knowledge_dim, context_dim, n_references, n_mediator_samples, knowledge_weight, \
disentangle_weight, label_weight, temperature, dropout, standardize, max_epochs, batch_size, \
learning_rate, weight_decay, lr_schedule, max_grad_norm, class_weight, calibrate, \
early_stopping, validation_fraction, n_iter_no_change, warm_start, callbacks, n_members, \
predict_batch_size, memory, checkpoint_dir, dtype, device, accelerate, random_state, verbose
        As in `FrontDoorMultiModalClassifier`. `memory` keeps the refit only; `checkpoint_dir`
        has a directory for every fit, so that a killed search goes on where it was; with
        `warm_start` the refit starts from the earlier refit, and the folds begin anew.

    Attributes
    ----------
    beta_ : float
        The best β, at which this estimator predicts.
    best_params_ : dict
        The best setting: ``"beta"`` and the parameters of `param_grid`.
    best_score_ : float
        Its mean score over the folds.
    best_index_ : int
        Its place in ``cv_results_``.
    scores_ : ndarray of shape (n_folds, n_betas)
        Score of every fold and β, with the other parameters at their best.
    cv_results_ : dict of str to ndarray of shape (n_candidates,)
        As in GridSearchCV, a candidate a setting and β; ``"mean_fit_time"`` is the time of the
        whole search over the number of fits, and there are no times of scoring.
    n_splits_ : int
        Number of folds.
    classes_, n_features_in_, predominant_, net_, references_, ...
        Of the refit: those of `FrontDoorMultiModalClassifier`.

    Raises
    ------
    ValueError, TypeError
        From `fit`, for bad input or parameters; nothing half-fitted is left behind.

    See Also
    --------
    FrontDoorMultiModalClassifier : The classifier itself; `memory` makes GridSearchCV over β
        fit once a fold too.

    Notes
    -----
    There is no ``error_score``: a fold that can't be fitted or scored ends the search, by name.

    Examples
    --------
    >>> from skbetafd import FrontDoorMultiModalClassifierCV
    >>> from skbetafd.datasets import load_multiple_features
    >>> X, y = load_multiple_features(return_X_y=True)
    >>> search = FrontDoorMultiModalClassifierCV(cv=2, max_epochs=3, random_state=0).fit(X, y)
    >>> search.scores_.shape
    (2, 5)
    >>> search.predict(X).shape
    (2000,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: constraints
            for name, constraints in FrontDoorMultiModalClassifier._parameter_constraints.items()
            if name != "beta"
        },
        "betas": ["array-like"],
        "param_grid": [None, dict, list],
        "cv": ["cv_object"],
        "scoring": [None, str, callable],
        "refit": ["boolean"],
        "n_jobs": [None, Integral],
    }

    betas: Sequence[float]
    param_grid: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
    cv: Any
    scoring: Any
    refit: bool
    n_jobs: int | None

    def __init__(
        self,
        *,
        betas: Sequence[float] = (0, 0.25, 0.5, 0.75, 1),
        param_grid: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        cv: Any = None,
        scoring: Any = None,
        refit: bool = True,
        n_jobs: int | None = None,
        effect: str = "conditional",
        predominant: str | int = "auto",
        modalities: Any = None,
        encoders: Any = "auto",
        encoder_learning_rate: Any = None,
        seeing: Any = "network",
        hidden_dim: int = 128,
        knowledge_dim: int = 32,
        context_dim: int = 32,
        n_references: int = 256,
        n_mediator_samples: int = 32,
        knowledge_weight: float = 1.0,
        disentangle_weight: float = 1.0,
        label_weight: float = 1.0,
        temperature: float = 0.3,
        dropout: float = 0.4,
        standardize: bool = True,
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        lr_schedule: str = "one-cycle",
        max_grad_norm: float | None = None,
        class_weight: Any = None,
        calibrate: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        n_iter_no_change: int = 10,
        warm_start: bool = False,
        callbacks: Sequence[Any] | None = None,
        n_members: int = 1,
        predict_batch_size: int = 65_536,
        memory: Any = None,
        checkpoint_dir: str | Path | None = None,
        dtype: str = "float32",
        device: str | torch.device = "auto",
        accelerate: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self._assign(locals())

    @property
    def beta(self) -> float:  # type: ignore[override]
        """The β at which this estimator predicts: the best one, once there is a fit."""
        return getattr(self, "beta_", 1.0)

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        mediator: Any = None,
        groups: Any = None,
        **params: Any,
    ) -> FrontDoorMultiModalClassifierCV:
        """Cross-validate every β and setting, then fit the best on all rows.

        Parameters
        ----------
        X, y, sample_weight, mediator
            As in `FrontDoorMultiModalClassifier.fit`; X may be a list of arrays.
        groups : array-like of shape (n_samples,), default=None
            For a splitter that splits by groups, and for the fits, which keep rows of one group
            together.
        **params : dict
            With scikit-learn's metadata routing, whatever else the splitter and the scorer
            request.

        Returns
        -------
        FrontDoorMultiModalClassifierCV
            This estimator.

        Raises
        ------
        ValueError, TypeError
            For bad input or parameters, of this estimator or of a candidate; ValueError too if
            the training of a fold diverges, naming it. The estimator is then as it was.
        KeyboardInterrupt
            If the search is interrupted; in the refit, as by `FrontDoorMultiModalClassifier.fit`.
        """
        self._validate_params()
        X, y = labelled(X, y)
        told = self._fit_tasks(X, y, sample_weight, 1 + self.refit)  # the search and the refit
        with all_or_nothing(self), training_memory(self.batch_size):
            if told is not None:
                told.begin()
            X = container_or_table(X)  # once, for the refit too
            earlier = self._forget()
            betas = checked_betas(self, self.betas)
            settings, candidates = self._candidates(max(betas))
            container, layout = read_training_input(self, X, self.modalities)
            check = clone(candidates[0])
            check._layout, check.modalities = layout, self.modalities
            # errors name the user's rows
            check._request_of_rows(container, y, sample_weight, mediator, groups)
            # what the order of rows is has been said once
            groups = without_labels(as_numpy("groups", groups))
            mediator = without_labels(as_numpy("mediator", mediator))
            if sample_weight is not None:
                sample_weight = check_sample_weight(sample_weight, len(container))
            aligned = {"y": as_array(as_numpy("y", y)).ravel(), "sample_weight": sample_weight}
            aligned |= {"mediator": mediator, "groups": groups}
            params |= {} if groups is None else {"groups": groups}
            scorer = self._scorer()
            routed = self._route(scorer, sample_weight, mediator, params)
            scorer = told_of_classes(scorer)
            tasks = self._tasks(container, aligned["y"], settings, candidates, routed)
            rows = SearchRows(container, aligned)
            start = time.perf_counter()
            with nullcontext() if told is None else told.subtask("search"):
                done = self._run(rows, tasks, betas)
            seconds = (time.perf_counter() - start) / len(tasks)
            scores = [
                score_fold(scorer, rows, task, fold, betas, routed.scorer.score, self.scoring)
                for task, fold in zip(tasks, done, strict=True)
            ]
            table = np.reshape(scores, (len(candidates), -1, len(betas)))
            self._choose(settings, betas, table, seconds)
            if self.refit:
                best = clone(candidates[self.best_index_ // len(betas)]).set_params(
                    beta=self.best_params_["beta"],
                    modalities=self.modalities,
                    memory=self.memory,
                    checkpoint_dir=self._directory("refit"),
                )
                best.__dict__.update(earlier)
                best._keep_interrupted = self._keep_interrupted
                with nullcontext() if told is None else told.subtask("refit", best):
                    best.fit(X, aligned["y"], sample_weight, mediator, groups)
                self.__dict__.update(best._learned())
            if self.checkpoint_dir is not None:
                remove_fold_checkpoints(self.checkpoint_dir)
            if told is not None:
                told.end()
        return self

    def _tasks(
        self,
        container: Any,
        y: np.ndarray,
        settings: list[dict[str, Any]],
        candidates: list[FrontDoorMultiModalClassifier],
        routed: Bunch,
    ) -> list[FoldTask]:
        """Give what is to be fitted: every candidate on every split."""

        def split() -> list[Any]:
            splitter = check_cv(self.cv, y, classifier=True)
            return list(splitter.split(container, y, **routed.splitter.split))

        if self.accelerate:
            if effective_n_jobs(self.n_jobs) > 1:
                raise ValueError(
                    f"n_jobs={self.n_jobs!r} starts processes beside those of accelerate=True"
                )
            join_processes(self.device)
        splits = from_first(split) if self.accelerate else split()
        if not splits:
            raise ValueError(f"cv gave no split, got cv={self.cv!r}; is it a used generator?")
        return [
            FoldTask(
                clone(candidate).set_params(
                    checkpoint_dir=self._directory(f"setting-{at}-fold-{i}")
                ),
                train,
                test,
                f"fold {i} {setting}" if setting else f"fold {i}",
            )
            for at, (candidate, setting) in enumerate(zip(candidates, settings, strict=True))
            for i, (train, test) in enumerate(splits)
        ]

    def _forget(self) -> dict[str, Any]:
        """Drop what an earlier fit has learned, which would outlive a fit with ``refit=False``.

        Returns what a further fit may start from.
        """
        learned = {name: vars(self)[name] for name in LEARNED if name in vars(self)}
        for name in [name for name in vars(self) if name.endswith("_")]:
            delattr(self, name)
        return learned if "members_" in learned else {}

    def _candidates(
        self, beta: float
    ) -> tuple[list[dict[str, Any]], list[FrontDoorMultiModalClassifier]]:
        """Give the settings of all but β, and an unfitted classifier for each."""
        names = FrontDoorMultiModalClassifier._get_param_names()
        own = {name: getattr(self, name) for name in names if name not in ("beta", "memory")}
        # the folds are cut from a container
        own |= {"beta": beta, "modalities": None, "checkpoint_dir": None}
        searchable = own.keys() - NOT_SEARCHED
        settings = list(ParameterGrid(self.param_grid)) if self.param_grid else [{}]
        for setting in settings:
            nested = {name for name in setting if name.startswith("seeing__")}
            wrong = setting.keys() - searchable - nested
            if wrong:
                raise ValueError(
                    f"param_grid has {min(wrong)!r}, which is not searchable; beside betas, "
                    f"{', '.join(sorted(searchable))} are"
                )
        alike = FrontDoorMultiModalClassifier(**own)
        with named("param_grid"):
            candidates = [clone(alike).set_params(**clone(s, safe=False)) for s in settings]
        for candidate in candidates:
            candidate._validate_params()
        return settings, candidates

    def _route(
        self, scorer: Any, sample_weight: Any, mediator: Any, params: dict[str, Any]
    ) -> Bunch:
        """Give what goes to the splitter and to the scorer."""
        if routing_enabled():
            if sample_weight is not None and not callable(self.scoring):
                named = "accuracy" if self.scoring is None else self.scoring
                raise UnsetMetadataPassedError(
                    message=f"sample_weight is passed to fit, and scoring={self.scoring!r} leaves "
                    "open whether it weighs the test rows too: set "
                    f"scoring=get_scorer({named!r}).set_score_request(sample_weight=True), or "
                    "False, with get_scorer of sklearn.metrics",
                    unrequested_params={"sample_weight": sample_weight},
                    routed_params={},
                )
            return process_routing(
                self, "fit", sample_weight=sample_weight, mediator=mediator, **params
            )
        unknown = params.keys() - {"groups"}
        if unknown:
            raise TypeError(
                f"fit got {min(unknown)!r}: only groups is passed on unless scikit-learn's "
                "metadata routing is enabled"
            )
        weighted = sample_weight is not None and accepts_sample_weight(scorer)
        score = {"sample_weight": sample_weight} if weighted else {}
        return Bunch(splitter=Bunch(split=params), scorer=Bunch(score=score))

    def _scorer(self) -> Any:
        scoring = "accuracy" if self.scoring is None else self.scoring
        return check_scoring(FrontDoorMultiModalClassifier(), scoring=scoring)

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell scikit-learn what `fit` passes on: to the splitter and to the scorer.

        Returns
        -------
        MetadataRouter
            For scikit-learn.
        """
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                # a generator would be used up; what has no split method requests nothing
                splitter=self.cv if hasattr(self.cv, "split") else StratifiedKFold(),
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
            .add(
                scorer=self._scorer(),
                method_mapping=MethodMapping().add(caller="fit", callee="score"),
            )
        )

    def _run(self, rows: SearchRows, tasks: list[FoldTask], betas: list[float]) -> list[FittedFold]:
        with lasting_backend() as remote:
            # one fit a share: what a lost worker repeats, and the same whatever the cluster
            n = len(tasks) if remote else min(effective_n_jobs(self.n_jobs), len(tasks))
            parts = Parallel(n_jobs=n)(
                delayed(run_together)(rows, tasks[i::n], betas, int(self.verbose)) for i in range(n)
            )
        done: list[Any] = [None] * len(tasks)
        for i, part in enumerate(parts):
            done[i::n] = part
        return done

    def _choose(
        self,
        settings: list[dict[str, Any]],
        betas: list[float],
        scores: np.ndarray,
        seconds: float,
    ) -> None:
        points = [{**setting, "beta": beta} for setting in settings for beta in betas]
        by_point = scores.transpose(0, 2, 1).reshape(len(points), -1)
        self.cv_results_ = search_table(points, by_point, seconds)
        self.best_index_ = int(self.cv_results_["rank_test_score"].argmin())
        self.best_params_ = points[self.best_index_]
        self.best_score_ = float(self.cv_results_["mean_test_score"][self.best_index_])
        self.beta_ = float(self.best_params_["beta"])
        self.scores_ = scores[self.best_index_ // len(betas)]
        self.n_splits_ = scores.shape[1]

    def _directory(self, name: str) -> Path | None:
        """Give a fit of the search its own directory."""
        directory = self.checkpoint_dir
        return None if directory is None else Path(directory) / name

    @property
    def partial_fit(self) -> Any:
        """A search can't be made in parts: `FrontDoorMultiModalClassifier` has it."""
        raise AttributeError(
            f"{type(self).__name__} has no partial_fit; fit a FrontDoorMultiModalClassifier by it"
        )

    def __sklearn_is_fitted__(self) -> bool:
        if hasattr(self, "cv_results_") and not hasattr(self, "net_"):
            raise NotFittedError(
                f"This {type(self).__name__} instance was fitted with refit=False, which leaves "
                "scores and no classifier: set refit=True, or fit a FrontDoorMultiModalClassifier "
                f"with best_params_, {self.best_params_}"
            )
        return hasattr(self, "net_")
