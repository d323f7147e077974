"""save and load, pickle, joblib, copies: what goes out comes back."""

import copy
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import skbetafd
from skbetafd import FrontDoorMultiModalClassifierCV, overlap
from skbetafd.persistence.model_file import unpack

BETAS = [0, 0.3, 1]


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


@pytest.mark.filterwarnings("ignore::skbetafd.OverlapWarning")
@pytest.mark.parametrize("kind", ["categorical", "continuous"])
def test_a_mediator_network_comes_back(kind, quick, X, y, tmp_path):
    rng = np.random.default_rng(0)
    mediator = (
        rng.integers(3, size=len(y)) if kind == "categorical" else rng.normal(size=(len(y), 2))
    )
    clf = quick(n_mediator_samples=8).fit(X, y, mediator=mediator)
    back = round_trip(clf, tmp_path)
    assert_same(clf, back, X)
    assert str(overlap(clf, X)) == str(overlap(back, X))


def test_rows_that_lack_a_modality_predict_the_same(quick, modalities, y, tmp_path):
    X = {name: array.copy() for name, array in modalities.items()}
    X["audio"][:5], X["video"][5:9] = np.nan, np.nan
    clf = quick().fit(X, y)
    back = round_trip(clf, tmp_path)
    assert_same(clf, back, X)
    assert_same(clf, back, {**X, "audio": None} | {"video": modalities["video"]})


@pytest.mark.parametrize(
    "labels",
    [
        [True, False],
        np.array([3, -1, 7], dtype=np.int16),
        np.array(["a", "bb"], dtype="<U5"),
        np.array(["a", "ü"], dtype=object),
        [1.0, 2.0],
    ],
    ids=["bool", "int16", "str", "object", "float"],
)
def test_labels_keep_their_dtype(labels, quick, X, tmp_path):
    labels = np.asarray(labels)
    y = labels[np.arange(len(X)) % len(labels)]
    clf = quick().fit(X, y)
    back = round_trip(clf, tmp_path)
    assert back.classes_.dtype == clf.classes_.dtype
    assert_same(clf, back, X)


def test_a_frame_keeps_its_names(quick, flat, y, tmp_path):
    columns = [f"audio__{i}" for i in range(4)] + [f"video__{i}" for i in range(3)]
    frame = pd.DataFrame(flat, columns=columns)
    clf = quick().fit(frame, y)
    back = round_trip(clf, tmp_path)
    assert_same(clf, back, frame)
    assert back.feature_names_in_.tolist() == columns
    with pytest.raises(ValueError, match="feature names should match"):
        back.predict(frame[columns[::-1]])


def test_pictures_and_padded_sequences_come_back(quick, y, tmp_path):
    rng = np.random.default_rng(0)
    pictures, sequences = rng.normal(size=(len(y), 9, 9)), rng.normal(size=(len(y), 5, 2))
    sequences[::2, 3:] = np.nan
    X = {"picture": pictures, "sequence": sequences}
    clf = quick(max_epochs=1).fit(X, y)
    assert_same(clf, round_trip(clf, tmp_path), X)


def test_components_of_pictures_come_back(quick, modalities, y, tmp_path):
    X = {**modalities, "picture": np.random.default_rng(0).normal(size=(len(y), 7, 7))}
    clf = quick(max_epochs=1, encoders={"picture": "mlp"}).fit(X, y)
    assert_same(clf, round_trip(clf, tmp_path), X)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_users_module_is_handed_in(frozen, quick, X, y, tmp_path):
    def module():
        return torch.nn.Linear(4, 3).requires_grad_(not frozen)

    clf = quick(encoders={"audio": module()}).fit(X, y)
    clf.save(tmp_path / "model")
    with pytest.raises(skbetafd.ModelFileError, match="pass it by load"):
        skbetafd.load(tmp_path / "model")
    back = skbetafd.load(tmp_path / "model", encoders={"audio": module()})
    assert np.array_equal(back.predict_proba(X), clf.predict_proba(X))
    with pytest.raises(skbetafd.ModelFileError, match=r"module\.weight|size mismatch"):
        skbetafd.load(tmp_path / "model", encoders={"audio": torch.nn.Linear(4, 2)})


def test_a_search_comes_back(X, y, tmp_path):
    small = {"max_epochs": 1, "hidden_dim": 8, "n_references": 8, "random_state": 0}
    search = FrontDoorMultiModalClassifierCV(cv=2, betas=(0, 1.0), **small)
    search.set_params(param_grid={"knowledge_dim": [4, 8]}).fit(X, y)
    back = round_trip(search, tmp_path)
    assert_same(search, back, X)
    assert back.beta_ == search.beta_ and back.best_params_ == search.best_params_
    assert np.array_equal(back.scores_, search.scores_)
    assert back.cv_results_.keys() == search.cv_results_.keys()
    for key, column in search.cv_results_.items():
        assert type(back.cv_results_[key]) is type(column)
        assert np.array_equal(np.asarray(back.cv_results_[key]), np.asarray(column)), key


FOUND = {
    "ints": {"betas": np.array([0, 1])},
    "float32": {"betas": np.linspace(0, 1, 3, dtype=np.float32)},
    "bools": {"betas": [False, True]},
    "bool_": {"param_grid": {"standardize": np.array([True, False])}},
    "rates": {"param_grid": {"learning_rate": np.logspace(-3, -2, 2, dtype=np.float32)}},
    "float16": {"param_grid": {"dropout": np.array([0.1, 0.2], dtype=np.float16)}},
    "widths": {"param_grid": {"hidden_dim": np.array([4, 8])}},
    "device": {"param_grid": {"device": [torch.device("cpu")]}},
    "callbacks": {"param_grid": {"callbacks": [None, []]}},
}


@pytest.mark.parametrize("name", FOUND)
def test_what_numpy_or_torch_made_comes_back_from_a_search(name, X, y, tmp_path):
    search = FrontDoorMultiModalClassifierCV(
        cv=2, max_epochs=1, hidden_dim=8, n_references=8, random_state=0, **FOUND[name]
    ).fit(X, y)
    back = round_trip(search, tmp_path)
    assert np.array_equal(back.predict_proba(X), search.predict_proba(X))
    assert type(search.beta_) is float and back.beta_ == search.beta_
    settings = [*search.cv_results_["params"], search.best_params_]
    for one, two in zip(settings, [*back.cv_results_["params"], back.best_params_], strict=True):
        assert one == two
        assert list(map(type, one.values())) == list(map(type, two.values()))


def test_what_is_left_out_is_said(quick, X, y, tmp_path):
    from skorch.callbacks import EpochScoring

    state = np.random.RandomState(0)
    clf = quick(random_state=state).fit(X, y)
    clf.set_params(memory=str(tmp_path / "m"), callbacks=[EpochScoring("accuracy")])
    with pytest.warns(UserWarning, match="leaves out callbacks, memory, random_state"):
        clf.save(tmp_path / "model")
    back = skbetafd.load(tmp_path / "model")
    assert back.memory is back.callbacks is back.random_state is None
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


def test_an_unfitted_classifier_is_not_saved(quick, tmp_path):
    with pytest.raises(NotFittedError):
        quick().save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


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


@pytest.mark.parametrize("parameters", [{}, {"n_members": 2, "dtype": "float64"}])
def test_pickle_and_copies_are_the_same(parameters, quick, X, y):
    with torch.inference_mode():
        clf = quick(**parameters).fit(X, y)
    for back in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        assert_same(clf, back, X)


def test_a_default_device_is_without_effect_on_save(quick, X, y, tmp_path):
    clf = quick(encoders={"audio": lambda: torch.nn.Linear(4, 3)}).fit(X, y)
    with torch.device("meta"):
        clf.save(tmp_path / "model")
    assert (tmp_path / "model").exists()


def test_saved_under_inference_mode(quick, X, y, tmp_path):
    with torch.inference_mode():
        clf = quick().fit(X, y)
        back = round_trip(clf, tmp_path)
    assert_same(clf, back, X)
    back.partial_fit(X, y)


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


def test_load_says_what_to_install(quick, X, y, tmp_path, monkeypatch):
    quick().fit(X, y).save(tmp_path / "model")
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(ImportError, match=r'pip install "skbetafd\[export\]"'):
        skbetafd.load(tmp_path / "model")
    with warnings.catch_warnings(), pytest.raises(ImportError, match="export"):
        quick().fit(X, y).save(tmp_path / "other")
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_sparse_modality_comes_back(tmp_path):
    rng = np.random.default_rng(0)
    words = sparse.csr_array(rng.random((90, 40)) * (rng.random((90, 40)) < 0.1))
    X = {"words": words, "table": rng.normal(size=(90, 4))}
    clf = skbetafd.FrontDoorMultiModalClassifier(max_epochs=1, hidden_dim=8, random_state=0)
    clf.fit(X, np.arange(90) % 3).save(tmp_path / "model")
    again = skbetafd.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    for one in (clf, again):
        one.partial_fit(X, np.arange(90) % 3)
    np.testing.assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_what_was_fitted_on_a_store_predicts_arrays_and_stores(quick, y, tmp_path):
    rng = np.random.default_rng(0)
    arrays = {"sound": rng.normal(size=(len(y), 4)), "picture": rng.normal(size=(len(y), 9, 9))}
    stores = {}
    for name, array in arrays.items():
        stores[name] = np.memmap(tmp_path / name, dtype=float, mode="w+", shape=array.shape)
        stores[name][:] = array
    clf = quick(max_epochs=1).fit(stores, y)
    clf.save(tmp_path / "model")
    back = skbetafd.load(tmp_path / "model", device="cpu")
    for X in (stores, arrays):
        assert_same(clf, back, X)


@pytest.mark.parametrize(
    "grid",
    [{"n_members": [2]}, {"hidden_dim": [4]}, {"encoders": [{"audio": "linear"}, {1: "mlp"}]}],
    ids=lambda grid: next(iter(grid)),
)
def test_what_a_search_has_found_need_not_be_its_own_parameter(grid, X, y, tmp_path):
    search = FrontDoorMultiModalClassifierCV(
        param_grid=grid, cv=2, betas=[1.0], max_epochs=1, hidden_dim=8, random_state=0
    ).fit(X, y)
    back = round_trip(search, tmp_path)
    assert_same(search, back, X)
    assert back.best_params_ == search.best_params_


def test_encoders_by_position_come_back(quick, X, y, tmp_path):
    clf = quick(encoders={0: torch.nn.Linear(4, 3), 1: "linear"}, encoder_learning_rate={0: 0.01})
    clf.fit(X, y).save(tmp_path / "model")
    with pytest.raises(skbetafd.ModelFileError, match="'audio' is read by a module of the user's"):
        skbetafd.load(tmp_path / "model")
    for key in ("audio", 0):
        module = torch.nn.Linear(4, 3)
        back = skbetafd.load(tmp_path / "model", device="cpu", encoders={key: module})
        assert np.array_equal(back.predict_proba(X), clf.predict_proba(X))
        assert back.encoders == {0: module, 1: "linear"}
        assert back.encoder_learning_rate == {0: 0.01}


def test_load_says_what_is_wrong_with_a_module(quick, X, y, tmp_path):
    def factory():
        return torch.nn.Linear(4, 3)

    frozen = factory().requires_grad_(False)
    quick(encoders={"audio": frozen}).fit(X, y).save(tmp_path / "model")
    for encoders, message in (
        ({"audio": factory}, "'audio' was read by a frozen module: a frozen module is needed"),
        ({"audio": None}, "'audio' needs a torch module, got None"),
        ({"audio": "mlp"}, "'audio' needs a torch module, got 'mlp'"),
        ({"audio": lambda: 5}, "'audio' got 5 from"),
        ({"audio": frozen, "radio": frozen}, "encoders names 'radio'"),
    ):
        with pytest.raises(skbetafd.ModelFileError, match=message):
            skbetafd.load(tmp_path / "model", encoders=encoders)


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


@pytest.fixture
def not_saved(tmp_path):
    """Save; assert on the error, and that the file that is there stays as it is."""
    (tmp_path / "model").write_bytes(b"earlier")

    def check(clf, message):
        with pytest.raises(ValueError, match=message):
            clf.save(tmp_path / "model")
        assert [p.name for p in tmp_path.iterdir()] == ["model"]
        assert (tmp_path / "model").read_bytes() == b"earlier"

    return check


def test_a_parameter_that_load_would_refuse_is_not_saved(quick, X, y, not_saved):
    search = FrontDoorMultiModalClassifierCV(
        cv=2, betas=[0], max_epochs=1, hidden_dim=8, n_references=8, random_state=0
    )
    for clf, changes in ((quick(), INVALID), (search, INVALID_IN_A_SEARCH)):
        clf.fit(X, y)
        for name, value in changes.items():
            changed = copy.copy(clf).set_params(**{name: value})
            not_saved(changed, rf"'{name}' parameter .* Got {re.escape(repr(value))}")
    for name, value in OTHER_THAN_THE_FIT.items():
        not_saved(quick().fit(X, y).set_params(**{name: value}), rf"{name}.*{value}.*fit again")


def test_a_search_over_modules_says_what_can_not_be_saved(X, y, not_saved):
    grid = {"encoders": [{0: torch.nn.Linear(4, 3)}, "linear"]}
    search = FrontDoorMultiModalClassifierCV(
        param_grid=grid, cv=2, betas=[0], max_epochs=1, hidden_dim=8, random_state=0
    )
    not_saved(search.fit(X, y), "search over param_grid can't be saved")


def test_weights_that_load_would_refuse_are_not_saved(quick, X, y, not_saved):
    clf = quick().fit(X, y)
    with torch.no_grad():
        next(clf.module_.parameters()).fill_(torch.nan)
    not_saved(clf, "'members.0.network.*' holds NaN")


class Mine(skbetafd.FrontDoorMultiModalClassifier):
    pass


def test_a_subclass_that_load_can_not_make_is_not_saved(X, y, not_saved):
    not_saved(Mine(max_epochs=1, hidden_dim=8, random_state=0).fit(X, y), "a Mine can't be saved")


def test_a_device_that_other_machines_lack_is_left_out(quick, X, y, tmp_path):
    clf = quick().fit(X, y).set_params(device="cuda:3")
    with pytest.warns(UserWarning, match="leaves out device"):
        clf.save(tmp_path / "model")
    assert skbetafd.load(tmp_path / "model").device == "auto"


class Counting(torch.nn.Linear):
    def get_extra_state(self):
        return {"count": 3}

    def set_extra_state(self, state):
        pass


@pytest.mark.parametrize("frozen", [False, True])
def test_save_names_the_module_whose_state_is_no_tensor(frozen, quick, X, y, not_saved):
    clf = quick(encoders={"video": Counting(3, 3).requires_grad_(not frozen)}).fit(X, y)
    not_saved(clf, "encoders: .*module._extra_state', a dict")


def test_a_module_that_was_changed_after_the_fit_keeps_no_fit_from_being_saved(
    quick, X, y, tmp_path
):
    module = torch.nn.Sequential(torch.nn.Linear(3, 3))
    clf = quick(encoders={"video": module}).fit(X, y)
    module.append(torch.nn.Linear(3, 2))
    clf.save(tmp_path / "model")
    fresh = torch.nn.Sequential(torch.nn.Linear(3, 3))
    back = skbetafd.load(tmp_path / "model", encoders={"video": fresh})
    np.testing.assert_array_equal(back.predict_proba(X), clf.predict_proba(X))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        pytest.param(
            np.arange(2).astype(np.longdouble),
            "float|f16",
            marks=pytest.mark.skipif(np.longdouble(0).itemsize == 8, reason="it is a double here"),
        ),
        (np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"), r"2020-01-01.*y\.astype\(str\)"),
    ],
    ids=["long double", "date"],
)
def test_labels_that_the_file_has_no_form_for_are_refused(labels, message, quick, X, y, not_saved):
    not_saved(quick().fit(X, labels[np.arange(len(y)) % 2]), message)


def test_more_modalities_than_load_takes_are_not_saved(quick, X, y, not_saved, monkeypatch):
    monkeypatch.setattr("skbetafd.persistence.saving.MOST_MODALITIES", 1)
    not_saved(quick().fit(X, y), "2 modalities, .* 1 at most")


def test_a_name_that_utf_8_has_no_bytes_for_is_refused(quick, modalities, y, not_saved):
    X = dict(zip(["a\ud800", "b"], modalities.values(), strict=True))
    not_saved(quick().fit(X, y), r"no Unicode can't be saved: .*\"a\\ud800\"")
