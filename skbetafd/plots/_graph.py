"""A causal graph as matplotlib artists: nodes with their roles, arrows that end at their rims."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.optimize import isotonic_regression

from .._utils.sklearn_compat import style_keywords
from ..causal.graphs import Confounder
from ._style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, plain

ROLES = {
    "treatment": (BLUE, "square"),
    "mediator": (GREEN, "round,rounding_size=1.2"),
    "outcome": (ORANGE, "round4"),
    "auxiliary": (PURPLE, "round"),
}
"""Colour and matplotlib's box of each role; the role is written in the box as well."""
LONGEST_LINE = 14
FONT = 10.0
SMALLEST_FONT = 5.0
CHARACTER, LINE = 0.09, 0.17
"""Inches that a character is wide and a line high, in that font."""
GAP, MARGIN = 0.75, 0.25
"""Inches between boxes of neighbouring layers, and around the graph."""


@dataclass(frozen=True)
class Scene:
    """A laid out graph, in inches at full font size.

    Attributes
    ----------
    dag : networkx.DiGraph
        With hidden nodes explicit.
    roles : dict of node to str
        Of the nodes that have one.
    labels : dict of node to str
        What is written in the boxes.
    points : dict of node to (x, y)
        Centres of the boxes.
    routes : dict of edge to list of (x, y)
        From centre to centre.
    size : tuple of float
        Width and height.
    """

    dag: Any
    roles: dict[Hashable, str]
    labels: dict[Hashable, str]
    points: dict[Hashable, tuple[float, float]]
    routes: dict[tuple[Hashable, Hashable], list[tuple[float, float]]]
    size: tuple[float, float]


def arrange(dag: Any, roles: dict[Hashable, str]) -> Scene:
    """Lay out a graph with room for its labels."""
    layout = layered(dag, [node for node, role in roles.items() if role != "auxiliary"])
    labels = {node: _label(node, roles.get(node)) for node in dag}
    x = _columns(layout, labels)
    row = max(LINE * (1 + label.count("\n")) for label in labels.values()) + 0.45
    low = min([*layout.height.values(), *(h for b in layout.bends.values() for _, h in b)])
    high = max([*layout.height.values(), *(h for b in layout.bends.values() for _, h in b)])

    def point(layer: int, height: float) -> tuple[float, float]:
        return x[layer], (height - low + 0.5) * row

    points = {node: point(layout.layer[node], layout.height[node]) for node in dag}
    routes = {
        (u, v): [points[u], *(point(*bend) for bend in bends), points[v]]
        for (u, v), bends in layout.bends.items()
    }
    last = max(layout.layer.values())
    width = x[last] + _half_width(layout, labels, last) + MARGIN
    return Scene(dag, roles, labels, points, routes, (width, (high - low + 1) * row))


def draw(
    scene: Scene,
    ax: Any,
    title: str,
    inches: np.ndarray,
    path: tuple[Hashable, ...],
    edge_kw: Mapping[str, Any],
    path_kw: Mapping[str, Any],
) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Draw the graph under a title and mark a path; give the boxes' texts and the arrows.

    `inches` are the width and height of the axes; the title has its room within them.
    """
    left = max(inches[1] - LINE * (title.count("\n") + 1.5), inches[1] / 2)
    room = np.array([inches[0], left])
    font = float(np.clip(FONT * min(room / scene.size), SMALLEST_FONT, FONT))
    ax.set(xlim=(0, scene.size[0]), ylim=(0, scene.size[1] * inches[1] / left))
    ax.axis("off")
    ax.set_title(plain(title), fontsize="medium", y=1.0, pad=0, va="top")
    nodes = {node: _box(scene, ax, node, node in path, font) for node in scene.dag}
    marked = {frozenset(pair) for pair in pairwise(path)}
    edges = {}
    for edge in scene.dag.edges:
        strong = path_kw if frozenset(edge) in marked else None
        edges[edge] = _arrow(scene, ax, edge, nodes, edge_kw, strong)
    return nodes, edges


def _box(scene: Scene, ax: Any, node: Hashable, marked: bool, font: float) -> Any:
    from matplotlib.colors import to_rgba

    colour, shape = ROLES.get(scene.roles.get(node, ""), (None, "round"))
    latent = scene.dag.nodes[node].get("latent")
    box = {
        "boxstyle": f"{shape},pad=0.35",
        "facecolor": "white" if colour is None else to_rgba(colour, 0.3),
        "edgecolor": VERMILLION if marked else colour or (GREY if latent else BLACK),
        "linestyle": "--" if latent else "-",
        "linewidth": 2.5 if marked else 1.2,
    }
    place = {"ha": "center", "va": "center", "fontsize": font, "zorder": 3, "bbox": box}
    return ax.text(*scene.points[node], plain(scene.labels[node]), **place)


def _arrow(
    scene: Scene, ax: Any, edge: Any, nodes: dict, edge_kw: Mapping, path_kw: Mapping | None
) -> Any:
    from matplotlib.patches import FancyArrowPatch

    latent = scene.dag.nodes[edge[0]].get("latent")
    defaults = {
        "arrowstyle": "-|>",
        "mutation_scale": 12,
        "color": GREY if latent else BLACK,
        "linestyle": "--" if latent else "-",
        "linewidth": 1.2,
        "zorder": 4,  # above the boxes: they know their rims once they are drawn
    }
    style = style_keywords(defaults, dict(edge_kw))
    if path_kw is not None:
        strong = {**style, "color": VERMILLION, "linewidth": 3, "mutation_scale": 18, "zorder": 5}
        style = style_keywords(strong, dict(path_kw))
    route = scene.routes[edge]
    ends = {"patchA": nodes[edge[0]].get_bbox_patch(), "patchB": nodes[edge[1]].get_bbox_patch()}
    arrow = FancyArrowPatch(
        route[0],
        route[-1],
        connectionstyle=_through(ax, route),
        shrinkA=1,
        shrinkB=1,
        **ends,
        **style,
    )
    arrow.set_in_layout(False)
    return ax.add_patch(arrow)


def _through(ax: Any, route: list[tuple[float, float]]) -> Any:
    """Make matplotlib's connection a smooth line through given points (Catmull and Rom's)."""
    from matplotlib.patches import ConnectionStyle
    from matplotlib.path import Path

    class Through(ConnectionStyle.Arc3):
        def connect(self, posA: Any, posB: Any) -> Any:
            points = ax.transData.transform(route)
            tangents = np.gradient(points, axis=0) if len(points) > 2 else np.diff(points, axis=0)
            vertices, codes = [points[0]], [Path.MOVETO]
            for k in range(len(points) - 1):
                start, stop = tangents[k % len(tangents)], tangents[(k + 1) % len(tangents)]
                vertices += [points[k] + start / 3, points[k + 1] - stop / 3, points[k + 1]]
                codes += [Path.CURVE4] * 3
            return Path(vertices, codes)

    return Through()


def _label(node: Hashable, role: str | None) -> str:
    if isinstance(node, Confounder):
        return "U"
    lines = [""]
    for word in re.split(r"(?<=[\s_\-])", str(node)):
        if lines[-1] and len(lines[-1]) + len(word) > LONGEST_LINE:
            lines.append("")
        lines[-1] += word
    return "\n".join([*(line.strip() for line in lines), *([f"({role})"] if role else [])])


def _half_width(layout: Layout, labels: dict[Hashable, str], layer: int) -> float:
    chosen = [labels[node] for node, own in layout.layer.items() if own == layer]
    longest = max(len(line) for label in chosen for line in label.split("\n"))
    return longest * CHARACTER / 2 + 0.1


def _columns(layout: Layout, labels: dict[Hashable, str]) -> list[float]:
    halves = [_half_width(layout, labels, k) for k in range(max(layout.layer.values()) + 1)]
    steps = [a + b + GAP for a, b in pairwise(halves)]
    return [MARGIN + halves[0] + sum(steps[:k]) for k in range(len(halves))]


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
