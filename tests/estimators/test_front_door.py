import warnings

import numpy as np
import pytest
import torch
from sklearn import config_context
from sklearn.naive_bayes import GaussianNB

from skbetafd import FrontDoorMultiModalClassifier, VacuousAdjustmentWarning, overlap
from skbetafd.datasets import confound, load_multiple_features
from skbetafd.fitting import trainer
from skbetafd.nn.config import network_config


def make(**parameters):
    defaults = {"max_epochs": 3, "random_state": 0, "predominant": 0, "calibrate": False}
    return FrontDoorMultiModalClassifier(**(defaults | parameters))


def global_numpy_state():
    return np.random.get_state()[1]  # noqa: NPY002 - the global state is what is looked at


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    means = rng.normal(size=(2, 3, 4))
    return [rng.normal(m[y], 1.0) for m in means], y


@pytest.fixture(scope="module")
def digits():
    bunch = load_multiple_features(("kar", "mor"))
    return confound(bunch.data, bunch.target, modality="kar", groups=bunch.groups, random_state=0)


def test_doing_beats_seeing_once_the_confounder_is_broken_and_only_then(digits):
    clf = FrontDoorMultiModalClassifier(random_state=0).fit(digits.train.X, digits.train.y)
    assert clf.predominant_ == "kar"
    assert clf.modality_scores_["kar"] > clf.modality_scores_["mor"] + 0.1

    def accuracy(split):
        path = clf.beta_path(split.X, [0, 1])
        return (clf.classes_[path.argmax(axis=2)] == split.y).mean(axis=1)

    seeing, doing = accuracy(digits.broken)
    assert doing > 0.52 > 0.4 > seeing
    seeing, doing = accuracy(digits.iid)
    assert seeing > 0.75 > 0.65 > doing


def test_doing_keeps_what_knowledge_tells_of_many_classes():
    rng = np.random.default_rng(0)
    y, centres = np.arange(1440) % 24, rng.normal(size=(24, 10))
    clear = centres[y] + 0.3 * rng.normal(size=(1440, 10))
    vague = centres[y, :3] + 1.5 * rng.normal(size=(1440, 3))
    own, others = slice(0, 720), slice(720, None)
    clf = make(predominant=0, max_epochs="auto", calibrate=False)
    clf.fit([clear[own], vague[own]], y[own])
    seeing, doing = (
        clf.beta_path([clear[others], vague[others]], [0, 1]).argmax(axis=2) == y[others]
    )
    assert doing.mean() > seeing.mean() - 0.03


def test_beta_and_effect_are_read_at_prediction(data):
    X, y = data
    clf = make().fit(X, y)
    path = clf.beta_path(X, [0, 0.25, 1])
    assert path.shape == (3, 200, 3)
    for beta, expected in zip((0, 0.25, 1), path, strict=True):
        clf.set_params(beta=beta)
        np.testing.assert_array_equal(clf.predict_proba(X), expected)
        np.testing.assert_array_equal(clf.predict(X), expected.argmax(axis=1))
        np.testing.assert_allclose(np.exp(clf.predict_log_proba(X)), expected, rtol=1e-5)
    population = clf.set_params(effect="population").predict_proba(X)
    assert np.abs(population - path[2]).max() > 1e-3


@pytest.mark.parametrize("make_state", [lambda: 7, lambda: np.random.RandomState(7)])
def test_equal_random_states_give_bitwise_equal_fits_and_touch_no_global_generator(
    make_state, data
):
    X, y = data
    torch_state, numpy_state = torch.get_rng_state(), global_numpy_state()
    fits = [make(random_state=make_state(), n_references=16).fit(X, y) for _ in range(2)]
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, global_numpy_state())
    np.testing.assert_array_equal(*[clf.predict_proba(X) for clf in fits])


CHANGED = {
    "beta": 0.0,
    "encoders": "linear",
    "effect": "population",
    "predominant": 1,
    "seeing": GaussianNB(),
    "hidden_dim": 32,
    "knowledge_dim": 8,
    "context_dim": 8,
    "n_references": 4,
    "knowledge_weight": 0.0,
    "disentangle_weight": 0.0,
    "label_weight": 0.0,
    "temperature": 1.0,
    "dropout": 0.0,
    "standardize": False,
    "max_epochs": 1,
    "batch_size": 16,
    "calibrate": True,
    "learning_rate": 1e-3,
    "weight_decay": 1.0,
    "lr_schedule": "constant",
    "max_grad_norm": 0.1,
    "class_weight": {0: 3.0},
    "early_stopping": True,
    "n_members": 2,
    "dtype": "float64",
    "random_state": 1,
}
CHECKED_ELSEWHERE = set(
    "accelerate callbacks checkpoint_dir device encoder_learning_rate memory modalities "
    "n_iter_no_change n_mediator_samples predict_batch_size seeing validation_fraction verbose "
    "warm_start".split()
)


def test_bfloat16_trains_in_mixed_precision_and_predicts_in_float32(data):
    X, y = data
    mixed = make(dtype="bfloat16", max_epochs=20).fit(X, y)
    single = make(max_epochs=20).fit(X, y)
    assert mixed.predict_log_proba(X).dtype == np.float32
    assert {p.dtype for p in mixed.module_.parameters()} == {torch.float32}
    difference = np.abs(mixed.predict_proba(X) - single.predict_proba(X)).max()
    assert 1e-5 < difference < 0.3
    assert mixed.score(X, y) > single.score(X, y) - 0.05


def test_every_parameter_has_a_test_of_its_effect():
    assert set(CHANGED) | CHECKED_ELSEWHERE == set(FrontDoorMultiModalClassifier().get_params())


@pytest.mark.parametrize("name", CHANGED)
def test_every_parameter_changes_the_prediction(name, data):
    X, y = data
    X = [X[0] * 3 + 1, X[1]]
    own = {"beta": 0} if name in ("calibrate", "seeing") else {}
    base, changed = (
        make(**own | more).fit(X, y).predict_proba(X) for more in ({}, {name: CHANGED[name]})
    )
    assert np.abs(base - changed).max() > 1e-5


@pytest.mark.parametrize(
    "labels",
    [["b", "a", "c"], [True, False], [-3, 7, 20], ["only", "two"], list(range(12))],
    ids=["strings", "booleans", "integers", "two", "twelve"],
)
def test_any_labels_come_back_as_they_were_given(labels):
    rng = np.random.default_rng(0)
    index = np.arange(120) % len(labels)
    y = np.array(labels)[index]
    X = [rng.normal(size=(120, 3)) + 3 * np.eye(12)[index][:, :3], np.eye(12)[index]]
    clf = make(max_epochs=80).fit(X, y)
    assert clf.classes_.tolist() == sorted(labels)
    assert clf.predict(X).dtype == y.dtype
    assert clf.score(X, y) > 0.9


def test_weights_steer_fit_and_score(data):
    X, y = data
    weight = np.where(y == 0, 20.0, 1.0)
    plain, weighted = (make().fit(X, y, sample_weight=w) for w in (None, weight))
    assert (weighted.predict(X) == 0).sum() > (plain.predict(X) == 0).sum()
    assert plain.score(X, y, sample_weight=weight) != plain.score(X, y)


def test_the_history_has_an_entry_an_epoch_with_every_loss(data):
    clf = make(max_epochs=4).fit(*data)
    assert clf.n_iter_ == len(clf.history_) == 4
    scales = {"seeing": 1, "partial": 1, "outcome": 1, "withheld": 1}
    scales |= {"knowledge": 1, "disentangle": 1, "label": 1, "witness": 1, "reconstruction": 1}
    names = ["train_loss", *(f"train_{term}_loss" for term in scales)]
    losses = np.array([[entry[name] for name in names] for entry in clf.history_])
    np.testing.assert_allclose(losses[:, 0], losses[:, 1:] @ list(scales.values()), rtol=1e-5)
    assert losses[-1, 0] < losses[0, 0]


def test_verbose_one_shows_a_bar_and_two_a_row_an_epoch(data, capsys):
    make(verbose=0).fit(*data)
    assert capsys.readouterr() == ("", "")
    make(verbose=1).fit(*data)
    assert "3/3" in capsys.readouterr().err
    make(verbose=2).fit(*data)
    assert "train_loss" in capsys.readouterr().out


@pytest.mark.parametrize("device", ["auto", "cpu", torch.device("cpu")])
def test_the_network_lies_on_the_device(device, data):
    clf = make(device=device).fit(*data)
    expected = "cuda" if device == "auto" and torch.cuda.is_available() else "cpu"
    assert next(clf.module_.parameters()).device.type == expected


def test_the_dtype_is_the_network_s_and_the_probabilities_(data):
    for dtype in ("float32", "float64"):
        clf = make(dtype=dtype).fit(*data)
        assert clf.predict_proba(data[0]).dtype == dtype


def test_more_rows_than_references_are_clustered(data):
    clf = make(n_references=32).fit(*data)
    assert 1 < len(clf.references_.log_mass) <= 32
    assert len(make().fit(*data).references_.log_mass) == 200


def test_of_very_many_rows_a_draw_by_the_random_state_is_clustered(data, quick, monkeypatch):
    X, y = data
    drawn, build = [], trainer.build_references

    def spy(codes, weight, *rest, **options):
        drawn.append((codes.knowledge, weight))
        return build(codes, weight, *rest, **options)

    monkeypatch.setattr(trainer, "build_references", spy)
    weight = np.arange(1.0, len(y) + 1)
    whole = quick().fit(X, y, weight)
    monkeypatch.setattr(trainer, "REFERENCE_ROWS", 50)
    some, again, _ = (quick(random_state=s).fit(X, y, weight) for s in (0, 0, 1))
    of_all, weights = drawn[0]
    rows = [of_all.tolist().index(code) for code in drawn[1][0].tolist()]
    assert len(set(rows)) == 50
    torch.testing.assert_close(drawn[1][1], weights[rows])
    np.testing.assert_array_equal(some.predict_proba(X), again.predict_proba(X))
    assert not np.array_equal(some.predict_proba(X), whole.predict_proba(X))
    assert not torch.equal(drawn[1][1], drawn[3][1])


def test_a_modality_may_be_called_auto(data):
    X, y = data
    clf = make(predominant="auto").fit({"other": X[0], "auto": X[1]}, y)
    assert clf.predominant_ == "auto"
    assert clf.modality_scores_ is None


def test_predominant_is_found_or_named(data):
    X, y = data
    weak = {"noise": np.random.default_rng(1).normal(size=(200, 3)), "signal": X[0]}
    found = make(predominant="auto").fit(weak, y)
    assert found.predominant_ == "signal"
    assert set(found.modality_scores_) == {"noise", "signal"}
    for named in ("noise", 0):
        clf = make(predominant=named).fit(weak, y)
        assert clf.predominant_ == "noise"
        assert clf.modality_scores_ is None


def test_three_modalities_and_a_single_row_are_fine(data):
    X, y = data
    clf = make().fit([X[0], X[1], X[0][:, :1]], y)
    assert clf.predict_proba([X[0][:1], X[1][:1], X[0][:1, :1]]).shape == (1, 3)


def test_refitting_on_other_data_forgets_the_old(data):
    X, y = data
    clf = make().fit({"a": X[0], "b": X[1]}, y)
    clf.fit([X[0][:, :2], X[1]], np.array(["p", "q"])[(y > 0).astype(int)])
    assert clf.modality_names_ == ["modality0", "modality1"]
    assert clf.n_features_in_ == 6
    assert clf.classes_.tolist() == ["p", "q"]


def test_one_modality_warns_that_beta_is_without_effect_unless_it_is_zero(data):
    X, y = data
    with pytest.warns(VacuousAdjustmentWarning, match="X is one modality .'modality0', 4 columns"):
        make().fit(X[0], y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(beta=0).fit(X[0], y)
        make().fit(X, y)


def test_a_large_offset_does_not_drown_the_signal():
    rng = np.random.default_rng(0)
    y = np.arange(300) % 2
    seconds = 1.7e9 + 20.0 * y[:, None] + rng.normal(size=(300, 1))
    X = [seconds, rng.normal(size=(300, 2))]
    assert make(beta=0, max_epochs=20).fit(X, y).score(X, y) > 0.95


@pytest.mark.parametrize("transform_output", ["pandas", "polars"])
def test_sklearn_s_output_setting_is_without_effect(transform_output, data):
    X, y = data
    expected = make(predominant="auto").fit(X, y).predict_proba(X)
    with config_context(transform_output=transform_output):
        found = make(predominant="auto").fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("torch_dtype", [torch.float64, torch.bfloat16])
def test_torch_s_default_dtype_is_without_effect(torch_dtype, data):
    X, y = data
    expected = [make(dtype=d).fit(X, y).predict_proba(X) for d in ("float32", "float64")]
    torch.set_default_dtype(torch_dtype)
    try:
        found = [make(dtype=d).fit(X, y).predict_proba(X) for d in ("float32", "float64")]
    finally:
        torch.set_default_dtype(torch.float32)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_torch_s_modes_and_default_device_are_without_effect(data):
    X, y = data
    expected = make(device="cpu").fit(X, y).predict_proba(X)
    for mode in (torch.inference_mode, torch.no_grad, lambda: torch.device("meta")):
        with mode():
            found = make(device="cpu").fit(X, y).predict_proba(X)
        np.testing.assert_array_equal(found, expected)


AUTOCAST = {
    "plain": {},
    "members": {"n_members": 2},
    "float64": {"dtype": "float64", "effect": "population"},
    "bfloat16": {"dtype": "bfloat16"},
    "frozen": {"encoders": {0: torch.nn.Linear(4, 3).requires_grad_(False)}},
    "stopped": {"early_stopping": True},
}


@pytest.mark.parametrize("name", AUTOCAST)
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_torch_s_autocast_is_without_effect(name, kind, data):
    X, y = data

    def results():
        clf = make(hidden_dim=8, n_references=16, device="cpu", **AUTOCAST[name]).fit(X, y)
        yield clf.predict_proba(X)
        yield from (*clf.codes(X).values(), *clf.modality_codes(X).values())
        yield overlap(clf, X).supported
        if name != "stopped":
            yield clf.partial_fit(X, y).predict_proba(X)

    expected = list(results())
    with torch.autocast("cpu", kind):
        found = list(results())
        assert torch.is_autocast_enabled("cpu")
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_numpy_integers_too_narrow_for_what_is_computed_of_them_are_plain_ones(data):
    _, y = data
    small = {"hidden_dim": 4, "knowledge_dim": 100, "context_dim": 4, "max_epochs": 1}
    small |= {"n_members": 70, "predict_batch_size": 100}
    rows = {"a": np.ones((len(y), 2)), "b": np.ones((len(y), 2)), "c": np.ones((len(y), 2))}
    expected, found = (
        make(**{name: kind(value) for name, value in small.items()}).fit(rows, y)
        for kind in (int, np.int8)
    )
    more = {name: np.resize(array, (150, 2)) for name, array in rows.items()}
    np.testing.assert_array_equal(found.predict_proba(more), expected.predict_proba(more))
    assert all(type(width) is int for width in network_config(found.module_).values() if width)


def test_a_dtype_set_after_the_fit_waits_for_the_next_fit(data):
    clf = make().fit(*data)
    before = clf.predict_proba(data[0])
    np.testing.assert_array_equal(clf.set_params(dtype="float64").predict_proba(data[0]), before)
