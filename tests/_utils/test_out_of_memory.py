"""Where memory does not reach, fewer rows are predicted, or the error notes what to change."""

import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.baselines import FusionClassifier
from skbetafd.estimators import front_door
from skbetafd.nn.front_door_network import FrontDoorNetwork

SMALL = {"max_epochs": 1, "hidden_dim": 8, "random_state": 0, "dtype": "float64"}
SMALL |= {"calibrate": False}


def full_device():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


FULL = {
    "device": (full_device, torch.OutOfMemoryError),
    "machine, by torch": (lambda: torch.empty(2**50), RuntimeError),
    "machine, by numpy": (lambda: np.empty(2**50), MemoryError),
}


def limit(monkeypatch, place, name, most, ask=full_device):
    """Have a function of rows ask for memory that is not there at more of them than `most`."""
    function, asked = getattr(place, name), []

    def limited(first, xs, *rest):
        asked.append(len(xs[0]) if isinstance(xs, list) else len(xs))
        if asked[-1] > most:
            ask()
        return function(first, xs, *rest)

    monkeypatch.setattr(place, name, limited)
    return asked


@pytest.mark.slow
@pytest.mark.parametrize(
    ("most", "memory"), [(60, "device"), (7, "machine, by torch"), (1, "device")]
)
def test_a_prediction_falls_to_rows_that_fit_and_warns_how_many(X, y, monkeypatch, most, memory):
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(X, y)
    expected = clf.predict_proba(X)
    asked = limit(monkeypatch, front_door, "log_proba_path", most, FULL[memory][0])
    with pytest.warns(UserWarning, match="did not hold 65536 rows") as caught:
        found = clf.predict_proba(X)
    assert_allclose(found, expected, rtol=1e-12)
    (warning,) = caught
    fitting = max(n for n in asked if n <= most)
    assert f"predict_batch_size={fitting} " in str(warning.message)
    assert sum(n for n in asked if n <= most) == len(y)


def test_what_fits_is_predicted_without_a_warning(X, y, monkeypatch):
    clf = FrontDoorMultiModalClassifier(**SMALL, predict_batch_size=7).fit(X, y)
    asked = limit(monkeypatch, front_door, "log_proba_path", 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.predict(X)
    assert asked == [7] * 17 + [1]


@pytest.mark.slow
@pytest.mark.parametrize("memory", FULL)
def test_the_error_of_a_memory_that_holds_not_one_row_notes_what_to_change(
    X, y, monkeypatch, memory
):
    ask, kind = FULL[memory]
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(X, y)
    limit(monkeypatch, front_door, "log_proba_path", 0, ask)
    with pytest.raises(kind) as caught:
        clf.predict(X)
    assert "members or references" in caught.value.__notes__[0]


def test_another_error_of_torch_is_none_of_memory(X, y, monkeypatch):
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(X, y)

    def broken():
        raise RuntimeError("mat1 and mat2")

    asked = limit(monkeypatch, front_door, "log_proba_path", 0, broken)
    with pytest.raises(RuntimeError, match=r"^mat1 and mat2$"):
        clf.predict(X)
    assert asked == [len(y)]


@pytest.mark.slow
def test_codes_and_baselines_fall_to_fewer_rows_too(X, y, monkeypatch):
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(X, y)
    joint = FusionClassifier(**SMALL).fit(X, y)
    expected = clf.codes(X)["knowledge"], joint.predict_proba(X)
    limit(monkeypatch, FrontDoorNetwork, "encode", 30)
    limit(monkeypatch, FusionClassifier, "_log_proba", 30)
    with pytest.warns(UserWarning, match="30 at once"):
        found = clf.codes(X)["knowledge"]
    with pytest.warns(UserWarning, match="30 at once"):
        found = found, joint.predict_proba(X)
    assert_allclose(found[0], expected[0], rtol=1e-12)
    assert_allclose(found[1], expected[1], rtol=1e-12)


@pytest.mark.parametrize(
    "estimator",
    [FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV, FusionClassifier],
)
@pytest.mark.parametrize("memory", FULL)
def test_the_error_of_a_fit_notes_what_to_change(X, y, monkeypatch, memory, estimator):
    ask, kind = FULL[memory]
    clf = estimator(**SMALL, batch_size=50).fit(X, y)
    before = clf.predict_proba(X)
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", lambda *_, **__: ask())
        with pytest.raises(kind) as caught:
            clf.fit(X, y)
    assert "50 of them are a batch" in caught.value.__notes__[0]
    assert_array_equal(clf.predict_proba(X), before)
