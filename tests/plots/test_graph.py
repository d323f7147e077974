import itertools

import networkx as nx
import numpy as np
import pytest

from skbetafd.causal.graphs import explicit_dag
from skbetafd.plots._graph import PASSING, layered


def random_graph(seed, n):
    rng = np.random.default_rng(seed)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(
        (i, j) for i in range(n) for j in range(i + 1, n) if rng.random() < 2.5 / n
    )
    graph.add_edge(0, n - 1, latent=True)
    return explicit_dag(graph)


def at(layout):
    """Every node, and every point at which an edge passes a layer: (layer, height, is node)."""
    points = [(layout.layer[node], layout.height[node], True) for node in layout.layer]
    return points + [(*bend, False) for bends in layout.bends.values() for bend in bends]


@pytest.mark.parametrize("n", range(3, 13))
def test_causes_stand_left_of_their_effects_and_nothing_stands_on_another(n):
    for seed in range(5):
        dag = random_graph(seed, n)
        layout = layered(dag)
        for u, v in dag.edges:
            assert dag.nodes[u].get("latent") or layout.layer[u] < layout.layer[v]
            steps = np.diff([layout.layer[u], *(k for k, _ in layout.bends[u, v]), layout.layer[v]])
            assert set(steps) in ({1}, {-1})
        points = at(layout)
        for i, (layer, height, node) in enumerate(points):
            for other_layer, other_height, other_node in points[:i]:
                room = ((1 if node else PASSING) + (1 if other_node else PASSING)) / 2
                assert layer != other_layer or abs(height - other_height) > room - 1e-6


def test_a_hidden_common_cause_stands_between_its_children():
    graph = nx.DiGraph([("T", "Z"), ("Z", "Y")])
    graph.add_edge("T", "Y", latent=True)
    dag = explicit_dag(graph)
    layout = layered(dag, ["T", "Z", "Y"])
    (hidden,) = set(dag) - {"T", "Z", "Y"}
    assert layout.layer == {"T": 0, "Z": 1, "Y": 2, hidden: 1}
    straight = [layout.height[node] for node in "TZY"]
    assert np.ptp(straight) < 0.1
    assert abs(layout.height[hidden] - layout.height["Z"]) >= 1


def test_a_root_stands_next_to_its_children():
    dag = explicit_dag(nx.DiGraph([("a", "b"), ("b", "c"), ("c", "d"), ("root", "d")]))
    assert layered(dag).layer["root"] == layered(dag).layer["c"]


def crossings(dag):
    layout = layered(dag)
    steps = []
    for u, v in dag.edges:
        ends = [(layout.layer[node], layout.height[node]) for node in (u, v)]
        steps += itertools.pairwise([ends[0], *layout.bends[u, v], ends[1]])
    return sum(
        a[0][0] == b[0][0] and (a[0][1] - b[0][1]) * (a[1][1] - b[1][1]) < -1e-6
        for a, b in itertools.combinations(steps, 2)
    )


@pytest.mark.parametrize(
    "edges",
    [
        "a>d b>c",
        # means of neighbours alone leave one crossing here
        "0>8 1>2 1>3 1>5 1>8 2>4 2>9 5>7 6>9 6>10 7>9 8>10",
    ],
)
def test_a_needless_crossing_is_undone(edges):
    assert crossings(explicit_dag(nx.DiGraph(edge.split(">") for edge in edges.split()))) == 0
