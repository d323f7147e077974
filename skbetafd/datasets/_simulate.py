"""make_confounded_modalities: a simulated confounded world whose posteriors are exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from .._utils.arguments import check_integer, check_number
from .._utils.randomness import private_generator
from ..inputs.multimodal_array import MultiModalArray
from ._law import DEFAULT_PRIOR, check_prior, label_rule


@dataclass(frozen=True, eq=False)
class SimulatedModalities:
    """Rows of a simulated world, with everything that made them and the exact answers.

    Attributes
    ----------
    X : MultiModalArray
        ``"predominant"`` of shape (n_samples, n_content + n_context), content columns first, and
        ``"auxiliary"`` of shape (n_samples, n_auxiliary).
    y : ndarray of shape (n_samples,), int
        The label, ``(content + confounder) % n_classes``.
    confounder : ndarray of shape (n_samples,), int
        The hidden U.
    content : ndarray of shape (n_samples,), int
        The latent class d.
    context : ndarray of shape (n_samples,), int
        The value that the context columns show: U, but for the broken rows.
    proba_seeing : ndarray of shape (n_samples, n_classes)
        Exact P(y | t, a) under the training law (``broken=0``), for these rows.
    proba_doing : ndarray of shape (n_samples, n_classes)
        Exact P(y | content columns, do(context columns), a), for these rows.

    See Also
    --------
    make_confounded_modalities : Gives it.
    """

    X: MultiModalArray
    y: np.ndarray
    confounder: np.ndarray
    content: np.ndarray
    context: np.ndarray
    proba_seeing: np.ndarray
    proba_doing: np.ndarray


def make_confounded_modalities(
    n_samples: int = 1000,
    *,
    n_classes: int = 4,
    n_content: int = 4,
    n_context: int = 3,
    n_auxiliary: int = 4,
    prior: Sequence[float] | None = DEFAULT_PRIOR,
    broken: float = 0.0,
    content_sep: float = 1.5,
    context_sep: float = 1.5,
    auxiliary_sep: float = 0.5,
    world: int = 0,
    random_state: int | np.random.RandomState | None = None,
) -> SimulatedModalities:
    r"""Simulate two modalities of which the predominant one shows a hidden confounder.

    A latent class d, uniform over C values, and a hidden :math:`U \sim` `prior` make the label
    :math:`y = (d + U) \bmod C` (two classes: flipped where U > 0). The predominant modality is
    :math:`t = (t_c, t_s)`, content columns around a mean of d and context columns around a mean of
    U; the auxiliary modality a lies around a mean of d. All noise is Gaussian of variance 1.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows.
    n_classes : int, default=4
        Number C of classes, at least 2.
    n_content, n_context, n_auxiliary : int, default=4, 3, 4
        Number of columns of each part, at least 1.
    prior : sequence of k floats or None, default=(.6, .25, .15)
        P(U = 0), P(U = 1), … as in `confound`. None, the same as ``(1.0,)``: no confounding.
    broken : float in [0, 1], default=0.0
        Probability, row by row, that the context shows a uniformly drawn value in place of U.
        0 is the law of training, 1 is do(context).
    content_sep, context_sep, auxiliary_sep : float >= 0, default=1.5, 1.5, 0.5
        Standard deviation of each coordinate of the means, in units of the noise. By default
        content and context are read with few errors, and the auxiliary alone with many.
    world : int >= 0, default=0
        Seed of the means. Calls that share `world` and the sizes draw from the same world, whatever
        their `random_state` and `broken`: a training set, its i.i.d. test and its interventions.
    random_state : int, RandomState or None, default=None
        Draws the rows. None draws afresh each time. NumPy's global generator is never used.

    Returns
    -------
    SimulatedModalities
        The rows and their truth.

    Raises
    ------
    ValueError
        If an argument is out of range.
    TypeError
        If an argument is of the wrong type.

    See Also
    --------
    confound : The same label rule planted in real data.

    Notes
    -----
    d and U are independent given (t, a), so that Bayes' rule gives

    .. math::

        P(y \mid t, a) &= \sum_u P(u \mid t_s) \sum_d P(d \mid t_c, a)\, 1[y = (d + u) \bmod C] \\
        P(y \mid t_c, do(t_s), a) &= \sum_u P(u) \sum_d P(d \mid t_c, a)\, 1[y = (d + u) \bmod C].

    Both depend on the row alone, not on `broken`: seeing is right on i.i.d. rows and wrong on
    broken ones, doing the other way round.

    Examples
    --------
    >>> from sklearn.metrics import log_loss
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> iid = make_confounded_modalities(random_state=0)
    >>> iid.X
    MultiModalArray(predominant=(1000, 7) float64, auxiliary=(1000, 4) float64)
    >>> log_loss(iid.y, iid.proba_seeing) < log_loss(iid.y, iid.proba_doing)
    True
    >>> set_from_outside = make_confounded_modalities(broken=1.0, random_state=1)
    >>> y, seeing = set_from_outside.y, set_from_outside.proba_seeing
    >>> log_loss(y, set_from_outside.proba_doing) < log_loss(y, seeing)
    True
    """
    check_integer("n_samples", n_samples, 1)
    check_integer("n_classes", n_classes, 2)
    check_integer("world", world, 0)
    weights = check_prior(prior)
    check_number("broken", broken, 0, 1)
    rng = private_generator(random_state)
    content = rng.randint(n_classes, size=n_samples)
    confounder = rng.choice(len(weights), n_samples, p=weights)
    random = rng.randint(len(weights), size=n_samples)
    context = np.where(rng.random_sample(n_samples) < broken, random, confounder)

    t_c, about_content = _part("content", content, n_classes, n_content, content_sep, world, rng)
    t_s, about_confounder = _part(
        "context", context, len(weights), n_context, context_sep, world, rng
    )
    a, about_content_too = _part(
        "auxiliary", content, n_classes, n_auxiliary, auxiliary_sep, world, rng
    )
    proba_content = softmax(about_content + about_content_too, axis=1)
    with np.errstate(divide="ignore"):
        proba_confounder = softmax(about_confounder + np.log(weights), axis=1)
    return SimulatedModalities(
        X=MultiModalArray({"predominant": np.hstack([t_c, t_s]), "auxiliary": a}),
        y=label_rule(len(weights), n_classes)[confounder, content],
        confounder=confounder,
        content=content,
        context=context,
        proba_seeing=_proba_label(proba_confounder, proba_content),
        proba_doing=_proba_label(np.tile(weights, (n_samples, 1)), proba_content),
    )


def _part(
    name: str,
    values: np.ndarray,
    n_values: int,
    n_columns: int,
    separation: float,
    world: int,
    rng: np.random.RandomState,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw columns around the means of `values`; return them and log p(columns | value) + c."""
    check_integer(f"n_{name}", n_columns, 1)
    check_number(f"{name}_sep", separation, 0)
    # The name is part of the seed: the size of one part then leaves the others' means alone.
    structure = np.random.default_rng([world, *name.encode()])
    means = separation * structure.normal(size=(n_values, n_columns))
    columns = means[values] + rng.normal(size=(len(values), n_columns))
    distances = ((columns[:, None] - means) ** 2).sum(axis=2)
    return columns, -distances / 2


def _proba_label(proba_confounder: np.ndarray, proba_content: np.ndarray) -> np.ndarray:
    n_classes = proba_content.shape[1]
    indicator = np.eye(n_classes)[label_rule(proba_confounder.shape[1], n_classes)]
    return np.einsum("nu,nd,udy->ny", proba_confounder, proba_content, indicator, optimize=True)
