import itertools
import sys

import networkx as nx
import numpy as np
import pytest
from families import FAMILIES

from skbetafd import AntiCausalWarning, VacuousAdjustmentWarning
from skbetafd.causal import check_criterion, find_auxiliary, find_mediators
from skbetafd.causal.graphs import Confounder, explicit_dag, open_path

CONDITIONS = {"(0)", "(i)", "(ii)", "(iii)"}
TZY = {"treatment": "T", "outcome": "Y", "mediator": "Z"}


def graph_of(edges, latent=()):
    graph = nx.DiGraph(edge.split(">") for edge in edges.split())
    nx.set_node_attributes(graph, {node: True for node in latent}, "latent")
    return graph


def random_dag(rng, nodes, probability, planted=()):
    """Draw a graph in which the planted nodes, if any, are a directed path."""
    order = rng.permutation(nodes)
    order[np.isin(order, planted)] = planted
    graph = nx.DiGraph(itertools.pairwise(planted))
    graph.add_nodes_from(nodes)
    for u, v in itertools.combinations(order, 2):
        if rng.random() < probability:
            graph.add_edge(str(u), str(v))
    return graph


@pytest.mark.filterwarnings("ignore::skbetafd.VacuousAdjustmentWarning")
@pytest.mark.filterwarnings("ignore::skbetafd.AntiCausalWarning")
@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_is_reported_broken_in_exactly_its_condition(name):
    family = FAMILIES[name]
    report = check_criterion(family.graph, **family.sets)
    broken = {family.breaks} - {None}
    assert report.satisfied == bool(report) == (not broken)
    assert report.conditions == {condition: condition not in broken for condition in CONDITIONS}
    assert set(report.failures) == broken
    assert report.vacuous == family.no_effect


@pytest.mark.parametrize(
    ("edges", "sets", "failures"),
    [
        (
            "U>T U>Y T>Y T>Z Z>Y U>Z",
            TZY,
            {
                "(i)": "T → Y avoids Z",
                "(ii)": "T ← U → Z is open given none",
                "(iii)": "Z ← U → Y is open given T",
            },
        ),
        (
            "U>T U>Y T>Z Z>W W>Y W>A",
            TZY | {"auxiliary": "A"},
            {"(0)": "A is a descendant of Z, Z → W → A"},
        ),
        ("U>T U>Y T>Z Z>Y T>V V>W W>Y", TZY, {"(i)": "T → V → W → Y avoids Z"}),
        (
            "U>T U>Y T>Z Z>Y L>A L>Z V>B V>Y A>C B>C",
            TZY | {"auxiliary": ["C"]},
            {"(iii)": "Z ← L → A → C ← B ← V → Y is open given T, C"},
        ),
        (
            "L>T L>A M>A M>Z A>D T>Z Z>Y",
            TZY | {"auxiliary": "D"},
            {"(ii)": "T ← L → A ← M → Z is open given D"},
        ),
    ],
)
def test_a_failure_shows_the_shortest_path_that_breaks_the_condition(edges, sets, failures):
    assert check_criterion(graph_of(edges), **sets).failures == failures


def test_the_path_that_is_spelled_is_given_as_nodes_too():
    report = check_criterion(graph_of("T>Z Z>Y A>Z A>Y T>Y"), **TZY)
    assert report.paths == {"(i)": ("T", "Y"), "(iii)": ("Z", "A", "Y")}
    assert set(report.paths) == set(report.failures)


def test_of_a_bidirected_edge_the_path_holds_the_hidden_node_that_it_stands_for():
    graph = nx.MultiDiGraph([("T", "Z"), ("Z", "Y")])
    graph.add_edge("Z", "Y", latent=True)
    assert check_criterion(graph, **TZY).paths == {"(iii)": ("Z", Confounder("Z", "Y"), "Y")}


def test_open_paths_are_found_exactly_where_networkx_finds_no_separation_and_are_open():
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(600):
        graph = random_dag(rng, list("abcdefg"), rng.uniform(0.1, 0.6))
        nodes = rng.permutation(list(graph))
        given = set(nodes[2 : 2 + rng.integers(0, 4)])
        path = open_path(graph, (nodes[0],), (nodes[1],), tuple(given))
        assert (path is None) == nx.is_d_separator(graph, {nodes[0]}, {nodes[1]}, given)
        if path is not None:
            found += 1
            assert is_open(graph, path, given)
    assert 100 < found < 500


def is_open(graph, path, given):
    """By the definition of d-connection, node by node."""
    assert len(set(path)) == len(path)
    assert all(graph.has_edge(u, v) or graph.has_edge(v, u) for u, v in itertools.pairwise(path))
    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        if graph.has_edge(before, node) and graph.has_edge(after, node):
            if not ({node} | nx.descendants(graph, node)) & given:
                return False
        elif node in given:
            return False
    return True


def pearls_front_door(graph, t, y, z):
    """Definition 3.3.3 of Causality, by listing every path."""
    undirected = graph.to_undirected()

    def back_door(start, end):
        for path in nx.all_simple_paths(undirected, start, end):
            if graph.has_edge(path[1], start):
                yield path

    intercepts = all(z in path for path in nx.all_simple_paths(graph, t, y))
    none_to_mediator = not any(is_open(graph, path, set()) for path in back_door(t, z))
    blocked_by_treatment = not any(is_open(graph, path, {t}) for path in back_door(z, y))
    return intercepts and none_to_mediator and blocked_by_treatment


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_without_auxiliaries_the_criterion_is_pearl_s():
    rng = np.random.default_rng(1)
    verdicts = []
    for i in range(1500):
        planted = list("TZY") if i % 2 else []
        graph = random_dag(rng, list("TZYabc"), rng.uniform(0.1, 0.5), planted)
        report = check_criterion(graph, **TZY)
        assert report.conditions["(0)"]
        assert report.satisfied == pearls_front_door(graph, "T", "Y", "Z")
        verdicts.append(report.satisfied and not report.vacuous)
    assert 50 < sum(verdicts) < 700


def test_a_bidirected_edge_is_a_hidden_common_cause():
    graph = graph_of("T>Z Z>Y A>Z A>Y")
    graph.add_edge("T", "Y", latent=True)
    assert check_criterion(graph, **TZY, auxiliary="A")
    graph.add_edge("T", "Z", latent=False)
    graph.add_edge("Y", "Z", latent=True)
    report = check_criterion(graph, **TZY, auxiliary="A")
    assert report.failures == {"(iii)": "Z ← U(Y, Z) → Y is open given T, A"}


def test_two_bidirected_edges_both_ways_are_one_and_a_multigraph_holds_an_edge_beside_it():
    both_ways = graph_of("Z>Y")
    both_ways.add_edges_from([("T", "Z"), ("Z", "T")], latent=True)
    report = check_criterion(both_ways, **TZY)
    assert report.failures == {"(ii)": "T ← U(Z, T) → Z is open given none"}
    assert report.vacuous
    assert [n for n in explicit_dag(both_ways) if n not in both_ways] == [Confounder("Z", "T")]
    beside = nx.MultiDiGraph([("T", "Z"), ("Z", "Y")])
    beside.add_edge("T", "Z", latent=True)
    report = check_criterion(beside, **TZY)
    assert report.failures["(ii)"] == "T ← U(T, Z) → Z is open given none"
    assert not report.vacuous


def test_the_graph_is_left_as_it_was():
    graph = graph_of("T>Z Z>Y")
    graph.add_edge("T", "Y", latent=True)
    before = dict(graph.nodes(data=True)), list(graph.edges(data=True))
    check_criterion(graph, **TZY)
    assert (dict(graph.nodes(data=True)), list(graph.edges(data=True))) == before


def test_a_tuple_may_be_a_node_and_a_set_a_list():
    graph = nx.DiGraph([(("T", 0), "Z"), (("T", 1), "Z"), ("Z", "Y")])
    assert check_criterion(graph, treatment=("T", 0), outcome="Y", mediator="Z")
    both = {("T", 1), ("T", 0)}
    report = check_criterion(graph, treatment=both, outcome=("Y",), mediator=["Z"])
    assert report.treatment == (("T", 0), ("T", 1))


@pytest.mark.parametrize(
    ("edges", "shortcut"),
    [
        ("U>T U>Y T>Z Z>Y A>Y U>A", True),
        ("U>T U>Y T>Z Z>Y A>Z", False),
        ("U>T U>Y T>Z Z>Y A>T", True),
        ("U>T U>Y T>Z Z>Y L>A L>Z A>T A>Y", False),
        ("U>T U>Y T>Z Z>Y T>A", True),
        ("L>T L>Z T>Z Z>Y A>T", True),
    ],
)
def test_the_shortcut_is_independence_of_mediator_and_auxiliary_once_the_treatment_is_set(
    edges, shortcut
):
    report = check_criterion(graph_of(edges), **TZY, auxiliary="A")
    assert report.population_effect_shortcut == shortcut


def test_a_vacuous_criterion_warns_and_one_that_fails_does_not():
    with pytest.warns(VacuousAdjustmentWarning, match="from T by Z to Y"):
        report = check_criterion(graph_of("U>T U>Y Z>Y"), **TZY)
    assert report.satisfied
    assert report.vacuous
    assert not check_criterion(graph_of("U>T U>Y Z>Y T>Y"), **TZY)


def test_a_label_that_causes_the_modality_warns():
    with pytest.warns(VacuousAdjustmentWarning), pytest.warns(AntiCausalWarning, match="Y causes"):
        report = check_criterion(graph_of("Y>W W>T T>Z"), **TZY)
    assert report.anti_causal
    assert report.satisfied
    assert "anti-causal" in str(report)
    assert not check_criterion(graph_of("U>T U>Y T>Z Z>Y"), **TZY).anti_causal


def test_the_report_reads_well_in_text_and_html():
    graph = nx.DiGraph([("<T>", "Z"), ("Z", "Y"), ("<T>", "Y")])
    report = check_criterion(graph, treatment="<T>", outcome="Y", mediator="Z")
    text, html = str(report), report._repr_html_()
    assert text.startswith("β-generalised front-door criterion: not satisfied")
    assert "(i)    fails" in text
    assert "<T> → Y avoids Z" in text
    assert "&lt;T&gt; → Y avoids Z" in html
    assert "<T>" not in html
    satisfied = str(check_criterion(graph_of("T>Z Z>Y"), **TZY))
    assert "fails" not in satisfied
    assert "P(y | do t)" in satisfied


def test_without_networkx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    with pytest.raises(
        ImportError, match=r"^checking a graph needs networkx: pip install 'skbetafd\[causal\]'$"
    ):
        check_criterion(None, **TZY)


def subsets(nodes, smallest):
    for size in range(smallest, len(nodes) + 1):
        yield from map(set, itertools.combinations(nodes, size))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_finders_find_what_the_checker_accepts_smallest_first():
    rng = np.random.default_rng(2)
    n_found = 0
    for _ in range(40):
        graph = random_dag(rng, list("TYabcd"), 0.4)
        ends = {"treatment": "T", "outcome": "Y"}
        for found, role, fixed, smallest in [
            (find_mediators(graph, **ends, auxiliary="a"), "mediator", {"auxiliary": "a"}, 1),
            (find_auxiliary(graph, **ends, mediator="a"), "auxiliary", {"mediator": "a"}, 0),
        ]:
            found = list(found)
            expected = [
                nodes
                for nodes in subsets("bcd", smallest)
                if check_criterion(graph, **ends, **fixed, **{role: nodes})
            ]
            assert sorted(map(sorted, found)) == sorted(map(sorted, expected))
            assert [len(nodes) for nodes in found] == sorted(len(nodes) for nodes in found)
            n_found += len(found)
    assert n_found > 50


def test_latent_nodes_are_never_found():
    graph = graph_of("U>T U>Y T>Z Z>Y L>Z L>A", latent=["U", "L"])
    graph.add_edge("Z", "A", latent=True)
    ends = {"treatment": "T", "outcome": "Y"}
    assert list(find_mediators(graph, **ends)) == [{"Z"}, {"Z", "A"}]
    assert list(find_auxiliary(graph, **ends, mediator="Z")) == [set(), {"A"}]


def test_an_auxiliary_that_opens_a_path_is_left_out():
    graph = graph_of("U>T U>Y T>Z Z>Y U>A L>A L>Z", latent=["U", "L"])
    found = find_auxiliary(graph, treatment="T", outcome="Y", mediator="Z")
    assert list(found) == [set()]


def test_candidates_narrow_the_search():
    graph = graph_of("T>Z Z>W W>Y")
    ends = {"treatment": "T", "outcome": "Y"}
    assert list(find_mediators(graph, **ends, candidates=["W", "T"])) == [{"W"}]
    assert list(find_auxiliary(graph, **ends, mediator="Z", candidates=[])) == [set()]
    free = graph_of("U>T U>Y T>Z Z>Y A>Y B>Y", latent=["U"])
    found = find_auxiliary(free, **ends, mediator="Z", candidates=["B", "U"])
    assert list(found) == [set(), {"B"}]
    with pytest.raises(ValueError, match="candidate 'Q' is no node"):
        find_mediators(graph, **ends, candidates=["Q"])


def test_the_search_is_lazy_but_its_input_is_checked_at_once():  # all would take ages
    graph = graph_of("U>T U>Y T>Z Z>Y", latent=["U"])
    graph.add_nodes_from(range(60))
    assert next(find_mediators(graph, treatment="T", outcome="Y")) == {"Z"}
    assert next(find_auxiliary(graph, treatment="T", outcome="Y", mediator="Z")) == set()
    with pytest.raises(ValueError, match="'X' is no node"):
        find_mediators(graph, treatment="X", outcome="Y")
