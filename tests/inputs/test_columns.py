import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from skbetafd.inputs.columns import from_frame, from_specification

NAMES = ["a0", "v0", "a1", "v1", "a2"]


def columns_of(groups):
    return {name: columns.tolist() for name, columns in groups.columns.items()}


@pytest.mark.parametrize(
    "specification",
    [
        [3, 2],
        (3, 2),
        np.array([3, 2]),
        [np.int64(3), np.int32(2)],
        [slice(3), slice(3, None)],
        [slice(0, 3), slice(-2, None)],
        [[0, 1, 2], [3, 4]],
        [np.arange(3), np.arange(3, 5)],
        [range(3), (3, 4)],
        [[0, 1, 2], [-2, -1]],
        [slice(0, 3), [3, 4]],
        [["a0", "v0", "a1"], ["v1", "a2"]],
        [["a0", 1, "a1"], slice(3, 5)],
    ],
    ids=repr,
)
@pytest.mark.parametrize("named", [False, True])
def test_every_spelling_of_the_same_columns_is_read_alike(specification, named):
    if named:
        specification = dict(zip(["audio", "video"], specification, strict=True))
    groups = from_specification(specification, 5, NAMES)
    assert groups.named is named
    first, second = ("audio", "video") if named else ("modality0", "modality1")
    assert columns_of(groups) == {first: [0, 1, 2], second: [3, 4]}


def test_columns_may_lie_apart_and_in_any_order():
    groups = from_specification({"audio": ["a2", "a0", "a1"], "video": slice(1, 4, 2)}, 5, NAMES)
    assert columns_of(groups) == {"audio": [4, 0, 2], "video": [1, 3]}


def test_two_dimensional_positions_are_one_modality_a_row():
    groups = from_specification(np.array([[0, 2], [1, 3]]), 4)
    assert columns_of(groups) == {"modality0": [0, 2], "modality1": [1, 3]}


@pytest.mark.parametrize(
    ("specification", "error", "message"),
    [
        (7, TypeError, "mapping or a sequence of widths, slices or column lists, got 7"),
        ("audio", TypeError, "column lists, got 'audio'"),
        ({3, 2}, TypeError, "column lists, got {2, 3}"),
        ([], ValueError, r"names no modality, got \[\]"),
        ({}, ValueError, "names no modality, got {}"),
        ({"audio": 3, 1: 2}, TypeError, "name must be a string, got 1"),
        ([3, 0, 2], ValueError, "'modality1' must have at least 1 column, got width 0"),
        ({"audio": 6, "video": -1}, ValueError, "'video' must have .* got width -1"),
        ({"audio": 3, "video": None}, TypeError, "'video' must be given by a width, .* got None"),
        ([slice(3), 2], TypeError, r"'modality0' must be given by a width, .* got slice\(None, 3"),
        ([3, True], TypeError, "'modality1' must be given by a width, .* got True"),
        ([3.0, 2.0], TypeError, "'modality0': .* must be given by .* got 3.0"),
        (["a0", "v0"], TypeError, "'modality0': .* must be given by .* got 'a0'"),
        ({"audio": slice("a0", "v0")}, TypeError, "'audio': slice indices must be integers"),
        ([[0, 1, 2.0], [3, 4]], ValueError, "'modality0': column 2.0 is none of X's 5"),
        ([[0, 1, 2], [True]], ValueError, "'modality1': column True is none"),
        ([[0, 1, 2], [3, 5]], ValueError, "'modality1': column 5 is none of X's 5"),
        ([[0, 1, 2], [3, -6]], ValueError, "'modality1': column -6 is none of X's 5"),
        ([["a0", "b9"]], ValueError, "'modality0': column 'b9' is none of X's 5"),
        ({"audio": [], "video": slice(0, 5)}, ValueError, "modality 'audio' has no column"),
        ({"audio": slice(5, 9), "video": slice(0, 5)}, ValueError, "'audio' has no column"),
        ([3, 1], ValueError, r"5 columns once, but column 4 is held by \[\]"),
        ([3, 3], ValueError, r"5 columns once, but column 5 is held by \['modality1'\]"),
        ([[0, 4]], ValueError, r"but column 1 is held by \[\]"),
        ({"a": slice(3), "v": slice(2, 5)}, ValueError, r"column 2 is held by \['a', 'v'\]"),
        ([[0, 1, 1], [2, 3, 4]], ValueError, r"column 1 is held by \['modality0'\]"),
    ],
)
def test_a_wrong_specification_is_an_error_with_its_value(specification, error, message):
    with pytest.raises(error, match=message):
        from_specification(specification, 5, NAMES)


def test_column_names_need_a_table_that_has_them():
    with pytest.raises(ValueError, match="column 'a0' is none of X's 1"):
        from_specification([["a0"]], 1, None)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_prefixed_columns_are_grouped_by_what_precedes_the_first_separator(make):
    frame = make({"audio__mfcc__0": [0.0], "video__0": [1.0], "audio__rms": [2.0]})
    groups = from_frame(frame)
    assert groups.named
    assert columns_of(groups) == {"audio": [0, 2], "video": [1]}


@pytest.mark.parametrize(
    "columns",
    [
        ["audio__0", "video"],
        ["audio", "video"],
        ["__0", "__1"],
        ["__a__0", "b__1"],
        ["audio__0", 1],
        [0, 1],
        [],
    ],
    ids=repr,
)
def test_columns_that_are_not_all_prefixed_are_not_grouped(columns):
    assert from_frame(pd.DataFrame(np.zeros((1, len(columns))), columns=columns)) is None


@pytest.mark.parametrize(
    ("tuples", "expected"),
    [
        ([("audio", "0"), ("video", "0"), ("audio", "1")], {"audio": [0, 2], "video": [1]}),
        ([("my__audio", "0"), ("my__video", "0")], {"my__audio": [0], "my__video": [1]}),
        ([("audio", "left", 0), ("audio", "right", 0)], {"audio": [0, 1]}),
        ([(1, 0), (2, 0)], {"1": [0], "2": [1]}),
    ],
    ids=["interleaved", "separator in the name", "three levels", "numbered"],
)
def test_several_levels_of_columns_are_grouped_by_the_first(tuples, expected):
    frame = pd.DataFrame(np.zeros((1, len(tuples))), columns=pd.MultiIndex.from_tuples(tuples))
    assert columns_of(from_frame(frame)) == expected


def test_positions_are_integer_arrays():
    for groups in (
        from_specification([2, 3], 5),
        from_specification([["v0"], [0, 2, 3, 4]], 5, NAMES),
    ):
        for columns in groups.columns.values():
            assert columns.dtype.kind == "i"
            assert_array_equal(np.arange(5)[columns], columns)
