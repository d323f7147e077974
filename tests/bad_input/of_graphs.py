"""Bad arguments of the criterion, the exact adjustment and the simulators."""

import networkx as nx
import numpy as np

from skbetafd import PositivityError

from .good import JOINT, changed, of

SCM = "causal.StructuralCausalModel"
WORLD = "causal.ContinuousFrontDoorModel"
CYCLE = nx.DiGraph([("T", "Z"), ("Z", "Y"), ("Y", "T"), ("A", "Y")])
HIDDEN = nx.DiGraph([("T", "Z"), ("Z", "Y"), ("A", "Y")])
HIDDEN.add_node("Z", latent=True)
LATENT = nx.DiGraph([("T", "Y")])
LATENT.add_edge("T", "Z", latent=True)


def without(cell):
    """The joint distribution without some of its mass."""
    out = changed(JOINT, cell, 0.0)
    return out / out.sum()


CRITERION = [
    *of(
        "causal.check_criterion",
        ({"graph": {"T": ["Z"]}}, TypeError, "graph", "dict"),
        ({"graph": nx.Graph([("T", "Z")])}, TypeError, "graph", "Graph"),
        ({"graph": CYCLE}, ValueError, "cycle", "T → Z → Y → T"),
        ({"graph": nx.DiGraph()}, ValueError, "treatment 'T'", "[]"),
        ({"graph": HIDDEN}, ValueError, "mediator 'Z'", "latent"),
        ({"treatment": [["T"]]}, ValueError, "treatment ['T']"),
        ({"mediator": []}, ValueError, "mediator", "[]"),
        ({"mediator": np.array(["Z"])}, TypeError, "mediator", "array(['Z']"),
        ({"auxiliary": ["A", "Y"]}, ValueError, "'Y'", "outcome", "auxiliary"),
        ({"auxiliary": {"A": 1}}, TypeError, "auxiliary", "{'A': 1}"),
    ),
    *of(
        "causal.find_mediators",
        ({"candidates": ["Q"]}, ValueError, "candidate", "'Q'"),
        ({"candidates": 3}, TypeError, "candidates", "3"),
        ({"outcome": "T"}, ValueError, "'T'", "treatment", "outcome"),
        ({"treatment": ()}, ValueError, "treatment", "()"),
    ),
    *of(
        "causal.find_auxiliary",
        ({"candidates": [["A"]]}, ValueError, "candidate", "['A']"),
        ({"graph": [("T", "Z")]}, TypeError, "graph", "list"),
        ({"mediator": {"Q"}}, ValueError, "mediator 'Q'"),
    ),
]

ADJUSTMENTS = [
    *of(
        "causal.front_door_adjustment",
        ({"joint": JOINT[0]}, ValueError, "joint", "(2, 2, 2)"),
        ({"joint": JOINT * 2}, ValueError, "joint", "2"),
        ({"joint": changed(JOINT, (1, 0, 1, 0), -0.1)}, ValueError, "joint[(1, 0, 1, 0)]", "-0.1"),
        ({"joint": changed(JOINT, (0, 0, 0, 1), np.nan)}, ValueError, "joint[(0, 0, 0, 1)]", "nan"),
        ({"joint": "joint"}, TypeError, "joint", "'joint'"),
        ({"joint": JOINT + 1j}, TypeError, "joint", "complex"),
        ({"joint": [[1], [1, 2]]}, TypeError, "joint", "[[1], [1, 2]]"),
        ({"joint": without((1, 1))}, PositivityError, "P(t=1, a=1) = 0"),
        ({"joint": without((1, 1, 0))}, PositivityError, "P(z=0 | t=1, a=1) = 0"),
        ({"beta": 1.5}, ValueError, "beta", "1.5"),
        ({"beta": True}, TypeError, "beta", "True"),
        ({"effect": ["conditional"]}, ValueError, "effect", "['conditional']"),
    ),
    *of(
        "causal.stochastic_adjustment",
        ({"joint": JOINT[None]}, ValueError, "joint", "(1, 2, 2, 2, 2)"),
        ({"joint": without((1, 1, 0))}, PositivityError, "P(z=0 | t=1, a=1) = 0"),
    ),
]

MODELS = [
    *of(
        SCM,
        ({"graph_or_parents": [("T", "Y")]}, TypeError, "graph_or_parents", "[('T', 'Y')]"),
        ({"graph_or_parents": {"T": ["Q"]}}, ValueError, "'Q'", "'T'"),
        ({"graph_or_parents": {"T": [], "Y": ["T", "T"]}}, ValueError, "'Y'", "['T', 'T']"),
        ({"graph_or_parents": {"T": ["Y"], "Y": ["T"]}}, ValueError, "cycle", "T → Y → T"),
        ({"graph_or_parents": {"T": "Y", "Y": []}}, TypeError, "'T'", "'Y'"),
        ({"graph_or_parents": LATENT}, ValueError, "'T' → 'Z'", "latent"),
        ({"cardinalities": 0}, ValueError, "cardinality of 'U'", "0"),
        ({"cardinalities": {"U": 2}}, TypeError, "cardinality of 'T'", "None"),
        ({"tables": {"Q": [1]}}, ValueError, "tables", "'Q'"),
        ({"tables": {"U": [1.5, -0.5]}}, ValueError, "'U'", "[1.5, -0.5]"),
        ({"tables": {"U": [1]}}, ValueError, "'U'", "(2,)", "(1,)"),
        ({"tables": {"T": [[1, 0], [np.nan, 1]]}}, ValueError, "'T'", "(1,)", "nan"),
        ({"tables": [0.5, 0.5]}, TypeError, "tables", "[0.5, 0.5]"),
        ({"random_state": "seed"}, TypeError, "random_state", "'seed'"),
    ),
    *of(
        f"{SCM}.joint",
        ({"variables": "Q"}, ValueError, "variables", "'Q'", "'U', 'T', 'Z', 'Y'"),
        ({"variables": [["T"]]}, ValueError, "variables", "['T']"),
        ({"variables": ["T", "T"]}, ValueError, "variables", "['T', 'T']"),
    ),
    *of(
        f"{SCM}.do",
        ({"Q": 1}, ValueError, "do", "'Q'"),
        ({"T": 2}, ValueError, "do", "'T'", "2"),
        ({"T": [0.2, 0.2]}, ValueError, "'T'", "[0.2, 0.2]"),
        ({"T": None}, TypeError, "'T'", "None"),
        ({0: ["T"]}, TypeError, "['T']"),
    ),
    *of(
        f"{SCM}.shift",
        ({"Q": [1]}, ValueError, "shift", "'Q'"),
        ({"T": [0.5, 0.5]}, ValueError, "'T'", "(2, 2)", "(2,)"),
    ),
    *of(
        f"{SCM}.interventional",
        ({"outcome": ()}, ValueError, "outcome", "()"),
        ({"treatment": "Y"}, ValueError, "'Y'"),
        ({"given": 3}, ValueError, "given", "3"),
        ({"do": {"Z": 0}, "given": "Z"}, PositivityError, "'Z': 1", "0"),
    ),
    *of(
        f"{SCM}.sample",
        ({"n_samples": -1}, ValueError, "n_samples", "-1"),
        ({"random_state": "seed"}, TypeError, "random_state", "'seed'"),
    ),
    *of(
        WORLD,
        ({"n_classes": 4}, ValueError, "n_classes", "4"),
        ({"n_confounders": 2.0}, TypeError, "n_confounders", "2.0"),
        ({"sibling": 1.1}, ValueError, "sibling", "1.1"),
        ({"mediator_noise": np.nan}, ValueError, "mediator_noise", "nan"),
        ({"world": -1}, ValueError, "world", "-1"),
    ),
    *of(f"{WORLD}.mediator_mean", ({"t": np.zeros((5, 7))}, ValueError, "t", "a", "(5, 7)")),
    *of(f"{WORLD}.proba_seeing", ({"t": np.full((5, 8), np.nan)}, ValueError, "t", "nan")),
    *of(f"{WORLD}.proba_doing", ({"a": [["x", "y", "z"]] * 5}, TypeError, "a", "'x'")),
    *of(
        f"{WORLD}.sample",
        ({"n_samples": 0}, ValueError, "n_samples", "0"),
        ({"regime": "broken"}, ValueError, "regime", "'broken'"),
        ({"random_state": 0.5}, TypeError, "random_state", "0.5"),
    ),
]

CASES = [*CRITERION, *ADJUSTMENTS, *MODELS]
