"""A pickle of another device is read where there is none; without a GPU, a name stands for it."""

import copy
import io
import pickle
import threading
import warnings

import cloudpickle
import joblib
import numpy as np
import pytest
import torch
from sklearn import callback as sklearn_callback
from torch import nn

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.baselines import FusionClassifier, LateFusionClassifier
from skbetafd.estimators import network_classifier, pickling

RNG = np.random.default_rng(0)
X, Y = [RNG.normal(size=(60, 4)), RNG.normal(size=(60, 3))], np.arange(60) % 3
SMALL = {"max_epochs": 1, "hidden_dim": 8, "random_state": 0}


def fitted(kind="plain"):
    if kind == "stream":
        return FrontDoorMultiModalClassifier(**SMALL).partial_fit(X, Y, classes=[0, 1, 2])
    estimator = {
        "cv": FrontDoorMultiModalClassifierCV,
        "joint": FusionClassifier,
        "rule": FusionClassifier,
        "late": LateFusionClassifier,
    }.get(kind, FrontDoorMultiModalClassifier)
    more = {
        "module": {"encoders": {0: nn.Linear(4, 5)}},
        "frozen": {"encoders": {0: nn.Linear(4, 5).requires_grad_(False)}},
        "members": {"n_members": 2},
        "rule": {"balancing": "pmr"},
    }
    return estimator(**SMALL, **more.get(kind, {})).fit(X, Y)


@pytest.fixture
def away(monkeypatch):
    """Tensors of several values seem to lie on a device that is not here."""

    def device(tensor):
        return "cuda:93" if tensor.dim() else "cpu"

    for module in (pickling, network_classifier):
        monkeypatch.setattr(module, "device_of", device)


KINDS = ["plain", "members", "module", "frozen", "stream", "cv", "joint", "rule", "late"]


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("kind", KINDS)
def test_what_another_device_trained_is_read_on_the_cpu_with_a_warning(kind):
    clf = fitted(kind)
    content = pickle.dumps(clf)
    with pytest.warns(UserWarning, match=r"fitted on 'cuda:93', which is not here.*CPU"):
        other = pickle.loads(content)
    np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))
    if kind == "stream":
        for each in (clf, other):
            each.partial_fit(X, Y)
        np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("kind", ["plain", "stream"])
def test_what_another_device_trained_goes_back_where_that_is(kind, monkeypatch):
    content = pickle.dumps(fitted(kind))
    there = torch.float64  # stands for the device: tensors can be sent to it, and show it
    monkeypatch.setattr(pickling, "resolve_device", lambda name: there)
    other = pickle.loads(content)
    assert all(parameter.dtype == there for parameter in other.module_.parameters())
    assert other.net_.device == str(there)
    assert other.references_.context.dtype == there != other.references_.radius.dtype
    if kind == "stream":
        entry = next(iter(other.net_.optimizer_.state.values()))
        assert entry["exp_avg"].dtype == there != entry["step"].dtype


@pytest.mark.usefixtures("away")
def test_a_copy_shares_the_fit_and_a_deep_copy_does_not():
    clf = fitted()
    clf.callbacks = [clf]  # as scikit-learn's contexts of callbacks have it, during a fit
    shallow, deep = copy.copy(clf), copy.deepcopy(clf)
    assert shallow.members_ is clf.members_ and shallow.callbacks[0] is clf
    assert deep.members_ is not clf.members_ and deep.callbacks[0] is deep
    for other in (shallow, deep):
        np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))


@pytest.mark.usefixtures("away")
def test_scikit_learn_s_callbacks_copy_an_estimator_in_training():
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


@pytest.mark.filterwarnings("ignore:.*which is not here")
@pytest.mark.parametrize("device", ["cpu", "away"])
@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda clf: pickle.loads(pickle.dumps(clf))]
)
def test_a_copy_is_made_by_a_subclass_s_own_state(copied, device, request):
    if device == "away":
        request.getfixturevalue("away")
    clf = WithLock(**SMALL).fit(X, Y)
    other = copied(clf)
    assert other.lock_ is not clf.lock_
    np.testing.assert_array_equal(other.predict_proba(X), clf.predict_proba(X))


@pytest.mark.filterwarnings("ignore:.*which is not here")
@pytest.mark.usefixtures("away")
def test_a_class_that_has_no_name_is_joblib_s_affair(tmp_path):
    class Nameless(nn.Linear):
        pass

    clf = FrontDoorMultiModalClassifier(**SMALL, encoders={0: Nameless(4, 5)}).fit(X, Y)
    with pytest.raises((AttributeError, pickle.PicklingError), match="Nameless"):
        pickle.dumps(clf)
    back = pickle.loads(cloudpickle.dumps(clf))
    np.testing.assert_array_equal(back.predict_proba(X), clf.predict_proba(X))
    clf = fitted()
    joblib.dump(clf, tmp_path / "clf.joblib")
    back = joblib.load(tmp_path / "clf.joblib")
    np.testing.assert_array_equal(back.predict_proba(X), clf.predict_proba(X))


def test_a_pickle_of_the_cpu_is_read_without_a_word():
    clf = fitted()
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
