"""A causal graph as matplotlib artists: nodes with their roles, arrows that end at their rims."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from typing import Any

import numpy as np

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
FONT, SMALLEST_FONT = 10.0, 5.0
CHARACTER, LINE = 0.09, 0.17
"""Inches that a character is wide and a line high, in that font."""
PADDING = 0.1
"""Inches between a label and the rim of its box."""
GAP, MARGIN = (0.75, 0.3), 0.25
"""Inches between neighbouring boxes, beside and above each other, and around the graph."""
CLEARANCE = 0.06
"""Inches by which an arrow keeps away from boxes that it does not join."""
BENDS = (0, *(sign * step / 10 for step in range(1, 9) for sign in (1, -1)))
"""Curvatures that an arrow may have, the straight one first; positive ones bend downwards."""


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
    centres, halves : dict of node to ndarray of shape (2,)
        Where the boxes are, and half their width and height.
    size : ndarray of shape (2,)
        Width and height.
    """

    dag: Any
    roles: dict[Hashable, str]
    labels: dict[Hashable, str]
    centres: dict[Hashable, np.ndarray]
    halves: dict[Hashable, np.ndarray]
    size: np.ndarray


def arrange(dag: Any, roles: dict[Hashable, str]) -> Scene:
    """Lay out a graph with room for its labels."""
    labels = {node: _label(node, roles.get(node)) for node in dag}
    halves = {node: _half_size(label) for node, label in labels.items()}
    column, row = _places(dag, [node for node, role in roles.items() if role != "auxiliary"])
    columns = range(floor(min(column.values())), ceil(max(column.values())) + 1)
    widest = [max((halves[n][0] for n in dag if column[n] == k), default=0.0) for k in columns]
    steps = [left + right + GAP[0] for left, right in pairwise(widest)]
    x = np.interp([column[node] for node in dag], columns, np.cumsum([0.0, *steps]))
    height = 2 * max(half[1] for half in halves.values()) + GAP[1]
    points = {node: np.array([at, row[node] * height]) for node, at in zip(dag, x, strict=True)}
    low = np.min([points[node] - halves[node] for node in dag], axis=0) - MARGIN
    high = np.max([points[node] + halves[node] for node in dag], axis=0) + MARGIN
    centres = {node: point - low for node, point in points.items()}
    return Scene(dag, roles, labels, centres, halves, high - low)


def _places(
    dag: Any, main: Collection[Hashable]
) -> tuple[dict[Hashable, float], dict[Hashable, float]]:
    """Return column and row of each node: causes left of effects, the main ones in the middle.

    Other nodes stand below. A hidden cause that has none itself stands between its children, at the
    top, or at the bottom where it causes none of the main ones.
    """
    import networkx as nx

    hidden = [n for n in dag if dag.nodes[n].get("latent") and dag.out_degree(n)]
    hidden = [n for n in hidden if not dag.in_degree(n) and n not in main]
    seen = dag.subgraph(set(dag) - set(hidden))
    generations = enumerate(nx.topological_generations(seen))
    column: dict[Hashable, float] = {node: k for k, nodes in generations for node in nodes}
    for node in seen:
        if seen.out_degree(node) and not seen.in_degree(node):
            column[node] = min(column[child] for child in seen.successors(node)) - 1
    row: dict[Hashable, float] = {}
    for k in sorted(set(column.values())):
        nodes = [node for node in dag if column.get(node) == k]
        nodes.sort(key=lambda n: (n not in main, -_mean(row, seen.predecessors(n))))
        n_main = sum(node in main for node in nodes)
        top = (n_main - 1) / 2 if n_main else -1
        row.update({node: top - i for i, node in enumerate(nodes)})
    for node in hidden:
        ends = [column[child] for child in dag.successors(node)]
        middle = (min(ends) + max(ends)) / 2 - (min(ends) == max(ends)) / 2
        step = 1 if any(child in main for child in dag.successors(node)) else -1
        height = step * max(step * height for height in row.values()) + step
        column[node], row[node] = middle, height
    return column, row


def _mean(row: Mapping[Hashable, float], nodes: Any) -> float:
    return float(np.mean([row[node] for node in nodes] or [0.0]))


def draw(
    scene: Scene,
    ax: Any,
    title: str,
    inches: np.ndarray,
    path: tuple[Hashable, ...],
    edge_kw: dict[str, Any],
    path_kw: dict[str, Any],
) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Draw the graph under a title and mark a path; return the boxes' texts and the arrows.

    `inches` are the width and height of the axes; the title has its room within them.
    """
    left = max(inches[1] - LINE * (title.count("\n") + 1.5), inches[1] / 2)
    scale = min(np.array([inches[0], left]) / scene.size)
    start = (scene.size - np.array([inches[0], left]) / scale) / 2
    stop = start + inches / scale
    ax.set(xlim=(start[0], stop[0]), ylim=(start[1], stop[1]))
    ax.axis("off")
    ax.set_title(plain(title), fontsize="medium", y=1.0, pad=0, va="top")
    font = float(np.clip(FONT * scale, SMALLEST_FONT, FONT))
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
    return ax.text(*scene.centres[node], plain(scene.labels[node]), **place)


def _arrow(
    scene: Scene, ax: Any, edge: Any, nodes: dict, edge_kw: dict, path_kw: dict | None
) -> Any:
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.patches import FancyArrowPatch

    latent = scene.dag.nodes[edge[0]].get("latent")
    style: dict[str, Any] = {
        "arrowstyle": "-|>",
        "mutation_scale": 12,
        "color": GREY if latent else BLACK,
        "linestyle": "--" if latent else "-",
        "linewidth": 1.2,
        "zorder": 4,  # above the boxes: they know their rims once they are drawn
        "connectionstyle": f"arc3,rad={_bend(scene, edge)}",
        "shrinkA": 1,
        "shrinkB": 1,
    }
    style |= normalize_kwargs(edge_kw, FancyArrowPatch)
    if path_kw is not None:
        style |= {"color": VERMILLION, "linewidth": 3, "mutation_scale": 18, "zorder": 5}
        style |= normalize_kwargs(path_kw, FancyArrowPatch)
    start, stop = (tuple(scene.centres[node]) for node in edge)
    ends = {"patchA": nodes[edge[0]].get_bbox_patch(), "patchB": nodes[edge[1]].get_bbox_patch()}
    arrow = FancyArrowPatch(start, stop, **ends, **style)
    arrow.set_in_layout(False)
    return ax.add_patch(arrow)


def _bend(scene: Scene, edge: Any) -> float:
    """Return the least curvature of matplotlib's arc3 that keeps an arrow clear of other boxes."""
    start, stop = (scene.centres[node] for node in edge)
    others = [node for node in scene.dag if node not in edge]
    centres = np.array([scene.centres[node] for node in others]).reshape(-1, 1, 2)
    rims = np.array([scene.halves[node] for node in others]).reshape(-1, 1, 2) + CLEARANCE
    t = np.linspace(0, 1, 50)[:, None]

    def points_in_boxes(bend: float) -> int:
        along, across = stop - start, np.array([stop[1] - start[1], start[0] - stop[0]])
        middle = start + along / 2 + bend * across
        curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * stop
        return int((np.abs(curve - centres) < rims).all(axis=2).sum())

    return min(BENDS, key=points_in_boxes)


def _label(node: Hashable, role: str | None) -> str:
    if isinstance(node, Confounder):
        return "U"
    lines = [""]
    for word in re.split(r"(?<=[\s_\-])", str(node)):
        if lines[-1] and len(lines[-1]) + len(word) > LONGEST_LINE:
            lines.append("")
        lines[-1] += word
    return "\n".join([*(line.strip() for line in lines), *([f"({role})"] if role else [])])


def _half_size(label: str) -> np.ndarray:
    lines = label.split("\n")
    return np.array([max(map(len, lines)) * CHARACTER, len(lines) * LINE]) / 2 + PADDING
