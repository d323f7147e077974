import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from skbetafd import MultiModalArray
from skbetafd.datasets import confound

TESTS = ("iid", "half_broken", "broken")
PRIOR = np.array([0.6, 0.25, 0.15])


def make(n=6000, n_classes=4, **arguments):
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(n) % n_classes)
    X = {"a": rng.normal(size=(n, 2)), "b": np.column_stack([np.arange(n), y])}
    return confound(X, y, **{"modality": "a", "random_state": 0, **arguments})


@pytest.fixture(scope="module")
def large():
    return make(60_000)


def splits(data):
    return [data.train, *(getattr(data, test) for test in TESTS)]


def test_label_is_content_shifted_by_the_confounder():
    for split in splits(make()):
        assert (split.y == (split.content + split.confounder) % 4).all()
        assert (split.content == split.X["b"][:, 1]).all()


def test_two_classes_are_flipped_where_the_confounder_is_positive():
    for split in splits(make(n_classes=2)):
        assert (split.y == np.where(split.confounder > 0, 1 - split.content, split.content)).all()


def test_any_labels_are_shifted_in_sorted_order():
    y = np.array(["low", "mid", "top"] * 40)
    data = confound([np.zeros((120, 1))], y, modality=0, random_state=0)
    assert data.classes.tolist() == ["low", "mid", "top"]
    expected = data.classes[(data.train.content + data.train.confounder) % 3]
    assert (data.train.y == expected).all()


def test_confounder_follows_the_prior_independently_of_content(large):
    table = np.zeros((4, 3))
    np.add.at(table, (large.train.content, large.train.confounder), 1)
    assert np.allclose(table / table.sum(axis=1, keepdims=True), PRIOR, atol=0.02)


def test_tint_shows_the_confounder_with_its_reliability_else_a_uniform_value(large):
    for split in (large.train, large.iid):
        for u in range(3):
            shown = np.bincount(split.tint[split.confounder == u], minlength=3)
            expected = 0.95 * np.eye(3)[u] + 0.05 / 3
            assert np.allclose(shown / shown.sum(), expected, atol=0.015)


def test_broken_tint_is_uniform_and_independent_of_the_confounder(large):
    for u in range(3):
        shown = np.bincount(large.broken.tint[large.broken.confounder == u], minlength=3)
        assert np.allclose(shown / shown.sum(), 1 / 3, atol=0.03)


def test_half_broken_replaces_the_tint_of_half_of_the_rows(large):
    iid, half, broken = (getattr(large, test).tint for test in TESTS)
    different = iid != broken
    replaced = half[different] == broken[different]
    assert abs(replaced.mean() - 0.5) < 0.02
    assert (half[~different] == iid[~different]).all()


def test_three_tests_differ_in_the_tint_only():
    data = make()
    for name in ("y", "confounder", "content", "proba"):
        values = [getattr(getattr(data, test), name) for test in TESTS]
        assert (values[0] == values[1]).all() and (values[0] == values[2]).all()
    for test in TESTS:
        split = getattr(data, test)
        assert (split.X["b"] == data.iid.X["b"]).all()
        assert (split.X["a"][:, :2] == data.iid.X["a"][:, :2]).all()
        same = split.tint == data.iid.tint
        equal = (split.X["a"] == data.iid.X["a"]).all(axis=1)
        assert (equal == same).all()


def test_redrawn_rows_show_another_rows_modality_and_keep_their_confounder(large):
    own, shown = large.iid, large.redrawn
    assert np.array_equal(shown.X["b"], own.X["b"])
    assert np.array_equal(shown.confounder, own.confounder)
    source = {row.tobytes(): i for i, row in enumerate(own.X["a"])}
    rows = [source[row.tobytes()] for row in shown.X["a"]]
    assert sorted(rows) == list(range(len(rows)))
    assert np.array_equal(shown.content, own.content[rows])
    assert np.array_equal(shown.tint, own.tint[rows])
    assert (shown.y == (shown.content + shown.confounder) % 4).all()
    assert abs(np.corrcoef(shown.content, own.content)[0, 1]) < 0.02


def test_a_prior_for_each_class_correlates_the_confounder_with_the_content():
    prior = np.array([[0.8, 0.1, 0.1], [0.2, 0.4, 0.4], [1, 0, 0], [0.5, 0.25, 0.25]])
    data = make(60_000, prior=prior)
    table = np.zeros((4, 3))
    np.add.at(table, (data.train.content, data.train.confounder), 1)
    assert np.allclose(table / table.sum(axis=1, keepdims=True), prior, atol=0.02)
    assert np.allclose(data.iid.proba[data.iid.content == 1][0], [0, 0.2, 0.4, 0.4])
    own, shown = data.iid.content, data.redrawn.content
    for a, b in ((0, 1), (2, 3), (1, 1)):
        rows = (own == a) & (shown == b)
        seen = np.bincount(data.redrawn.y[rows], minlength=4) / rows.sum()
        assert np.allclose(data.redrawn.proba[rows], np.roll([*prior[a], 0], b))
        assert np.allclose(data.redrawn.proba[rows][0], seen, atol=0.04)


def test_a_prior_for_each_class_may_be_a_frame():
    prior = np.array([[0.8, 0.2], [0.3, 0.7], [1, 0], [0.5, 0.5]])
    frame, array = make(40, prior=pd.DataFrame(prior)), make(40, prior=prior)
    np.testing.assert_array_equal(frame.train.proba, array.train.proba)
    np.testing.assert_array_equal(frame.train.y, array.train.y)


def test_proba_is_the_exact_law_of_the_label_given_the_content(large):
    split = large.broken
    assert np.allclose(split.proba.sum(axis=1), 1)
    for d in range(4):
        rows = split.content == d
        frequencies = np.bincount(split.y[rows], minlength=4) / rows.sum()
        assert np.allclose(split.proba[rows], split.proba[rows][0])
        assert np.allclose(frequencies, split.proba[rows][0], atol=0.02)


def test_tint_columns_hold_the_one_hot_times_strength_plus_noise(large):
    split = large.train
    residual = split.X["a"][:, 2:] - 3.0 * np.eye(3)[split.tint]
    assert np.allclose(residual.mean(axis=0), 0, atol=0.02)
    assert np.allclose(residual.std(axis=0), 0.7, atol=0.02)


def test_noise_of_zero_leaves_the_pure_code():
    split = make(noise=0, strength=2.0).train
    assert (split.X["a"][:, 2:] == 2.0 * np.eye(3)[split.tint]).all()


def test_classifier_that_reads_the_tint_fails_once_it_is_broken():
    data = make()

    def features(split):
        tint = np.column_stack([split.X["a"][:, 2:], np.ones(len(split.y))])
        content = np.eye(4)[split.content]
        return np.einsum("nd,nu->ndu", content, tint).reshape(len(tint), -1)

    model = LogisticRegression(max_iter=300).fit(features(data.train), data.train.y)
    assert model.score(features(data.iid), data.iid.y) > 0.9
    assert model.score(features(data.broken), data.broken.y) < 0.45


@pytest.mark.parametrize("prior", [None, (1.0,)])
def test_prior_of_one_value_is_the_never_confounded_control(prior):
    data = make(prior=prior)
    for split in splits(data):
        assert (split.y == split.content).all()
        assert split.X["a"].shape[1] == 2
        assert (split.proba == np.eye(4)[split.content]).all()


def test_prior_with_zeros_keeps_the_labels_and_adds_a_tint():
    data = make(prior=(1.0, 0.0, 0.0))
    assert (data.train.y == data.train.content).all()
    assert data.train.X["a"].shape[1] == 5


def test_splits_are_disjoint_complete_and_stratified():
    data = make(n=1000)
    train, test = data.train.X["b"][:, 0], data.iid.X["b"][:, 0]
    assert sorted([*train, *test]) == list(range(1000))
    assert np.bincount(data.iid.content).tolist() == [75] * 4


def test_rows_of_one_group_never_straddle_the_split():
    groups = np.arange(1200) % 300
    data = make(n=1200, groups=groups)
    train, test = (split.X["b"][:, 0].astype(int) for split in (data.train, data.iid))
    assert not set(groups[train]) & set(groups[test])
    assert len(train) + len(test) == 1200
    assert abs(len(test) / 1200 - 0.3) < 0.03
    assert np.bincount(data.iid.content).min() > 70


def test_few_groups_of_any_label_are_split_whole():
    groups = np.array(["x", "y", "z"])[np.arange(90) % 3]
    data = make(n=90, groups=groups)
    assert len(data.iid.y) == 30
    assert len(set(groups[data.iid.X["b"][:, 0].astype(int)])) == 1


def test_container_stays_named_as_it_came_and_is_not_changed():
    images = np.ones((20, 3))
    X = MultiModalArray([images, np.zeros((20, 2))])
    data = confound(X, np.arange(20) % 2, modality=1, random_state=0)
    assert not data.train.X.named
    assert data.train.X.widths == (3, 5)
    assert X.widths == (3, 2)


def test_table_stays_a_table_and_gets_named_columns():
    table = pd.DataFrame({"kind": ["p", "q"] * 20, "size": range(40)})
    data = confound({"t": table}, np.arange(40) % 2, modality="t", random_state=0)
    assert list(data.train.X["t"].columns) == ["kind", "size", "tint0", "tint1", "tint2"]
    assert list(table.columns) == ["kind", "size"]


def test_sparse_modality_stays_sparse():
    X = {"words": sparse.eye_array(40, format="csr")}
    words = confound(X, np.arange(40) % 2, modality="words", random_state=0).train.X["words"]
    assert sparse.issparse(words)
    assert words.shape == (28, 43)


@pytest.mark.parametrize("shape", [(60, 4, 5), (60, 1, 4, 5)])
def test_images_are_coloured_in_the_shown_channel(shape):
    images = np.random.default_rng(0).random(shape).astype(np.float32)
    data = confound({"i": images}, np.arange(60) % 2, modality="i", noise=0, random_state=0)
    coloured = data.broken.X["i"]
    assert coloured.shape == (18, 3, 4, 5)
    assert coloured.dtype == np.float32
    brightest = coloured.mean(axis=(2, 3)).argmax(axis=1)
    assert (brightest == data.broken.tint).all()
    full, dimmed = coloured.max(axis=1), coloured.min(axis=1)
    assert np.allclose(dimmed, full * np.exp(-3), rtol=1e-5)
    originals = {image.tobytes() for image in images.reshape(60, 4, 5)}
    assert all(image.tobytes() in originals for image in full)


def test_several_channels_are_averaged_before_they_are_coloured():
    images = np.random.default_rng(0).integers(0, 255, (60, 3, 2, 2), dtype=np.uint8)
    data = confound({"i": images}, np.arange(60) % 2, modality="i", random_state=0)
    full = data.iid.X["i"].max(axis=1)
    grey = images.mean(axis=1, dtype=float)
    assert data.iid.X["i"].shape == (18, 3, 2, 2)
    assert all(np.isclose(grey, image, rtol=1e-5).all(axis=(1, 2)).any() for image in full)


def test_colour_noise_never_leaves_the_range_of_the_image():
    images = np.ones((60, 2, 2))
    data = confound({"i": images}, np.arange(60) % 2, modality="i", noise=5.0, random_state=0)
    assert data.train.X["i"].max() == 1
    assert data.train.X["i"].min() > 0


def test_same_random_state_gives_the_same_data_and_another_one_does_not():
    first, second, other = make(), make(), make(random_state=1)
    assert (np.asarray(first.broken.X) == np.asarray(second.broken.X)).all()
    assert not np.array_equal(first.train.y, other.train.y)
    generator = make(random_state=np.random.RandomState(0))
    assert (np.asarray(first.broken.X) == np.asarray(generator.broken.X)).all()


@pytest.mark.parametrize("random_state", [0, None])
def test_global_generator_is_left_alone(random_state):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    position = np.random.get_state()[2]  # noqa: NPY002
    make(n=100, random_state=random_state)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert np.random.get_state()[2] == position  # noqa: NPY002
