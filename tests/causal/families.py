"""Graph families with a treatment T, an outcome Y, mediators Z and auxiliaries A.

Each family either satisfies the criterion or breaks exactly one of its conditions. Nodes that are
neither treatment, outcome, mediator nor auxiliary are hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import networkx as nx
import numpy as np

from skbetafd.causal import StructuralCausalModel

FRONT_DOOR = "U>T U>Y T>Z Z>Y"


@dataclass(frozen=True)
class Family:
    edges: str
    auxiliary: tuple[str, ...] = ()
    treatment: tuple[str, ...] = ("T",)
    mediator: tuple[str, ...] = ("Z",)
    outcome: tuple[str, ...] = ("Y",)
    breaks: str | None = None
    """The one condition that does not hold."""
    no_effect: bool = False
    """There is no directed path treatment → mediator → outcome."""

    @property
    def sets(self) -> dict[str, list[str]]:
        roles = ("treatment", "outcome", "mediator", "auxiliary")
        return {role: list(getattr(self, role)) for role in roles}

    @property
    def graph(self) -> nx.DiGraph:
        graph = nx.DiGraph(edge.split(">") for edge in self.edges.split())
        observed = [node for nodes in self.sets.values() for node in nodes]
        graph.add_nodes_from(observed)
        nx.set_node_attributes(graph, {node: node not in observed for node in graph}, "latent")
        return graph

    def draw(self, rng: np.random.Generator) -> StructuralCausalModel:
        """Draw a model with 2 or 3 values a node and strong mechanisms, from Dirichlet(½, …)."""
        graph = self.graph
        model = StructuralCausalModel(graph, {node: int(rng.integers(2, 4)) for node in graph})
        return model.shift(
            {
                node: rng.dirichlet(np.full(table.shape[-1], 0.5), size=table.shape[:-1])
                for node, table in model.tables.items()
            }
        )


A = ("A",)
FAMILIES = {
    "Pearl's": Family(FRONT_DOOR),
    "auxiliary touches all": Family(f"{FRONT_DOOR} A>T A>Z A>Y", A),
    "confounder touches the auxiliary": Family(f"{FRONT_DOOR} U>A A>Z", A),
    "auxiliary is a cause of the confounder": Family(f"{FRONT_DOOR} A>U A>Z", A),
    "auxiliary of the outcome alone": Family(f"{FRONT_DOOR} A>Y", A),
    "auxiliary and treatment have a hidden cause": Family(f"{FRONT_DOOR} L>T L>A A>Z", A),
    "auxiliary and mediator have a hidden cause": Family(f"{FRONT_DOOR} L>A L>Z A>T A>Y", A),
    "auxiliary and outcome have a hidden cause": Family(f"{FRONT_DOOR} L>A L>Y A>Z", A),
    "auxiliary confounds treatment and mediator": Family(f"{FRONT_DOOR} A>T A>Z", A),
    "two auxiliaries": Family(f"{FRONT_DOOR} L>A1 L>A2 A1>T A1>Z A2>Z A2>Y", ("A1", "A2")),
    "one auxiliary causes the other": Family(f"{FRONT_DOOR} A1>A2 A1>T A2>Z A2>Y", ("A1", "A2")),
    "two mediators": Family("U>T U>Y T>Z1 T>Z2 Z1>Y Z2>Y A>Z1 A>Y", A, mediator=("Z1", "Z2")),
    "mediators in a row": Family("U>T U>Y T>Z1 Z1>Z2 Z2>Y A>Z2 A>Y", A, mediator=("Z1", "Z2")),
    "hidden step before the mediator": Family("U>T U>Y T>W W>Z Z>Y A>W A>Y", A),
    "hidden step after the mediator": Family("U>T U>Y T>Z Z>W W>Y A>Z A>W", A),
    "two treatments": Family(
        "U>T1 U>T2 U>Y T1>T2 T1>Z T2>Z Z>Y A>Z A>Y", A, treatment=("T1", "T2")
    ),
    "two outcomes": Family("U>T U>Y1 U>Y2 T>Z Z>Y1 Y1>Y2 A>Z A>Y2", A, outcome=("Y1", "Y2")),
    "no effect": Family("U>T U>Y Z>Y A>Z A>T", A, no_effect=True),
    "label causes the modality": Family("Y>T T>Z A>Z A>Y", A, no_effect=True),
    "(0) auxiliary is an effect of the treatment": Family(f"{FRONT_DOOR} T>A", A, breaks="(0)"),
    "(0) auxiliary is an effect of the mediator": Family(f"{FRONT_DOOR} Z>A", A, breaks="(0)"),
    "(0) auxiliary is between treatment and mediator": Family(
        f"{FRONT_DOOR} T>A A>Z", A, breaks="(0)"
    ),
    "(0) auxiliary is between mediator and outcome": Family(
        f"{FRONT_DOOR} Z>A A>Y", A, breaks="(0)"
    ),
    "(i) direct effect": Family(f"{FRONT_DOOR} T>Y A>Z A>Y", A, breaks="(i)"),
    "(i) hidden second mediator": Family(f"{FRONT_DOOR} T>W W>Y A>T A>W", A, breaks="(i)"),
    "(ii) hidden cause of treatment and mediator": Family(
        "L>T L>Z T>Z Z>Y A>T A>Y", A, breaks="(ii)"
    ),
    "(ii) auxiliary opens treatment to mediator": Family(
        "L>T L>A M>A M>Z T>Z A>Z Z>Y", A, breaks="(ii)"
    ),
    "(iii) hidden cause of mediator and outcome": Family(
        f"{FRONT_DOOR} V>Z V>Y A>Z A>Y", A, breaks="(iii)"
    ),
    "(iii) auxiliary opens mediator to outcome": Family(
        f"{FRONT_DOOR} L>A L>Z M>A M>Y", A, breaks="(iii)"
    ),
}
SATISFYING = {name: family for name, family in FAMILIES.items() if family.breaks is None}
BREAKING = {name: family for name, family in FAMILIES.items() if family.breaks is not None}


def joint_table(model: StructuralCausalModel, family: Family) -> np.ndarray:
    """P(t, a, z, y), the nodes of a role in one axis."""
    roles = (family.treatment, family.auxiliary, family.mediator, family.outcome)
    table = model.joint([node for nodes in roles for node in nodes])
    return table.reshape([prod(model.cardinalities[node] for node in nodes) for nodes in roles])


def truth(model: StructuralCausalModel, family: Family) -> dict[str, np.ndarray]:
    """P(y | t, a), P(y | do t, a) and P(y | do t), each of shape (t, a, y), from the full model."""
    n_t, n_a, _, n_y = joint_table(model, family).shape
    t, a, y = list(family.treatment), list(family.auxiliary), list(family.outcome)
    population = model.interventional(y, treatment=t).reshape(n_t, 1, n_y)
    return {
        "seeing": model.interventional(y, given=t + a).reshape(n_t, n_a, n_y),
        "conditional": model.interventional(y, treatment=t, given=a).reshape(n_t, n_a, n_y),
        "population": np.repeat(population, n_a, axis=1),
    }
