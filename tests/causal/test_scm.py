import itertools
import sys

import networkx as nx
import numpy as np
import pytest

from skbetafd import PositivityError
from skbetafd.causal import StructuralCausalModel

PARENTS = {"Y": ["Z", "U"], "Z": ["T", "A"], "U": [], "T": ["U", "A"], "A": []}
CARDINALITIES = {"U": 2, "A": 3, "T": 2, "Z": 4, "Y": 3}


@pytest.fixture
def model():
    return StructuralCausalModel(PARENTS, CARDINALITIES, random_state=0)


def probability(model, values, forced=()):
    """Truncated factorisation of one full assignment."""
    factors = [
        model.tables[node][(*(values[p] for p in model.parents[node]), values[node])]
        for node in model.parents
        if node not in forced
    ]
    return np.prod(factors)


def listed(model, axes, forced=()):
    """A table by summing over every assignment."""
    nodes = list(model.parents)
    table = np.zeros([model.cardinalities[node] for node in axes])
    for cell in itertools.product(*(range(model.cardinalities[node]) for node in nodes)):
        values = dict(zip(nodes, cell, strict=True))
        table[tuple(values[node] for node in axes)] += probability(model, values, forced)
    return table


@pytest.mark.parametrize("axes", ["Y", "TAZY", "YZT", "UA"])
def test_the_joint_is_the_sum_over_all_assignments_in_the_asked_order(model, axes):
    joint = model.joint(list(axes))
    assert joint.shape == tuple(CARDINALITIES[node] for node in axes)
    np.testing.assert_allclose(joint, listed(model, axes), rtol=1e-12)
    assert joint.sum() == pytest.approx(1, abs=1e-12)


def test_the_interventional_distribution_is_the_truncated_factorisation(model):
    table = listed(model, "TAY", forced="T")
    expected = table / table.sum(axis=2, keepdims=True)
    found = model.interventional("Y", treatment="T", given=["A"])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    for t in range(2):
        fixed = model.interventional("Y", do={"T": t}, given="A")
        np.testing.assert_allclose(fixed, expected[t], rtol=1e-12)
    seen = model.interventional("Y", given=["T", "A"])
    assert np.abs(seen - expected).max() > 0.01


def test_conditioning_on_an_effect_of_the_treatment_works(model):
    table = listed(model, "TZY", forced="T")
    expected = table / table.sum(axis=2, keepdims=True)
    found = model.interventional(["Y"], treatment=["T"], given="Z")
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_several_nodes_a_role_get_an_axis_each(model):
    found = model.interventional(["Y", "Z"], treatment=["T", "U"], given="A")
    table = listed(model, "TUAYZ", forced="TU")
    np.testing.assert_allclose(found, table / table.sum(axis=(3, 4), keepdims=True), rtol=1e-12)


def test_a_treatment_without_an_effect_has_its_axis_all_the_same(model):
    found = model.interventional("A", treatment="Y")
    assert found.shape == (3, 3)
    np.testing.assert_allclose(found, np.tile(model.joint("A"), (3, 1)), rtol=1e-12)


def test_do_cuts_a_node_from_its_causes(model):
    forced = model.do(T=1)
    assert forced.parents["T"] == ()
    assert model.parents["T"] == ("U", "A")
    np.testing.assert_array_equal(forced.joint("T"), [0, 1])
    np.testing.assert_allclose(forced.joint("U"), model.joint("U"), rtol=1e-12)
    np.testing.assert_allclose(
        forced.joint("Y"), model.interventional("Y", treatment="T")[1], rtol=1e-12
    )


def test_do_with_a_distribution_mixes_the_values(model):
    mixed = model.do({"T": [0.25, 0.75]}).joint("Y")
    expected = [0.25, 0.75] @ model.interventional("Y", treatment="T")
    np.testing.assert_allclose(mixed, expected, rtol=1e-12)
    soft = model.interventional("Y", do={"T": [0.25, 0.75]})
    np.testing.assert_allclose(soft, expected, rtol=1e-12)


def test_shift_replaces_a_mechanism_and_keeps_its_causes(model):
    table = np.full((2, 3, 2), 0.5)
    shifted = model.shift(T=table)
    assert shifted.parents == model.parents
    np.testing.assert_allclose(shifted.joint(["U", "T"]), model.joint("U")[:, None] / [2, 2])
    np.testing.assert_array_equal(shifted.tables["Y"], model.tables["Y"])
    assert np.abs(model.tables["T"] - table).max() > 0.1
    by_name = model.shift({"U": [1.0, 0.0]})
    np.testing.assert_array_equal(by_name.joint("U"), [1, 0])


def test_samples_follow_the_joint(model):
    rows = model.sample(200_000, random_state=0)
    assert set(rows) == set(PARENTS)
    assert all(column.shape == (200_000,) for column in rows.values())
    counts = np.zeros((2, 2, 3, 4, 3))
    np.add.at(counts, tuple(rows[node] for node in "TUAZY"), 1 / 200_000)
    np.testing.assert_allclose(counts, model.joint(list("TUAZY")), atol=0.005)


def test_equal_seeds_give_equal_tables_and_samples():
    first, second, other = (
        StructuralCausalModel(PARENTS, 3, random_state=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.tables["Y"], second.tables["Y"])
    assert np.abs(first.tables["Y"] - other.tables["Y"]).max() > 0.01
    rows, same = (first.sample(50, random_state=np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(rows["Y"], same["Y"])
    assert (first.sample(50, random_state=4)["Z"] != rows["Z"]).any()


def test_a_value_of_probability_0_is_never_drawn_and_one_of_1_always():
    model = StructuralCausalModel({"X": []}, 3, tables={"X": [0, 1, 0]})
    assert (model.sample(1000, random_state=0)["X"] == 1).all()


def test_given_tables_are_used_and_the_others_drawn():
    table = [[0.1, 0.9], [0.7, 0.3]]
    model = StructuralCausalModel({"X": [], "Y": ["X"]}, 2, {"Y": table}, random_state=0)
    np.testing.assert_array_equal(model.tables["Y"], table)
    assert model.tables["X"].shape == (2,)


def test_a_networkx_graph_is_read_as_its_parents():
    graph = nx.DiGraph((parent, node) for node in PARENTS for parent in PARENTS[node])
    model = StructuralCausalModel(graph, CARDINALITIES, random_state=0)
    assert {node: set(causes) for node, causes in model.parents.items()} == {
        node: set(causes) for node, causes in PARENTS.items()
    }


def test_a_mapping_needs_no_networkx(monkeypatch):
    monkeypatch.setitem(sys.modules, "networkx", None)
    assert StructuralCausalModel(PARENTS, 2).joint("Y").shape == (2,)


def test_what_is_not_involved_may_be_large_and_too_much_is_refused():
    chain = {i: [i - 1] if i else [] for i in range(80)}
    model = StructuralCausalModel(chain, 2, random_state=0)
    power = np.linalg.multi_dot([model.tables[i] for i in range(1, 50)])
    np.testing.assert_allclose(model.joint([49]), model.tables[0] @ power, rtol=1e-12)
    with pytest.raises(ValueError, match="involves 80 nodes, 52 are the most"):
        model.joint([79])


def test_conditioning_on_the_impossible_is_refused_with_its_case():
    model = StructuralCausalModel({"A": [], "Y": ["A"]}, 2, {"A": [1, 0]}, random_state=0)
    with pytest.raises(PositivityError, match=r"\{'A': 1\} has probability 0"):
        model.interventional("Y", given="A")
