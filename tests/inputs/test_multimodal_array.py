import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array

from skbetafd import MultiModalArray

AUDIO = np.arange(24.0).reshape(6, 4)
VIDEO = -np.arange(18.0).reshape(6, 3)
IMAGE = np.arange(100, 136, dtype=np.float32).reshape(6, 2, 3, 1)
FLAT = np.hstack([AUDIO, VIDEO, IMAGE.reshape(6, 6)])
N = len(FLAT)


def make():
    return MultiModalArray({"audio": AUDIO, "video": VIDEO, "image": IMAGE})


@pytest.fixture(name="X")
def container():
    return make()


def frames():
    return MultiModalArray(
        {
            "pandas": pd.DataFrame(AUDIO, columns=list("abcd"), index=range(10, 16)),
            "polars": pl.DataFrame(VIDEO, schema=list("xyz")),
        }
    )


def test_the_container_describes_itself_as_one_two_dimensional_array(X):
    assert X.shape == FLAT.shape
    assert X.ndim == 2
    assert len(X) == N
    assert X.dtype == np.float64
    assert X.names == ("audio", "video", "image")
    assert X.named
    assert X.widths == (4, 3, 6)
    assert X.slices == {"audio": slice(0, 4), "video": slice(4, 7), "image": slice(7, 13)}
    assert X.feature_names is None


def test_a_sequence_makes_up_names_and_counts_as_unnamed():
    for data in ([AUDIO, VIDEO], (AUDIO, VIDEO), iter([AUDIO, VIDEO])):
        X = MultiModalArray(data)
        assert X.names == ("modality0", "modality1")
        assert not X.named
        assert not X[2:].named


def test_a_container_of_a_container_is_equal_to_it(X):
    again = MultiModalArray(X)
    assert again.names == X.names
    assert again.named
    assert again["audio"] is X["audio"]
    assert not MultiModalArray(MultiModalArray([AUDIO])).named


def test_nothing_is_copied(X):
    assert X["audio"] is AUDIO
    assert np.shares_memory(X[1:3]["image"], IMAGE)


def test_asarray_is_the_flattened_modalities_side_by_side(X):
    assert_array_equal(np.asarray(X), FLAT)
    assert np.asarray(X, dtype=np.float32).dtype == np.float32
    assert_array_equal(np.array(X, copy=True), FLAT)
    assert_array_equal(list(X), FLAT)


def test_asarray_without_a_copy_is_refused(X):
    with pytest.raises(ValueError, match="without a copy"):
        np.array(X, copy=False)


@pytest.mark.parametrize(
    ("dtypes", "common"),
    [
        ((np.int8, np.float32), np.float32),
        ((np.float32, np.float32), np.float32),
        ((bool, bool), bool),
        ((bool, np.int32), np.int32),
        ((np.float64, "U1"), object),
    ],
)
def test_dtype_holds_every_modality(dtypes, common):
    X = MultiModalArray([np.ones((2, 1), dtype) for dtype in dtypes])
    assert X.dtype == np.dtype(common)
    assert np.asarray(X).dtype == np.dtype(common)


def test_text_next_to_numbers_is_kept_in_a_flat_array():
    X = MultiModalArray([np.array([["a"], ["bc"]]), np.array([[1.5], [2]])])
    assert np.asarray(X).tolist() == [["a", 1.5], ["bc", 2.0]]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"x": pd.array([1, None, 3], dtype="Int64")}),
        pl.DataFrame({"x": [1, None, 3]}),
    ],
    ids=["pandas", "polars"],
)
def test_a_missing_integer_of_a_frame_becomes_nan_not_a_number(frame):
    X = MultiModalArray({"a": frame, "b": np.ones((3, 1), dtype=int)})
    expected = np.array([[1, 1], [np.nan, 1], [3, 1]])
    assert_array_equal(np.asarray(X, dtype=float), expected)
    assert_array_equal(np.asarray(X).astype(float), expected)
    assert X.dtype == np.asarray(X).dtype


ROW_KEYS = [
    slice(1, 4),
    slice(None),
    slice(None, None, -2),
    slice(-3, None),
    slice(0, 0),
    np.array([5, 0, 0]),
    np.array([-1, -6]),
    np.array([2], dtype=np.uint8),
    [3, 1],
    [True, False, True, False, False, True],
    np.array([False] * N),
    range(2, 4),
    pd.Series([4, 2], index=[7, 8]),
    (slice(1, 3),),
    (np.array([1, 4]), Ellipsis),
    (slice(2, 5), Ellipsis),
    (slice(2, 5), slice(None)),
    ([5, 2], slice(None)),
]


@pytest.mark.parametrize("key", ROW_KEYS, ids=repr)
def test_rows_are_selected_as_in_the_flat_array_and_stay_a_container(X, key):
    part = X[key]
    assert isinstance(part, MultiModalArray)
    assert part.names == X.names
    assert part.named
    assert part["image"].shape[1:] == IMAGE.shape[1:]
    rows = key[0] if isinstance(key, tuple) else key
    assert_array_equal(np.asarray(part), FLAT[rows if isinstance(rows, slice) else np.array(rows)])


@pytest.mark.parametrize("key", [[], np.array([]), np.array([], dtype=int), slice(0)])
def test_an_empty_index_gives_an_empty_container(X, key):
    assert X[key].shape == (0, 13)
    assert X[key]["image"].shape == (0, 2, 3, 1)


def test_a_name_gives_the_modality_as_it_was_given(X):
    assert X["image"] is IMAGE
    assert "image" in X
    assert "smell" not in X


def test_an_unknown_name_is_a_key_error_that_lists_the_names(X):
    with pytest.raises(KeyError, match="no modality 'smell'; there are 'audio', 'video', 'image'"):
        X["smell"]


def test_frames_give_feature_names_with_their_modality():
    X = frames()
    assert X.feature_names == [
        "pandas__a",
        "pandas__b",
        "pandas__c",
        "pandas__d",
        "polars__x",
        "polars__y",
        "polars__z",
    ]


@pytest.mark.parametrize("other", [AUDIO, pd.DataFrame(AUDIO)], ids=["array", "numbered columns"])
def test_feature_names_need_string_columns_everywhere(other):
    assert MultiModalArray({"a": pd.DataFrame({"x": range(N)}), "b": other}).feature_names is None


@pytest.mark.parametrize("key", [k for k in ROW_KEYS if not isinstance(k, tuple)], ids=repr)
def test_frames_are_indexed_by_position_and_stay_frames(key):
    part = frames()[key]
    assert isinstance(part["pandas"], pd.DataFrame)
    assert isinstance(part["polars"], pl.DataFrame)
    rows = key if isinstance(key, slice) else np.array(key)
    assert_array_equal(np.asarray(part), np.hstack([AUDIO, VIDEO])[rows])
    assert_array_equal(part["pandas"].index, np.arange(10, 16)[rows])


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_matrix, sparse.bsr_array])
def test_sparse_modalities_are_indexed_and_flattened(make):
    X = MultiModalArray({"text": make(AUDIO), "video": VIDEO})
    assert X.shape == (6, 7)
    assert sparse.issparse(X[[3, 1]]["text"])
    assert_array_equal(np.asarray(X[[3, 1]]), np.hstack([AUDIO, VIDEO])[[3, 1]])
    assert_array_equal(X[-1], np.hstack([AUDIO, VIDEO])[-1])


def test_a_modality_without_columns_takes_no_room():
    X = MultiModalArray([AUDIO, VIDEO[:, :0]])
    assert X.slices["modality1"] == slice(4, 4)
    assert_array_equal(np.asarray(X), AUDIO)


def test_pickling_keeps_data_and_names(X):
    for container in (X, MultiModalArray([AUDIO, VIDEO])):
        again = pickle.loads(pickle.dumps(container))
        assert again.names == container.names
        assert again.named == container.named
        assert_array_equal(np.asarray(again), np.asarray(container))


def test_read_only_and_memory_mapped_modalities_are_indexed(tmp_path):
    read_only = AUDIO.copy()
    read_only.flags.writeable = False
    np.save(tmp_path / "video.npy", VIDEO)
    mapped = np.load(tmp_path / "video.npy", mmap_mode="r")
    X = MultiModalArray([read_only, mapped])
    assert_array_equal(np.asarray(X[[4, 0]]), np.hstack([AUDIO, VIDEO])[[4, 0]])
    assert np.asarray(X).flags.writeable


def test_nested_lists_and_tensors_become_arrays():
    import torch

    X = MultiModalArray({"a": [[1, 2], [3, 4]], "b": torch.ones(2, 3)})
    assert X["a"].shape == (2, 2)
    assert isinstance(X["b"], np.ndarray)


def test_the_repr_tells_names_shapes_and_dtypes(X):
    assert repr(X) == (
        "MultiModalArray(audio=(6, 4) float64, video=(6, 3) float64, image=(6, 2, 3, 1) float32)"
    )


def test_the_html_repr_escapes_names():
    html = MultiModalArray({"<b>": AUDIO})._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "(6, 4)" in html


@pytest.mark.parametrize("data", [[], (), {}])
def test_no_modality_is_an_error(data):
    with pytest.raises(ValueError, match="at least one is required, got 0"):
        MultiModalArray(data)


@pytest.mark.parametrize("data", [3, None, "audio"])
def test_data_that_are_no_collection_are_an_error(data):
    with pytest.raises(TypeError, match=f"mapping or a sequence of arrays, got {data!r}"):
        MultiModalArray(data)


@pytest.mark.parametrize("series", [pd.Series(VIDEO[:, 0]), pl.Series(VIDEO[:, 0])])
def test_a_series_of_numbers_is_one_column(series):
    X = MultiModalArray({"pulse": series})
    assert_array_equal(np.asarray(X["pulse"]), VIDEO[:, :1])


@pytest.mark.parametrize("value", [VIDEO[:, 0], [1, 2, 3, 4, 5, 6]])
def test_a_one_dimensional_modality_is_an_error_that_names_it(value):
    with pytest.raises(ValueError, match=r"'video' needs rows and columns, got shape \(6,\)"):
        MultiModalArray({"audio": AUDIO, "video": value})


@pytest.mark.parametrize("value", [np.array(None), 3, "text"])
def test_a_modality_that_is_no_array_is_an_error_with_its_value(value):
    with pytest.raises(ValueError, match=f"'modality1' needs rows and columns, got '?{value}"):
        MultiModalArray([AUDIO, value])


def test_a_ragged_modality_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="modality 'audio' is no array"):
        MultiModalArray({"audio": [[1, 2], [3]]})


def test_different_numbers_of_rows_are_an_error_that_names_both():
    with pytest.raises(ValueError, match="'video' has 2 rows, but modality 'audio' has 6"):
        MultiModalArray({"audio": AUDIO, "video": VIDEO[:2]})


def test_a_name_that_is_no_string_is_an_error():
    with pytest.raises(TypeError, match="name must be a string, got 1"):
        MultiModalArray({"audio": AUDIO, 1: VIDEO})


def test_train_test_split_keeps_the_rows_together(X):
    rows = np.arange(N)
    train, test, rows_train, rows_test = train_test_split(X, rows, test_size=2, random_state=0)
    assert isinstance(train, MultiModalArray)
    assert_array_equal(np.asarray(train), FLAT[rows_train])
    assert_array_equal(np.asarray(test), FLAT[rows_test])
    assert_array_equal(test["image"], IMAGE[rows_test])


def test_sklearns_check_array_and_estimators_take_the_container_as_a_flat_array(X):
    assert_array_equal(check_array(X), FLAT)
    y = np.arange(N) % 2
    fitted = LogisticRegression(C=1e-3).fit(X, y)
    assert_array_equal(fitted.coef_, LogisticRegression(C=1e-3).fit(FLAT, y).coef_)


row_slices = st.slices(N)
row_lists = st.lists(st.integers(-N, N - 1), max_size=10)
masks = st.lists(st.booleans(), min_size=N, max_size=N)


@given(key=st.one_of(row_slices, row_lists, masks))
def test_indexing_rows_equals_indexing_the_flat_array(key):
    rows = key if isinstance(key, slice) else np.array(key, dtype=None if key else int)
    assert_array_equal(np.asarray(make()[key]), FLAT[rows])


@given(first=row_lists, second=st.data())
def test_indexing_twice_equals_indexing_the_flat_array_twice(first, second):
    once = FLAT[np.array(first, dtype=int)]
    key = second.draw(st.slices(len(once)))
    assert_array_equal(np.asarray(make()[first][key]), once[key])


@given(row=st.integers(-10, 10))
def test_an_integer_behaves_as_in_the_flat_array(row):
    if -N <= row < N:
        assert_array_equal(make()[row], FLAT[row])
    else:
        with pytest.raises(IndexError):
            make()[row]


@given(
    shapes=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=4),
    n=st.integers(0, 4),
)
def test_any_shapes_flatten_side_by_side(shapes, n):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(n, *shape)) for shape in shapes]
    X = MultiModalArray(arrays)
    assert X.shape == (n, sum(X.widths))
    widths = [int(np.prod(shape)) for shape in shapes]
    flat = [array.reshape(n, width) for array, width in zip(arrays, widths, strict=True)]
    assert_array_equal(np.asarray(X), np.hstack(flat))
    assert list(X.widths) == widths


def test_which_rows_have_a_modality_is_what_was_said():
    said = np.array([True, False, True, True, False, True])
    holed = np.where(said[:, None], AUDIO, np.nan)
    text = np.array(["a", None, "b", "", None, "c"], dtype=object)
    entries = {
        "array": holed,
        "sparse": sparse.csr_array(holed),
        "frame": pd.DataFrame(holed),
        "polars": pl.DataFrame(holed),
        "text": text,
        "image": IMAGE,
    }
    X = MultiModalArray(entries, present={"image": said})
    assert list(X.present) == list(entries)
    for present in X.present.values():
        assert present.dtype == bool
        assert_array_equal(present, said)
    assert MultiModalArray({"audio": AUDIO}).present["audio"].all()
    assert len(X[np.all(list(X.present.values()), axis=0)]) == said.sum()


def test_none_is_a_modality_that_no_row_has():
    X = MultiModalArray({"report": None, "audio": AUDIO.astype(np.float32)})
    for again in (X, pickle.loads(pickle.dumps(X)), MultiModalArray(dict(X)), X[:], X[[0] * N]):
        assert again.names == ("report", "audio")
        assert again["report"] is None
        assert not again.present["report"].any()
        assert again.shape == (len(again), 4) == (N, 4)
        assert repr(again) == "MultiModalArray(report=None (100% missing), audio=(6, 4) float32)"
    assert np.asarray(X).dtype == X.dtype == np.float32
    assert_array_equal(X[1:3], AUDIO[1:3])
    assert len(X[1:3].present["report"]) == 2
    assert "6 (100%)" in X._repr_html_()


def test_none_has_as_many_rows_as_the_others_and_is_there_in_none():
    with pytest.raises(ValueError, match=r"no rows: .* None for each of 'a', 'b'"):
        MultiModalArray({"a": None, "b": None})
    with pytest.raises(ValueError, match=r"present\['a'\] says that rows have it"):
        MultiModalArray({"a": None, "b": AUDIO}, present={"a": np.arange(N) > 2})
    X = MultiModalArray({"a": None, "b": AUDIO}, present={"a": np.zeros(N, dtype=bool)})
    assert not X.present["a"].any()
