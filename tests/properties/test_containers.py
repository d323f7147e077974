"""Containers of any content, and the same numbers in every form at the door of the estimator."""

import copy
import html
import math
import pickle
import re
import tempfile
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray

EXAMPLES = settings(max_examples=50)
DTYPES = (bool, np.int8, np.uint16, np.int64, np.float16, np.float32, np.float64)
ODD_NAMES = ("", " ", "a__b", "__", "<b>&", "{x}", "é", "e\u0301", "模态", "🎧", "\n", "\x00")
HARD = (0.0, -0.0, 5e-324, -1e-310, 1e-160, 1e-45, 1e-30, 1e9, -1e18)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def every_other(array):
    shape = (2 * array.shape[0], *array.shape[1:-1], 2 * array.shape[-1])
    view = np.zeros(shape, array.dtype)[::2, ..., 1::2]
    view[...] = array
    return view


def memory_map(array):
    with tempfile.TemporaryFile() as file:
        stored = np.memmap(file, array.dtype, mode="w+", shape=array.shape)
    stored[...] = array
    return stored


def halves(array):
    middle = array.shape[-1] // 2
    return MultiModalArray([array[..., :middle], array[..., middle:]])


def polars(array):
    return pl.DataFrame(array, schema=[f"c{i}" for i in range(array.shape[1])])


ANY_RANK = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "read-only": read_only,
    "backwards": lambda array: np.ascontiguousarray(array[::-1])[::-1],
    "every other": every_other,
    "other byte order": lambda array: array.astype(array.dtype.newbyteorder()),
    "broadcast": lambda array: np.broadcast_to(array[None], (1, *array.shape))[0],
    "memory map": memory_map,
    "tensor": lambda array: torch.from_numpy(array.copy()),
    "lists": lambda array: array.tolist(),
}
TABLES = ANY_RANK | {
    "pandas": lambda array: pd.DataFrame(array, index=range(7, 7 + len(array))),
    "polars": polars,
    "sparse": sparse.csr_array,
    "a container": halves,
}
NO_HALF_PRECISION = ("polars", "sparse")
NO_EMPTY = ("memory map", "lists", "polars")
"""A memory map can't be empty; lists of no rows and polars frames of no columns lose a length."""


class Modality(NamedTuple):
    expected: np.ndarray
    form: str

    def given(self):
        return TABLES[self.form](self.expected)


@st.composite
def modalities(draw, n):
    shape = (n, *draw(st.lists(st.integers(0, 3), min_size=1, max_size=3)))
    dtype = draw(st.sampled_from(DTYPES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    array = rng.integers(0, 4, shape).astype(dtype)
    if dtype is np.float64:
        array = np.where(rng.random(shape) < 0.3, rng.choice([*HARD, 1e300], shape), array)
    form = draw(st.sampled_from(sorted(TABLES if len(shape) == 2 else ANY_RANK)))
    assume(not (dtype is np.float16 and form in NO_HALF_PRECISION))
    assume(array.size or form not in NO_EMPTY)
    return Modality(array, form)


@st.composite
def containers(draw, least_rows=0):
    n = draw(st.integers(least_rows, 5))
    entries = draw(st.lists(modalities(n), min_size=1, max_size=3))
    named = st.lists(
        st.one_of(st.sampled_from(ODD_NAMES), st.text(max_size=3)),
        min_size=len(entries),
        max_size=len(entries),
        unique=True,
    )
    names = draw(st.none() | named)
    return entries, names


def build(entries, names):
    values = [entry.given() for entry in entries]
    return MultiModalArray(values if names is None else dict(zip(names, values, strict=True)))


def flat(entries):
    return np.hstack(
        [e.expected.reshape(len(e.expected), math.prod(e.expected.shape[1:])) for e in entries]
    )


def dense(value):
    return value.toarray() if sparse.issparse(value) else np.asarray(value)


def assert_holds(X, entries, names, rows=slice(None)):
    names = names or [f"modality{i}" for i in range(len(entries))]
    assert list(X.names) == names
    assert X.shape == flat(entries)[rows].shape
    assert X.widths == tuple(math.prod(entry.expected.shape[1:]) for entry in entries)
    for name, entry in zip(names, entries, strict=True):
        assert name in X
        assert X[name].shape == entry.expected[rows].shape
        assert_array_equal(dense(X[name]), entry.expected[rows])
    found = np.asarray(X)
    assert found.dtype == X.dtype
    assert_array_equal(found, flat(entries)[rows])


@st.composite
def keys(draw, n):
    """Rows as an array's first axis takes them."""
    some = st.lists(st.integers(-n, n - 1), max_size=6) if n else st.just([])
    key = draw(st.one_of(st.slices(n), some, st.lists(st.booleans(), min_size=n, max_size=n)))
    if isinstance(key, slice) or draw(st.booleans()):
        return key
    return np.array(key, dtype=None if key else int)


def as_rows(key):
    return key if isinstance(key, slice) else np.array(key, dtype=None if len(key) else int)


@EXAMPLES
@given(containers())
def test_a_container_holds_what_it_was_given_under_its_names(case):
    entries, names = case
    X = build(entries, names)
    assert X.named == (names is not None)
    assert_holds(X, entries, names)
    assert X.dtype == np.result_type(*(entry.expected for entry in entries)).newbyteorder("=")


@EXAMPLES
@given(containers())
def test_every_way_to_make_it_again_keeps_it(case):
    entries, names = case
    X = build(entries, names)
    for again in (MultiModalArray(X), copy.copy(X), copy.deepcopy(X), X[:], X[:, :], X[:, ...]):
        assert again.named == X.named
        assert_holds(again, entries, names)
    assert_holds(MultiModalArray(dict(X)), entries, names)
    if not any(entry.form == "memory map" for entry in entries):
        assert_holds(pickle.loads(pickle.dumps(X)), entries, names)


@EXAMPLES
@given(case=containers(), data=st.data())
def test_selecting_rows_once_and_again_is_selecting_them_of_each_modality(case, data):
    entries, names = case
    rows = np.arange(len(entries[0].expected))
    X = build(entries, names)
    for _ in range(2):
        key = data.draw(keys(len(rows)))
        X, rows = X[key], rows[as_rows(key)]
        assert X.named == (names is not None)
        assert_holds(X, entries, names, rows)


@EXAMPLES
@given(case=containers(least_rows=1), data=st.data())
def test_one_row_or_part_is_that_of_the_flat_array_from_either_end(case, data):
    entries, names = case
    expected, X = flat(entries), build(entries, names)
    cut = data.draw(st.integers(0, len(X)))
    assert_array_equal(np.concatenate([X[:cut], X[cut:]]), expected)
    row = data.draw(st.integers(-len(X), len(X) - 1))
    assert_array_equal(X[row], expected[row])
    assert_array_equal(list(X), expected)
    with pytest.raises(IndexError, match="out of bounds"):
        X[len(X)]


@EXAMPLES
@given(case=containers(least_rows=1), data=st.data())
def test_no_part_shares_memory_by_surprise_and_nothing_given_is_changed(case, data):
    entries, names = case
    values = [entry.given() for entry in entries]
    before = copy.deepcopy(values)
    X = MultiModalArray(values if names is None else dict(zip(names, values, strict=True)))
    np.asarray(X)[...] = 0
    np.asarray(X[::-1])[...] = 0
    X[0][...] = 0
    for value, name in zip(values, X.names, strict=True):
        if isinstance(value, np.ndarray) and not isinstance(value, np.memmap):
            assert X[name] is value
            assert X[1:][name].base is not None
            taken = X[[0]][name]
            taken[...] = 1
    for value, kept in zip(values, before, strict=True):
        assert_array_equal(dense(value), dense(kept))


@EXAMPLES
@given(containers())
def test_it_says_its_names_in_text_in_html_and_in_errors(case):
    entries, names = case
    X = build(entries, names)
    for name in X.names:
        assert f"{name}=" in repr(X)
        assert f"<td>{html.escape(name)}</td>" in X._repr_html_()
    with pytest.raises(KeyError, match="no modality 'no such one'"):
        X["no such one"]


N = 24
Y = np.arange(N) % 2
RNG = np.random.default_rng(0)
A = (RNG.integers(-8, 8, (N, 3)) + 4 * Y[:, None]) / 8
B = (RNG.integers(-8, 8, (N, 2)) - 4 * Y[:, None]) / 8
WHOLE = {"a": np.round(4 * A), "b": np.round(4 * B)}
"""Numbers that every dtype but bool and the unsigned holds."""


def make(**parameters):
    small = {"max_epochs": 1, "hidden_dim": 4, "n_references": 4, "random_state": 0}
    small |= {"calibrate": False}
    return FrontDoorMultiModalClassifier(**(small | parameters))


@pytest.fixture(scope="module")
def fitted():
    return make().fit(WHOLE, Y)


def together(values):
    """The modalities side by side, in each form that a set of them has."""
    table = np.hstack([dense(value) for value in values])
    columns = ["a__0", "a__1", "a__2", "b__0", "b__1"]
    return {
        "list": list(values),
        "tuple": tuple(values),
        "dict": dict(zip("ab", values, strict=True)),
        "dict the other way": {"b": values[1], "a": values[0]},
        "container": MultiModalArray(dict(zip("ab", values, strict=True))),
        "unnamed container": MultiModalArray(values),
        "flat": table,
        "flat objects": table.astype(object),
        "flat lists": table.tolist(),
        "flat Fortran": np.asfortranarray(table),
        "pandas": pd.DataFrame(table, columns=columns),
        "polars": pl.DataFrame(table, schema=columns),
        "two levels": pd.DataFrame(
            table, columns=pd.MultiIndex.from_tuples([c.split("__") for c in columns])
        ),
    }


@st.composite
def forms(draw):
    """WHOLE in some dtypes and forms, and how they are put together."""
    values = []
    for array in WHOLE.values():
        form = draw(st.sampled_from(sorted(TABLES)))
        dtypes = [np.int8, np.int64, np.float32, np.float64]
        dtypes += [] if form in NO_HALF_PRECISION else [np.float16]
        values.append(TABLES[form](array.astype(draw(st.sampled_from(dtypes)))))
    return values, draw(st.sampled_from(sorted(together(values))))


@pytest.mark.filterwarnings("ignore:X has feature names:UserWarning")
@EXAMPLES
@given(forms())
def test_the_same_numbers_are_predicted_the_same_in_every_form_and_left_as_they_were(fitted, case):
    values, form = case
    before = copy.deepcopy(values)
    expected = fitted.predict_proba(WHOLE)
    assert_allclose(fitted.predict_proba(together(values)[form]), expected, atol=1e-6)
    for value, kept in zip(values, before, strict=True):
        assert_array_equal(dense(value), dense(kept))


@pytest.mark.filterwarnings("ignore:X has modality names:UserWarning")
@settings(max_examples=20)
@given(forms())
def test_the_same_numbers_are_learned_the_same_in_every_form_and_left_as_they_were(fitted, case):
    values, form = case
    assume(not any(sparse.issparse(value) for value in values))  # which have a scale of their own
    before = copy.deepcopy(values)
    X = together(values)[form]
    in_this_order = list(values)[:: -1 if form == "dict the other way" else 1]
    groups = {"a": 3, "b": 2} if form.startswith("flat") else None
    one, two = (make(modalities=groups), make())
    one.fit(X, Y)
    two.fit([dense(value).astype(float) for value in in_this_order], Y)
    assert_allclose(
        one.predict_proba(X),
        two.predict_proba([dense(value).astype(float) for value in in_this_order]),
        atol=1e-4,
    )
    for value, kept in zip(values, before, strict=True):
        assert_array_equal(dense(value), dense(kept))


@settings(max_examples=20)
@given(
    scales=st.lists(st.sampled_from([*HARD, 1.0]), min_size=5, max_size=5),
    standardize=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_huge_denormal_and_constant_columns_are_learned_to_finite_probabilities(
    scales, standardize, dtype
):
    X = {"a": A * scales[:3], "b": B * scales[3:]}
    classifier = make(standardize=standardize, dtype=dtype).fit(X, Y)
    path = classifier.beta_path(X, [0, 0.5, 1])
    assert np.isfinite(path).all()
    assert_allclose(path.sum(axis=2), 1, rtol=1e-6)


@EXAMPLES
@given(
    row=st.integers(0, N - 1),
    column=st.integers(0, 1),
    value=st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -1e300]),
    form=st.sampled_from(sorted(set(TABLES) - {"tensor", "a container"})),
)
def test_what_no_network_can_read_is_refused_at_its_place_in_every_form(
    fitted, row, column, value, form
):
    bad = WHOLE["b"].copy()
    bad[row] = 1.0  # of a sparse row that stores nothing else, NaN says that it is missing
    bad[row, column] = value
    said = {"nan": "NaN", "inf": "infinity"}.get(str(abs(value)), re.escape(repr(value)))
    for act in (fitted.predict, lambda X: make().fit(X, Y)):
        with pytest.raises(ValueError, match=rf"'b' contains {said} at row {row}, column {column}"):
            act({"a": WHOLE["a"], "b": TABLES[form](bad)})


@pytest.mark.parametrize("form", sorted(set(TABLES) - {"lists", "memory map", "polars", "tensor"}))
@pytest.mark.parametrize(
    ("empty", "words"), [((0, 2), "has 0 rows"), ((N, 0), "'b' has (0 features|rows of shape)")]
)
def test_no_row_or_no_column_is_refused_by_the_modality_s_name(fitted, form, empty, words):
    X = {"a": WHOLE["a"][: empty[0]], "b": TABLES[form](np.zeros(empty))}
    for act in (fitted.predict, lambda X: make().fit(X, Y[: empty[0]])):
        with pytest.raises(ValueError, match=words):
            act(X)


@settings(max_examples=15)
@given(names=st.lists(st.sampled_from(ODD_NAMES), min_size=2, max_size=2, unique=True))
def test_any_text_is_a_name_of_a_modality(names):
    X = dict(zip(names, WHOLE.values(), strict=True))
    classifier = make(predominant=names[1]).fit(X, Y)
    assert classifier.modality_names_ == names
    assert classifier.predominant_ == names[1]
    assert_array_equal(classifier.predict(dict(reversed(X.items()))), classifier.predict(X))
