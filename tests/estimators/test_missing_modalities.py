import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    PerModality,
    unimodal_gap,
)
from skbetafd.baselines import FusionClassifier

N = 300
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, N)
MEANS = RNG.normal(size=(3, 5))
DATA = {
    "t": RNG.normal(2 * MEANS[Y][:, :3], 1.0),
    "a": RNG.normal(2 * MEANS[Y][:, 3:4], 1.0),
    "b": RNG.normal(2 * MEANS[Y][:, 4:5], 1.0),
}
TEST = slice(200, N)


def absent(value, rows=slice(None)):
    out = np.array(value, dtype=float)
    out[rows] = np.nan
    return out


def head(rows):
    return {name: value[rows] for name, value in DATA.items()}


def make(**parameters):
    defaults = {"predominant": "t", "max_epochs": 15, "random_state": 0, "calibrate": False}
    return FrontDoorMultiModalClassifier(**(defaults | parameters))


@pytest.fixture(scope="module")
def fitted():
    return make().fit(head(slice(200)), Y[:200])


@pytest.mark.parametrize("effect", ["conditional", "population"])
@pytest.mark.parametrize("name", list(DATA))
def test_none_rows_of_nan_and_a_mask_say_the_same(fitted, name, effect):
    fitted.set_params(effect=effect)
    X = head(TEST)
    betas = [0, 0.5, 1]
    by_nan = fitted.beta_path({**X, name: absent(X[name])}, betas)
    by_none = fitted.beta_path({**X, name: None}, betas)
    in_a_list = fitted.beta_path([None if n == name else v for n, v in X.items()], betas)
    in_a_container = fitted.beta_path(MultiModalArray({**X, name: None}), betas)
    mask = MultiModalArray(X, present={name: np.zeros(100, dtype=bool)})
    by_mask = fitted.beta_path(mask, betas)
    flat = fitted.beta_path(np.asarray(mask), betas)
    for other in (by_none, in_a_list, in_a_container, by_mask, flat):
        assert_allclose(other, by_nan, atol=1e-6)
    assert np.abs(by_nan - fitted.beta_path(X, betas)).max() > 0.01
    fitted.set_params(effect="conditional")


def test_only_the_rows_that_lack_a_modality_change(fitted):
    X = head(TEST)
    lacking = np.arange(100) % 3 == 0
    path = fitted.beta_path({**X, "a": absent(X["a"], lacking)}, [0, 1])
    whole = fitted.beta_path(X, [0, 1])
    assert_allclose(path[:, ~lacking], whole[:, ~lacking], atol=1e-6)
    assert (np.abs(path[:, lacking] - whole[:, lacking]).max(axis=2) > 1e-6).all()


def test_with_missing_modalities_the_rest_still_predicts(fitted):
    X = head(TEST)
    for lacking in (["a"], ["a", "b"], ["t"]):
        score = fitted.score({**X, **dict.fromkeys(lacking)}, Y[TEST])
        assert score > 0.6


def test_beta_is_without_effect_where_the_predominant_modality_is_missing(fitted):
    path = fitted.beta_path({**head(TEST), "t": None}, [0, 1])
    assert_array_equal(path[0], path[1])


def test_training_rows_may_lack_modalities_and_still_count():
    rows = slice(0, 200)
    X = head(rows)
    lacking = np.arange(200) % 2 == 0
    clf = make().fit({**X, "a": absent(X["a"], lacking)}, Y[rows])
    assert clf.score(head(TEST), Y[TEST]) > 0.7
    assert len(clf.references_.log_mass) == 100
    less = {name: value[~lacking] for name, value in X.items()}
    without = make().fit(less, Y[rows][~lacking])
    difference = clf.predict_proba(head(TEST)) - without.predict_proba(head(TEST))
    assert np.abs(difference).max() > 0.01


@pytest.mark.parametrize("beta", [0, 1])
def test_training_rows_may_lack_the_predominant_modality(beta):
    X = head(slice(200))
    clf = make(beta=beta).fit({**X, "t": absent(X["t"], np.arange(200) < 60)}, Y[:200])
    assert clf.score(head(TEST), Y[TEST]) > 0.7


def test_what_can_not_be_learned_from_is_an_error():
    X = head(slice(200))
    half = np.arange(200) < 100
    with pytest.raises(ValueError, match="modality 'a' is NaN in every training row"):
        make().fit({**X, "a": absent(X["a"])}, Y[:200])
    never_together = {"t": absent(X["t"], half), "a": absent(X["a"], ~half)}
    with pytest.raises(ValueError, match="no training row has all modalities"):
        make().fit(never_together, Y[:200])
    with pytest.raises(ValueError, match="row 7 has no modality: all of 't', 'a', 'b' are NaN"):
        make().fit({name: absent(value, 7) for name, value in X.items()}, Y[:200])


def test_a_row_without_anything_is_an_error_at_prediction_too(fitted):
    X = {name: absent(value, 4) for name, value in head(TEST).items()}
    with pytest.raises(ValueError, match="row 4 has no modality"):
        fitted.predict(X)
    with pytest.raises(ValueError, match="row 0 has no modality"):
        fitted.predict({**dict.fromkeys(["t", "b"]), "a": absent(DATA["a"])})


def test_a_nan_inside_a_present_row_is_still_an_error(fitted):
    X = head(TEST)
    X["t"] = X["t"].copy()
    X["t"][5, 1] = np.nan
    with pytest.raises(ValueError, match="modality 't' contains NaN at row 5, column 1"):
        fitted.predict(X)


@pytest.mark.parametrize(
    ("present", "error", "message"),
    [
        ({"x": [True] * N}, ValueError, "present names 'x', but the modalities are"),
        ({"a": [True] * 3}, ValueError, r"present\['a'\] must be 300 booleans"),
        ({"a": [1] * N}, ValueError, "must be 300 booleans, one a row, got int64"),
    ],
)
def test_a_mask_that_does_not_fit_is_an_error(present, error, message):
    with pytest.raises(error, match=message):
        MultiModalArray(DATA, present=present)


def test_a_mask_copies_and_leaves_the_user_s_array_alone():
    before = DATA["a"].copy()
    X = MultiModalArray(
        {**DATA, "f": pd.DataFrame({"x": range(N)})},
        present={
            "a": np.arange(N) > 0,
            "f": np.arange(N) > 1,
        },
    )
    assert_array_equal(DATA["a"], before)
    assert np.isnan(X["a"]).sum() == 1
    assert X["f"].isna().to_numpy().sum() == 2
    assert np.isnan(np.asarray(X[:3])).sum() == 3


def test_transformers_see_only_the_rows_that_are_there():
    t = absent(DATA["t"], slice(0, 100))
    scaled = (
        PerModality(StandardScaler())
        .fit({"t": t, "a": DATA["a"]})
        .transform({"t": t, "a": DATA["a"]})
    )
    assert np.isnan(scaled["t"][:100]).all()
    assert_allclose(scaled["t"][100:].mean(axis=0), 0, atol=1e-12)
    reduced = PerModality({"t": PCA(2)}).fit_transform({"t": t, "a": DATA["a"]})
    assert reduced["t"].shape == (N, 2)
    assert np.isnan(reduced["t"]).sum() == 200


def test_a_pipeline_and_cross_validation_carry_missing_rows():
    X = MultiModalArray(DATA, present={"a": np.arange(N) % 4 > 0})
    pipeline = make_pipeline(PerModality(StandardScaler()), make())
    assert cross_val_score(pipeline, X, Y, cv=3, error_score="raise").mean() > 0.7


@pytest.mark.filterwarnings("ignore:No support for beta=1")
@pytest.mark.filterwarnings("ignore:.* beta is without effect")
def test_equal_auxiliaries_of_the_complete_rows_leave_probabilities_finite():
    a = np.full((60, 4), np.nan)
    a[:2] = 1.0
    t = np.random.default_rng(0).normal(size=(60, 3))
    clf = FrontDoorMultiModalClassifier(max_epochs=2, hidden_dim=8, predominant=0, random_state=0)
    proba = clf.fit([t, a], np.arange(60) % 2).predict_proba([t, a])
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)


def test_a_modality_that_is_none_at_prediction_passes_through_a_pipeline():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = {"image": rng.normal(size=(60, 4, 4)) + y[:, None, None], "table": rng.normal(size=(60, 3))}
    inner = PerModality({"image": StandardScaler(), "table": PCA(2)})
    pipe = make_pipeline(inner, FrontDoorMultiModalClassifier(max_epochs=2, random_state=0))
    pipe.fit(X, y)
    absent = np.full((60, 3), np.nan)
    none = {**X, "table": None}
    for form in (none, MultiModalArray(none)):
        assert inner.fit(X, y).transform(form)["table"].shape == (60, 2)
        assert_array_equal(pipe.predict_proba(form), pipe.predict_proba({**X, "table": absent}))
    two = {"image": X["image"][7:9], "table": None}
    assert_array_equal(pipe.predict_proba(MultiModalArray(none)[7:9]), pipe.predict_proba(two))


@pytest.mark.parametrize("form", [dict, MultiModalArray], ids=["a dict", "a container"])
@pytest.mark.parametrize(
    "fit",
    [
        lambda X, y: make().fit(X, y),
        lambda X, y: make().partial_fit(X, y, [0, 1]),
        lambda X, y: FrontDoorMultiModalClassifierCV(cv=2).fit(X, y),
        lambda X, y: FusionClassifier().fit(X, y),
        lambda X, y: DiscreteFrontDoorClassifier().fit(X, y),
        lambda X, y: PerModality("passthrough").fit(X, y),
        lambda X, y: unimodal_gap(make(), X, y),
    ],
)
def test_a_modality_that_is_none_at_fit_is_refused_by_its_name(form, fit):
    X = form({"audio": np.ones((20, 2)), "video": None})
    with pytest.raises(ValueError, match="modality 'video' is None in every row"):
        fit(X, np.arange(20) % 2)


def test_mixed_precision_takes_rows_that_lack_a_modality():
    X = {"a": RNG.normal(size=(80, 4)), "v": RNG.normal(size=(80, 3))}
    X["v"][::3] = np.nan
    clf = FrontDoorMultiModalClassifier(max_epochs=1, dtype="bfloat16", random_state=0)
    assert np.isfinite(clf.fit(X, np.arange(80) % 2).predict_proba(X)).all()
