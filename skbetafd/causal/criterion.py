"""The β-generalised front-door criterion on a graph: check it, and find sets that satisfy it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from itertools import chain, combinations
from typing import Any

from .._utils.exceptions import AntiCausalWarning, VacuousAdjustmentWarning
from .._utils.messages import warn
from .graphs import (
    Confounder,
    Nodes,
    directed_path,
    explicit_dag,
    listed,
    open_path,
    spelled,
    without,
)
from .report import CriterionReport


def check_criterion(
    graph: Any,
    *,
    treatment: Any,
    outcome: Any,
    mediator: Any,
    auxiliary: Any = (),
) -> CriterionReport:
    r"""Check the β-generalised front-door criterion on a causal graph.

    Parameters
    ----------
    graph : networkx.DiGraph
        A directed acyclic graph. A hidden common cause is a node of its own (with the attribute
        ``latent=True``, which keeps it out of every set), or a bidirected edge: an edge u → v with
        the attribute ``latent=True`` means u ↔ v, and no edge u → v. A MultiDiGraph can hold both.
    treatment, outcome, mediator : node or list of nodes
        T, Y and Z; none of them empty, none latent.
    auxiliary : node or list of nodes, default=()
        A, what is conditioned on. With none the criterion is Pearl's.

    Returns
    -------
    CriterionReport
        Its verdict, and for each condition that fails a path that breaks it.

    Raises
    ------
    ImportError
        If networkx is not installed.
    TypeError
        If `graph` is no DiGraph, or a set is neither node nor list.
    ValueError
        If the graph has a cycle, a node is unknown, latent or in two sets, or a set is empty.

    Warns
    -----
    VacuousAdjustmentWarning
        If the criterion is satisfied without a directed path T → Z → Y.
    AntiCausalWarning
        If Y has a directed path to T: what the adjustment gives then does not depend on t.

    See Also
    --------
    find_mediators, find_auxiliary : All sets that satisfy the criterion.
    front_door_adjustment : What the criterion licenses.

    Notes
    -----
    With :math:`G_{\bar X}` and :math:`G_{\underline X}` for the graph without the edges into and
    out of X, Z satisfies the criterion relative to (T, Y) given A iff

    - (0) A contains no descendant of T or Z;
    - (i) Z intercepts every directed path from T to Y;
    - (ii) :math:`Z \perp T \mid A` in :math:`G_{\underline T}`;
    - (iii) :math:`Z \perp Y \mid T \cup A` in :math:`G_{\underline Z}`.

    It then identifies :math:`P(y \mid do(t), a)` by the conditional front-door formula, given
    positivity. A = ∅ is Pearl's front-door criterion ([1]_, definition 3.3.3); the conditional
    one is known from [2]_. The names and the knob β are this library's reading of [3]_.

    References
    ----------
    .. [1] Pearl, *Causality*, 2nd edition, 2009.
    .. [2] Fulcher, Shpitser, Marealle, Tchetgen Tchetgen, "Robust inference on population indirect
       causal effects: the generalized front door criterion", JRSS B 82, 2020.
    .. [3] Li, Song, Zheng, Li, Sun, Xiong, "Interventional Imbalanced Multi-Modal
       Representation Learning via β-Generalization Front-Door Criterion", arXiv 2406.11490.

    Examples
    --------
    >>> import networkx as nx
    >>> from skbetafd.causal import check_criterion
    >>> graph = nx.DiGraph([("T", "Z"), ("Z", "Y"), ("A", "Z"), ("A", "Y")])
    >>> graph.add_edge("T", "Y", latent=True)
    >>> print(check_criterion(graph, treatment="T", outcome="Y", mediator="Z"))
    β-generalised front-door criterion: not satisfied
      treatment T; outcome Y; mediator Z; auxiliary none
      (0)    holds  no auxiliary is an effect of treatment or mediator
      (i)    holds  the mediator intercepts every directed path from treatment to outcome
      (ii)   holds  the auxiliaries block every back-door path from treatment to mediator
      (iii)  fails  treatment and auxiliaries block every back-door path from mediator to outcome:
                    Z ← A → Y is open given T
    >>> bool(check_criterion(graph, treatment="T", outcome="Y", mediator="Z", auxiliary="A"))
    True
    """
    dag = explicit_dag(graph)
    sets = _disjoint(
        dag, treatment=treatment, outcome=outcome, mediator=mediator, auxiliary=auxiliary
    )
    report = _check(dag, **sets)
    if report.anti_causal:
        warn(
            f"{listed(report.outcome)} causes {listed(report.treatment)}: doing the treatment "
            "leaves the outcome alone",
            AntiCausalWarning,
        )
    if report.satisfied and report.vacuous:
        warn(
            f"the criterion is satisfied, but no directed path leads from "
            f"{listed(report.treatment)} by {listed(report.mediator)} to "
            f"{listed(report.outcome)}",
            VacuousAdjustmentWarning,
        )
    return report


def find_mediators(
    graph: Any,
    *,
    treatment: Any,
    outcome: Any,
    auxiliary: Any = (),
    candidates: Iterable[Hashable] | None = None,
) -> Iterator[set[Hashable]]:
    """Find every mediator that satisfies the criterion given `auxiliary`, smallest first.

    Parameters
    ----------
    graph : networkx.DiGraph
        As in `check_criterion`.
    treatment, outcome, auxiliary : node or list of nodes
        As in `check_criterion`.
    candidates : iterable of nodes, default=None
        Nodes to choose from; by default all. Latent nodes and those of the other sets are left out.

    Returns
    -------
    iterator of sets of nodes
        Lazily: there may be as many as 2 to the power of the number of candidates. Vacuous ones
        are among them.

    Raises
    ------
    ImportError, TypeError, ValueError
        As `check_criterion`; also if a candidate is unknown.

    Examples
    --------
    >>> import networkx as nx
    >>> from skbetafd.causal import find_mediators
    >>> graph = nx.DiGraph([("T", "Z"), ("Z", "W"), ("W", "Y")])
    >>> graph.add_edge("T", "Y", latent=True)
    >>> [sorted(nodes) for nodes in find_mediators(graph, treatment="T", outcome="Y")]
    [['Z'], ['W'], ['W', 'Z']]
    """
    sets = {"treatment": treatment, "outcome": outcome, "auxiliary": auxiliary}
    return _found("mediator", 1, graph, candidates, sets)


def find_auxiliary(
    graph: Any,
    *,
    treatment: Any,
    outcome: Any,
    mediator: Any,
    candidates: Iterable[Hashable] | None = None,
) -> Iterator[set[Hashable]]:
    """Find every auxiliary set given which `mediator` satisfies the criterion, smallest first.

    Parameters
    ----------
    graph : networkx.DiGraph
        As in `check_criterion`.
    treatment, outcome, mediator : node or list of nodes
        As in `check_criterion`.
    candidates : iterable of nodes, default=None
        Nodes to choose from; by default all. Latent nodes and those of the other sets are left out.

    Returns
    -------
    iterator of sets of nodes
        Lazily: there may be as many as 2 to the power of the number of candidates. The empty set
        comes first where Pearl's criterion holds.

    Raises
    ------
    ImportError, TypeError, ValueError
        As `check_criterion`; also if a candidate is unknown.

    Examples
    --------
    >>> import networkx as nx
    >>> from skbetafd.causal import find_auxiliary
    >>> graph = nx.DiGraph([("T", "Z"), ("Z", "Y"), ("A", "Z"), ("A", "Y"), ("B", "Y")])
    >>> graph.add_edge("T", "Y", latent=True)
    >>> found = find_auxiliary(graph, treatment="T", outcome="Y", mediator="Z")
    >>> [sorted(nodes) for nodes in found]
    [['A'], ['A', 'B']]
    """
    sets = {"treatment": treatment, "outcome": outcome, "mediator": mediator}
    return _found("auxiliary", 0, graph, candidates, sets)


def _found(
    role: str,
    smallest: int,
    graph: Any,
    candidates: Iterable[Hashable] | None,
    sets: dict[str, Any],
) -> Iterator[set[Hashable]]:
    """Check the input at once, and the subsets of the candidates as they are asked for."""
    dag = explicit_dag(graph)
    others = _disjoint(dag, **sets)
    free = _candidates(dag, candidates, others.values())
    sizes = range(smallest, len(free) + 1)
    subsets = chain.from_iterable(combinations(free, size) for size in sizes)
    return (set(s) for s in subsets if _check(dag, **others, **{role: s}).satisfied)


def _check(
    dag: Any, *, treatment: Nodes, outcome: Nodes, mediator: Nodes, auxiliary: Nodes
) -> CriterionReport:
    seen = treatment + auxiliary
    no_cause, no_mediation = (without(dag, edges=dag.out_edges(s)) for s in (treatment, mediator))
    found = {
        "(0)": directed_path(dag, treatment + mediator, auxiliary),
        "(i)": directed_path(without(dag, mediator), treatment, outcome),
        "(ii)": open_path(no_cause, treatment, mediator, auxiliary),
        "(iii)": open_path(no_mediation, mediator, outcome, seen),
    }
    randomised = without(dag, edges=dag.in_edges(treatment))
    paths = {name: path for name, path in found.items() if path is not None}
    words = {
        "(0)": lambda path, way: f"{path[-1]} is a descendant of {path[0]}, {way}",
        "(i)": lambda path, way: f"{way} avoids {listed(mediator)}",
        "(ii)": lambda path, way: f"{way} is open given {listed(auxiliary)}",
        "(iii)": lambda path, way: f"{way} is open given {listed(seen)}",
    }
    return CriterionReport(
        satisfied=not paths,
        conditions={name: name not in paths for name in found},
        failures={name: words[name](path, spelled(dag, path)) for name, path in paths.items()},
        paths=paths,
        vacuous=not any(
            directed_path(dag, treatment, [z]) and directed_path(dag, [z], outcome)
            for z in mediator
        ),
        population_effect_shortcut=not open_path(randomised, mediator, auxiliary, treatment),
        anti_causal=directed_path(dag, outcome, treatment) is not None,
        treatment=treatment,
        outcome=outcome,
        mediator=mediator,
        auxiliary=auxiliary,
    )


def _disjoint(dag: Any, **sets: Any) -> dict[str, Nodes]:
    nodes = {role: _nodes(dag, role, value) for role, value in sets.items()}
    roles: dict[Hashable, str] = {}
    for role, members in nodes.items():
        if not members and role != "auxiliary":
            raise ValueError(f"{role} must name at least one node, got {sets[role]!r}")
        for node in members:
            if node in roles:
                raise ValueError(f"{node!r} is both {roles[node]} and {role}")
            if dag.nodes[node].get("latent"):
                raise ValueError(f"{role} {node!r} is latent: the criterion is about what is seen")
            roles[node] = role
    return nodes


def _nodes(dag: Any, role: str, value: Any) -> Nodes:
    if value in dag:  # before looking inside: a tuple may be a node
        return (value,)
    if not isinstance(value, (list, tuple, set, frozenset)):
        if not isinstance(value, Hashable):
            raise TypeError(f"{role} must be a node or a list of nodes, got {value!r}")
        value = [value]
    for node in value:
        if node not in dag:
            raise ValueError(f"{role} {node!r} is no node of the graph, which has {_seen(dag)}")
    chosen = set(value)
    return tuple(node for node in dag if node in chosen)


def _candidates(dag: Any, candidates: Iterable[Hashable] | None, taken: Iterable[Nodes]) -> Nodes:
    if candidates is not None and not isinstance(candidates, Iterable):
        raise TypeError(f"candidates must be None or nodes, got {candidates!r}")
    chosen = tuple(dag) if candidates is None else _nodes(dag, "candidate", list(candidates))
    used = {node for nodes in taken for node in nodes}
    return tuple(n for n in chosen if n not in used and not dag.nodes[n].get("latent"))


def _seen(dag: Any) -> list[Hashable]:
    return [node for node in dag if not isinstance(node, Confounder)]
