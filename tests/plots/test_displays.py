"""What all displays share: axes, keywords, names, legends, and what they refuse."""

import subprocess
import sys

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd.datasets import make_confounded_modalities
from skbetafd.plots import (
    AuxiliaryMaskingDisplay,
    BetaPathDisplay,
    CriterionDisplay,
    KnowledgeContextDisplay,
    ModalityContributionDisplay,
    OverlapDisplay,
    TrainingHistoryDisplay,
)
from skbetafd.plots._display import MOST_NAMED, PANEL, line_keywords

FORMULA = r"$\foo$"
"""A name that mathtext would fail to read."""


@pytest.fixture(scope="module")
def fitted():
    data = make_confounded_modalities(120, random_state=0)
    first, second = data.X.names
    X = MultiModalArray({FORMULA: data.X[first], "_b": data.X[second]})
    clf = FrontDoorMultiModalClassifier(max_epochs=2, random_state=0).fit(X, data.y)
    return clf, X, np.asarray(data.y)


def criterion(clf, X, y, **keywords):
    graph = nx.DiGraph([(FORMULA, "m"), ("m", "y")])
    return CriterionDisplay.from_graph(
        graph, treatment=FORMULA, outcome="y", mediator="m", **keywords
    )


def contributions(clf, X, y, **keywords):
    return ModalityContributionDisplay.from_estimator(clf, X, y, n_bootstrap=2, **keywords)


def masking(clf, X, y, **keywords):
    return AuxiliaryMaskingDisplay.from_estimator(clf, X, y, shares=[0, 1], **keywords)


def codes(clf, X, y, **keywords):
    return KnowledgeContextDisplay.from_estimator(clf, X, np.where(y > 0, FORMULA, "b"), **keywords)


def overlap(clf, X, y, **keywords):
    return OverlapDisplay.from_estimator(clf, X, **keywords)


def history(clf, X, y, **keywords):
    return TrainingHistoryDisplay.from_estimator(clf, **keywords)


# what draws, the number of its axes, keywords by matplotlib's aliases, the first artist's colour
DISPLAYS = {
    "beta": (BetaPathDisplay.from_estimator, 1, {"c": "red"}, lambda d: d.lines_[0].get_color()),
    "masking": (masking, 1, {"c": "red", "lw": 3}, lambda d: d.lines_[0].get_color()),
    "overlap": (overlap, 2, {"c": "red", "ls": ":"}, lambda d: d.lines_[0][0].get_color()),
    "history": (history, 1, {"c": "red", "ms": 2}, lambda d: d.lines_["criterion"].get_color()),
    "contributions": (contributions, 1, {"fc": "red"}, lambda d: d.bars_[0].get_facecolor()),
    "codes": (codes, 2, {"c": "red", "lw": 1}, lambda d: d.scatters_[0][0].get_facecolor()[0]),
    "criterion": (criterion, 1, {"color": "red"}, lambda d: d.edges_[0]["m", "y"].get_facecolor()),
}
every_display = pytest.mark.parametrize("kind", DISPLAYS)


@every_display
def test_it_draws_into_the_users_axes_with_the_users_keywords(kind, fitted):
    draw, n_axes, keywords, colour = DISPLAYS[kind]
    figure, axes = plt.subplots(1, n_axes + 1)
    ax = axes[1:] if n_axes > 1 else axes[1]
    display = draw(*fitted, ax=ax, **keywords)
    assert np.all(np.ravel(display.ax_ if hasattr(display, "ax_") else display.axes_) == ax)
    assert display.figure_ is figure
    assert not (axes[0].lines or axes[0].collections or axes[0].texts)
    assert to_rgb(colour(display)) == (1, 0, 0)
    assert display.plot() is display
    figure.canvas.draw()  # mathtext fails here, where it fails


@every_display
def test_without_matplotlib_the_error_names_the_extra_before_anything_is_computed(
    kind, fitted, no_matplotlib
):
    estimator = fitted[0] if kind == "criterion" else None
    with pytest.raises(ImportError, match=r"Display\.\w+ needs matplotlib.*\[plots\]"):
        DISPLAYS[kind][0](estimator, None, np.zeros(1))


@every_display
@pytest.mark.parametrize("ax", ["axis", 3, [], [None], "figure"])
def test_what_is_no_axes_is_refused(kind, ax, fitted):
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got"):
        DISPLAYS[kind][0](*fitted, ax=plt.figure() if ax == "figure" else ax)


@every_display
def test_too_many_axes_are_refused(kind, fitted):
    with pytest.raises(ValueError, match=r"ax must be \d Axes, one per panel, got 3"):
        DISPLAYS[kind][0](*fitted, ax=plt.subplots(1, 3)[1])


@every_display
def test_what_fails_to_draw_leaves_the_display_as_it_was_and_no_figure(kind, fitted):
    display = DISPLAYS[kind][0](*fitted)
    plt.close("all")
    before = dict(vars(display))
    with pytest.raises(AttributeError, match="unexpected keyword argument 'colours'"):
        display.plot(colours="red")
    assert not plt.get_fignums()
    assert vars(display) == before


def test_the_legend_shows_names_as_they_are(fitted):
    names = np.resize(np.array(["_a", FORMULA]), 120)
    display = BetaPathDisplay.from_estimator(*fitted, environments=names)
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert sorted(texts) == [r"\$\foo\$", "_a"]
    display.figure_.canvas.draw()


def test_two_displays_in_the_same_axes_share_a_legend():
    first = BetaPathDisplay(betas=np.arange(2), scores=np.ones((1, 2)), names=["first"]).plot()
    second = BetaPathDisplay(betas=np.arange(2), scores=np.zeros((1, 2)), names=["second"])
    texts = second.plot(first.ax_).ax_.get_legend().get_texts()
    assert [text.get_text() for text in texts] == ["first", "second"]


def lines(n):
    names = [f"line {i}" for i in range(n)]
    scores = np.arange(2 * n).reshape(n, 2)
    return BetaPathDisplay(betas=np.arange(2), scores=scores, names=names).plot()


def test_the_first_forty_lines_differ_in_marker_or_line_even_in_grey():
    styles = [line_keywords(i, {}) for i in range(40)]
    assert len({(style["marker"], style["linestyle"]) for style in styles}) == 40


@pytest.mark.parametrize("n", [2, 9, 40])
def test_a_long_legend_stands_beside_the_axes_a_short_one_within_and_all_in_the_figure(n):
    display = lines(n)
    display.figure_.canvas.draw()
    ax = display.ax_.get_window_extent()
    box = display.ax_.get_legend().get_window_extent()
    assert box.x1 < ax.x1 if n == 2 else box.x0 >= ax.x1
    assert box.y0 >= 0 and box.y1 <= PANEL[1] * display.figure_.dpi


def test_of_very_many_lines_the_legend_names_what_fits_and_counts_the_rest():
    texts = [text.get_text() for text in lines(40).ax_.get_legend().get_texts()]
    assert len(texts) == MOST_NAMED
    assert texts[-2:] == ["line 18", "… and 21 more lines"]


@pytest.mark.parametrize(
    ("values", "error", "words"),
    [
        ([("a", 1)] * 120, ValueError, r"\(120, 2\)"),
        ([("a",), ("a", "b")] * 60, ValueError, r"\('a',\) in row 0"),
        (["a", 1] * 60, TypeError, "'a' in row 0 and 1 in row 1"),
        (["a", np.nan] * 60, ValueError, "in row 1, got nan"),
        (["a", None] * 60, ValueError, "in row 1, got None"),
        ("a", ValueError, "got 'a'"),
    ],
)
def test_all_displays_refuse_environments_as_fit_refuses_groups(fitted, values, error, words):
    clf, X, y = fitted
    with pytest.raises(error, match=f"^environments .*{words}"):
        BetaPathDisplay.from_estimator(clf, X, y, environments=values)
    with pytest.raises(error, match=f"^environments .*{words}"):
        KnowledgeContextDisplay.from_estimator(clf, X, environments=values)
    for refuse in (lambda **k: overlap(clf, X, y, **k), lambda **k: clf.fit(X, y, **k)):
        with pytest.raises(error, match=f"^groups .*{words}"):
            refuse(groups=values)


def test_environments_in_one_column_and_as_dates_are_read(fitted):
    days = np.resize(np.array(["2024-02-01", "2024-01-01"], dtype="M8[ns]"), (120, 1))
    display = BetaPathDisplay.from_estimator(*fitted, environments=days)
    assert [str(name)[:10] for name in display.names] == ["2024-02-01", "2024-01-01"]


@pytest.mark.slow
def test_importing_the_displays_does_not_import_matplotlib():
    code = "import skbetafd.plots, sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
