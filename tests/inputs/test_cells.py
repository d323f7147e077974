"""What a cell is: text, a number or missing, alike in every container."""

from datetime import time, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    MultiModalArray,
    PerModality,
)

N = 120
NULLS = [float("nan"), np.nan, np.float32("nan"), None, pd.NA, pd.NaT]
POSTCODES = ["02139", "10001", "94305"] * 40
COUNTS = [1, 2, 4] * 40


def column(values, **kwargs):
    return pd.DataFrame({"code": values}, **kwargs)


def polars(values, dtype=None):
    return pl.DataFrame({"code": values}, schema={"code": dtype} if dtype else None)


def of_objects(values):
    return np.array(values, dtype=object)[:, None]


@pytest.fixture
def fit(modalities, y, quick):
    """Fit with a further modality, and return the probabilities of its rows."""

    def fitted(value):
        X = {**modalities, "further": value}
        return quick(max_epochs=1, predominant="audio").fit(X, y).predict_proba(X)

    return fitted


# a list: missing cells are missing, and nothing turns into text


@pytest.mark.parametrize("null", NULLS, ids=lambda null: f"{type(null).__name__} {null}")
@pytest.mark.parametrize("form", [list, tuple, lambda cells: [[cell] for cell in cells]])
def test_a_missing_cell_of_a_list_of_text_is_missing_as_in_an_array_of_objects(form, null):
    remarks = ["gull strike", null, "no damage"] * 40
    X = MultiModalArray({"remark": form(remarks)})
    assert_array_equal(X.present["remark"], [True, False, True] * 40)
    words = PerModality(TfidfVectorizer()).fit(X).get_feature_names_out()
    assert list(words) == [f"remark__{word}" for word in ("damage", "gull", "no", "strike")]


def test_a_row_of_a_table_of_text_is_missing_where_all_of_it_is():
    nan = float("nan")
    rows = [["red", "north"], [nan, nan], ["blue", nan]]
    X = MultiModalArray({"marks": rows})
    assert_array_equal(X.present["marks"], [True, False, True])
    kinds = PerModality({"marks": OneHotEncoder()}).fit(X).transformers_["marks"].categories_
    assert list(kinds[0]) == ["blue", "red"]
    flat = PerModality(OneHotEncoder(sparse_output=False)).fit_transform(rows[::2])
    expected = OneHotEncoder(sparse_output=False).fit_transform(np.array(rows[::2], dtype=object))
    assert_array_equal(flat, expected)


@pytest.mark.parametrize("nothing", [[float("nan")] * 4, [None] * 4, pd.Series([np.nan] * 4)])
def test_text_that_no_row_has_may_be_a_column_of_nan(nothing):
    encode = PerModality({"remark": TfidfVectorizer()})
    encode.fit({"remark": ["a gull", "no", "a hawk", "no"], "table": np.zeros((4, 2))})
    seen = encode.transform({"remark": nothing, "table": np.zeros((4, 2))})
    assert not seen.present["remark"].any()


@pytest.mark.parametrize(
    ("cells", "named"),
    [
        ([1, "1", "c"], "row 0 is 1"),
        (["1", 1.5, "c"], "row 1 is 1.5"),
        (["a", None, b"a"], "row 2 is b'a'"),
        (["True", True], "row 1 is True"),
        (np.array(["a", 2], dtype=object), "row 1 is 2"),
    ],
)
def test_text_beside_anything_else_in_one_dimension_is_refused_with_its_row(cells, named):
    with pytest.raises(ValueError, match=f"modality 'code' .*{named}"):
        MultiModalArray({"code": cells})


def test_cells_of_a_table_that_mixes_text_and_numbers_stay_what_they_are():
    X = MultiModalArray({"code": [[1], ["1"], [True]]})
    assert X["code"].ravel().tolist() == [1, "1", True]
    assert [type(cell) for cell in X["code"].flat] == [int, str, bool]


@pytest.mark.parametrize("null", NULLS, ids=lambda null: f"{type(null).__name__} {null}")
@pytest.mark.parametrize("form", [list, lambda cells: np.array(cells, dtype=object), pd.Series])
def test_a_mediator_with_a_missing_cell_is_refused_with_its_row(form, null, modalities, y, quick):
    levels = ["a", "b", null, "c"] * 30
    with pytest.raises(ValueError, match=r"mediator contains .* at row 2, column 0"):
        quick().fit(modalities, y, mediator=form(levels))
    with pytest.raises(ValueError, match=r"mediator contains .* at row 2, column 0"):
        DiscreteFrontDoorClassifier().fit(_pair(), y, mediator=form(levels))


def _pair():
    return {"t": np.array(COUNTS)[:, None], "a": np.array(COUNTS)[::-1, None]}


def test_levels_of_a_list_are_those_of_the_array_of_objects(y):
    cells = [1, "1", "c"] * 40
    for form in (list, lambda cells: np.array(cells, dtype=object)):
        clf = DiscreteFrontDoorClassifier().fit(_pair(), y, mediator=form(cells))
        assert clf.mediator_levels_ == [(1,), ("1",), ("c",)]


def test_integers_beyond_int64_are_levels_and_no_floats(y):
    clf = DiscreteFrontDoorClassifier().fit(_pair(), y, mediator=[1, 2, 2**63 + 2] * 40)
    assert clf.mediator_levels_ == [(1,), (2,), (2**63 + 2,)]


def test_decimals_are_levels_as_integers_are(y):
    cells = [Decimal(1), Decimal(2), Decimal(1)] * 40
    clf = DiscreteFrontDoorClassifier().fit(_pair(), y, mediator=cells)
    assert clf.mediator_levels_ == [(1,), (2,)]


@pytest.mark.parametrize(
    "form",
    [list, np.array, pd.Series, lambda w: pd.Series(w, dtype="category"), pl.Series],
)
def test_digits_of_text_are_no_weights(form, modalities, y, quick):
    with pytest.raises(ValueError, match=r"sample_weight: .*'02139' .* in row 0"):
        quick().fit(modalities, y, sample_weight=form(POSTCODES))
    with pytest.raises(ValueError, match=r"sample_weight: .*'2' of object in row 1"):
        quick().fit(modalities, y, sample_weight=[1.0, "2", 1.0] * 40)


@pytest.mark.parametrize(
    "weight",
    [
        *(np.array([1, null, 1] * 40, dtype=object) for null in NULLS),
        pd.array([1, None, 1] * 40, dtype="Int64"),
        pd.array([True, None, True] * 40, dtype="boolean"),
        pl.Series([1, None, 1] * 40),
    ],
    ids=lambda weight: f"{weight.dtype} {weight[1]!r}",
)
def test_a_missing_weight_is_nan_in_every_form(weight, modalities, y, quick):
    with pytest.raises(ValueError, match="sample_weight contains NaN"):
        quick().fit(modalities, y, sample_weight=weight)


@pytest.mark.parametrize("classes", [[0, "1", "c"], ["a", "b", float("nan")], ["a", None]])
def test_classes_that_are_no_labels_are_refused_by_name(classes, modalities, quick):
    with pytest.raises((TypeError, ValueError), match=r"classes .*row [12]"):
        quick().partial_fit(modalities, ["a", "b"] * 60, classes=classes)


def test_an_array_of_strings_with_missing_ones_is_read_as_one_of_objects(modalities, y, quick):
    text = np.array(["a", np.nan, "b"] * 40, dtype=np.dtypes.StringDType(na_object=np.nan))
    for remarks in (text, text[:, None]):
        present = MultiModalArray({"remark": remarks}).present["remark"]
        assert_array_equal(present, [True, False, True] * 40)
    with pytest.raises(ValueError, match="mediator contains NaN at row 1"):
        quick().fit(modalities, y, mediator=text)
    with pytest.raises(ValueError, match="y is missing in row 1"):
        quick().fit(modalities, text)
    whole = np.array(POSTCODES, dtype=np.dtypes.StringDType())
    assert_array_equal(quick(max_epochs=1).fit(modalities, whole).classes_, np.unique(POSTCODES))


@pytest.mark.parametrize("large", [2**63 + 2, 2**70, np.uint64(2**63 + 2)])
@pytest.mark.parametrize("small", [1, -1])
def test_labels_beyond_int64_beside_others_are_named_with_what_to_do(
    large, small, modalities, y, quick
):
    labels = [small, 2, large] * 40
    with pytest.raises(TypeError, match=rf"y must hold .*{int(large)}.* in row 2.*int64.*str\("):
        quick().fit(modalities, labels)
    assert len(quick(max_epochs=1).fit(modalities, [str(label) for label in labels]).classes_) == 3


def test_floats_too_large_for_labels_are_continuous_without_a_warning(modalities, quick):
    with pytest.raises(ValueError, match=r"y.*continuous"):
        quick().fit(modalities, [1e300, 2.0, 1.0] * 40)


# text is text, and numbers are numbers

TEXT = {
    "pandas str": column(POSTCODES),
    "pandas object": column(POSTCODES, dtype=object),
    "pandas category": column(POSTCODES, dtype="category"),
    "pandas, beside numbers": column(POSTCODES).assign(count=COUNTS)[["count", "code"]],
    "polars String": polars(POSTCODES),
    "polars Categorical": polars(POSTCODES, pl.Categorical),
    "polars Enum": polars(POSTCODES, pl.Enum(["02139", "10001", "94305"])),
    "polars with nulls": polars(["02139", None, "94305"] * 40),
    "Series": pd.Series(POSTCODES),
    "Series of a category": pd.Series(POSTCODES, dtype="category"),
    "polars Series": pl.Series(POSTCODES),
    "objects": of_objects(POSTCODES),
    "bytes": of_objects([code.encode() for code in POSTCODES]),
    "NumPy str": np.array(POSTCODES)[:, None],
    "NumPy StringDType": np.array(POSTCODES, dtype=np.dtypes.StringDType())[:, None],
    "list": POSTCODES,
    "list of lists": [[code] for code in POSTCODES],
    "list of mixed rows": [[code, 1.5] for code in POSTCODES],
}


@pytest.mark.parametrize("form", TEXT)
def test_digits_of_text_are_no_number_in_any_column(form, fit):
    place = r"'further' holds .*02139.* at row 0, column [01].*astype\(float\).*PerModality"
    with pytest.raises(ValueError, match=place):
        fit(TEXT[form])


@pytest.mark.parametrize(
    "form",
    [column, lambda t: column(t, dtype="category"), polars, of_objects, lambda t: [[c] for c in t]],
)
def test_digits_of_text_are_no_number_in_one_flat_table(form, y, quick):
    with pytest.raises(ValueError, match=r"02139.* at row 0, column 0"):
        quick().fit(form(POSTCODES), y)


@pytest.mark.parametrize("form", ["pandas str", "polars String", "objects", "list of lists"])
def test_the_remedies_of_text_are_taken(form, fit):
    table = TEXT[form]
    numbers = np.array(POSTCODES).astype(float)[:, None]
    converted = np.asarray(table).astype(float)
    assert_array_equal(fit(converted), fit(numbers))
    codes = PerModality(OneHotEncoder()).fit_transform({"further": table})["further"]
    fit(codes)


NUMBERS = {
    "Decimal": column([Decimal(n) for n in COUNTS]),
    "Fraction": column([Fraction(n) for n in COUNTS]),
    "other byte order": column(np.array(COUNTS, np.dtype(float).newbyteorder())),
    "objects of a frame": column(COUNTS, dtype=object),
    "categories of integers": column(COUNTS, dtype="category"),
    "Int64": column(pd.array(COUNTS, dtype="Int64")),
    "Float64": column(pd.array(COUNTS, dtype="Float64")),
    "polars": polars(COUNTS),
    "polars Decimal": polars([Decimal(n) for n in COUNTS]),
    "objects": of_objects(COUNTS),
    "objects, mixed": of_objects([1, np.int8(2), Decimal(4)] * 40),
    "list": [[n] for n in COUNTS],
}


@pytest.mark.parametrize("form", NUMBERS)
def test_numbers_are_the_same_numbers_in_every_column(form, fit):
    assert_array_equal(fit(NUMBERS[form]), fit(np.array(COUNTS, dtype=float)[:, None]))


@pytest.mark.parametrize("null", NULLS, ids=lambda null: f"{type(null).__name__} {null}")
@pytest.mark.parametrize(
    "form", [of_objects, lambda c: [[n] for n in c], lambda c: column(c, dtype=object)]
)
def test_a_row_of_objects_without_a_number_lacks_the_modality(form, null, fit):
    expected = fit(np.array([1.0, np.nan, 0.0] * 40)[:, None])
    assert_array_equal(fit(form([True, null, False] * 40)), expected)


@pytest.mark.parametrize("form", [of_objects, column])
def test_a_number_beyond_floats_is_refused_by_name(form, fit):
    with pytest.raises(OverflowError, match=r"'further'.*too large"):
        fit(form([1, 10**400, 2] * 40))


# durations, times, lists: the remedy in the message is what works

ODD = {
    "durations": (
        column(pd.to_timedelta(COUNTS, unit="D")),
        "total_seconds",
        lambda table: table["code"].dt.total_seconds(),
    ),
    "polars durations": (
        polars([timedelta(n) for n in COUNTS]),
        "total_seconds",
        lambda table: table["code"].dt.total_seconds(),
    ),
    "an array of durations": (
        np.array(COUNTS, dtype="m8[h]")[:, None],
        "timedelta64",
        lambda table: table[:, 0] / np.timedelta64(1, "s"),
    ),
    "times": (
        column([time(n) for n in COUNTS]),
        "hours since midnight",
        lambda table: table["code"].map(lambda when: when.hour + when.minute / 60),
    ),
    "polars times": (
        polars([time(n) for n in COUNTS]),
        "hours since midnight",
        lambda table: table["code"].dt.hour() + table["code"].dt.minute() / 60,
    ),
    "lists": (
        column([[n, n] for n in COUNTS]),
        "np.stack",
        lambda table: np.stack(table["code"]),
    ),
    "polars lists": (
        polars([[n, n] for n in COUNTS]),
        "np.stack",
        lambda table: np.stack(table["code"]),
    ),
    "polars arrays": (
        polars([[n, n] for n in COUNTS], pl.Array(pl.Int64, 2)),
        "np.stack",
        lambda table: np.stack(table["code"]),
    ),
}


@pytest.mark.parametrize("form", ODD)
def test_cells_of_other_kinds_are_refused_with_a_remedy_that_works(form, fit):
    table, remedy, mended = ODD[form]
    with pytest.raises(ValueError, match=rf"'further' holds .* at row 0, column 0.*{remedy}"):
        fit(table)
    fit(np.asarray(mended(table), dtype=float).reshape(N, -1))


def test_a_column_of_a_flat_frame_is_named_as_its_modality_has_it(y, quick):
    when = pd.to_timedelta(COUNTS, unit="D")
    frame = pd.DataFrame({"a__t": when, "v__x": COUNTS, "v__t": np.arange(N)})
    with pytest.raises(ValueError, match=r"'a' holds timedelta64.*\('t'\)"):
        quick().fit(frame, y)
    frame["a__t"] = frame["a__t"].dt.total_seconds()
    quick(max_epochs=1).fit(frame, y)


CELLS = [{"x": 1}, object(), pd.Interval(0, 1)]


@pytest.mark.parametrize("cell", CELLS, ids=["dict", "object", "interval"])
@pytest.mark.parametrize("form", [column, of_objects])
def test_cells_that_are_neither_text_nor_numbers_are_type_errors_with_their_place(cell, form, fit):
    with pytest.raises(TypeError, match=r"'further' holds .* at row 2, column 0.*argument must be"):
        fit(form([1, 2, cell] * 40))


# frames of other kinds


def one_hot(**kwargs):
    return pd.get_dummies(pd.Series(POSTCODES), **kwargs)


SPARSE_FRAMES = {
    "from_spmatrix": lambda: pd.DataFrame.sparse.from_spmatrix(sparse.csr_array(one_hot() * 2.5)),
    "get_dummies": lambda: one_hot(sparse=True),
    "several dtypes": lambda: one_hot(sparse=True).assign(
        n=pd.arrays.SparseArray(COUNTS), x=pd.arrays.SparseArray([0.0, 0.5, 0.0] * 40, fill_value=0)
    ),
    "filled with NaN": lambda: pd.DataFrame({"x": pd.arrays.SparseArray([1.0, 0.0, 2.0] * 40)}),
}


@pytest.mark.parametrize("form", SPARSE_FRAMES)
def test_a_frame_of_sparse_columns_is_the_sparse_matrix(form, fit):
    frame = SPARSE_FRAMES[form]()
    dense = frame.astype(float).to_numpy()
    assert_array_equal(fit(frame), fit(sparse.csr_array(dense)))
    assert_array_equal(MultiModalArray({"marks": frame})["marks"], dense)


def test_a_frame_of_sparse_and_dense_columns_is_the_dense_frame(fit, modalities, y, quick):
    frame = one_hot(sparse=True).assign(n=COUNTS)
    assert_array_equal(fit(frame), fit(one_hot().assign(n=COUNTS)))
    flat = frame.rename(columns=lambda name: f"codes__{name}").assign(audio__x=np.arange(N))
    quick(max_epochs=1).fit(flat, y)


def test_a_row_of_nan_in_a_sparse_frame_lacks_the_modality_and_one_nan_is_refused(fit):
    values = np.array([[1.0, 0.0], [np.nan, np.nan], [0.0, 2.0]] * 40)
    zeros = pd.SparseDtype(float, 0.0)
    frame = pd.DataFrame(values).astype(zeros)
    X = MultiModalArray({"marks": frame})
    assert_array_equal(X.present["marks"], [True, False, True] * 40)
    marked = sparse.lil_array(np.nan_to_num(values))
    marked[1::3, 0] = np.nan
    assert_array_equal(fit(frame), fit(marked.tocsr()))
    y, other = np.arange(N) % 3, np.arange(N)[:, None] * 1.0
    for fitted in (frame, marked.tocsr()):
        clf = FrontDoorMultiModalClassifier(max_epochs=1, random_state=0)
        clf.fit({"other": other, "marks": fitted}, y)
        found = [
            clf.predict_proba({"other": other, "marks": rows})
            for rows in (frame, marked.tocsr(), values, pd.DataFrame(values).astype(object))
        ]
        for rows in found[1:]:
            assert_array_equal(rows, found[0])
    values[4, 1] = 1.0
    frame = pd.DataFrame(values).astype(zeros)
    with pytest.raises(ValueError, match="'further' contains NaN at row 4, column 0"):
        fit(frame)


def test_a_pyarrow_table_is_a_frame(fit, modalities, y, quick):
    numbers = {"gaps": [1, None, 3] * 40, "flag": [True, None, False] * 40}
    for table in (pa.table(numbers), pa.record_batch(numbers)):
        assert_array_equal(fit(table), fit(pl.DataFrame(numbers)))
    with pytest.raises(ValueError, match=r"'02139' at row 0, column 0 \('code'\).*PerModality"):
        fit(pa.table({"code": POSTCODES}))
    tensor = pa.Tensor.from_numpy(np.arange(N * 2.0).reshape(N, 2))
    assert_array_equal(fit(tensor), fit(np.asarray(tensor)))
    remarks = {"remark": pa.array(["a gull", None, "a hawk"] * 40), "audio": modalities["audio"]}
    assert_array_equal(MultiModalArray(remarks).present["remark"], [True, False, True] * 40)
    flat = pa.table({"a__x": COUNTS, "v__x": np.arange(N)})
    clf = quick(max_epochs=1).fit(flat, pa.array(y))
    assert_array_equal(clf.predict_proba(flat), clf.predict_proba(flat.to_pandas()))
    clf.fit(flat, y, mediator=pa.chunked_array([POSTCODES]))


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        ("X", "X is a LazyFrame"),
        ("modality", "modality 'further' is a LazyFrame"),
        ("y", "y is a LazyFrame"),
        ("sample_weight", "sample_weight is a LazyFrame"),
        ("mediator", "mediator is a LazyFrame"),
    ],
)
def test_a_lazy_frame_is_refused_with_its_collect(argument, named, modalities, y, quick):
    lazy = pl.LazyFrame({"x": y})
    given = {"X": modalities, "y": y, argument: lazy}
    if argument == "modality":
        given = {"X": {**modalities, "further": given.pop("modality")}, "y": y}
    with pytest.raises(TypeError, match=rf"^{named} .*\.collect\(\)"):
        quick().fit(**given)


def test_a_column_may_have_the_name_of_a_method(fit):
    frame = pd.DataFrame({"compute": COUNTS, "collect": COUNTS, "iloc": COUNTS, "fillna": COUNTS})
    assert_array_equal(fit(frame), fit(frame.to_numpy()))


def test_rows_that_dask_has_not_counted_are_refused_with_what_counts_them(fit):
    da = pytest.importorskip("dask.array")
    numbers = np.random.default_rng(0).normal(size=(N, 3))
    rows = da.from_array(numbers, chunks=(40, 3))
    rows = rows[rows[:, 0] < 100]
    with pytest.raises(ValueError, match=r"'further' .*\(nan, 3\).*compute_chunk_sizes\(\)"):
        fit(rows)
    assert_array_equal(fit(rows.compute_chunk_sizes()), fit(numbers))
