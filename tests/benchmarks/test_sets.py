import describe_sets
import numpy as np
import pandas as pd
import pytest
from data import real_set, recorded, sets, signals
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from skbetafd import MultiModalArray

NAMES = (
    "kar/mor fou/zer kar/pix av_mnist satimage image_segments leaf_flavia cell_segmentation "
    "alzheimer bird_strikes email_spam tweets_device pd_speech brca fashion_mnist pen_optic_speech "
    "icons wordclass digits letters hanzi penguin wages breast birds_phase"
).split()
TRAIN, TEST = [0, 1, 2, 3], [4, 5]


def words():
    return make_pipeline(FunctionTransformer(np.ravel), TfidfVectorizer())


@pytest.fixture
def handmade():
    """Six rows of text and table; row 1 lacks the text, row 4 has words of its own."""
    text = np.array(["red", np.nan, "blue", "red blue", "green", "red"], dtype=object)
    colour = pd.DataFrame({"c": ["x", "y", "x", "y", "z", "x"]})
    X = MultiModalArray(
        {
            "size": np.array([[1.0], [3.0], [np.nan], [5.0], [1000.0], [np.nan]]),
            "text": text[:, None],
            "colour": colour,
        }
    )
    encoder = OneHotEncoder(handle_unknown="ignore")
    per = {"size": SimpleImputer(keep_empty_features=True), "text": words(), "colour": encoder}
    return real_set.RealSet(X, np.array([0, 1, 0, 1, 0, 1]), None, "size", per)


@pytest.mark.parametrize("name", ["kar/mor", "fou/zer", "kar/pix"])
def test_embedded_pairs_load_with_the_predominant_first_and_copies_grouped(name):
    loaded = sets.load_set(name, seed=0)
    assert loaded.X.names == tuple(name.split("/"))
    assert loaded.predominant == loaded.X.names[0]
    assert (np.unique(loaded.groups, return_counts=True)[1] > 1).sum() == 6
    (numbers,) = real_set.prepare(loaded, np.arange(2000))
    assert {value.dtype for value in numbers.values()} == {np.dtype("float32")}
    assert np.allclose(numbers, np.asarray(loaded.X), rtol=1e-6)


def test_registry_has_every_set_and_refuses_others():
    assert list(sets.SETS) == NAMES
    with pytest.raises(ValueError, match=r"name must be one of kar/mor, .*, got 'iris'"):
        sets.load_set("iris")


def test_folds_keep_groups_together():
    y, groups = np.tile([0, 1], 10), np.repeat(np.arange(10), 2)
    X = MultiModalArray({"a": np.arange(20.0)[:, None]})
    for train, test in describe_sets.folds(real_set.RealSet(X, y, groups, "a")):
        assert not set(groups[train]) & set(groups[test])


def test_worth_scores_each_modality_alone_and_all(monkeypatch):
    monkeypatch.setattr(describe_sets, "ENOUGH_ROWS", 80)
    y = np.tile([0, 1], 20)
    noise = np.random.default_rng(0).normal(size=(40, 2))
    X = MultiModalArray({"label": y[:, None] + noise[:, :1] / 9, "noise": noise[:, 1:]})
    scores = describe_sets.worth(real_set.RealSet(X, y, None, "label"))
    assert scores["label"] == scores["all"] == 1
    assert scores["noise"] < 0.8


def test_transformers_see_the_training_rows_only(handmade):
    train, test = real_set.prepare(handmade, TRAIN, TEST)
    assert train["text"].shape == (4, 2), "the vocabulary must be blue and red, not green"
    assert (test["text"][0] == 0).all()
    assert train["colour"].shape == (4, 2)
    assert (test["colour"][0] == 0).all()
    assert {value.dtype for X in (train, test) for value in X.values()} == {np.dtype("float32")}


def test_row_without_a_modality_becomes_nan_and_is_not_imputed(handmade):
    train, test = real_set.prepare(handmade, TRAIN, TEST)
    assert np.isnan(train["text"]).all(axis=1).tolist() == [False, True, False, False]
    assert np.isnan(train["size"]).ravel().tolist() == [False, False, True, False]
    assert np.isnan(test["size"]).ravel().tolist() == [False, True]


def test_cells_are_imputed_by_the_training_rows():
    X = MultiModalArray({"a": np.array([[1.0, 2.0], [3.0, 4.0], [9.0, 9.0], [5.0, np.nan]])})
    holes = real_set.RealSet(X, np.zeros(4), None, "a", {"a": SimpleImputer()})
    assert real_set.prepare(holes, [0, 1], [3])[1]["a"].tolist() == [[5.0, 3.0]]
    with pytest.raises(ValueError, match="'a' has NaN cells in 1 rows, the first 1"):
        real_set.prepare(real_set.RealSet(X, np.zeros(4), None, "a"), [0, 1], [2, 3])


def test_transformers_of_the_set_stay_unfitted(handmade):
    real_set.prepare(handmade, TRAIN)
    assert not hasattr(handmade.per_modality["text"][-1], "vocabulary_")


def test_rows_can_be_chosen_by_booleans(handmade):
    mask = np.arange(6) < 4
    chosen = [real_set.prepare(handmade, rows)[0]["text"] for rows in (mask, TRAIN)]
    assert np.array_equal(*chosen, equal_nan=True)


def test_training_rows_that_teach_nothing_are_refused(handmade):
    with pytest.raises(ValueError, match="train_rows must hold at least 1 row"):
        real_set.prepare(handmade, np.zeros(6, dtype=bool))
    with pytest.raises(ValueError, match="'text' is missing in all 1 training rows"):
        real_set.prepare(handmade, [1], TEST)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.zeros(5)}, r"y must have shape \(6,\), as X has 6 rows, got \(5,\)"),
        ({"groups": np.zeros((6, 1))}, r"groups must have shape \(6,\) or be None, got \(6, 1\)"),
        ({"predominant": "sound"}, "X has the modalities size, text, colour, got 'sound'"),
        ({"per_modality": {"smell": words()}}, "size, text, colour, got 'smell'"),
    ],
)
def test_set_that_does_not_fit_together_is_refused(handmade, change, message):
    with pytest.raises(ValueError, match=message):
        real_set.RealSet(**{**vars(handmade), **change})


def test_copies_are_rows_equal_in_all_modalities():
    text = np.array([["a"], ["a"], [np.nan], [np.nan], ["a"]], dtype=object)
    X = MultiModalArray({"text": text, "number": np.array([1.0, 1, 2, 2, 3])[:, None]})
    groups = real_set.copies(X)
    assert groups[0] == groups[1]
    assert groups[2] == groups[3]
    assert len(set(groups)) == 3
    assert real_set.copies(X[[0, 2, 4]]) is None


def test_planted_confounder_sees_training_rows_only_and_spares_missing_rows():
    rng = np.random.default_rng(0)
    y = np.tile([0, 1], 50)
    size = np.hstack([y[:, None], np.arange(100)[:, None]]) + 0.0
    size[7] = np.nan
    unique = np.array([f"word{row}" for row in range(100)], dtype=object)[:, None]
    X = MultiModalArray({"size": size, "text": unique, "noise": rng.normal(size=(100, 2))})
    data = real_set.plant(real_set.RealSet(X, y, None, "size", {"text": words()}), 0)
    assert data.train.X.widths == (5, 70, 2), "two columns and the tint; one word a training row"
    assert (data.iid.X["text"] == 0).all()
    assert (np.asarray(data.train.X["text"]) > 0).sum() == 70
    parts = [data.train.X["size"], data.broken.X["size"]]
    lacking = np.isnan(np.vstack(parts)).any(axis=1)
    assert lacking.sum() == 1
    assert np.isnan(np.vstack(parts)[lacking]).all()


def test_gradients_count_an_edge_in_its_cell_and_direction():
    image = np.zeros((1, 8, 8))
    image[:, :4, 6:] = 1.0  # brighter to the right, in the upper right
    grid = signals.gradient_histogram(image, cells=2, orientations=4).reshape(2, 2, 4)
    assert grid[0, 1].argmax() == 0
    assert grid[0, 1, 0] == grid[..., 0].sum()
    assert (grid[:, 0] == 0).all()


def test_rows_are_drawn_by_class_with_their_groups_and_environments():
    y, env = np.repeat([0, 1], [30, 10]), np.array(list("ab") * 20)
    X = MultiModalArray({"a": np.arange(40.0)[:, None]})
    whole = real_set.RealSet(X, y, np.arange(40) // 4, "a", None, env)
    drawn = real_set.drawn_rows(whole, 20, 0)
    rows = drawn.X["a"][:, 0].astype(int)
    assert len({*rows}) == 20
    assert np.bincount(drawn.y).tolist() == [15, 5]
    for part in ("y", "groups", "env"):
        assert np.array_equal(getattr(drawn, part), getattr(whole, part)[rows])
    assert real_set.drawn_rows(whole, 40, 0) is whole
    alone = real_set.RealSet(X, y, np.arange(40), "a")
    assert real_set.drawn_rows(alone, 20, 0).groups is None


def test_copies_in_two_groups_bring_the_groups_together():
    joined = recorded._joined(["p", "p", "q", "q", "r"], np.array([0, 1, 1, 2, 3]))
    assert len({*joined[:4]}) == 1
    assert joined[4] != joined[0]


@pytest.mark.parametrize(
    ("language", "tags", "label"),
    [
        ("deu", "masc, sg", "noun"),
        ("fra", "masc, sg", None),
        ("fin", "vt, n", "noun"),
        ("fin", "vt", "verb"),
        ("fin", "adj", "adjective"),
        ("fin", "adj, adv", None),
    ],
)
def test_word_class_follows_the_dictionary_s_tags(language, tags, label):
    assert recorded._word_class(tags.split(", "), language) == label


def test_gloss_leaves_out_what_refers_to_another_character():
    assert recorded._gloss("same as U+4E00 一; one, a; kangxi radical 1").split() == ["one", "a"]
