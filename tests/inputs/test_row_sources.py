from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest
import torch
import zarr
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import cross_val_predict

from skbetafd import MultiModalArray, modality_contributions
from skbetafd.baselines import FusionClassifier
from skbetafd.fitting.scaling import ModalityScaler
from skbetafd.inputs.numeric import numeric_rows
from skbetafd.inputs.row_sources import RowView
from skbetafd.training.batches import BatchIterator, TrainingTensors

N = 300
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, N)
SOUND = (RNG.normal(size=(N, 6)) + Y[:, None]).astype(np.float32)
IMAGE = (RNG.normal(size=(N, 2, 3)) + 2 * Y[:, None, None]).astype(np.float32)
IMAGE[7] = np.nan
ARRAYS = {"sound": SOUND, "image": IMAGE}


class Slices:
    """A store that reads slices of at most 100 rows, as h5py might, and counts them."""

    def __init__(self, array, most=100):
        self.most = most
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.n_read = 0

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        part = self.array[rows]
        assert len(part) <= self.most
        self.n_read += len(part)
        return part


class Map(np.memmap):
    """A memory map that refuses to be read whole."""

    def __getitem__(self, rows):
        part = super().__getitem__(rows)
        assert not (part.ndim == self.ndim and len(part) > 150), "read whole"
        return part


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("skbetafd.fitting.predominant.PROBE_ROWS", 90)
    monkeypatch.setattr("skbetafd.inputs.row_sources.ROWS_AT_ONCE", 100)
    monkeypatch.setattr("skbetafd.inputs.row_sources.VALUES_AT_ONCE", 1200)
    monkeypatch.setattr("skbetafd.training.batches.AHEAD_VALUES", 1200)


def as_maps(tmp_path, kind=np.memmap):
    maps = {}
    for name, array in ARRAYS.items():
        written = np.memmap(tmp_path / name, array.dtype, "w+", shape=array.shape)
        written[:] = array
        written.flush()
        maps[name] = kind(tmp_path / name, dtype=array.dtype, mode="r", shape=array.shape)
    return maps


def as_zarr(tmp_path, rows=32):
    return {
        name: zarr.create_array(
            store=tmp_path / f"{name}.zarr", data=array, chunks=(rows, *array.shape[1:])
        )
        for name, array in ARRAYS.items()
    }


@pytest.mark.parametrize("kind", ["mlp", "conv1d"])
def test_a_fit_from_a_memory_map_is_bitwise_that_of_the_arrays(tmp_path, quick, kind):
    kwargs = {"random_state": 0, "batch_size": 32, "encoders": {"image": kind}}
    X = as_maps(tmp_path)
    one, two = quick(**kwargs).fit(X, Y), quick(**kwargs).fit(ARRAYS, Y)
    assert one.predominant_ == two.predominant_
    assert_array_equal(one.predict_proba(X), two.predict_proba(ARRAYS))


def test_early_stopping_and_members_are_those_of_the_arrays(tmp_path, quick):
    kwargs = {"random_state": 0, "batch_size": 32, "early_stopping": True, "n_members": 2}
    X = as_maps(tmp_path)
    one, two = quick(**kwargs).fit(X, Y), quick(**kwargs).fit(ARRAYS, Y)
    assert_allclose(one.predict_proba(X), two.predict_proba(ARRAYS), atol=1e-6)


def test_a_memory_map_is_never_read_whole(tmp_path, quick, small_chunks):
    X = MultiModalArray(as_maps(tmp_path, Map))
    model = quick(batch_size=32).fit(X, Y)
    assert model.predict(X).shape == (N,)
    assert cross_val_predict(quick(batch_size=32), X, Y, cv=3).shape == (N,)
    repr(X)


def test_a_store_that_only_slices_is_never_read_whole(quick, small_chunks, monkeypatch):
    monkeypatch.setattr("skbetafd.inputs.row_sources.BLOCK_BYTES", 24 * 20)
    X = MultiModalArray({name: Slices(array) for name, array in ARRAYS.items()})
    model = quick(batch_size=32).fit(X, Y)
    assert model.predict(X).shape == (N,)
    assert cross_val_predict(quick(batch_size=32), X, Y, cv=3).shape == (N,)


def test_each_block_is_read_about_once_an_epoch(monkeypatch):
    monkeypatch.setattr("skbetafd.inputs.row_sources.BLOCK_BYTES", 24 * 10)
    monkeypatch.setattr("skbetafd.inputs.row_sources.CACHE_BYTES", 24 * 60)
    store = Slices(SOUND, most=N)
    batches, _ = epochs_of({"sound": store})
    store.n_read = 0
    list(batches)
    assert N <= store.n_read <= 1.1 * N


def epochs_of(X, batch=32):
    X = MultiModalArray(X)
    arrays = numeric_rows(X, "float32").arrays
    xs = [ModalityScaler(a.shape[1]).training_input(a, "cpu", torch.float32) for a in arrays]
    rows = TrainingTensors(xs, torch.arange(N), torch.ones(N))
    draws = [torch.Generator("cpu").manual_seed(seed) for seed in (0, 1)]
    batches = BatchIterator(
        rows, -(-N // batch), mask_dims=[], dropout=0.0, generator=draws[0], mask_generator=draws[1]
    )
    return batches, rows


def test_every_row_comes_exactly_once_an_epoch_in_another_order(tmp_path):
    batches, _ = epochs_of(as_zarr(tmp_path))
    orders = []
    for _ in range(2):
        seen = list(batches)
        order = torch.cat([batch.y for batch in seen]).numpy()
        assert Counter(order.tolist()) == Counter(range(N))
        assert_array_equal(torch.cat([b.xs[0] for b in seen]).numpy(), SOUND[order])
        image = np.nan_to_num(IMAGE.reshape(N, -1))[order]
        assert_array_equal(torch.cat([b.xs[1] for b in seen]).numpy(), image)
        orders.append(order)
    assert (orders[0] != orders[1]).any()
    assert np.abs(np.diff(orders[0])).mean() > 5


@pytest.mark.slow
def test_a_fit_from_zarr_is_about_as_accurate_and_predicts_as_the_arrays(tmp_path, quick):
    X = as_zarr(tmp_path)
    kwargs = {"random_state": 0, "batch_size": 32, "max_epochs": 15}
    one, two = quick(**kwargs).fit(X, Y), quick(**kwargs).fit(ARRAYS, Y)
    assert abs(one.score(X, Y) - two.score(ARRAYS, Y)) < 0.05
    assert_array_equal(one.predict_proba(X), one.predict_proba(ARRAYS))


def test_rows_of_a_store_are_a_view_that_can_be_pickled_and_cut_again(tmp_path):
    for make in (as_maps, as_zarr):
        (tmp_path / make.__name__).mkdir()
        X = MultiModalArray(make(tmp_path / make.__name__))
        view = X[np.arange(N) % 2 == 0][10:][[5, 1, 1]]
        assert isinstance(view["sound"], RowView)
        assert_array_equal(view["sound"], SOUND[[30, 22, 22]])
        assert_array_equal(pickle.loads(pickle.dumps(view["image"])), IMAGE[[30, 22, 22]])
        assert_array_equal(np.asarray(X[7]), np.r_[SOUND[7], IMAGE[7].ravel()])


def test_weights_of_zero_and_float64_and_integers_are_read(tmp_path, quick):
    counts = zarr.create_array(store=tmp_path / "c", data=(SOUND * 10).astype(np.int16))
    X = {"counts": counts, "image": IMAGE.astype(np.float64)}
    weight = np.where(np.arange(N) % 3, 1.0, 0.0)
    assert quick().fit(X, Y, sample_weight=weight).predict(X).shape == (N,)


def test_what_a_store_holds_is_checked_with_its_row(tmp_path, quick, small_chunks):
    bad = SOUND.copy()
    bad[250, 3] = np.inf
    with pytest.raises(ValueError, match="'sound' contains infinity at row 250, column 3"):
        quick().fit({"sound": Slices(bad), "image": IMAGE}, Y)
    text = np.full((N, 2), "a")
    with pytest.raises(ValueError, match="'sound' holds <U1"):
        quick().fit({"sound": Slices(text), "image": IMAGE}, Y)
    model = quick().fit(ARRAYS, Y)
    with pytest.raises(ValueError, match="rows of shape"):
        model.predict({"sound": SOUND, "image": Slices(IMAGE.reshape(N, 3, 2))})


def test_a_mask_makes_rows_of_a_store_null_in_a_copy(tmp_path, quick):
    present = {"sound": np.arange(N) % 4 > 0}
    zarr_too = MultiModalArray({"sound": as_zarr(tmp_path)["sound"]}, present=present)
    X = MultiModalArray(as_maps(tmp_path), present=present)
    expected = MultiModalArray(ARRAYS, present=present)
    assert_array_equal(X["sound"], expected["sound"])
    assert_array_equal(zarr_too["sound"], expected["sound"])
    assert_array_equal(X.present["sound"], present["sound"])
    one, two = (quick(random_state=0).fit(form, Y) for form in (X, expected))
    assert_array_equal(one.predict_proba(X), two.predict_proba(expected))
    maps, arrays = MultiModalArray(as_maps(tmp_path)), MultiModalArray(ARRAYS)
    of_maps, of_arrays = (
        modality_contributions(one, form, Y, method="missing").values for form in (maps, arrays)
    )
    assert_array_equal(of_maps, of_arrays)


@pytest.mark.parametrize("balancing", [None, "smv", "relearn", "pmr"])
def test_baselines_read_stores(tmp_path, balancing):
    X = as_zarr(tmp_path)
    X["image"] = np.nan_to_num(IMAGE)
    model = FusionClassifier(balancing=balancing, max_epochs=2, hidden_dim=8).fit(X, Y)
    assert model.predict(X).shape == (N,)
