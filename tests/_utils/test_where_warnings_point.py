"""Every warning of the library points at the user's line, whatever lies between."""

import io
import pickle
import warnings

import joblib
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    overlap,
)
from skbetafd.causal import check_criterion
from skbetafd.estimators import network_classifier, pickling
from skbetafd.nn.front_door_network import FrontDoorNetwork
from skbetafd.plots import (
    BetaPathDisplay,
    CriterionDisplay,
    KnowledgeContextDisplay,
    ModalityContributionDisplay,
    OverlapDisplay,
)

RNG = np.random.default_rng(0)
Y = np.arange(60) % 2
DATA = {"a": RNG.normal(size=(60, 3)) + Y[:, None], "v": RNG.normal(size=(60, 2))}
X = MultiModalArray(DATA)
ONE = MultiModalArray({"a": DATA["a"]})
FAR = MultiModalArray({name: 50 * rows for name, rows in DATA.items()})
LACKING = MultiModalArray(DATA, present={"a": Y > -np.arange(60)})
NOTHING = MultiModalArray(DATA, present={"a": Y < 0})
FRAME = pd.DataFrame(DATA["v"])
MOVED = pd.DataFrame(DATA["a"], index=FRAME.index[::-1])
X_FRAME = MultiModalArray({"a": DATA["a"], "v": FRAME})
SMALL = {"max_epochs": 2, "hidden_dim": 8, "n_references": 8, "random_state": 0}


def quick(**parameters):
    return FrontDoorMultiModalClassifier(**SMALL, **parameters)


def search(estimator, **grid):
    grid = {f"frontdoormultimodalclassifier__{name}": values for name, values in grid.items()}
    return GridSearchCV(make_pipeline("passthrough", estimator), grid or {}, cv=2)


class Interrupt(Callback):
    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def interrupted():
    return quick(callbacks=[Interrupt()])


def forgetful(folder):
    clf = FrontDoorMultiModalClassifier(**{**SMALL, "random_state": None})
    return clf.set_params(memory=str(folder))


FITS = {
    "fit": lambda _: quick().fit(ONE, Y),
    "partial_fit": lambda _: quick().partial_fit(ONE, Y, classes=[0, 1]),
    "CV": lambda _: FrontDoorMultiModalClassifierCV(cv=2, **SMALL).fit(ONE, Y),
    "pipeline": lambda _: make_pipeline("passthrough", quick()).fit(ONE, Y),
    "search": lambda _: search(quick()).fit(ONE, Y),
    "cross_val_score": lambda _: cross_val_score(quick(), ONE, Y, cv=2),
}
GRAPH = nx.DiGraph([("Y", "T"), ("T", "Z")])
NODES = {"treatment": "T", "outcome": "Y", "mediator": "Z"}
CALLS = {
    **{f"one modality, {name}": ("X is one modality", call) for name, call in FITS.items()},
    "no mediator": (
        "without a mediator",
        lambda _: DiscreteFrontDoorClassifier().fit({"a": Y[:, None], "v": Y[:, None]}, Y),
    ),
    "no mediator, pipeline": (
        "without a mediator",
        lambda _: make_pipeline("passthrough", DiscreteFrontDoorClassifier()).fit(Y[:, None], Y),
    ),
    "memory": ("memory is not used", lambda folder: forgetful(folder).fit(X, Y)),
    "memory, search": ("memory is not used", lambda folder: search(forgetful(folder)).fit(X, Y)),
    "interrupted": ("interrupted after", lambda _: interrupted().fit(X, Y)),
    "interrupted, search": ("interrupted after", lambda _: search(interrupted()).fit(X, Y)),
    "names": (
        "without modality names",
        lambda _: quick().fit(list(DATA.values()), Y).predict(DATA),
    ),
    "save": ("leaves out", lambda folder: quick(memory=str(folder)).fit(X, Y).save(folder / "m")),
    "criterion": ("leaves the outcome", lambda _: check_criterion(GRAPH, **NODES)),
    "criterion drawn": (
        "leaves the outcome",
        lambda _: CriterionDisplay.from_graph(GRAPH, **NODES),
    ),
    "overlap": ("weak overlap", lambda _: overlap(quick().fit(X, Y), FAR)),
    "overlap drawn": (
        "weak overlap",
        lambda _: OverlapDisplay.from_estimator(search(quick()).fit(X, Y), FAR),
    ),
    "levels": (
        "has a level of",
        lambda _: cross_val_score(DiscreteFrontDoorClassifier(beta=0), X, Y, cv=2),
    ),
    "column": ("A column-vector y", lambda _: quick().fit(X, Y[:, None])),
    "column, search": ("A column-vector y", lambda _: search(quick()).fit(X, Y[:, None])),
    "order": ("matched by position", lambda _: MultiModalArray(DATA | {"a": MOVED, "v": FRAME})),
    "order, search": ("matched by position", lambda _: search(quick()).fit(X_FRAME, MOVED[0] > 0)),
    "no mean": (
        "a mean needs",
        lambda _: ModalityContributionDisplay.from_estimator(quick().fit(X, Y), NOTHING, Y),
    ),
    "export": (
        "float32 rounds",
        lambda _: quick().fit({**DATA, "a": DATA["a"] + 1e9}, Y).to_torch(),
    ),
    "codes": (
        "leaves them out",
        lambda _: KnowledgeContextDisplay.from_estimator(quick().fit(LACKING, Y), LACKING, y=Y),
    ),
}


def places(call, said):
    """Call, which warns so, and return the files at which all warnings point."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            call()
        except KeyboardInterrupt:
            pytest.fail("the fit is lost")
    plt.close("all")
    assert any(said in str(warning.message) for warning in told)
    return {warning.filename for warning in told}


@pytest.mark.parametrize(("said", "call"), CALLS.values(), ids=CALLS)
def test_a_warning_points_at_the_users_line(said, call, tmp_path):
    assert places(lambda: call(tmp_path), said) == {__file__}


@pytest.mark.parametrize(
    "ask",
    [
        lambda pipeline: pipeline[-1].predict_proba(X),
        lambda pipeline: pipeline.predict(X),
        lambda pipeline: cross_val_score(FrozenEstimator(pipeline), X, Y, cv=2),
        lambda pipeline: BetaPathDisplay.from_estimator(pipeline, X, Y),
    ],
    ids=["classifier", "pipeline", "cross_val_score", "display"],
)
def test_so_does_that_of_memory_that_does_not_reach(ask, monkeypatch):
    pipeline = make_pipeline("passthrough", quick().fit(X, Y))
    encode = FrontDoorNetwork.encode

    def small(network, xs, *present):
        if len(xs[0]) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(network, xs, *present)

    monkeypatch.setattr(FrontDoorNetwork, "encode", small)
    assert places(lambda: ask(pipeline), "did not hold") == {__file__}


@pytest.mark.parametrize("kind", ["pickle", "joblib"])
def test_so_does_that_of_a_device_that_is_not_here(kind, monkeypatch):
    for module in (pickling, network_classifier):
        monkeypatch.setattr(module, "device_of", lambda t: "cuda:93" if t.dim() else "cpu")
    dump, load = {"pickle": (pickle.dump, pickle.load), "joblib": (joblib.dump, joblib.load)}[kind]
    file = io.BytesIO()
    dump(quick().fit(X, Y), file)
    file.seek(0)
    assert places(lambda: load(file), "not here") == {__file__}
