import re
import warnings
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import BaseEstimator

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd.inputs.numeric import numeric_rows
from skbetafd.inputs.validation import read_prediction_input, read_training_input

N = 60
LABEL = np.arange(N) % 3
rng = np.random.default_rng(0)
AUDIO = 2 * rng.normal(size=(3, 4))[LABEL] + rng.normal(size=(N, 4))
VIDEO = 2 * rng.normal(size=(3, 3))[LABEL] + rng.normal(size=(N, 3))
FLAT = np.hstack([AUDIO, VIDEO])
PLAIN = ["a0", "a1", "a2", "a3", "v0", "v1", "v2"]
PREFIXED = [f"audio__{c}" for c in PLAIN[:4]] + [f"video__{c}" for c in PLAIN[4:]]

NAMED = {
    "dict": {"audio": AUDIO, "video": VIDEO},
    "named container": MultiModalArray({"audio": AUDIO, "video": VIDEO}),
    "dict of frames": {
        "audio": pd.DataFrame(AUDIO, columns=PLAIN[:4]),
        "video": pl.DataFrame(VIDEO, schema=PLAIN[4:]),
    },
    "several column levels": pd.DataFrame(
        FLAT, columns=pd.MultiIndex.from_tuples([tuple(c.split("__")) for c in PREFIXED])
    ),
    "prefixed pandas": pd.DataFrame(FLAT, columns=PREFIXED),
    "prefixed polars": pl.DataFrame(FLAT, schema=PREFIXED),
}
UNNAMED = {
    "list": [AUDIO, VIDEO],
    "tuple": (AUDIO, VIDEO),
    "unnamed container": MultiModalArray([AUDIO, VIDEO]),
}
TABLES = {
    "array": FLAT,
    "list of lists": FLAT.tolist(),
    "plain pandas": pd.DataFrame(FLAT, columns=PLAIN),
    "plain polars": pl.DataFrame(FLAT, schema=PLAIN),
}
FORMS = NAMED | UNNAMED | TABLES

GROUPS = {
    "widths": [4, 3],
    "slices": [slice(0, 4), slice(4, 7)],
    "positions": [[0, 1, 2, 3], [4, 5, 6]],
    "named widths": {"audio": 4, "video": 3},
    "named slices": {"audio": slice(0, 4), "video": slice(4, 7)},
    "named positions": {"audio": range(4), "video": [4, 5, 6]},
}
NAMED_COLUMNS = {"audio": PLAIN[:4], "video": PLAIN[4:]}
HIGH = {"audio": AUDIO.reshape(N, 2, 1, 2), "video": VIDEO}
HIGH_FRAME = {"audio": HIGH["audio"], "video": NAMED["dict of frames"]["video"]}

AT_FIT = (
    {form: (X, None) for form, X in (NAMED | UNNAMED).items()}
    | {f"array, {spelling}": (FLAT, groups) for spelling, groups in GROUPS.items()}
    | {
        "list of lists, widths": (FLAT.tolist(), [4, 3]),
        "pandas, column names": (TABLES["plain pandas"], NAMED_COLUMNS),
        "polars, column names": (TABLES["plain polars"], NAMED_COLUMNS),
        "list, named widths": ([AUDIO, VIDEO], GROUPS["named widths"]),
        "higher-rank list": (list(HIGH.values()), None),
        "higher-rank dict": (HIGH, None),
        "higher-rank container": (MultiModalArray(HIGH), None),
        "higher rank and frame": (HIGH_FRAME, None),
    }
)
FITS_WITHOUT_NAMES = {
    *UNNAMED,
    *("array, widths", "array, slices", "array, positions", "list of lists, widths"),
    "higher-rank list",
}

EXPECTED_WARNINGS = (
    "X has modality names, but FrontDoorMultiModalClassifier was fitted without modality names",
    "X has feature names, but FrontDoorMultiModalClassifier was fitted without feature names",
    "X does not have valid feature names, but FrontDoorMultiModalClassifier was fitted with "
    "feature names",
)


class Anything(BaseEstimator):
    """An estimator to read input for."""


@cache
def fitted(form):
    X, modalities = AT_FIT[form]
    classifier = FrontDoorMultiModalClassifier(
        modalities=modalities, max_epochs=2, hidden_dim=8, n_references=8, random_state=0
    )
    return classifier.fit(X, LABEL)


def column_names(X):
    """The names of a frame's flat columns, as the estimator knows them."""
    if not hasattr(X, "columns"):
        return None
    several = getattr(X.columns, "nlevels", 1) > 1
    return ["__".join(c) for c in X.columns] if several else list(X.columns)


@pytest.mark.parametrize("at_predict", FORMS)
@pytest.mark.parametrize("at_fit", AT_FIT)
def test_all_forms_of_the_same_data_give_the_same_predictions(at_fit, at_predict):
    classifier, X = fitted(at_fit), FORMS[at_predict]
    seen, found = getattr(classifier, "feature_names_in_", None), column_names(X)
    if seen is not None and found is not None and list(seen) != found:
        with pytest.raises(ValueError, match="feature names should match"):
            classifier.predict_proba(X)
        return
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        proba = classifier.predict_proba(X)
    assert {str(warning.message) for warning in caught} <= set(EXPECTED_WARNINGS)
    # a shape at fit tells more than the numbers: features of one channel share a scale
    same = "higher-rank dict" if at_fit.startswith("higher") else "list"
    assert_allclose(proba, fitted(same).predict_proba([AUDIO, VIDEO]), atol=1e-5)


@pytest.mark.parametrize("at_predict", HIGH)
@pytest.mark.parametrize("at_fit", AT_FIT)
def test_higher_rank_is_read_after_any_fit(at_fit, at_predict):
    classifier = fitted(at_fit)
    X = {"audio": AUDIO, "video": VIDEO} | {at_predict: HIGH[at_predict]}
    proba = classifier.predict_proba(list(X.values()))
    assert_allclose(proba, classifier.predict_proba([AUDIO, VIDEO]), atol=1e-6)


@pytest.mark.parametrize("form", AT_FIT)
def test_fit_remembers_names_and_columns(form):
    classifier = fitted(form)
    names = ["modality0", "modality1"] if form in FITS_WITHOUT_NAMES else ["audio", "video"]
    assert classifier.modality_names_ == names
    assert classifier.modality_slices_ == dict(zip(names, [slice(0, 4), slice(4, 7)], strict=True))
    assert classifier.n_features_in_ == 7
    expected = None
    if form in ("dict of frames", "several column levels") or "prefixed" in form:
        expected = PREFIXED
    elif "column names" in form:
        expected = PLAIN
    found = getattr(classifier, "feature_names_in_", None)
    assert (None if found is None else list(found)) == expected
    assert found is None or found.dtype == object


@pytest.mark.parametrize("form", NAMED)
def test_after_a_named_fit_dicts_are_matched_by_name_in_any_order(form):
    reverse = {"video": VIDEO, "audio": AUDIO}
    expected = fitted(form).predict_proba({"audio": AUDIO, "video": VIDEO})
    assert_array_equal(fitted(form).predict_proba(reverse), expected)
    assert_array_equal(fitted(form).predict_proba(MultiModalArray(reverse)), expected)


def test_after_a_fit_to_named_arrays_frames_are_matched_by_name_in_any_order():
    order = [4, 0, 5, 1, 6, 2, 3]
    expected = fitted("dict").predict_proba(NAMED["dict"])
    for form in ("prefixed pandas", "several column levels"):
        assert_allclose(
            fitted("dict").predict_proba(NAMED[form].iloc[:, order]), expected, atol=1e-6
        )
    polars = NAMED["prefixed polars"].select([PREFIXED[i] for i in order])
    assert_allclose(fitted("dict").predict_proba(polars), expected, atol=1e-6)


def test_a_named_fit_takes_lists_by_order_and_dicts_by_name():
    same_width = {"left": VIDEO, "right": AUDIO[:, :3]}
    X, layout = read_training_input(Anything(), same_width)
    swapped = read_prediction_input(Anything(), [X["right"], X["left"]], layout)
    assert swapped.names == ("left", "right")
    assert_array_equal(swapped["left"], X["right"])
    by_name = read_prediction_input(Anything(), {"right": X["right"], "left": X["left"]}, layout)
    assert by_name.names == ("left", "right")
    assert_array_equal(by_name["left"], X["left"])


@pytest.mark.parametrize("X", [NAMED["dict"], NAMED["named container"]], ids=["dict", "container"])
def test_an_unnamed_fit_takes_named_input_by_order_with_a_warning(X):
    expected = fitted("list").predict_proba([AUDIO, VIDEO])
    with pytest.warns(UserWarning, match=re.escape(EXPECTED_WARNINGS[0])):
        proba = fitted("list").predict_proba(X)
    assert_array_equal(proba, expected)


def test_a_frame_of_other_modalities_is_no_silent_match():
    frame = NAMED["prefixed pandas"].rename(columns=lambda c: c.replace("video", "smell"))
    with pytest.warns(UserWarning, match=re.escape(EXPECTED_WARNINGS[1])):
        fitted("dict").predict(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted("prefixed pandas").predict(frame)


@pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("X", [NAMED["dict"], [AUDIO, VIDEO], HIGH], ids=["dict", "list", "high"])
def test_modalities_that_agree_with_a_container_are_accepted(X, groups):
    read, layout = read_training_input(Anything(), X, groups)
    named = isinstance(groups, dict) or isinstance(X, dict)
    assert read.names == (("audio", "video") if named else ("modality0", "modality1"))
    assert layout.named == named
    assert_array_equal(np.asarray(read), FLAT)


def test_modalities_may_name_a_containers_columns_in_another_order():
    groups = {"video": slice(4, 7), "audio": slice(0, 4)}
    for X in (NAMED["dict"], [AUDIO, VIDEO]):
        read, _ = read_training_input(Anything(), X, groups)
        assert read.names == ("audio", "video")
        assert_array_equal(np.asarray(read), FLAT)


def test_modalities_may_name_the_columns_of_a_container_of_frames():
    groups = {"audio": PREFIXED[:4], "video": PREFIXED[4:]}
    read, _ = read_training_input(Anything(), NAMED["dict of frames"], groups)
    assert read.widths == (4, 3)


@pytest.mark.parametrize(
    ("X", "groups"),
    [
        (NAMED["dict"], [3, 4]),
        (NAMED["dict"], {"audio": 3, "video": 4}),
        (NAMED["dict"], {"audio": 4, "smell": 3}),
        (NAMED["dict"], {"video": 3, "audio": 4}),
        (NAMED["dict"], [7]),
        ([AUDIO, VIDEO], [4, 2, 1]),
        ([AUDIO, VIDEO], [[0, 1, 2, 4], [3, 5, 6]]),
        ({"a": VIDEO, "b": VIDEO}, {"b": slice(0, 3), "a": slice(3, 6)}),
    ],
)
def test_modalities_that_contradict_a_container_are_an_error_with_both(X, groups):
    with pytest.raises(ValueError, match=r"^modalities say \{.*\}, but X holds \{.*slice"):
        read_training_input(Anything(), X, groups)


def test_a_list_of_lists_stays_one_table():
    X, layout = read_training_input(Anything(), [[1, 2], [3, 4], [5, 6]])
    assert layout.flat
    assert X.names == ("modality0",)
    assert X.shape == (3, 2)


def test_a_list_of_nested_lists_is_a_list_of_modalities():
    X, layout = read_training_input(Anything(), [AUDIO.tolist(), VIDEO.tolist()])
    assert not layout.flat
    assert X.widths == (4, 3)


@pytest.mark.parametrize("X", TABLES.values(), ids=TABLES)
def test_one_table_without_modalities_is_one_modality(X):
    classifier = FrontDoorMultiModalClassifier(max_epochs=1, hidden_dim=8, n_references=8)
    classifier.fit(X, LABEL)
    assert classifier.modality_names_ == ["modality0"]
    assert classifier.modality_slices_ == {"modality0": slice(0, 7)}
    assert classifier.predominant_ == "modality0"


def test_beta_is_without_effect_on_one_modality():
    classifier = FrontDoorMultiModalClassifier(max_epochs=3, n_references=8, random_state=0)
    path = classifier.fit(FLAT, LABEL).beta_path(FLAT, [0, 0.3, 1])
    assert_allclose(path[1], path[0], atol=1e-6)
    assert_allclose(path[2], path[0], atol=1e-6)


@pytest.mark.parametrize(
    ("columns", "stray"),
    [
        (["modality0__x", "modality1__y", "w"], "'w' has no"),
        (["modality0__x", "modality0__y"], None),
        (["a__x__p", "a__y"], None),
        (["x", "y"], None),
    ],
)
def test_a_column_is_blamed_by_its_own_name_and_only_where_it_decides(columns, stray):
    frame = pd.DataFrame(rng.normal(size=(N, len(columns))), columns=columns)
    with pytest.warns(UserWarning, match="X is one modality") as caught:
        FrontDoorMultiModalClassifier(max_epochs=1).fit(frame, LABEL)
    said = str(caught[0].message)
    assert ("has no 'modality__'" in said) == (stray is not None)
    assert stray is None or stray in said
    with pytest.warns(UserWarning, match="X is one modality") as caught:
        FrontDoorMultiModalClassifier(max_epochs=1).fit([frame], LABEL)
    assert "has no 'modality__'" not in str(caught[0].message)


def test_columns_of_a_modality_may_lie_apart():
    order = np.array([4, 0, 5, 1, 6, 2, 3])
    groups = {"audio": [1, 3, 5, 6], "video": [0, 2, 4]}
    classifier = FrontDoorMultiModalClassifier(
        modalities=groups, max_epochs=2, hidden_dim=8, n_references=8, random_state=0
    ).fit(FLAT[:, order], LABEL)
    expected = fitted("dict").predict_proba(NAMED["dict"])
    assert_allclose(classifier.predict_proba(FLAT[:, order]), expected, atol=1e-5)
    assert_allclose(classifier.predict_proba(NAMED["dict"]), expected, atol=1e-5)
    slices = classifier.modality_slices_
    assert_array_equal(FLAT[:, order][:, slices["audio"]], AUDIO)
    assert_array_equal(FLAT[:, order][:, slices["video"]], VIDEO)


@pytest.mark.parametrize("form", ["prefixed pandas", "several column levels"])
def test_a_frame_with_interleaved_modalities_is_grouped(form):
    frame = NAMED[form].iloc[:, [4, 0, 5, 1, 6, 2, 3]]
    X, layout = read_training_input(Anything(), frame)
    assert layout.names == ("video", "audio")
    assert_array_equal(X["audio"], AUDIO)
    assert_array_equal(X["video"], VIDEO)
    assert layout.feature_names == {"video": PLAIN[4:], "audio": PLAIN[:4]}


def test_column_levels_whose_names_hold_the_separator_stay_apart():
    columns = pd.MultiIndex.from_product([["my__audio", "my__video"], ["x", "y"]])
    frame = pd.DataFrame(np.arange(8.0).reshape(2, 4), columns=columns)
    estimator = Anything()
    X, layout = read_training_input(estimator, frame)
    assert layout.names == ("my__audio", "my__video")
    assert list(X["my__audio"].columns) == ["x", "y"]
    again = read_prediction_input(estimator, frame, layout)
    assert_array_equal(again["my__video"], [[2, 3], [6, 7]])


def test_a_frame_with_swapped_columns_is_sklearns_error():
    for form in ("prefixed pandas", "several column levels"):
        with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
            fitted(form).predict(NAMED[form].iloc[:, [1, 0, 2, 3, 4, 5, 6]])
    polars = NAMED["prefixed polars"].select(PREFIXED[::-1])
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        fitted("prefixed polars").predict(polars)


def test_a_frame_with_an_unseen_column_is_sklearns_error():
    frame = TABLES["plain pandas"].rename(columns={"a1": "b1"})
    with pytest.raises(ValueError, match=r"unseen at fit time:\n- b1"):
        fitted("pandas, column names").predict(frame)


def test_swapped_columns_within_a_modality_are_an_error_that_names_both():
    X = NAMED["dict of frames"]
    swapped = X | {"audio": X["audio"][["a1", "a0", "a2", "a3"]]}
    with pytest.raises(ValueError, match="'audio' has column 'a1' where fit saw 'a0'"):
        fitted("dict of frames").predict(swapped)


def test_a_refit_forgets_the_column_names():
    estimator = Anything()
    read_training_input(estimator, NAMED["prefixed pandas"])
    assert list(estimator.feature_names_in_) == PREFIXED
    read_training_input(estimator, NAMED["dict"])
    assert not hasattr(estimator, "feature_names_in_")
    read_training_input(estimator, TABLES["plain polars"])
    assert list(estimator.feature_names_in_) == PLAIN
    read_training_input(estimator, FLAT[:, :5])
    assert not hasattr(estimator, "feature_names_in_")
    assert estimator.n_features_in_ == 5


def test_a_table_of_text_is_read_as_text():
    text = np.array([["a", "b"], ["c", "d"]])
    X, layout = read_training_input(Anything(), text, {"one": 1, "other": 1})
    assert_array_equal(X["other"], [["b"], ["d"]])
    assert read_prediction_input(Anything(), text, layout).names == ("one", "other")


def test_higher_rank_keeps_its_shape():
    estimator = Anything()
    X, layout = read_training_input(estimator, HIGH)
    assert X["audio"] is HIGH["audio"]
    assert layout.shapes == ((2, 1, 2), (3,))
    for form in ({"audio": AUDIO, "video": VIDEO}, FLAT, NAMED["dict of frames"]):
        again = read_prediction_input(estimator, form, layout)
        assert_array_equal(again["audio"], HIGH["audio"])


@pytest.mark.parametrize("shape", [(2, 2), (2, 2, 1), (1, 4), (4, 1, 1)])
def test_another_shape_of_higher_rank_is_an_error_with_both(shape):
    message = re.escape(f"'audio' has rows of shape {shape}, but") + r".* expecting \(2, 1, 2\)"
    with pytest.raises(ValueError, match=message):
        fitted("higher-rank dict").predict({"audio": AUDIO.reshape(N, *shape), "video": VIDEO})


def test_numeric_modalities_are_flat_and_keep_their_precision():
    X = MultiModalArray({"a": HIGH["audio"], "b": pl.DataFrame({"x": range(N)}), "c": AUDIO > 0})
    arrays = numeric_rows(X, "float32").arrays
    assert [array.shape for array in arrays] == [(N, 4), (N, 1), (N, 4)]
    assert all(array.dtype == np.float64 for array in arrays)
    assert_array_equal(arrays[0], AUDIO)
    kept = numeric_rows(MultiModalArray([AUDIO.astype(np.float32)]), "float64").arrays
    assert kept[0].dtype == np.float32


def test_a_sparse_matrix_that_is_a_dict_is_no_mapping_of_modalities():
    with pytest.raises(TypeError, match="Sparse data was passed for X"):
        read_training_input(Anything(), sparse.dok_array(FLAT))


def test_the_input_is_left_as_it_was():
    before = {form: np.array(X) for form, X in FORMS.items() if form in TABLES}
    columns = list(NAMED["prefixed pandas"].columns)
    for form in ("prefixed pandas", "several column levels", "prefixed polars"):
        read_training_input(Anything(), NAMED[form])
    assert list(NAMED["prefixed pandas"].columns) == columns
    assert NAMED["several column levels"].columns.nlevels == 2
    for form, values in before.items():
        assert_array_equal(np.array(TABLES[form]), values)


def test_an_array_of_arrays_is_a_list_of_modalities():
    X = np.empty(2, dtype=object)
    X[:] = [AUDIO, VIDEO]
    assert read_training_input(Anything(), X)[0].widths == (4, 3)


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ([AUDIO] * 3, "X has 3 modalities, but Anything was fitted with 2: 'audio', 'video'"),
        ([AUDIO, AUDIO], "'video' has rows of shape (4,), but Anything is expecting (3,)"),
        ([HIGH["audio"], HIGH["audio"]], "'video' has rows of shape (2, 1, 2), but Anything"),
        ({"video": VIDEO, "smell": VIDEO}, "modalities 'video', 'smell', but Anything was fitted"),
        ({"audio": AUDIO}, "modalities 'audio', but Anything was fitted with 'audio', 'video'"),
    ],
)
def test_what_predict_refuses_is_told_beside_what_fit_saw(X, words):
    _, layout = read_training_input(Anything(), NAMED["dict"])
    with pytest.raises(ValueError, match=re.escape(words)):
        read_prediction_input(Anything(), X, layout)


STEPS, CHANNELS = 5, 2


@pytest.mark.parametrize(
    ("dtype", "read_as"), [("f4", "f4"), ("f8", "f8"), ("i2", "f4"), ("i8", "f8"), ("?", "f4")]
)
@pytest.mark.parametrize("given", [(3, CHANNELS), (STEPS, CHANNELS), (STEPS * CHANNELS,)])
def test_sequences_of_a_padded_modality_may_be_shorter_or_flat(given, dtype, read_as):
    _, layout = read_training_input(Anything(), [np.zeros((N, STEPS, CHANNELS)), VIDEO])
    X = np.ones((N, *given), dtype)
    read = read_prediction_input(Anything(), [X, VIDEO], layout, padded=["modality0"])["modality0"]
    assert read.shape == (N, STEPS, CHANNELS)
    assert read.dtype == (read_as if given == (3, CHANNELS) else dtype)
    held = read.reshape(N, -1)
    assert (held[:, : np.prod(given)] == 1).all()
    assert np.isnan(held[:, np.prod(given) :]).all()


@pytest.mark.parametrize("given", [(3, 1), (3, 4), (6, CHANNELS), (3,), (2, 2, CHANNELS)])
def test_sequences_of_other_channels_or_more_steps_are_told(given):
    _, layout = read_training_input(Anything(), [np.zeros((N, STEPS, CHANNELS)), VIDEO])
    with pytest.raises(ValueError) as caught:
        X = [np.zeros((N, *given)), VIDEO]
        read_prediction_input(Anything(), X, layout, padded=["modality0"])
    assert str(caught.value) == (
        f"modality 'modality0' has rows of shape {given}, but Anything is expecting (5, 2)"
    )


def test_shorter_sequences_that_are_read_row_by_row_are_not_padded():
    class Stored:
        dtype, shape = np.dtype(float), (N, 3, CHANNELS)

        def __len__(self):
            return N

        def __getitem__(self, rows):
            raise AssertionError("read")

    _, layout = read_training_input(Anything(), [np.zeros((N, STEPS, CHANNELS)), VIDEO])
    with pytest.raises(
        ValueError, match=r"'modality0' has rows of shape \(3, 2\), but .* \(5, 2\)"
    ):
        read_prediction_input(Anything(), [Stored(), VIDEO], layout, padded=["modality0"])


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (AUDIO, "4 features, but Anything is expecting 7 .*'audio': 4, 'video': 3"),
        (AUDIO.tolist(), "4 features, but Anything is expecting 7"),
        (pd.DataFrame(AUDIO), "4 features, but Anything is expecting 7 .*'audio': 4, 'video': 3"),
        (pd.DataFrame(FLAT[:, :4], columns=PREFIXED[1:5]), r"'audio' .*\(3,\).* \(4,\)"),
    ],
    ids=["array", "list of lists", "frame", "grouped frame"],
)
def test_too_few_columns_are_told_as_what_was_given(X, words):
    estimator = Anything()
    _, layout = read_training_input(estimator, NAMED["dict"])
    with pytest.raises(ValueError, match=words):
        read_prediction_input(estimator, X, layout)
