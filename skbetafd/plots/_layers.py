"""Layers for a causal graph: where its nodes stand, and where long edges pass between them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

SWEEPS = 12
STRAIGHTENING = 60
PASSING = 0.55
"""Room of an edge that passes through a layer, in that of a node."""
MAIN_PULL, HIDDEN_PULL = 4.0, 0.1
"""How much more, or less, than others such edges are straightened."""
Links = dict[Any, dict[Any, float]]


@dataclass(frozen=True)
class Layout:
    """Layers from left to right, and heights in units of a node's room.

    Attributes
    ----------
    layer : dict of node to int
        Position of its layer, from 0.
    height : dict of node to float
        Around 0, upwards.
    bends : dict of edge to list of (int, float)
        Layer and height of the points by which an edge passes the layers between its ends.
    """

    layer: dict[Hashable, int]
    height: dict[Hashable, float]
    bends: dict[tuple[Hashable, Hashable], list[tuple[int, float]]]


def layered(dag: Any, main: Collection[Hashable] = ()) -> Layout:
    """Lay out a directed acyclic graph in layers, causes on the left (Sugiyama et al. 1981).

    A node's layer is its topological generation, as near to its children as it can be. A hidden
    common cause stands between its children. Each edge that passes a layer holds a place in it, so
    that it passes no node; the order within the layers is that of few crossings.

    Parameters
    ----------
    dag : networkx.DiGraph
        Hidden nodes have the attribute ``latent``.
    main : collection of nodes
        Edges between them are straightened first, and those of hidden nodes last.
    """
    layer = _layers(dag)
    chains = {(u, v): _chain(u, v, layer) for u, v in dag.edges}
    columns: list[list[Any]] = [[] for _ in range(max(layer.values()) + 1)]
    for node, position in layer.items():
        columns[position].append(node)
    for chain in chains.values():
        for point in chain[1:-1]:
            columns[point[2]].append(point)
    links: Links = {item: {} for column in columns for item in column}
    for (u, v), chain in chains.items():
        pull = HIDDEN_PULL if dag.nodes[u].get("latent") else 1.0
        pull *= MAIN_PULL if u in main and v in main else 1.0
        for first, second in pairwise(chain):
            links[first][second] = links[second][first] = pull
    place = {item: k for k, column in enumerate(columns) for item in column}
    columns = _ordered(columns, links, place)
    height = _heights(columns, links, set(layer))
    bends = {e: [(p[2], height[p]) for p in chain[1:-1]] for e, chain in chains.items()}
    return Layout(layer, {node: height[node] for node in layer}, bends)


def _layers(dag: Any) -> dict[Hashable, int]:
    """Give each node its layer; seen ones first, on even numbers, that hidden ones fit between."""
    hidden = [n for n in dag if dag.nodes[n].get("latent") and not dag.in_degree(n)]
    seen = dag.subgraph(set(dag) - set(hidden))
    layer: dict[Hashable, int] = {}
    order = _topological(seen)
    for node in order:
        layer[node] = max((layer[parent] + 2 for parent in seen.predecessors(node)), default=0)
    for node in order:
        if seen.out_degree(node) and not seen.in_degree(node):
            layer[node] = min(layer[child] for child in seen.successors(node)) - 2
    for node in hidden:
        of_children = {layer[child] for child in dag.successors(node) if child in layer}
        between = (min(of_children) + max(of_children)) // 2 if of_children else 0
        layer[node] = between - 1 if between in of_children else between
    used = sorted(set(layer.values()))
    return {node: used.index(layer[node]) for node in dag}


def _topological(dag: Any) -> list[Hashable]:
    order: list[Hashable] = []
    waiting = {node: dag.in_degree(node) for node in dag}
    ready = [node for node in dag if not waiting[node]]
    while ready:
        node = ready.pop(0)
        order.append(node)
        for child in dag.successors(node):
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    return order


def _chain(u: Hashable, v: Hashable, layer: Mapping[Hashable, int]) -> list[Any]:
    first, last = layer[u], layer[v]
    step = 1 if last > first else -1
    return [u, *((u, v, k) for k in range(first + step, last, step)), v]


def _ordered(columns: list[list[Any]], links: Links, place: dict[Any, int]) -> Any:
    """Order each layer by the mean position of its neighbours, then swap while that helps."""
    best, least = columns, _crossings(columns, links, place)
    current = [list(column) for column in columns]
    for sweep in range(SWEEPS):
        ks = range(len(columns)) if sweep % 2 == 0 else range(len(columns) - 1, -1, -1)
        for k in ks:
            position = _positions(current)
            current[k].sort(key=lambda item: _middle(item, links, position))
        crossings = _crossings(current, links, place)
        if crossings < least:
            best, least = [list(column) for column in current], crossings
    return _swapped(best, links, place, least)


def _swapped(columns: list[list[Any]], links: Links, place: dict[Any, int], least: int) -> Any:
    improved = True
    while improved and least:
        improved = False
        for column in columns:
            for i in range(len(column) - 1):
                column[i], column[i + 1] = column[i + 1], column[i]
                crossings = _crossings(columns, links, place)
                if crossings < least:
                    least, improved = crossings, True
                else:
                    column[i], column[i + 1] = column[i + 1], column[i]
    return columns


def _positions(columns: list[list[Any]]) -> dict[Any, float]:
    return {item: i - (len(column) - 1) / 2 for column in columns for i, item in enumerate(column)}


def _middle(item: Any, links: Links, position: dict[Any, float]) -> float:
    return float(np.mean([position[other] for other in links[item]] or [position[item]]))


def _pulled(links: dict[Any, float], height: dict[Any, float], own: float) -> float:
    pulls = list(links.values())
    return float(np.average([height[other] for other in links], weights=pulls)) if pulls else own


def _crossings(columns: list[list[Any]], links: Links, place: dict[Any, int]) -> int:
    position = _positions(columns)
    total = 0
    for k, column in enumerate(columns[:-1]):
        ends = [
            (position[item], position[other])
            for item in column
            for other in links[item]
            if place[other] == k + 1
        ]
        total += sum(
            (a[0] - b[0]) * (a[1] - b[1]) < 0 for i, a in enumerate(ends) for b in ends[:i]
        )
    return total


def _heights(columns: list[list[Any]], links: Links, nodes: set[Hashable]) -> dict[Any, float]:
    """Move every item towards its neighbours, as far as the room within its layer allows."""
    height = _positions(columns)
    offsets = [_offsets(column, nodes) for column in columns]
    for _ in range(STRAIGHTENING):
        for column, offset in zip(columns, offsets, strict=True):
            wished = np.array([_pulled(links[item], height, height[item]) for item in column])
            weights = np.array([sum(links[item].values()) or 1.0 for item in column])
            placed = isotonic_regression(wished - offset, weights=weights).x + offset
            height.update(zip(column, placed.tolist(), strict=True))
    return height


def _offsets(column: list[Any], nodes: set[Hashable]) -> np.ndarray:
    rooms = [1.0 if item in nodes else PASSING for item in column]
    return np.concatenate([[0.0], np.cumsum([(a + b) / 2 for a, b in pairwise(rooms)])])
