"""Bad arguments of the criterion, the exact adjustment and the simulators."""

import networkx as nx
import numpy as np

from skbetafd import PositivityError

from .good import JOINT

CHECK, MEDIATORS, AUXILIARY = (
    f"causal.{name}" for name in ("check_criterion", "find_mediators", "find_auxiliary")
)
ADJUST = "causal.front_door_adjustment"
SCM = "causal.StructuralCausalModel"
WORLD = "causal.ContinuousFrontDoorModel"
CYCLE = nx.DiGraph([("T", "Z"), ("Z", "Y"), ("Y", "T"), ("A", "Y")])
HIDDEN = nx.DiGraph([("T", "Z"), ("Z", "Y"), ("A", "Y")])
HIDDEN.add_node("Z", latent=True)


def of(entry, *cases):
    return [(entry, bad, error, words) for bad, error, *words in cases]


def cell(index, value, total=None):
    out = JOINT.copy()
    out[index] = value
    return out if total is None else out / out.sum()


CRITERION = [
    *of(
        CHECK,
        ({"graph": None}, TypeError, "graph", "NoneType"),
        ({"graph": {"T": ["Z"]}}, TypeError, "graph", "dict"),
        ({"graph": "T -> Z -> Y"}, TypeError, "graph", "str"),
        ({"graph": nx.Graph([("T", "Z")])}, TypeError, "graph", "Graph"),
        ({"graph": CYCLE}, ValueError, "graph has a cycle", "T → Z → Y → T"),
        ({"graph": nx.DiGraph([("T", "T")])}, ValueError, "cycle", "T → T"),
        ({"graph": nx.DiGraph()}, ValueError, "treatment 'T'", "[]"),
        ({"graph": HIDDEN}, ValueError, "mediator 'Z' is latent"),
        ({"treatment": "Q"}, ValueError, "treatment 'Q'", "'T', 'Z', 'Y', 'A'"),
        ({"outcome": ["Y", "Q"]}, ValueError, "outcome 'Q'"),
        ({"mediator": []}, ValueError, "mediator", "[]"),
        ({"mediator": "T"}, ValueError, "'T' is both treatment and mediator"),
        ({"auxiliary": ["A", "Y"]}, ValueError, "'Y' is both outcome and auxiliary"),
        ({"auxiliary": {"A": 1}}, TypeError, "auxiliary", "{'A': 1}"),
        ({"treatment": None}, ValueError, "treatment None"),
        ({"treatment": [["T"]]}, ValueError, "treatment ['T'] is no node"),
        ({"mediator": np.array(["Z"])}, TypeError, "mediator", "array(['Z']"),
    ),
    *of(
        MEDIATORS,
        ({"candidates": ["Q"]}, ValueError, "candidate", "'Q'"),
        ({"candidates": 3}, TypeError, "candidates", "3"),
        ({"outcome": "T"}, ValueError, "'T' is both treatment and outcome"),
        ({"graph": CYCLE}, ValueError, "cycle", "T → Z → Y → T"),
        ({"treatment": ()}, ValueError, "treatment", "()"),
        ({"auxiliary": 3.5}, ValueError, "auxiliary 3.5"),
    ),
    *of(
        AUXILIARY,
        ({"candidates": [["A"]]}, ValueError, "candidate", "['A']"),
        ({"mediator": "Y"}, ValueError, "'Y' is both outcome and mediator"),
        ({"graph": [("T", "Z")]}, TypeError, "graph", "list"),
        ({"mediator": {"Q"}}, ValueError, "mediator 'Q'"),
        ({"outcome": frozenset()}, ValueError, "outcome", "frozenset()"),
    ),
]

ADJUSTMENTS = [
    *of(
        ADJUST,
        ({"joint": JOINT[0]}, ValueError, "joint", "(2, 2, 2)"),
        ({"joint": np.zeros((2, 0, 2, 2))}, ValueError, "joint", "(2, 0, 2, 2)"),
        ({"joint": JOINT * 2}, ValueError, "joint must sum to 1, got 2"),
        ({"joint": cell((1, 0, 1, 0), -0.1)}, ValueError, "joint[(1, 0, 1, 0)]", "-0.1"),
        ({"joint": cell((0, 0, 0, 1), np.nan)}, ValueError, "joint[(0, 0, 0, 1)]", "nan"),
        ({"joint": "joint"}, TypeError, "joint", "'joint'"),
        ({"joint": None}, TypeError, "joint", "None"),
        ({"joint": JOINT + 1j}, TypeError, "joint", "complex"),
        ({"joint": [[1], [1, 2]]}, TypeError, "joint", "[[1], [1, 2]]"),
        ({"joint": cell((1, 1), 0, 1)}, PositivityError, "P(t=1, a=1) = 0"),
        ({"joint": cell((1, 1, 0), 0, 1)}, PositivityError, "P(z=0 | t=1, a=1) = 0"),
        ({"beta": 1.5}, ValueError, "beta", "1.5"),
        ({"beta": np.nan}, ValueError, "beta", "nan"),
        ({"beta": True}, TypeError, "beta", "True"),
        ({"beta": [0.5]}, TypeError, "beta", "[0.5]"),
        ({"effect": "both"}, ValueError, "effect", "'both'"),
        ({"effect": ["conditional"]}, ValueError, "effect", "['conditional']"),
    ),
    *of(
        "causal.stochastic_adjustment",
        ({"joint": JOINT[None]}, ValueError, "joint", "(1, 2, 2, 2, 2)"),
        ({"joint": cell((0, 0, 0, 0), np.inf)}, ValueError, "joint", "inf"),
        ({"joint": {}}, TypeError, "joint", "{}"),
        ({"joint": cell((1, 1, 0), 0, 1)}, PositivityError, "P(z=0 | t=1, a=1) = 0"),
    ),
]

LATENT = nx.DiGraph([("T", "Y")])
LATENT.add_edge("T", "Z", latent=True)

MODELS = [
    *of(
        SCM,
        ({"graph_or_parents": [("T", "Y")]}, TypeError, "graph_or_parents", "[('T', 'Y')]"),
        ({"graph_or_parents": None}, TypeError, "graph_or_parents", "None"),
        ({"graph_or_parents": {"T": ["Q"]}}, ValueError, "'Q'", "'T'"),
        ({"graph_or_parents": {"T": [], "Y": ["T", "T"]}}, ValueError, "'Y'", "['T', 'T']"),
        ({"graph_or_parents": {"T": ["Y"], "Y": ["T"]}}, ValueError, "cycle", "T → Y → T"),
        ({"graph_or_parents": {"T": 3}}, TypeError, "'T'", "3"),
        ({"graph_or_parents": {"T": "Y", "Y": []}}, TypeError, "'T'", "got 'Y'"),
        ({"graph_or_parents": LATENT}, ValueError, "'T' → 'Z' is latent"),
        ({"cardinalities": 0}, ValueError, "cardinality of 'U'", "0"),
        ({"cardinalities": 2.0}, TypeError, "cardinality of 'U'", "2.0"),
        ({"cardinalities": True}, TypeError, "cardinality of 'U'", "True"),
        ({"cardinalities": {"U": 2}}, TypeError, "cardinality of 'T'", "None"),
        ({"tables": {"Q": [1]}}, ValueError, "tables", "'Q'"),
        ({"tables": {"U": [0.5, 0.6]}}, ValueError, "'U'", "[0.5, 0.6]"),
        ({"tables": {"U": [1.5, -0.5]}}, ValueError, "'U'", "[1.5, -0.5]"),
        ({"tables": {"U": [1]}}, ValueError, "'U'", "(2,)", "(1,)"),
        ({"tables": {"T": [[1, 0], [np.nan, 1]]}}, ValueError, "'T'", "(1,)", "nan"),
        ({"tables": {"U": "even"}}, TypeError, "'U'", "'even'"),
        ({"tables": [0.5, 0.5]}, TypeError, "tables", "[0.5, 0.5]"),
        ({"random_state": "seed"}, TypeError, "random_state", "'seed'"),
        ({"random_state": -1}, ValueError, "random_state", "-1"),
    ),
    *of(
        f"{SCM}.joint",
        ({"variables": "Q"}, ValueError, "variables", "'Q'", "'U', 'T', 'Z', 'Y'"),
        ({"variables": ["T", "T"]}, ValueError, "variables", "['T', 'T']"),
        ({"variables": 3}, ValueError, "variables", "3"),
        ({"variables": [["T"]]}, ValueError, "variables", "['T']"),
    ),
    *of(
        f"{SCM}.do",
        ({"Q": 1}, ValueError, "do", "'Q'"),
        ({"T": 2}, ValueError, "do", "'T'", "got 2"),
        ({"T": -1}, ValueError, "do", "'T'", "got -1"),
        ({"T": [0.2, 0.2]}, ValueError, "'T'", "[0.2, 0.2]"),
        ({"T": [1]}, ValueError, "'T'", "(1,)"),
        ({"T": "on"}, TypeError, "'T'", "'on'"),
        ({"T": None}, TypeError, "'T'", "None"),
        ({0: ["T"]}, TypeError, "['T']"),
    ),
    *of(
        f"{SCM}.shift",
        ({"Q": [1]}, ValueError, "shift", "'Q'"),
        ({"T": [0.5, 0.5]}, ValueError, "'T'", "(2, 2)", "(2,)"),
        ({"U": [2, -1]}, ValueError, "'U'", "[2.0, -1.0]"),
        ({"U": "even"}, TypeError, "'U'", "'even'"),
        ({0: 3}, TypeError, "3"),
    ),
    *of(
        f"{SCM}.interventional",
        ({"outcome": "Q"}, ValueError, "outcome", "'Q'"),
        ({"outcome": ()}, ValueError, "outcome", "()"),
        ({"treatment": "Y"}, ValueError, "'Y' is in two of"),
        ({"given": ["Z", "Y"]}, ValueError, "'Y' is in two of"),
        ({"given": 3}, ValueError, "given", "3"),
        ({"do": {"Q": 1}}, ValueError, "do", "'Q'"),
        ({"do": {"Z": 5}}, ValueError, "do", "'Z'", "got 5"),
        ({"do": {"Z": 0}, "given": "Z"}, PositivityError, "'Z': 1", "probability 0"),
    ),
    *of(
        f"{SCM}.sample",
        ({"n_samples": -1}, ValueError, "n_samples", "-1"),
        ({"n_samples": 2.5}, TypeError, "n_samples", "2.5"),
        ({"n_samples": "ten"}, TypeError, "n_samples", "'ten'"),
        ({"random_state": "seed"}, TypeError, "random_state", "'seed'"),
    ),
]

WORLDS = [
    *of(
        WORLD,
        ({"n_classes": 4}, ValueError, "n_classes", "4"),
        ({"n_classes": "two"}, TypeError, "n_classes", "'two'"),
        ({"n_confounders": 1}, ValueError, "n_confounders", "1"),
        ({"n_confounders": 2.0}, TypeError, "n_confounders", "2.0"),
        ({"sibling": 1.1}, ValueError, "sibling", "1.1"),
        ({"sibling": None}, TypeError, "sibling", "None"),
        ({"mediator_noise": 0}, ValueError, "mediator_noise", "0"),
        ({"mediator_noise": np.nan}, ValueError, "mediator_noise", "nan"),
        ({"confounding": -1}, ValueError, "confounding", "-1"),
        ({"confounding": True}, TypeError, "confounding", "True"),
        ({"world": -1}, ValueError, "world", "-1"),
        ({"world": 0.5}, TypeError, "world", "0.5"),
    ),
    *of(
        f"{WORLD}.mediator_mean",
        ({"t": np.zeros((5, 7))}, ValueError, "t and a", "(5, 7)"),
        ({"a": np.zeros((4, 3))}, ValueError, "t and a", "(4, 3)"),
        ({"t": 3}, ValueError, "t and a", "()"),
        ({"a": 3}, ValueError, "t and a", "()"),
    ),
    *of(
        f"{WORLD}.proba_seeing",
        ({"t": "text"}, TypeError, "t", "'text'"),
        ({"a": None}, TypeError, "a", "None"),
        ({"t": np.full((5, 8), np.nan)}, ValueError, "t", "nan"),
    ),
    *of(
        f"{WORLD}.proba_doing",
        ({"t": np.zeros(8)}, ValueError, "t and a", "(8,)"),
        ({"a": [["x", "y", "z"]] * 5}, TypeError, "a", "'x'"),
        ({"a": np.full((5, 3), np.inf)}, ValueError, "a", "inf"),
    ),
    *of(
        f"{WORLD}.sample",
        ({"n_samples": 0}, ValueError, "n_samples", "0"),
        ({"n_samples": "ten"}, TypeError, "n_samples", "'ten'"),
        ({"regime": "broken"}, ValueError, "regime", "'broken'"),
        ({"regime": None}, ValueError, "regime", "None"),
        ({"regime": ["iid"]}, ValueError, "regime", "['iid']"),
        ({"random_state": -1}, ValueError, "random_state", "-1"),
        ({"random_state": 0.5}, TypeError, "random_state", "0.5"),
    ),
]

CASES = [*CRITERION, *ADJUSTMENTS, *MODELS, *WORLDS]
