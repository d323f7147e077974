import itertools

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest
from matplotlib.bezier import BezierSegment
from matplotlib.colors import to_rgba

from skbetafd import AntiCausalWarning, VacuousAdjustmentWarning
from skbetafd.causal import check_criterion
from skbetafd.plots import CriterionDisplay
from skbetafd.plots._display import VERMILLION

TZY = {"treatment": "T", "outcome": "Y", "mediator": "Z"}


@pytest.fixture
def broken():
    """Two conditions fail: T → Y avoids Z, and A confounds Z and Y."""
    graph = nx.MultiDiGraph([("T", "Z"), ("Z", "Y"), ("A", "Z"), ("A", "Y"), ("T", "Y")])
    graph.add_edge("T", "Y", latent=True)
    return graph


@pytest.fixture
def sound():
    graph = nx.DiGraph([("T", "Z"), ("Z", "Y")])
    graph.add_edge("T", "Y", latent=True)
    return graph


def marked(edges):
    return {edge for edge, arrow in edges.items() if arrow.get_edgecolor() == to_rgba(VERMILLION)}


def boxes(display):
    display.figure_.canvas.draw()
    return [
        {node: text.get_bbox_patch().get_window_extent() for node, text in nodes.items()}
        for nodes in display.nodes_
    ]


def test_each_failed_condition_has_a_panel_with_its_path_marked_and_told(broken):
    display = CriterionDisplay.from_graph(broken, **TZY)
    assert display.conditions_ == ["(i)", "(iii)"]
    assert [marked(edges) for edges in display.edges_] == [
        {("T", "Y")},
        {("A", "Z"), ("A", "Y")},
    ]
    title = display.axes_[1].get_title()
    assert title.startswith("(iii) fails: Z ← A → Y is open given T\nasked: treatment and")


def test_where_the_criterion_holds_nothing_is_marked_and_the_title_says_so(sound):
    display = CriterionDisplay.from_graph(sound, **TZY)
    assert display.conditions_ == [None]
    assert not marked(display.edges_[0])
    assert display.axes_[0].get_title().endswith("criterion: satisfied")


def test_one_condition_can_be_chosen_whether_it_fails_or_holds(broken):
    report = check_criterion(broken, **TZY)
    _, ax = plt.subplots()
    fails = CriterionDisplay.from_report(broken, report, condition="(i)", ax=ax)
    assert fails.axes_.tolist() == [ax]
    holds = CriterionDisplay.from_report(broken, report, condition="(0)")
    assert holds.axes_[0].get_title().startswith("(0) holds: no auxiliary")
    assert not marked(holds.edges_[0])


def test_roles_are_written_in_the_boxes_and_hidden_nodes_are_dashed(broken):
    graph = broken
    nx.set_node_attributes(graph, {"A": True}, "latent")
    nodes = CriterionDisplay.from_graph(graph, **TZY, condition="(i)").nodes_[0]
    assert nodes["T"].get_text() == "T\n(treatment)"
    assert {text.get_text() for text in nodes.values()} >= {"A", "U", "Y\n(outcome)"}
    dashed = {n for n, text in nodes.items() if text.get_bbox_patch().get_linestyle() == "--"}
    assert "A" in dashed
    assert not dashed & {"T", "Z", "Y"}


def random_graph(seed):
    """Three to nine nodes around T → Z → Y, with hidden confounders."""
    rng = np.random.default_rng(seed)
    names = ["T", *"ABCDEF"[: seed % 7], "Z", "Y"]
    graph = nx.MultiDiGraph([("T", "Z"), ("Z", "Y")])
    pairs = list(itertools.combinations(names, 2))
    graph.add_edges_from(pair for pair in pairs if rng.random() < 2 / len(names))
    graph.add_edge("T", "Y", latent=True)
    graph.add_edge(*pairs[rng.integers(len(pairs))], latent=True)
    return graph


@pytest.mark.parametrize("seed", range(14))
def test_boxes_stay_apart_causes_stand_left_and_arrows_go_round_other_boxes(seed):
    display = CriterionDisplay.from_graph(random_graph(seed), **TZY, condition="(i)")
    extents = boxes(display)[0]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(extents.values(), 2))
    for (u, v), arrow in display.edges_[0].items():
        hidden = arrow.get_linestyle() == "--"
        assert hidden or extents[u].x1 < extents[v].x0
        shaft = arrow.get_transform().transform(arrow.get_path().vertices[:3])
        points = BezierSegment(shaft)(np.linspace(0, 1, 99))
        for node in extents.keys() - {u, v}:
            assert not extents[node].count_contains(points), (u, v, node)


def test_the_main_path_is_straight_and_a_hidden_common_cause_between_its_children(sound):
    nodes = CriterionDisplay.from_graph(sound, **TZY).nodes_[0]
    (hidden,) = nodes.keys() - {"T", "Z", "Y"}
    x, y = ({node: text.get_position()[k] for node, text in nodes.items()} for k in (0, 1))
    assert x["T"] < x["Z"] == x[hidden] < x["Y"]
    assert y["T"] == y["Z"] == y["Y"] != y[hidden]


def test_a_long_name_is_broken_into_lines():
    graph = nx.DiGraph([("a_very_long_name_of_the_scanner_image", "Z"), ("Z", "Y")])
    report = check_criterion(graph, **{**TZY, "treatment": "a_very_long_name_of_the_scanner_image"})
    for text in CriterionDisplay.from_report(graph, report).nodes_[0].values():
        assert max(map(len, text.get_text().split("\n"))) <= 15


def test_boxes_stay_apart_and_under_the_title_in_a_users_small_axes(broken):
    figure, axes = plt.subplots(1, 2, figsize=(6.5, 2.5))
    display = CriterionDisplay.from_graph(broken, **TZY, condition="(iii)", ax=axes[1])
    assert display.figure_ is figure
    extents = list(boxes(display)[0].values())
    assert not any(a.overlaps(b) for i, a in enumerate(extents) for b in extents[:i])
    title = axes[1].title.get_window_extent()
    assert title.y1 <= figure.bbox.y1
    assert max(extent.y1 for extent in extents) < title.y0


def test_a_report_about_another_graph_is_refused(broken):
    report = check_criterion(broken, **TZY)
    with pytest.raises(ValueError, match=r"another graph: \('T', 'Y'\) is not in graph"):
        CriterionDisplay.from_report(nx.DiGraph([("T", "Z"), ("Z", "Y"), ("A", "Z")]), report)


def test_keywords_reach_the_arrows_of_the_path_and_the_others(broken):
    display = CriterionDisplay.from_graph(
        broken, **TZY, condition="(i)", lw=2, path_kw={"linewidth": 6}
    )
    widths = {edge: arrow.get_linewidth() for edge, arrow in display.edges_[0].items()}
    assert widths["T", "Y"] == 6
    assert widths["T", "Z"] == 2


def test_warnings_of_the_check_come_through():
    graph = nx.DiGraph([("Y", "T"), ("T", "Z")])
    with pytest.warns(AntiCausalWarning), pytest.warns(VacuousAdjustmentWarning):
        CriterionDisplay.from_graph(graph, **TZY, condition="(i)")
