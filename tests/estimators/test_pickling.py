"""A pickle of another device is read where there is none; without a GPU, a name stands for it."""

import copy
import io
import pickle
import threading
import warnings

import cloudpickle
import numpy as np
import pytest
import torch
from sklearn import callback as sklearn_callback
from torch import nn

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.baselines import FusionClassifier, LateFusionClassifier
from skbetafd.training.net import FrontDoorNet

RNG = np.random.default_rng(0)
X, Y = [RNG.normal(size=(60, 4)), RNG.normal(size=(60, 3))], np.arange(60) % 3
SMALL = {"max_epochs": 1, "hidden_dim": 8, "random_state": 0}


def fitted(kind):
    if kind == "stream":
        return FrontDoorMultiModalClassifier(**SMALL).partial_fit(X, Y, classes=[0, 1, 2])
    estimator = {
        "cv": FrontDoorMultiModalClassifierCV,
        "joint": FusionClassifier,
        "late": LateFusionClassifier,
    }.get(kind, FrontDoorMultiModalClassifier)
    more = {"module": {"encoders": {0: nn.Linear(4, 5)}}, "members": {"n_members": 2}}
    return estimator(**SMALL, **more.get(kind, {})).fit(X, Y)


@pytest.mark.parametrize("kind", ["plain", "members", "module", "stream", "cv", "joint", "late"])
def test_what_another_device_trained_is_read_on_the_cpu_with_a_warning(kind, monkeypatch):
    clf = fitted(kind)
    monkeypatch.setattr(type(clf), "_device_in_use", lambda self: torch.device("cuda:93"))
    content = pickle.dumps(clf)
    with pytest.warns(UserWarning, match=r"fitted on 'cuda:93', which is not here.*CPU"):
        other = pickle.loads(content)
    np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))
    if kind == "stream":
        assert other.partial_fit(X, Y).predict(X).shape == (60,)


def test_a_copy_shares_the_fit_and_a_deep_copy_does_not(monkeypatch):
    clf = fitted("plain")
    clf.callbacks = [clf]  # as scikit-learn's contexts of callbacks have it, during a fit
    monkeypatch.setattr(type(clf), "_device_in_use", lambda self: torch.device("cuda:93"))
    shallow, deep = copy.copy(clf), copy.deepcopy(clf)
    assert shallow.members_ is clf.members_ and shallow.callbacks[0] is clf
    assert deep.members_ is not clf.members_ and deep.callbacks[0] is deep
    for other in (shallow, deep):
        np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))


def test_scikit_learn_s_callbacks_copy_an_estimator_in_training(monkeypatch):
    def device(self):
        return torch.device("cuda:93") if hasattr(self, "members_") else None

    monkeypatch.setattr(FrontDoorMultiModalClassifier, "_device_in_use", device)
    monitor = sklearn_callback.ScoringMonitor(scoring="accuracy")
    clf = FrontDoorMultiModalClassifier(**SMALL).set_callbacks(monitor).fit(X, Y)
    assert clf.score(X, Y) in [row["accuracy"] for row in monitor.get_logs().data]


class WithLock(FrontDoorMultiModalClassifier):
    """Of a user's: holds what can be neither pickled nor copied, and says how to do without."""

    def fit(self, X, y):
        super().fit(X, y)
        self.lock_ = threading.Lock()
        return self

    def __getstate__(self):
        state = dict(super().__getstate__())
        state.pop("lock_", None)
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self.lock_ = threading.Lock()


@pytest.mark.parametrize("device", ["cpu", "cuda:93"])
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_made_by_a_subclass_s_own_state(copied, device, monkeypatch):
    clf = WithLock(**SMALL).fit(X, Y)
    monkeypatch.setattr(WithLock, "_device_in_use", lambda self: torch.device(device))
    other = copied(clf)
    assert other.lock_ is not clf.lock_
    np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))


LOCK = threading.Lock()


class Locked(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 5)

    def forward(self, x):
        with LOCK:
            return self.layer(x)


@pytest.mark.filterwarnings("ignore:.*which is not here")
def test_pickle_takes_a_class_by_its_name_and_cloudpickle_one_that_has_none(monkeypatch):
    clf = FrontDoorMultiModalClassifier(**SMALL, encoders={0: Locked()}).fit(X, Y)
    device = torch.device("cuda:93")
    monkeypatch.setattr(FrontDoorMultiModalClassifier, "_device_in_use", lambda self: device)
    back = pickle.loads(pickle.dumps(clf))
    assert type(back.encoders[0]) is Locked

    class Nameless(nn.Linear):
        pass

    clf = FrontDoorMultiModalClassifier(**SMALL, encoders={0: Nameless(4, 5)}).fit(X, Y)
    with pytest.raises((AttributeError, pickle.PicklingError), match="Nameless"):
        pickle.dumps(clf)
    back = pickle.loads(cloudpickle.dumps(clf))
    np.testing.assert_array_equal(back.predict_proba(X), clf.predict_proba(X))


def test_a_pickle_by_skorch_s_own_way_is_read_still(monkeypatch):
    clf = fitted("members")
    monkeypatch.delattr(FrontDoorNet, "__getstate__")
    content = pickle.dumps(clf)
    monkeypatch.undo()
    assert b"__cuda_dependent_attributes__" in content
    back = pickle.loads(content)
    np.testing.assert_array_equal(back.predict_proba(X), clf.predict_proba(X))


def test_a_pickle_of_the_cpu_is_read_without_a_word():
    clf = fitted("plain")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copies = pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)
    for other in copies:
        assert other.net_ is other.members_[0].net
        np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))


def test_a_pickle_holds_no_optimizer():
    clf = FrontDoorMultiModalClassifier(**SMALL | {"hidden_dim": 512}).fit(X, Y)
    weights = sum(p.numel() * p.element_size() for p in clf.module_.parameters())
    file = io.BytesIO()
    pickle.dump(clf, file)
    assert file.tell() < 2.2 * weights + 100_000  # skorch has the module by two names
