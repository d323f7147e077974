"""Under torch.use_deterministic_algorithms everything works, and gives the same bits."""

import numpy as np
import pytest
import scipy.sparse
import torch
from numpy.testing import assert_array_equal

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.baselines import FusionClassifier

N = 60
Y = np.arange(N) % 3
RNG = np.random.default_rng(0)
TABLE = RNG.normal(size=(N, 4)) + Y[:, None]
PICTURES = RNG.normal(size=(N, 9, 9)) + Y[:, None, None]
STEPS = RNG.normal(size=(N, 12, 2)) + Y[:, None, None]
LACKING = np.where((np.arange(N) % 5 == 0)[:, None], np.nan, TABLE)
RAGGED = np.where((np.arange(12) >= 6)[:, None] & (Y == 0)[:, None, None], np.nan, STEPS)

INPUTS = {
    "tables": ([TABLE, TABLE[:, ::-1]], {}),
    "linear": ([TABLE, TABLE[:, ::-1]], {"encoders": "linear"}),
    "pictures": ([PICTURES, TABLE], {"encoders": ["conv2d", "mlp"]}),
    "steps, convolved": ([STEPS, TABLE], {"encoders": ["conv1d", "mlp"]}),
    "sequences": ([RAGGED, TABLE], {"encoders": ["sequence", "mlp"]}),
    "missing rows": ([TABLE, LACKING], {}),
    "sparse": ([scipy.sparse.csr_array(TABLE), TABLE], {}),
    "members": ([TABLE, TABLE[:, ::-1]], {"n_members": 2}),
    "early stopping": ([TABLE, LACKING], {"early_stopping": True, "max_grad_norm": 1.0}),
    "bfloat16": ([TABLE, TABLE[:, ::-1]], {"dtype": "bfloat16"}),
    "a module": ([PICTURES[:, None], TABLE], {}),
}


@pytest.fixture(autouse=True)
def deterministic():
    torch.use_deterministic_algorithms(True)
    yield
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(False)


def make(name, **parameters):
    modalities, own = INPUTS[name]
    X = {f"m{i}": x for i, x in enumerate(modalities)}
    own = dict(own)
    if isinstance(own.get("encoders"), list):
        own["encoders"] = {f"m{i}": kind for i, kind in enumerate(own["encoders"])}
    if name == "a module":
        torch.manual_seed(0)
        layers = torch.nn.Conv2d(1, 2, 3), torch.nn.MaxPool2d(2), torch.nn.Flatten()
        own["encoders"] = {"m0": torch.nn.Sequential(*layers, torch.nn.Linear(18, 6))}
    small = {"max_epochs": 2, "batch_size": 20, "hidden_dim": 8, "random_state": 0}
    return X, FrontDoorMultiModalClassifier(n_references=8, **small | own | parameters)


@pytest.mark.parametrize("name", INPUTS)
def test_fit_predict_and_the_effects_give_the_same_bits(name):
    with torch.random.fork_rng():
        found = []
        for _ in range(2):
            X, clf = make(name)
            clf.fit(X, Y)
            paths = [
                clf.set_params(effect=e).beta_path(X, [0, 0.5, 1])
                for e in ("conditional", "population")
            ]
            found.append([*paths, [entry["train_loss"] for entry in clf.history_]])
    for one, other in zip(*found, strict=True):
        assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["tables", "missing rows", "sparse", "sequences", "pictures"])
def test_partial_fit_gives_the_same_bits(name):
    found = []
    for _ in range(2):
        X, clf = make(name)
        for _ in range(2):
            clf.partial_fit(X, Y, classes=[0, 1, 2])
        found.append(clf.predict_proba(X))
    assert_array_equal(*found)


SMALL = {"max_epochs": 2, "hidden_dim": 8, "random_state": 0}
OTHERS = {
    "a categorical mediator": (make("tables")[1], {"mediator": Y}),
    "a continuous mediator": (make("tables")[1], {"mediator": TABLE[:, 0]}),
    "a search": (FrontDoorMultiModalClassifierCV(**SMALL, cv=2), {}),
    "a baseline": (FusionClassifier(**SMALL), {}),
}


@pytest.mark.parametrize(("estimator", "more"), OTHERS.values(), ids=OTHERS)
def test_mediators_a_search_and_a_baseline_give_the_same_bits(estimator, more):
    X, _ = make("tables")
    assert_array_equal(*(estimator.fit(X, Y, **more).predict_proba(X) for _ in range(2)))
