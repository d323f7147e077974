import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, Freezer, LoadInitState

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.fitting.fit import fit_all

BETAS = [0, 0.5, 1]
SMALL = {
    "calibrate": False,
    "max_epochs": 3,
    "hidden_dim": 8,
    "knowledge_dim": 4,
    "context_dim": 4,
    "n_references": 8,
    "dtype": "float64",
    "predominant": 0,
}


def rows(n, widths=(4, 3), seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return [rng.normal(size=(3, w))[y] + rng.normal(size=(n, w)) for w in widths], y


def make(seed=0, **parameters):
    return FrontDoorMultiModalClassifier(**SMALL | {"random_state": seed} | parameters)


def fit_together(fits, verbose=0):
    """Classifiers fitted in one call, from (classifier, arguments of fit)."""
    classifiers = [copy.deepcopy(classifier).set_params(verbose=verbose) for classifier, _ in fits]
    named = ("X", "y", "sample_weight", "mediator")
    requests = [
        classifier._request(**dict.fromkeys(named) | dict(zip(named, arguments, strict=False)))
        for classifier, (_, arguments) in zip(classifiers, fits, strict=True)
    ]
    for classifier, result in zip(classifiers, fit_all(requests), strict=True):
        classifier._adopt(result)
    return classifiers


def fit_alone(fits):
    return [copy.deepcopy(classifier).fit(*arguments) for classifier, arguments in fits]


def losses(classifier):
    return [
        {name: value for name, value in entry.items() if name not in ("dur", "batches")}
        for entry in classifier.history_
    ]


def assert_same_fit(found, expected, X):
    assert found.n_iter_ == expected.n_iter_
    for ours, theirs in zip(losses(found), losses(expected), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-9)
    assert_allclose(found.beta_path(X, BETAS), expected.beta_path(X, BETAS), atol=1e-9)


def assert_together_equals_alone(fits):
    together, alone = fit_together(fits), fit_alone(fits)
    for (_, (X, *_)), found, expected in zip(fits, together, alone, strict=True):
        assert_same_fit(found, expected, X)
    return together


@pytest.fixture
def stacks(monkeypatch):
    """Sizes of the stacks that a test trains."""
    from skbetafd.training import stacked

    sizes = []
    build = stacked._Stack.__init__

    def counted(self, jobs, **options):
        sizes.append(len(jobs))
        build(self, jobs, **options)

    monkeypatch.setattr(stacked._Stack, "__init__", counted)
    return sizes


def test_equal_shapes_are_one_stack_whose_networks_differ(stacks):
    data = rows(60)
    together = assert_together_equals_alone([(make(s, batch_size=16), data) for s in range(3)])
    assert stacks == [3]
    first, second, _ = (classifier.predict_proba(data[0]) for classifier in together)
    assert np.abs(first - second).max() > 1e-3


def lacking(X, modality, which):
    X = [x.copy() for x in X]
    X[modality][which] = np.nan
    return X


def rows_that_lack_modalities():
    (X, y), (other, other_y) = rows(60), rows(55, seed=9)
    some = lacking(X, 1, np.arange(60) % 3 == 0)
    predominant = lacking(other, 0, np.arange(55) < 30)
    data = (some, y), (X, y), (predominant, other_y)
    return [(make(s, batch_size=16), one) for s, one in enumerate(data)]


def batches_in_which_no_row_has_all_modalities():
    X, y = rows(32)
    few = lacking(X, 1, np.arange(32) > 1)
    return [(make(s, batch_size=4), (few, y)) for s in range(3)]


def five_modalities_of_which_rows_lack_some():
    X, y = rows(50, (2, 1, 1, 2, 1))
    some = lacking(X, 3, np.arange(50) % 4 == 0)
    return [(make(s), (some, y)) for s in range(2)]


def sample_weights():
    rng = np.random.default_rng(3)
    fits = [
        (make(s, batch_size=16), (*rows(n), rng.uniform(0.01, 5, n)))
        for s, n in enumerate((50, 60, 49))
    ]
    zeros = (*rows(70), np.where(np.arange(70) < 52, 1.0, 0.0))
    return [*fits, (make(9, batch_size=16), zeros)]


def other_settings():
    settings = [
        {"hidden_dim": 8},
        {"hidden_dim": 6},
        {"learning_rate": 1e-2},
        {"hidden_dim": 6, "random_state": 4},
        {"weight_decay": 0.5},
        {"max_epochs": 2},
        {"learning_rate": 1e-2, "random_state": 3},
        {"hidden_dim": 8, "random_state": 2},
        {"weight_decay": 0.5, "random_state": 8},
    ]
    return [(make(**s), rows(60)) for s in settings]


def mediators(mediator):
    return [(make(s), (*rows(60), None, m)) for s, m in enumerate((mediator, None) * 2)]


def each_with(*parameters, n=60):
    return [(make(**own), rows(n)) for own in parameters]


READING = np.random.default_rng(4).normal(size=60)
STACKS = {
    "numbers of rows": (
        [(make(s, batch_size=16), rows(n, seed=n)) for s, n in enumerate((49, 55, 63, 64))],
        [4],
    ),
    "numbers of rows, no dropout": (
        [(make(s, batch_size=16, dropout=0), rows(n)) for s, n in enumerate((49, 64))],
        [2],
    ),
    "full batches": ([(make(batch_size=-1), rows(n)) for n in (20, 90)], [2]),
    "weights of the losses": (
        each_with(
            {"knowledge_weight": 0.5},
            {"disentangle_weight": 7},
            {"label_weight": 3, "knowledge_weight": 1},
        ),
        [3],
    ),
    "terms that are off": (
        each_with({}, *({f"{n}_weight": 0} for n in ("knowledge", "disentangle", "label"))),
        [],
    ),
    "temperatures": (
        each_with(*({"temperature": t, "random_state": s} for t in (0.1, 1.0) for s in (0, 1))),
        [2, 2],
    ),
    "seeds, with a schedule and clipping": (
        each_with(
            *({"lr_schedule": "cosine", "max_grad_norm": 0.3, "random_state": s} for s in (0, 1)),
            *({"lr_schedule": "constant", "random_state": s} for s in (0, 1)),
        ),
        [2, 2],
    ),
    "dropout": (each_with({"dropout": 0.1}, {"dropout": 0.4}, {"dropout": 0.7}), [3]),
    "no dropout in one": (each_with({"dropout": 0.0}, {"dropout": 0.4}), []),
    "three modalities, predominant ones": (
        [(make(s, predominant=p), rows(50, (2, 2, 2))) for s, p in enumerate((0, 2, 0, 1, 2))],
        [2, 2],
    ),
    "one modality": ([(make(s, beta=0), rows(n, (4,))) for s, n in enumerate((33, 60))], [2]),
    "classes and widths": (
        [(make(), rows(60)), (make(), (rows(60)[0], rows(60)[1] > 0)), (make(), rows(60, (4, 2)))],
        [],
    ),
    "five modalities, of which rows lack some": (five_modalities_of_which_rows_lack_some(), [2]),
    "rows that lack modalities": (rows_that_lack_modalities(), [2]),
    "no complete row": (batches_in_which_no_row_has_all_modalities(), [3]),
    "sample weights": (sample_weights(), [4]),
    "settings, in order": (other_settings(), [2, 2, 2, 2]),
    "categorical mediators": (mediators(np.digitize(READING, [-0.5, 0.5])), [2]),
    "continuous mediators": (mediators(READING), [2]),
}


@pytest.mark.filterwarnings("ignore:.* training rows have all modalities")
@pytest.mark.parametrize("differ", STACKS)
def test_networks_that_differ_are_stacked_where_they_can_be_and_learn_as_alone(differ, stacks):
    fits, sizes = STACKS[differ]
    together = assert_together_equals_alone(fits)
    assert stacks == sizes
    assert [clf.n_iter_ for clf in together] == [clf.max_epochs for clf in together]


def test_members_of_several_classifiers_share_a_stack(stacks):
    X, y = rows(60)
    fits = [(make(s, n_members=n), (X, y)) for s, n in enumerate((3, 1, 2))]
    together = assert_together_equals_alone(fits)
    assert [len(classifier.members_) for classifier in together] == [3, 1, 2]
    assert stacks == [6, 3, 2]


def test_the_network_learns_in_float32_and_its_probabilities_agree():
    X, y = rows(60)
    fits = [(make(s, dtype="float32"), (X, y)) for s in range(2)]
    for found, expected in zip(fit_together(fits), fit_alone(fits), strict=True):
        path = found.beta_path(X, BETAS)
        assert path.dtype == np.float32
        assert_allclose(path, expected.beta_path(X, BETAS), atol=1e-4)


class StopAfter(Callback):
    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epochs:
            raise KeyboardInterrupt


@pytest.mark.parametrize("epochs", [(2, 6, 4, 6), (1, 1, 1, 1)])
def test_a_network_that_a_callback_stops_leaves_the_others_in_peace(epochs, stacks):
    shared = {"max_epochs": 6, "batch_size": 16}
    fits = [
        (make(s, callbacks=[StopAfter(epoch)], **shared), rows(n))
        for s, (epoch, n) in enumerate(zip(epochs, (60, 60, 49, 55), strict=True))
    ]
    together = assert_together_equals_alone(fits)
    assert [classifier.n_iter_ for classifier in together] == list(epochs)
    assert stacks == [4]


def early_stopping(patience=2):
    return EarlyStopping(
        monitor="train_loss", patience=patience, threshold=0.02, sink=lambda _: None
    )


def test_early_stopping_looks_at_each_network_s_own_loss(stacks):
    shared = {"max_epochs": 60, "batch_size": 16, "lr_schedule": "constant"}
    fits = [
        (make(s, callbacks=[("stop", early_stopping())], **shared), rows(60, seed=s))
        for s in range(4)
    ]
    together = assert_together_equals_alone(fits)
    assert len({classifier.n_iter_ for classifier in together}) > 1
    assert max(classifier.n_iter_ for classifier in together) < 60
    assert stacks == [4]


def test_every_member_has_its_own_copy_of_a_callback():
    class StopAtSecondCall(Callback):
        def on_train_begin(self, net, **kwargs):
            self.calls_ = 0

        def on_epoch_end(self, net, **kwargs):
            self.calls_ += 1
            if self.calls_ == 2:
                raise KeyboardInterrupt

    members = make(n_members=3, callbacks=[StopAtSecondCall()]).fit(*rows(60)).members_
    assert [len(member.net.history) for member in members] == [2, 2, 2]


class Spy(Callback):
    """Events, and a parameter at the end of every epoch."""

    def __init__(self):
        self.events, self.values = [], []

    def on_train_begin(self, net, **kwargs):
        self.events.append("train begins")

    def on_epoch_begin(self, net, **kwargs):
        self.events.append("epoch begins")

    def on_epoch_end(self, net, **kwargs):
        self.events.append("epoch ends")
        first = next(net.module_.parameters())
        self.values.append(first.detach().clone().numpy())

    def on_train_end(self, net, **kwargs):
        self.events.append("train ends")


def test_callbacks_see_the_events_and_the_parameters_of_their_network():
    data = rows(60)
    spies = [[Spy(), Spy()], [Spy(), Spy()]]
    alone = [make(s, callbacks=[spy]).fit(*data) for s, spy in enumerate(spies[0])]
    classifiers = [make(s, callbacks=[spy]) for s, spy in enumerate(spies[1])]
    requests = [clf._request(*data, None, None) for clf in classifiers]
    assert len(fit_all(requests)) == len(alone) == 2
    for expected, found in zip(*spies, strict=True):
        assert found.events == expected.events
        assert len(found.values) == 3
        assert_allclose(found.values, expected.values, atol=1e-9)


class OnBatchEnd(Callback):
    def __init__(self):
        self.n_batches = 0

    def on_batch_end(self, net, **kwargs):
        self.n_batches += 1


class OnBatchBegin(Callback):
    def on_batch_begin(self, net, **kwargs):
        pass


class OnGradComputed(Callback):
    def on_grad_computed(self, net, **kwargs):
        pass


@pytest.mark.parametrize("callback", [OnBatchEnd(), OnBatchBegin, ("own", OnGradComputed())])
def test_a_callback_on_batches_is_trained_alone_and_named(callback, capsys, stacks):
    data = rows(60)
    fits = [(make(0), data), (make(1, callbacks=[callback]), data), (make(2), data)]
    together = fit_together(fits, verbose=1)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "by itself" in line]
    assert line.startswith("network 2 of 3") and ("OnBatch" in line or "OnGradComputed" in line)
    assert stacks == [2]
    for found, expected in zip(together, fit_alone(fits), strict=True):
        assert_same_fit(found, expected, data[0])


def test_a_callback_on_batches_sees_every_batch():
    data, spy = rows(60), OnBatchEnd()
    own = make(0, batch_size=16, callbacks=[spy])
    fit_all([own._request(*data, None, None), make(1)._request(*data, None, None)])
    assert spy.n_batches == 3 * 4


def test_nothing_is_said_unless_it_is_asked(capsys):
    data = rows(60)
    fit_together([(make(0), data), (make(1, callbacks=[OnBatchEnd()]), data)])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "make_callback", [lambda _: Freezer("knowledge*"), LoadInitState], ids=["freeze", "load"]
)
def test_a_callback_that_changes_the_network_has_its_effect(make_callback, tmp_path):
    data = rows(60)
    checkpoint = Checkpoint(monitor=None, dirname=tmp_path, f_optimizer=None, f_criterion=None)
    make(5, callbacks=[checkpoint]).fit(*data)
    fits = [(make(s, callbacks=[make_callback(checkpoint)]), data) for s in (0, 1)]
    assert_together_equals_alone(fits)


def test_a_network_that_diverges_is_an_error():
    data = rows(60)
    wild = {"knowledge_weight": 1e308, "disentangle_weight": 1e308}
    with pytest.raises(ValueError, match="diverged in epoch 1"):
        fit_together([(make(0), data), (make(1), data), (make(2, **wild), data)])


def test_a_stack_draws_from_no_global_generator():
    data = rows(60)
    before = torch.get_rng_state()
    first, second = (fit_together([(make(s), data) for s in (0, 1)]) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(first, second, strict=True):
        assert_array_equal(a.predict_proba(data[0]), b.predict_proba(data[0]))
