"""Names are drawn as they are, and what makes no picture says so."""

import re

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
    AuxiliaryMaskingDisplay,
    BetaPathDisplay,
    CriterionDisplay,
    KnowledgeContextDisplay,
    ModalityContributionDisplay,
    OverlapDisplay,
    TrainingHistoryDisplay,
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


@pytest.mark.parametrize("betas", [[0, 5], [np.nan, 1], [], 0.5, [[0, 1]], "ab", [None]])
def test_what_is_no_sequence_of_betas_is_refused(fitted, betas):
    clf, X, y = fitted
    message = re.escape(f"one or more values in [0, 1], got {betas!r}")
    with pytest.raises(ValueError, match=message):
        BetaPathDisplay.from_predictions(y, clf.beta_path(X, [0, 1]), betas)
    with pytest.raises(ValueError, match=message):
        BetaPathDisplay.from_estimator(clf, X, y, betas=betas)


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


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (np.zeros((120, 2)), ValueError, r"got an array of shape \(120, 2\)"),
        ([("a", 1)] * 120, ValueError, r"got an array of shape \(120, 2\)"),
        ([("a",), ("a", "b")] * 60, ValueError, r"got \('a',\) in row 0"),
        (["a", 1] * 60, TypeError, "got 'a' in row 0 and 1 in row 1"),
        (np.array(["a", 1] * 60, dtype=object), TypeError, "got 'a' in row 0 and 1 in row 1"),
        (["a", np.nan] * 60, ValueError, "missing in row 1, got nan"),
        (["a"], ValueError, "has 1 entries for 120 rows"),
        ("a", ValueError, "got 'a'"),
    ],
)
def test_all_displays_refuse_environments_as_fit_does(fitted, values, error, message):
    clf, X, y = fitted
    with pytest.raises(error, match=f"^environments .*{message}"):
        BetaPathDisplay.from_estimator(clf, X, y, environments=values)
    with pytest.raises(error, match=f"^environments .*{message}"):
        KnowledgeContextDisplay.from_estimator(clf, X, environments=values)
    with pytest.raises(error, match=f"^groups .*{message}"):
        OverlapDisplay.from_estimator(clf, X, groups=values)
    with pytest.raises(error, match=f"^groups .*{message}"):
        FrontDoorMultiModalClassifier(early_stopping=True).fit(X, y, groups=values)


def test_environments_in_one_column_and_as_dates_are_read(fitted):
    clf, X, y = fitted
    days = np.resize(np.array(["2024-02-01", "2024-01-01"], dtype="M8[ns]"), (len(y), 1))
    display = BetaPathDisplay.from_estimator(clf, X, y, environments=days)
    assert [str(name)[:10] for name in display.names] == ["2024-02-01", "2024-01-01"]


@pytest.mark.parametrize("ax", ["axis", 3, [], [None], "figure"])
def test_what_is_no_axes_is_refused_by_every_display(fitted, ax):
    clf, X, y = fitted
    ax = plt.figure() if ax == "figure" else ax
    graph = nx.DiGraph([("x", "m"), ("m", "y")])
    roles = {"treatment": "x", "outcome": "y", "mediator": "m"}
    for draw in (
        lambda: BetaPathDisplay.from_estimator(clf, X, y, ax=ax),
        lambda: OverlapDisplay.from_estimator(clf, X, ax=ax),
        lambda: TrainingHistoryDisplay.from_estimator(clf, ax=ax),
        lambda: ModalityContributionDisplay.from_estimator(clf, X, y, n_bootstrap=2, ax=ax),
        lambda: AuxiliaryMaskingDisplay.from_estimator(clf, X, y, shares=[0, 1], ax=ax),
        lambda: CriterionDisplay.from_graph(graph, **roles, ax=ax),
        lambda: KnowledgeContextDisplay.from_estimator(clf, X, ax=ax),
    ):
        with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got"):
            draw()


def test_several_axes_where_one_is_drawn_are_refused(fitted):
    with pytest.raises(TypeError, match="ax must be a matplotlib Axes, got array"):
        TrainingHistoryDisplay.from_estimator(fitted[0], ax=plt.subplots(1, 2)[1])


@pytest.mark.parametrize("condition", [["(i)"], {"(i)"}, 1, "i"])
def test_a_condition_of_another_type_is_refused(condition):
    graph = nx.DiGraph([("x", "m"), ("m", "y")])
    with pytest.raises(ValueError, match=r"condition must be one of \['\(0\)', .* got "):
        CriterionDisplay.from_graph(
            graph, treatment="x", outcome="y", mediator="m", condition=condition
        )


@pytest.mark.parametrize(
    ("curves", "error", "message"),
    [
        ([1], TypeError, r"curves must be a dict of name to MaskingCurve, got \[1\]"),
        ({"mine": 1}, TypeError, "curves must hold MaskingCurve, got 1 for 'mine'"),
        ({}, ValueError, "at least one MaskingCurve, got {}"),
    ],
)
def test_what_holds_no_masking_curve_is_refused(curves, error, message):
    with pytest.raises(error, match=message):
        AuxiliaryMaskingDisplay.from_curves(curves)
    with pytest.raises(error, match=message):
        AuxiliaryMaskingDisplay(curves=curves).plot()


@pytest.mark.parametrize(
    ("losses", "message"),
    [({}, "one loss or more by name, got {}"), ([1], "by name, got"), ({"a": 1}, "got 1 for 'a'")],
)
def test_what_holds_no_losses_is_refused(losses, message):
    with pytest.raises(ValueError, match=f"losses must .*{message}"):
        TrainingHistoryDisplay(losses=losses).plot()


def test_a_keyword_that_nobody_takes_is_refused_before_anything_is_computed(fitted):
    _, X, y = fitted
    graph = nx.DiGraph([("x", "m"), ("m", "y")])
    roles = {"treatment": "x", "outcome": "y", "mediator": "m"}
    report = check_criterion(graph, **roles)
    for draw in (
        lambda **k: BetaPathDisplay.from_estimator(None, X, y, **k),
        lambda **k: BetaPathDisplay.from_predictions(y, None, [0, 1], **k),
        lambda **k: BetaPathDisplay.from_search(None, **k),
        lambda **k: BetaPathDisplay(betas=[0], scores=[[0]]).plot(**k),
        lambda **k: OverlapDisplay.from_estimator(None, X, **k),
        lambda **k: OverlapDisplay.from_overlap(None, **k),
        lambda **k: TrainingHistoryDisplay.from_estimator(None, **k),
        lambda **k: ModalityContributionDisplay.from_estimator(None, X, y, **k),
        lambda **k: ModalityContributionDisplay.from_estimator(None, X, y, by_class=True, **k),
        lambda **k: AuxiliaryMaskingDisplay.from_estimator(None, X, y, **k),
        lambda **k: CriterionDisplay.from_graph(graph, **roles, **k),
        lambda **k: CriterionDisplay.from_report(graph, report, **k),
        lambda **k: KnowledgeContextDisplay.from_estimator(None, X, **k),
    ):
        with pytest.raises(TypeError, match=r"Display\.\w+ got an unexpected .* 'colours'"):
            draw(colours="red")
    assert not plt.get_fignums()


def test_groups_and_environments_are_told_apart(fitted):
    clf, X, y = fitted
    with pytest.raises(TypeError, match="'groups'; did you mean 'environments'"):
        BetaPathDisplay.from_estimator(clf, X, y, groups=y)
    with pytest.raises(TypeError, match="'environments'; did you mean 'groups'"):
        OverlapDisplay.from_estimator(clf, X, environments=y)
    with pytest.raises(TypeError, match="'score'; did you mean 'scoring'"):
        BetaPathDisplay.from_estimator(clf, X, y, score="accuracy")


def test_matplotlib_s_own_keywords_and_their_aliases_pass(fitted):
    clf, X, y = fitted
    BetaPathDisplay.from_estimator(clf, X, y, lw=3, c="red", ms=2)
    OverlapDisplay.from_estimator(clf, X, alpha=0.5, ls=":")
    KnowledgeContextDisplay.from_estimator(clf, X, s=3, edgecolors="black")
    found = ModalityContributionDisplay.from_estimator(
        clf, X, y, n_bootstrap=2, fc="red", hatch="/"
    )
    found.plot(by_class=True, cmap="Greys", vmax=1)
