import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import FrontDoorMultiModalClassifier, PerModality
from skbetafd.plots import KnowledgeContextDisplay


@pytest.fixture
def codes():
    """Knowledge shows the label alone, context the site alone."""
    rng = np.random.default_rng(0)
    label, site = rng.integers(0, 3, 300), rng.integers(0, 2, 300)
    knowledge = 6 * np.eye(3)[label] + rng.normal(size=(300, 3))
    context = 6 * np.eye(4)[site] + rng.normal(size=(300, 4))
    return {"knowledge": knowledge, "context": context, "label": label, "site": site}


def shown(codes, **keywords):
    return KnowledgeContextDisplay.from_codes(codes, random_state=0, **keywords)


def test_labels_and_environments_are_a_row_of_maps_each(codes):
    display = shown(codes, y=codes["label"], environments=codes["site"])
    assert display.axes_.shape == (2, 2)
    titles = [ax.get_title().split("\n")[0] for ax in display.axes_.ravel()]
    assert titles == [
        "knowledge, by label",
        "context, by label",
        "knowledge, by environment",
        "context, by environment",
    ]
    assert [len(scatters) for scatters in display.scatters_] == [3, 3, 2, 2]


def test_the_numbers_tell_what_each_code_says_of_each_colouring(codes):
    display = shown(codes, y=codes["label"], environments=codes["site"])
    probes = display.probes
    assert min(probes["knowledge", "label"], probes["context", "environment"]) > 0.95
    assert probes["context", "label"] < 0.5
    assert probes["knowledge", "environment"] < 0.65
    commonest = np.bincount(codes["label"]).max() / 300
    assert f"(commonest: {commonest:.0%})" in display.axes_[0, 0].get_title()


def test_a_map_is_of_principal_components_and_the_axes_tell_their_share(codes):
    display = shown(codes)
    scaled = StandardScaler().fit_transform(codes["knowledge"])
    values = np.linalg.svd(scaled, compute_uv=False) ** 2
    assert_allclose(np.square(display.points["knowledge"]).sum(axis=0), values[:2])
    share = values[0] / values.sum()
    assert display.axes_[0, 0].get_xlabel() == f"component 1 ({share:.0%} of variance)"
    assert display.axes_.shape == (1, 2)
    assert display.axes_[0, 1].get_legend() is None


def test_of_many_rows_some_are_drawn_at_random_with_their_own_labels(codes):
    display = shown(codes, y=codes["label"], max_rows=50)
    assert display.points["context"].shape == (50, 2)
    assert sum(len(one.get_offsets()) for one in display.scatters_[0]) == 50
    again = shown(codes, y=codes["label"], max_rows=50)
    assert_array_equal(again.points["context"], display.points["context"])
    assert display.probes["knowledge", "label"] > 0.8


def test_tsne_maps_too_and_a_code_of_one_dimension_is_a_line(codes):
    assert shown(codes, method="tsne", max_rows=40).axes_[0, 0].get_ylabel() == "t-SNE 2"
    narrow = shown({"knowledge": codes["knowledge"], "context": codes["context"][:, :1]})
    assert_array_equal(narrow.points["context"][:, 1], 0)


def test_an_environment_that_never_changes_has_no_probe(codes):
    display = shown(codes, environments=["A"] * 300)
    assert display.probes == {}
    assert display.axes_[0, 0].get_title() == "knowledge, by environment"


def test_rare_categories_are_drawn_alike_and_the_legend_says_how_many(codes):
    display = shown(codes, environments=np.r_[np.arange(30), np.repeat(np.arange(15), 18)])
    texts = [text.get_text() for text in display.axes_[0, 1].get_legend().get_texts()]
    assert len(texts) == 20
    assert texts[-1] == "11 others"
    assert len(display.scatters_[0][-1].get_offsets()) == 11


def test_a_classifier_a_pipeline_and_a_search_show_the_codes_inside(clf, data):
    display = KnowledgeContextDisplay.from_estimator(clf, data.X, y=data.y, random_state=0)
    known = shown(clf.codes(data.X), y=data.y)
    assert_allclose(display.points["context"], known.points["context"])
    inner = FrontDoorMultiModalClassifier(max_epochs=1, random_state=0)
    pipeline = make_pipeline(PerModality(StandardScaler()), inner)
    search = GridSearchCV(pipeline, {}, cv=2).fit(data.X, data.y)
    within = KnowledgeContextDisplay.from_estimator(search, data.X, random_state=0)
    best = search.best_estimator_
    known = shown(best[-1].codes(best[:-1].transform(data.X)))
    assert_allclose(within.points["knowledge"], known.points["knowledge"])


def test_what_can_not_be_mapped_is_refused_by_name(clf, data):
    mediated = FrontDoorMultiModalClassifier(max_epochs=1).fit(data.X, data.y, mediator=data.y)
    with pytest.raises(ValueError, match="observed mediator"):
        KnowledgeContextDisplay.from_estimator(mediated, data.X)
    with pytest.raises(ValueError, match=r"knowledge: .*\(1, 32\).* minimum of 3"):
        KnowledgeContextDisplay.from_estimator(clf, data.X[:1])


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_a_constant_code_is_a_point_and_says_so(codes, method):
    flat = {"knowledge": codes["knowledge"], "context": np.ones((300, 4))}
    display = shown(flat, y=codes["label"], method=method, max_rows=60)
    assert display.axes_[0, 1].get_xlabel() == "the code is the same in every row"
    assert not display.points["context"].any()


def test_a_component_of_little_variance_is_drawn_as_little(codes):
    first = codes["context"][:, :1]
    display = shown({"knowledge": np.hstack([first, -first]), "context": codes["context"]})
    for ax in display.axes_.ravel():
        assert ax.get_aspect() == 1
        assert_allclose(np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim()))
    heights = np.ptp(display.points["knowledge"][:, 1])
    assert heights < 0.01 * np.ptp(display.axes_[0, 0].get_ylim())


def test_maps_on_axes_that_share_their_limits_show_every_point(codes):
    _, axes = plt.subplots(1, 2, sharex=True, sharey=True)
    wide = {"knowledge": codes["knowledge"], "context": np.tile(codes["context"], 9)}
    display = shown(wide, ax=axes)
    axes[0].figure.canvas.draw()
    low, high = np.transpose([axes[0].get_xlim(), axes[0].get_ylim()])
    for points in display.points.values():
        assert (points > low).all() and (points < high).all()
