"""CriterionDisplay: a causal graph with the path that breaks the criterion."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from textwrap import fill
from typing import Any

import numpy as np

from ..causal.criterion import check_criterion
from ..causal.graphs import explicit_dag
from ..causal.report import MEANINGS, CriterionReport
from ._graph import CHARACTER, ROLES, arrange, draw
from ._style import check_keywords, drawn_or_not, get_panels

NARROWEST, TITLE = 4.5, 0.7
"""Inches: the least width of a panel, and the height of its title."""


class CriterionDisplay:
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

    axes_: np.ndarray
    figure_: Any
    conditions_: list[str | None]
    nodes_: list[dict]
    edges_: list[dict]

    def __init__(self, *, graph: Any, report: CriterionReport) -> None:
        self.graph = graph
        self.report = report

    @drawn_or_not
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
            If `report` is no CriterionReport, or `path_kw` no mapping.
        """
        check_keywords(self.plot, kwargs, draws="arrow")
        if condition is not None and condition not in list(MEANINGS):
            raise ValueError(f"condition must be one of {list(MEANINGS)}, got {condition!r}")
        if path_kw is not None and not isinstance(path_kw, Mapping):
            raise TypeError(f"path_kw must be a mapping of keywords, got {path_kw!r}")
        if not isinstance(self.report, CriterionReport):
            raise TypeError(f"report must be a CriterionReport, got {self.report!r}")
        dag = explicit_dag(self.graph)
        self._check_graph(dag)
        failed: list[str | None] = list(self.report.paths)
        self.conditions_ = [condition] if condition is not None else failed or [None]
        scene = arrange(dag, self._roles())
        own = max(scene.size[0], NARROWEST), scene.size[1] + TITLE
        get_panels(ax, self, (len(self.conditions_), 1), own)
        if len(self.axes_) != len(self.conditions_):
            raise ValueError(
                f"ax must be as many Axes as there are panels, {self.conditions_}, got "
                f"{len(self.axes_)}; condition= draws one"
            )
        self.nodes_, self.edges_ = [], []
        for axes, shown in zip(self.axes_, self.conditions_, strict=True):
            room = axes.get_window_extent().size / self.figure_.dpi
            inches = np.array(own if ax is None else room)
            path = self.report.paths.get(shown or "", ())
            title = self._title(shown, inches[0])
            nodes, edges = draw(scene, axes, title, inches, path, kwargs, dict(path_kw or {}))
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
        check_keywords(cls.from_graph, kwargs, draws="arrow")
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
