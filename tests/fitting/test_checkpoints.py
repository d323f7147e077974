"""A fit that was killed goes on from its checkpoint, and ends as if it had not been."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback, EarlyStopping, EpochScoring, LRScheduler

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV, MultiModalArray

EPOCHS = 5


class Counter:
    """Counts networks, over the copies of a callback too."""

    def __init__(self):
        self.begun = 0

    def __deepcopy__(self, memo):
        return self


class StopAt(Callback):
    """Interrupts the training in the middle of an epoch of a network, counted over all fits."""

    def __init__(self, epoch, network=0, counter=None):
        self.epoch, self.network = epoch, network
        self.counter = counter if counter is not None else Counter()

    def on_train_begin(self, net, **kwargs):
        self.counter.begun += 1

    def on_batch_begin(self, net, **kwargs):
        if self.counter.begun > self.network and len(net.history) >= self.epoch:
            raise KeyboardInterrupt


class StandIn(StopAt):
    """Has the place of StopAt in the fingerprint, and does nothing."""

    def on_batch_begin(self, net, **kwargs):
        pass


StandIn.__qualname__ = StopAt.__qualname__


@pytest.fixture
def make(quick):
    def classifier(**parameters):
        return quick(**{"max_epochs": EPOCHS, "batch_size": 32} | parameters)

    return classifier


def losses(clf):
    names = ("train_loss", "valid_loss", "train_loss_best", "valid_loss_best", "epoch")
    return [
        [{name: entry.get(name) for name in names} for entry in member.net.history]
        for member in clf.members_
    ]


def assert_same_fit(found, expected, X):
    assert losses(found) == losses(expected)
    for own, other in zip(found.members_, expected.members_, strict=True):
        assert own.net.module_.state_dict().keys() == other.net.module_.state_dict().keys()
        for one, two in zip(
            own.net.module_.state_dict().values(),
            other.net.module_.state_dict().values(),
            strict=True,
        ):
            assert torch.equal(one, two)
        assert all(map(torch.equal, own.references, other.references))
    assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


def interrupted(clf, data, at, network=0):
    """Fit until an interrupt in the middle of an epoch."""
    clf.set_params(callbacks=[StopAt(at, network)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*data[:2], **data[2])
    assert not hasattr(clf, "net_")
    return clf.set_params(callbacks=[StandIn(at)])


VARIANTS = {
    "plain": {},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 2},
    "constant rate, clipped": {"lr_schedule": "constant", "max_grad_norm": 0.5},
    "cosine": {"lr_schedule": "cosine", "dropout": 0.0},
    "members": {"n_members": 2},
    "float64": {"dtype": "float64"},
    "weights": {"class_weight": "balanced", "batch_size": -1},
}


@pytest.mark.parametrize("epoch", [2, 5])
@pytest.mark.parametrize("variant", VARIANTS)
def test_an_interrupted_fit_goes_on_bitwise(variant, epoch, X, y, make, tmp_path):
    expected = make(**VARIANTS[variant]).fit(X, y)
    clf = make(checkpoint_dir=tmp_path, **VARIANTS[variant])
    interrupted(clf, (X, y, {}), epoch)
    kept = torch.load(tmp_path / "network-0.pt", weights_only=True)
    assert len(kept["state"]["history"]) == epoch - 1
    assert_same_fit(clf.fit(X, y), expected if variant != "members" else alone(make, X, y), X)
    assert list(tmp_path.iterdir()) == []


def alone(make, X, y):
    """Members trained one by one: in a stack they differ in rounding."""
    return make(n_members=2, callbacks=[StandIn(0)]).fit(X, y)


def test_a_later_member_goes_on_without_training_the_earlier_again(X, y, make, tmp_path):
    clf = make(checkpoint_dir=tmp_path, n_members=2)
    interrupted(clf, (X, y, {}), 3, network=1)
    assert torch.load(tmp_path / "network-0.pt", weights_only=True)["complete"]
    assert_same_fit(clf.fit(X, y), alone(make, X, y), X)


def test_missing_modalities_and_an_observed_mediator_go_on_too(modalities, y, make, tmp_path):
    video = modalities["video"].copy()
    video[::7] = np.nan
    fits = {
        "missing": ({**modalities, "video": video}, y, {}),
        "mediator": (MultiModalArray(modalities), y, {"mediator": y}),
    }
    for data in fits.values():
        X = data[0]
        expected = make(early_stopping=True).fit(X, y, **data[2])
        clf = make(checkpoint_dir=tmp_path, early_stopping=True)
        interrupted(clf, data, 3)
        clf.fit(X, y, **data[2])
        assert_same_fit(clf, expected, MultiModalArray(modalities))


def test_without_a_random_state_the_seeds_are_kept(X, y, make, tmp_path):
    clf = make(checkpoint_dir=tmp_path, random_state=None)
    interrupted(clf, (X, y, {}), 3)
    seeds = torch.load(tmp_path / "network-0.pt", weights_only=True)["seeds"]
    clf.fit(X, y)

    class Drawn(np.random.RandomState):
        def randint(self, *args, size, **kwargs):
            probe, network, references = seeds
            return np.array([network, probe, references] if size == 3 else [])

    assert_same_fit(clf, make(random_state=Drawn()).fit(X, y), X)


KILLED = """
import os, signal, sys
import numpy as np, torch
torch.set_num_threads(1)
from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.training.net import FrontDoorNet

batches = 0
step = FrontDoorNet.train_step_single
def counted(self, batch, **params):
    global batches
    batches += 1
    if batches == 10:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, **params)
FrontDoorNet.train_step_single = counted

data = np.load(sys.argv[1])
FrontDoorMultiModalClassifier(
    max_epochs=5, hidden_dim=8, n_references=8, random_state=0, batch_size=32, calibrate=False,
    checkpoint_dir=sys.argv[2],
).fit({name: data[name] for name in ("audio", "video")}, data["y"])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
@pytest.mark.slow
def test_a_killed_fit_goes_on_bitwise(modalities, y, make, tmp_path):
    np.savez(tmp_path / "data.npz", y=y, **modalities)
    directory = tmp_path / "checkpoints"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "data.npz"), str(directory)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    kept = torch.load(directory / "network-0.pt", weights_only=True)
    assert len(kept["state"]["history"]) == 2  # of 4 batches each, and killed in the third
    clf = make(checkpoint_dir=directory).fit(modalities, y)
    assert_same_fit(clf, make().fit(modalities, y), modalities)


@pytest.mark.slow
def test_a_search_that_was_interrupted_goes_on(X, y, make, tmp_path, monkeypatch):
    parameters = {name: make().get_params()[name] for name in ("max_epochs", "hidden_dim")}
    parameters |= {"batch_size": 32, "n_references": 8, "random_state": 0, "cv": 3}
    grid = {"context_dim": [4, 8]}
    expected = FrontDoorMultiModalClassifierCV(
        param_grid=grid, checkpoint_dir=tmp_path / "whole", **parameters
    ).fit(X, y)
    search = FrontDoorMultiModalClassifierCV(
        param_grid=grid, checkpoint_dir=tmp_path / "cut", **parameters
    )
    for network in (1, 3, 6):  # in the second and fourth of six folds, and in the refit
        search.set_params(callbacks=[StopAt(2, network)])
        with pytest.raises(KeyboardInterrupt):
            search.fit(X, y)
    search.set_params(callbacks=[StandIn(2)]).fit(X, y)
    assert_array_equal(search.scores_, expected.scores_)
    assert search.best_params_ == expected.best_params_
    assert_same_fit(search, expected, X)
    assert list((tmp_path / "cut").iterdir()) == []


def test_a_checkpoint_of_another_fit_is_refused_and_left_alone(X, y, make, tmp_path):
    clf = make(checkpoint_dir=tmp_path)
    interrupted(clf, (X, y, {}), 3)
    before = (tmp_path / "network-0.pt").read_bytes()
    others = {
        "labels": (make(), y[::-1]),
        "parameter": (make(learning_rate=1e-3), y),
        "seed": (make(random_state=1), y),
    }
    for other, labels in others.values():
        other.set_params(checkpoint_dir=tmp_path, callbacks=[StandIn(3)])
        with pytest.raises(ValueError, match=r"network-0.pt' is of another fit"):
            other.fit(X, labels)
    assert (tmp_path / "network-0.pt").read_bytes() == before


def test_what_is_read_at_prediction_makes_no_other_fit(X, y, make, tmp_path):
    clf = make(checkpoint_dir=tmp_path)
    interrupted(clf, (X, y, {}), 3)
    clf.set_params(beta=0.5, effect="population", verbose=0).fit(X, y)
    assert_same_fit(clf, make(beta=0.5, effect="population").fit(X, y), X)


def test_a_folder_in_the_place_of_a_checkpoint_is_told(X, y, make, tmp_path):
    (tmp_path / "network-0.pt").mkdir()
    with pytest.raises(IsADirectoryError, match=r"directory: '.*network-0.pt'"):
        make(checkpoint_dir=tmp_path).fit(X, y)


ANOTHER_FORMAT = {"format": 99, "fingerprint": "", "seeds": [], "complete": False, "state": {}}


@pytest.mark.parametrize("content", [b"", b"no checkpoint", "truncated", [1], ANOTHER_FORMAT])
def test_a_broken_checkpoint_is_refused_by_its_path_and_left_alone(content, X, y, make, tmp_path):
    path = tmp_path / "network-0.pt"
    interrupted(make(checkpoint_dir=tmp_path), (X, y, {}), 3)
    if content == "truncated":
        content = path.read_bytes()[:-500]
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"network-0\.pt'"):
        make(checkpoint_dir=tmp_path).fit(X, y)
    assert path.read_bytes() == before


def test_a_checkpoint_dir_that_is_a_file_is_refused(X, y, make, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="must be a directory, got the file"):
        make(checkpoint_dir=tmp_path / "file").fit(X, y)


def test_a_write_that_fails_leaves_the_earlier_checkpoint(X, y, make, tmp_path, monkeypatch):
    from skbetafd.training import checkpoint

    save, calls = torch.save, []

    def failing(content, file):
        calls.append(content)
        if len(calls) == 3:
            file.write(b"half")
            raise OSError("No space left on device")
        save(content, file)

    monkeypatch.setattr(checkpoint.torch, "save", failing)
    with pytest.raises(OSError, match="No space left"):
        make(checkpoint_dir=tmp_path).fit(X, y)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["network-0.pt"]
    clf = make(checkpoint_dir=tmp_path).fit(X, y)
    assert_same_fit(clf, make().fit(X, y), X)


@pytest.mark.parametrize("callback", [EarlyStopping("train_loss"), LRScheduler()])
def test_callbacks_whose_state_decides_are_refused(callback, X, y, make, tmp_path):
    with pytest.raises(ValueError, match=f"can't be used with {type(callback).__name__}"):
        make(checkpoint_dir=tmp_path, callbacks=[callback]).fit(X, y)


def test_scores_that_callbacks_enter_are_kept(X, y, make, tmp_path):
    def score(net, X, y):
        return np.float32(len(net.history))

    clf = make(checkpoint_dir=tmp_path)
    clf.set_params(callbacks=[EpochScoring(score, name="score", on_train=True), StopAt(3)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(X, y)
    clf.callbacks[1] = StandIn(3)
    assert clf.fit(X, y).history_[:, "score"] == [1, 2, 3, 4, 5]


def test_a_fit_taken_from_memory_needs_no_checkpoint(X, y, make, tmp_path):
    kept = {"memory": str(tmp_path / "memory")}
    expected = make(**kept).fit(X, y)
    clf = make(checkpoint_dir=tmp_path / "checkpoints", **kept).fit(X, y)
    assert_same_fit(clf, expected, X)
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_a_fit_with_checkpoints_touches_no_global_state_and_can_be_pickled(X, y, make, tmp_path):
    import pickle

    before = torch.get_rng_state()
    clf = make(checkpoint_dir=tmp_path, early_stopping=True).fit(X, y)
    assert torch.equal(before, torch.get_rng_state())
    again = pickle.loads(pickle.dumps(clf))
    assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert isinstance(again, FrontDoorMultiModalClassifier)


class Recogniser(torch.nn.Module):
    """A user's module, whose dropout draws from the global generator."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 6)
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, x):
        return self.dropout(self.layer(x))


def test_a_user_s_module_with_dropout_goes_on_bitwise(X, y, make, tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Recogniser()
    encoders = {"encoders": {"audio": module}, "encoder_learning_rate": {"audio": 1e-3}}
    clf = make(checkpoint_dir=tmp_path, **encoders)
    interrupted(clf, (X, y, {}), 3)
    assert_same_fit(clf.fit(X, y), make(**encoders).fit(X, y), X)


def test_the_best_epoch_before_the_interrupt_is_kept(X, y, make, tmp_path):
    noise = np.random.default_rng(1).permutation(y)  # the held-out loss soon rises
    slow = {"early_stopping": True, "learning_rate": 0.03, "lr_schedule": "constant"}
    expected = make(**slow).fit(X, noise)
    clf = make(checkpoint_dir=tmp_path, **slow)
    interrupted(clf, (X, noise, {}), 4)
    assert expected.best_epoch_ < 4
    assert_same_fit(clf.fit(X, noise), expected, X)
    assert clf.best_epoch_ == expected.best_epoch_
