from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest
import skorch.dataset
import torch
from numpy.testing import assert_array_equal
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from skbetafd import FrontDoorMultiModalClassifierCV, MultiModalArray, PerModality
from skbetafd.baselines import FusionClassifier

N = 90
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, N)
SOUND = (RNG.normal(size=(N, 4)) + Y[:, None]).astype(np.float32)
IMAGE = (RNG.normal(size=(N, 2, 3)) + Y[:, None, None]).astype(np.float32)
ARRAYS = {"sound": SOUND, "image": IMAGE}
SEEDED = {"random_state": 0, "batch_size": 32}


class Items(Dataset):
    def __init__(self, make, n=N):
        self.make, self.n, self.read = make, n, Counter()

    def __len__(self):
        return self.n

    def __getitem__(self, row):
        self.read[row] += 1
        return self.make(row)


def pairs(row):
    return (torch.tensor(SOUND[row]), torch.tensor(IMAGE[row])), int(Y[row])


def named(row):
    return {"sound": SOUND[row], "image": IMAGE[row]}, Y[row]


FORMS = {
    "pairs": lambda: Items(pairs),
    "named": lambda: Items(named),
    "a TensorDataset": lambda: TensorDataset(*map(torch.tensor, (SOUND, IMAGE, Y))),
    "a Subset": lambda: Subset(Items(pairs), range(N)),
    "a skorch Dataset": lambda: skorch.dataset.Dataset(ARRAYS, Y),
    "a skorch Dataset of a list": lambda: skorch.dataset.Dataset([SOUND, IMAGE], Y),
    "a DataLoader": lambda: DataLoader(Items(named), batch_size=7, shuffle=True),
}


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_a_fit_from_a_dataset_is_bitwise_that_of_the_arrays(make, quick):
    one, two = quick(**SEEDED).fit(make()), quick(**SEEDED).fit(ARRAYS, Y)
    assert_array_equal(one.classes_, two.classes_)
    assert_array_equal(one.predict_proba(make()), two.predict_proba(ARRAYS))


def test_prediction_takes_items_without_labels(quick):
    model = quick(**SEEDED).fit(FORMS["named"]())
    expected = model.predict_proba(ARRAYS)
    assert_array_equal(model.predict_proba(Items(lambda row: named(row)[0])), expected)
    plain = quick(**SEEDED).fit(FORMS["pairs"]())
    assert_array_equal(plain.predict_proba(Items(lambda row: pairs(row)[0])), expected)


def test_labels_that_are_given_come_before_the_datasets(quick):
    words = np.array(["a", "b", "c"])[Y]
    assert quick().fit(FORMS["pairs"](), words).classes_.tolist() == ["a", "b", "c"]
    text = Items(lambda row: (pairs(row)[0], words[row]))
    assert quick().fit(text).classes_.tolist() == ["a", "b", "c"]


def test_each_item_is_read_once_an_epoch_and_not_once_a_modality(quick):
    reads = []
    for max_epochs in (1, 4):
        items = Items(named)
        quick(max_epochs=max_epochs, batch_size=32, predominant="sound").fit(items, Y)
        reads.append(items.read)
    assert all(reads[1][row] - reads[0][row] == 3 for row in range(N))


def test_none_or_nan_in_an_item_is_a_missing_modality(quick):
    def gappy(row):
        sound, image = SOUND[row], IMAGE[row]
        return {"sound": sound, "image": None if row % 5 == 0 else image}, Y[row]

    gaps = IMAGE.copy()
    gaps[::5] = np.nan
    arrays = {"sound": SOUND, "image": gaps}
    one, two = quick(**SEEDED).fit(Items(gappy)), quick(**SEEDED).fit(arrays, Y)
    assert_array_equal(one.predict_proba(Items(gappy)), two.predict_proba(arrays))


def test_a_modality_that_no_item_has_is_missing_at_prediction(quick):
    model = quick(**SEEDED).fit(ARRAYS, Y)
    expected = model.predict_proba({"sound": SOUND, "image": None})
    one, two = (
        Items(lambda row: {"sound": SOUND[row], "image": None}),
        Items(lambda row: (SOUND[row], None)),
    )
    assert_array_equal(model.predict_proba(one), expected)
    assert_array_equal(model.predict_proba(two), expected)


def test_a_dataset_in_a_container_can_be_cross_validated(quick):
    X = MultiModalArray(FORMS["named"]())
    assert X[[3, 1]]["image"].shape == (2, 2, 3)
    expected = cross_val_predict(quick(**SEEDED), MultiModalArray(ARRAYS), Y, cv=2)
    assert_array_equal(cross_val_predict(quick(**SEEDED), X, Y, cv=2), expected)
    again = pickle.loads(pickle.dumps(MultiModalArray(TensorDataset(torch.tensor(SOUND)))))
    assert_array_equal(again[:2]["modality0"], SOUND[:2])


def test_the_search_partial_fit_and_baselines_take_datasets(quick):
    search = FrontDoorMultiModalClassifierCV(betas=[0, 1], cv=2, max_epochs=2, hidden_dim=8)
    assert search.fit(FORMS["pairs"]()).predict(FORMS["pairs"]()).shape == (N,)
    assert quick().partial_fit(FORMS["named"](), None, [0, 1, 2]).predict(ARRAYS).shape == (N,)
    fusion = FusionClassifier(max_epochs=2, hidden_dim=8).fit(FORMS["named"]())
    assert fusion.predict(FORMS["named"]()).shape == (N,)


class Endless(IterableDataset):
    def __iter__(self):
        yield pairs(0)


def worded(entry):
    """Items of a word and a sound."""
    return Items(lambda row: ({"text": entry(row), "sound": SOUND[row]}, row % 3))


@pytest.mark.parametrize("kind", [np.array, list], ids=["arrays", "lists"])
def test_text_in_items_is_whole_whatever_the_first_item_s_length(kind):
    words = ["x", "xy", "xyz"]
    X = MultiModalArray(worded(lambda row: None if row == 4 else kind([words[row % 3]])))
    assert X["text"][0:6].tolist() == [["x"], ["xy"], ["xyz"], ["x"], [None], ["xyz"]]
    assert np.asarray(X[[5, 3]]["text"]).tolist() == [["xyz"], ["x"]]
    X = MultiModalArray(worded(lambda row: kind([2.0 if row == 9 else "x"])))
    with pytest.raises(ValueError, match=r"item 9 of Items has float64 .* in modality 'text'"):
        X["text"][0:12]


def test_a_word_or_a_number_of_an_item_is_one_column(quick):
    X = MultiModalArray(Items(lambda row: ({"word": "ab"[row % 2], "level": float(row)}, row % 3)))
    assert X["word"].shape == X["level"].shape == (len(X), 1)
    assert X["word"][0:3].tolist() == [["a"], ["b"], ["a"]]
    with pytest.raises(
        ValueError, match=r"has <U1 .* in modality 'level', where others have float64"
    ):
        MultiModalArray(Items(lambda row: ({"level": "x" if row else 1.0}, 0)))["level"][0:3]


@pytest.mark.parametrize("absent", [(), (4, 9)], ids=["complete", "with gaps"])
def test_per_modality_reads_a_dataset_as_it_reads_arrays(absent, quick):
    def word(row):
        return None if row in absent else f"word{row % 3} of a text"

    items = worded(word)
    n_rows, labels = len(items), np.arange(len(items)) % 3
    arrays = {
        "text": np.array([word(row) for row in range(n_rows)], dtype=object),
        "sound": SOUND,
    }
    chosen = {"text": TfidfVectorizer(), "sound": StandardScaler()}
    one, two = (
        make_pipeline(PerModality(chosen), quick()).fit(X, labels).predict_proba(X)
        for X in (items, arrays)
    )
    assert_array_equal(one, two)


WRONG = {
    "no length": (TypeError, Endless(), "Endless has no length and no order"),
    "a loader of no length": (TypeError, DataLoader(Endless()), "Endless has no length"),
    "no items": (ValueError, Items(pairs, n=0), "Items has 0 items"),
    "an array as item": (TypeError, Items(lambda row: SOUND[row]), "item 0 of Items is a ndarray"),
    "no labels": (ValueError, Items(lambda row: pairs(row)[0]), "item 0 of Items has no label"),
    "another shape": (
        ValueError,
        Items(lambda row: ((SOUND[row], IMAGE[row][: 1 + (row < 50)]), 1 + row % 2)),
        r"item 50 of Items has .* shape \(1, 3\) in modality 1",
    ),
    "a modality left out": (
        ValueError,
        Items(lambda row: ({"a": SOUND[row], **({"b": SOUND[row]} if row < 50 else {})}, row % 2)),
        "item 50 of Items has no modality 'b'",
    ),
    "a modality that is always None": (
        ValueError,
        Items(lambda row: ({"a": SOUND[row], "b": None}, row % 2)),
        "modality 'b' is None in every row",
    ),
    "a complex item": (
        ValueError,
        Items(lambda row: ((SOUND[row] * (1j if row == 9 else 1), IMAGE[row]), row % 2)),
        r"item 9 of Items has complex\d+ .* in modality 0, where others have float\d+",
    ),
    "an item of text": (
        ValueError,
        Items(lambda row: ((SOUND[row].astype(str) if row == 9 else SOUND[row],), row % 2)),
        r"item 9 of Items has <U\d+ .* in modality 0, where others have float\d+",
    ),
    "a tensor of bfloat16": (
        TypeError,
        Items(lambda row: ((torch.tensor(SOUND[row]).bfloat16(), IMAGE[row]), row % 2)),
        "modality 0 is a tensor that is no NumPy array.*BFloat16",
    ),
    "infinity": (
        ValueError,
        Items(lambda row: ((SOUND[row] + (np.inf if row == 9 else 0), IMAGE[row]), row % 2)),
        "'modality0' contains infinity at row 9, column 0",
    ),
}


@pytest.mark.parametrize(("error", "dataset", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_dataset_is_refused_with_the_item(error, dataset, message, quick):
    model = quick()
    with pytest.raises(error, match=message):
        model.fit(dataset)
    assert not hasattr(model, "classes_")
