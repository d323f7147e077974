"""Tools that explain whole rows leave out those that lack a modality, and count them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import (
    FrontDoorMultiModalClassifier,
    MultiModalArray,
    PerModality,
    auxiliary_masking_curve,
    overlap,
)
from skbetafd.baselines import FusionClassifier
from skbetafd.datasets import make_confounded_modalities
from skbetafd.plots import AuxiliaryMaskingDisplay, KnowledgeContextDisplay, OverlapDisplay

DATA = make_confounded_modalities(200, random_state=0)
Y, SITE = DATA.y, np.arange(200) % 3
HAVING = np.ones((200, 2), dtype=bool)
HAVING[5:20, 0] = HAVING[20:30, 1] = False
PRESENT = dict(zip(DATA.X.names, HAVING.T, strict=True))
X = MultiModalArray(DATA.X, present=PRESENT)
pytestmark = pytest.mark.filterwarnings("ignore::skbetafd.OverlapWarning")


def codes(display):
    return {name: np.sort(points, axis=0) for name, points in display.points.items()}


def lines(display):
    return [np.asarray(line.get_data()) for axis in display.lines_ for line in axis]


def masked(clf, X, rows):
    return auxiliary_masking_curve(clf, X, Y[rows], shares=[0, 0.5, 1], random_state=0).scores


def masking_drawn(clf, X, rows):
    shown = AuxiliaryMaskingDisplay.from_estimator(clf, X, Y[rows], n_repeats=1, random_state=0)
    return shown.lines_[0].get_ydata()


def overlap_drawn(clf, X, rows):
    return lines(OverlapDisplay.from_estimator(clf, X, groups=SITE[rows]))


def mapped(clf, X, rows):
    shown = KnowledgeContextDisplay.from_estimator(
        clf, X, y=Y[rows], environments=SITE[rows], random_state=0
    )
    return [codes(shown), sorted(shown.colourings["label"]), sorted(shown.probes.items())]


def supported(clf, X, rows):
    report = overlap(clf, X)
    known = ~np.isnan(report.supported)
    return [report.supported[known], report.effective_references[known], report.share_weak]


TOOLS = {
    "overlap": supported,
    "overlap, drawn": overlap_drawn,
    "masking": masked,
    "masking, drawn": masking_drawn,
    "map of codes": mapped,
}


@pytest.fixture(scope="module", params=["classifier", "pipeline", "search"])
def clf(request):
    clf = FrontDoorMultiModalClassifier(max_epochs=2, predominant=X.names[0], random_state=0)
    if request.param != "classifier":
        clf = make_pipeline(PerModality(StandardScaler()), clf)
    return (GridSearchCV(clf, {}, cv=2) if request.param == "search" else clf).fit(X, Y)


@pytest.mark.parametrize("tool", TOOLS)
def test_they_are_left_out_and_counted(clf, tool):
    needed = HAVING[:, :1] if tool == "map of codes" else HAVING
    whole = np.flatnonzero(needed.all(axis=1))
    said = rf"{200 - len(whole)} of 200 rows lack a modality .row 5 'predominant'.: .* leaves them"
    with pytest.warns(UserWarning, match=said):
        found = TOOLS[tool](clf, X, slice(None))
    expected = TOOLS[tool](clf, X[whole], whole)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_equal(one, other) if tool == "map of codes" else assert_allclose(
            one, other, rtol=1e-5
        )
    plt.close("all")


@pytest.mark.parametrize("tool", TOOLS)
def test_without_a_whole_row_that_is_said(clf, tool):
    lacking = MultiModalArray(X[:20], present={X.names[0]: np.zeros(20, dtype=bool)})
    with pytest.raises(ValueError, match=r"20 of 20 rows lack .*row 0 'predominant'.* needs rows"):
        TOOLS[tool](clf, lacking, slice(20))


def test_overlap_stays_in_line_with_the_rows(clf):
    with pytest.warns(UserWarning, match="leaves them out"):
        report = overlap(clf, X)
    np.testing.assert_array_equal(np.isnan(report.supported), ~HAVING.all(axis=1))
    assert report.share_weak == report.weak[HAVING.all(axis=1)].mean()
    assert "of 175 rows" in str(report)


def test_so_they_are_of_a_baseline():
    clf = FusionClassifier(max_epochs=1, random_state=0).fit(X, Y)
    with pytest.warns(UserWarning, match="25 of 200 rows lack"):
        auxiliary_masking_curve(clf, X, Y, shares=[0, 1])
