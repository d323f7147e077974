"""StructuralCausalModel: discrete, exact, and open to intervention."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from numbers import Integral
from typing import Any

import numpy as np

from .._utils.arguments import check_integer, read_generator, read_numbers
from .._utils.exceptions import PositivityError
from .graphs import Nodes

MAX_NODES = 52
"""What np.einsum has letters for."""


class StructuralCausalModel:
    """A discrete structural causal model whose distributions are computed exactly.

    Parameters
    ----------
    graph_or_parents : networkx.DiGraph, or mapping of node to list of nodes
        The graph, or each node's parents. Hidden variables are nodes as well.
    cardinalities : int or mapping of node to int
        How many values each node has, at least 1, counted from 0.
    tables : mapping of node to array-like, default=None
        P(node | parents), of shape (cardinality of each parent in order, …, cardinality of the
        node); a graph's parents come in the order in which their edges were added. Nodes left out
        get a random table: each of its distributions is drawn from Dirichlet(1, …, 1).
    random_state : int, numpy.random.Generator or None, default=None
        Draws the random tables.

    Attributes
    ----------
    parents : dict of node to tuple of nodes
        The graph, causes before effects.
    cardinalities : dict of node to int
        How many values each node has.
    tables : dict of node to ndarray
        P(node | parents).

    Raises
    ------
    TypeError
        If the graph is neither a DiGraph nor a mapping, or a cardinality is no integer.
    ValueError
        If the graph has a cycle, a parent is unknown, an edge is marked latent, or a table has a
        wrong shape or holds no distributions.

    See Also
    --------
    ContinuousFrontDoorModel : A simulator with continuous modalities.
    front_door_adjustment : What ought to equal `interventional` under the criterion.

    Examples
    --------
    >>> from skbetafd.causal import StructuralCausalModel
    >>> parents = {"U": [], "T": ["U"], "Z": ["T"], "Y": ["Z", "U"]}
    >>> model = StructuralCausalModel(parents, 2, random_state=0)
    >>> model.joint(["T", "Y"]).shape
    (2, 2)
    >>> model.interventional("Y", treatment="T").round(2)
    array([[0.87, 0.13],
           [0.83, 0.17]])
    >>> model.interventional("Y", do={"T": 1}).round(2)
    array([0.83, 0.17])
    >>> sorted(model.do(T=1).sample(5, random_state=0))
    ['T', 'U', 'Y', 'Z']
    """

    def __init__(
        self,
        graph_or_parents: Any,
        cardinalities: int | Mapping[Hashable, int],
        tables: Mapping[Hashable, Any] | None = None,
        random_state: int | np.random.Generator | None = None,
    ) -> None:
        self.parents = _in_order(_parents(graph_or_parents))
        self.cardinalities = {node: _cardinality(node, cardinalities) for node in self.parents}
        tables = _mapping("tables", tables)
        self._require_nodes("tables", tables)
        rng = read_generator(random_state)
        self.tables = {
            node: self._checked(node, tables[node]) if node in tables else self._drawn(node, rng)
            for node in self.parents
        }

    def joint(self, variables: Any) -> np.ndarray:
        """Compute the exact joint distribution of some variables.

        Parameters
        ----------
        variables : node or list of nodes
            The axes of the result, in order.

        Returns
        -------
        ndarray
            P(variables), one axis a variable.

        Raises
        ------
        ValueError
            If a variable is unknown or named twice, or has more than 51 direct and indirect causes.
        """
        return self._contract(self._nodes("variables", variables), treatment=())

    def do(
        self, interventions: Mapping[Hashable, Any] | None = None, /, **named: Any
    ) -> StructuralCausalModel:
        """Cut variables from their causes and set them.

        Parameters
        ----------
        interventions : mapping of node to int or array-like of shape (cardinality,), optional
            The value, or the distribution that it is drawn from whatever its causes are.
        **named : int or array-like of shape (cardinality,)
            The same, for nodes whose names are identifiers.

        Returns
        -------
        StructuralCausalModel
            The mutilated model; this one stays as it is.

        Raises
        ------
        ValueError
            If a node is unknown or a value is out of its range.
        """
        chosen = _mapping("do", interventions) | named
        self._require_nodes("do", chosen)
        parents = {node: () if node in chosen else self.parents[node] for node in self.parents}
        forced = {node: self._forced(node, value) for node, value in chosen.items()}
        return StructuralCausalModel(parents, self.cardinalities, self.tables | forced)

    def shift(
        self, tables: Mapping[Hashable, Any] | None = None, /, **named: Any
    ) -> StructuralCausalModel:
        """Make another environment: the same graph with some mechanisms replaced.

        Parameters
        ----------
        tables : mapping of node to array-like, optional
            New tables P(node | parents), of the shape of the old ones.
        **named : array-like
            The same, of the same shapes, for nodes whose names are identifiers.

        Returns
        -------
        StructuralCausalModel
            The other environment; this one stays as it is.

        Raises
        ------
        ValueError
            If a node is unknown, or a table has a wrong shape or holds no distributions.
        """
        chosen = _mapping("shift", tables) | named
        self._require_nodes("shift", chosen)
        return StructuralCausalModel(self.parents, self.cardinalities, self.tables | chosen)

    def interventional(
        self,
        outcome: Any,
        *,
        treatment: Any = (),
        do: Mapping[Hashable, Any] | None = None,
        given: Any = (),
    ) -> np.ndarray:
        r"""Compute the exact P(outcome | do treatment, given) by truncated factorisation.

        Parameters
        ----------
        outcome : node or list of nodes
            What the distribution is of.
        treatment : node or list of nodes, default=()
            Set to each of its values in turn, an axis a node.
        do : mapping of node to int or array-like of shape (cardinality,), default=None
            Further interventions as in `do`, without an axis.
        given : node or list of nodes, default=()
            Conditioned on after the intervention.

        Returns
        -------
        ndarray
            One axis a variable: treatment, given and outcome, in this order.

        Raises
        ------
        ValueError
            If a node is unknown or in two sets, or more than 52 nodes are involved.
        PositivityError
            If a value of `given` has probability 0 under the intervention.

        Notes
        -----
        :math:`P(v \mid do(t)) = \prod_{i: V_i \notin T} P(v_i \mid pa_i)` for v that agree with t
        (Pearl 2009, equation 1.37).
        """
        if do:
            return self.do(do).interventional(outcome, treatment=treatment, given=given)
        sets = [("treatment", treatment), ("given", given), ("outcome", outcome)]
        treated, condition, target = (self._nodes(role, value) for role, value in sets)
        if not target:
            raise ValueError(f"outcome must name at least one node, got {outcome!r}")
        if shared := set(treated) & set(target) | set(condition) & {*treated, *target}:
            raise ValueError(f"{min(shared, key=str)!r} is in two of treatment, given and outcome")
        table = self._contract(treated + condition + target, treatment=treated)
        axes = tuple(range(table.ndim - len(target), table.ndim))
        total = table.sum(axis=axes, keepdims=True)
        if not total.all():
            cell = np.argwhere(total == 0)[0].tolist()
            case = dict(zip(treated + condition, cell, strict=False))
            raise PositivityError(f"{case} has probability 0 under do{treated}")
        return table / total

    def sample(
        self, n_samples: int, random_state: int | np.random.Generator | None = None
    ) -> dict[Hashable, np.ndarray]:
        """Draw rows.

        Parameters
        ----------
        n_samples : int
            Number of rows.
        random_state : int, numpy.random.Generator or None, default=None
            Draws the rows. NumPy's global generator is never used.

        Returns
        -------
        dict of node to ndarray of shape (n_samples,), int
            A column a node, hidden ones included.
        """
        check_integer("n_samples", n_samples, 0)
        rng = read_generator(random_state)
        rows: dict[Hashable, np.ndarray] = {}
        for node, parents in self.parents.items():
            proba = self.tables[node][tuple(rows[parent] for parent in parents)]
            rows[node] = draw(np.broadcast_to(proba, (n_samples, proba.shape[-1])), rng)
        return rows

    def _contract(self, variables: Nodes, *, treatment: Nodes) -> np.ndarray:
        needed = self._ancestors(variables, treatment)
        if len(needed) > MAX_NODES:
            raise ValueError(f"this involves {len(needed)} nodes, {MAX_NODES} are the most")
        axis = {node: i for i, node in enumerate(needed)}
        operands: list[Any] = []
        for node in needed:
            if node in treatment:
                operands += [np.ones(self.cardinalities[node]), [axis[node]]]
            else:
                operands += [self.tables[node], [axis[v] for v in (*self.parents[node], node)]]
        return np.einsum(*operands, [axis[node] for node in variables], optimize="greedy")

    def _ancestors(self, variables: Nodes, treatment: Nodes) -> list[Hashable]:
        """Find the variables and all that causes them other than by way of the treatment."""
        needed = set(variables)
        for node in reversed(self.parents):
            if node in needed and node not in treatment:
                needed.update(self.parents[node])
        return [node for node in self.parents if node in needed]

    def _nodes(self, role: str, value: Any) -> Nodes:
        single = isinstance(value, Hashable) and value in self.parents
        if single or isinstance(value, str) or not isinstance(value, Iterable):
            value = (value,)
        nodes = tuple(value)
        self._require_nodes(role, nodes)
        if len(set(nodes)) < len(nodes):
            raise ValueError(f"{role} names a node twice: {list(nodes)}")
        return nodes

    def _require_nodes(self, role: str, nodes: Iterable[Hashable]) -> None:
        for node in nodes:
            if not isinstance(node, Hashable) or node not in self.parents:
                raise ValueError(f"{role}: {node!r} is no node, there are {list(self.parents)}")

    def _forced(self, node: Hashable, value: Any) -> np.ndarray:
        n = self.cardinalities[node]
        if not isinstance(value, Integral):
            return read_numbers(f"do: {node!r}", value)
        if not 0 <= int(value) < n:
            raise ValueError(f"do: {node!r} has the values 0 to {n - 1}, got {value}")
        return np.eye(n)[int(value)]

    def _shape(self, node: Hashable) -> tuple[int, ...]:
        return tuple(self.cardinalities[v] for v in (*self.parents[node], node))

    def _drawn(self, node: Hashable, rng: np.random.Generator) -> np.ndarray:
        *shape, n = self._shape(node)
        return rng.dirichlet(np.ones(n), size=shape)

    def _checked(self, node: Hashable, table: Any) -> np.ndarray:
        table = read_numbers(f"the table of {node!r}", table)
        if table.shape != self._shape(node):
            raise ValueError(
                f"the table of {node!r} needs shape {self._shape(node)} "
                f"(parents {list(self.parents[node])}), got {table.shape}"
            )
        total = table.sum(axis=-1)
        wrong = ~np.isclose(total, 1, rtol=0, atol=1e-6) | ~(table >= 0).all(axis=-1)
        if wrong.any():
            cell = tuple(np.argwhere(wrong)[0].tolist())
            raise ValueError(
                f"the table of {node!r} is no distribution at {cell}: {table[cell].tolist()}"
            )
        return table


def draw(proba: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw an index from each row of probabilities."""
    # without the last sum, which may fall short of 1 by rounding
    below = np.cumsum(proba, axis=1)[:, :-1]
    return (rng.random((len(proba), 1)) >= below).sum(axis=1)


def _parents(graph: Any) -> dict[Hashable, Nodes]:
    if hasattr(graph, "predecessors"):
        for u, v, latent in graph.edges(data="latent"):
            if latent:
                raise ValueError(
                    f"the edge {u!r} → {v!r} is latent: make the hidden cause a node, with a "
                    "cardinality"
                )
        return {node: tuple(graph.predecessors(node)) for node in graph}
    if isinstance(graph, Mapping):
        for node, parents in graph.items():
            if isinstance(parents, str) or not isinstance(parents, Iterable):
                raise TypeError(f"the parents of {node!r} must be a list of nodes, got {parents!r}")
        return {node: tuple(parents) for node, parents in graph.items()}
    raise TypeError(
        f"graph_or_parents must be a DiGraph or a mapping of node to parents, got {graph!r}"
    )


def _in_order(parents: dict[Hashable, Nodes]) -> dict[Hashable, Nodes]:
    for node, causes in parents.items():
        if len(set(causes)) < len(causes):
            raise ValueError(f"{node!r} has a parent twice: {list(causes)}")
        for cause in causes:
            if cause not in parents:
                raise ValueError(f"{cause!r}, a parent of {node!r}, is no node")
    try:
        return {node: parents[node] for node in TopologicalSorter(parents).static_order()}
    except CycleError as error:
        cycle = " → ".join(map(str, error.args[1]))
        raise ValueError(f"graph_or_parents has a cycle: {cycle}") from None


def _mapping(name: str, value: Mapping[Hashable, Any] | None) -> dict[Any, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a mapping of nodes, got {value!r}")
    return dict(value or {})


def _cardinality(node: Hashable, cardinalities: int | Mapping[Hashable, int]) -> int:
    value: Any = cardinalities.get(node) if isinstance(cardinalities, Mapping) else cardinalities
    check_integer(f"the cardinality of {node!r}", value, 1)
    return int(value)
