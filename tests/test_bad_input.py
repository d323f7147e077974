"""Bad input is refused with its place and its value, and leaves the estimator as it was."""

import copy
import re
from collections import Counter
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.exceptions import NotFittedError

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray

N = 60
LABEL = np.arange(N) % 3
rng = np.random.default_rng(0)
AUDIO = rng.normal(size=(N, 4)) + LABEL[:, None]
VIDEO = rng.normal(size=(N, 3)) + LABEL[:, None]
GOOD = {"audio": AUDIO, "video": VIDEO}
FLAT = np.hstack([AUDIO, VIDEO])


def make(**parameters):
    small = {"max_epochs": 1, "hidden_dim": 8, "n_references": 8, "random_state": 0}
    return FrontDoorMultiModalClassifier(**(small | parameters))


def changed(array, index, value):
    array = np.array(array, dtype=np.result_type(array, type(value)))
    array[index] = value
    return array


def objects(*entries):
    array = np.empty(len(entries), dtype=object)
    for i, entry in enumerate(entries):
        array[i] = entry
    return array


@pytest.fixture(scope="module")
def fitted():
    return make().fit(GOOD, LABEL)


def assert_refused(fitted, error, words, X=GOOD, y=LABEL, sample_weight=None, **parameters):
    """Both an unfitted and a fitted estimator refuse the fit and stay as they were."""
    for estimator in (make(), copy.deepcopy(fitted)):
        good = estimator.get_params()
        estimator.set_params(**parameters)
        before = dict(vars(estimator))
        with pytest.raises(error) as caught:
            estimator.fit(X, y, sample_weight)
        for word in words:
            assert word in str(caught.value)
        after = vars(estimator)
        assert after.keys() == before.keys()
        assert all(after[name] is value for name, value in before.items())
    estimator.set_params(**good)
    np.testing.assert_array_equal(estimator.predict_proba(GOOD), fitted.predict_proba(GOOD))


def video(value):
    return {"audio": AUDIO, "video": value}


BAD_X = {
    "no modality": (ValueError, {}, ["at least one is required, got 0"]),
    "an empty list": (ValueError, [], ["at least one is required, got 0"]),
    "an empty tuple": (ValueError, (), ["at least one is required, got 0"]),
    "other rows": (
        ValueError,
        video(VIDEO[:50]),
        ["'video' has 50 rows, but modality 'audio' has 60"],
    ),
    "other rows in a list": (ValueError, [AUDIO, VIDEO[:5]], ["'modality1' has 5", "'modality0'"]),
    "a 1-D modality": (ValueError, video(VIDEO[:, 0]), ["'video'", "got shape (60,)"]),
    "a 1-D modality in a list": (ValueError, [AUDIO, VIDEO[:, 0]], ["'modality1'", "(60,)"]),
    "a series as modality": (ValueError, video(pd.Series(VIDEO[:, 0])), ["'video'", "(60,)"]),
    "None as modality": (ValueError, video(None), ["'video'", "got None"]),
    "None in a list": (ValueError, [AUDIO, None], ["'modality1'", "got None"]),
    "a number as modality": (ValueError, video(7), ["'video'", "got 7"]),
    "a nested dict": (ValueError, video({"left": VIDEO}), ["'video'", "left"]),
    "a ragged modality": (ValueError, video([[1, 2], [3]]), ["'video' is no array"]),
    "a numbered name": (TypeError, {"audio": AUDIO, 1: VIDEO}, ["name must be a string, got 1"]),
    "NaN": (
        ValueError,
        video(changed(VIDEO, (7, 2), np.nan)),
        ["'video' contains NaN at row 7, column 2"],
    ),
    "infinity": (
        ValueError,
        video(changed(VIDEO, (7, 2), np.inf)),
        ["'video' contains infinity at row 7, column 2"],
    ),
    "negative infinity": (
        ValueError,
        [changed(AUDIO, (59, 0), -np.inf), VIDEO],
        ["'modality0' contains infinity at row 59, column 0"],
    ),
    "a value too large for float32": (
        ValueError,
        video(changed(VIDEO, (7, 2), -1e300)),
        ["'video' contains -1e+300 at row 7, column 2, too large for float32"],
    ),
    "NaN in higher rank": (
        ValueError,
        {"audio": changed(AUDIO, (3, 2), np.nan).reshape(N, 2, 2), "video": VIDEO},
        ["'audio' contains NaN at row 3, column 2"],
    ),
    "NaN in a pandas frame": (
        ValueError,
        video(pd.DataFrame(changed(VIDEO, (7, 2), np.nan)).add_prefix("c")),
        ["'video' contains NaN at row 7, column 2"],
    ),
    "NaN in a prefixed frame": (
        ValueError,
        pd.DataFrame(
            {
                "audio__0": AUDIO[:, 0],
                "video__0": changed(VIDEO[:, 0], 4, np.nan),
                "video__1": VIDEO[:, 1],
            }
        ),
        ["'video' contains NaN at row 4, column 0"],
    ),
    "NA in a nullable column": (
        ValueError,
        video(pd.DataFrame({"x": pd.array([1, None] * 30, dtype="Int64"), "z": 1})),
        ["'video' contains NaN at row 1, column 0"],
    ),
    "null in a polars frame": (
        ValueError,
        video(pl.DataFrame({"x": [1, None] * 30, "z": [1] * 60})),
        ["'video' contains NaN at row 1, column 0"],
    ),
    "NaN in a flat table": (
        ValueError,
        changed(FLAT, (3, 5), np.nan),
        ["'modality0' contains NaN at row 3, column 5"],
    ),
    "masked values": (
        ValueError,
        video(np.ma.masked_equal(changed(VIDEO, (7, 2), -99.0), -99.0)),
        ["'video' is a masked array with 1 of 180 entries masked", ".filled(np.nan)"],
    ),
    "objects as modality": (
        TypeError,
        video(np.full((N, 3), 1.5, dtype=object)),
        ["'video' holds object", "1.5", "row 0, column 0", "astype(float)"],
    ),
    "an object array of arrays": (
        TypeError,
        objects(AUDIO, VIDEO),
        ["X is an object array of shape (2,)", "pass the modalities as a list"],
    ),
    "an object array of equal arrays": (
        TypeError,
        np.array([AUDIO, AUDIO], dtype=object),
        ["X is an object array of shape (2, 60, 4)", "pass the modalities as a list"],
    ),
    "text": (ValueError, video(np.full((N, 2), "loud")), ["'video'", "<U4", "'loud'"]),
    "text of numbers": (
        ValueError,
        video(np.full((N, 2), "1.5")),
        ["'video'", "<U3", "'1.5'", "astype(float)"],
    ),
    "objects that are text of numbers": (
        TypeError,
        video(np.full((N, 2), "1.5", dtype=object)),
        ["'video'", "'1.5'", "astype(float)"],
    ),
    "bytes": (ValueError, video(np.full((N, 2), b"loud")), ["'video'", "b'loud'"]),
    "text in a pandas frame": (
        ValueError,
        video(pd.DataFrame({"x": ["loud"] * N})),
        ["'video'", "'loud'"],
    ),
    "text in a polars frame": (
        ValueError,
        video(pl.DataFrame({"x": ["loud"] * N})),
        ["'video'", "'loud'"],
    ),
    "text in one of several columns": (
        ValueError,
        pd.DataFrame({"audio__0": AUDIO[:, 0], "video__0": VIDEO[:, 0], "video__1": "loud"}),
        ["'video'", "'loud'"],
    ),
    "categories": (
        ValueError,
        video(pd.DataFrame({"x": pd.Categorical(["loud"] * N)})),
        ["'video'", "'loud'"],
    ),
    "text in a flat table": (ValueError, np.full((N, 2), "loud"), ["bytes/strings"]),
    "text objects in a flat table": (ValueError, np.full((N, 2), "loud", dtype=object), ["'loud'"]),
    "dates": (
        ValueError,
        video(np.full((N, 1), "2024-02-29", dtype="datetime64[D]")),
        ["'video'", "datetime64[D]", "2024-02-29"],
    ),
    "dates in a frame": (
        ValueError,
        video(pd.DataFrame({"x": pd.date_range("2024-02-29", periods=N)})),
        ["'video'", "datetime64", "2024-02-29"],
    ),
    "a structured array": (ValueError, video(np.zeros((N, 1), dtype=[("a", int)])), ["'video'"]),
    "complex numbers": (ValueError, video(VIDEO + 1j), ["'video'", "complex128", "+1j"]),
    "complex numbers in a flat table": (ValueError, FLAT + 1j, ["Complex data not supported"]),
    "NaN in a sparse modality": (
        ValueError,
        video(sparse.csr_array(changed(VIDEO, (7, 2), np.nan))),
        ["'video' contains NaN at row 7, column 2"],
    ),
    "infinity in a sparse modality": (
        ValueError,
        video(sparse.csr_array(changed(VIDEO, (7, 2), np.inf))),
        ["'video' contains infinity at row 7, column 2"],
    ),
    "complex numbers in a sparse modality": (
        ValueError,
        video(sparse.csr_array(VIDEO + 1j)),
        ["'video'", "complex128"],
    ),
    "a frame without columns": (
        ValueError,
        video(pd.DataFrame(index=range(N))),
        ["'video' has 0 features", "(60, 0)"],
    ),
    "a sparse modality without columns": (
        ValueError,
        video(sparse.csr_array((N, 0))),
        ["'video' has 0 features"],
    ),
    "a sparse table": (TypeError, sparse.csr_matrix(FLAT), ["Sparse data was passed for X"]),
    "no columns": (ValueError, video(VIDEO[:, :0]), ["'video'", "(60, 0)"]),
    "no columns of higher rank": (
        ValueError,
        video(np.zeros((N, 2, 0))),
        ["'video' has 0 features", "(60, 2, 0)"],
    ),
    "no columns in a flat table": (ValueError, FLAT[:, :0], ["0 feature(s)", "(60, 0)"]),
    "a 1-D table": (ValueError, FLAT[:, 0], ["Expected 2D array, got 1D array"]),
    "a 3-D table": (ValueError, np.zeros((N, 2, 2)), ["Found array with dim 3"]),
    "a series": (ValueError, pd.Series(FLAT[:, 0]), ["Series"]),
    "columns named twice": (ValueError, pd.DataFrame(AUDIO, columns=list("abca")), ["'a' 2"]),
    "columns named by strings and numbers": (
        TypeError,
        pd.DataFrame(AUDIO, columns=["a", 1, 2, 3]),
        ["Feature names", "['int', 'str']"],
    ),
    "a ragged table": (ValueError, [[1, 2], [3]], ["inhomogeneous"]),
    "None": (ValueError, None, ["None"]),
    "a number": (ValueError, 3.5, ["3.5"]),
    "a string": (ValueError, "loud", ["loud"]),
    "a set": (ValueError, {1, 2}, ["{1, 2}"]),
    "a generator": (ValueError, (array for array in (AUDIO, VIDEO)), ["generator"]),
}


@pytest.mark.parametrize("case", BAD_X)
def test_bad_modalities_are_refused(fitted, case):
    error, X, words = BAD_X[case]
    assert_refused(fitted, error, words, X=X)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ({"audio": AUDIO[:0], "video": VIDEO[:0]}, ["'audio'", "(0, 4)"]),
        (FLAT[:0], ["0 sample(s)", "(0, 7)"]),
        (pd.DataFrame(FLAT[:0]).add_prefix("audio__"), ["'audio'", "(0, 7)"]),
    ],
    ids=["modalities", "table", "frame"],
)
def test_no_rows_are_refused(fitted, X, words):
    assert_refused(fitted, ValueError, words, X=X, y=LABEL[:0])


def test_rows_that_overflow_are_refused_at_every_beta_and_by_their_codes(quick, modalities, y):
    rng = np.random.default_rng(0)
    clf = quick().fit({name: 1e-25 * array for name, array in modalities.items()}, y)
    far = {name: rng.normal(size=array.shape) for name, array in modalities.items()}
    words = "^X is too far from the training rows at row [0-9]+: overflow$"
    refused = Counter()
    path = partial(clf.beta_path, betas=[0, 1])
    for scale in np.logspace(11, 14, 16):
        X = {name: scale * array for name, array in far.items()}
        for ask in (path, clf.codes, clf.modality_codes):
            try:
                found = ask(X)
            except ValueError as error:
                assert re.match(words, str(error))
                refused[ask] += 1
            else:
                parts = found.values() if isinstance(found, dict) else [found]
                assert all(np.isfinite(part).all() for part in parts)
    assert len(refused) == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_value_whose_square_overflows_is_refused(fitted, dtype, standardize):
    value = 1e38 if dtype == "float32" else 1e300
    X = video(changed(VIDEO, (7, 2), value))
    assert_refused(
        fitted, ValueError, ["'video'", "row 7"], X=X, dtype=dtype, standardize=standardize
    )


@pytest.mark.parametrize(
    ("modalities", "error", "words"),
    [
        ([3, 3], ValueError, ["cover 6 columns, but X has 7", "[6]"]),
        ([4, 4], ValueError, ["cover 8 columns, but X has 7", "[7]"]),
        ([4, 0], ValueError, ["'modality1'", "width 0"]),
        ({"audio": -1, "video": 8}, ValueError, ["'audio'", "width -1"]),
        ({"audio": slice(0, 4), "video": slice(3, 7)}, ValueError, ["column 3", "audio", "video"]),
        ({"audio": [0, 1, 2, 3], "video": [4, 5]}, ValueError, ["6 columns", "[6]"]),
        ({"audio": [0, 1, 2, 3], "video": [4, 5, 7]}, ValueError, ["'video' has column 7"]),
        ({"audio": [0, 1, 2, 3], "video": ["v0"]}, ValueError, ["'video' has column 'v0'"]),
        ({"audio": 4, "video": None}, TypeError, ["'video'", "got None"]),
        ({"audio": 4, "video": [4, 5, 6]}, TypeError, ["'video'", "got [4, 5, 6]"]),
        ({"audio": 4, 2: 3}, TypeError, ["must be a string, got 2"]),
        ({"audio": [], "video": slice(7)}, ValueError, ["'audio' has no column"]),
        ([4.0, 3.0], TypeError, ["'modality0'", "got 4.0"]),
        (["audio", "video"], TypeError, ["'modality0'", "got 'audio'"]),
        ([], ValueError, ["got []"]),
        ({}, ValueError, ["got {}"]),
        (7, ValueError, ["'modalities' parameter", "Got 7"]),
        ("audio", ValueError, ["'modalities' parameter", "Got 'audio'"]),
        (len, ValueError, ["'modalities' parameter", "built-in function len"]),
    ],
    ids=repr,
)
def test_bad_modalities_parameters_are_refused(fitted, modalities, error, words):
    assert_refused(fitted, error, words, X=FLAT, modalities=modalities)


def test_modalities_that_contradict_the_input_are_refused(fitted):
    for groups in ([3, 4], {"audio": 4, "smell": 3}):
        assert_refused(fitted, ValueError, ["modalities say", "but X holds"], modalities=groups)


CONTINUOUS = rng.normal(size=N)


@pytest.mark.parametrize(
    ("y", "error", "words"),
    [
        pytest.param(None, ValueError, ["requires y", "None"], id="None"),
        pytest.param(LABEL[:50], ValueError, ["50 entries for 60 rows"], id="too short"),
        pytest.param(np.append(LABEL, 0), ValueError, ["61 entries for 60 rows"], id="too long"),
        pytest.param([], ValueError, ["0 entries for 60 rows"], id="empty"),
        pytest.param(CONTINUOUS, ValueError, ["Unknown label type: continuous"], id="continuous"),
        pytest.param(np.c_[LABEL, LABEL], ValueError, ["1d array", "(60, 2)"], id="two columns"),
        pytest.param(np.eye(3)[LABEL], ValueError, ["1d array", "(60, 3)"], id="indicators"),
        pytest.param(
            np.zeros((N, 1, 1)), ValueError, ["1d array", "(60, 1, 1)"], id="three dimensions"
        ),
        pytest.param([[0, 1]] * N, ValueError, ["1d array", "(60, 2)"], id="label lists"),
        pytest.param(3, ValueError, ["1d array", "3"], id="a number"),
        pytest.param("bird", ValueError, ["1d array", "'bird'"], id="a string"),
        pytest.param(changed(LABEL, 3, np.nan), ValueError, ["y", "row 3", "nan"], id="NaN"),
        pytest.param(changed(LABEL, 3, np.inf), ValueError, ["y contains infinity"], id="infinity"),
        pytest.param(
            pd.Series([0, 1, None] * 20, dtype="Int64"), ValueError, ["y", "row 2", "nan"], id="NA"
        ),
        pytest.param(np.zeros(N), ValueError, ["y has one class, 0.0"], id="one class"),
        pytest.param(["bird"] * N, ValueError, ["y has one class, 'bird'"], id="one text class"),
        pytest.param(sparse.csr_array(LABEL[:, None]), TypeError, ["sparse", "y"], id="sparse"),
        pytest.param(np.array([b"a", b"b", b"c"])[LABEL], TypeError, ["bytes"], id="bytes"),
        pytest.param(
            objects(*["a", 1] * 30),
            TypeError,
            ["y", "'a' in row 0", "1 in row 1"],
            id="texts and numbers",
        ),
        pytest.param(
            objects(*["a", None] * 30),
            ValueError,
            ["y is missing in row 1, got None"],
            id="texts and None",
        ),
        pytest.param(
            pd.Series(["a", "b", None] * 20, dtype="string"),
            ValueError,
            ["y is missing in row 2, got <NA>"],
            id="texts and NA",
        ),
        pytest.param(
            ["a", "b", np.nan] * 20,
            ValueError,
            ["y is missing in row 2, got nan"],
            id="a list of texts and NaN",
        ),
        pytest.param(
            objects(*LABEL[1:], None),
            ValueError,
            ["y is missing in row 59"],
            id="numbers, None",
        ),
        pytest.param(objects(*LABEL[1:], pd.NaT), ValueError, ["y is missing in row 59"], id="NaT"),
        pytest.param(
            np.array(["2020-01-01", "2020-01-02", "NaT"], dtype="datetime64[D]")[LABEL],
            ValueError,
            ["y is missing in row 2, got NaT"],
            id="dates and NaT",
        ),
        pytest.param(
            np.array([(label,) for label in LABEL], dtype=[("kind", int)]),
            TypeError,
            ["y must hold strings, booleans or integers", "'kind'", "row 0"],
            id="structured",
        ),
        pytest.param(LABEL + 1j, TypeError, ["y must hold", "complex128"], id="complex"),
        pytest.param(
            np.ma.masked_equal(LABEL, 1),
            ValueError,
            ["y is a masked array with 20 of 60 entries masked", "leave those rows out"],
            id="masked",
        ),
    ],
)
def test_bad_targets_are_refused(fitted, y, error, words):
    assert_refused(fitted, error, words, y=y)


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.tensor(AUDIO).bfloat16(), "BFloat16"),
        (torch.tensor(AUDIO).to_sparse(), "Sparse"),
        (torch.empty(AUDIO.shape, device="meta"), "meta"),
    ],
    ids=["bfloat16", "sparse", "without data"],
)
def test_a_tensor_that_is_no_array_is_refused_by_its_name(tensor, words):
    clf = make().fit(GOOD, LABEL)
    for call in (lambda X: make().fit(X, LABEL), MultiModalArray, clf.predict):
        with pytest.raises(TypeError, match=f"modality 'audio' is a tensor .*{words}"):
            call({**GOOD, "audio": tensor})
    with pytest.raises(TypeError, match=f"^X is a tensor .*{words}"):
        make().fit(tensor, LABEL)
    with pytest.raises(TypeError, match=f"^y is a tensor .*{words}"):
        make().fit(GOOD, tensor[:, 0])


@pytest.mark.parametrize(
    "kind", [list, np.array, pd.Series, lambda text: np.array(text, dtype=object)]
)
def test_text_is_told_in_the_same_words_whatever_holds_it(kind):
    with pytest.raises((TypeError, ValueError)) as caught:
        make().fit({**GOOD, "note": kind(["good day to you", "so then"] * (N // 2))}, LABEL)
    assert "'good day to you' at row 0, column 0; real numbers are needed" in str(caught.value)


@pytest.mark.parametrize(
    "X",
    [
        {"audio": AUDIO[0], "video": VIDEO[0]},
        {"audio": AUDIO[0].tolist(), "video": VIDEO[:1]},
    ],
    ids=["arrays", "lists"],
)
def test_one_row_without_an_axis_is_told_to_be_reshaped(X):
    clf = make().fit(GOOD, LABEL)
    with pytest.raises(ValueError, match=r"'audio'.*\(4,\).*reshape\(1, -1\)"):
        clf.predict(X)
    with pytest.raises(ValueError, match=r"(?s)got 1D array.*reshape\(1, -1\)"):
        clf.predict(FLAT[0])


@pytest.mark.parametrize("y", [LABEL, LABEL.tolist(), pd.Series(LABEL), LABEL.astype(str), None])
def test_labels_in_the_place_of_the_modalities_are_refused(y):
    for call in (make().fit, make().partial_fit):
        with pytest.raises(ValueError, match=r"Expected (2D array|a 2-dimensional)"):
            call(y, GOOD, **({"classes": [0, 1, 2]} if call.__name__ == "partial_fit" else {}))


def test_the_numbers_of_tensors_with_a_gradient_are_taken():
    def graded(array):
        return torch.tensor(array, dtype=torch.float64, requires_grad=True)

    X = {name: graded(value) for name, value in GOOD.items()}
    clf = make().fit(X, graded(LABEL), sample_weight=graded(np.ones(N)))
    expected = make().fit(GOOD, LABEL).predict_proba(GOOD)
    assert_array_equal(clf.predict_proba(X), expected)
    assert clf.score(X, graded(LABEL)) == clf.score(GOOD, LABEL)


def test_nan_under_a_mask_is_what_it_is_without(fitted):
    holed = changed(AUDIO, (7, slice(None)), np.nan)
    X = {"audio": np.ma.masked_invalid(holed), "video": VIDEO}
    np.testing.assert_array_equal(
        fitted.predict_proba(X), fitted.predict_proba({"audio": holed, "video": VIDEO})
    )


def test_a_masked_array_with_nothing_masked_is_an_array():
    X = {name: np.ma.MaskedArray(value) for name, value in GOOD.items()}
    clf = make().fit(X, np.ma.MaskedArray(LABEL), sample_weight=np.ma.MaskedArray(np.ones(N)))
    assert_array_equal(clf.predict_proba(X), make().fit(GOOD, LABEL).predict_proba(GOOD))


def test_a_column_as_target_is_taken_with_sklearns_warning():
    from sklearn.exceptions import DataConversionWarning

    with pytest.warns(DataConversionWarning, match="column-vector y"):
        assert make().fit(GOOD, LABEL[:, None]).predict(GOOD).shape == (N,)


ONES = np.ones(N)


@pytest.mark.parametrize(
    ("sample_weight", "words"),
    [
        pytest.param(-ONES, ["Negative values", "`sample_weight`"], id="negative"),
        pytest.param(
            changed(ONES, 3, -0.5), ["Negative values", "`sample_weight`"], id="one below 0"
        ),
        pytest.param(-1.0, ["Negative values", "`sample_weight`"], id="a negative number"),
        pytest.param(np.ones(5), ["sample_weight has 5 entries for 60 rows of X"], id="too short"),
        pytest.param(np.ones((N, 2)), ["Sample weights must be 1D"], id="two columns"),
        pytest.param(0 * ONES, ["at least one non-zero"], id="all zero"),
        pytest.param(changed(ONES, 3, np.nan), ["sample_weight contains NaN"], id="NaN"),
        pytest.param(changed(ONES, 3, np.inf), ["sample_weight contains infinity"], id="infinity"),
        pytest.param([None] * N, ["sample_weight contains NaN"], id="None"),
        pytest.param(np.nan, ["sample_weight contains NaN"], id="the number NaN"),
        pytest.param(np.inf, ["sample_weight contains infinity"], id="the number infinity"),
        pytest.param(
            np.ma.MaskedArray(ONES, LABEL == 1),
            ["sample_weight is a masked array with 20 of 60 entries masked"],
            id="masked",
        ),
        pytest.param(ONES + 1j, ["sample_weight", "1.+1.j"], id="complex"),
        pytest.param((LABEL == 1) * 1.0, ["y has one class, 1,"], id="one class left"),
        pytest.param(
            ["heavy"] * N,
            ["sample_weight", "'heavy'"],
            id="text",
        ),
        pytest.param(
            changed(ONES, 3, 1e300),
            ["sample_weight", "1e+300"],
            id="one that outweighs all",
        ),
    ],
)
def test_bad_sample_weights_are_refused(fitted, sample_weight, words):
    assert_refused(fitted, ValueError, words, sample_weight=sample_weight)


OUT_OF_RANGE = {
    "accelerate": [None, 1, "yes"],
    "beta": [-0.1, 1.1, "0.5", None, np.nan, np.inf, [0.5]],
    "effect": ["both", None, 1, "Conditional"],
    "predominant": [None, 1.5, ["audio"]],
    "encoders": [3, None, 1.5, ["mlp"]],
    "encoder_learning_rate": [0, -1, "1", np.nan, np.inf],
    "hidden_dim": [0, -1, 1.5, "8", None],
    "knowledge_dim": [0, -1, 1.5, None],
    "context_dim": [0, -1, 1.5, None],
    "n_references": [0, -1, 1.5, None],
    "n_mediator_samples": [0, -1, 1.5, None],
    "knowledge_weight": [-0.1, "1", None, np.nan, np.inf],
    "disentangle_weight": [-0.1, "1", None, np.nan, np.inf],
    "label_weight": [-0.1, "1", None, np.nan, np.inf],
    "temperature": [0, -1, "1", None, np.nan, np.inf],
    "dropout": [-0.1, 1, 1.5, "0", None, np.nan],
    "standardize": [0, "yes", None],
    "max_epochs": [0, -1, 1.5, None],
    "batch_size": [1, 0, -2, 1.5, None],
    "learning_rate": [0, -1, "1", None, np.nan, np.inf],
    "weight_decay": [-0.1, "1", None, np.nan, np.inf],
    "lr_schedule": ["plateau", 1, None],
    "max_grad_norm": [0, -1, "1", np.nan, np.inf],
    "class_weight": ["heavy", 2.0, [1, 2]],
    "early_stopping": ["yes", None, 2],
    "validation_fraction": [0, 1, -0.1, "0.2", None, np.nan],
    "warm_start": ["yes", None, 2],
    "n_iter_no_change": [0, -1, 1.5, None],
    "n_members": [0, -1, 1.5, None],
    "predict_batch_size": [0, -1, 1.5, None],
    "memory": [3, True, object()],
    "checkpoint_dir": [3, True, b"here"],
    "callbacks": [3, "EarlyStopping", {"stop": None}],
    "dtype": ["float16", np.float32, None],
    "device": [None, 3],
    "random_state": ["seed", -1, 1.5],
    "verbose": [-1, "loud", None, 1.5],
}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [(name, value) for name, values in OUT_OF_RANGE.items() for value in values],
)
def test_a_parameter_out_of_its_range_is_refused(fitted, parameter, value):
    words = [f"The '{parameter}' parameter of FrontDoorMultiModalClassifier", f"Got {value!r}"]
    assert_refused(fitted, ValueError, words, **{parameter: value})


def test_every_parameter_is_tried_out_of_its_range():
    assert set(make().get_params()) == {*OUT_OF_RANGE, "modalities"}


@pytest.mark.parametrize("value", ["smell", "AUDIO", "", 2, -1, 99])
def test_an_unknown_predominant_modality_is_refused_with_those_there_are(fitted, value):
    words = [f"predominant={value!r}", "{0: 'audio', 1: 'video'}"]
    assert_refused(fitted, ValueError, words, predominant=value)


def test_a_boolean_is_no_predominant_modality(fitted):
    assert_refused(fitted, ValueError, ["predominant", "True"], predominant=True)


@pytest.mark.parametrize(
    "device",
    [
        "cuda:99",
        "tpu0",
        "",
        pytest.param("meta"),
    ],
)
def test_a_device_that_is_not_there_is_refused(fitted, device):
    assert_refused(fitted, ValueError, [f"device {device!r}"], device=device)


def test_a_torch_device_that_is_not_there_is_refused(fitted):
    assert_refused(fitted, ValueError, ["cuda", "99"], device=torch.device("cuda:99"))


@pytest.mark.parametrize("callback", ["EarlyStopping", 3])
def test_callbacks_that_are_none_are_refused(fitted, callback):
    words = ["callbacks", repr(callback)]
    assert_refused(fitted, (TypeError, ValueError), words, callbacks=[callback])


def test_a_callback_that_raises_leaves_the_estimator_as_it_was(fitted):
    from skorch.callbacks import Callback

    class Raising(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise ZeroDivisionError("from the callback")

    assert_refused(fitted, ZeroDivisionError, ["from the callback"], callbacks=[Raising()])


@pytest.mark.parametrize("n_references", [8, 500])
def test_a_training_that_diverges_says_so(fitted, n_references):
    assert_refused(fitted, ValueError, ["diverge"], learning_rate=1e30, n_references=n_references)


BAD_AT_PREDICT = {
    "a wider modality": (
        ValueError,
        video(np.zeros((N, 5))),
        ["'video' has 5 features, but FrontDoorMultiModalClassifier is expecting 3"],
    ),
    "a narrower modality": (ValueError, video(VIDEO[:, :2]), ["'video' has 2 features", "3"]),
    "a narrower modality in a list": (ValueError, [AUDIO, VIDEO[:, :2]], ["'video' has 2", "3"]),
    "a list in another order": (ValueError, [VIDEO, AUDIO], ["'audio' has 3", "expecting 4"]),
    "a missing modality": (
        ValueError,
        {"audio": AUDIO},
        ["'video' missing", "fitted with 'audio', 'video'"],
    ),
    "an extra modality": (
        ValueError,
        GOOD | {"smell": VIDEO},
        ["'smell' unknown", "fitted with 'audio', 'video'"],
    ),
    "a renamed modality": (
        ValueError,
        {"audio": AUDIO, "smell": VIDEO},
        ["'video' missing, 'smell' unknown"],
    ),
    "a container with another name": (
        ValueError,
        MultiModalArray({"audio": AUDIO, "smell": VIDEO}),
        ["'video' missing, 'smell' unknown"],
    ),
    "a list of one": (ValueError, [AUDIO], ["X has 1 modalities", "with 2: 'audio', 'video'"]),
    "a list of three": (ValueError, [AUDIO, VIDEO, VIDEO], ["X has 3 modalities", "with 2"]),
    "no modality": (ValueError, {}, ["got 0"]),
    "a narrower table": (ValueError, FLAT[:, :5], ["X has 5 features", "expecting 7"]),
    "one modality's array": (
        ValueError,
        AUDIO,
        ["X has 4 features", "expecting 7", "'audio': 4, 'video': 3"],
    ),
    "one modality's frame": (
        ValueError,
        pd.DataFrame(AUDIO, columns=list("abcd")),
        ["X has 4 features", "expecting 7", "'audio': 4, 'video': 3"],
    ),
    "one modality of a higher rank": (
        ValueError,
        np.zeros((N, 2, 5)),
        ["X has shape (60, 2, 5)"],
    ),
    "a wider table": (ValueError, np.c_[FLAT, FLAT], ["X has 14 features", "expecting 7"]),
    "higher rank of another size": (
        ValueError,
        video(np.zeros((N, 2, 2))),
        ["'video' has rows of shape (2, 2)", "expecting (3,)"],
    ),
    "other rows": (ValueError, video(VIDEO[:5]), ["'video' has 5 rows", "'audio' has 60"]),
    "no rows": (ValueError, {"audio": AUDIO[:0], "video": VIDEO[:0]}, ["'audio'", "(0, 4)"]),
    "no rows in a table": (ValueError, FLAT[:0], ["(0, 7)"]),
    "one row without its axis": (ValueError, {"audio": AUDIO[0], "video": VIDEO[0]}, ["(4,)"]),
    "one row of a table": (ValueError, FLAT[0], ["Expected 2D array, got 1D array"]),
    "NaN": (
        ValueError,
        video(changed(VIDEO, (7, 2), np.nan)),
        ["'video' contains NaN at row 7, column 2"],
    ),
    "infinity in a table": (
        ValueError,
        changed(FLAT, (7, 5), np.inf),
        ["'video' contains infinity at row 7, column 1"],
    ),
    "a value too large for float32": (
        ValueError,
        video(changed(VIDEO, (7, 2), 1e300)),
        ["'video' contains 1e+300 at row 7, column 2, too large for float32"],
    ),
    "text": (ValueError, video(VIDEO.astype(str)), ["'video'", "<U"]),
    "objects": (TypeError, video(VIDEO.astype(object)), ["'video' holds object"]),
    "complex numbers": (ValueError, video(VIDEO + 1j), ["'video'", "complex128"]),
    "infinity in a sparse modality": (
        ValueError,
        video(sparse.csr_array(changed(VIDEO, (7, 2), np.inf))),
        ["'video' contains infinity at row 7, column 2"],
    ),
    "a sparse table": (TypeError, sparse.csr_array(FLAT), ["Sparse data was passed for X"]),
    "an object array of arrays": (TypeError, objects(AUDIO, VIDEO), ["X is an object array"]),
    "None": (ValueError, None, ["None"]),
}


@pytest.mark.parametrize("method", ["predict", "predict_proba", "beta_path"])
@pytest.mark.parametrize("case", BAD_AT_PREDICT)
def test_bad_input_at_predict_is_refused(fitted, case, method):
    error, X, words = BAD_AT_PREDICT[case]
    before = dict(vars(fitted))
    arguments = ([0.5],) if method == "beta_path" else ()
    with pytest.raises(error) as caught:
        getattr(fitted, method)(X, *arguments)
    for word in words:
        assert word in str(caught.value)
    assert vars(fitted).keys() == before.keys()


def test_a_single_modality_at_fit_takes_no_more_at_predict():
    single = make().fit(AUDIO, LABEL)
    with pytest.raises(ValueError, match=r"X has 2 modalities, but .* fitted with 1: 'modality0'"):
        single.predict([AUDIO, VIDEO])


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize(
    ("parameter", "value"),
    [(name, value) for name in ("beta", "effect") for value in OUT_OF_RANGE[name]],
)
def test_beta_and_effect_are_checked_when_they_are_read(fitted, method, parameter, value):
    estimator = copy.deepcopy(fitted).set_params(**{parameter: value})
    with pytest.raises(ValueError) as caught:
        getattr(estimator, method)(GOOD)
    assert f"The '{parameter}' parameter" in str(caught.value)
    assert f"Got {value!r}" in str(caught.value)


@pytest.mark.parametrize("value", OUT_OF_RANGE["beta"])
def test_beta_path_checks_each_beta(fitted, value):
    with pytest.raises(ValueError) as caught:
        fitted.beta_path(GOOD, [0, value, 1])
    assert "The 'betas' parameter" in str(caught.value)
    assert f"Got {value!r}" in str(caught.value)


def test_beta_path_checks_the_effect(fitted):
    estimator = copy.deepcopy(fitted).set_params(effect="both")
    with pytest.raises(ValueError, match=r"'effect' parameter .* Got 'both'"):
        estimator.beta_path(GOOD, [0.5])


@pytest.mark.parametrize(
    "betas",
    [
        pytest.param(0.5, id="a number"),
        pytest.param(None, id="None"),
        pytest.param([], id="none"),
    ],
)
def test_betas_that_are_no_sequence_are_refused(fitted, betas):
    with pytest.raises((TypeError, ValueError), match="betas"):
        fitted.beta_path(GOOD, betas)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "beta_path"])
@pytest.mark.parametrize("X", [GOOD, None], ids=["good input", "no input"])
def test_an_unfitted_classifier_says_so(method, X):
    arguments = ([0.5],) if method == "beta_path" else ()
    with pytest.raises(
        NotFittedError, match="FrontDoorMultiModalClassifier instance is not fitted"
    ):
        getattr(make(), method)(X, *arguments)


@pytest.mark.parametrize("interrupted", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_in_the_first_epoch_leaves_the_estimator_as_it_was(fitted, interrupted):
    from skorch.callbacks import Callback

    class Interrupting(Callback):
        def on_batch_begin(self, net, **kwargs):
            raise interrupted("stop")

    assert_refused(fitted, interrupted, [], callbacks=[Interrupting()])


def test_harmless_oddities_are_no_errors():
    assert make(batch_size=10**9, n_references=10**9).fit(GOOD, LABEL).n_iter_ == 1
    constant = make().fit(video(np.ones((N, 2))), LABEL)
    assert np.isfinite(constant.predict_proba(video(np.ones((N, 2))))).all()
    two_rows = make().fit({name: a[:2] for name, a in GOOD.items()}, ["bird", "rain"])
    assert np.isfinite(two_rows.predict_proba(GOOD)).all()
    alone = make().fit(GOOD, np.arange(N) == 0)
    assert np.isfinite(alone.predict_proba(GOOD)).all()
    assert make().fit(video(VIDEO > 0), LABEL).predict(video(VIDEO > 0)).shape == (N,)
    for name in ("auto", "a.b", "", "__x"):
        assert make().fit({name: AUDIO, "video": VIDEO}, LABEL).modality_names_[0] == name


def test_of_a_frame_that_fit_has_seen_the_missing_columns_are_named():
    frame = pd.DataFrame(np.arange(60.0).reshape(20, 3) % 7, columns=["p", "q", "r"])
    clf = FrontDoorMultiModalClassifier(modalities={"a": ["p"], "b": ["q", "r"]}, max_epochs=1)
    clf.fit(frame, np.arange(20) % 2)
    with pytest.raises(ValueError, match=r"now missing:\n- q"):
        clf.predict(frame[["p", "r"]])
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- z"):
        clf.predict(frame.assign(z=1.0))
