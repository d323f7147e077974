"""Several threads, and processes that are forked or spawned, do what one does alone."""

import multiprocessing
import pickle
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
import torch

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    load,
    overlap,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier

RNG = np.random.default_rng(0)
N = 60
Y = np.arange(N) % 3
X = {
    name: RNG.normal(size=(3, width))[Y] + RNG.normal(size=(N, width))
    for name, width in {"audio": 4, "video": 3, "text": 2}.items()
}
LACKING = {**X, "text": np.where(np.arange(N)[:, None] % 4, X["text"], np.nan)}
STEPS = {**X, "walk": RNG.normal(size=(N, 6, 2))}
SMALL = {"max_epochs": 2, "hidden_dim": 8, "random_state": 0}


@pytest.fixture(autouse=True)
def hurry():
    """Let the interpreter change threads a thousand times as often."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(interval)


def front_door(**parameters):
    return FrontDoorMultiModalClassifier(**SMALL, n_references=8, **parameters)


def recogniser():
    """A module of a user's, whose dropout draws from torch's global generator."""
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Dropout(0.5), torch.nn.ReLU())


BINNED = MultiModalArray({name: (rows[:, :1] > 0).astype(int) for name, rows in X.items()})
ESTIMATORS = {
    "complete": (lambda: front_door(early_stopping=True), X),
    "lacking": (lambda: front_door(n_members=2), LACKING),
    "module": (lambda: front_door(encoders={"audio": recogniser}), X),
    "sequence": (front_door, STEPS),
    "mediator": (front_door, X),
    "cv": (lambda: FrontDoorMultiModalClassifierCV(**SMALL, n_references=8, cv=2), LACKING),
    "joint": (lambda: FusionClassifier(**SMALL, balancing="relearn"), LACKING),
    "late": (lambda: LateFusionClassifier(**SMALL), X),
    "categories": (DiscreteFrontDoorClassifier, BINNED),
}


def fitted(kind):
    make, data = ESTIMATORS[kind]
    return make().fit(data, Y, **({"mediator": Y} if kind in ("mediator", "categories") else {}))


def predictions(clf, data):
    path = clf.beta_path(data, [0, 0.4, 1]) if hasattr(clf, "beta_path") else []
    return np.stack([clf.predict_proba(data), *path])


def at_once(work, n_threads):
    """Results of `work(i)` in threads that begin together."""
    ready = Barrier(n_threads)

    def wait_and_work(i):
        ready.wait()
        return work(i)

    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(wait_and_work, range(n_threads)))


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_eight_threads_predict_at_once_bitwise_what_one_does(kind):
    clf, data = fitted(kind), ESTIMATORS[kind][1]
    expected = predictions(clf, data)
    for found in at_once(lambda _: predictions(clf, data), 8):
        np.testing.assert_array_equal(found, expected)


def test_eight_threads_read_codes_overlap_and_copies_at_once():
    clf = fitted("complete")

    def work(_):
        copy = pickle.loads(pickle.dumps(clf))
        codes = {**clf.codes(X), **clf.modality_codes(X)}
        return [*codes.values(), overlap(clf, X).effective_references, copy.predict_proba(X)]

    expected = work(0)
    for found in at_once(work, 8):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_two_threads_fit_at_once_bitwise_what_each_does_alone(kind):
    data = ESTIMATORS[kind][1]
    expected = fitted(kind).predict_proba(data)
    generator = torch.get_rng_state()
    for clf in at_once(lambda _: fitted(kind), 2):
        np.testing.assert_array_equal(clf.predict_proba(data), expected)
    assert torch.equal(generator, torch.get_rng_state())


def test_a_fit_beside_predictions_disturbs_neither():
    clf = fitted("module")
    expected = clf.predict_proba(X)
    work = {0: lambda: fitted("module").predict_proba(X)}
    for found in at_once(lambda i: work.get(i, lambda: clf.predict_proba(X))(), 4):
        np.testing.assert_array_equal(found, expected)


def test_threads_save_to_one_file_and_what_is_read_is_whole(tmp_path):
    clf = fitted("complete")
    expected, file = clf.predict_proba(X), tmp_path / "model"
    clf.save(file)

    def work(i):
        for _ in range(4):
            clf.save(file) if i % 2 else load(file)

    at_once(work, 4)
    np.testing.assert_array_equal(load(file).predict_proba(X), expected)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("kind", ["lacking", "sequence", "mediator", "cv", "joint"])
def test_predictions_leave_the_warning_filters_alone_which_threads_share(kind, monkeypatch):
    clf, data = fitted(kind), ESTIMATORS[kind][1]
    changes = []
    with monkeypatch.context() as patch:
        patch.setattr(warnings.catch_warnings, "__enter__", lambda self: changes.append(1))
        patch.setattr(warnings.catch_warnings, "__exit__", lambda self, *_: None)
        predictions(clf, data)
    assert not changes


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.slow
def test_a_child_process_predicts_and_fits_as_its_parent_does(method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this platform has no {method}")
    clf = fitted("lacking")
    expected = predictions(clf, LACKING)
    with multiprocessing.get_context(method).Pool(1) as pool:
        path = pool.apply(clf.beta_path, (LACKING, [0, 0.4, 1]))
        refitted = pool.apply(front_door(n_members=2).fit, (LACKING, Y))
        pool.close()
        pool.join()
    np.testing.assert_array_equal(path, expected[1:])
    np.testing.assert_array_equal(predictions(refitted, LACKING), expected)
