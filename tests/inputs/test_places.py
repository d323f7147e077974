"""Where a number that can't be read lies: said in the axes of the modality as it came."""

import re
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse

from skbetafd import DiscreteFrontDoorClassifier, FrontDoorMultiModalClassifier

N = 40
LABEL = np.arange(N) % 2
ROW = 7

PLACES = {
    "table": ((3,), (2,), "column 2"),
    "sequence": ((24, 8), (1, 1), "step 1, channel 1"),
    "sequence of one channel": ((24, 1), (9, 0), "step 9, channel 0"),
    "square": ((6, 6), (1, 3), "entry [1, 3]"),
    "picture": ((2, 6, 7), (1, 2, 3), "channel 1, picture row 2, column 3"),
    "picture, colours last": ((6, 7, 3), (2, 3, 1), "channel 1, picture row 2, column 3"),
    "film": ((3, 2, 4, 5), (1, 0, 3, 2), "entry [1, 0, 3, 2]"),
}
VALUES = {"NaN": np.nan, "infinity": -np.inf, "1e+300": 1e300}
FORMS = {
    "array": lambda rows, folder: rows,
    "nested lists": lambda rows, folder: rows.tolist(),
    "memory map": lambda rows, folder: mapped(rows, folder / "rows.npy"),
}
TABLES = {
    "sparse": (sparse.csr_array, "column 2"),
    "pandas": (lambda rows: pd.DataFrame(rows, columns=list("abc")), "column 2 ('c')"),
    "polars": (lambda rows: pl.DataFrame(rows, schema=list("abc")), "column 2 ('c')"),
}


def mapped(rows, path):
    np.save(path, rows)
    return np.load(path, mmap_mode="r")


OTHER = np.random.default_rng(1).normal(size=(N, 2)) + LABEL[:, None]


def good(shape):
    return np.random.default_rng(0).normal(size=(N, *shape))


def changed(shape, row, at):
    """Small whole numbers, one of which is missing."""
    rows = np.zeros((N, *shape))
    rows[(row, *at)] = np.nan
    return rows


@cache
def fitted(shape, make=None):
    x = good(shape) if make is None else make(good(shape))
    return unfitted().fit({"x": x, "other": OTHER}, LABEL)


def unfitted():
    return FrontDoorMultiModalClassifier(max_epochs=1, n_references=4, random_state=0)


def assert_refused_in_fit_and_predict(fitted, x, words):
    for act in (lambda X: unfitted().fit(X, LABEL), fitted.predict):
        with pytest.raises(ValueError, match=re.escape(words)):
            act({"x": x, "other": OTHER})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", PLACES)
def test_a_number_that_cannot_be_read_is_found_by_its_axes(kind, form, tmp_path):
    shape, at, place = PLACES[kind]
    for said, value in VALUES.items():
        bad = good(shape)
        bad[(ROW, *at)] = value
        bad = FORMS[form](bad, tmp_path)
        words = f"'x' contains {said} at row {ROW}, {place}"
        assert_refused_in_fit_and_predict(fitted(shape), bad, words)


@pytest.mark.parametrize("form", TABLES)
def test_a_number_in_a_table_of_another_kind_is_found_by_its_column(form):
    make, place = TABLES[form]
    for said, value in VALUES.items():
        bad = good((3,))
        bad[ROW, 2] = value
        words = f"'x' contains {said} at row {ROW}, {place}"
        assert_refused_in_fit_and_predict(fitted((3,), make), make(bad), words)


CATEGORIES = {
    "table": (np.array([["a", "b"], ["c", None]] * 20, dtype=object), "row 1, column 1"),
    "sequence": (changed((3, 2), 7, (2, 1)), "row 7, step 2, channel 1"),
    "frame": (pd.DataFrame({"p": 1.0, "q": [1.0, np.nan] * 20}), "row 1, column 1 ('q')"),
    "polars": (pl.DataFrame({"p": ["a"] * N, "q": ["a", None] * 20}), "row 1, column 1 ('q')"),
}


@pytest.mark.parametrize("form", CATEGORIES)
def test_a_category_that_is_missing_is_found_in_the_same_words(form):
    bad, place = CATEGORIES[form]
    with pytest.raises(ValueError, match=re.escape("modality 'x' contains ")) as told:
        DiscreteFrontDoorClassifier().fit({"x": bad, "other": LABEL[:, None]}, LABEL)
    assert place in str(told.value)


def test_text_in_a_modality_of_higher_rank_is_found_by_its_axes():
    words = np.full((N, 5, 2), 1.0, dtype=object)
    words[ROW, 3, 1] = "loud"
    with pytest.raises(ValueError, match=f"'loud' at row {ROW}, step 3, channel 1"):
        unfitted().fit({"x": words, "other": OTHER}, LABEL)
