import pickle
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd.causal import ContinuousFrontDoorModel
from skbetafd.inputs.mediator import read_mediator
from skbetafd.nn.front_door_network import FrontDoorNetwork
from skbetafd.nn.mediator import MediatorNetwork

LEVELS = np.array(["low", "middle", "high"])


def make(**parameters):
    defaults = {"predominant": "t", "max_epochs": 8, "random_state": 0, "calibrate": False}
    return FrontDoorMultiModalClassifier(**(defaults | parameters))


def quick(**parameters):
    return make(**({"hidden_dim": 8, "n_references": 8, "max_epochs": 2} | parameters))


class Rows(NamedTuple):
    X: dict[str, np.ndarray]
    mediator: np.ndarray
    y: np.ndarray


class Discrete:
    """T = (content, style), whose style shows U; M of content and A; Y of M and U. All exact.

    U, content and A are independent fair coins, the style is U but in a tenth of the rows.
    """

    mediator = np.array(
        [[[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], [[0.1, 0.1, 0.8], [0.8, 0.1, 0.1]]]
    )  # P(m | content, a)
    label = np.array([[0.05, 0.35], [0.2, 0.9], [0.6, 0.95]])  # P(y = 1 | m, u)

    def sample(self, n, randomised=False, seed=0):
        rng = np.random.default_rng(seed)
        u, content, a = rng.integers(0, 2, (3, n))
        style = rng.integers(0, 2, n) if randomised else np.where(rng.random(n) < 0.1, 1 - u, u)
        below = self.mediator[content, a].cumsum(axis=1)[:, :-1]
        m = (rng.random((n, 1)) >= below).sum(axis=1)
        y = (rng.random(n) < self.label[m, u]).astype(int)
        X = {"t": np.stack([content, style], axis=1).astype(float), "a": a[:, None].astype(float)}
        return Rows(X, LEVELS[m], y)

    def exact(self, X, what):
        content, style = X["t"].astype(int).T
        p_u = np.where(style[:, None] == [0, 1], 0.9, 0.1) if what == "seeing" else 0.5
        p_m = self.mediator[content, X["a"][:, 0].astype(int)]
        if what == "population":
            p_m = self.mediator[content].mean(axis=1)
        by_u = p_m @ self.label
        return (by_u * p_u).sum(axis=1)


WORLD = Discrete()


def continuous(n, regime="iid", seed=0):
    rows = ContinuousFrontDoorModel().sample(n, regime=regime, random_state=seed)
    X = {"t": rows.X["predominant"], "a": rows.X["auxiliary"]}
    return Rows(X, rows.mediator, rows.y)


@pytest.fixture(scope="module")
def discrete_fit():
    rows = WORLD.sample(2000)
    return make(max_epochs=15).fit(rows.X, rows.y, mediator=rows.mediator)


@pytest.fixture(scope="module")
def continuous_fit():
    rows = continuous(1500)
    few = {"hidden_dim": 64, "n_references": 64, "n_mediator_samples": 16}
    return make(**few, max_epochs=10).fit(rows.X, rows.y, mediator=rows.mediator)


SMALL = continuous(120, seed=3)
READINGS = {
    "continuous": SMALL.mediator,
    "categorical": LEVELS[np.digitize(SMALL.mediator, [-0.7, 0.7])],
}
readings = pytest.mark.parametrize("kind", READINGS)


# What `fit` reads


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_continuous_and_standardised(dtype):
    values = np.linspace(3, 9, 40).astype(dtype)
    observed = read_mediator(values, np.ones(40))
    assert observed.continuous
    assert observed.values.shape == (40, 1)
    assert observed.values.dtype == float
    exact = values.astype(float)
    assert_allclose(observed.values[:, 0], (exact - exact.mean()) / exact.std())


def test_several_float_columns_are_standardised_apart():
    values = np.random.default_rng(0).normal([5, -2, 0], [1, 10, 0.1], (40, 3))
    expected = (values - values.mean(0)) / values.std(0)
    for form in (values, values.tolist(), pd.DataFrame(values), pl.DataFrame(values)):
        observed = read_mediator(form, np.ones(40))
        assert observed.continuous
        assert_allclose(observed.values, expected)


CATEGORIES = {
    "integers": np.arange(40) % 3,
    "unsigned": (np.arange(40) % 3).astype(np.uint8),
    "strings": np.array(["a", "b", "c"])[np.arange(40) % 3],
    "objects": np.array(["a", "b", "c"], dtype=object)[np.arange(40) % 3],
    "list": ["abc"[i % 3] for i in range(40)],
    "pandas categories": pd.Series(["abc"[i % 3] for i in range(40)], dtype="category"),
    "pandas categories of floats": pd.Series([i % 3 / 2 for i in range(40)], dtype="category"),
    "pandas nullable integers": pd.Series(np.arange(40) % 3, dtype="Int64"),
    "polars": pl.Series(["abc"[i % 3] for i in range(40)]),
    "one column": (np.arange(40) % 3)[:, None],
}


@pytest.mark.parametrize("name", CATEGORIES)
def test_whatever_is_no_float_is_a_category(name):
    observed = read_mediator(CATEGORIES[name], np.ones(40))
    assert not observed.continuous
    assert observed.values.shape == (40, 3)
    assert_array_equal(
        observed.values @ observed.values.T, np.equal.outer(*[np.arange(40) % 3] * 2)
    )


def test_booleans_are_two_levels():
    observed = read_mediator(np.arange(40) % 3 == 0, np.ones(40))
    assert not observed.continuous
    assert_array_equal(np.unique(observed.values.argmax(1)), [0, 1])


def test_several_columns_of_categories_are_one_mediator_of_their_joint_levels():
    first, second = np.arange(40) % 2, np.arange(40) % 3
    frame = {"first": first, "second": np.array(["a", "b", "c"])[second]}
    joint = np.equal.outer(*[np.arange(40) % 6] * 2)
    for form in (np.stack([first, second], 1), pd.DataFrame(frame), pl.DataFrame(frame)):
        observed = read_mediator(form, np.ones(40))
        assert not observed.continuous
        assert observed.values.shape == (40, 6)
        assert_array_equal(observed.values @ observed.values.T, joint)


FLOATS = np.linspace(0, 1, 40)
BAD = {
    "too short": (FLOATS[:39], ValueError, r"mediator must have shape \(40,\) or \(40, k\)"),
    "three axes": (np.zeros((40, 2, 2)), ValueError, r"got \(40, 2, 2\)"),
    "a scalar": (1.0, ValueError, r"got \(\)"),
    "no column": (np.zeros((40, 0)), ValueError, "mediator has 0 features"),
    "NaN": (np.where(FLOATS > 0.99, np.nan, FLOATS), ValueError, "mediator contains NaN at row 39"),
    "infinity": (np.where(FLOATS == 0, np.inf, FLOATS), ValueError, "contains infinity at row 0"),
    "NaN among strings": (
        np.array(["a", "b", np.nan, "a"] * 10, object),
        ValueError,
        "NaN at row 2",
    ),
    "None": (np.array(["a", None] * 20, object), ValueError, "mediator contains None at row 1"),
    "complex": (FLOATS * 1j, TypeError, "mediator, row 0"),
    "dates": (np.array(["2026-01-01", "2026-01-02"] * 20, "M8[D]"), TypeError, "mediator, row 0"),
    "a constant": (
        np.stack([FLOATS, np.ones(40)], 1),
        ValueError,
        r"mediator column 1 is constant .*1\.0.*: nothing goes through it",
    ),
    "one level": (["a"] * 40, ValueError, r"mediator has one level, \('a',\): nothing goes"),
    "unique levels": (np.arange(40), ValueError, "mediator has 40 levels in 40 rows; pass floats"),
    "a column of either kind": (
        pd.DataFrame({"x": FLOATS, "y": ["a", "b"] * 20}),
        ValueError,
        "mediator mixes continuous and categorical columns; pass one kind, got .*float64",
    ),
    "sparse": (sparse.csr_matrix(FLOATS[:, None]), TypeError, "mediator is a sparse matrix"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_failed_fit_leaves_the_estimator_as_it_was(name):
    value, error, message = BAD[name]
    X = {key: x[:40] for key, x in SMALL.X.items()}
    fresh = quick()
    before = dict(vars(fresh))
    with pytest.raises(error, match=message):
        fresh.fit(X, SMALL.y[:40], mediator=value)
    assert vars(fresh) == before


@readings
def test_the_user_s_mediator_is_left_alone(kind):
    mediator = READINGS[kind].copy()
    mediator.flags.writeable = False
    quick().fit(SMALL.X, SMALL.y, mediator=mediator)
    assert_array_equal(mediator, READINGS[kind])


# Seeing and doing


def losses(clf, rows):
    return [log_loss(rows.y, proba) for proba in clf.beta_path(rows.X, [0, 1])]


def test_doing_beats_seeing_through_a_categorical_mediator_where_t_is_randomised_and_only_there(
    discrete_fit,
):
    seeing, doing = losses(discrete_fit, WORLD.sample(4000, seed=1))
    assert seeing < doing - 0.05
    seeing, doing = losses(discrete_fit, WORLD.sample(4000, randomised=True, seed=1))
    assert doing < seeing - 0.05


def test_doing_beats_seeing_through_a_continuous_mediator_where_t_is_randomised_and_only_there(
    continuous_fit,
):
    seeing, doing = losses(continuous_fit, continuous(2000, seed=1))
    assert seeing < doing - 0.05
    seeing, doing = losses(continuous_fit, continuous(2000, "randomised", seed=1))
    assert doing < seeing - 0.05


def test_a_categorical_mediator_gives_the_exact_seeing_doing_and_population_effect(discrete_fit):
    X = WORLD.sample(400, seed=2).X
    seeing, doing = discrete_fit.beta_path(X, [0, 1])[:, :, 1]
    population = clone_fit(discrete_fit, effect="population").predict_proba(X)[:, 1]
    errors = [
        np.abs(ours - WORLD.exact(X, what)).max()
        for ours, what in ((seeing, "seeing"), (doing, "doing"), (population, "population"))
    ]
    assert max(errors) < 0.1
    gap = np.abs(WORLD.exact(X, "doing") - WORLD.exact(X, "population"))
    assert np.abs(doing - population).max() > gap.max() - 0.15 > 0.05


def test_a_continuous_mediator_comes_nearer_the_exact_effect_than_seeing_does(continuous_fit):
    X = continuous(1000, "randomised", seed=2).X
    exact = ContinuousFrontDoorModel().proba_doing(X["t"], X["a"])
    seeing, doing = (np.abs(p - exact).mean() for p in continuous_fit.beta_path(X, [0, 1]))
    assert doing < 0.08
    assert seeing > 2 * doing


def clone_fit(clf, **parameters):
    return pickle.loads(pickle.dumps(clf)).set_params(**parameters)


def test_the_population_effect_is_the_same_whatever_the_auxiliary(discrete_fit, continuous_fit):
    for clf, rows in ((discrete_fit, WORLD.sample(60, seed=4)), (continuous_fit, SMALL)):
        X = {name: value[:60] for name, value in rows.X.items()}
        swapped = {**X, "a": X["a"][::-1]}
        population = clone_fit(clf, effect="population")
        assert_allclose(population.predict_proba(X), population.predict_proba(swapped), atol=1e-5)
        assert np.abs(clf.predict_proba(X) - clf.predict_proba(swapped)).max() > 0.1
        assert np.abs(clf.predict_proba(X) - population.predict_proba(X)).max() > 0.05


@readings
@pytest.mark.parametrize("effect", ["conditional", "population"])
def test_beta_is_read_at_prediction_and_the_path_is_linear_in_it(kind, effect):
    clf = quick(effect=effect).fit(SMALL.X, SMALL.y, mediator=READINGS[kind])
    path = clf.beta_path(SMALL.X, [0, 0.4, 1])
    assert_allclose(path[1], 0.6 * path[0] + 0.4 * path[2], atol=1e-6)
    assert_allclose(path.sum(axis=2), 1, rtol=1e-6)
    for beta, expected in zip((0, 0.4, 1), path, strict=True):
        assert_array_equal(clf.set_params(beta=beta).predict_proba(SMALL.X), expected)


def test_the_number_of_mediator_samples_matters_for_a_continuous_mediator_alone():
    for kind, matters in (("continuous", True), ("categorical", False)):
        few, many = (
            quick(n_mediator_samples=n).fit(SMALL.X, SMALL.y, mediator=READINGS[kind])
            for n in (2, 32)
        )
        gap = np.abs(few.predict_proba(SMALL.X) - many.predict_proba(SMALL.X)).max()
        assert (gap > 1e-4) == matters


@pytest.mark.parametrize("name", ["knowledge_weight", "disentangle_weight", "label_weight"])
def test_the_weights_of_the_learned_knowledge_are_not_used(name):
    first, second = (
        quick(**{name: w}).fit(SMALL.X, SMALL.y, mediator=SMALL.mediator) for w in (0.0, 5.0)
    )
    assert_array_equal(first.predict_proba(SMALL.X), second.predict_proba(SMALL.X))


@readings
def test_the_unit_of_a_mediator_and_the_names_of_its_levels_are_without_effect(kind):
    other = 1000 * SMALL.mediator - 7 if kind == "continuous" else READINGS[kind].astype("U1")
    fits = [quick().fit(SMALL.X, SMALL.y, mediator=m) for m in (READINGS[kind], other)]
    first, second = (clf.predict_proba(SMALL.X) for clf in fits)
    assert_allclose(first, second, atol=1e-4)


@pytest.mark.filterwarnings("ignore:X is one modality")
@pytest.mark.parametrize("effect", ["conditional", "population"])
@readings
def test_one_modality_is_pearl_s_front_door_and_beta_has_an_effect(kind, effect):
    X = {"t": SMALL.X["t"]}
    clf = make(effect=effect).fit(X, SMALL.y, mediator=READINGS[kind])
    path = clf.beta_path(X, [0, 1])
    assert_allclose(path.sum(axis=2), 1, rtol=1e-6)
    assert np.abs(path[0] - path[1]).max() > 0.05


def test_one_modality_with_a_mediator_is_no_vacuous_adjustment():
    quick().fit({"t": SMALL.X["t"]}, SMALL.y, mediator=SMALL.mediator)  # a warning is an error


# Weights


@readings
def test_a_row_of_weight_zero_is_left_out_whatever_its_mediator(kind):
    X, y, mediator = SMALL.X, SMALL.y, READINGS[kind]
    weight = (np.arange(120) >= 10).astype(float)
    strange = mediator.astype("U9") if kind == "categorical" else mediator.copy()
    strange[:10] = "strange" if kind == "categorical" else 1e6
    fits = [
        quick().fit({k: x[10:] for k, x in X.items()}, y[10:], mediator=mediator[10:]),
        quick().fit(X, y, sample_weight=weight, mediator=mediator),
        quick().fit(X, y, sample_weight=weight, mediator=strange),
    ]
    without, plain, odd = (clf.predict_proba(X) for clf in fits)
    assert_allclose(plain, without, atol=1e-6)
    assert_allclose(odd, without, atol=1e-6)


@pytest.mark.parametrize("mediator", [np.arange(120) * (np.arange(120) < 9.0), np.arange(120) < 9])
def test_a_mediator_that_is_constant_in_the_rows_that_count_is_an_error(mediator):
    weight = (np.arange(120) >= 9).astype(float)
    with pytest.raises(ValueError, match="nothing goes through it"):
        quick().fit(SMALL.X, SMALL.y, sample_weight=weight, mediator=mediator)


# scikit-learn


@readings
@pytest.mark.parametrize("routing", [True, False])
def test_a_search_over_beta_passes_each_fold_its_mediators(kind, routing):
    X, y, mediator = MultiModalArray(SMALL.X), SMALL.y, READINGS[kind]
    cv = StratifiedKFold(2)
    with config_context(enable_metadata_routing=routing):
        clf = quick().set_fit_request(mediator=True) if routing else quick()
        grid = {"beta": [0.0, 1.0]}
        search = GridSearchCV(clf, grid, cv=cv, scoring="neg_log_loss", error_score="raise")
        search.fit(X, y, mediator=mediator)
    assert isinstance(search.best_estimator_.module_, MediatorNetwork)
    expected = fold_losses(X, y, mediator, cv)
    scores = np.stack([search.cv_results_[f"split{i}_test_score"] for i in range(2)])
    assert_allclose(scores, -expected, rtol=1e-5)


def fold_losses(X, y, mediator, cv):
    out = []
    for train, test in cv.split(np.zeros(len(y)), y):
        clf = quick().fit(X[train], y[train], mediator=mediator[train])
        out.append([log_loss(y[test], p) for p in clf.beta_path(X[test], [0, 1])])
    return np.array(out)


@readings
def test_a_pickled_classifier_predicts_the_same_and_needs_no_mediator(kind):
    clf = quick().fit(SMALL.X, SMALL.y, mediator=READINGS[kind])
    again = pickle.loads(pickle.dumps(clf))
    betas = [0, 0.5, 1]
    assert_array_equal(again.beta_path(SMALL.X, betas), clf.beta_path(SMALL.X, betas))
    for effect in ("conditional", "population"):
        first, second = (c.set_params(effect=effect).predict(SMALL.X) for c in (clf, again))
        assert_array_equal(first, second)


def test_a_refit_without_a_mediator_goes_back_to_learned_knowledge():
    never = quick().fit(SMALL.X, SMALL.y)
    clf = quick().fit(SMALL.X, SMALL.y, mediator=SMALL.mediator)
    assert isinstance(clf.module_, MediatorNetwork)
    clf.fit(SMALL.X, SMALL.y)
    assert isinstance(clf.module_, FrontDoorNetwork)
    assert_array_equal(clf.predict_proba(SMALL.X), never.predict_proba(SMALL.X))
    lacking = {**SMALL.X, "a": None}
    assert_array_equal(clf.predict_proba(lacking), never.predict_proba(lacking))


@readings
@pytest.mark.parametrize("device", ["plain", "meta"])
def test_torch_s_default_dtype_and_device_are_without_effect(kind, device):
    expected = quick(device="cpu").fit(SMALL.X, SMALL.y, mediator=READINGS[kind])
    expected = expected.predict_proba(SMALL.X)
    torch.set_default_dtype(torch.float64 if device == "plain" else torch.float32)
    try:
        with torch.device("cpu" if device == "plain" else device):
            clf = quick(device="cpu").fit(SMALL.X, SMALL.y, mediator=READINGS[kind])
            found = clf.predict_proba(SMALL.X)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_array_equal(found, expected)


@readings
@pytest.mark.parametrize("name", ["t", "a"])
def test_a_missing_modality_is_a_clear_error(kind, name):
    lacking = {**SMALL.X, name: SMALL.X[name].copy()}
    lacking[name][5] = np.nan
    message = f"modality '{name}' is missing in row 5: with an observed mediator every row needs"
    with pytest.raises(ValueError, match=message):
        quick().fit(lacking, SMALL.y, mediator=READINGS[kind])
    clf = quick().fit(SMALL.X, SMALL.y, mediator=READINGS[kind])
    for method in (clf.predict, clf.predict_proba, lambda X: clf.beta_path(X, [0])):
        with pytest.raises(ValueError, match=message):
            method(lacking)
        with pytest.raises(ValueError, match=f"modality '{name}' is missing in row 0"):
            method({**SMALL.X, name: None})


def test_a_row_that_does_not_count_may_lack_a_modality():
    lacking = {**SMALL.X, "a": SMALL.X["a"].copy()}
    lacking["a"][:2] = np.nan
    weight = (np.arange(120) > 1).astype(float)
    clf = quick().fit(lacking, SMALL.y, sample_weight=weight, mediator=SMALL.mediator)
    assert clf.predict_proba(SMALL.X).shape == (120, 2)


def test_the_row_named_is_the_user_s_where_earlier_rows_do_not_count():
    lacking = {**SMALL.X, "a": SMALL.X["a"].copy()}
    lacking["a"][5] = np.nan
    weight = (np.arange(120) > 1).astype(float)
    with pytest.raises(ValueError, match="missing in row 5"):
        quick().fit(lacking, SMALL.y, sample_weight=weight, mediator=SMALL.mediator)
