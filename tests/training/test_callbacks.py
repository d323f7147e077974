"""Callbacks of scikit-learn and of skorch: what they see, and which can't work."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    GradientNormClipping,
    InputShapeSetter,
    LRScheduler,
    PassthroughScoring,
    TensorBoard,
)

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV

sklearn_callback = pytest.importorskip("sklearn.callback")


class Recorder:
    """Notes each task, and may ask for a stop."""

    def __init__(self, stop_after=None):
        self.seen, self.stop_after = [], stop_after

    def setup(self, estimator, context):
        self.seen.append("setup")

    def teardown(self, estimator, context):
        self.seen.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.seen.append(f"begin {context.task_name} {context.task_id}")

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, fitted_estimator=None):
        score = None if fitted_estimator is None else fitted_estimator.score(X, y)
        self.seen.append((f"end {context.task_name} {context.task_id}", score))
        return self.stop_after is not None and context.task_id + 1 == self.stop_after


def test_a_sklearn_callback_sees_every_epoch_with_an_estimator_that_predicts(X, y, quick):
    recorder = Recorder()
    clf = quick(max_epochs=3).set_callbacks(recorder)
    clf.fit(X, y)
    begun = [entry for entry in recorder.seen if isinstance(entry, str)]
    assert begun == [
        "setup",
        "begin fit 0",
        "begin epoch 0",
        "begin epoch 1",
        "begin epoch 2",
        "teardown",
    ]
    ended = dict(entry for entry in recorder.seen if not isinstance(entry, str))
    score = clf.score(X, y)
    assert ended["end epoch 2"] == ended["end fit 0"] == score
    assert 0 < ended["end epoch 0"] < 1


@pytest.mark.parametrize("parameters", [{}, {"n_members": 2}, {"early_stopping": True}])
def test_a_sklearn_callback_changes_nothing(parameters, X, y, quick):
    told = quick(**parameters).set_callbacks(Recorder()).fit(X, y)
    assert_array_equal(told.predict_proba(X), quick(**parameters).fit(X, y).predict_proba(X))
    told.set_callbacks()
    pickle.loads(pickle.dumps(told))


def test_a_sklearn_callback_may_stop_the_training(X, y, quick):
    assert quick(max_epochs=5).set_callbacks(Recorder(2)).fit(X, y).n_iter_ == 2


def test_a_fit_that_fails_tears_callbacks_down_and_leaves_the_estimator(X, y, quick):
    recorder = Recorder()
    clf = quick().set_callbacks(recorder)
    before = set(vars(clf))
    with pytest.raises(ValueError, match="NaN"):
        clf.fit([np.where(np.arange(4) == 1, np.nan, X["audio"]), X["video"]], y)
    assert recorder.seen[-1] == "teardown"
    assert set(vars(clf)) == before


def test_scoring_monitor_logs_every_epoch(X, y, quick):
    monitor = sklearn_callback.ScoringMonitor(scoring="neg_log_loss")
    clf = quick(max_epochs=4).set_callbacks(monitor).fit(X, y)
    log = monitor.get_logs().data
    epochs = [row["neg_log_loss"] for row in log if row["task_name"] == "epoch"]
    assert len(epochs) == 4
    assert_allclose(
        epochs[-1],
        np.log(clf.predict_proba(X))[range(120), np.unique(y, return_inverse=True)[1]].mean(),
        rtol=1e-5,
    )


def test_progress_bars_run_alone_in_grid_search_and_in_the_search(X, y, quick, capsys):
    quick().set_callbacks(sklearn_callback.ProgressBar()).fit(X, y)
    bar = sklearn_callback.ProgressBar(max_propagation_depth=None)
    search = GridSearchCV(quick(), {"beta": [0, 1]}, cv=2).set_callbacks(bar).fit(X, y)
    assert search.best_estimator_.n_iter_ == 2
    own = FrontDoorMultiModalClassifierCV(cv=2, max_epochs=2, hidden_dim=8, random_state=0)
    own.set_callbacks(sklearn_callback.ProgressBar()).fit(X, y)
    assert "FrontDoorMultiModalClassifier" in capsys.readouterr().out


def test_the_search_tells_of_its_two_parts(X, y):
    recorder = Recorder()
    search = FrontDoorMultiModalClassifierCV(cv=2, max_epochs=2, hidden_dim=8, random_state=0)
    search.set_callbacks(recorder).fit(X, y)
    ended = dict(entry for entry in recorder.seen if not isinstance(entry, str))
    assert list(ended) == ["end search 0", "end refit 1", "end fit 0"]
    assert ended["end fit 0"] == search.score(X, y)


def test_with_callbacks_memory_is_not_used(X, y, quick, tmp_path):
    clf = quick(memory=str(tmp_path)).set_callbacks(Recorder())
    with pytest.warns(UserWarning, match="memory is not used"):
        clf.fit(X, y)


def test_tensorboard_gets_losses_of_every_epoch(X, y, quick, tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    writer = tensorboard.SummaryWriter(tmp_path)
    quick(early_stopping=True, callbacks=[TensorBoard(writer)]).fit(X, y)
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tmp_path)).Reload()
    assert {"Loss/train_loss", "Loss/valid_loss"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("Loss/train_loss")] == [1, 2]


def test_epoch_scoring_scores_the_held_out_rows(X, y, quick):
    seen = []

    def share(net, rows, labels):
        seen.append((len(rows), labels.tolist()))
        return float((net.predict(rows) == labels).mean())

    clf = quick(
        early_stopping=True,
        callbacks=[EpochScoring("accuracy"), EpochScoring(share, name="own")],
    ).fit(X, y)
    assert clf.history_[:, "accuracy"] == clf.history_[:, "own"]
    assert [len(labels) for _, labels in seen] == [24, 24]
    assert not hasattr(clf.net_, "batches_")


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss"])
def test_epoch_scoring_scores_the_training_rows(scoring, X, y, quick):
    clf = quick(beta=0, callbacks=[EpochScoring(scoring, on_train=True)]).fit(X, y)
    proba = clf.predict_proba(X)
    index = np.unique(y, return_inverse=True)[1]
    last = {
        "accuracy": (proba.argmax(axis=1) == index).mean(),
        "neg_log_loss": np.log(proba[range(120), index]).mean(),
    }
    assert_allclose(clf.history_[-1, scoring], last[scoring], rtol=1e-5)


def test_epoch_scoring_scores_with_missing_modalities_and_with_a_mediator(modalities, y, quick):
    scoring = EpochScoring("accuracy", on_train=True)
    video = modalities["video"].copy()
    video[::3] = np.nan
    clf = quick(callbacks=[scoring]).fit({**modalities, "video": video}, y)
    assert 0 <= clf.history_[-1, "accuracy"] <= 1
    clf = quick(callbacks=[scoring]).fit(modalities, y, mediator=y)
    assert 0 <= clf.history_[-1, "accuracy"] <= 1


def test_early_stopping_of_skorch_stops_on_the_held_out_loss(X, y, quick):
    clf = quick(
        max_epochs=30,
        learning_rate=1e-9,
        lr_schedule="constant",
        early_stopping=True,
        n_iter_no_change=29,
        callbacks=[EarlyStopping(patience=2, threshold=0.5, sink=lambda text: None)],
    ).fit(X, y)
    assert clf.n_iter_ == 3


def test_checkpoint_of_skorch_keeps_the_best_epoch(X, y, quick, tmp_path):
    callback = Checkpoint(dirname=tmp_path, load_best=False)
    clf = quick(max_epochs=6, early_stopping=True, callbacks=[callback]).fit(X, y)
    kept = torch.load(tmp_path / "params.pt", weights_only=True)
    for name, value in clf.module_.state_dict().items():
        assert torch.equal(kept[name], value)


def test_gradient_clipping_of_skorch_is_max_grad_norm(X, y, quick):
    theirs = quick(callbacks=[GradientNormClipping(0.1)]).fit(X, y)
    own, without = quick(max_grad_norm=0.1).fit(X, y), quick().fit(X, y)
    assert_array_equal(theirs.predict_proba(X), own.predict_proba(X))
    assert not np.array_equal(own.predict_proba(X), without.predict_proba(X))


def test_a_callback_sees_train_and_valid_rows(X, y, quick):
    class Sizes(Callback):
        def on_epoch_end(self, net, dataset_train, dataset_valid, **kwargs):
            net.history.record("sizes", [len(dataset_train), len(dataset_valid)])

    for n_members in (1, 2):
        clf = quick(early_stopping=True, n_members=n_members, callbacks=[Sizes()]).fit(X, y)
        assert clf.history_[:, "sizes"] == [[96, 24]] * 2


REFUSED = {
    "batch scores": (BatchScoring("accuracy"), "BatchScoring can't be used"),
    "scores passed through": (PassthroughScoring("loss"), "PassthroughScoring can't be used"),
    "shapes": (InputShapeSetter(), "InputShapeSetter can't be used"),
    "early stopping": (EarlyStopping(), "monitors 'valid_loss', but there are no held-out rows"),
    "early stopping's class": (EarlyStopping, "no held-out rows"),
    "a checkpoint": (("cp", Checkpoint()), "monitors 'valid_loss_best'"),
    "held-out scores": (EpochScoring("accuracy"), "there are none"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_t_work_is_told_before_the_training(case, X, y, quick):
    callback, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        quick(callbacks=[callback]).fit(X, y)


def test_what_monitors_the_training_loss_needs_no_held_out_rows(X, y, quick):
    stop = EarlyStopping("train_loss", patience=1, threshold=0.9, sink=lambda text: None)
    assert quick(max_epochs=9, callbacks=[stop, LRScheduler]).fit(X, y).n_iter_ == 2


def test_without_sklearn_s_callbacks_there_is_a_stand_in(monkeypatch):
    import importlib
    import sys

    from skbetafd._utils import sklearn_compat

    monkeypatch.setitem(sys.modules, "sklearn.callback", None)
    spec = importlib.util.spec_from_file_location("stand_in", sklearn_compat.__file__)
    stand_in = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stand_in)
    assert stand_in.with_callbacks(len) is len
    assert stand_in.CallbackSupportMixin()._init_callback_context(max_subtasks=1) is None


def test_set_callbacks_refuses_what_is_none():
    with pytest.raises(TypeError, match="FitCallback"):
        FrontDoorMultiModalClassifier().set_callbacks(3)


class Keeps(Callback):
    def on_train_end(self, net, **_):
        self.lr_scheduler_ = "mine"


def test_a_fit_takes_nothing_from_the_user_s_callbacks_and_leaves_skorch_s_methods(quick, X, y):
    own = Keeps()
    net = quick(callbacks=[own]).fit(X, y).net_
    assert own.lr_scheduler_ == "mine"
    assert not net.optimizer_.state
    assert net.set_params(lr=0.1).lr == 0.1
