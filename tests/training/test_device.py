"""Where memory does not reach, fewer rows are predicted, or an error says why."""

import warnings

import numpy as np
import pytest
import torch

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.baselines import FusionClassifier
from skbetafd.estimators import front_door
from skbetafd.nn.front_door import FrontDoorNetwork

REFUSED = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has none. Of the allocated memory"
SMALL = {"max_epochs": 1, "hidden_dim": 8, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(100, 4)), rng.normal(size=(100, 3))], np.arange(100) % 3


def holding(monkeypatch, most):
    """Make the prediction refuse more rows than `most`, as a device does."""
    path = front_door.log_proba_path
    asked = []

    def limited(network, xs, *rest):
        asked.append(len(xs[0]))
        if len(xs[0]) > most:
            raise torch.OutOfMemoryError(REFUSED)
        return path(network, xs, *rest)

    monkeypatch.setattr(front_door, "log_proba_path", limited)
    return asked


@pytest.mark.parametrize("most", [60, 7, 1])
def test_a_prediction_falls_to_rows_that_fit_and_says_how_many(data, monkeypatch, most):
    clf = FrontDoorMultiModalClassifier(**SMALL, dtype="float64").fit(*data)
    expected = clf.predict_proba(data[0])
    asked = holding(monkeypatch, most)
    with pytest.warns(
        UserWarning, match=r"did not hold 65536 rows at once: .* (\d+) at once"
    ) as said:
        found = clf.predict_proba(data[0])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert len(said) == 1
    assert f"Set predict_batch_size={asked[-2]} " in str(said[0].message)
    assert sum(n for n in asked if n <= most) == 100


def test_what_fits_is_predicted_without_a_word(data, monkeypatch):
    clf = FrontDoorMultiModalClassifier(**SMALL, predict_batch_size=7).fit(*data)
    asked = holding(monkeypatch, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.predict(data[0])
    assert asked == [7] * 14 + [2]


def test_a_device_that_holds_not_one_row_is_an_error(data, monkeypatch):
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(*data)
    holding(monkeypatch, 0)
    with pytest.raises(torch.OutOfMemoryError, match=r"one row: CUDA out of memory.*device='cpu'"):
        clf.predict(data[0])


MOST = {
    "torch": (lambda: torch.empty(2**50), "DefaultCPUAllocator: can't allocate memory: you tried"),
    "numpy": (lambda: np.empty(2**50), "Unable to allocate 8.00 PiB"),
}


def refusing(monkeypatch, place, name, ask):
    """Have a function ask for more memory than any machine has."""
    monkeypatch.setattr(place, name, lambda *_, **__: ask())


@pytest.mark.parametrize("library", MOST)
@pytest.mark.slow
def test_the_machine_s_own_memory_is_an_error_that_says_what_to_change(data, monkeypatch, library):
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(*data)
    before = clf.predict_proba(data[0])
    ask, said = MOST[library]
    with monkeypatch.context() as patch:
        refusing(patch, torch.optim.AdamW, "step", ask)
        with pytest.raises(
            MemoryError, match=f"machine's memory does not hold this fit: {said}"
        ) as e:
            clf.fit(*data)
        assert "smaller batch_size" in str(e.value) and "device" not in str(e.value)
    np.testing.assert_array_equal(clf.predict_proba(data[0]), before)
    refusing(monkeypatch, front_door, "log_proba_path", ask)
    with pytest.raises(MemoryError, match=f"does not hold a prediction of one row: {said}") as e:
        clf.predict(data[0])
    assert "device" not in str(e.value)


def test_a_prediction_on_a_cpu_falls_to_rows_that_fit_too(data, monkeypatch):
    clf = FrontDoorMultiModalClassifier(**SMALL, dtype="float64").fit(*data)
    expected = clf.predict_proba(data[0])
    path = front_door.log_proba_path

    def limited(network, xs, *rest):
        torch.empty(2**50 if len(xs[0]) > 30 else 1)
        return path(network, xs, *rest)

    monkeypatch.setattr(front_door, "log_proba_path", limited)
    words = r"machine's memory did not hold .*25 at once"
    with pytest.warns(UserWarning, match=words) as told:
        found = clf.predict_proba(data[0])
    assert told[0].filename == __file__
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_another_error_of_torch_is_none_of_memory(data, monkeypatch):
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(*data)
    asked = []

    def broken(*_):
        asked.append(1)
        raise RuntimeError("mat1 and mat2")

    monkeypatch.setattr(front_door, "log_proba_path", broken)
    with pytest.raises(RuntimeError, match=r"^mat1 and mat2$"):
        clf.predict(data[0])
    assert asked == [1]


def test_codes_and_baselines_fall_to_fewer_rows_too(data, monkeypatch):
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(*data)
    expected = clf.codes(data[0])["knowledge"]
    encode = FrontDoorNetwork.encode

    def limited(self, xs):
        if len(xs[0]) > 30:
            raise torch.OutOfMemoryError(REFUSED)
        return encode(self, xs)

    monkeypatch.setattr(FrontDoorNetwork, "encode", limited)
    with pytest.warns(UserWarning, match="25 at once"):
        found = clf.codes(data[0])["knowledge"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)

    joint = FusionClassifier(**SMALL).fit(*data)
    expected = joint.predict_proba(data[0])
    whole = type(joint)._log_proba

    def narrow(self, arrays):
        if len(arrays[0]) > 30:
            raise torch.OutOfMemoryError(REFUSED)
        return whole(self, arrays)

    monkeypatch.setattr(FusionClassifier, "_log_proba", narrow)
    with pytest.warns(UserWarning, match="25 at once"):
        found = joint.predict_proba(data[0])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "estimator",
    [FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV, FusionClassifier],
)
def test_a_fit_that_the_device_can_t_hold_says_what_to_change(data, monkeypatch, estimator):
    clf = estimator(**SMALL, batch_size=50).fit(*data)
    before = clf.predict_proba(data[0])

    def full(*_, **__):
        raise torch.OutOfMemoryError(REFUSED)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", full)
        with pytest.raises(torch.OutOfMemoryError, match=r"allocate 2\.00 GiB\. The rows") as got:
            clf.fit(*data)
    message = str(got.value)
    assert "50 of them are a batch" in message and "device='cpu'" in message
    np.testing.assert_array_equal(clf.predict_proba(data[0]), before)
