"""CriterionDisplay: a causal graph with the path that breaks the criterion."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from itertools import pairwise
from math import ceil, floor
from textwrap import fill, wrap
from typing import Any

import numpy as np

from ..causal.criterion import check_criterion
from ..causal.graphs import Confounder, explicit_dag
from ..causal.report import MEANINGS, CriterionReport
from ._display import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, Display, plain

ROLES = {
    "treatment": (BLUE, "square"),
    "mediator": (GREEN, "round,rounding_size=1.2"),
    "outcome": (ORANGE, "round4"),
    "auxiliary": (PURPLE, "round"),
}
"""Colour and matplotlib's box of each role; the role is written in the box as well."""
LONGEST_LINE = 15
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
STRONG = {"color": VERMILLION, "linewidth": 3, "mutation_scale": 18, "zorder": 5}
"""Style of the arrows on the path that breaks a condition."""
NARROWEST, TITLE = 4.5, 0.7
"""Inches: the least width of a panel, and the height of its title."""


class CriterionDisplay(Display):
    """A causal graph, its roles, and for each condition that fails the path that breaks it.

    Causes stand on the left of their effects. Hidden nodes and what they cause are dashed; a
    bidirected edge is drawn as the hidden node U that it stands for. Make it by `from_graph` or
    `from_report`. All parameters are stored as attributes.

    Parameters
    ----------
    graph : networkx.DiGraph
        As in `skbetafd.causal.check_criterion`.
    report : CriterionReport
        What that found in the graph.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        A panel for each condition that is drawn.
    figure_ : matplotlib Figure
        Figure with the axes.
    conditions_ : list of str or None
        The condition of each panel; None in the one panel of a criterion that is satisfied.
    nodes_ : list of dict of node to matplotlib Text
        The boxes in each panel.
    edges_ : list of dict of edge to matplotlib FancyArrowPatch
        The arrows in each panel.

    See Also
    --------
    skbetafd.causal.check_criterion : The verdict in words.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import networkx as nx
    >>> from skbetafd.plots import CriterionDisplay
    >>> graph = nx.DiGraph([("T", "Z"), ("Z", "Y"), ("A", "Z"), ("A", "Y")])
    >>> graph.add_edge("T", "Y", latent=True)
    >>> display = CriterionDisplay.from_graph(graph, treatment="T", outcome="Y", mediator="Z")
    >>> display.conditions_
    ['(iii)']
    >>> plt.close(display.figure_)
    """

    conditions_: list[str | None]
    nodes_: list[dict]
    edges_: list[dict]

    def __init__(self, *, graph: Any, report: CriterionReport) -> None:
        self.graph = graph
        self.report = report

    def plot(
        self,
        ax: Any = None,
        *,
        condition: str | None = None,
        path_kw: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> CriterionDisplay:
        """Draw a panel for each condition that fails, or one of the graph if none does.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            One for each panel, with ticks and frame turned off; None makes a figure of the size
            that the graph needs. In small axes the font is made smaller, down to 5 points.
        condition : {"(0)", "(i)", "(ii)", "(iii)"}, default=None
            Draws one panel, for this condition, whether it fails or holds.
        path_kw : dict, default=None
            Passed to matplotlib's ``FancyArrowPatch`` for the arrows of the offending path.
        **kwargs : dict
            Passed to ``FancyArrowPatch`` for all other arrows.

        Returns
        -------
        CriterionDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If the condition is unknown, or there are not as many axes as panels.
        TypeError
            If `report` is no CriterionReport.
        """
        if condition is not None and condition not in list(MEANINGS):
            raise ValueError(f"condition must be one of {list(MEANINGS)}, got {condition!r}")
        if not isinstance(self.report, CriterionReport):
            raise TypeError(f"report must be a CriterionReport, got {self.report!r}")
        dag = explicit_dag(self.graph)
        self._check_graph(dag)
        failed = list(self.report.paths) if condition is None else [condition]
        conditions: list[str | None] = [*failed] or [None]
        size = _lay_out(dag, self._roles())
        own = (max(size[0], NARROWEST), size[1] + TITLE)
        with self._drawing(ax, rows=len(conditions), size=own) as self.axes_:
            self.conditions_, self.nodes_, self.edges_ = conditions, [], []
            for axes, shown in zip(self.axes_, conditions, strict=True):
                room = axes.get_window_extent().size / self.figure_.dpi
                inches = room if ax is not None else np.array(own)
                font = _make_room(axes, inches, size, self._title(shown, inches[0]))
                path = self.report.paths.get(shown or "", ())
                nodes, edges = _draw(dag, axes, font, path, kwargs, path_kw or {})
                self.nodes_.append(nodes)
                self.edges_.append(edges)
        return self

    def _check_graph(self, dag: Any) -> None:
        strange = [node for node in self._roles() if node not in dag]
        for path in self.report.paths.values():
            pairs = pairwise(path)
            strange += [p for p in pairs if not (dag.has_edge(*p) or dag.has_edge(*p[::-1]))]
        if strange:
            raise ValueError(f"report is about another graph: {strange[0]!r} is not in graph")

    def _roles(self) -> dict[Any, str]:
        return {node: role for role in ROLES for node in getattr(self.report, role)}

    def _title(self, condition: str | None, inches: float) -> str:
        if condition is None:
            lines = ["β-generalised front-door criterion: satisfied"]
        elif condition in self.report.failures:
            failure = self.report.failures[condition]
            lines = [f"{condition} fails: {failure}", f"asked: {MEANINGS[condition]}"]
        else:
            lines = [f"{condition} holds: {MEANINGS[condition]}"]
        return "\n".join(fill(line, int(inches / CHARACTER)) for line in lines)

    @classmethod
    def from_graph(
        cls,
        graph: Any,
        *,
        treatment: Any,
        outcome: Any,
        mediator: Any,
        auxiliary: Any = (),
        condition: str | None = None,
        path_kw: Mapping[str, Any] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> CriterionDisplay:
        """Check the criterion and draw what was found.

        Parameters
        ----------
        graph : networkx.DiGraph
            As in `skbetafd.causal.check_criterion`: hidden nodes or bidirected edges have the
            attribute ``latent=True``.
        treatment, outcome, mediator, auxiliary : node or list of nodes
            As in `skbetafd.causal.check_criterion`.
        condition, path_kw, ax, **kwargs
            As in `plot`.

        Returns
        -------
        CriterionDisplay
            Drawn.

        Raises
        ------
        ImportError
            If matplotlib or networkx is not installed.
        TypeError, ValueError
            As `skbetafd.causal.check_criterion` and `plot`.

        Warns
        -----
        VacuousAdjustmentWarning, AntiCausalWarning
            As `skbetafd.causal.check_criterion`.
        """
        report = check_criterion(
            graph, treatment=treatment, outcome=outcome, mediator=mediator, auxiliary=auxiliary
        )
        return cls.from_report(graph, report, condition=condition, path_kw=path_kw, ax=ax, **kwargs)

    @classmethod
    def from_report(
        cls,
        graph: Any,
        report: CriterionReport,
        *,
        condition: str | None = None,
        path_kw: Mapping[str, Any] | None = None,
        ax: Any = None,
        **kwargs: Any,
    ) -> CriterionDisplay:
        """Draw what `skbetafd.causal.check_criterion` has found.

        Parameters
        ----------
        graph : networkx.DiGraph
            The graph that was checked.
        report : CriterionReport
            What was found in it.
        condition, path_kw, ax, **kwargs
            As in `plot`.

        Returns
        -------
        CriterionDisplay
            Drawn.

        Raises
        ------
        ImportError, ValueError
            As `plot`.
        """
        return cls(graph=graph, report=report).plot(
            ax, condition=condition, path_kw=path_kw, **kwargs
        )


def _make_room(ax: Any, inches: np.ndarray, size: np.ndarray, title: str) -> float:
    """Set axes of that size in inches to the graph's, below a title; return the font's size."""
    room = np.array([inches[0], max(inches[1] - LINE * (title.count("\n") + 1.5), inches[1] / 2)])
    scale = min(room / size)
    start = (size - room / scale) / 2
    stop = start + inches / scale
    ax.set(xlim=(start[0], stop[0]), ylim=(start[1], stop[1]))
    ax.axis("off")
    ax.set_title(plain(title), fontsize="medium", y=1.0, pad=0, va="top")
    return float(np.clip(FONT * scale, SMALLEST_FONT, FONT))


def _lay_out(dag: Any, roles: dict[Hashable, str]) -> np.ndarray:
    """Set place and look of each node's box and how edges bend; return the graph's size.

    All in inches at full font size.
    """
    nodes = dag.nodes
    for node in dag:
        label = _label(node, roles.get(node))
        lines = label.split("\n")
        half = np.array([max(map(len, lines)) * CHARACTER, len(lines) * LINE]) / 2 + PADDING
        nodes[node].update(label=label, role=roles.get(node), half=half)
    column, row = _places(dag, [node for node, role in roles.items() if role != "auxiliary"])
    columns = range(floor(min(column.values())), ceil(max(column.values())) + 1)
    widest = [max((nodes[n]["half"][0] for n in dag if column[n] == k), default=0) for k in columns]
    x = np.cumsum([0.0, *(left + right + GAP[0] for left, right in pairwise(widest))])
    height = 2 * max(nodes[node]["half"][1] for node in dag) + GAP[1]
    for node in dag:
        at = np.interp(column[node], columns, x), row[node] * height
        nodes[node]["centre"] = np.array(at)
    for edge in dag.edges:
        dag.edges[edge]["bend"] = _bend(dag, edge)
    corners = [
        nodes[node]["centre"] + sign * nodes[node]["half"] for node in dag for sign in (-1, 1)
    ]
    curves = [_curve(dag, (u, v), bend) for u, v, bend in dag.edges(data="bend")]
    outline = np.vstack([*corners, *curves])
    low = outline.min(axis=0) - MARGIN
    for node in dag:
        nodes[node]["centre"] -= low
    return outline.max(axis=0) + MARGIN - low


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


def _draw(
    dag: Any, ax: Any, font: float, path: tuple[Hashable, ...], edge_kw: Any, path_kw: Any
) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Draw a graph that is laid out and mark a path; return the boxes' texts and the arrows."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.patches import FancyArrowPatch

    edge_kw, path_kw = (normalize_kwargs(user, FancyArrowPatch) for user in (edge_kw, path_kw))
    boxes = {node: _draw_box(dag.nodes[node], ax, node in path, font) for node in dag}
    marked = {frozenset(pair) for pair in pairwise(path)}
    arrows = {}
    for edge in dag.edges:
        user = edge_kw | (STRONG | path_kw if frozenset(edge) in marked else {})
        rims = [boxes[node].get_bbox_patch() for node in edge]
        arrows[edge] = ax.add_patch(_arrow(dag, edge, patchA=rims[0], patchB=rims[1], **user))
    return boxes, arrows


def _draw_box(node: dict[str, Any], ax: Any, marked: bool, font: float) -> Any:
    from matplotlib.colors import to_rgba

    colour, shape = ROLES.get(node["role"], (None, "round"))
    latent = node.get("latent")
    box = {
        "boxstyle": f"{shape},pad=0.35",
        "facecolor": "white" if colour is None else to_rgba(colour, 0.3),
        "edgecolor": VERMILLION if marked else colour or (GREY if latent else BLACK),
        "linestyle": "--" if latent else "-",
        "linewidth": 2.5 if marked else 1.2,
    }
    place = {"ha": "center", "va": "center", "fontsize": font, "zorder": 3, "bbox": box}
    return ax.text(*node["centre"], plain(node["label"]), **place)


def _arrow(dag: Any, edge: Any, **keywords: Any) -> Any:
    from matplotlib.patches import FancyArrowPatch

    latent = dag.nodes[edge[0]].get("latent")
    style: dict[str, Any] = {
        "arrowstyle": "-|>",
        "mutation_scale": 12,
        "color": GREY if latent else BLACK,
        "linestyle": "--" if latent else "-",
        "linewidth": 1.2,
        "zorder": 4,  # above the boxes: they know their rims once they are drawn
        "connectionstyle": f"arc3,rad={dag.edges[edge]['bend']}",
        "shrinkA": 1,
        "shrinkB": 1,
    }
    start, stop = (tuple(dag.nodes[node]["centre"]) for node in edge)
    arrow = FancyArrowPatch(start, stop, **(style | keywords))
    arrow.set_in_layout(False)
    return arrow


def _bend(dag: Any, edge: Any) -> float:
    """Return the least curvature that keeps an arrow clear of boxes that it does not join."""
    others = [dag.nodes[node] for node in dag if node not in edge]
    centres = np.array([node["centre"] for node in others]).reshape(-1, 1, 2)
    rims = np.array([node["half"] for node in others]).reshape(-1, 1, 2) + CLEARANCE

    def points_in_boxes(bend: float) -> int:
        return int((np.abs(_curve(dag, edge, bend) - centres) < rims).all(axis=2).sum())

    return min(BENDS, key=points_in_boxes)


def _curve(dag: Any, edge: Any, bend: float) -> np.ndarray:
    """Return points of matplotlib's arc3 from centre to centre, shape (n_points, 2)."""
    start, stop = (dag.nodes[node]["centre"] for node in edge)
    across = np.array([stop[1] - start[1], start[0] - stop[0]])
    middle = (start + stop) / 2 + bend * across
    t = np.linspace(0, 1, 50)[:, None]
    return (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * stop


def _label(node: Hashable, role: str | None) -> str:
    if isinstance(node, Confounder):
        return "U"
    lines = wrap(str(node).replace("_", "_ "), LONGEST_LINE)  # breaks after underscores as well
    return "\n".join([line.replace("_ ", "_") for line in lines] + ([f"({role})"] if role else []))
