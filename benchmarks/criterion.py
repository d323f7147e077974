"""The criterion against the truth and against y0, on graph families and on random graphs.

    pip install y0 && python benchmarks/criterion.py [--models 200] [--graphs 300]

Each family of tests/causal/families.py satisfies the criterion or breaks exactly one condition.
Asserted: `check_criterion` says so; where it holds, `front_door_adjustment` equals the truncated
factorisation of the full model to 1e-10 at every β and both effects; where one condition is broken,
the median error at β = 1 exceeds .005. y0's conditional identification (IDC, Shpitser and Pearl
2006) gets the latent projection of the same graphs: wherever the criterion holds it must find
P(y | do t, a) identified, by a formula that has the same value as ours on the same table.
Last comes the slope of the plug-in estimator's error over the number of rows.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from skbetafd import AntiCausalWarning, DiscreteFrontDoorClassifier, VacuousAdjustmentWarning
from skbetafd.causal import StructuralCausalModel, check_criterion, front_door_adjustment

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "causal"))
from families import FAMILIES, Family, joint_table, truth

try:
    from y0.algorithm.identify import Unidentifiable, identify_outcomes
    from y0.dsl import Fraction, One, Probability, Product, Sum, Variable
    from y0.graph import NxMixedGraph
except ImportError:
    sys.exit("benchmarks/criterion.py compares with y0, which is not installed: pip install y0")

BETAS, EFFECTS = (0, 0.3, 0.7, 1), ("conditional", "population")
EXACT, VISIBLE = 1e-10, 0.005
SIZES, SEEDS, MODEL = (100, 316, 1000, 3162, 10_000, 31_623, 100_000), 20, "A>T A>Z A>Y U>T U>Y"


def verdict(family: Family) -> list[str]:
    """Conditions that the checker reports as broken."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VacuousAdjustmentWarning)
        warnings.simplefilter("ignore", AntiCausalWarning)
        return list(check_criterion(family.graph, **family.sets).failures)


def worst_error(model: StructuralCausalModel, family: Family) -> float:
    """Largest error at any β, or at β = 1 alone where a condition is broken."""
    joint, exact = joint_table(model, family), truth(model, family)
    cases = itertools.product(EFFECTS, BETAS) if family.breaks is None else [("conditional", 1)]
    return max(
        float(
            np.abs(
                front_door_adjustment(joint, beta, effect)
                - ((1 - beta) * exact["seeing"] + beta * exact[effect])
            ).max()
        )
        for effect, beta in cases
    )


def projection(graph: nx.DiGraph) -> NxMixedGraph:
    """Project the hidden nodes away (Verma 1993).

    Every node gets a child of its own, which changes nothing but that no node can become isolated:
    y0 0.2.11 loses isolated nodes when it cuts edges, and then ends in a KeyError.
    """
    latent = dict(graph.nodes(data="latent"))

    def reached(node: str) -> set[str]:
        found: set[str] = set()
        for child in graph.successors(node):
            found |= reached(child) if latent[child] else {child}
        return found

    mixed = NxMixedGraph()
    for node in graph:
        if not latent[node]:
            for child in [*sorted(reached(node)), f"child_of_{node}"]:
                mixed.add_directed_edge(Variable(node), Variable(child))
    for node in graph:
        if latent[node]:
            for u, v in itertools.combinations(sorted(reached(node)), 2):
                mixed.add_undirected_edge(Variable(u), Variable(v))
    return mixed


def identified(family: Family) -> Any:
    """y0's formula for P(y | do t, a), or None."""
    sets = {role: {Variable(node) for node in nodes} for role, nodes in family.sets.items()}
    try:
        return identify_outcomes(
            projection(family.graph),
            treatments=sets["treatment"],
            outcomes=sets["outcome"],
            conditions=sets["auxiliary"] or None,
        )
    except Unidentifiable:
        return None


class Table:
    """A function of some variables, each an axis of its own in the order of `nodes`."""

    def __init__(self, model: StructuralCausalModel, nodes: list[str]) -> None:
        self.nodes, self.joint = nodes, model.joint(nodes)

    def value(self, formula: Any) -> np.ndarray:
        """Evaluate y0's formula; an axis of length 1 where it does not depend on a variable."""
        if isinstance(formula, One):
            return np.ones([1] * len(self.nodes))
        if isinstance(formula, Probability):
            children, parents = formula.distribution.children, formula.distribution.parents
            return self.marginal({*children, *parents}) / self.marginal(set(parents))
        if isinstance(formula, Product):
            factors = [self.value(factor) for factor in formula.expressions]
            return np.prod(np.broadcast_arrays(*factors), axis=0)
        if isinstance(formula, Fraction):
            return self.value(formula.numerator) / self.value(formula.denominator)
        if isinstance(formula, Sum):
            inner = self.value(formula.expression)
            return self.total(inner, {variable.name for variable in formula.ranges})
        raise TypeError(f"no rule for {type(formula).__name__}: {formula}")

    def marginal(self, variables: set[Any]) -> np.ndarray:
        """Sum the joint over all other variables."""
        return self.total(self.joint, set(self.nodes) - {variable.name for variable in variables})

    def total(self, table: np.ndarray, names: set[str]) -> np.ndarray:
        """Sum over every value of the named variables, also where the table is constant."""
        full = [
            n if node in names else table.shape[i]
            for i, (node, n) in enumerate(zip(self.nodes, self.joint.shape, strict=True))
        ]
        axes = tuple(i for i, node in enumerate(self.nodes) if node in names)
        return np.broadcast_to(table, full).sum(axis=axes, keepdims=True)


def y0_doing(formula: Any, model: StructuralCausalModel, family: Family) -> np.ndarray:
    """y0's P(y | do t, a) as a table of shape (t, a, y)."""
    roles = [family.treatment, family.auxiliary, family.outcome, family.mediator]
    table = Table(model, [node for nodes in roles for node in nodes])
    value = table.value(formula)
    kept = table.joint.ndim - len(family.mediator)
    if any(n > 1 for n in value.shape[kept:]):
        raise ValueError(f"the formula depends on the mediator: {formula}")
    value = np.broadcast_to(value, table.joint.shape[:kept] + value.shape[kept:])
    n_t, n_a, _, n_y = joint_table(model, family).shape
    return value.reshape(n_t, n_a, n_y)


def compare_families(n_models: int) -> int:
    """Print and assert the table; return the number of models."""
    print(f"{'family':<50} breaks  reported  models  median    max       y0 − truth")
    for name, family in FAMILIES.items():
        rng = np.random.default_rng(0)
        formula, reported = identified(family), verdict(family)
        errors, y0_errors = [], []
        for _ in range(n_models):
            model = family.draw(rng)
            errors.append(worst_error(model, family))
            if formula is not None and len(y0_errors) < 20:
                gap = y0_doing(formula, model, family) - truth(model, family)["conditional"]
                y0_errors.append(np.abs(gap).max())
        y0_says = f"{max(y0_errors):.1e}" if y0_errors else "not identified"
        print(
            f"{name:<50} {family.breaks or '–':<7} {', '.join(reported) or '–':<9} "
            f"{len(errors):>6}  {np.median(errors):.1e}   {max(errors):.1e}   {y0_says}"
        )
        assert reported == ([family.breaks] if family.breaks else []), name
        assert not y0_errors or max(y0_errors) <= EXACT, name
        if family.breaks is None:
            assert max(errors) <= EXACT, name
            assert y0_errors, name
        else:
            assert np.median(errors) > VISIBLE, name
    return n_models * len(FAMILIES)


def random_family(rng: np.random.Generator) -> Family:
    """Draw a front door in the middle of random edges."""
    order = ["U", "V", *rng.permutation(["A", "T"]), "Z", "Y"]
    pairs = itertools.combinations(order, 2)
    edges = {"T>Z", "Z>Y"} | {f"{u}>{v}" for u, v in pairs if rng.random() < 0.35}
    return Family(" ".join(sorted(edges)), ("A",))


def compare_random_graphs(n_graphs: int) -> None:
    """Assert y0's agreement wherever the criterion holds; count where y0 alone identifies."""
    rng = np.random.default_rng(0)
    both, y0_alone, neither = 0, 0, 0
    for _ in range(n_graphs):
        family = random_family(rng)
        formula, satisfied = identified(family), not verdict(family)
        assert formula is not None or not satisfied, f"y0 does not identify {family.edges}"
        if satisfied:
            model = family.draw(rng)
            ours = front_door_adjustment(joint_table(model, family))
            assert np.abs(ours - y0_doing(formula, model, family)).max() <= EXACT, family.edges
        both += satisfied
        y0_alone += formula is not None and not satisfied
        neither += formula is None
    print(
        f"{n_graphs} random graphs: the criterion holds in {both}, y0 identifies all of them and "
        f"by equal values; {y0_alone} more are identified otherwise, {neither} not at all"
    )
    assert both >= n_graphs // 20


def plug_in_slope() -> None:
    """Print and assert the slope of the plug-in error in the number of rows."""
    graph = nx.DiGraph(edge.split(">") for edge in f"{MODEL} T>Z Z>Y".split())
    grid = list(np.indices((2, 2)).reshape(2, -1, 1))
    errors = np.zeros((SEEDS, len(SIZES)))
    for seed in range(SEEDS):
        model = StructuralCausalModel(graph, 2, random_state=seed)
        doing = model.interventional("Y", treatment="T", given="A").reshape(4, 2)
        for i, n in enumerate(SIZES):
            rows = model.sample(n, random_state=seed)
            clf = DiscreteFrontDoorClassifier()
            clf.fit([rows["T"][:, None], rows["A"][:, None]], rows["Y"], mediator=rows["Z"])
            gap = np.abs(clf.predict_proba(grid) - doing).mean(axis=1)
            errors[seed, i] = model.joint(["T", "A"]).ravel() @ gap
    slope = np.polyfit(np.log(SIZES), np.log(errors.mean(axis=0)), 1)[0]
    print(f"plug-in error over n = {SIZES[0]} … {SIZES[-1]}: {errors.mean(axis=0).round(4)}")
    print(f"slope {slope:.3f}, {SEEDS} models")
    assert abs(slope + 0.5) <= 0.1, slope


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=200, help="models a family")
    parser.add_argument("--graphs", type=int, default=300, help="random graphs")
    arguments = parser.parse_args()
    print(f"numpy {np.__version__}, networkx {nx.__version__}, y0 {version('y0')}")
    print(f"{compare_families(arguments.models)} models")
    compare_random_graphs(arguments.graphs)
    plug_in_slope()


if __name__ == "__main__":
    main()
