"""What a further fit, a stream, a checkpoint or memory must share with the earlier fit."""

from functools import partial

import numpy as np
import pytest
import torch
import zarr
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from skorch.callbacks import Callback
from torch import nn

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray, load
from skbetafd.fitting.fit_keys import comparable
from skbetafd.inputs import numeric
from skbetafd.inputs.mediator import read_mediator
from skbetafd.inputs.modality import StoredModality

RNG = np.random.default_rng(0)
N = 90
Y = np.arange(N) % 3
A = (RNG.normal(size=(N, 5)) + Y[:, None]).astype(np.float32)
B = RNG.normal(size=(N, 4)) + Y[:, None]
S = RNG.normal(size=(N, 6, 2)) + Y[:, None, None]
P = RNG.normal(size=(N, 6, 6)) + Y[:, None, None]
X = {"a": A, "b": B}


def make(**parameters):
    small = {"max_epochs": 2, "hidden_dim": 8, "knowledge_dim": 4, "context_dim": 4}
    small |= {"calibrate": False}
    small |= {"n_references": 8, "random_state": 0, "batch_size": 32, "predominant": 0}
    return FrontDoorMultiModalClassifier(**(small | parameters))


def frozen(seed, out=6):
    torch_state = torch.get_rng_state()
    torch.manual_seed(seed)
    module = nn.Linear(5, out).requires_grad_(False)
    torch.set_rng_state(torch_state)
    return module


FIRST = {
    "a trained module": (X, {"encoders": {"a": nn.Linear(5, 6)}}),
    "a factory": (X, {"encoders": {"a": partial(nn.Linear, 5, 6)}}),
    "a sequence as it comes": ({"s": S, "b": B}, {"standardize": False}),
    "a frozen module as it comes": (X, {"encoders": {"a": frozen(0)}, "standardize": False}),
}


@pytest.mark.parametrize("case", FIRST)
def test_whatever_reads_the_first_modality_a_fit_can_go_on(case):
    data, parameters = FIRST[case]
    clf = make(**parameters).partial_fit(data, Y, classes=[0, 1, 2]).partial_fit(data, Y)
    assert clf.n_iter_ == 2
    warm = make(warm_start=True, **parameters).fit(data, Y).fit(data, Y)
    assert np.isfinite(warm.predict_proba(data)).all()
    other = not parameters.get("standardize", True)
    with pytest.raises(ValueError, match="standardize"):
        warm.set_params(standardize=other).fit(data, Y)


OTHER_READINGS = {
    "frozen weights": (X, "a", frozen(0), frozen(1), "'a'.*frozen module with other weights"),
    "frozen, then trained": (X, "a", frozen(0), nn.Linear(5, 6), "'a'.*trained module"),
    "another function": (
        X,
        "a",
        nn.Sequential(nn.Linear(5, 6), nn.ReLU()),
        nn.Sequential(nn.Linear(5, 6), nn.Tanh()),
        "(?s)'a'.*Tanh.*ReLU",
    ),
    "a kind of picture": ({"p": P, "b": B}, "p", "sequence", "conv2d", "'conv2d'.*'sequence'"),
    "a kind of table": (X, "a", "mlp", "linear", "'a'.*'linear', the earlier fit by 'mlp'"),
}


@pytest.mark.parametrize("case", OTHER_READINGS)
def test_a_warm_start_with_another_encoder_is_refused_by_the_modality(case):
    data, name, one, two, message = OTHER_READINGS[case]
    clf = make(warm_start=True, encoders={name: one}).fit(data, Y)
    before = clf.predict_proba(data)
    with pytest.raises(ValueError, match=message):
        clf.set_params(encoders={name: two}).fit(data, Y)
    assert_array_equal(clf.predict_proba(data), before)


def test_a_module_that_is_changed_in_place_is_another_one():
    module = frozen(0)
    clf = make(warm_start=True, encoders={"a": module}).fit(X, Y)
    with torch.no_grad():
        module.weight.add_(1)
    with pytest.raises(ValueError, match="other weights"):
        clf.fit(X, Y)


def test_a_loaded_fit_starts_warm(tmp_path):
    pytest.importorskip("safetensors")
    make(warm_start=True).fit(X, Y).save(tmp_path / "model")
    clf = load(tmp_path / "model")
    with pytest.raises(ValueError, match="'linear', the earlier fit by 'mlp'"):
        clf.set_params(encoders="linear").fit(X, Y)
    clf.set_params(encoders="auto").fit(X, Y).partial_fit(X, Y)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16"])
def test_the_precision_may_change_between_calls_of_a_stream(dtype):
    clf = make().partial_fit(X, Y, classes=[0, 1, 2])
    clf.set_params(dtype=dtype).partial_fit(X, Y)
    clf.set_params(dtype="float32").partial_fit(X, Y)
    assert clf.predict_proba(X).dtype == np.float32
    assert clf.n_iter_ == 3


class Interrupt(Callback):
    """Interrupts the second epoch, in which the checkpoint of the first one is there."""

    def on_batch_begin(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


class Nothing(Callback):
    pass


Nothing.__qualname__ = Interrupt.__qualname__


def begun(directory, data=X, y=Y, **parameters):
    clf = make(checkpoint_dir=directory, callbacks=[Interrupt()], **parameters)
    with pytest.raises(KeyboardInterrupt):
        clf.fit(data, y)
    return clf.set_params(callbacks=[Nothing()])


FACTORIES = [lambda: nn.Sequential(nn.Linear(5, 6), nn.ReLU()), lambda: nn.Linear(5, 6)]


class Maker:
    """A factory that has no name."""

    def __init__(self, n):
        self.n = n

    def __call__(self):
        return nn.Linear(5, self.n)


OTHER_FACTORIES = {
    "two lambdas": FACTORIES,
    "partials": [partial(nn.Linear, 5, 6), partial(nn.Linear, 5, 7)],
    "instances": [Maker(6), Maker(7)],
}


@pytest.mark.parametrize("case", OTHER_FACTORIES)
def test_a_checkpoint_knows_what_a_factory_makes(case, tmp_path):
    one, two = OTHER_FACTORIES[case]
    clf = begun(tmp_path, encoders={"a": one})
    with pytest.raises(ValueError, match="of another fit"):
        clf.set_params(encoders={"a": two}).fit(X, Y)
    clf.set_params(encoders={"a": one}).fit(X, Y)


class Half(nn.Module):
    """Has a tensor that NumPy has no type for."""

    def __init__(self, value=1.0):
        super().__init__()
        self.layer = nn.Linear(5, 6)
        self.register_buffer("low", torch.tensor(value, dtype=torch.bfloat16))

    def forward(self, x):
        return self.layer(x) * self.low.to(x.dtype)


def test_a_checkpoint_and_a_warm_start_take_a_bfloat16_tensor(tmp_path):
    module = Half()
    clf = begun(tmp_path, encoders={"a": module}, warm_start=True)
    with torch.no_grad():
        module.low.add_(1)
    with pytest.raises(ValueError, match="of another fit"):
        clf.fit(X, Y)
    with torch.no_grad():
        module.low.sub_(1)
    clf.fit(X, Y).fit(X, Y).partial_fit(X, Y)


def test_a_checkpoint_knows_the_labels(tmp_path):
    clf = begun(tmp_path)
    with pytest.raises(ValueError, match="of another fit"):
        clf.fit(X, np.array(["bird", "car", "rain"])[Y])


def test_a_stream_reads_padding_where_a_prediction_does():
    gap = P.copy()
    gap[:, 4:] = np.nan
    clf = make().partial_fit({"p": P, "b": B}, Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"modality 'p'.*NaN"):
        clf.partial_fit({"p": gap, "b": B}, Y)
    shorter = S.copy()
    shorter[::2, 4:] = np.nan
    clf = make().partial_fit({"s": S, "b": B}, Y, classes=[0, 1, 2])
    clf.partial_fit({"s": shorter, "b": B}, Y).partial_fit({"s": S[:, :4], "b": B}, Y)


@pytest.mark.parametrize("weight", [3.0, np.full(N, 3.0)])
def test_rows_count_by_the_sum_of_their_weights(weight):
    clf = make(n_references=500).partial_fit(X, Y, classes=[0, 1, 2], sample_weight=weight)
    clf.partial_fit(X, Y)
    mass = clf.references_.log_mass.exp()
    assert_allclose(mass[:N].sum(), 0.75, rtol=1e-5)
    clf = make(n_references=500).fit(X, Y, sample_weight=weight).partial_fit(X, Y)
    assert_allclose(clf.references_.log_mass.exp()[:N].sum(), 0.25, rtol=1e-5)
    assert clf._mass == 4 * N


def test_a_stream_refuses_weights_whose_sum_no_float_holds():
    clf = make().fit(X, Y, sample_weight=np.full(N, 1e308))
    for own in (clf, make()):
        with pytest.raises(ValueError, match=r"sum of their weights.*scale sample_weight"):
            own.partial_fit(X, Y, classes=[0, 1, 2], sample_weight=np.full(N, 1e308))


@pytest.mark.parametrize("encoder", [FACTORIES[0], nn.Linear(5, 6)])
def test_memory_is_not_used_with_a_user_s_encoder_and_that_is_said(encoder, tmp_path):
    clf = make(memory=tmp_path, encoders={"a": encoder})
    with pytest.warns(UserWarning, match="memory is not used.*modality 'a'"):
        clf.fit(X, Y)
    assert not list(tmp_path.iterdir())


LEVELS = np.array(["low", "mid", "high"])


def test_the_levels_of_a_mediator_stay_in_the_order_of_the_earlier_fit():
    clf = make(warm_start=True).fit(X, Y, mediator=LEVELS[Y])
    twin = make(warm_start=True).fit(X, Y, mediator=LEVELS[Y])
    turned = np.roll(np.arange(N), 1)
    for own, rows in ((clf, np.arange(N)), (twin, turned)):
        data = {name: value[rows] for name, value in X.items()}
        own.fit(data, Y[rows], mediator=LEVELS[Y][rows])
        assert own._mediator == (False, (("low",), ("mid",), ("high",)))


def test_the_columns_of_a_mediator_follow_the_levels():
    one = read_mediator(LEVELS[Y], np.ones(N))
    other = read_mediator(LEVELS[Y][::-1], np.ones(N)).with_levels_of(one.described())
    assert_array_equal(other.values[::-1], one.values)


OTHER_MEDIATORS = {
    "levels": (np.array(["low", "mid", "top"])[Y], "'low', 'mid', 'high', got 'low', 'mid', 'top'"),
    "numbers": (np.eye(3)[Y] + RNG.normal(size=(N, 3)), "was categorical, got a continuous"),
    "none": (None, "has an observed mediator"),
}


@pytest.mark.parametrize("case", OTHER_MEDIATORS)
def test_a_warm_start_with_another_mediator_is_refused(case):
    mediator, message = OTHER_MEDIATORS[case]
    clf = make(warm_start=True).fit(X, Y, mediator=LEVELS[Y])
    with pytest.raises(ValueError, match=message):
        clf.fit(X, Y, mediator=mediator)


def test_a_loaded_fit_with_a_mediator_does_not_know_its_levels(tmp_path):
    pytest.importorskip("safetensors")
    make(warm_start=True).fit(X, Y, mediator=LEVELS[Y]).save(tmp_path / "model")
    clf = load(tmp_path / "model")
    with pytest.raises(ValueError, match="does not hold the mediator's levels"):
        clf.fit(X, Y, mediator=LEVELS[Y])


def stored(kind, directory, a=A):
    if kind == "sparse":
        return MultiModalArray({"a": sparse.csr_array(a), "b": B})
    if kind == "zarr":
        return MultiModalArray(
            {
                "a": zarr.create_array(store=str(directory / "a.zarr"), data=a, overwrite=True),
                "b": B,
            }
        )
    np.save(directory / "a.npy", a)
    return MultiModalArray({"a": np.load(directory / "a.npy", mmap_mode="r"), "b": B})


KINDS = ["sparse", "zarr", "memmap"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_knows_what_a_store_holds_and_reads_it_in_parts(kind, tmp_path, monkeypatch):
    monkeypatch.setattr("skbetafd.inputs.row_sources.ROWS_AT_ONCE", 40)
    sizes, chunks = [], StoredModality.chunks

    def seen(array):
        for part in chunks(array):
            sizes.append(len(part))
            yield part

    monkeypatch.setattr(StoredModality, "chunks", seen)
    clf = begun(tmp_path / "kept", stored(kind, tmp_path))
    assert sizes == ([] if kind == "sparse" else [40, 40, 10])
    other = A.copy()
    other[7, 2] += 1
    with pytest.raises(ValueError, match="of another fit"):
        clf.fit(stored(kind, tmp_path, other), Y)
    clf.fit(stored(kind, tmp_path), Y)


def test_memory_knows_what_a_store_holds(tmp_path):
    clf = make(memory=tmp_path / "kept")
    first = clf.fit(stored("zarr", tmp_path), Y).predict_proba(X)
    assert_array_equal(clf.fit(stored("zarr", tmp_path), Y).predict_proba(X), first)
    other = clf.fit(stored("zarr", tmp_path, A[::-1].copy()), Y).predict_proba(X)
    assert (other != first).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_modality_starts_warm_and_streams(kind, tmp_path):
    data = stored(kind, tmp_path)
    clf = make(warm_start=True).fit(data, Y).fit(data, Y).partial_fit(data, Y)
    assert clf.n_iter_ == 3


def test_a_stream_refuses_a_stored_modality_that_would_be_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(numeric, "MOST_VALUES", N * 5 - 1)
    with pytest.raises(ValueError, match=r"modality 'a' of shape \(90, 5\).*too large"):
        make().partial_fit(stored("memmap", tmp_path), Y, classes=[0, 1, 2])


@pytest.mark.parametrize("kind", KINDS)
def test_what_processes_must_share_is_known_of_stored_modalities(kind, tmp_path):
    clf = make()
    one = comparable(clf._request(stored(kind, tmp_path), Y, None))
    other = comparable(clf._request(stored(kind, tmp_path, A + 1), Y, None))
    assert {name for name in one if one[name] != other[name]} == {"modality 'a'"}


def test_processes_compare_a_frozen_module_with_a_bfloat16_tensor():
    def prints(value):
        module = frozen(0)
        module.register_buffer("low", torch.tensor(value, dtype=torch.bfloat16))
        return comparable(make(encoders={"a": module})._request(X, Y, None))

    one, other = prints(1.0), prints(2.0)
    assert {name for name in one if one[name] != other[name]} == {"encoder of modality 'a'"}
