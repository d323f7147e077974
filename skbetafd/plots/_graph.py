"""A causal graph as matplotlib artists: nodes with their roles, arrows that end at their rims."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from .._utils.sklearn_compat import style_keywords
from ..causal.graphs import Confounder
from ._layers import Layout, layered
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
