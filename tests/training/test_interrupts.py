"""An interrupt in the middle of a fit keeps the best epoch and says so, or changes nothing."""

import copy
import itertools
import pickle
import signal
import warnings
from functools import cache

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback, EpochTimer

from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    PerModality,
    diagnose,
    unimodal_gap,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier
from skbetafd.estimators import front_door
from skbetafd.fitting import trainer
from skbetafd.training import stopping
from skbetafd.training.net import FrontDoorNet
from skbetafd.training.stopping import EarlyStop, KeepEpoch

SMALL = {"max_epochs": 6, "batch_size": 32, "hidden_dim": 8, "random_state": 0}
SMALL |= {"calibrate": False}
SLOW = {"early_stopping": True, "learning_rate": 0.03, "lr_schedule": "constant"}


class Interrupt(Callback):
    """Interrupts the second batch of an epoch of a network, counted over all fits."""

    def __init__(self, epoch, network=1):
        self.epoch, self.network = epoch, itertools.count(1 - network)
        self.seen = {}

    def __deepcopy__(self, memo):
        return self

    def __sklearn_clone__(self):
        return self

    def on_train_begin(self, net, **kwargs):
        self.seen[id(net)] = next(self.network)

    def on_epoch_begin(self, net, **kwargs):
        self.batches = 0

    def on_batch_end(self, net, **kwargs):
        self.batches += 1
        here = self.seen[id(net)] == 0 and len(net.history) == self.epoch
        if here and self.batches == 2:
            raise KeyboardInterrupt


class Spy(Callback):
    """Copies the weights of each epoch's end."""

    def __init__(self):
        self.weights = []

    def on_epoch_end(self, net, **kwargs):
        self.weights.append(weights_of(net.module_))


@pytest.fixture
def noise(y):
    """Labels that nothing tells: their held-out loss soon rises."""
    return np.random.default_rng(1).permutation(y)


def make(**parameters):
    return FrontDoorMultiModalClassifier(**{**SMALL, "n_references": 8, **parameters})


def weights_of(module):
    return [value.clone() for value in module.state_dict().values()]


def same(one, other):
    return all(map(torch.equal, one, other))


def assert_as_before(estimator, fit):
    """Check that a call raises a KeyboardInterrupt and leaves its estimator as it was."""

    def state():
        own = {**vars(estimator), "callbacks": None}  # those of the tests count
        if "parts_" in own:  # the pickle of a torch.Generator has an address
            parts = own["parts_"]
            own["parts_"] = [[p.network.state_dict(), p.history.to_list()] for p in parts]
        return {name: pickle.dumps(value) for name, value in own.items()}

    before = state()
    with pytest.raises(KeyboardInterrupt):
        fit()
    assert state() == before


def kept(clf, X, y, said="interrupted"):
    """Fit, and check that what is kept is told."""
    with pytest.warns(UserWarning, match=said) as told:
        try:
            fitted = clf.fit(X, y)
        except KeyboardInterrupt:  # else it would end the whole run of pytest
            pytest.fail("the fit is lost")
    assert {w.filename for w in told if "interrupted" in str(w.message)} == {__file__}
    return fitted


def test_the_last_complete_epoch_is_kept_and_said(X, y):
    spy = Spy()
    clf = kept(make(callbacks=[spy, Interrupt(4)]), X, y, "after 3 of 6 epochs: .* of epoch 3")
    assert clf.n_iter_ == len(clf.history_) == 3
    assert all("train_loss" in entry for entry in clf.history_)
    assert same(weights_of(clf.module_), spy.weights[-1])
    mean = (clf.references_.log_mass.exp()[:, None] * clf.references_.context).sum(0)
    assert np.allclose(clf.codes(X)["context"].mean(axis=0), mean, atol=1e-5)


def test_the_best_epoch_of_early_stopping_is_kept_and_said(X, noise):
    spy = Spy()
    losses = make(**SLOW).fit(X, noise).history_[:4, "valid_loss"]
    said = f"after 4 of 6 epochs: what is kept is of epoch {1 + np.argmin(losses)}"
    clf = kept(make(**SLOW, callbacks=[spy, Interrupt(5)]), X, noise, said)
    assert clf.n_iter_ == 4
    assert clf.best_epoch_ == 1 + np.argmin(clf.history_[:, "valid_loss"]) < 4
    assert same(weights_of(clf.module_), spy.weights[clf.best_epoch_ - 1])


def interrupt(patch, place, name, at=1):
    """Have a function's call of that number interrupted before it returns."""
    function, calls = getattr(place, name), itertools.count(1)

    def interrupted(*args, **kwargs):
        result = function(*args, **kwargs)
        if next(calls) == at:
            raise KeyboardInterrupt
        return result

    patch.setattr(place, name, interrupted)


MOMENTS = {
    "a step": (torch.optim.AdamW, "step"),
    "the end of an epoch's steps": (FrontDoorNet, "record_epoch"),
    "the timer": (EpochTimer, "on_epoch_end"),
    "the validation loss": (stopping, "held_out_loss"),
    "the end of the validation": (EarlyStop, "on_epoch_end"),
}


class Watch(Spy):
    """One for each member."""

    def __init__(self, spies):
        super().__init__()
        self.spies = spies

    def __deepcopy__(self, memo):
        return type(self)(self.spies)

    def on_train_begin(self, net, **kwargs):
        self.spies[id(net.module_)] = self


@pytest.fixture(scope="module")
def wholes(modalities, y):
    """Fits that nothing interrupts, and the weights of each member's epochs."""
    noise = np.random.default_rng(1).permutation(y)

    @cache
    def whole(members, stopping):
        spies = {}
        clf = make(n_members=members, **SLOW | {"early_stopping": stopping})
        clf.set_params(callbacks=[Watch(spies)]).fit(modalities, noise)
        nets = [member.net for member in clf.members_]
        return [(net.history, spies[id(net.module_)].weights) for net in nets]

    return whole


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize(
    ("moment", "stopping"),
    [(moment, s) for moment in MOMENTS for s in (False, True) if s or "valid" not in moment],
)
def test_whenever_it_comes_weights_history_and_best_epoch_agree(
    moment, stopping, members, X, noise, wholes, monkeypatch
):
    at = 14 if moment == "a step" else 3 * members + 1
    with monkeypatch.context() as patch:
        interrupt(patch, *MOMENTS[moment], at)
        clf = kept(make(n_members=members, **SLOW | {"early_stopping": stopping}), X, noise)
    assert 1 <= clf.n_iter_ < 6
    for member, (whole, weights) in zip(clf.members_, wholes(members, stopping), strict=True):
        history = member.net.history
        epoch = len(history)
        assert epoch in (clf.n_iter_ - 1, clf.n_iter_)  # the first may have ended the epoch
        losses = whole[:epoch, "train_loss"]
        assert history[:, "train_loss"] == pytest.approx(losses, rel=1e-5)
        if stopping:
            epoch = 1 + int(np.argmin(history[:, "valid_loss"]))
        found = weights_of(member.net.module_)
        assert all(
            torch.allclose(a, b, atol=1e-5) for a, b in zip(found, weights[epoch - 1], strict=True)
        )


def test_members_in_a_stack_are_kept_and_said(X, noise):
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch, torch.optim.AdamW, "step", 10)
        clf = kept(make(n_members=2), X, noise, "what is kept is of epoch 2")
    assert [len(member.net.history) for member in clf.members_] == [2, 2]


def test_members_one_by_one_are_kept_only_if_the_last_is_interrupted(X, y):
    clf = make(n_members=2).fit(X, y)
    clf.set_params(callbacks=[Interrupt(3, network=1)])
    assert_as_before(clf, lambda: clf.fit(X, y))
    kept(clf.set_params(callbacks=[Interrupt(3, network=2)]), X, y, "of epoch 2")
    assert [len(member.net.history) for member in clf.members_] == [6, 2]


OUTSIDE = {
    "the predominant modality": (trainer, "find_predominant"),
    "the scalers": (trainer, "fitted_scalers"),
    "the first step": (torch.optim.AdamW, "step"),
    "the end of the first epoch's steps": (FrontDoorNet, "record_epoch"),
    "the codes of the references": (trainer, "encode_in_chunks"),
    "the references": (trainer, "build_references"),
    "the last lines": (front_door, "remove_checkpoints"),
}


@pytest.mark.parametrize("moment", OUTSIDE)
@pytest.mark.parametrize("estimator", ["unfitted", "search"])
def test_outside_of_the_epochs_the_estimator_is_as_it_was(moment, estimator, X, y, monkeypatch):
    clf = make(max_epochs=1)
    if estimator == "search":
        clf = FrontDoorMultiModalClassifierCV(**SMALL | {"max_epochs": 1}, cv=2).fit(X, y)
    interrupt(monkeypatch, *OUTSIDE[moment])
    assert_as_before(clf, lambda: clf.fit(X, y))


@pytest.mark.parametrize("place", [(torch.optim.AdamW, "step"), (FrontDoorNet, "record_epoch")])
def test_partial_fit_leaves_the_stream_as_it_was(place, X, y, monkeypatch):
    clf = make().partial_fit(X, y, classes=np.unique(y))
    expected = copy.deepcopy(clf).partial_fit(X, y).predict_proba(X)
    with monkeypatch.context() as patch:
        interrupt(patch, *place)
        assert_as_before(clf, lambda: clf.partial_fit(X, y))
    assert_array_equal(clf.partial_fit(X, y).predict_proba(X), expected)


def test_a_callback_that_stops_has_nothing_to_stop_in_partial_fit(X, y):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    clf = make(callbacks=[Stop()]).partial_fit(X, y, classes=np.unique(y))
    assert_array_equal(
        clf.predict_proba(X), make().partial_fit(X, y, classes=np.unique(y)).predict_proba(X)
    )


SEARCHES = {
    "FrontDoorMultiModalClassifierCV": lambda callbacks, X, y: FrontDoorMultiModalClassifierCV(
        **SMALL, callbacks=callbacks, cv=2
    ).fit(X, y),
    "diagnose": lambda callbacks, X, y: diagnose(
        X, y, cv=2, network_params={"batch_size": 16, "callbacks": callbacks}
    ),
    "unimodal_gap": lambda callbacks, X, y: unimodal_gap(make(callbacks=callbacks), X, y, cv=2),
}


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.filterwarnings("error:Training was interrupted")
def test_the_own_search_and_diagnostics_end_with_an_interrupt(search, X, y):
    with pytest.raises(KeyboardInterrupt):
        SEARCHES[search]([Interrupt(3, network=1)], X, y)


def test_a_search_of_scikit_learn_goes_on_with_what_is_kept_as_with_its_own_networks(X, y):
    pipeline = make_pipeline(PerModality("passthrough"), make(callbacks=[Interrupt(3, network=3)]))
    search = kept(GridSearchCV(pipeline, {}, cv=2), X, y, "of epoch 2")
    assert search.best_estimator_[-1].n_iter_ == 2


def test_the_refit_of_the_own_search_is_kept(X, y):
    search = FrontDoorMultiModalClassifierCV(
        **SMALL, n_references=8, cv=2, callbacks=[Interrupt(3, network=3)]
    )
    kept(search, X, y, "of epoch 2")
    assert search.n_iter_ == 2 and search.scores_.shape[0] == 2


def test_a_memory_does_not_remember_it(X, y, monkeypatch, tmp_path):
    whole = make().fit(X, y)
    clf = make(memory=str(tmp_path))
    with monkeypatch.context() as patch:
        interrupt(patch, torch.optim.AdamW, "step", 10)
        kept(clf, X, y)
    assert clf.n_iter_ == 2
    assert_array_equal(clf.fit(X, y).predict_proba(X), whole.predict_proba(X))


def test_baselines_keep_the_last_of_their_networks_alone(X, y):
    joint = kept(FusionClassifier(**SMALL, callbacks=[Interrupt(3)]), X, y, "of epoch 2")
    assert joint.n_iter_ == 2
    late = LateFusionClassifier(**SMALL).fit(X, y)
    late.set_params(callbacks=[Interrupt(3)])
    assert_as_before(late, lambda: late.fit(X, y))
    kept(late.set_params(callbacks=[Interrupt(3, network=2)]), X, y, "of epoch 2")


class Signal(Callback):
    """Sends the signal of Ctrl-C at the end of the third epoch or of one of its batches."""

    def __init__(self, event):
        setattr(self, event, self.send)

    def send(self, net, **kwargs):
        if len(net.history) == 3:
            signal.raise_signal(signal.SIGINT)


@pytest.fixture
def sigint():
    # a job in the background of a shell inherits that the signal is ignored
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, earlier)


def test_a_real_signal_is_such_an_interrupt(X, y, sigint):
    assert kept(make(callbacks=[Signal("on_batch_end")]), X, y, "after 2 of 6").n_iter_ == 2


def test_while_a_callback_runs_at_an_epoch_s_end_it_is_that_callback_s_stop(X, y, sigint):
    assert make(callbacks=[Signal("on_epoch_end")]).fit(X, y).n_iter_ == 3


def test_with_a_checkpoint_it_is_raised_with_the_file_s_name(X, y, tmp_path):
    with pytest.raises(KeyboardInterrupt) as caught:
        make(callbacks=[Interrupt(3)], checkpoint_dir=tmp_path).fit(X, y)
    (kept,) = tmp_path.iterdir()
    assert str(kept) in caught.value.__notes__[0]


def test_keeping_epochs_changes_no_bit_and_is_not_in_the_pickle(X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf = make().fit(X, y)
    (keeper,) = (cb for _, cb in clf.net_.callbacks_ if isinstance(cb, KeepEpoch))
    assert keeper.kept_ == (0, 0, ())
    clf._keep_interrupted = False
    assert_array_equal(clf.predict_proba(X), clf.fit(X, y).predict_proba(X))


def test_every_callback_sees_the_epoch_in_which_one_stops(X, y):
    class Stop(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise KeyboardInterrupt

    spies = [Spy(), Spy()]
    clf = make(callbacks=[spies[0], Stop(), spies[1]]).fit(X, y)
    assert clf.n_iter_ == len(spies[0].weights) == len(spies[1].weights) == 1
