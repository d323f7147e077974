"""Frames with categories, nulls and dates, and PerModality's set_output."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

from skbetafd import MultiModalArray, PerModality

N = 120
FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}
COLOUR = np.array(["red", "green", "blue"])[np.arange(N) % 3]
PLACE = np.array(["north", "south"])[np.arange(N) // 2 % 2]

TEXT_COLUMNS = {
    "pandas str": pd.DataFrame({"colour": COLOUR, "place": PLACE}),
    "pandas object": pd.DataFrame({"colour": COLOUR, "place": PLACE}, dtype=object),
    "pandas category": pd.DataFrame({"colour": COLOUR, "place": PLACE}, dtype="category"),
    "polars String": pl.DataFrame({"colour": COLOUR, "place": PLACE}),
    "polars Categorical": pl.DataFrame(
        {"colour": COLOUR, "place": PLACE},
        schema={"colour": pl.Categorical, "place": pl.Categorical},
    ),
    "polars Enum": pl.DataFrame(
        {"colour": COLOUR, "place": PLACE},
        schema={"colour": pl.Enum(["blue", "green", "red"]), "place": pl.Enum(["north", "south"])},
    ),
    "object array": np.array([COLOUR, PLACE], dtype=object).T,
    "string array": np.array([COLOUR, PLACE]).T,
}
NUMBER_COLUMNS = {
    "pandas Int64 and boolean": lambda: pd.DataFrame(
        {
            "flag": pd.array([True, None, False], dtype="boolean"),
            "count": pd.array([1, None, 3], dtype="Int64"),
        }
    ),
    "pandas bool and float": lambda: pd.DataFrame(
        {"flag": [True, None, False], "count": [1.0, np.nan, 3.0]}
    ),
    "polars Boolean and Int64": lambda: pl.DataFrame(
        {"flag": [True, None, False], "count": [1, None, 3]}
    ),
    "polars Boolean and Float64": lambda: pl.DataFrame(
        {"flag": [True, None, False], "count": [1.0, float("nan"), 3.0]}
    ),
}


def one_hot():
    return OneHotEncoder(sparse_output=False)


@pytest.fixture
def mixed(modalities):
    """A frame of a category and a number, by frame library."""
    data = {"colour": COLOUR, "loudness": modalities["audio"][:, 0]}
    return {library: make(data) for library, make in FRAMES.items()}


# set_output


@pytest.mark.parametrize("library", FRAMES)
def test_set_output_makes_a_frame_of_each_modality(modalities, library):
    scale = PerModality({"audio": StandardScaler(), "video": PCA(2)}).set_output(transform=library)
    scaled = scale.fit_transform(modalities)
    assert isinstance(scaled, MultiModalArray)
    assert {type(frame) for frame in scaled.values()} == {FRAMES[library]}
    assert scaled.feature_names == list(scale.get_feature_names_out())
    expected = PerModality({"audio": StandardScaler(), "video": PCA(2)}).fit_transform(modalities)
    assert_allclose(np.asarray(scaled), np.asarray(expected))
    assert_allclose(np.asarray(scale.transform(modalities)), np.asarray(expected))


def test_set_output_on_one_table_gives_the_transformer_s_frame(flat):
    out = PerModality(PCA(2)).set_output(transform="pandas").fit_transform(flat)
    assert isinstance(out, pd.DataFrame)
    assert list(out.columns) == ["pca0", "pca1"]


def test_set_output_after_fit_counts_and_default_takes_it_back(modalities):
    scale = PerModality(StandardScaler()).fit(modalities)
    assert isinstance(scale.transform(modalities)["audio"], np.ndarray)
    scale.set_output(transform="polars")
    assert isinstance(scale.transform(modalities)["audio"], pl.DataFrame)
    scale.set_output(transform=None)
    assert isinstance(scale.transform(modalities)["audio"], pl.DataFrame)
    scale.set_output(transform="default")
    assert isinstance(scale.transform(modalities)["audio"], np.ndarray)


def test_set_output_leaves_the_users_transformer_alone_and_outlives_clone_and_pickle(modalities):
    scaler = StandardScaler()
    scale = PerModality(scaler).set_output(transform="pandas").fit(modalities)
    assert isinstance(scaler.fit_transform(modalities["audio"]), np.ndarray)
    for again in (clone(scale).fit(modalities), pickle.loads(pickle.dumps(scale))):
        assert isinstance(again.transform(modalities)["audio"], pd.DataFrame)


def test_what_passes_through_becomes_a_frame_where_it_has_columns(modalities):
    X = {
        "audio": modalities["audio"],
        "image": modalities["audio"].reshape(-1, 2, 2),
        "text": sparse.csr_array(modalities["video"]),
        "place": TEXT_COLUMNS["polars Enum"],
    }
    out = PerModality("passthrough").set_output(transform="pandas").fit_transform(X)
    assert list(out["audio"].columns) == ["x0", "x1", "x2", "x3"]
    assert out["image"] is X["image"]
    assert sparse.issparse(out["text"])
    assert list(out["place"].columns) == ["colour", "place"]
    assert isinstance(out["place"], pd.DataFrame)


def test_set_config_is_honoured_unless_set_output_says_otherwise(modalities):
    with config_context(transform_output="pandas"):
        out = PerModality({"audio": StandardScaler()}).fit_transform(modalities)
        assert {type(frame) for frame in out.values()} == {pd.DataFrame}
        own = PerModality(StandardScaler()).set_output(transform="default")
        assert isinstance(own.fit_transform(modalities)["audio"], np.ndarray)


def test_set_output_reaches_through_a_pipeline_and_a_search(X, y, quick):
    pipeline = make_pipeline(PerModality(PCA()), quick()).set_output(transform="pandas")
    grid = {"permodality__transformer": [PCA(2), StandardScaler()]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    names = search.best_estimator_[-1].feature_names_in_
    assert list(names) == list(search.best_estimator_[0].get_feature_names_out())
    plain = GridSearchCV(make_pipeline(PerModality(PCA()), quick()), grid, cv=2).fit(X, y)
    assert_allclose(
        search.cv_results_["mean_test_score"], plain.cv_results_["mean_test_score"], atol=1e-6
    )


def test_rank_three_keeps_its_shape_under_set_output(modalities):
    X = {"image": modalities["audio"].reshape(-1, 2, 2), "video": modalities["video"]}
    out = PerModality(StandardScaler()).set_output(transform="polars").fit_transform(X)
    assert out["image"].shape == (N, 2, 2)
    assert isinstance(out["video"], pl.DataFrame)


class NoOutput(BaseEstimator):
    """Has no set_output."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


def test_set_output_refuses_what_it_cannot_do(modalities):
    with pytest.raises(ValueError, match=r"'pandas', 'polars'\], got 'arrow'"):
        PerModality(StandardScaler()).set_output(transform="arrow")
    for refused, message in (
        (NoOutput(), "modality 'audio': Unable to configure output"),
        (OneHotEncoder(handle_unknown="ignore"), "modality 'audio': .*[Ss]parse"),
    ):
        with pytest.raises(ValueError, match=message):
            PerModality({"audio": refused}).set_output(transform="pandas").fit_transform(modalities)


# categories


@pytest.mark.parametrize("form", TEXT_COLUMNS)
@pytest.mark.parametrize(
    "encoder", [one_hot(), OrdinalEncoder(), TargetEncoder(cv=StratifiedKFold(3))], ids=repr
)
def test_categories_of_every_form_are_encoded_alike(form, encoder, modalities, y, quick):
    X = MultiModalArray({"marks": TEXT_COLUMNS[form], "audio": modalities["audio"]})
    encode = PerModality({"marks": encoder})
    expected = clone(encoder).fit_transform(TEXT_COLUMNS["pandas object"], y)
    assert_allclose(encode.fit_transform(X, y)["marks"], expected)
    model = make_pipeline(encode, quick())
    search = GridSearchCV(model, {"frontdoormultimodalclassifier__beta": [0, 1]}, cv=2)
    assert search.fit(X, y).predict(X).shape == (N,)


@pytest.mark.parametrize("library", FRAMES)
def test_one_modality_of_numbers_and_categories_goes_through_a_column_transformer(
    library, mixed, modalities, y, quick
):
    encode = make_column_transformer(
        (one_hot(), ["colour"]), (StandardScaler(), ["loudness"]), verbose_feature_names_out=False
    )
    X = {"mixed": mixed[library], "video": modalities["video"]}
    per_modality = PerModality({"mixed": encode}).set_output(transform=library)
    out = per_modality.fit_transform(X)["mixed"]
    assert list(out.columns) == ["colour_blue", "colour_green", "colour_red", "loudness"]
    assert make_pipeline(per_modality, quick()).fit(X, y).predict(X).shape == (N,)


def test_a_target_encoder_with_absent_rows_still_cross_fits(y):
    encoder = TargetEncoder(cv=StratifiedKFold(3))
    present = np.arange(N) % 5 > 0
    X = MultiModalArray({"marks": TEXT_COLUMNS["pandas str"]}, present={"marks": present})
    out = PerModality(encoder).fit_transform(X, y)["marks"]
    expected = encoder.fit_transform(TEXT_COLUMNS["pandas str"][present], y[present])
    assert_allclose(out[present], expected)
    assert np.isnan(out[~present]).all()


# nulls and missing rows


@pytest.mark.parametrize("form", NUMBER_COLUMNS)
def test_a_row_of_nulls_in_a_frame_of_numbers_lacks_its_modality(form, y, quick):
    frame = NUMBER_COLUMNS[form]()
    rows = np.arange(N) % 3
    marks = frame.iloc[rows] if form.startswith("pandas") else frame[rows]
    other = np.random.default_rng(0).normal(size=(N, 2))
    as_floats = np.array([[1.0, 1.0], [np.nan, np.nan], [0.0, 3.0]])[rows]
    expected = quick(predominant="other").fit({"other": other, "marks": as_floats}, y)
    found = quick(predominant="other").fit({"other": other, "marks": marks}, y)
    assert_allclose(
        found.predict_proba({"other": other, "marks": marks}),
        expected.predict_proba({"other": other, "marks": as_floats}),
        atol=1e-6,
    )


@pytest.mark.parametrize("library", FRAMES)
def test_a_null_beside_a_value_is_named_with_its_column(library, y, quick):
    marks = FRAMES[library]({"a": np.arange(N), "b": [None, *range(N - 1)]})
    with pytest.raises(ValueError, match=r"'marks' contains NaN at row 0, column 1 \('b'\)"):
        quick().fit({"marks": marks, "other": np.ones((N, 1))}, y)


@pytest.mark.parametrize("form", TEXT_COLUMNS)
@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
def test_rows_without_a_modality_stay_so_through_an_encoder(form, output, y, quick):
    present = np.arange(N) % 4 > 0
    X = MultiModalArray(
        {"marks": TEXT_COLUMNS[form], "other": np.ones((N, 1)) * np.arange(N)[:, None]},
        present={"marks": present},
    )
    encode = PerModality({"marks": one_hot()}).set_output(transform=output)
    for out in (encode.fit_transform(X), encode.fit(X).transform(X)):
        marks = np.asarray(out["marks"], dtype=float)
        assert_array_equal(np.isnan(marks).all(axis=1), ~present)
        assert_array_equal(np.isnan(marks).any(axis=1), ~present)
        assert_array_equal(marks[present].sum(axis=1), 2)
        if output != "default":
            assert isinstance(out["marks"], FRAMES[output])
    assert list(encode.transformers_["marks"].categories_[0]) == ["blue", "green", "red"]
    model = make_pipeline(encode, quick()).fit(X, y)
    assert model.predict(X).shape == (N,)


def test_a_row_with_some_nulls_is_the_encoders_business():
    marks = pd.DataFrame({"colour": ["red", None, None, "blue"], "place": ["x", "y", None, "x"]})
    out = PerModality(one_hot()).fit_transform({"marks": marks})["marks"]
    assert_array_equal(np.isnan(out).all(axis=1), [False, False, True, False])
    assert out[1].sum() == 2  # the null colour is a category of its own, the place is y


@pytest.mark.parametrize("form", ["pandas category", "polars Enum", "object array"])
@pytest.mark.parametrize("absent", ["None", "rows of nulls"])
def test_a_modality_that_all_rows_lack_goes_through_a_fitted_encoder(form, absent, y, quick):
    X = {"marks": TEXT_COLUMNS[form], "other": np.arange(N)[:, None] % 3 * 1.0}
    model = make_pipeline(PerModality({"marks": one_hot()}), quick()).fit(X, y)
    nothing = {"other": X["other"], "marks": None}
    expected = model[-1].predict_proba({"other": X["other"], "marks": None})
    if absent == "rows of nulls":
        nothing = MultiModalArray(X, present={"marks": np.zeros(N, dtype=bool)})
    assert_allclose(model.predict_proba(nothing), expected)


def test_a_pandas_index_is_kept_beside_absent_rows():
    marks = TEXT_COLUMNS["pandas str"].iloc[:4].set_axis([7, 7, 8, 9], axis=0)
    X = MultiModalArray({"marks": marks}, present={"marks": [True, False, True, True]})
    out = PerModality(one_hot()).set_output(transform="pandas").fit_transform(X)["marks"]
    assert list(out.index) == [7, 7, 8, 9]
    assert list(out.isna().all(axis=1)) == [False, True, False, False]


@pytest.mark.parametrize("form", TEXT_COLUMNS)
def test_present_puts_nulls_into_a_copy(form):
    before = np.array(TEXT_COLUMNS[form])
    present = np.arange(N) > 2
    X = MultiModalArray({"marks": TEXT_COLUMNS[form]}, present={"marks": present})
    values = np.asarray(X["marks"], dtype=object)
    assert_array_equal(pd.isna(values).all(axis=1), ~present)
    assert_array_equal(values[present], before[present])
    assert_array_equal(np.array(TEXT_COLUMNS[form]), before)
    assert type(X["marks"]) is type(TEXT_COLUMNS[form])


def test_the_container_shows_the_share_of_missing_rows():
    X = MultiModalArray(
        {"marks": TEXT_COLUMNS["polars Enum"], "audio": np.ones((N, 2)), "video": np.ones((N, 1))},
        present={"marks": np.arange(N) >= 30, "video": np.arange(N) > 0},
    )
    assert repr(X) == (
        "MultiModalArray(marks=(120, 2) object (25% missing), audio=(120, 2) float64, "
        "video=(120, 1) float64 (<1% missing))"
    )
    assert "<td>30 (25%)</td>" in X._repr_html_()
    assert "<td>0</td>" in X._repr_html_()
    assert "<td>1 (&lt;1%)</td>" in X._repr_html_()


# dates


def dates():
    return pd.date_range("2024-02-29", periods=N)


DATES = {
    "pandas": lambda: pd.DataFrame({"day": dates(), "n": np.arange(N)}),
    "pandas with a zone": lambda: pd.DataFrame({"day": dates().tz_localize("UTC"), "n": 1}),
    "pandas durations": lambda: pd.DataFrame({"day": dates() - dates()[0], "n": 1}),
    "pandas periods": lambda: pd.DataFrame({"day": dates().to_period("D"), "n": 1}),
    "pandas objects": lambda: pd.DataFrame({"day": dates().date, "n": 1}),
    "polars dates": lambda: pl.DataFrame({"day": list(dates().date), "n": np.arange(N)}),
    "polars times": lambda: pl.DataFrame({"day": dates().to_numpy(), "n": np.arange(N)}),
    "array": lambda: np.array(dates().to_numpy()[:, None]),
    "array of objects": lambda: np.array(list(dates().date), dtype=object)[:, None],
}


@pytest.mark.parametrize("form", DATES)
def test_dates_are_refused_with_their_place(form, y, quick):
    X = {"when": DATES[form](), "other": np.ones((N, 1))}
    with pytest.raises((TypeError, ValueError), match=r"'when' holds.* at row 0, column 0"):
        quick().fit(X, y)


def test_columns_of_one_name_and_columns_of_dates_are_named(quick, modalities, y):
    twice = pd.DataFrame(modalities["audio"], columns=list("aabc"))
    with pytest.raises(ValueError, match=r"(?s)modality 'audio'.*unique.*'a'"):
        quick().fit({**modalities, "audio": twice}, y)
    dated = pd.DataFrame(
        {"t": pd.date_range("2020", periods=len(y)), "x": modalities["audio"][:, 0]}
    )
    with pytest.raises(ValueError, match=r"'audio' holds datetime64.*'t'.*dates"):
        quick().fit({**modalities, "audio": dated}, y)
