from itertools import permutations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer, recall_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skbetafd import (
    MultiModalArray,
    PerModality,
    auxiliary_masking_curve,
    conditional_utilisation,
    modality_contributions,
    unimodal_gap,
)
from skbetafd.baselines import FusionClassifier

METHODS = ["mean", "permutation", "missing"]


class Ruled(ClassifierMixin, BaseEstimator):
    """A "fitted" binary classifier that predicts by a function of the container."""

    def __init__(self, rule):
        self.rule = rule
        self.classes_ = np.array([0, 1])

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.asarray(self.rule(X)).astype(int)


def only_a(X):
    return np.nan_to_num(X["a"][:, 0], nan=1.0) > 0  # without a, the more frequent class


def vote(X):
    return np.nansum([X["a"][:, 0], X["b"][:, 0]], axis=0) > 0


@pytest.fixture(name="signs", scope="module")
def noisy_signs():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    a, b = (rng.normal(2 * y - 1.0, 1.0)[:, None] for _ in range(2))
    return {"a": a, "b": b}, y


def by_presence(X):
    """Of the labels in the second column, get 9, 6 or 3 of 10 right by what is there."""
    a, b = X["a"], X["b"]
    row, label = np.fmax(a, b).T
    n_right = np.where(np.isnan(a[:, 0]), 3, np.where(np.isnan(b[:, 0]), 6, 9))
    return np.where(row < n_right, label, 1 - label)


def test_the_values_are_those_worked_by_hand():
    y = np.arange(10) % 2
    shown = np.column_stack([np.arange(10.0), y])
    found = modality_contributions(
        Ruled(by_presence), {"a": shown, "b": shown}, y, method="missing", random_state=0
    )
    assert found.subset_scores == {
        (): pytest.approx(0.5),
        ("a",): pytest.approx(0.6),
        ("b",): pytest.approx(0.3),
        ("a", "b"): pytest.approx(0.9),
    }
    # phi_a = ((.6 - .5) + (.9 - .3)) / 2, phi_b = ((.3 - .5) + (.9 - .6)) / 2
    np.testing.assert_allclose(found.values, [0.35, 0.05])
    assert found.imbalance == pytest.approx(0.30 / 0.40)
    assert found.score == pytest.approx(0.9)
    assert found.score_without_any == pytest.approx(0.5)


@pytest.mark.parametrize("method", METHODS)
def test_values_sum_to_the_score_and_average_the_marginal_gains_over_all_orders(method, y):
    rng = np.random.default_rng(0)
    label = np.unique(y, return_inverse=True)[1]
    X = MultiModalArray({n: rng.normal(label[:, None], 2.0, (120, 2)) for n in ("a", "b", "c")})
    clf = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5).fit(X, y)
    found = modality_contributions(clf, X, y, method=method, random_state=0)
    assert found.values.sum() == pytest.approx(found.score - found.score_without_any)

    def score(names):
        return found.subset_scores[tuple(sorted(names))]

    for position, name in enumerate(found.names):
        gains = [
            score(order[: order.index(name) + 1]) - score(order[: order.index(name)])
            for order in permutations(found.names)
        ]
        assert found.values[position] == pytest.approx(np.mean(gains))
    assert found.score == pytest.approx(clf.score(X, y))


@pytest.mark.parametrize("method", METHODS)
def test_a_modality_that_is_ignored_gets_nothing(method, signs):
    found = modality_contributions(Ruled(only_a), *signs, method=method, random_state=0)
    assert found.values[1] == 0
    np.testing.assert_allclose(found.interval[1], 0, atol=1e-12)
    assert found.values[0] > 0.05
    assert found.imbalance == 1
    used = conditional_utilisation(Ruled(only_a), *signs, method=method, random_state=0)
    assert used["b"] == 0 < used["a"]


@pytest.mark.parametrize("method", METHODS)
def test_modalities_that_do_the_same_get_the_same(method, signs):
    X, y = {"a": signs[0]["a"], "b": signs[0]["a"]}, signs[1]
    found = modality_contributions(Ruled(vote), X, y, method=method, random_state=0)
    assert found.values[0] == pytest.approx(found.values[1])
    assert found.values[0] > 0.05
    assert found.imbalance == pytest.approx(0)


def test_class_values_average_to_the_values(signs):
    X, y = signs
    weight = np.random.default_rng(1).random(len(y))
    found = modality_contributions(Ruled(vote), X, y, sample_weight=weight, random_state=0)
    share = [weight[y == label].sum() / weight.sum() for label in (0, 1)]
    np.testing.assert_allclose(share @ found.by_class, found.values)
    assert found.by_class.shape == (2, 2)


def test_a_class_without_a_row_has_no_value(signs):
    X, y = signs
    X = {name: value[y == 1] for name, value in X.items()}
    found = modality_contributions(Ruled(vote), X, y[y == 1], random_state=0)
    assert np.isnan(found.by_class[0]).all()
    assert np.isfinite(found.by_class[1]).all()


def test_weights_of_zero_leave_rows_out(signs):
    X, y = signs
    keep = np.arange(len(y)) % 3 > 0
    kept = {name: value[keep] for name, value in X.items()}
    weighted = modality_contributions(
        Ruled(vote), X, y, background=kept, sample_weight=keep.astype(float), random_state=0
    )
    cut = modality_contributions(Ruled(vote), kept, y[keep], random_state=0)
    np.testing.assert_allclose(weighted.values, cut.values)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    covered = []
    background = {"a": np.full((2, 1), -1.0), "b": np.zeros((2, 1))}
    for seed in range(100):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 2, 100)
        shown = np.where(rng.random(100) < 0.8, y, 1 - y)
        X = {"a": (2.0 * shown - 1)[:, None], "b": np.zeros((100, 1))}
        found = modality_contributions(
            Ruled(only_a), X, y, background=background, confidence_level=0.9, random_state=seed
        )
        low, high = found.interval[0]  # without a: always 0, right in half of the rows
        covered.append(low <= 0.8 - 0.5 <= high)
    assert 0.8 <= np.mean(covered) <= 0.98


def test_a_wider_confidence_level_gives_a_wider_interval_around_the_value(signs):
    narrow, wide = (
        modality_contributions(Ruled(vote), *signs, confidence_level=level, random_state=0)
        for level in (0.5, 0.99)
    )
    assert (np.ptp(narrow.interval, axis=1) < np.ptp(wide.interval, axis=1)).all()
    assert (wide.interval[:, 0] < wide.values).all()
    assert (wide.values < wide.interval[:, 1]).all()


def test_the_mean_is_the_background_s_own():
    X = {"a": np.array([[1.0], [1.0]]), "b": np.zeros((2, 1))}
    clf, y = Ruled(only_a), np.array([1, 1])
    assert modality_contributions(clf, X, y).score_without_any == 1
    background = {"a": np.array([[-3.0], [1.0], [np.nan]]), "b": np.zeros((3, 1))}
    assert modality_contributions(clf, X, y, background=background).score_without_any == 0


def test_permutations_keep_the_removed_modalities_rows_together():
    rng = np.random.default_rng(0)
    sign = rng.choice([-1.0, 1.0], (60, 1))
    X, y = {"a": sign, "b": sign, "c": sign}, (sign[:, 0] > 0).astype(int)
    agreeing = Ruled(lambda X: np.where((X["a"] == X["b"])[:, 0], X["c"][:, 0] > 0, 1 - y))
    found = modality_contributions(agreeing, X, y, method="permutation", random_state=0)
    assert found.subset_scores[("c",)] == 1
    assert found.subset_scores[("a", "c")] < 1


@pytest.mark.parametrize("scoring", ["balanced_accuracy", "neg_log_loss", "roc_auc_ovr"])
@pytest.mark.parametrize("method", METHODS)
def test_other_scores_agree_with_scikit_learn_and_bring_an_interval(scoring, method, X, y):
    from sklearn.metrics import get_scorer

    clf = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5).fit(X, y)
    found = modality_contributions(
        clf, X, y, method=method, scoring=scoring, n_bootstrap=10, n_repeats=2, random_state=0
    )
    assert found.score == pytest.approx(get_scorer(scoring)(clf, X, y))
    assert found.values.sum() == pytest.approx(found.score - found.score_without_any)
    assert (found.interval[:, 0] < found.interval[:, 1]).all()
    assert found.by_class is None


def test_decision_functions_are_known_too(signs):
    X, y = signs
    X = MultiModalArray(X)
    clf = HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=5).fit(X, y)
    found = modality_contributions(
        clf, X, y, method="missing", scoring="roc_auc", n_bootstrap=5, random_state=0
    )
    assert found.score_without_any == pytest.approx(0.5)


def test_a_scorer_without_weights_has_no_interval(X, y):
    clf = LogisticRegression().fit(X, y)
    found = modality_contributions(clf, X, y, scoring=lambda e, X, y: e.score(X, y))
    assert np.isnan(found.interval).all()
    assert np.isfinite(found.values).all()
    with pytest.raises(ValueError, match="takes no sample_weight"):
        modality_contributions(
            clf, X, y, scoring=lambda e, X, y: 1.0, sample_weight=np.ones(len(y))
        )


@pytest.mark.parametrize("method", METHODS)
def test_this_librarys_estimators_alone_and_in_a_pipeline_agree(method, X, y, quick):
    settings = {"method": method, "random_state": 0}
    alone = modality_contributions(quick().fit(X, y), X, y, **settings)
    pipeline = make_pipeline(PerModality("passthrough"), quick()).fit(X, y)
    np.testing.assert_allclose(
        modality_contributions(pipeline, X, y, **settings).values, alone.values
    )
    scaled = make_pipeline(PerModality(StandardScaler()), quick()).fit(X, y)
    assert modality_contributions(scaled, X, y, **settings).names == ("audio", "video")


def test_scikit_learn_s_classifiers_work_on_the_container_and_the_stronger_modality_leads(X, y):
    noisy = MultiModalArray({"audio": X["audio"], "video": 0.01 * X["video"]})
    clf = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    found = modality_contributions(clf, noisy, y, random_state=0)
    assert found.values[0] > found.values[1]


def test_every_input_form_says_the_same(modalities, flat, y, quick):
    clf = quick(modalities=[4, 3]).fit(flat, y)
    expected = modality_contributions(clf, flat, y, random_state=0)
    assert expected.names == ("modality0", "modality1")
    for X in (list(modalities.values()), MultiModalArray(list(modalities.values()))):
        found = modality_contributions(clf, X, y, random_state=0)
        np.testing.assert_array_equal(found.values, expected.values)


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_frames_keep_their_columns(kind, y, modalities):
    columns = {n: [f"{n}{i}" for i in range(v.shape[1])] for n, v in modalities.items()}
    X = {n: kind(dict(zip(columns[n], v.T, strict=True))) for n, v in modalities.items()}
    scale = make_column_transformer((StandardScaler(), columns["audio"]))
    clf = FusionClassifier(max_epochs=2, random_state=0)
    arrays = clone(clf).fit(modalities, y)
    pipeline = make_pipeline(PerModality({"audio": scale}), clf).fit(X, y)
    for method in METHODS:
        expected = modality_contributions(arrays, modalities, y, method=method, random_state=0)
        found = modality_contributions(pipeline, X, y, method=method, random_state=0)
        np.testing.assert_allclose(found.values, expected.values)


WORDS = np.array(["grinding noise", "wet below the seal"])[np.arange(60) % 2]
GAPS = np.where(np.arange(60)[:, None] % [7, 5, 11] == 0, np.nan, np.arange(60.0)[:, None] % 3)
DAYS = FunctionTransformer(lambda days: np.asarray(days).astype("M8[D]").astype(float))
WITHOUT_MEAN = {
    "text": (pd.Series(WORDS), TfidfVectorizer(), "'grinding noise' at row 0"),
    "text in a list": (WORDS.tolist(), TfidfVectorizer(), "'grinding noise' at row 0"),
    "categories": (pd.DataFrame({"w": pd.Categorical(WORDS)}), OneHotEncoder(), r"row 0.*\('w'\)"),
    "polars": (pl.DataFrame({"w": WORDS}), OneHotEncoder(), r"row 0.*\('w'\)"),
    "gaps": (GAPS, SimpleImputer(), "NaN at row 5, column 1"),
    "days": (pd.DataFrame({"d": pd.date_range("2024", periods=60)}), DAYS, "'2024-01-01"),
    "nothing": (np.full((60, 2), np.nan), "passthrough", "NaN in every row"),
}


@pytest.mark.parametrize(("raw", "encoder", "said"), WITHOUT_MEAN.values(), ids=WITHOUT_MEAN)
def test_where_there_is_no_mean_other_rows_stand_in_and_it_is_said(raw, encoder, said):
    y = np.arange(60) % 2
    X = MultiModalArray({"raw": raw, "table": np.c_[y, np.arange(60) % 5] * 1.0})
    seen = MultiModalArray({"raw": X["table"], "table": X["table"]}) if "every" in said else X
    pipeline = make_pipeline(
        PerModality({"raw": encoder}), FusionClassifier(max_epochs=5, random_state=0)
    )
    model = GridSearchCV(pipeline, {}, cv=2).fit(seen, y)
    expected = modality_contributions(model, X, y, method="permutation", random_state=0)
    shares = conditional_utilisation(model, X, y, method="permutation", random_state=0)
    with pytest.warns(UserWarning, match=rf"'raw'.*{said}.*method='permutation'"):
        found = modality_contributions(model, X, y, random_state=0)
    assert found.method == "permutation" and str(found) == str(expected)
    with pytest.warns(UserWarning, match=said):
        assert conditional_utilisation(model, X, y, random_state=0) == shares


def test_columns_of_raw_rows_can_be_masked_where_they_are_numbers():
    y = np.arange(60) % 2
    X = {"raw": WORDS.tolist(), "table": np.c_[y, np.arange(60) % 5] * 1.0}
    pipeline = make_pipeline(PerModality({"raw": TfidfVectorizer()}), LogisticRegression())
    pipeline.fit(MultiModalArray(X), y)
    for predominant in (None, "table"):
        with pytest.raises(ValueError, match=r"'grinding noise' at row 0.*Pipeline.*last step"):
            auxiliary_masking_curve(pipeline, X, y, predominant=predominant)
    with pytest.raises(TypeError, match=r"modality_codes.*got Pipeline.*last step"):
        unimodal_gap(pipeline, X, y)
    rows = pipeline[:-1].transform(X)  # as the messages say
    assert auxiliary_masking_curve(pipeline[-1], rows, y, n_repeats=1).masked == "inputs"
    assert unimodal_gap(FusionClassifier(max_epochs=1, random_state=0), rows, y, cv=2).names == (
        "raw",
        "table",
    )


def test_a_row_with_nothing_left_is_predicted_as_the_most_frequent_class():
    y = np.array([1, 1, 1, 0, 0])
    X = {"a": np.ones((5, 1)), "b": (2.0 * y - 1)[:, None]}
    X["b"][[0, 3]] = np.nan
    clf = Ruled(lambda X: np.where(np.isnan(X["b"][:, 0]), X["a"][:, 0], X["b"][:, 0]) > 0)
    found = modality_contributions(clf, X, y, method="missing")
    # b alone is right where it is there (1, 2, 4); of the others class 1 is said: 0 right, 3 wrong
    assert found.subset_scores[("b",)] == pytest.approx(4 / 5)
    assert found.subset_scores[()] == pytest.approx(3 / 5)


@pytest.mark.parametrize("method", METHODS)
def test_rows_may_lack_modalities_before(method, X, y):
    present = np.arange(len(y)) % 4 > 0
    X = MultiModalArray(X, present={"video": present})
    clf = FusionClassifier(max_epochs=2, random_state=0).fit(X, y)
    found = modality_contributions(clf, X, y, method=method, random_state=0)
    assert found.values.sum() == pytest.approx(found.score - found.score_without_any)


def test_equal_seeds_agree_and_the_report_is_readable(X, y):
    clf = LogisticRegression().fit(X, y)
    first, second = (
        modality_contributions(clf, X, y, method="permutation", random_state=3) for _ in range(2)
    )
    assert str(first) == str(second)
    assert "audio" in str(first)
    assert "imbalance" in str(first)


def test_bad_input_is_named(X, y):
    clf = LogisticRegression().fit(X, y)
    with pytest.raises(ValueError, match="Sample weights must contain at least one non-zero"):
        modality_contributions(clf, X, y, sample_weight=np.zeros(len(y)))
    with pytest.raises(ValueError, match=r"X has 9 modalities.*at most 8"):
        many = MultiModalArray({f"m{i}": X["audio"] for i in range(9)})
        modality_contributions(LogisticRegression().fit(many, y), many, y)


def test_a_metric_of_one_class_can_be_asked(X, y):
    clf = LogisticRegression().fit(X, y)
    scorer = make_scorer(recall_score, labels=["bird"], average="macro")
    found = modality_contributions(clf, X, y, scoring=scorer, n_bootstrap=3, random_state=0)
    every = modality_contributions(clf, X, y, n_bootstrap=3, random_state=0)
    np.testing.assert_allclose(found.values, every.by_class[0])
    with pytest.raises(ValueError, match=r"^sample_weight has 3 entries for 120 rows"):
        modality_contributions(clf, X, y, sample_weight=[1, 2, 3])


def test_a_flat_table_of_another_estimator_is_refused(X, y):
    clf = LogisticRegression(max_iter=1000).fit(np.asarray(X), y)
    with pytest.raises(ValueError, match="'modality0' is the only modality"):
        modality_contributions(clf, np.asarray(X), y)
