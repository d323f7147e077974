"""The exact adjustment of random tables P(t, a, z, y): what must hold whatever they are."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skbetafd.causal import front_door_adjustment, stochastic_adjustment

AXES = {"t": 0, "a": 1, "z": 2, "y": 3}
OF_RESULT = {"t": 0, "a": 1, "y": 2}
EXAMPLES = settings(max_examples=60)

betas = st.floats(0, 1)
effects = st.sampled_from(["conditional", "population"])


@st.composite
def joints(draw):
    """Positive tables of any shape, from nearly even to nearly all mass in few cells."""
    shape = draw(st.tuples(*[st.integers(1, 4)] * 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    table = rng.random(shape) ** draw(st.sampled_from([1, 4])) + 1e-6
    return table / table.sum()


def assert_same(found, expected):
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@EXAMPLES
@given(joints(), betas, effects)
def test_there_is_a_distribution_for_every_case_at_every_beta(joint, beta, effect):
    for adjusted in (front_door_adjustment(joint, beta, effect), stochastic_adjustment(joint)):
        assert adjusted.shape == (*joint.shape[:2], joint.shape[3])
        assert adjusted.min() >= 0
        assert_same(adjusted.sum(axis=2), np.ones(joint.shape[:2]))


@EXAMPLES
@given(joints(), betas, effects)
def test_the_adjustment_is_linear_in_beta(joint, beta, effect):
    seeing, doing = (front_door_adjustment(joint, end, effect) for end in (0, 1))
    mixed = (1 - beta) * seeing + beta * doing
    assert_same(front_door_adjustment(joint, beta, effect), mixed)


@EXAMPLES
@given(joints(), betas, effects, st.sampled_from(sorted(AXES)), st.data())
def test_renamed_levels_of_any_variable_rename_the_result(joint, beta, effect, variable, data):
    order = data.draw(st.permutations(range(joint.shape[AXES[variable]])))
    other = np.take(joint, order, AXES[variable])
    for adjust in (lambda table: front_door_adjustment(table, beta, effect), stochastic_adjustment):
        expected = adjust(joint)
        if variable in OF_RESULT:
            expected = np.take(expected, order, OF_RESULT[variable])
        assert_same(adjust(other), expected)


def split(joint, axis, level, share):
    """Take a level apart into two that differ in nothing but their names."""
    other = np.insert(joint, joint.shape[axis], np.take(joint, level, axis), axis)
    index = [slice(None)] * 4
    for at, part in ((level, share), (-1, 1 - share)):
        index[axis] = at
        other[tuple(index)] *= part
    return other


@EXAMPLES
@given(joints(), betas, effects, st.sampled_from("taz"), st.data(), st.floats(0.01, 0.99))
def test_a_level_split_in_two_names_changes_nothing(joint, beta, effect, variable, data, share):
    n_levels = joint.shape[AXES[variable]]
    level = data.draw(st.integers(0, n_levels - 1))
    adjusted = front_door_adjustment(split(joint, AXES[variable], level, share), beta, effect)
    expected = front_door_adjustment(joint, beta, effect)
    if variable in OF_RESULT:
        expected = np.take(expected, [*range(n_levels), level], OF_RESULT[variable])
    assert_same(adjusted, expected)


@EXAMPLES
@given(joints())
def test_the_population_effect_is_the_same_for_all_auxiliaries_and_a_mean_of_the_conditional(joint):
    population = front_door_adjustment(joint, 1, "population")
    assert_same(population, np.broadcast_to(population[:, :1], population.shape))
    of_auxiliary = joint.sum(axis=(0, 2, 3))
    mean = np.tensordot(front_door_adjustment(joint, 1), of_auxiliary, axes=(1, 0))
    assert_same(population[:, 0], mean)


@EXAMPLES
@given(joints(), betas)
def test_within_an_auxiliary_only_its_own_cases_count(joint, beta):
    adjusted = front_door_adjustment(joint, beta)
    for a in range(joint.shape[1]):
        alone = joint[:, [a]] / joint[:, a].sum()
        assert_same(adjusted[:, [a]], front_door_adjustment(alone, beta))


@EXAMPLES
@given(joints(), betas)
def test_doing_is_p_of_y_given_a_with_one_mediator_value_and_seeing_with_one_treatment(joint, beta):
    table = joint.sum(axis=2, keepdims=True)
    doing = front_door_adjustment(table, 1)
    given_a = table.sum(axis=(0, 2)) / table.sum(axis=(0, 2, 3))[:, None]
    assert_same(doing, np.broadcast_to(given_a, doing.shape))
    alone = joint.sum(axis=0, keepdims=True)
    assert_same(front_door_adjustment(alone, beta), front_door_adjustment(alone, 0))
