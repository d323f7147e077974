import itertools

import networkx as nx
import numpy as np
import pytest
from families import BREAKING, FAMILIES, SATISFYING, Family, joint_table, truth
from hypothesis import given, settings
from hypothesis import strategies as st

from skbetafd import PositivityError
from skbetafd.causal import check_criterion, front_door_adjustment, stochastic_adjustment

BETAS = (0, 0.3, 1)
EFFECTS = ("conditional", "population")
QUIET = (
    pytest.mark.filterwarnings("ignore::skbetafd.VacuousAdjustmentWarning"),
    pytest.mark.filterwarnings("ignore::skbetafd.AntiCausalWarning"),
)


def quiet(test):
    for mark in QUIET:
        test = mark(test)
    return test


def worst_error(model, family, effects=EFFECTS, betas=BETAS):
    joint, exact = joint_table(model, family), truth(model, family)
    return max(
        np.abs(
            front_door_adjustment(joint, beta, effect)
            - ((1 - beta) * exact["seeing"] + beta * exact[effect])
        ).max()
        for effect, beta in itertools.product(effects, betas)
    )


@quiet
@pytest.mark.parametrize("name", SATISFYING)
def test_under_the_criterion_the_adjustment_is_the_truth(name):
    family = SATISFYING[name]
    assert check_criterion(family.graph, **family.sets).satisfied
    rng = np.random.default_rng(0)
    assert max(worst_error(family.draw(rng), family) for _ in range(100)) <= 1e-10


@pytest.mark.parametrize("name", BREAKING)
def test_breaking_one_condition_is_visible(name):
    family = BREAKING[name]
    assert set(check_criterion(family.graph, **family.sets).failures) == {family.breaks}
    rng = np.random.default_rng(0)
    errors = [worst_error(family.draw(rng), family, ["conditional"], [1]) for _ in range(40)]
    assert np.median(errors) > 0.005


def test_there_are_enough_families_and_models():
    assert len(FAMILIES) >= 12
    assert 100 * len(SATISFYING) + 40 * len(BREAKING) >= 2000
    assert {family.breaks for family in BREAKING.values()} == {"(0)", "(i)", "(ii)", "(iii)"}


def test_without_the_confounder_even_an_effect_of_the_outcome_may_do_no_harm():
    family = Family("T>Z Z>Y Y>A", ("A",))
    assert not check_criterion(family.graph, **family.sets)  # sufficient, not necessary
    rng = np.random.default_rng(0)
    assert max(worst_error(family.draw(rng), family, ["conditional"]) for _ in range(20)) <= 1e-10


@st.composite
def random_families(draw):
    """Random graphs over T, Z, Y, an auxiliary or two, and two hidden nodes."""
    auxiliary = draw(st.sampled_from([(), ("A",), ("A", "B")]))
    order = draw(st.permutations(["T", "Z", "Y", "U", "V", *auxiliary]))
    pairs = [f"{u}>{v}" for u, v in itertools.combinations(order, 2)]
    return Family(" ".join(edge for edge in pairs if draw(st.booleans())), auxiliary)


@quiet
@settings(max_examples=400)
@given(random_families(), st.integers(0, 2**32 - 1))
def test_no_random_graph_satisfies_the_criterion_and_gives_another_answer(family, seed):
    if check_criterion(family.graph, **family.sets):
        assert worst_error(family.draw(np.random.default_rng(seed)), family) <= 1e-10


@quiet
def test_among_random_graphs_around_a_front_door_many_satisfy_it_and_all_of_them_are_exact():
    rng = np.random.default_rng(0)
    n_satisfied, wrong_when_not = 0, []
    for _ in range(400):
        edges = {"U>T", "U>Y", "T>Z", "Z>Y"}
        order = ["U", "V", *rng.permutation(["A", "T"]), "Z", "Y"]
        pairs = itertools.combinations(order, 2)
        edges |= {f"{u}>{v}" for u, v in pairs if rng.random() < 0.25}
        family = Family(" ".join(sorted(edges)), ("A",))
        error = worst_error(family.draw(rng), family)
        if check_criterion(family.graph, **family.sets):
            n_satisfied += 1
            assert error <= 1e-10
        else:
            wrong_when_not.append(error > 1e-6)
    assert n_satisfied > 40
    assert np.mean(wrong_when_not) > 0.95


@quiet
def test_the_stochastic_adjustment_is_the_population_effect_exactly_where_the_shortcut_holds():
    rng = np.random.default_rng(0)
    shortcuts = set()
    for name, family in SATISFYING.items():
        if family.no_effect:
            continue  # where nothing has an effect, any intervention on Z has the right one
        report = check_criterion(family.graph, **family.sets)
        errors = [
            np.abs(stochastic_adjustment(joint_table(m, family)) - truth(m, family)["population"])
            for m in (family.draw(rng) for _ in range(20))
        ]
        if report.population_effect_shortcut:
            assert max(error.max() for error in errors) <= 1e-10, name
        else:
            assert np.median([error.max() for error in errors]) > 0.005, name
        shortcuts.add(report.population_effect_shortcut)
    assert shortcuts == {True, False}


def spelled_out(joint, beta):
    """The definition, cell by cell."""
    out = np.zeros((joint.shape[0], joint.shape[1], joint.shape[3]))
    for t, a, y, z, s in np.ndindex(*out.shape, joint.shape[2], joint.shape[0]):
        p_z = joint[t, a, z].sum() / joint[t, a].sum()
        p_y = joint[s, a, z, y] / joint[s, a, z].sum()
        q = (1 - beta) * (s == t) + beta * joint[s, a].sum() / joint[:, a].sum()
        out[t, a, y] += p_z * p_y * q
    return out


@pytest.mark.parametrize("beta", [0, 0.25, 1])
def test_any_table_is_adjusted_by_the_definition(beta):
    joint = np.random.default_rng(0).dirichlet(np.ones(72)).reshape(3, 2, 4, 3)
    adjusted = front_door_adjustment(joint, beta)
    np.testing.assert_allclose(adjusted, spelled_out(joint, beta), rtol=1e-12)
    np.testing.assert_allclose(adjusted.sum(axis=2), 1, rtol=1e-12)


def test_at_beta_0_the_effect_does_not_matter_and_at_beta_1_the_population_s_not_the_auxiliary():
    joint = np.random.default_rng(0).dirichlet(np.ones(36)).reshape(2, 3, 2, 3)
    seeing = joint.sum(axis=2) / joint.sum(axis=(2, 3))[:, :, None]
    for effect in EFFECTS:
        np.testing.assert_allclose(front_door_adjustment(joint, 0, effect), seeing, rtol=1e-12)
    population = front_door_adjustment(joint, effect="population")
    assert np.ptp(population, axis=1).max() == 0
    mean = np.einsum("a,tay->ty", joint.sum(axis=(0, 2, 3)), front_door_adjustment(joint))
    np.testing.assert_allclose(population[:, 0], mean, rtol=1e-12)


def test_the_table_is_left_as_it_was_and_a_list_will_do():
    joint = np.full((2, 1, 2, 2), 1 / 8)
    joint.flags.writeable = False
    for adjust in (front_door_adjustment, stochastic_adjustment):
        np.testing.assert_array_equal(adjust(joint.tolist()), adjust(joint))


def with_zero(*cells, shape=(2, 2, 2, 2)):
    """A random table in which some cells have no probability."""
    joint = np.random.default_rng(0).dirichlet(np.ones(np.prod(shape))).reshape(shape)
    for cell in cells:
        joint[cell] = 0
    return joint / joint.sum()


def test_a_mediator_value_that_never_meets_another_treatment_is_named_unless_beta_is_0():
    joint = with_zero((0, 1, 1))
    for effect, beta in itertools.product(EFFECTS, (0.01, 1)):
        with pytest.raises(PositivityError, match=r"P\(z=1 \| t=0, a=1\) = 0, but z=1 occurs"):
            front_door_adjustment(joint, beta, effect)
    assert np.isfinite(front_door_adjustment(joint, 0)).all()
    with pytest.raises(PositivityError, match=r"P\(z=1 \| t=0, a=1\) = 0"):
        stochastic_adjustment(joint)


def test_a_mediator_value_that_an_auxiliary_excludes_does_not_matter_within_it():
    joint = with_zero((slice(None), 1, 1))
    for effect in EFFECTS:
        assert np.isfinite(front_door_adjustment(joint, 1, effect)).all()
    with pytest.raises(PositivityError, match=r"P\(z=1 \| t=0, a=1\) = 0, but z=1 occurs with ot"):
        stochastic_adjustment(joint)


def test_a_case_that_never_occurs_is_named():
    joint = with_zero((1, 0))
    for effect, beta in itertools.product(EFFECTS, BETAS):
        with pytest.raises(PositivityError, match=r"P\(t=1, a=0\) = 0"):
            front_door_adjustment(joint, beta, effect)
    with pytest.raises(PositivityError, match=r"P\(t=1, a=0\) = 0"):
        stochastic_adjustment(joint)


def test_an_auxiliary_value_that_never_occurs_matters_to_all_but_the_population_effect():
    joint = with_zero((slice(None), 1))
    population = front_door_adjustment(joint, 1, "population")
    np.testing.assert_allclose(
        population[:, :1], front_door_adjustment(joint[:, :1], 1), rtol=1e-12
    )
    for effect, beta in [("conditional", 1), ("conditional", 0), ("population", 0.5)]:
        with pytest.raises(PositivityError, match=r"P\(t=0, a=1\) = 0"):
            front_door_adjustment(joint, beta, effect)


@settings(max_examples=200)
@given(st.integers(0, 2**16 - 1), st.sampled_from(BETAS), st.sampled_from(EFFECTS))
def test_a_sparse_table_gives_a_distribution_or_an_error_and_never_nan(mask, beta, effect):
    keep = np.array([mask >> i & 1 for i in range(16)]).reshape(2, 2, 2, 2)
    joint = with_zero() * keep
    if not keep.any():
        return
    try:
        adjusted = front_door_adjustment(joint / joint.sum(), beta, effect)
    except PositivityError:
        return
    np.testing.assert_allclose(adjusted.sum(axis=2), 1, rtol=1e-12)


def test_the_families_graphs_mark_what_is_hidden():
    graph = FAMILIES["Pearl's"].graph
    assert [node for node, latent in graph.nodes(data="latent") if latent] == ["U"]
    assert isinstance(graph, nx.DiGraph)
