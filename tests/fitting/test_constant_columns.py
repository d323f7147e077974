"""A column that varies by rounding alone in the training rows is not scaled to unit variance."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import log_loss
from sklearn.model_selection import PredefinedSplit, cross_val_score

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier
from skbetafd.fitting.scaling import ModalityScaler
from skbetafd.inputs.modality import face
from skbetafd.nn.encoders import Encoding

N = 120
Y = np.arange(2 * N) % 3
RNG = np.random.default_rng(0)
VIDEO = RNG.normal(size=(2 * N, 3)) - Y[:, None]
AUDIO = RNG.normal(size=(2 * N, 4)) + Y[:, None]
TRAIN, TEST = slice(N), slice(N, 2 * N)

NOISY = {
    "float16": (10 + RNG.integers(-1, 2, 2 * N) / 128).astype(np.float16),
    "float32": (1000 + 1e-4 * RNG.normal(size=2 * N)).astype(np.float32),
    "float64": 1000 + 1e-13 * RNG.normal(size=2 * N),
    "int64": 10**17 + RNG.integers(-8, 9, 2 * N),
    "int16": np.full(2 * N, 1000, np.int16),
}


def table(dtype, changed):
    """Four columns that tell, and a constant, which may be another one in half of the test rows."""
    column = NOISY[dtype].copy()
    if changed:
        column[TEST] += (np.arange(N) % 2).astype(dtype)
    told = AUDIO if np.dtype(dtype).kind == "f" else 100 * AUDIO
    return np.hstack([told.astype(dtype), column[:, None]])


def as_map(rows, folder):
    mapped = np.memmap(folder / "rows", rows.dtype, "w+", shape=rows.shape)
    mapped[:] = rows
    return mapped


FORMS = {
    **{dtype: (dtype, lambda rows, folder: rows) for dtype in NOISY},
    "float32 held as float64": ("float32", lambda rows, folder: rows.astype(np.float64)),
    "frame": ("float32", lambda rows, folder: pd.DataFrame(rows, columns=list("abcde"))),
    "frame of float16": ("float16", lambda rows, folder: pd.DataFrame(rows, columns=list("abcde"))),
    "memory map": ("float32", as_map),
    "memory map of float16": ("float16", as_map),
    "sparse": ("float32", lambda rows, folder: sparse.csr_array(rows)),
    "sequence": ("float32", lambda rows, folder: np.repeat(rows[:, None], 3, axis=1)),
}


def loss(model, form, folder):
    """Log-loss on test rows whose column is as in training, and on others."""
    dtype, made = FORMS[form]
    losses = []
    for changed in (False, True):
        audio = table(dtype, changed)
        if not changed:
            model.fit({"audio": made(audio[TRAIN], folder), "video": VIDEO[TRAIN]}, Y[TRAIN])
        X = {"audio": made(audio[TEST], folder), "video": VIDEO[TEST]}
        losses.append(log_loss(Y[TEST], model.predict_proba(X)))
    return losses


@pytest.mark.parametrize("form", FORMS)
def test_what_is_constant_up_to_rounding_in_training_does_not_decide_where_it_changes(
    form, tmp_path
):
    model = FrontDoorMultiModalClassifier(max_epochs=20, random_state=0, predominant="audio")
    as_ever, changed = loss(model, form, tmp_path)
    assert as_ever < 0.9
    assert changed < as_ever + 0.3


@pytest.mark.parametrize(
    "model",
    [
        FusionClassifier(max_epochs=20, random_state=0),
        LateFusionClassifier(max_epochs=20, random_state=0),
        UnimodalClassifier(modality="audio", max_epochs=20, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_the_same_of_baselines(model, tmp_path):
    as_ever, changed = loss(model, "float32", tmp_path)
    assert changed < as_ever + 0.3


def test_a_column_that_one_fold_alone_sees_vary_costs_that_fold_nothing():
    audio = table("float32", changed=True)
    scores = cross_val_score(
        FrontDoorMultiModalClassifier(
            modalities={"audio": range(5), "video": range(5, 8)},
            max_epochs=20,
            random_state=0,
        ),
        np.hstack([audio, VIDEO.astype(np.float32)]),
        Y,
        scoring="neg_log_loss",
        cv=PredefinedSplit(np.where(np.arange(2 * N) < N, -1, 0)),
        error_score="raise",
    )
    assert scores[0] > -0.9


@pytest.mark.parametrize(
    ("column", "spread"),
    [
        (1000 + 0.05 * RNG.normal(size=N).astype(np.float32), 1),
        (1000 + 1e-5 * RNG.normal(size=N), 1),
        (1.7e9 + 256 * RNG.integers(-1, 2, N).astype(np.float32), 1),
        ((1e-3 * RNG.normal(size=N)).astype(np.float32), 1),
        (np.float32(1000) + 2e-5 * RNG.normal(size=N).astype(np.float32), 0),
    ],
    ids=["float32", "float64", "seconds since 1970", "no offset", "rounding"],
)
def test_what_varies_by_more_than_rounding_has_unit_variance(column, spread):
    rows = column[:, None]
    scaler = ModalityScaler.fit(face(rows), np.ones(N), Encoding("mlp", (1,)), standardize=True)
    np.testing.assert_allclose(scaler.transform(rows).std(), spread, atol=2e-3)
