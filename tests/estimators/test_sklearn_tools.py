import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - what it is for
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.inspection import PartialDependenceDisplay, partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    LeaveOneGroupOut,
    RandomizedSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    learning_curve,
    permutation_test_score,
    train_test_split,
    validation_curve,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skbetafd import MultiModalArray, PerModality

BETAS = {"beta": [0.0, 0.5, 1.0]}
WIDTHS = [4, 3]


@pytest.fixture
def groups(y):
    return np.arange(len(y)) // 12


def logistic():
    return LogisticRegression(max_iter=1000)


def pipeline(quick):
    return make_pipeline(PerModality(StandardScaler()), quick())


FITTED_ON_THE_CONTAINER = {
    "the classifier": lambda quick: quick(),
    "voting": lambda quick: VotingClassifier(
        [("see", quick(beta=0)), ("do", quick(beta=1))], voting="soft"
    ),
    "grid search": lambda quick: GridSearchCV(quick(), BETAS, cv=3),
    "randomized search": lambda quick: RandomizedSearchCV(
        quick(), BETAS, n_iter=2, cv=2, random_state=0
    ),
    "halving search": lambda quick: HalvingGridSearchCV(
        quick(), BETAS, cv=2, min_resources=40, random_state=0
    ),
    "calibration": lambda quick: CalibratedClassifierCV(quick(), cv=3),
    "calibration without ensemble": lambda quick: CalibratedClassifierCV(
        quick(), cv=3, ensemble=False, method="isotonic"
    ),
    "stacking": lambda quick: StackingClassifier(
        [("clf", quick()), ("linear", logistic())], logistic(), cv=3
    ),
    "stacking with pass-through": lambda quick: StackingClassifier(
        [("clf", quick())], logistic(), cv=3, passthrough=True
    ),
    "dummy": lambda quick: DummyClassifier(),
    "pipeline a modality": pipeline,
    "pipeline of all columns": lambda quick: make_pipeline(
        StandardScaler(), quick(modalities=WIDTHS)
    ),
    "bagging": lambda quick: BaggingClassifier(
        quick(modalities=WIDTHS), n_estimators=2, random_state=0
    ),
    "one versus rest": lambda quick: OneVsRestClassifier(quick()),
    "logistic regression": lambda quick: logistic(),
}


@pytest.mark.parametrize("tool", FITTED_ON_THE_CONTAINER)
def test_a_tool_fits_predicts_and_scores_on_the_container(tool, X, y, quick):
    model = FITTED_ON_THE_CONTAINER[tool](quick).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert_allclose(model.predict_proba(X).sum(axis=1), np.ones(len(y)), atol=1e-5)
    assert_array_equal(model.classes_, np.unique(y))
    assert model.score(X, y) == np.mean(model.predict(X) == y)


@pytest.mark.parametrize(
    "tool",
    [tool for tool in FITTED_ON_THE_CONTAINER if tool not in ("dummy", "pipeline of all columns")],
)
@pytest.mark.slow
def test_a_tool_gives_on_the_container_what_it_gives_on_the_flat_array(tool, X, flat, y, quick):
    def with_widths(**parameters):
        return quick(**{"modalities": WIDTHS} | parameters)

    if tool == "pipeline a modality":
        on_flat = make_pipeline(PerModality(StandardScaler(), modalities=WIDTHS), quick())
    else:
        on_flat = FITTED_ON_THE_CONTAINER[tool](with_widths)
    expected = on_flat.fit(flat, y).predict_proba(flat)
    found = FITTED_ON_THE_CONTAINER[tool](quick).fit(X, y).predict_proba(X)
    assert_allclose(found, expected, atol=1e-5)


def test_voting_averages_seeing_and_doing(X, y, quick):
    voting = FITTED_ON_THE_CONTAINER["voting"](quick).fit(X, y)
    see, do = quick().fit(X, np.unique(y, return_inverse=True)[1]).beta_path(X, [0, 1])
    assert_allclose(voting.predict_proba(X), (see + do) / 2, atol=1e-6)


@pytest.mark.slow
def test_grid_search_with_two_processes_equals_one(X, y, quick):
    one, two = (
        GridSearchCV(quick(), BETAS, cv=3, n_jobs=n_jobs, scoring="neg_log_loss").fit(X, y)
        for n_jobs in (1, 2)
    )
    assert_allclose(two.cv_results_["mean_test_score"], one.cv_results_["mean_test_score"])
    assert two.best_params_ == one.best_params_


@pytest.mark.slow
def test_large_data_reach_two_processes_as_read_only_memory_maps(y, quick):
    # joblib maps arrays from 1 MB on
    rng = np.random.default_rng(0)
    X = MultiModalArray({"audio": rng.normal(size=(120, 1200)), "video": rng.normal(size=(120, 3))})
    scores = cross_val_score(quick(predominant="video"), X, y, cv=2, n_jobs=2)
    assert scores.shape == (2,)


def test_a_fitted_search_predicts_from_every_form(X, modalities, flat, y, quick):
    search = GridSearchCV(quick(), BETAS, cv=2).fit(X, y)
    expected = search.predict_proba(X)
    names = [f"{name}__{i}" for name, a in modalities.items() for i in range(a.shape[1])]
    forms = {
        "list": list(modalities.values()),
        "dict": modalities,
        "reversed dict": dict(reversed(modalities.items())),
        "flat": flat,
        "pandas": pd.DataFrame(flat, columns=names),
        "polars": pl.DataFrame(flat, schema=names),
    }
    for form, other in forms.items():
        assert_allclose(search.predict_proba(other), expected, atol=1e-6, err_msg=form)
        assert_array_equal(search.predict(other), search.predict(X), err_msg=form)


def test_a_search_over_a_list_or_a_dict_fails_before_the_classifier_is_asked(modalities, y, quick):
    message = r"inconsistent numbers of samples: \[2, 120\]"
    for X in (list(modalities.values()), modalities):
        with pytest.raises(ValueError, match=message):
            GridSearchCV(quick(), BETAS, cv=2).fit(X, y)


def test_grid_search_over_the_predominant_modality(X, y, quick):
    search = GridSearchCV(quick(), {"predominant": ["audio", "video"]}, cv=2).fit(X, y)
    assert search.best_estimator_.predominant_ == search.best_params_["predominant"]


def test_halving_search_ends_with_all_rows(X, y, quick):
    search = FITTED_ON_THE_CONTAINER["halving search"](quick).fit(X, y)
    assert search.n_resources_[-1] == len(y)
    assert search.best_params_["beta"] in BETAS["beta"]


def test_cross_val_predict_gives_each_row_from_a_fit_without_it(X, flat, y, quick):
    cv = StratifiedKFold(3)
    proba = cross_val_predict(quick(), X, y, cv=cv, method="predict_proba")
    for train, test in cv.split(flat, y):
        expected = quick().fit(X[train], y[train]).predict_proba(X[test])
        assert_array_equal(proba[test], expected)


def test_cross_validate_returns_estimators_that_know_the_names(X, y, quick):
    results = cross_validate(quick(), X, y, cv=2, return_estimator=True, return_indices=True)
    for estimator in results["estimator"]:
        assert estimator.modality_names_ == ["audio", "video"]


@pytest.mark.parametrize("splitter", [GroupKFold(3), LeaveOneGroupOut()], ids=repr)
def test_group_splitters_take_the_container(splitter, X, y, groups, quick):
    groups = groups % 3
    n_splits = splitter.get_n_splits(X, y, groups)
    assert cross_val_score(quick(), X, y, groups=groups, cv=splitter).shape == (n_splits,)
    for train, test in splitter.split(X, y, groups):
        assert not set(groups[train]) & set(groups[test])


def test_learning_curve_takes_the_container(X, y, quick):
    sizes, train_scores, test_scores = learning_curve(
        quick(), X, y, cv=2, train_sizes=[30, 60], shuffle=True, random_state=0
    )
    assert_array_equal(sizes, [30, 60])
    assert train_scores.shape == test_scores.shape == (2, 2)


def test_validation_curve_takes_the_container(X, y, quick):
    train_scores, _ = validation_curve(quick(), X, y, param_name="beta", param_range=[0, 1], cv=2)
    assert train_scores.shape == (2, 2)


@pytest.mark.slow
def test_permutation_test_score_takes_the_container(X, y, quick):
    score, permuted, _ = permutation_test_score(
        quick(max_epochs=60), X, y, cv=2, n_permutations=3, random_state=0
    )
    assert score > permuted.mean()


def test_train_test_split_gives_containers_to_fit_and_score(X, y, quick):
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    assert isinstance(X_train, MultiModalArray)
    score = quick(max_epochs=60).fit(X_train, y_train).score(X_test, y_test)
    assert score > 0.6


def test_calibration_keeps_the_container(X, y, quick):
    calibrated = CalibratedClassifierCV(quick(), cv=3).fit(X, y)
    for inner in calibrated.calibrated_classifiers_:
        assert inner.estimator.modality_names_ == ["audio", "video"]


def test_tuned_threshold_on_two_classes(X, y, quick):
    tuned = TunedThresholdClassifierCV(quick(), scoring="balanced_accuracy", cv=3)
    tuned.fit(X, y == "bird")
    assert 0 <= tuned.best_threshold_ <= 1
    assert tuned.predict(X).dtype == bool


def test_scaling_a_modality_equals_scaling_all_columns(X, y, quick):
    apart = pipeline(quick).fit(X, y).predict_proba(X)
    together = make_pipeline(StandardScaler(), quick(modalities=WIDTHS)).fit(X, y)
    assert_allclose(apart, together.predict_proba(X), atol=1e-5)


def test_bagging_without_modalities_sees_one_flat_modality(X, y, quick):
    bagging = BaggingClassifier(quick(), n_estimators=1).fit(X, y)
    assert bagging.estimators_[0].modality_names_ == ["modality0"]


def test_permutation_importance_has_a_value_a_column(X, y, quick):
    classifier = quick(max_epochs=20).fit(X, y)
    result = permutation_importance(classifier, X, y, n_repeats=2, random_state=0)
    assert result.importances_mean.shape == (7,)
    assert result.importances_mean.max() > 0


@pytest.mark.filterwarnings(
    # permutation_importance permutes a frame's columns in an array
    "ignore:X does not have valid feature names:UserWarning"
)
def test_permutation_importance_takes_a_container_of_frames(modalities, y, quick):
    frames = {name: pd.DataFrame(a).add_prefix("c") for name, a in modalities.items()}
    classifier = quick().fit(MultiModalArray(frames), y)
    result = permutation_importance(
        classifier, MultiModalArray(frames), y, n_repeats=1, random_state=0
    )
    assert result.importances_mean.shape == (7,)


def test_containers_of_frames_go_through_a_search(modalities, y, quick):
    frames = {
        "audio": pd.DataFrame(modalities["audio"], columns=list("abcd")),
        "video": pl.DataFrame(modalities["video"], schema=list("xyz")),
    }
    search = GridSearchCV(quick(), BETAS, cv=2).fit(MultiModalArray(frames), y)
    names = search.best_estimator_.feature_names_in_
    assert list(names) == [*(f"audio__{c}" for c in "abcd"), *(f"video__{c}" for c in "xyz")]
    assert search.predict(frames).shape == y.shape


def words(y):
    return np.array([f"a {label} of some kind" for label in y], dtype=object)


def on_columns(audio):
    """Two modalities, the second a frame of several kinds of column."""
    mood = pd.Categorical(np.resize(["calm", "loud", "odd"], len(audio)))
    frame = pd.DataFrame({"level": audio[:, 0], "mood": mood, "count": np.arange(len(audio))})
    return MultiModalArray({"audio": audio, "scene": frame})


CHANGED = {
    "arrays": lambda m: m,
    "a picture": lambda m: m | {"audio": m["audio"].reshape(-1, 2, 2)},
    "single precision": lambda m: {name: array.astype(np.float32) for name, array in m.items()},
    "integers": lambda m: m | {"audio": (8 * m["audio"]).astype(np.int8)},
    "sparse": lambda m: m | {"audio": sparse.csr_array(m["audio"] * (m["audio"] > 0))},
    "pandas": lambda m: {name: pd.DataFrame(a).add_prefix("c") for name, a in m.items()},
    "polars": lambda m: {name: pl.DataFrame(array) for name, array in m.items()},
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names:UserWarning")
@pytest.mark.parametrize("make", CHANGED.values(), ids=CHANGED)
def test_partial_dependence_on_the_container_is_that_of_the_flat_array(make, modalities, y, quick):
    X = MultiModalArray(make(modalities))
    before = np.asarray(X).copy()
    flat = before.astype(float)
    for model in (quick().fit(X, y), logistic().fit(X, y)):
        for features in ([0], [6], [(3, 4)]):
            one, two = (
                partial_dependence(model, form, features, grid_resolution=3, kind="both")
                for form in (X, flat)
            )
            assert_allclose(one["average"], two["average"], atol=1e-6)
            assert_allclose(one["individual"], two["individual"], atol=1e-6)
    assert_array_equal(np.asarray(X), before)


def test_partial_dependence_reaches_text_and_frames_through_their_transformers(
    modalities, y, quick
):
    audio = modalities["audio"]
    X = MultiModalArray({"audio": audio, "text": words(y)})
    model = make_pipeline(PerModality({"text": TfidfVectorizer()}), quick(max_epochs=20)).fit(X, y)
    found = partial_dependence(model, X, [4], categorical_features=[4])
    (values,) = found["grid_values"]
    for word, average in zip(values, found["average"].T, strict=True):
        all_alike = {"audio": audio, "text": [word] * len(y)}
        assert_allclose(average, model.predict_proba(all_alike).mean(axis=0), atol=1e-6)
    X = on_columns(audio)
    columns = make_column_transformer(
        (StandardScaler(), ["level", "count"]), (OneHotEncoder(), ["mood"])
    )
    model = make_pipeline(PerModality({"scene": columns}), quick()).fit(X, y)
    found = partial_dependence(model, X, [5], categorical_features=[5])
    for mood, average in zip(["calm", "loud", "odd"], found["average"].T, strict=True):
        all_alike = {"audio": audio, "scene": X["scene"].assign(mood=mood)}
        assert_allclose(average, model.predict_proba(all_alike).mean(axis=0), atol=1e-6)


def test_a_plot_of_partial_dependence_takes_the_container(X, y, quick):
    plt = pytest.importorskip("matplotlib.pyplot")
    display = PartialDependenceDisplay.from_estimator(
        quick().fit(X, y), X, [0, (1, 5)], target="bird", grid_resolution=3
    )
    assert display.axes_.shape == (1, 2)
    plt.close(display.figure_)


def test_a_column_is_set_in_one_container_and_in_no_array(X, modalities):
    other = X.copy()
    other[[1, -1], 5] = [7.5, 8.5]
    other[0, -7] = 2
    expected = np.hstack(list(modalities.values()))
    assert_array_equal(np.asarray(X), expected)
    expected[[1, -1], 5] = [7.5, 8.5]
    expected[0, 0] = 2
    assert_array_equal(np.asarray(other), expected)
    assert other["audio"].shape == modalities["audio"].shape


def test_what_can_not_be_set_is_an_error_that_names_it(modalities):
    gaps = modalities["video"].copy()
    gaps[8] = np.nan
    X = MultiModalArray({"audio": modalities["audio"], "video": gaps})
    with pytest.raises(ValueError, match=r"column 6, of modality 'video', .* row 8, which lacks"):
        X[:, 6] = 1.0
    X[:8, 6] = 1.0
    with pytest.raises(IndexError, match="99"):
        X[:, 99] = 1.0
    for key in ("audio", 0, slice(2), (0, [1, 2]), (0, slice(2))):
        with pytest.raises(TypeError, match="one column of the flat table"):
            X[key] = 1.0
