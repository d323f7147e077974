"""Where too few training rows have all modalities, a complete row is predicted by the others."""

import pickle
from copy import copy

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

import skbetafd
from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd.persistence.model_file import unpack

pytestmark = pytest.mark.filterwarnings("ignore:.* training rows have all modalities")

WIDTHS = {"a": 4, "v": 3}


def drawn(n, seed, names=WIDTHS):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    signs = {"a": 1, "v": -1, "w": 0.5}
    X = {m: rng.normal(size=(n, WIDTHS.get(m, 2))) + signs[m] * y[:, None] for m in names}
    return X, y


def with_gaps(X, n_complete, owner=None):
    """Leave each row after the first ones a single modality: the next in turn, or `owner`'s."""
    n, names = len(next(iter(X.values()))), list(X)
    turn = np.arange(n) // 3 % len(names) if owner is None else np.full(n, names.index(owner))
    has = {m: (turn == i) | (np.arange(n) < n_complete) for i, m in enumerate(names)}
    return MultiModalArray(X, present=has)


def quick(**parameters):
    return FrontDoorMultiModalClassifier(**{"max_epochs": 2, "random_state": 0} | parameters)


X_TEST, Y_TEST = drawn(900, 1)


def log_paths(clf, X):
    """At β = 0 and 1: of the rows, and of the rows with each modality withheld."""
    withheld = [clf.log_beta_path({**X, m: None}, [0, 1]) for m in X]
    return clf.log_beta_path(X, [0, 1]), np.array(withheld)


@pytest.mark.parametrize("n_complete", [1, 3, 29])
def test_more_information_predicts_no_worse(n_complete):
    X, y = drawn(600, 0)
    clf = FrontDoorMultiModalClassifier(predominant="a", max_epochs=20, random_state=0)
    clf.fit(with_gaps(X, n_complete), y)
    seeing, doing = (clf.set_params(beta=beta).predict_proba(X_TEST) for beta in (0, 1))
    without_v = clf.set_params(beta=0).predict_proba({**X_TEST, "v": None})
    best = np.mean(without_v.argmax(1) == Y_TEST), log_loss(Y_TEST, without_v)
    for proba, slack in ((seeing, 0.0), (doing, 0.05)):
        assert np.mean(proba.argmax(1) == Y_TEST) > best[0] - slack
        assert log_loss(Y_TEST, proba) < best[1] + slack


CASES = {
    "two": ({}, {}),
    "members": ({"n_members": 2}, {}),
    "stopped": ({"early_stopping": True}, {}),
    "streamed rows of one modality": ({}, {"owner": "v"}),
    "three": ({"predominant": "v"}, {"names": ["a", "v", "w"]}),
}


@pytest.fixture(scope="module", params=CASES)
def fitted(request):
    parameters, rows = CASES[request.param]
    X, y = drawn(240, 0, rows.get("names", WIDTHS))
    return quick(**parameters).fit(with_gaps(X, 6, rows.get("owner")), y), drawn(
        60, 1, rows.get("names", WIDTHS)
    )[0]


@pytest.mark.parametrize("effect", ["conditional", "population"])
def test_log_probabilities_are_at_least_the_mean_of_those_with_a_modality_withheld(fitted, effect):
    clf, X = copy(fitted[0]), fitted[1]
    clf.members_ = clf.members_[:1]  # a mean of several members' probabilities need not be so
    whole, withheld = log_paths(clf.set_params(effect=effect), X)
    n = np.array(clf.module_.counts.others)
    assert (whole >= np.tensordot(n / n.sum(), withheld, 1) - 1e-5).all()


@pytest.mark.parametrize("effect", ["conditional", "population"])
def test_files_pickles_and_exports_predict_the_same(fitted, effect, tmp_path):
    clf, X = fitted
    clf.set_params(effect=effect, beta=0.5)
    clf.save(tmp_path / "model")
    expected = clf.predict_proba(X)
    for back in (skbetafd.load(tmp_path / "model"), pickle.loads(pickle.dumps(clf))):
        assert np.array_equal(back.predict_proba(X), expected)
    rows = [torch.tensor(x, dtype=torch.float32) for x in X.values()]
    for beta, same in zip((0, 0.5, 1), clf.beta_path(X, [0, 0.5, 1]), strict=True):
        np.testing.assert_allclose(clf.to_torch(beta)(*rows)[0], same, atol=1e-5)


@pytest.mark.slow
def test_an_onnx_model_predicts_the_same(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = drawn(240, 0)
    clf = quick(beta=0.5).fit(with_gaps(X, 6), y)
    clf.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    feed = {name: x.astype(np.float32) for name, x in X_TEST.items()}
    found = session.run(["probabilities"], feed)[0]
    np.testing.assert_allclose(found, clf.predict_proba(X_TEST), atol=1e-5)


def described(clf, folder):
    clf.save(folder / "model")
    return unpack((folder / "model").read_bytes())[0]


@pytest.mark.parametrize("n_complete, few", [(29, True), (30, False), (90, False)])
def test_enough_are_30_or_all(n_complete, few, tmp_path):
    X, y = drawn(90, 0)
    assert ("counts" in described(quick().fit(with_gaps(X, n_complete), y), tmp_path)) is few
    X, y = drawn(20, 0)
    assert "counts" not in described(quick().fit(X, y), tmp_path)


def test_rows_of_weight_0_do_not_count():
    X, y = drawn(300, 0)
    weight = np.where(np.arange(300) < 200, 0, 1)  # of 203 complete rows 3 are left
    clf = quick().fit(with_gaps(X, 203), y, sample_weight=weight)
    some = quick().fit(with_gaps(X, 203)[200:], y[200:])
    assert np.array_equal(clf.predict_proba(X_TEST), some.predict_proba(X_TEST))
    whole, withheld = log_paths(clf, X_TEST)
    assert (whole >= withheld.min(axis=0) - 1e-5).all()


def test_a_stream_counts_the_rows_of_all_its_calls(tmp_path):
    X, y = drawn(600, 0)
    X, clf, seen = with_gaps(X, 40), quick(), []
    part = np.random.default_rng(0).permutation(np.arange(600) % 3)
    for i in range(3):  # 14, 12 and 14 complete rows
        clf.partial_fit(X[part == i], y[part == i], classes=[0, 1, 2])
        seen.append("counts" in described(clf, tmp_path))
    assert seen == [True, True, False]


def test_a_stream_goes_on_counting_where_a_fit_or_a_file_ended(tmp_path):
    X, y = drawn(600, 0)
    few, enough = with_gaps(X, 20), with_gaps(X, 40)
    clf = quick().fit(few, y)
    assert clf.partial_fit(few[30:], y[30:]).module_.counts.complete == 20
    clf.save(tmp_path / "model")
    assert skbetafd.load(tmp_path / "model").partial_fit(few, y).module_.counts is None
    assert quick().fit(enough, y).partial_fit(few, y).module_.counts is None
    warm = quick(warm_start=True).fit(enough, y).fit(few, y)
    assert warm.module_.counts.complete == 20
