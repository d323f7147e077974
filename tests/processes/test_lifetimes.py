"""What is fitted is freed when it is let go: the short form of benchmarks/soak.py."""

import gc
import weakref
from copy import deepcopy

import numpy as np
import pytest
import torch
from skorch import NeuralNet

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV, load
from skbetafd.baselines import FusionClassifier

RNG = np.random.default_rng(0)
Y = np.arange(60) % 3
X = {"audio": RNG.normal(size=(60, 4)), "video": RNG.normal(size=(60, 3))}
LACKING = {**X, "video": np.where(np.arange(60)[:, None] % 4, X["video"], np.nan)}
SMALL = {"max_epochs": 2, "hidden_dim": 8, "random_state": 0}


def front_door(**parameters):
    return FrontDoorMultiModalClassifier(**SMALL, n_references=8, **parameters)


def stream(_):
    clf = front_door()
    return clf.partial_fit(LACKING, Y, classes=[0, 1, 2]).partial_fit(LACKING, Y)


def refused(_):
    clf = front_door()
    with pytest.raises(ValueError, match="row 0"):
        clf.fit(X, np.where(Y, Y, np.nan))
    return clf.fit(LACKING, Y)


def saved(path):
    front_door().fit(LACKING, Y).save(path / "model")
    return load(path / "model")


USES = {
    "members": lambda _: front_door(n_members=2).fit(LACKING, Y),
    "module": lambda _: front_door(encoders={"audio": torch.nn.Linear(4, 5)}).fit(LACKING, Y),
    "stopping": lambda _: front_door(early_stopping=True).fit(LACKING, Y),
    "search": lambda _: FrontDoorMultiModalClassifierCV(**SMALL, cv=2).fit(LACKING, Y),
    "again": lambda _: front_door(warm_start=True).fit(LACKING, Y).fit(LACKING, Y),
    "copy": lambda _: deepcopy(front_door().fit(LACKING, Y)),
    "joint": lambda _: FusionClassifier(**SMALL).fit(LACKING, Y),
    "stream": stream,
    "refused": refused,
    "saved": saved,
}


@pytest.fixture(autouse=True, scope="module")
def little_to_look_through():
    """Leave what is there already out of all collections and counts: there is a lot of it."""
    front_door(n_members=2).fit(X, Y)  # torch imports more, and keeps some tensors of its own
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def alive():
    gc.collect()
    return sum(issubclass(type(thing), (torch.Tensor, NeuralNet)) for thing in gc.get_objects())


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_whatever_was_fitted_is_freed_when_it_is_let_go(use, tmp_path):
    before = alive()
    clf = use(tmp_path)
    clf.predict_proba(LACKING)
    fitted = [weakref.ref(thing) for thing in (clf, clf.module_, next(clf.module_.parameters()))]
    assert alive() > before
    del clf
    assert alive() == before
    assert [reference() for reference in fitted] == [None, None, None]


def make_stack():
    return front_door(n_members=2)


@pytest.mark.parametrize("make", [front_door, make_stack, lambda: FusionClassifier(**SMALL)])
def test_a_fit_lets_go_of_the_rows_the_gradients_and_the_optimizer(make):
    rows = {name: array.copy() for name, array in X.items()}
    watched = [weakref.ref(array) for array in rows.values()]
    clf = make().fit(rows, Y)
    del rows
    gc.collect()
    assert [reference() for reference in watched] == [None, None]
    proba = clf.predict_proba(X)
    kept = [thing for thing in gc.get_objects() if issubclass(type(thing), torch.Tensor)]
    assert len(kept) > 10 and proba.shape == (60, 3)
    assert all(tensor.grad is None for tensor in kept)
    weights = [tensor.numel() for tensor in kept if isinstance(tensor, torch.nn.Parameter)]
    assert sum(weights) > 0.5 * sum(tensor.numel() for tensor in kept)
    optimizers = [o for o in gc.get_objects() if isinstance(o, torch.optim.Optimizer)]
    assert not any(optimizer.state for optimizer in optimizers)
