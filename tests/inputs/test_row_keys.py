"""Keys: what NumPy takes selects the same of every source of rows, with NumPy's own errors."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import zarr
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.preprocessing import StandardScaler
from sklearn.utils import _safe_indexing
from torch.utils.data import Dataset

from skbetafd import MultiModalArray, PerModality

N = 6
TABLE = np.arange(24.0).reshape(N, 4)
PICTURE = np.arange(100.0, 148.0).reshape(N, 2, 4)
WORDS = np.array([["a"], ["bc"], [None], ["d"], [""], ["e"]], dtype=object)


class Rows(Dataset):
    def __len__(self):
        return N

    def __getitem__(self, row):
        return {"m": PICTURE[row]}


def memory_map(folder):
    np.save(folder / "m.npy", PICTURE)
    return np.load(folder / "m.npy", mmap_mode="r")


SOURCES = {
    "an array": lambda _: MultiModalArray({"m": TABLE}),
    "a picture": lambda _: MultiModalArray({"m": PICTURE}),
    "text": lambda _: MultiModalArray({"m": WORDS, "n": TABLE}),
    "a sparse matrix": lambda _: MultiModalArray({"m": sparse.csr_array(TABLE)}),
    "pandas": lambda _: MultiModalArray({"m": pd.DataFrame(TABLE, index=range(7, 13))}),
    "polars": lambda _: MultiModalArray({"m": pl.DataFrame(TABLE)}),
    "a memory map": lambda folder: MultiModalArray({"m": memory_map(folder), "n": TABLE}),
    "a slice of a memory map": lambda folder: MultiModalArray({"m": memory_map(folder)})[:],
    "rows of a memory map": lambda folder: MultiModalArray({"m": memory_map(folder)})[range(N)],
    "a store": lambda folder: MultiModalArray(
        {"m": zarr.create_array(store=folder / "m", data=PICTURE, chunks=(2, 2, 4))}
    )[:],
    "a Dataset": lambda _: MultiModalArray(Rows()),
    "rows of a Dataset": lambda _: MultiModalArray(Rows())[:],
    "PerModality's": lambda folder: PerModality({"n": StandardScaler()}).fit_transform(
        {"m": memory_map(folder), "n": TABLE}
    ),
    "PerModality's of a slice": lambda folder: PerModality({"n": StandardScaler()}).fit_transform(
        MultiModalArray({"m": memory_map(folder), "n": TABLE})[:]
    ),
}
KEYS = [
    slice(1, 4),
    slice(None, None, -2),
    slice(9, 2),
    [3, 1, -1],
    np.array([2, 2], dtype=np.uint8),
    range(2, 4),
    pd.Series([4, 2], index=[7, 8]),
    [True, False, True, False, False, True],
    np.arange(N) > 9,
    [],
    0,
    -6,
    np.int64(2),
    np.array(3),
    np.array(-1),
    ...,
    None,
    True,
    (),
    (...,),
    [[0, 1], [-1, 2]],
    ([5, 2], ...),
    (slice(2, 5), ...),
    (np.arange(N) < 2, slice(None)),
    (np.array([4]), slice(None)),
    (3, ...),
    (np.array(3), slice(None)),
    (slice(None), 0),
    (slice(0, 3), [0]),
    ([0, 1], [0, -1]),
    ([[0], [2]], [0, -1]),
    (-1, 0),
    (..., 0),
    (None, [1, 0]),
]
NO_ROWS = [
    (6, "6"),
    (-7, "-7"),
    ([0, 6], "6"),
    (np.array([99]), "99"),
    (np.array(6), "6"),
    ((0, 99), "99"),
    ([True] * 5, "5"),
    (1.5, "1.5"),
    ([0.5], "0.5"),
    ((..., ...), "single ellipsis"),
    (b"m", "b'm'"),
    (["m"], "'m'"),
    ([0.5] * 1000, r"0.5, \.\.\.\]$"),
]


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    return SOURCES[request.param](tmp_path)


def test_a_key_selects_of_a_container_what_it_selects_of_the_flat_array(source):
    flat = np.asarray(source)
    for key in KEYS:
        assert_array_equal(np.asarray(source[key]), flat[key], err_msg=repr(key))


@pytest.mark.parametrize(
    "form", ["a slice of a memory map", "rows of a memory map", "a store", "a Dataset"]
)
def test_a_key_selects_of_a_stored_modality_what_it_selects_of_the_array(form, tmp_path):
    rows = SOURCES[form](tmp_path)["m"]
    for key in [*KEYS, (slice(None), 1, [0, 2]), (0, 1, 2), ([1, 2], ..., 3), PICTURE > 110]:
        assert_array_equal(np.asarray(rows[key]), PICTURE[key], err_msg=repr(key))
    assert_array_equal(list(rows), PICTURE)
    assert_array_equal(pd.DataFrame(rows[:, 0]), PICTURE[:, 0])
    for key in ([4, 1], np.arange(N) > 2, slice(2)):
        assert_array_equal(_safe_indexing(rows, key), _safe_indexing(PICTURE, key))


@pytest.mark.parametrize(("key", "value"), NO_ROWS, ids=repr)
def test_what_selects_no_rows_is_an_index_error_with_its_value(source, key, value):
    with pytest.raises(IndexError, match=value):
        source[key]
    if type(source["m"]).__module__.startswith("skbetafd"):
        with pytest.raises(IndexError, match=value):
            source["m"][key]
