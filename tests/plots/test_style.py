import subprocess
import sys

import matplotlib.pyplot as plt
import pytest

from skbetafd.plots._style import LINES, MARKERS, MOST_NAMED, PANEL, get_axes, legend, line_keywords


class Display:
    """Keeps what get_axes gives it."""


def test_the_first_forty_lines_differ_in_marker_or_line_even_in_grey():
    styles = [line_keywords(i, {}) for i in range(len(MARKERS) * len(LINES))]
    assert len({(style["marker"], str(style["linestyle"])) for style in styles}) == 40


def test_the_users_keywords_win_by_any_of_their_names():
    style = line_keywords(0, {"c": "red", "lw": 3})
    assert (style["color"], style["linewidth"]) == ("red", 3)
    with pytest.raises(TypeError, match="aliases"):
        line_keywords(0, {"c": "red", "color": "blue"})


def test_without_axes_a_figure_is_made_and_with_axes_none():
    display = Display()
    ax = get_axes(None, display)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    before = plt.get_fignums()
    assert get_axes(ax, display) is ax
    assert plt.get_fignums() == before


def test_a_long_legend_stands_beside_the_axes_and_a_short_one_within():
    figure, (short, long) = plt.subplots(1, 2, layout="constrained")
    for ax, n in ((short, 2), (long, 9)):
        for i in range(n):
            ax.plot([0, 1], [i, i], label=f"line {i}")
        legend(ax)
    figure.canvas.draw()
    assert short.get_legend().get_window_extent().x1 < short.get_window_extent().x1
    assert long.get_legend().get_window_extent().x0 >= long.get_window_extent().x1


def test_of_very_many_lines_the_legend_names_what_fits_and_counts_the_rest():
    figure, ax = plt.subplots(figsize=PANEL, layout="constrained")
    for i in range(40):
        ax.plot([0, 1], [i, i], label=f"line {i}")
    last = ax.axvspan(0, 0.1, label="strip")
    lines = ax.lines[:]
    legend(ax, "title", handles=lines, last=[last])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(texts) == MOST_NAMED
    assert texts[-3:] == ["line 17", "… and 22 more lines", "strip"]
    figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    assert box.y0 >= 0 and box.y1 <= figure.bbox.height


def test_without_matplotlib_the_error_names_who_needs_it_and_the_extra(no_matplotlib):
    with pytest.raises(ImportError, match=r"Display.plot needs matplotlib.*skbetafd\[plots\]"):
        get_axes(None, Display())


@pytest.mark.slow
def test_importing_the_displays_does_not_import_matplotlib():
    code = "import skbetafd.plots, sys; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
