"""Text beside other modalities: through a vectorizer, or refused with a hint."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from skbetafd import (
    FrontDoorMultiModalClassifier,
    MultiModalArray,
    PerModality,
    modality_contributions,
)

N = 120
WORDS = {"bird": "gull song wing", "car": "engine horn road", "rain": "drop cloud wind"}
rng = np.random.default_rng(0)
LABEL = np.array(list(WORDS))[np.arange(N) % 3]
DOCUMENTS = [
    " ".join(rng.choice([*WORDS[label].split(), "the", "a", "heard"], 5)) for label in LABEL
]
FORMS = {
    "pandas": pd.DataFrame({"remark": DOCUMENTS}),
    "pandas object": pd.DataFrame({"remark": DOCUMENTS}, dtype=object),
    "polars": pl.DataFrame({"remark": DOCUMENTS}),
    "object array": np.array(DOCUMENTS, dtype=object)[:, None],
    "string array": np.array(DOCUMENTS)[:, None],
}
EXPECTED = TfidfVectorizer().fit_transform(DOCUMENTS)


def reduced():
    return make_pipeline(TfidfVectorizer(), TruncatedSVD(4, random_state=0))


@pytest.mark.parametrize("form", FORMS)
def test_one_column_of_text_goes_through_a_vectorizer_and_stays_sparse(form, modalities):
    encode = PerModality({"remarks": TfidfVectorizer()})
    X = {"remarks": FORMS[form], "audio": modalities["audio"]}
    for out in (encode.fit_transform(X), encode.fit(X).transform(X)):
        assert sparse.issparse(out["remarks"])
        assert_allclose(out["remarks"].toarray(), EXPECTED.toarray())
    words = TfidfVectorizer().fit(DOCUMENTS).get_feature_names_out()
    names = [f"remarks__{word}" for word in words]
    assert list(encode.get_feature_names_out())[: len(names)] == names


@pytest.mark.parametrize(
    "vectorizer",
    [
        CountVectorizer(ngram_range=(1, 2)),
        HashingVectorizer(n_features=32),
        make_pipeline("passthrough", TfidfVectorizer()),
        FeatureUnion([("words", TfidfVectorizer()), ("letters", CountVectorizer(analyzer="char"))]),
        FeatureUnion([("none", "drop"), ("words", reduced())]),
    ],
    ids=repr,
)
def test_every_transformer_of_documents_gets_them(vectorizer):
    found = PerModality({"remarks": vectorizer}).fit_transform({"remarks": FORMS["pandas"]})
    expected = vectorizer.fit_transform(DOCUMENTS)
    assert_allclose(
        np.asarray(found), expected.toarray() if sparse.issparse(expected) else expected
    )


def test_a_column_of_dicts_goes_through_a_dict_vectorizer():
    counts = np.array([{"gull": 2}, {"crow": 1}], dtype=object)[:, None]
    out = PerModality(DictVectorizer()).fit_transform({"counts": counts})
    assert_array_equal(np.asarray(out), [[0, 2], [1, 0]])


@pytest.mark.parametrize("form", FORMS)
def test_text_beside_numbers_is_classified_and_searched(form, modalities, y, quick):
    X = MultiModalArray({"remarks": FORMS[form], "audio": modalities["audio"]})
    pipeline = make_pipeline(PerModality({"remarks": reduced()}), quick())
    grid = {"permodality__remarks__truncatedsvd__n_components": [2, 3]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.predict(X).shape == (N,)


def test_text_and_categories_of_one_modality_go_through_a_column_transformer():
    frame = FORMS["pandas"].assign(place="north")
    encode = make_column_transformer((TfidfVectorizer(), "remark"), (OneHotEncoder(), ["place"]))
    out = PerModality({"remarks": encode}).fit_transform({"remarks": frame})
    assert out["remarks"].shape == (N, EXPECTED.shape[1] + 1)


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_remark_is_no_document_and_stays_missing(form, y):
    present = np.arange(N) % 4 > 0
    X = MultiModalArray({"remarks": FORMS[form]}, present={"remarks": present})
    vectorizer = TfidfVectorizer()
    out = PerModality(vectorizer).fit_transform(X)["remarks"]
    assert sparse.issparse(out)
    dense = np.asarray(MultiModalArray({"remarks": out}))
    assert np.isnan(dense[~present]).all()
    kept = [document for document, there in zip(DOCUMENTS, present, strict=True) if there]
    assert_allclose(dense[present], vectorizer.fit_transform(kept).toarray())
    again = PerModality(TruncatedSVD(2)).fit_transform({"remarks": out})["remarks"]
    assert_array_equal(np.isnan(again).all(axis=1), ~present)


def test_rows_without_a_remark_are_classified_by_the_rest(modalities, y, quick):
    present = np.arange(N) % 4 > 0
    data = {"remarks": FORMS["polars"], "audio": modalities["audio"]}
    X = MultiModalArray(data, present={"remarks": present})
    model = make_pipeline(PerModality({"remarks": reduced()}), quick()).fit(X, y)
    without = model.predict_proba(data | {"remarks": None})
    assert_allclose(model.predict_proba(X)[~present], without[~present], atol=1e-6)


def test_several_columns_of_text_are_refused_with_a_hint():
    frame = pd.DataFrame({"title": DOCUMENTS, "remark": DOCUMENTS})
    with pytest.raises(
        ValueError, match=r"'remarks': TfidfVectorizer takes one column of .* got 2"
    ):
        PerModality({"remarks": TfidfVectorizer()}).fit({"remarks": frame})


def test_documents_that_are_no_strings_are_an_error_that_names_the_modality():
    with pytest.raises(AttributeError, match=r"modality 'remarks': .* no attribute 'lower'"):
        PerModality(TfidfVectorizer()).fit({"remarks": np.arange(3)[:, None]})


@pytest.mark.parametrize("form", FORMS)
def test_text_handed_straight_to_fit_is_refused_with_its_place(form, modalities, y):
    X = {"remarks": FORMS[form], "audio": modalities["audio"]}
    place = f"'remarks'.*{re.escape(repr(DOCUMENTS[0]))} at row 0, column 0.*PerModality"
    with pytest.raises((TypeError, ValueError), match=place):
        FrontDoorMultiModalClassifier().fit(X, y)


def test_a_precomputed_embedding_is_a_modality_as_it_is(modalities, y, quick):
    embedding = TruncatedSVD(4, random_state=0).fit_transform(EXPECTED).astype(np.float16)
    X = MultiModalArray({"remarks": embedding, "audio": modalities["audio"]})
    clf = quick(predominant="remarks").fit(X, y)
    wide = quick(predominant="remarks").fit(
        {"remarks": embedding.astype(np.float64), "audio": modalities["audio"]}, y
    )
    assert_array_equal(clf.predict_proba(X), wide.predict_proba(X))


@pytest.mark.parametrize(
    "make", [list, np.array, pd.Series, pl.Series, lambda d: pd.Series(d, dtype=object)]
)
def test_text_in_one_dimension_is_one_column(make, modalities, y, quick):
    X = {"remarks": make(DOCUMENTS), "audio": modalities["audio"]}
    encode = PerModality({"remarks": TfidfVectorizer()})
    assert_allclose(encode.fit_transform(X)["remarks"].toarray(), EXPECTED.toarray())
    assert make_pipeline(encode, quick()).fit(X, y).predict(X).shape == (N,)


def test_text_in_one_dimension_may_have_gaps_but_numbers_are_refused():
    remarks = pd.Series(["a gull", None, "a hawk", np.nan], dtype=object)
    out = PerModality(TfidfVectorizer()).fit_transform({"remarks": remarks})
    assert np.isnan(np.asarray(out)).all(axis=1).tolist() == [False, True, False, True]
    for values in (np.arange(3), np.array([1, None], dtype=object), ["a", ["b"]], []):
        with pytest.raises(ValueError, match=r"'remarks' (needs rows|is no array)"):
            MultiModalArray({"remarks": values})


def mixed_tables():
    frame = pd.DataFrame({"vib": np.arange(N) * 1.0, "pump": "new", "heat": 2.0, "shift": "day"})
    frame.loc[::2, ["pump", "shift"]] = ["old", "night"]
    yield frame
    yield pl.DataFrame(frame.to_dict("list"))
    yield frame.to_numpy()


@pytest.mark.parametrize("table", [*mixed_tables()], ids=["pandas", "polars", "objects"])
def test_the_first_text_of_a_mixed_table_is_named(table, modalities, y, quick):
    X = {"sensors": table, "audio": modalities["audio"]}
    with pytest.raises((TypeError, ValueError), match=r"'sensors'.*'old' at row 0, column 1"):
        quick().fit(X, y)


def test_text_can_be_taken_out_of_a_pipeline(modalities, y, quick):
    X = {"remarks": DOCUMENTS, "audio": modalities["audio"]}
    model = make_pipeline(PerModality({"remarks": TfidfVectorizer()}), quick()).fit(X, y)
    found = modality_contributions(model, X, y, method="missing", n_bootstrap=2)
    rows = model[:-1].transform(X)
    assert modality_contributions(model[-1], rows, y, n_bootstrap=2).score == found.score


@pytest.mark.parametrize("kind", [list, pd.Series, lambda v: pd.Series(v, dtype="string")])
def test_text_that_no_row_has_is_a_column_at_prediction_and_refused_at_fit_by_name(kind):
    nothing = kind([None] * N)
    scaler = PerModality({"remark": TfidfVectorizer()})
    with pytest.raises(ValueError, match=f"'remark': it is missing in all {N} rows; a fit needs"):
        scaler.fit({"remark": nothing, "table": np.zeros((N, 2))})
    fitted = scaler.fit({"remark": DOCUMENTS, "table": np.zeros((N, 2))})
    seen = fitted.transform({"remark": nothing, "table": np.zeros((N, 2))})["remark"]
    assert seen.shape == EXPECTED.shape
    assert np.isnan(seen.data).all()


def test_a_transformer_that_needs_no_rows_is_fitted_to_a_modality_that_no_row_has():
    nothing = {"a": np.full((4, 2), np.nan), "b": np.zeros((4, 1))}
    found = PerModality({"a": FunctionTransformer()}).fit_transform(nothing)
    assert np.isnan(found["a"]).all()
