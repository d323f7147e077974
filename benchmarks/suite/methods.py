"""The methods that the suite compares, each from a seed, all on the same rows.

The networks of the baselines stop early on a fifth of the training rows, have their temperature
fitted there, and are then trained afresh on all of them for as many epochs (but for "g-blend" and
"relearn", which follow held-out rows throughout); the front-door classifier has its defaults. Of
`budget` settings, the first of which are the defaults, each network keeps the one of the lowest
log-loss on a fifth of the training rows. By its defaults "jtt" chooses T and λ on such rows; "lff
tuned" chooses q there. Gradient boosting and RealMLP are stopped, calibrated and refitted like
the networks; logistic regression has its C, and with the forest its temperature, by five folds.
TabM keeps the fifth held out, and takes minutes per split: it is run where it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import clone
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedGroupKFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    overlap,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier
from skbetafd.baselines._fusion import RULES
from skbetafd.fitting.calibration import best_temperature

Probabilities = Callable[[MultiModalArray], np.ndarray]
REPORTED_BETAS = (0.0, 0.5, 1.0)
DENSE = {"encoders": "mlp"}
"""Every modality is read by a fully connected encoder, pictures through their principal components;
benchmarks/images.py compares the methods with convolutions."""
STOPPED = {"early_stopping": True, "calibrate": True, "refit": True, **DENSE}
TUNED: tuple[dict[str, Any], ...] = (
    {},
    {"dropout": 0.2},
    {"learning_rate": 1e-3},
    {"dropout": 0.2, "max_epochs": 50},
    {"weight_decay": 0.1},
    {"hidden_dim": 256},
)


class AtBeta(NamedTuple):
    """One fitted front-door classifier at one β."""

    clf: FrontDoorMultiModalClassifier
    beta: float

    def __call__(self, X: MultiModalArray) -> np.ndarray:
        """Predict probabilities."""
        return self.clf.beta_path(X, [self.beta])[0]

    def weak_overlap(self, X: MultiModalArray) -> float:
        """Share of the rows at which the adjustment extrapolates."""
        return overlap(self.clf, X).share_weak if self.beta == 1 else float("nan")


class Rows(NamedTuple):
    """What a method is trained on."""

    X: MultiModalArray
    y: np.ndarray
    groups: np.ndarray | None
    predominant: str


class Method(NamedTuple):
    """A way to train, which gives one or several predictors by name."""

    name: str
    fit: Callable[[Rows, int, int], Mapping[str, Probabilities]]
    """From the training rows, a seed and a budget."""
    neural: bool = True
    usual: bool = True
    """Whether it is run where no method is named."""


def method(name: str) -> Method:
    """Return a method by its name."""
    found = {m.name: m for m in METHODS}
    if name not in found:
        raise ValueError(f"method must be one of {', '.join(found)}, got {name!r}")
    return found[name]


def _front_door(rows: Rows, seed: int, budget: int) -> dict[str, Probabilities]:
    clf = FrontDoorMultiModalClassifier(random_state=seed, **DENSE)
    clf = _tuned(clf, rows, seed, TUNED[:budget])
    clf.fit(rows.X, rows.y, groups=rows.groups)
    return {f"β = {beta:g}": AtBeta(clf, beta) for beta in REPORTED_BETAS}


def _front_door_cv(rows: Rows, seed: int, budget: int) -> dict[str, Probabilities]:
    cv = FrontDoorMultiModalClassifierCV(
        betas=np.linspace(0, 1, 11), scoring="neg_log_loss", cv=_folds(rows, seed), **DENSE
    )
    return {"β by CV": cv.set_params(random_state=seed).fit(rows.X, rows.y).predict_proba}


def _tuned(estimator: Any, rows: Rows, seed: int, settings: Sequence[dict[str, Any]]) -> Any:
    """Set the parameters of the lowest log-loss on one fold of the training rows."""
    if len(settings) == 1:
        return estimator.set_params(**settings[0])
    train, held = _folds(rows, seed)[0]
    groups = {} if rows.groups is None or not _stops(estimator) else {"groups": rows.groups[train]}
    losses = []
    for setting in settings:
        clf = clone(estimator).set_params(**setting).fit(rows.X[train], rows.y[train], **groups)
        losses.append(log_loss(rows.y[held], clf.predict_proba(rows.X[held]), labels=clf.classes_))
    return estimator.set_params(**settings[int(np.argmin(losses))])


def _stops(estimator: Any) -> bool:
    return "early_stopping" in estimator.get_params()


def _folds(rows: Rows, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    smallest = np.unique(rows.y, return_counts=True)[1].min()
    kind = StratifiedKFold if rows.groups is None else StratifiedGroupKFold
    splitter = kind(int(min(5, smallest)), shuffle=True, random_state=seed)
    return list(splitter.split(rows.y, rows.y, rows.groups))


def _baseline(
    name: str, make: Callable[[Rows], Any], settings: Sequence[dict[str, Any]] = ()
) -> Method:
    def fit(rows: Rows, seed: int, budget: int) -> dict[str, Probabilities]:
        clf = make(rows).set_params(random_state=seed, **STOPPED)
        clf = _tuned(clf, rows, seed, settings or TUNED[:budget])
        return {name: clf.fit(rows.X, rows.y, groups=rows.groups).predict_proba}

    return Method(name, fit)


def _auxiliaries(rows: Rows, seed: int, budget: int) -> dict[str, Probabilities]:
    """Joint training without the predominant modality; the class shares where nothing is left."""
    names = [name for name in rows.X.names if name != rows.predominant]

    def rest(X: MultiModalArray) -> MultiModalArray:
        return MultiModalArray({name: X[name] for name in names})

    rows = rows._replace(X=rest(rows.X))
    clf = FusionClassifier(random_state=seed, **STOPPED)
    clf = _tuned(clf, rows, seed, TUNED[:budget])
    clf.fit(rows.X, rows.y, groups=rows.groups)
    prior = np.unique(rows.y, return_counts=True)[1] / len(rows.y)

    def predict(X: MultiModalArray) -> np.ndarray:
        X = rest(X)
        flat = np.asarray(X)
        has = ~np.isnan(flat).all(axis=1)
        proba = np.tile(prior, (len(X), 1))
        if has.any():
            proba[has] = clf.predict_proba(X[has])
        return proba

    return {"auxiliaries alone": predict}


def _sklearn(name: str, make: Callable[[int, Rows], Any]) -> Method:
    """Fit a model of scikit-learn on all rows, with a temperature from out-of-fold predictions."""

    def fit(rows: Rows, seed: int, budget: int) -> dict[str, Probabilities]:
        X, y, model = np.asarray(rows.X), rows.y, make(seed, rows)
        cv = _folds(rows, seed)
        proba = cross_val_predict(model, X, y, cv=cv, method="predict_proba")
        return {name: _tempered(model.fit(X, y), proba, y)}

    return Method(name, fit, neural=False)


def _scaled(model: Any) -> Pipeline:
    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), model)


def _logistic(seed: int, rows: Rows) -> Any:
    folds = _folds(rows, seed)
    grid = {"logisticregression__C": np.logspace(-3, 1, 5)}
    model = _scaled(LogisticRegression(max_iter=1000))
    search = GridSearchCV(model, grid, scoring="neg_log_loss", cv=folds, refit=False)
    return model.set_params(**search.fit(np.asarray(rows.X), rows.y).best_params_)


def _forest(seed: int, rows: Rows) -> Any:
    return _scaled(RandomForestClassifier(100, random_state=seed))


def _boosting(rows: Rows, seed: int, budget: int) -> dict[str, Probabilities]:
    """Stop on a fifth of the rows, and train afresh on all of them, as the networks do."""
    X, y, (train, held) = np.asarray(rows.X), rows.y, _folds(rows, seed)[0]
    model = HistGradientBoostingClassifier(early_stopping=True, random_state=seed, max_iter=200)
    model.fit(X[train], y[train], X_val=X[held], y_val=y[held])
    n_iter = max(1, int(np.argmax(model.validation_score_)))
    final = clone(model).set_params(early_stopping=False, max_iter=n_iter).fit(X, y)
    by_stage = [*model.staged_predict_proba(X[held])]
    return {"gradient boosting": _tempered(final, by_stage[n_iter - 1], y[held])}


def _real_mlp(rows: Rows, seed: int, budget: int) -> dict[str, Probabilities]:
    """RealMLP of pytabkit, which trains it afresh on all rows for as many epochs."""
    from pytabkit import RealMLP_TD_S_Classifier

    return {"RealMLP_TD_S": _pytabkit(RealMLP_TD_S_Classifier(n_refit=1), rows, seed)}


def _tabm(rows: Rows, seed: int, budget: int) -> dict[str, Probabilities]:
    """TabM of pytabkit, which gives it no way to train on all rows: a fifth is held out."""
    from pytabkit import TabM_D_Classifier

    return {"TabM_D": _pytabkit(TabM_D_Classifier(), rows, seed)}


def _pytabkit(model: Any, rows: Rows, seed: int) -> Probabilities:
    X, y, held = np.asarray(rows.X), rows.y, _folds(rows, seed)[0][1]
    shared = {"random_state": seed, "device": "cpu", "n_threads": 1}
    model.set_params(val_metric_name="cross_entropy", **shared)
    impute = SimpleImputer(keep_empty_features=True).fit(X)
    model.fit(impute.transform(X), y, val_idxs=held)
    final, stopped = (make_pipeline(impute, copy(model)) for _ in range(2))
    stopped[-1].alg_interface_ = model.cv_alg_interface_
    return _tempered(final, stopped.predict_proba(X[held]), y[held])


def _tempered(final: Any, proba: np.ndarray, y: np.ndarray) -> Probabilities:
    """Divide logits by the temperature of the lowest log-loss of `proba` at held-out rows."""

    def logits(proba: np.ndarray) -> np.ndarray:
        return np.log(np.clip(proba, 1e-12, None))

    labels = torch.as_tensor(np.searchsorted(final.classes_, y))
    temperature = best_temperature(torch.as_tensor(logits(proba)), labels, torch.ones(len(y)))
    return lambda X: softmax(logits(final.predict_proba(np.asarray(X))) / temperature, axis=1)


def _stacking(rows: Rows, seed: int, budget: int) -> dict[str, Probabilities]:
    """Stack by a logistic regression on the out-of-fold probabilities of one for each modality."""
    stops = np.cumsum([np.prod(x.shape[1:], dtype=int) for x in rows.X.values()])
    views = []
    for name, x, stop in zip(rows.X.names, rows.X.values(), stops, strict=True):
        columns = slice(int(stop - np.prod(x.shape[1:], dtype=int)), int(stop))
        pick = FunctionTransformer(_columns, kw_args={"columns": columns})
        views.append((name, make_pipeline(pick, _scaled(LogisticRegression(max_iter=1000)))))
    final = LogisticRegression(max_iter=1000)
    model = StackingClassifier(views, final, cv=_folds(rows, seed), stack_method="predict_proba")
    model.fit(np.asarray(rows.X), rows.y)
    return {"stacking": lambda X: model.predict_proba(np.asarray(X))}


def _columns(X: np.ndarray, columns: slice) -> np.ndarray:
    return X[:, columns]


JTT_PUBLISHED = {"epochs": 5, "up_weight": 20.0}
LFF_TUNED = [{"balancing_params": {"q": q}} for q in (0.7, 0.3, 0.5, 0.9)]
METHODS: Sequence[Method] = (
    Method("front-door", _front_door),
    Method("front-door CV", _front_door_cv),
    _baseline("joint", lambda rows: FusionClassifier()),
    *(
        _baseline(rule, lambda rows, rule=rule: FusionClassifier(balancing=rule))
        for rule in sorted(RULES)
    ),
    _baseline(
        "jtt published",
        lambda rows: FusionClassifier(balancing="jtt", balancing_params=JTT_PUBLISHED),
    ),
    _baseline("lff tuned", lambda rows: FusionClassifier(balancing="lff"), LFF_TUNED),
    _baseline("late fusion", lambda rows: LateFusionClassifier()),
    _baseline("predominant alone", lambda rows: UnimodalClassifier(modality=rows.predominant)),
    Method("auxiliaries alone", _auxiliaries),
    _sklearn("logistic regression", _logistic),
    Method("gradient boosting", _boosting, neural=False),
    _sklearn("random forest", _forest),
    Method("stacking", _stacking, neural=False),
    Method("RealMLP_TD_S", _real_mlp, neural=False, usual=find_spec("pytabkit") is not None),
    Method("TabM_D", _tabm, neural=False, usual=False),
)
