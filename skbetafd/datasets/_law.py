"""The law of the hidden confounder, and of the label that it makes of a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._utils.arguments import read_numbers

DEFAULT_PRIOR = (0.6, 0.25, 0.15)


def label_rule(n_values: int, n_classes: int) -> np.ndarray:
    """Return the table (n_values, n_classes) of the label that U = u makes of class d."""
    shift = np.arange(n_values)
    if n_classes == 2:
        shift = np.minimum(shift, 1)
    return (shift[:, None] + np.arange(n_classes)) % n_classes


def proba_given_content(prior: np.ndarray, n_classes: int) -> np.ndarray:
    """Return P(y | d) of shape (n_classes, n_classes), one row a class d."""
    indicator = np.eye(n_classes)[label_rule(len(prior), n_classes)]
    return np.einsum("u,udy->dy", prior, indicator)


def check_prior(prior: Sequence[float] | None) -> np.ndarray:
    """Return the prior of U as an array that sums to one; None is the single value 1."""
    weights = read_numbers("prior", [1.0] if prior is None else prior)
    valid = weights.ndim == 1 and weights.size and (weights >= 0).all()
    if not valid or abs(weights.sum() - 1.0) > 1e-6:
        raise ValueError(f"prior must be nonnegative numbers that sum to 1, got {prior!r}")
    return weights / weights.sum()


def law_by_class(prior: Any, n_classes: int) -> np.ndarray:
    """Return P(U | d) of shape (n_classes, k)."""
    laws = read_numbers("prior", [1.0] if prior is None else prior)
    if laws.ndim != 2:
        return np.tile(check_prior(prior), (n_classes, 1))
    if len(laws) != n_classes:
        raise ValueError(f"prior has {len(laws)} rows, but y has {n_classes} classes")
    return np.stack([check_prior(law) for law in laws.tolist()])


def draw(laws: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Draw one value per row of `laws`, by the inverse of its distribution function."""
    distribution = laws.cumsum(axis=1)
    distribution /= distribution[:, -1:]
    return (rng.random_sample(len(laws))[:, None] >= distribution).sum(axis=1)
