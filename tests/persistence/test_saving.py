"""save and load: what goes out comes back, and what load would refuse does not go out."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import EpochScoring

import skbetafd
from skbetafd import FrontDoorMultiModalClassifierCV, ModelFileError, overlap
from skbetafd.persistence.model_file import unpack

BETAS = [0, 0.3, 1]
RNG = np.random.default_rng(0)


def search_of(**parameters):
    small = {"max_epochs": 1, "hidden_dim": 8, "n_references": 8, "random_state": 0}
    return FrontDoorMultiModalClassifierCV(**{"cv": 2, "betas": [0, 1.0]} | small | parameters)


def assert_same(clf, back, X):
    for effect in ("conditional", "population"):
        one, two = (copy.copy(c).set_params(effect=effect) for c in (clf, back))
        assert np.array_equal(one.beta_path(X, BETAS), two.beta_path(X, BETAS))
    assert back.predict(X).dtype == clf.predict(X).dtype
    assert np.array_equal(clf.predict(X), back.predict(X))
    assert back.get_params() == clf.get_params()
    assert clone(back).get_params() == clone(clf).get_params()
    for name in ("predominant_", "modality_scores_", "history_", "n_iter_", "modality_names_"):
        assert getattr(back, name) == getattr(clf, name)


def round_trip(clf, folder, **kwargs):
    path = folder / "model"
    clf.save(path)
    assert [p.name for p in folder.iterdir()] == ["model"]
    return skbetafd.load(path, device="cpu", **kwargs)


SETTINGS = {
    "default": {},
    "members": {"n_members": 2},
    "float64": {"dtype": "float64", "beta": 0.25},
    "bfloat16": {"dtype": "bfloat16"},
    "unscaled": {"standardize": False},
    "linear": {"encoders": {"audio": "linear"}, "predominant": "video"},
    "stopped": {"early_stopping": True, "class_weight": "balanced"},
    "weighted": {
        "class_weight": {"bird": 2.0},
        "modalities": {"audio": slice(4), "video": slice(4, 7)},
    },
    "device": {"device": torch.device("cpu"), "learning_rate": np.float32(0.01)},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_loaded_classifier_is_the_saved_one(name, quick, X, y, tmp_path):
    clf = quick(**SETTINGS[name]).fit(X, y)
    back = round_trip(clf, tmp_path)
    assert_same(clf, back, X)
    assert str(overlap(clf, X)) == str(overlap(back, X))
    for key, code in clf.modality_codes(X).items():
        assert np.array_equal(code, back.modality_codes(X)[key])


def missing(X):
    X = {name: array.copy() for name, array in X.items()}
    X["audio"][:5], X["video"][5:9] = np.nan, np.nan
    return X


def padded(X):
    sequences = RNG.normal(size=(120, 5, 2))
    sequences[::2, 3:] = np.nan
    return {"picture": RNG.normal(size=(120, 9, 9)), "sequence": sequences}


def components(X):
    return {**X, "picture": RNG.normal(size=(120, 7, 7))}


def words(X):
    values = RNG.random((120, 40)) * (RNG.random((120, 40)) < 0.1)
    return {**X, "words": sparse.csr_array(values)}


def frame(X):
    columns = [f"{name}__{i}" for name, rows in X.items() for i in range(rows.shape[1])]
    return pd.DataFrame(np.hstack(list(X.values())), columns=columns)


@pytest.mark.parametrize("changed", [missing, padded, components, words, frame])
def test_every_kind_of_rows_comes_back(changed, quick, modalities, y, tmp_path):
    X = changed(modalities)
    own = {"encoders": {"picture": "mlp"}} if changed is components else {}
    clf = quick(max_epochs=1, **own).fit(X, y)
    back = round_trip(clf, tmp_path)
    assert_same(clf, back, X)
    for one in (clf, back):
        one.partial_fit(X, y)
    assert np.array_equal(back.predict_proba(X), clf.predict_proba(X))
    if changed is words:
        dense = X["words"].toarray()
        dense[3], dense[3, 1] = 0, np.nan  # missing, as a sparse row that stores NaN alone
        X = {**X, "words": dense}
        assert np.array_equal(back.predict_proba(X), clf.predict_proba(X))
    if changed is frame:
        assert back.feature_names_in_.tolist() == X.columns.tolist()
        with pytest.raises(ValueError, match="feature names should match"):
            back.predict(X[X.columns[::-1]])


@pytest.mark.filterwarnings("ignore::skbetafd.OverlapWarning")
@pytest.mark.parametrize("mediator", [RNG.integers(3, size=120), RNG.normal(size=(120, 2))])
def test_a_mediator_network_comes_back(mediator, quick, X, y, tmp_path):
    clf = quick(n_mediator_samples=8).fit(X, y, mediator=mediator)
    back = round_trip(clf, tmp_path)
    assert_same(clf, back, X)
    assert str(overlap(clf, X)) == str(overlap(back, X))


@pytest.mark.parametrize(
    "labels",
    [
        np.array([True, False]),
        np.array([3, -1, 7], dtype=np.int16),
        np.array(["a", "bb"], dtype="<U500"),
        np.array(["a", "ü"], dtype=object),
        np.array([1.0, 2.0]),
    ],
    ids=["bool", "int16", "str", "object", "float"],
)
def test_labels_keep_their_dtype(labels, quick, X, tmp_path):
    clf = quick().fit(X, labels[np.arange(len(X)) % len(labels)])
    back = round_trip(clf, tmp_path)
    assert back.classes_.dtype == clf.classes_.dtype
    assert_same(clf, back, X)


def test_what_was_fitted_on_a_store_predicts_arrays_and_stores(quick, modalities, y, tmp_path):
    stores = {}
    for name, array in modalities.items():
        stores[name] = np.memmap(tmp_path / name, dtype=float, mode="w+", shape=array.shape)
        stores[name][:] = array
    clf = quick(max_epochs=1).fit(stores, y)
    clf.save(tmp_path / "model")
    back = skbetafd.load(tmp_path / "model", device="cpu")
    for X in (stores, modalities):
        assert_same(clf, back, X)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_users_module_is_handed_in(frozen, quick, X, y, tmp_path):
    def module():
        return torch.nn.Linear(4, 3).requires_grad_(not frozen)

    path, own = tmp_path / "model", {0: module(), 1: "linear"}
    clf = quick(encoders=own, encoder_learning_rate={0: 0.01}).fit(X, y)
    clf.save(path)
    for key in ("audio", 0):
        given = module()
        back = skbetafd.load(path, device="cpu", encoders={key: given})
        assert np.array_equal(back.predict_proba(X), clf.predict_proba(X))
        assert back.encoders == {0: given, 1: "linear"}
        assert back.encoder_learning_rate == {0: 0.01}
    for encoders, message in (
        ({}, "'audio' is read by a module of the user's.*pass it by load"),
        ({"audio": torch.nn.Linear(4, 2)}, r"module\.weight|size mismatch"),
        ({"audio": None}, "'audio' needs a torch module, got None"),
        ({"audio": "mlp"}, "'audio' needs a torch module, got 'mlp'"),
        ({"audio": lambda: 5}, "'audio' got 5 from"),
        ({"audio": module(), "radio": module()}, "encoders names 'radio'"),
        ({"audio": module}, "'audio' was read by a frozen module" if frozen else None),
    ):
        if message is not None:
            with pytest.raises(ModelFileError, match=message):
                skbetafd.load(path, encoders=encoders)


def test_a_module_that_was_changed_after_the_fit_keeps_no_fit_from_being_saved(
    quick, X, y, tmp_path
):
    module = torch.nn.Sequential(torch.nn.Linear(3, 3))
    clf = quick(encoders={"video": module}).fit(X, y)
    module.append(torch.nn.Linear(3, 2))
    back = round_trip(clf, tmp_path, encoders={"video": torch.nn.Sequential(torch.nn.Linear(3, 3))})
    np.testing.assert_array_equal(back.predict_proba(X), clf.predict_proba(X))


FOUND = {
    "two": {"param_grid": {"knowledge_dim": [4, 8]}},
    "ints": {"betas": np.array([0, 1])},
    "float32": {"betas": np.linspace(0, 1, 3, dtype=np.float32)},
    "bools": {"betas": [False, True], "param_grid": {"standardize": np.array([True, False])}},
    "rates": {"param_grid": {"learning_rate": np.logspace(-3, -2, 2, dtype=np.float32)}},
    "float16": {"param_grid": {"dropout": np.array([0.1, 0.2], dtype=np.float16)}},
    "widths": {"param_grid": {"hidden_dim": np.array([4])}},
    "members": {"param_grid": {"n_members": [2]}},
    "device": {"param_grid": {"device": [torch.device("cpu")]}},
    "callbacks": {"param_grid": {"callbacks": [None, []]}},
    "encoders": {"param_grid": {"encoders": [{"audio": "linear"}, {1: "mlp"}]}},
}


@pytest.mark.parametrize("name", FOUND)
def test_a_search_comes_back_with_what_numpy_or_torch_made(name, X, y, tmp_path):
    search = search_of(**FOUND[name]).fit(X, y)
    back = round_trip(search, tmp_path)
    if name in ("two", "members", "callbacks", "encoders"):  # parameters without arrays
        assert_same(search, back, X)
    assert np.array_equal(back.predict_proba(X), search.predict_proba(X))
    assert type(search.beta_) is float and back.beta_ == search.beta_
    assert np.array_equal(back.scores_, search.scores_)
    assert back.cv_results_.keys() == search.cv_results_.keys()
    for key, column in search.cv_results_.items():
        assert type(back.cv_results_[key]) is type(column)
        assert np.array_equal(np.asarray(back.cv_results_[key]), np.asarray(column)), key
    settings = [*search.cv_results_["params"], search.best_params_]
    for one, two in zip(settings, [*back.cv_results_["params"], back.best_params_], strict=True):
        assert one == two
        assert list(map(type, one.values())) == list(map(type, two.values()))


def test_what_is_left_out_is_said(quick, X, y, tmp_path):
    clf = quick(random_state=np.random.RandomState(0)).fit(X, y)
    callbacks = [EpochScoring("accuracy")]
    clf.set_params(memory=str(tmp_path / "m"), callbacks=callbacks, device="cuda:3")
    with pytest.warns(UserWarning, match="leaves out callbacks, device, memory, random_state"):
        clf.save(tmp_path / "model")
    back = skbetafd.load(tmp_path / "model")
    assert back.memory is back.callbacks is back.random_state is None and back.device == "auto"
    assert np.array_equal(back.predict_proba(X), clf.predict_proba(X))


def test_a_classifier_goes_on_learning_after_load(quick, X, y, tmp_path):
    clf = quick().fit(X, y)
    back = round_trip(clf, tmp_path)
    before = back.predict_proba(X)
    clf.partial_fit(X, y)
    back.partial_fit(X, y)
    assert np.array_equal(clf.predict_proba(X), back.predict_proba(X))
    assert not np.array_equal(before, back.predict_proba(X))
    assert np.array_equal(clone(back).fit(X, y).predict_proba(X), before)


def test_the_best_epoch_comes_back_whatever_early_stopping_was_set_to_since(quick, X, y, tmp_path):
    clf = quick(early_stopping=True).fit(X, y).set_params(early_stopping=False)
    assert round_trip(clf, tmp_path).best_epoch_ == clf.best_epoch_
    clf.partial_fit(X, y).set_params(early_stopping=True)
    assert not hasattr(round_trip(clf, tmp_path), "best_epoch_")


def test_what_was_loaded_is_saved_with_the_same_content(quick, X, y, tmp_path):
    clf = quick().fit(X, y)
    clf.save(tmp_path / "a")
    skbetafd.load(tmp_path / "a").save(tmp_path / "b")
    (one, tensors), (two, others) = (unpack((tmp_path / name).read_bytes()) for name in "ab")
    assert one == two and tensors.keys() == others.keys()
    assert all(torch.equal(tensors[name], others[name]) for name in tensors)


def test_load_touches_no_global_state(quick, X, y, tmp_path):
    quick().fit(X, y).save(tmp_path / "model")
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    skbetafd.load(tmp_path / "model")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002


def test_a_mode_or_default_device_of_torch_is_without_effect(quick, X, y, tmp_path):
    with torch.inference_mode():
        clf = quick().fit(X, y)
        back = round_trip(clf, tmp_path)
    assert_same(clf, back, X)
    back.partial_fit(X, y)
    clf = quick(encoders={"audio": lambda: torch.nn.Linear(4, 3)}).fit(X, y)
    with torch.device("meta"):
        clf.save(tmp_path / "model")


READ = """
import sys, joblib, numpy as np, skbetafd
X = dict(np.load(sys.argv[1]))
for clf in (joblib.load(sys.argv[2]), skbetafd.load(sys.argv[3])):
    np.testing.assert_array_equal(clf.predict_proba(X), np.load(sys.argv[4]))
print("same")
"""


@pytest.mark.slow
def test_another_process_reads_joblib_and_save(quick, modalities, y, tmp_path):
    clf = quick().fit(modalities, y)
    paths = [str(tmp_path / name) for name in ("X.npz", "clf.joblib", "clf.model", "p.npy")]
    np.savez(paths[0], **modalities)
    joblib.dump(clf, paths[1])
    clf.save(paths[2])
    np.save(paths[3], clf.predict_proba(modalities))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", READ, *paths],
        capture_output=True,
        text=True,
        cwd=Path(skbetafd.__file__).parents[1],
    )
    assert done.stdout == "same\n", done.stderr


def test_save_and_load_say_what_to_install(quick, X, y, tmp_path, monkeypatch):
    clf = quick().fit(X, y)
    clf.save(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    for call in (clf.save, skbetafd.load):
        with pytest.raises(ImportError, match=r"pip install 'skbetafd\[export\]'"):
            call(tmp_path / "model")


@pytest.fixture
def not_saved(tmp_path):
    """Save; assert on the error, and that the file that is there stays as it is."""
    (tmp_path / "model").write_bytes(b"earlier")

    def check(clf, message, error=ValueError):
        with pytest.raises(error, match=message):
            clf.save(tmp_path / "model")
        assert [p.name for p in tmp_path.iterdir()] == ["model"]
        assert (tmp_path / "model").read_bytes() == b"earlier"

    return check


INVALID = {
    "beta": 2,
    "effect": "x",
    "dropout": 9,
    "max_epochs": -1,
    "hidden_dim": 8.0,
    "random_state": -5,
    "dtype": "x",
    "learning_rate": np.nan,
    "lr_schedule": None,
    "predict_batch_size": 0,
    "modalities": "zz",
}
INVALID_IN_A_SEARCH = {"betas": None, "cv": 0, "scoring": 3, "param_grid": 3, "n_jobs": "x"}
OTHER_THAN_THE_FIT = {"n_members": 3, "hidden_dim": 16, "encoders": "linear"}


def test_a_parameter_that_load_would_refuse_is_not_saved(quick, X, y, not_saved):
    clf = quick().fit(X, y)
    for fitted, changes in ((clf, INVALID), (search_of().fit(X, y), INVALID_IN_A_SEARCH)):
        for name, value in changes.items():
            changed = copy.copy(fitted).set_params(**{name: value})
            not_saved(changed, rf"'{name}' parameter .* Got {re.escape(repr(value))}")
    for name, value in OTHER_THAN_THE_FIT.items():
        changed = copy.copy(clf).set_params(**{name: value})
        not_saved(changed, rf"{name}.*{value}.*fit again")


class Mine(skbetafd.FrontDoorMultiModalClassifier):
    pass


class Counting(torch.nn.Linear):
    def get_extra_state(self):
        return {"count": 3}

    def set_extra_state(self, state):
        pass


def test_what_load_can_not_make_is_not_saved(quick, X, y, not_saved, monkeypatch):
    not_saved(quick(), "not fitted", NotFittedError)
    not_saved(Mine(max_epochs=1, random_state=0).fit(X, y), "a Mine can't be saved")
    for frozen in (False, True):
        module = Counting(3, 3).requires_grad_(not frozen)
        clf = quick(encoders={"video": module}).fit(X, y)
        not_saved(clf, "encoders: .*module._extra_state', a dict")
    grid = {"encoders": [{0: torch.nn.Linear(4, 3)}, "linear"]}
    not_saved(search_of(param_grid=grid).fit(X, y), "search over param_grid can't be saved")
    clf = quick().fit(X, y)
    with torch.no_grad():
        next(clf.module_.parameters()).fill_(torch.nan)
    not_saved(clf, "'members.0.network.*' holds NaN")
    monkeypatch.setattr("skbetafd.persistence.saving.MOST_MODALITIES", 1)
    not_saved(quick().fit(X, y), "2 modalities, .* 1 at most")


def test_what_json_has_no_form_for_is_not_saved(quick, X, y, modalities, not_saved):
    days = np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]")
    not_saved(quick().fit(X, days[np.arange(120) % 2]), r"2020-01-01.*y\.astype\(str\)")
    if np.dtype(np.longdouble).itemsize > 8:
        not_saved(quick().fit(X, np.arange(120).astype(np.longdouble) % 2), "f16|float")
    named = dict(zip(["a\ud800", "b"], modalities.values(), strict=True))
    not_saved(quick().fit(named, y), r"no Unicode can't be saved: .*\"a\\ud800\"")
