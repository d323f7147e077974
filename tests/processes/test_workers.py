"""Every kind of modality in joblib's workers, where arrays of 1 MB and more are memory maps."""

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import zarr
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch.utils.data import Dataset

from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    PerModality,
)
from skbetafd.baselines import FusionClassifier

N = 120
Y = np.arange(N) % 3
RNG = np.random.default_rng(0)
META = RNG.normal(size=(N, 3)) + Y[:, None]
SMALL = {"max_epochs": 2, "hidden_dim": 8, "random_state": 0, "batch_size": 32}
SMALL |= {"calibrate": False}
WIDTHS = {"below 1 MB": 5, "above 1 MB": 1200}


def numbers(width):
    return RNG.normal(size=(N, width)) + Y[:, None]


def with_gaps(width):
    out = numbers(width)
    out[::7] = np.nan
    return out


def picture(side):
    return numbers(side**2).reshape(N, side, side)


def some(width):
    return numbers(width) * (RNG.random((N, width)) < 0.9)


def words(width):
    filler = "x" * (2 * width)
    return np.array([f"word{label} {filler} t{i % 7}" for i, label in enumerate(Y)])


def mixed(width):
    frame = pd.DataFrame(numbers(width)).add_prefix("c")
    return frame.assign(mood=pd.Categorical(np.resize(["calm", "loud"], N)))


def memory_map(width, folder):
    np.save(folder / "m.npy", numbers(width))
    return np.load(folder / "m.npy", mmap_mode="r")


def store(width, folder):
    return zarr.create_array(store=folder / "m.zarr", data=numbers(width), chunks=(32, width))


class Items(Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return N

    def __getitem__(self, row):
        return {"m": self.rows[row], "meta": META[row]}


def kept(width, folder):
    """A container of which a part is taken."""
    twice = np.concatenate([numbers(width)] * 2)
    np.save(folder / "m.npy", twice)
    mapped = np.load(folder / "m.npy", mmap_mode="r")
    return MultiModalArray({"m": mapped, "meta": np.concatenate([META, META])})[:N]


SCALED = {"meta": StandardScaler()}
BY_NAME = make_column_transformer(
    (OneHotEncoder(), ["mood"]), (StandardScaler(), ["c0", "c1"]), sparse_threshold=0
)
KINDS = {
    "dense": (SCALED, lambda width, _: numbers(width)),
    "dense, scaled": ({"m": StandardScaler()}, lambda width, _: numbers(width)),
    "dense with gaps": ({"m": StandardScaler()}, lambda width, _: with_gaps(width)),
    "sparse": (SCALED, lambda width, _: sparse.csr_array(some(width))),
    "sparse, scaled": (
        {"m": StandardScaler(with_mean=False)},
        lambda width, _: sparse.csc_matrix(some(width)),
    ),
    "a picture": (SCALED, lambda width, _: picture(2 + int(width**0.5))),
    "text": ({"m": TfidfVectorizer()}, lambda width, _: words(width)),
    "text objects": ({"m": TfidfVectorizer()}, lambda width, _: words(width).astype(object)),
    "pandas": (SCALED, lambda width, _: pd.DataFrame(numbers(width)).add_prefix("c")),
    "a frame of kinds": ({"m": BY_NAME}, lambda width, _: mixed(width)),
    "polars": (SCALED, lambda width, _: pl.DataFrame(numbers(width))),
    "a memory map": (SCALED, memory_map),
    "a memory map, scaled": ({"m": StandardScaler()}, memory_map),
    "a slice of a memory map": (SCALED, kept),
    "a store": (SCALED, store),
    "a Dataset": (SCALED, lambda width, _: MultiModalArray(Items(numbers(width)))),
}


def classifier():
    return FrontDoorMultiModalClassifier(**SMALL, n_references=8)


def proba(model, X, n_jobs):
    return cross_val_predict(model, X, Y, cv=2, n_jobs=n_jobs, method="predict_proba")


def grid(model, X, n_jobs):
    betas = {"frontdoormultimodalclassifier__beta": [0, 1]}
    search = GridSearchCV(model, betas, cv=2, n_jobs=n_jobs, scoring="neg_log_loss")
    return search.set_params(error_score="raise").fit(X, Y).cv_results_["mean_test_score"]


TOOLS = {
    "cross-validation": lambda encode, X, n_jobs: proba(
        make_pipeline(encode, classifier()), X, n_jobs
    ),
    "a baseline": lambda encode, X, n_jobs: proba(
        make_pipeline(encode, FusionClassifier(**SMALL)), X, n_jobs
    ),
    "grid search": lambda encode, X, n_jobs: grid(make_pipeline(encode, classifier()), X, n_jobs),
    "the search over β": lambda encode, X, n_jobs: (
        make_pipeline(
            encode,
            FrontDoorMultiModalClassifierCV(
                **SMALL, n_references=8, betas=[0, 1], cv=2, n_jobs=n_jobs
            ),
        )
        .fit(X, Y)
        .predict_proba(X)
    ),
    "without PerModality": lambda encode, X, n_jobs: proba(classifier(), X, n_jobs),
}


def made(kind, size, folder):
    encode, make = KINDS[kind]
    m = make(WIDTHS[size], folder)
    X = m if isinstance(m, MultiModalArray) else MultiModalArray({"m": m, "meta": META})
    return PerModality(encode), X


@pytest.mark.slow
@pytest.mark.parametrize("size", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_two_workers_give_what_one_process_gives_to_the_bit(kind, size, tmp_path):
    encode, X = made(kind, size, tmp_path)
    for name, tool in TOOLS.items():
        if encode.transformer is SCALED or name != "without PerModality":
            assert_array_equal(tool(encode, X, 2), tool(encode, X, 1), err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_container_whose_arrays_have_become_memory_maps_gives_the_same(kind, tmp_path):
    # joblib.load makes of arrays in a container what a worker gets
    encode, X = made(kind, "below 1 MB", tmp_path)
    joblib.dump(X, tmp_path / "X")
    mapped = joblib.load(tmp_path / "X", mmap_mode="r")
    if isinstance(X["m"], np.ndarray) and X["m"].dtype != object:
        assert isinstance(mapped["m"], np.memmap)
    model = make_pipeline(encode, classifier()).fit(X, Y)
    expected = model.predict_proba(X)
    for form in (mapped, MultiModalArray(dict(mapped)), mapped[:]):
        assert_array_equal(clone(model).fit(form, Y).predict_proba(form), expected)
        assert_array_equal(proba(model, form, None), proba(model, X, None))
