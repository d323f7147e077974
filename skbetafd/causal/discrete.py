"""Exact front-door adjustment on tables of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.arguments import check_number, read_numbers
from .._utils.exceptions import PositivityError

EFFECTS = ("conditional", "population")


def front_door_adjustment(joint: Any, beta: float = 1.0, effect: str = "conditional") -> np.ndarray:
    r"""Compute P_β(y | t, a) from a joint table.

    Parameters
    ----------
    joint : array-like of shape (n_treatments, n_auxiliaries, n_mediators, n_outcomes)
        P(t, a, z, y), summing to 1. Several variables in one role count as one whose values are
        their combinations; an axis of length 1 stands for no auxiliary.
    beta : float in [0, 1], default=1.0
        0 is seeing, 1 is doing.
    effect : {"conditional", "population"}, default="conditional"
        What doing means: P(y | do t, a), or P(y | do t) with the auxiliaries drawn from the
        population.

    Returns
    -------
    ndarray of shape (n_treatments, n_auxiliaries, n_outcomes)
        P_β(y | t, a). At β = 1 the population effect is the same for every a.

    Raises
    ------
    PositivityError
        If a distribution that the asked β needs is given a case of probability 0: P(z | t, a), or
        P(y | z, t', a) where z occurs with a and t' with a.
    ValueError
        If `joint` is no distribution of four axes, or `beta` or `effect` is out of range.
    TypeError
        If `beta` is no number.

    See Also
    --------
    check_criterion : Whether a graph licenses the causal reading.
    stochastic_adjustment : A different quantity, sometimes mistaken for the population effect.

    Notes
    -----
    .. math::

        P_\beta(y \mid t, a) = \sum_z P(z \mid t, a) \sum_{t'} P(y \mid z, t', a)\,
            [(1 - \beta) 1[t' = t] + \beta P(t' \mid a)]

    Under the criterion of `check_criterion` the part of weight β is P(y | do t, a), the conditional
    front-door formula (Fulcher et al. 2020; without auxiliaries Pearl 2009, theorem 3.3.4). The
    population effect replaces it by :math:`\sum_{a'} P(a') P(y \mid do(t), a')`, where a' enters
    P(z | t, a') too.

    Examples
    --------
    A confounder makes t and y go together; the mediator turns out to pass little of it on.

    >>> import numpy as np
    >>> from skbetafd.causal import StructuralCausalModel, front_door_adjustment
    >>> model = StructuralCausalModel(
    ...     {"U": [], "T": ["U"], "Z": ["T"], "Y": ["Z", "U"]},
    ...     2,
    ...     tables={
    ...         "U": [0.5, 0.5],
    ...         "T": [[0.9, 0.1], [0.1, 0.9]],
    ...         "Z": [[0.6, 0.4], [0.4, 0.6]],
    ...         "Y": [[[0.9, 0.1], [0.2, 0.8]], [[0.8, 0.2], [0.1, 0.9]]],
    ...     },
    ... )
    >>> joint = model.joint(["T", "Z", "Y"])[:, None]
    >>> front_door_adjustment(joint, beta=0)[:, 0].round(2)
    array([[0.79, 0.21],
           [0.21, 0.79]])
    >>> front_door_adjustment(joint, beta=1)[:, 0].round(2)
    array([[0.51, 0.49],
           [0.49, 0.51]])
    """
    joint = _checked(joint)
    check_number("beta", beta, 0, 1)
    if effect not in EFFECTS:
        raise ValueError(f"effect must be one of {EFFECTS}, got {effect!r}")
    _require_cases(joint, everywhere=beta < 1 or effect == "conditional")
    adjusted = np.zeros(())
    if beta < 1:
        adjusted = (1 - beta) * _given(joint.sum(axis=2), axis=2)
    if beta > 0:
        _require_overlap(joint, pooled=0)
        adjusted = adjusted + beta * _doing(joint, effect)
    return adjusted


def stochastic_adjustment(joint: Any) -> np.ndarray:
    r"""Compute the effect of drawing z as t and a would have it, whatever the population is.

    Parameters
    ----------
    joint : array-like of shape (n_treatments, n_auxiliaries, n_mediators, n_outcomes)
        P(t, a, z, y), summing to 1.

    Returns
    -------
    ndarray of shape (n_treatments, n_auxiliaries, n_outcomes)
        The outcome's distribution.

    Raises
    ------
    PositivityError
        If some (t, a) has probability 0, or some z has probability 0 given (t', a') that occurs.
    ValueError
        If `joint` is no distribution of four axes.

    See Also
    --------
    front_door_adjustment : P(y | do t, a) and P(y | do t).

    Notes
    -----
    .. math:: \sum_z P(z \mid t, a) \sum_{t', a'} P(t', a') P(y \mid z, t', a')

    This is a stochastic intervention on Z. It equals P(y | do t) if the criterion holds and
    :math:`Z \perp A \mid T` in the graph without the edges into T, which `check_criterion` reports
    as ``population_effect_shortcut``; otherwise it may be far off.

    Examples
    --------
    >>> import numpy as np
    >>> from skbetafd.causal import stochastic_adjustment
    >>> stochastic_adjustment(np.full((2, 3, 2, 2), 1 / 24)).shape
    (2, 3, 2)
    """
    joint = _checked(joint)
    _require_cases(joint, everywhere=True)
    _require_overlap(joint, pooled=(0, 1))
    reference = np.einsum("ta,tazy->zy", joint.sum(axis=(2, 3)), _given(joint, axis=3))
    return np.einsum("taz,zy->tay", _given(joint.sum(axis=3), axis=2), reference)


def _doing(joint: np.ndarray, effect: str) -> np.ndarray:
    context = _given(joint.sum(axis=(2, 3)), axis=0)
    reference = np.einsum("ta,tazy->azy", context, _given(joint, axis=3))
    doing = np.einsum("taz,azy->tay", _given(joint.sum(axis=3), axis=2), reference)
    if effect == "population":
        population = np.einsum("a,tay->ty", joint.sum(axis=(0, 2, 3)), doing)
        doing = np.repeat(population[:, None], joint.shape[1], axis=1)
    return doing


def _given(table: np.ndarray, axis: int) -> np.ndarray:
    """Condition on all axes but `axis`; 0 where the condition has no probability."""
    total = table.sum(axis=axis, keepdims=True)
    return np.divide(table, total, out=np.zeros_like(table), where=total > 0)


def _require_cases(joint: np.ndarray, *, everywhere: bool) -> None:
    cases = joint.sum(axis=(2, 3))
    asked = np.ones(cases.shape, bool) if everywhere else np.broadcast_to(cases.any(0), cases.shape)
    for t, a in np.argwhere(asked & (cases == 0)):
        raise PositivityError(f"P(t={t}, a={a}) = 0: nothing tells P(z | t={t}, a={a})")


def _require_overlap(joint: np.ndarray, pooled: int | tuple[int, ...]) -> None:
    """Raise where z occurs somewhere along the pooled axes, but not with a case that occurs."""
    cases = joint.sum(axis=3)
    possible = cases.any(axis=pooled, keepdims=True) & cases.any(axis=2, keepdims=True)
    for t, a, z in np.argwhere(possible & (cases == 0)):
        others = f"another t and a={a}" if pooled == 0 else "other t and a"
        raise PositivityError(f"P(z={z} | t={t}, a={a}) = 0, but z={z} occurs with {others}")


def _checked(joint: Any) -> np.ndarray:
    joint = read_numbers("joint", joint)
    if joint.ndim != 4 or not joint.size:
        raise ValueError(f"joint needs the axes (t, a, z, y), got shape {joint.shape}")
    wrong = ~(joint >= 0)
    if wrong.any():
        cell = tuple(np.argwhere(wrong)[0].tolist())
        raise ValueError(f"joint[{cell}] must be a probability, got {joint[cell]}")
    if not np.isclose(joint.sum(), 1, rtol=0, atol=1e-6):
        raise ValueError(f"joint must sum to 1, got {joint.sum()}")
    return joint
