"""P_0 is what the seeing network says at the temperatures that rows it has not seen ask for."""

import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.metrics import log_loss

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray, load
from skbetafd.fitting import calibration, fit
from skbetafd.fitting.splits import stratified_splits
from skbetafd.nn.seeing_network import SeeingNetwork
from skbetafd.training import stacked

SMALL = {"max_epochs": 2, "hidden_dim": 8, "n_references": 8, "random_state": 0}
OVERFITS = {"max_epochs": 25, "hidden_dim": 32, "dropout": 0.0, "batch_size": 32, "beta": 0}
OVERFITS |= {"learning_rate": 0.01, "lr_schedule": "constant", "random_state": 50}
OVERFITS |= {"n_references": 8}
N = 150


def noisy(n, seed):
    """Rows of which a third have another label than they show."""
    rng = np.random.default_rng(seed)
    shown = np.arange(n) % 3
    X = {name: rng.normal(size=(n, 6)) + shown[:, None] for name in ("a", "v")}
    return X, np.where(rng.random(n) < 1 / 3, rng.integers(0, 3, n), shown)


X, Y = noisy(N, 50)
FRESH, Y_FRESH = noisy(900, 51)
GAPS = MultiModalArray(X, present={"a": np.arange(N) % 5 > 0, "v": np.arange(N) % 5 != 1})
GROUPS = np.arange(N) // 3


def make(**parameters):
    return FrontDoorMultiModalClassifier(**SMALL | parameters)


def temperatures(clf):
    return [member.net.module_.seeing.temperature.tolist() for member in clf.members_]


# P_0 is the seeing network


class Features(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(6, 3)

    def forward(self, x):
        return torch.tanh(self.layer(x))


RNG = np.random.default_rng(52)
SHAPED = {
    "picture": RNG.normal(size=(N, 6, 6)) + Y[:, None, None],
    "sequence": RNG.normal(size=(N, 5, 2)) + Y[:, None, None],
}
WORDS = {"a": sparse.csr_array(np.maximum(X["a"], 0)), "v": X["v"]}
KINDS = {
    "complete": ({}, X, {}),
    "gaps": ({}, GAPS, {}),
    "members, float64": ({"n_members": 2, "dtype": "float64"}, GAPS, {}),
    "early stopping": ({"early_stopping": True}, GAPS, {}),
    "a categorical mediator": ({}, X, {"mediator": Y}),
    "a continuous mediator": ({"n_mediator_samples": 4}, X, {"mediator": X["a"][:, 0]}),
    "pictures and sequences": ({}, SHAPED, {}),
    "a sparse matrix": ({}, WORDS, {}),
    "a module": ({"encoders": {"a": Features()}}, GAPS, {}),
    "linear encoders": ({"encoders": "linear"}, GAPS, {}),
    "weights": ({}, GAPS, {"sample_weight": np.arange(N) % 4}),
    "one modality": ({}, {"a": X["a"]}, {}),
}


@pytest.fixture(scope="module", params=KINDS)
def fitted(request):
    parameters, rows, more = KINDS[request.param]
    return make(**parameters).fit(rows, Y, **more), rows


def test_at_beta_0_predicted_is_what_the_seeing_networks_say(fitted, monkeypatch):
    clf, rows = fitted
    said, forward = [], SeeingNetwork.forward

    def spy(network, *arguments):
        said.append(forward(network, *arguments))
        return said[-1]

    monkeypatch.setattr(SeeingNetwork, "forward", spy)
    proba = copy.copy(clf).set_params(beta=0).predict_proba(rows)
    per_member = torch.cat(said).chunk(len(clf.members_))
    expected = torch.stack([logits.softmax(1) for logits in per_member]).mean(0)
    np.testing.assert_allclose(proba, expected.numpy(), rtol=1e-5, atol=1e-7)


def test_the_temperatures_are_fitted_and_divide_the_logits(fitted):
    clf, rows = fitted
    assert all(t[0] != 1 for t in temperatures(clf))
    other = copy.deepcopy(clf).set_params(beta=0)
    before = np.log(other.predict_proba(rows))
    if len(clf.members_) == 1:
        other.module_.seeing.temperature.mul_(2)
        after = np.log(other.predict_proba(rows))
        ratio = (before - before[:, :1]) - 2 * (after - after[:, :1])
        np.testing.assert_allclose(ratio, 0, atol=1e-4)


@pytest.mark.parametrize("name", ["a", "v"])
@pytest.mark.parametrize("beta", [0, 1])
def test_what_an_absent_modality_holds_is_without_effect(name, beta):
    clf = make(beta=beta).fit(GAPS, Y)
    present = np.arange(N) % 2 > 0
    changed = {**X, name: np.where(present[:, None], X[name], 1e3 * RNG.normal(size=(N, 6)))}
    one, two = (MultiModalArray(rows, present={name: present}) for rows in (X, changed))
    assert_array_equal(clf.predict_proba(one), clf.predict_proba(two))


def test_a_file_keeps_the_temperatures(tmp_path):
    clf = make(n_members=2).fit(GAPS, Y)
    clf.save(tmp_path / "model")
    back = load(tmp_path / "model", device="cpu")
    assert temperatures(back) == temperatures(clf) != [[1.0, 1.0]] * 2
    for beta in (0, 1):
        expected = clf.set_params(beta=beta).predict_proba(GAPS)
        assert_array_equal(back.set_params(beta=beta).predict_proba(GAPS), expected)


# What the temperatures are for


OVERFITTED = {
    "complete": ({}, X, {}),
    "gaps": ({}, GAPS, {}),
    "groups": ({}, X, {"groups": GROUPS}),
    "early stopping": ({"early_stopping": True, "n_iter_no_change": 25}, X, {}),
    "members": ({"n_members": 2}, X, {}),
    "a mediator": ({}, X, {"mediator": Y}),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", OVERFITTED)
def test_an_overfitted_network_is_calibrated_and_its_labels_stay(case):
    parameters, rows, more = OVERFITTED[case]
    with_it, without = (
        FrontDoorMultiModalClassifier(**OVERFITS | parameters, calibrate=c).fit(rows, Y, **more)
        for c in (True, False)
    )
    assert temperatures(without) == [[1.0, 1.0]] * len(without.members_)
    if case != "members":  # whose mean may have another label
        assert_array_equal(with_it.predict(FRESH), without.predict(FRESH))
    loss, before = (log_loss(Y_FRESH, clf.predict_proba(FRESH)) for clf in (with_it, without))
    assert loss < before + 0.02 if case == "early stopping" else loss < before - 0.2
    assert loss < np.log(3)


def test_rows_that_lack_a_modality_have_a_temperature_of_their_own():
    weak = {"a": X["a"], "v": np.random.default_rng(53).normal(size=(N, 30))}
    clf = FrontDoorMultiModalClassifier(**OVERFITS, predominant="a").fit(weak, Y)
    of_all, of_some = temperatures(clf)[0]
    assert of_all != of_some
    less = {"a": FRESH["a"], "v": None}
    own = log_loss(Y_FRESH, clf.predict_proba(less))
    clf.module_.seeing.temperature.fill_(1)
    assert own < log_loss(Y_FRESH, clf.predict_proba(less)) - 0.1


# Which rows they are fitted to


@pytest.fixture
def folds(monkeypatch):
    """Collect the folds of the cross-fitting."""
    seen = []

    def spy(cv, y, groups, seed):
        seen.append((stratified_splits(cv, y, groups, seed), groups))
        return seen[-1][0]

    monkeypatch.setattr(calibration, "stratified_splits", spy)
    return seen


def test_every_row_is_held_out_once_and_no_group_is_cut(folds):
    make().fit(X, Y, groups=GROUPS)
    ((splits, groups),) = folds
    assert_array_equal(np.sort(np.concatenate([held for _, held in splits])), np.arange(N))
    for train, held in splits:
        assert not set(groups[train]) & set(groups[held])


def test_a_group_s_own_mark_is_not_mistaken_for_knowledge():
    groups = np.arange(N) // 10
    marks = 5 * np.random.default_rng(54).normal(size=(15, 20))[groups]
    label = (np.random.default_rng(55).permutation(15) % 3)[groups]
    rows = {"a": marks, "v": X["v"]}
    apart, mixed = (
        FrontDoorMultiModalClassifier(**OVERFITS).fit(rows, label, groups=g) for g in (groups, None)
    )
    assert temperatures(apart)[0][0] > 3 * temperatures(mixed)[0][0]


def test_with_early_stopping_its_held_out_rows_decide(folds):
    clf = make(early_stopping=True).fit(X, Y)
    assert not folds and temperatures(clf) != [[1.0, 1.0]]


def test_of_many_rows_not_all_folds_are_trained(folds, monkeypatch):
    jobs, train = [], stacked.train_all
    monkeypatch.setattr(calibration, "ENOUGH", N // 2)

    def counted(some, *rest, **more):
        jobs.append(len(some))
        return train(some, *rest, **more)

    monkeypatch.setattr(fit, "train_all", counted)
    make().fit(X, Y)
    assert jobs == [2 + 1]


def test_without_calibration_nothing_more_is_trained(folds):
    assert temperatures(make(calibrate=False).fit(X, Y)) == [[1.0, 1.0]]
    assert not folds


@pytest.mark.parametrize("further", ["warm_start", "partial_fit"])
def test_a_further_fit_keeps_the_temperatures(further, folds):
    clf = make(warm_start=further == "warm_start").fit(GAPS, Y)
    before = temperatures(clf)
    other, y = noisy(90, 53)
    (clf.fit if further == "warm_start" else clf.partial_fit)(other, y)
    assert temperatures(clf) == before != [[1.0, 1.0]]
    assert len(folds) == 1


def test_a_stream_from_its_start_has_none():
    clf = make().partial_fit(X, Y, classes=[0, 1, 2])
    assert temperatures(clf) == [[1.0, 1.0]]


@pytest.mark.parametrize(
    "rows",
    [[0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 3, 6, 1], [0, 3, 6, 9, 12, 1]],
    ids=["each label once", "three labels once", "four rows", "a label once", "six rows"],
)
@pytest.mark.parametrize("groups", [None, 0], ids=["no groups", "one group"])
def test_few_rows_do_not_fail(rows, groups):
    label = np.arange(N)[rows] % 3
    some = {name: x[rows] for name, x in X.items()}
    own = None if groups is None else np.zeros(len(rows), dtype=int)
    clf = make(beta=0).fit(some, label, groups=own)
    assert np.isfinite(clf.predict_proba(some)).all()
    if groups is not None or len(set(label)) == len(label):
        assert temperatures(clf) == [[1.0, 1.0]]


def test_a_class_of_one_row_is_no_obstacle():
    label = np.where(np.arange(N) == 7, 3, Y)
    clf = make(beta=0, max_epochs=20, batch_size=16, learning_rate=0.01).fit(X, label)
    assert clf.predict_proba(X).shape == (N, 4)
    assert all(0.01 < t < 100 for t in temperatures(clf)[0])


# How they are computed


@pytest.mark.parametrize("rows", [X, GAPS], ids=["complete", "gaps"])
def test_networks_of_the_folds_learn_stacked_what_they_learn_alone(rows, monkeypatch):
    together = make(dtype="float64", n_members=2).fit(rows, Y)
    monkeypatch.setattr(stacked, "_why_alone", lambda job: "of a test")
    alone = make(dtype="float64", n_members=2).fit(rows, Y)
    np.testing.assert_allclose(temperatures(together), temperatures(alone), rtol=1e-5)


def test_equal_seeds_give_equal_bits_and_the_fits_of_the_folds_move_no_other():
    one, two = (make().fit(GAPS, Y) for _ in range(2))
    assert temperatures(one) == temperatures(two) != temperatures(make(random_state=1).fit(GAPS, Y))
    plain = make(calibrate=False).fit(GAPS, Y)
    values, others = one.module_.state_dict(), plain.module_.state_dict()
    different = {name for name in values if not torch.equal(values[name], others[name])}
    assert different <= {"seeing.temperature"}


def test_the_best_temperature_is_where_the_loss_is_least_and_few_rows_hardly_move_it():
    generator = torch.Generator().manual_seed(50)
    logits = torch.randn(4000, 3, generator=generator, dtype=torch.float64)
    y = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    weight = torch.ones(4000, dtype=torch.float64)
    for factor in (0.2, 1.0, 5.0):
        found = calibration.best_temperature(factor * logits, y, weight)
        assert found == pytest.approx(factor, rel=0.1)
    few = calibration.best_temperature(5 * logits[:1], y[:1], weight[:1])
    assert 0.2 < few < 5


def test_a_further_fit_without_calibration_has_none():
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = {"a": rng.normal(size=(90, 4)) + y[:, None], "v": rng.normal(size=(90, 3))}
    clf = FrontDoorMultiModalClassifier(max_epochs=3, warm_start=True, random_state=0).fit(X, y)
    assert (clf.module_.seeing.temperature != 1).any()
    clf.set_params(calibrate=False).fit(X, y)
    assert (clf.module_.seeing.temperature == 1).all()
