"""Names are drawn as they are, and what makes no picture says so."""

import networkx as nx
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray  # noqa: E402
from skbetafd.causal import check_criterion  # noqa: E402
from skbetafd.datasets import make_confounded_modalities  # noqa: E402
from skbetafd.plots import (  # noqa: E402
    BetaPathDisplay,
    CriterionDisplay,
    KnowledgeContextDisplay,
    ModalityContributionDisplay,
    OverlapDisplay,
)


@pytest.fixture(scope="module")
def fitted():
    data = make_confounded_modalities(120, random_state=0)
    first, second = data.X.names
    X = MultiModalArray({r"$\foo$": data.X[first], "_b": data.X[second]})
    clf = FrontDoorMultiModalClassifier(max_epochs=2, random_state=0).fit(X, data.y)
    return clf, X, np.asarray(data.y)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def halves(y, *names):
    return np.resize(np.array(names, dtype=object), len(y))


def test_a_name_with_dollars_is_no_formula(fitted):
    clf, X, y = fitted
    displays = [
        BetaPathDisplay.from_estimator(clf, X, y, environments=halves(y, r"$\foo$", "b")),
        ModalityContributionDisplay.from_estimator(clf, X, y, by_class=True),
        KnowledgeContextDisplay.from_estimator(clf, X, y=halves(y, r"$\foo$", "b")),
        CriterionDisplay.from_graph(
            nx.DiGraph([(r"$\foo$", "m"), ("m", "y")]),
            treatment=r"$\foo$",
            outcome="y",
            mediator="m",
        ),
    ]
    for display in displays:
        display.figure_.canvas.draw()  # mathtext fails here, where it fails


def test_the_legend_shows_a_name_with_a_leading_underscore(fitted):
    clf, X, y = fitted
    display = BetaPathDisplay.from_estimator(clf, X, y, environments=halves(y, "_a", "b"))
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["b", "_a"]


@pytest.mark.parametrize("missing", [None, np.nan])
def test_a_missing_environment_or_group_names_its_row(fitted, missing):
    clf, X, y = fitted
    values = halves(y, "a", "a")
    values[7] = missing
    with pytest.raises(ValueError, match=r"environments .*in row 7"):
        BetaPathDisplay.from_estimator(clf, X, y, environments=values)
    with pytest.raises(ValueError, match=r"groups .*in row 7"):
        OverlapDisplay.from_estimator(clf, X, groups=values)


def test_labels_that_are_no_classes_are_not_scored(fitted):
    clf, X, y = fitted
    with pytest.raises(ValueError, match="not among the classes"):
        BetaPathDisplay.from_estimator(clf, X, y + 7)


@pytest.mark.parametrize("betas", [[0, 5], [np.nan, 1], []])
def test_betas_outside_0_to_1_are_refused(fitted, betas):
    clf, X, y = fitted
    path = clf.beta_path(X, [0, 1])[: len(betas)]
    with pytest.raises(ValueError, match=r"betas must be one or more values in \[0, 1\]"):
        BetaPathDisplay.from_predictions(y, path, betas)


def test_a_report_about_another_graph_is_refused():
    shortcut = nx.DiGraph([("x", "m"), ("m", "y"), ("x", "y")])
    report = check_criterion(shortcut, treatment="x", outcome="y", mediator="m")
    with pytest.raises(ValueError, match=r"another graph: \('x', 'y'\) is not in graph"):
        CriterionDisplay.from_report(nx.DiGraph([("x", "m"), ("m", "y")]), report)
    with pytest.raises(ValueError, match="another graph: 'x' is not in graph"):
        CriterionDisplay.from_report(nx.DiGraph([("p", "q")]), report)


def test_a_classifier_is_no_search(fitted):
    with pytest.raises(TypeError, match="search over beta, got FrontDoorMultiModalClassifier"):
        BetaPathDisplay.from_search(fitted[0])


def test_a_loss_under_another_name_is_drawn_as_a_loss(fitted):
    _, X, y = fitted
    clf = FrontDoorMultiModalClassifier(max_epochs=1, random_state=0)
    scoring = {"mine": "neg_log_loss", "other": "accuracy"}
    search = GridSearchCV(clf, {"beta": [0, 1]}, cv=2, scoring=scoring, refit="mine").fit(X, y)
    display = BetaPathDisplay.from_search(search)
    assert display.score_name == "log-loss (nats)"
    assert (display.scores > 0).all() and not display.greater_is_better
