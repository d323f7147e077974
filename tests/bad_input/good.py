"""A good call of every public entry: the corpus spoils one argument of it at a time."""

import copy
from functools import cache, partial

import networkx as nx
import numpy as np
from sklearn.model_selection import cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

import skbetafd
from skbetafd import baselines, causal, plots

N = 60
LABEL = np.arange(N) % 3
_rng = np.random.default_rng(0)
AUDIO = _rng.normal(size=(N, 4)) + LABEL[:, None]
VIDEO = _rng.normal(size=(N, 3)) + LABEL[:, None]
X = {"audio": AUDIO, "video": VIDEO}
FLAT = np.hstack([AUDIO, VIDEO])
LEVELS = {"audio": LABEL[:, None] % 2, "video": LABEL[:, None] // 2}
READING = (LABEL + _rng.integers(2, size=N)) % 3
BETAS = [0, 1]
SMALL = {"max_epochs": 1, "hidden_dim": 8, "knowledge_dim": 4, "random_state": 0}


def unfitted(**parameters):
    parameters = {"n_references": 8, "context_dim": 4, **SMALL, **parameters}
    return skbetafd.FrontDoorMultiModalClassifier(**parameters)


def search():
    return skbetafd.FrontDoorMultiModalClassifierCV(
        betas=BETAS, cv=2, n_references=8, context_dim=4, **SMALL
    )


def fusion():
    return baselines.FusionClassifier(**SMALL)


def late():
    return baselines.LateFusionClassifier(**SMALL)


def unimodal():
    return baselines.UnimodalClassifier(modality="audio", **SMALL)


def discrete():
    return skbetafd.DiscreteFrontDoorClassifier()


def scaler():
    return skbetafd.PerModality({"audio": StandardScaler()})


@cache
def _fitted(make):
    if make is discrete:
        return make().fit(LEVELS, LABEL, mediator=READING)
    return make().fit(X, LABEL)


def fitted(make):
    """A copy whose attributes can be set; what they hold is shared by all tests."""
    return copy.copy(_fitted(make))


@cache
def streamed():
    return unfitted().partial_fit(X, LABEL, classes=[0, 1, 2])


@cache
def seen():
    return unfitted(seeing=GaussianNB()).fit(X, LABEL)


@cache
def mediated():
    return unfitted().fit(X, LABEL, mediator=READING)


@cache
def alone():
    return unfitted(beta=0).fit({"audio": AUDIO}, LABEL)


@cache
def folds():
    indices = {"return_indices": True, "return_estimator": True}
    X_rows = skbetafd.MultiModalArray(X)
    return cross_validate(unfitted(), X_rows, LABEL, cv=2, **indices)


GRAPH = nx.DiGraph([("T", "Z"), ("Z", "Y"), ("A", "Z"), ("A", "Y")])
GRAPH.add_edge("T", "Y", latent=True)
ROLES = {"treatment": "T", "outcome": "Y", "mediator": "Z", "auxiliary": "A"}
PARENTS = {"U": [], "T": ["U"], "Z": ["T"], "Y": ["Z", "U"]}
JOINT = np.full((2, 2, 2, 2), 1 / 16)


def container():
    return skbetafd.MultiModalArray(X)


def scm():
    return causal.StructuralCausalModel(PARENTS, 2, random_state=0)


def continuous():
    return causal.ContinuousFrontDoorModel()


@cache
def criterion():
    return causal.check_criterion(GRAPH, **ROLES)


@cache
def masking_curves():
    clf = _fitted(unfitted)
    curve = skbetafd.auxiliary_masking_curve(
        clf, X, LABEL, shares=[0, 1], n_repeats=1, random_state=0
    )
    return {"mine": curve}


@cache
def contributions():
    return skbetafd.modality_contributions(_fitted(unfitted), X, LABEL, n_bootstrap=2)


@cache
def how_supported():
    return skbetafd.Overlap(np.ones(N), np.full(N, 0.5), np.zeros(N, dtype=bool), 0.0)


def codes():
    return _fitted(unfitted).codes(X)


def changed(array, index, value):
    """Put one value into a copy."""
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array[index] = value
    return array


def objects(*entries):
    array = np.empty(len(entries), dtype=object)
    for i, entry in enumerate(entries):
        array[i] = entry
    return array


def video(value):
    return {"audio": AUDIO, "video": value}


def of(entry, *cases):
    """Name the entry of cases: what is spoiled, the error, and words of its message."""
    return [(entry, bad, error, words) for bad, error, *words in cases]


class Made(partial):
    """An argument or receiver that is made anew for each call."""

    def __repr__(self):
        return " ".join(getattr(part, "__name__", str(part)) for part in (self.func, *self.args))


def given(value):
    return value() if isinstance(value, Made) else value


FITTED = Made(fitted, unfitted)
FIT = {"X": X, "y": LABEL}
EVALUATED = {"estimator": FITTED, "X": X, "y": LABEL}
TESTED = {**EVALUATED, "random_state": 0}
ROWS_T_A = {"t": np.zeros((5, 8)), "a": np.zeros((5, 3))}

CLASSIFIERS = {
    "FrontDoorMultiModalClassifier": unfitted,
    "FrontDoorMultiModalClassifierCV": search,
    "baselines.FusionClassifier": fusion,
    "baselines.LateFusionClassifier": late,
    "baselines.UnimodalClassifier": unimodal,
    "DiscreteFrontDoorClassifier": discrete,
}


def _of_classifiers():
    for name, make in CLASSIFIERS.items():
        new, done = Made(make), Made(fitted, make)
        rows = {"X": LEVELS if make is discrete else X}
        with_label = {**rows, "y": LABEL}
        if make is discrete:
            with_label_and_reading = {**with_label, "mediator": READING}
        fitting = done if make is unfitted else new  # a refused fit leaves an earlier one as it was
        yield f"{name}.fit", (fitting, with_label_and_reading if make is discrete else with_label)
        yield f"{name}.score", (done, with_label)
        yield f"{name}.set_params", (new, {})
        for method in ("predict", "predict_proba", "predict_log_proba", "modality_codes"):
            yield f"{name}.{method}", (done, rows)
        for method in ("beta_path", "log_beta_path"):
            yield f"{name}.{method}", (done, {**rows, "betas": BETAS})
        yield f"{name}.codes", (done, rows)
        yield f"{name}.save", (done, {"path": "model.safetensors"})
        yield f"{name}.input_feed", (done, rows)
        yield f"{name}.to_torch", (done, {"beta": 1})
        yield f"{name}.to_onnx", (done, {"path": "model.onnx"})


def _of_displays():
    report, shares = Made(criterion), Made(contributions)
    curves = {"curves": Made(masking_curves)}
    overlap = {"report": Made(how_supported)}
    drawn = {
        "BetaPathDisplay": {"betas": np.array(BETAS), "scores": np.ones((1, 2))},
        "AuxiliaryMaskingDisplay": curves,
        "CriterionDisplay": {"graph": GRAPH, "report": report},
        "KnowledgeContextDisplay": {
            "points": {"knowledge": np.eye(3)[:, :2], "context": np.eye(3)[:, :2]},
            "colourings": {"class": ["a", "b", "c"]},
        },
        "ModalityContributionDisplay": {"contributions": shares},
        "OverlapDisplay": overlap,
        "TrainingHistoryDisplay": {"losses": {"loss": np.ones(3)}},
    }
    for name, arguments in drawn.items():
        yield f"plots.{name}", (None, arguments)
        yield f"plots.{name}.plot", (Made(_display, name, arguments), {})
    proba = {"y_true": LABEL, "proba_path": np.full((2, N, 3), 1 / 3)}
    search_results = {"cv_results": Made(folds), "X": container(), "y": LABEL}
    made_from = {
        "BetaPathDisplay.from_estimator": {**EVALUATED, "betas": BETAS},
        "BetaPathDisplay.from_predictions": {**proba, "betas": BETAS},
        "BetaPathDisplay.from_cv_results": {**search_results, "betas": BETAS},
        "BetaPathDisplay.from_search": {"search": Made(fitted, search)},
        "AuxiliaryMaskingDisplay.from_curves": curves,
        "AuxiliaryMaskingDisplay.from_estimator": {**TESTED, "shares": [0, 1], "n_repeats": 1},
        "CriterionDisplay.from_graph": {"graph": GRAPH, **ROLES},
        "CriterionDisplay.from_report": {"graph": GRAPH, "report": report},
        "KnowledgeContextDisplay.from_codes": {"codes": Made(codes)},
        "KnowledgeContextDisplay.from_estimator": {"estimator": FITTED, "X": X},
        "ModalityContributionDisplay.from_contributions": {"contributions": shares},
        "ModalityContributionDisplay.from_estimator": {**TESTED, "n_bootstrap": 2, "n_repeats": 1},
        "OverlapDisplay.from_estimator": {"estimator": FITTED, "X": X},
        "OverlapDisplay.from_overlap": overlap,
        "TrainingHistoryDisplay.from_estimator": {"estimator": FITTED},
    }
    yield from ((f"plots.{name}", (None, arguments)) for name, arguments in made_from.items())


def _display(name, arguments):
    return getattr(plots, name)(**{key: given(value) for key, value in arguments.items()})


def _of_causal():
    model, world = Made(scm), Made(continuous)
    rows = {"n_samples": 5, "random_state": 0}
    roles = {role: node for role, node in ROLES.items() if role != "mediator"}
    without_auxiliary = {role: node for role, node in ROLES.items() if role != "auxiliary"}
    yield "check_criterion", (None, {"graph": GRAPH, **ROLES})
    yield "find_mediators", (None, {"graph": GRAPH, **roles})
    yield "find_auxiliary", (None, {"graph": GRAPH, **without_auxiliary})
    yield "front_door_adjustment", (None, {"joint": JOINT})
    yield "stochastic_adjustment", (None, {"joint": JOINT})
    yield "StructuralCausalModel", (None, {"graph_or_parents": PARENTS, "cardinalities": 2})
    yield "StructuralCausalModel.joint", (model, {"variables": ["T", "Y"]})
    yield "StructuralCausalModel.do", (model, {})
    yield "StructuralCausalModel.shift", (model, {})
    yield "StructuralCausalModel.interventional", (model, {"outcome": "Y", "treatment": "T"})
    yield "StructuralCausalModel.sample", (model, rows)
    yield "ContinuousFrontDoorModel", (None, {})
    for name in ("mediator_mean", "proba_seeing", "proba_doing"):
        yield f"ContinuousFrontDoorModel.{name}", (world, ROWS_T_A)
    yield "ContinuousFrontDoorModel.sample", (world, rows)


GOOD = {
    **dict(_of_classifiers()),
    **dict(_of_displays()),
    **{f"causal.{name}": call for name, call in _of_causal()},
    "FrontDoorMultiModalClassifier.partial_fit": (Made(streamed), FIT),
    "load": (None, {"path": "model.safetensors"}),
    "dask_backend": (None, {"client": None}),
    "MultiModalArray": (None, {"data": X}),
    "MultiModalArray.__getitem__": (Made(container), {0: "audio"}),
    "MultiModalArray.__array__": (Made(container), {}),
    "PerModality.fit": (Made(scaler), {"X": X}),
    "PerModality.fit_transform": (Made(scaler), {"X": X}),
    "PerModality.transform": (Made(fitted, scaler), {"X": X}),
    "PerModality.get_feature_names_out": (Made(fitted, scaler), {}),
    "PerModality.set_output": (Made(fitted, scaler), {"transform": "default"}),
    "PerModality.set_params": (Made(scaler), {}),
    "diagnose": (None, {**FIT, "cv": 2, "n_repeats": 1, "random_state": 0}),
    "modality_contributions": (None, {**TESTED, "n_bootstrap": 2, "n_repeats": 1}),
    "conditional_utilisation": (None, {**TESTED, "n_repeats": 1}),
    "unimodal_gap": (None, {"estimator": Made(fusion), **FIT, "cv": 2, "random_state": 0}),
    "auxiliary_masking_curve": (None, {**TESTED, "shares": [0, 1], "n_repeats": 1}),
    "overlap": (None, {"clf": FITTED, "X": X}),
    "datasets.load_multiple_features": (None, {"views": ("mor",)}),
    "datasets.confound": (None, {**FIT, "modality": "audio", "random_state": 0}),
    "datasets.make_confounded_modalities": (None, {"n_samples": 20, "random_state": 0}),
}
"""Entry: what it is called on (None: nothing), and its arguments."""
