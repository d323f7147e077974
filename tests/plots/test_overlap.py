import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skbetafd import Overlap, OverlapWarning, overlap
from skbetafd.plots import OverlapDisplay


@pytest.fixture
def report():
    supported = np.array([0.1, 0.4, 0.6, 0.9, 1.0])
    return Overlap(np.array([0.0, 2, 10, 20, 30]), supported, supported < 0.5, 0.4)


def texts(display):
    legends = [ax.get_legend() for ax in display.axes_ if ax.get_legend()]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def test_the_curve_meets_the_threshold_at_the_share_of_weak_rows(report):
    display = OverlapDisplay.from_overlap(report)
    x, y = display.lines_[0][0].get_data()
    assert y[x < 0.5].max() == report.share_weak
    assert display.threshold_.get_x() + display.threshold_.get_width() == 0.5
    assert texts(display) == ["40% of 5 rows weak", "weak: less than 0.5"]


def test_the_second_panel_counts_effective_references(report):
    display = OverlapDisplay.from_overlap(report)
    assert_array_equal(display.lines_[1][0].get_xdata()[1:], report.effective_references)
    labels = [(ax.get_xlabel(), ax.get_ylabel()) for ax in display.axes_]
    assert labels == [
        ("supported weight (share)", "share of rows at or below"),
        ("effective references (number)", "share of rows at or below"),
    ]


def test_each_group_has_its_line_and_its_share(report):
    display = OverlapDisplay.from_overlap(report, groups=["a", "a", "a", "b", "b"])
    assert texts(display)[:2] == ["a: 67% of 3 rows weak", "b: 0% of 2 rows weak"]
    assert [len(lines) for lines in display.lines_] == [2, 2]


def test_one_axes_takes_the_supported_weight_and_two_take_both(report):
    _, axes = plt.subplots(1, 3)
    assert len(OverlapDisplay.from_overlap(report, ax=axes[0]).lines_) == 1
    assert_array_equal(OverlapDisplay.from_overlap(report, ax=axes[1:]).axes_, axes[1:])


def test_an_estimator_is_asked_and_its_warning_comes_through(clf, data):
    far = {"predominant": data.X["predominant"] + 50, "auxiliary": data.X["auxiliary"]}
    with pytest.warns(OverlapWarning, match="weak overlap"):
        display = OverlapDisplay.from_estimator(clf, far)
    with pytest.warns(OverlapWarning):
        assert_array_equal(display.report.supported, overlap(clf, far).supported)
