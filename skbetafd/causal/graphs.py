"""Paths in a directed acyclic graph: directed ones, and those open given a set."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .._utils.messages import needing

Nodes = tuple[Hashable, ...]


@dataclass(frozen=True)
class Confounder:
    """The hidden common cause that a bidirected edge stands for."""

    first: Hashable
    second: Hashable

    def __str__(self) -> str:
        return f"U({self.first}, {self.second})"


def directed_path(
    dag: Any, sources: Iterable[Hashable], targets: Collection[Hashable]
) -> Nodes | None:
    """Shortest directed path from any source to any target, or None."""
    nx = _networkx()
    pairs = [(source, target) for source in sources for target in targets]
    paths = [tuple(nx.shortest_path(dag, *pair)) for pair in pairs if nx.has_path(dag, *pair)]
    return min(paths, key=len, default=None)


def open_path(
    dag: Any, sources: Nodes, targets: Collection[Hashable], given: Nodes
) -> Nodes | None:
    """Shortest path that d-connects sources and targets; None if they are d-separated.

    Breadth-first over (node, whether the last edge points into it): a chain or fork is open
    outside of `given`, a collider at the ancestors of `given` (Geiger, Verma, Pearl 1990). The
    shortest such walk visits no node twice.
    """
    nx = _networkx()
    opened = set(given).union(*(nx.ancestors(dag, node) for node in given))
    origin: dict[tuple[Hashable, bool], Any] = {(source, False): None for source in sources}
    queue = deque(origin)
    while queue:
        state = queue.popleft()
        node, into = state
        if node in targets:
            return _walk(origin, state)
        blocked = node in given
        steps = [] if blocked else [(child, True) for child in dag.successors(node)]
        if (node in opened) if into else not blocked:
            steps += [(parent, False) for parent in dag.predecessors(node)]
        for step in steps:
            if step not in origin:
                origin[step] = state
                queue.append(step)
    return None


def _walk(origin: dict[tuple[Hashable, bool], Any], state: Any) -> Nodes:
    nodes = []
    while state is not None:
        nodes.append(state[0])
        state = origin[state]
    return tuple(reversed(nodes))


def spelled(dag: Any, path: Nodes) -> str:
    """Spell a path with its arrows."""
    words = [str(path[0])]
    for node, following in pairwise(path):
        words += ["→" if dag.has_edge(node, following) else "←", str(following)]
    return " ".join(words)


def without(dag: Any, nodes: Iterable[Hashable] = (), edges: Iterable[Any] = ()) -> Any:
    """View the graph without some nodes and edges."""
    return _networkx().restricted_view(dag, list(nodes), list(edges))


def _networkx() -> Any:
    with needing("causal", "checking a graph needs networkx"):
        import networkx
    return networkx


def explicit_dag(graph: Any) -> Any:
    """Copy the graph with a node in place of each bidirected edge."""
    nx = _networkx()
    if not isinstance(graph, nx.DiGraph):
        raise TypeError(f"graph must be a networkx.DiGraph, got {type(graph).__name__}")
    dag = nx.DiGraph()
    dag.add_nodes_from(graph.nodes(data=True))
    bidirected = set()
    for u, v, latent in graph.edges(data="latent", default=False):
        if not latent:
            dag.add_edge(u, v)
        elif frozenset((u, v)) not in bidirected:
            bidirected.add(frozenset((u, v)))
            dag.add_node(Confounder(u, v), latent=True)
            dag.add_edges_from([(Confounder(u, v), u), (Confounder(u, v), v)])
    if not nx.is_directed_acyclic_graph(dag):
        cycle = [u for u, *_ in nx.find_cycle(dag)]
        raise ValueError(f"graph has a cycle: {' → '.join(map(str, [*cycle, cycle[0]]))}")
    return dag


def listed(nodes: Nodes) -> str:
    """Spell a set for a message."""
    return ", ".join(map(str, nodes)) or "none"
