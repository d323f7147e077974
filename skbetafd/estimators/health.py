"""The health check at the end of a fit: what can't be trusted in it, a warning each."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.exceptions import OverlapWarning
from .._utils.messages import warn
from ..fitting.request import FitRequest
from ..fitting.splits import inner_split
from ..nn.reference_support import LEAST_SUPPORT
from ..training.accelerated import process_index

SUPPORT_ROWS = 100
"""Complete training rows, evenly spaced, whose support is looked at."""

MOST_WEAK = 0.9
"""Share of them with weak overlap beyond which beta has no support: not where some rows have it."""

LEAST_HELD_OUT, MOST_HELD_OUT = 30, 10_000
"""Of fewer held-out rows a standard error says little; of more, so many are looked at."""


def check_health(clf: Any, request: FitRequest) -> None:
    """Warn of no support for β, and of probabilities that know nothing.

    Parameters
    ----------
    clf : FrontDoorMultiModalClassifier
        Fitted.
    request : FitRequest
        What was asked for; its held-out rows, if any, are those of the fit.
    """
    if clf.beta > 0 and len(request.rows.names) > 1:
        _warn_of_no_support(clf, request)
    if clf.early_stopping and process_index()[0] == 0:  # the seeds are the first process's
        _warn_of_worse_than_frequencies(clf, request)


def _warn_of_no_support(clf: Any, request: FitRequest) -> None:
    complete = np.flatnonzero(request.rows.complete)
    some = complete[:: -(-len(complete) // SUPPORT_ROWS)]
    weights, support = clf._support(request.rows.take(some))
    supported = (weights * support).sum(axis=1)
    weak = np.mean(supported < LEAST_SUPPORT)
    if weak > MOST_WEAK:
        warn(
            f"No support for beta={clf.beta:g} with effect={clf.effect!r}: {weak:.0%} of "
            f"{len(some)} training rows have weak overlap, median supported weight "
            f"{np.median(supported):.2f}; a smaller beta leans on it less (FAQ: No support).",
            OverlapWarning,
        )


def _warn_of_worse_than_frequencies(clf: Any, request: FitRequest) -> None:
    """Compare log-losses on the held-out rows, in pairs."""
    rows, spec = request.rows, request.spec
    fraction, seed = spec.parameters["validation_fraction"], spec.seeds[0]
    train, held = inner_split(rows.y, rows.groups, fraction, seed, "", rows.classes)
    if len(held) < LEAST_HELD_OUT:
        return
    held = np.sort(held)[:: -(-len(held) // MOST_HELD_OUT)]
    mass = np.bincount(rows.y[train], rows.weight[train], len(rows.classes))
    y, weight = rows.y[held], rows.weight[held] / rows.weight[held].mean()
    frequencies = -np.log(mass[y] / mass.sum())
    losses = -clf._log_path(rows.take(held), [0])[0, np.arange(len(y)), y]
    worse = weight * (losses - frequencies)
    error = worse.std(ddof=1) / np.sqrt(len(worse))
    if worse.mean() > 2 * error:
        warn(
            f"The log-loss of {len(y)} held-out rows at beta=0 is {np.mean(weight * losses):.3f}, "
            f"that of the class frequencies {np.mean(weight * frequencies):.3f}, less by "
            f"{worse.mean() / error:.1f} standard errors (FAQ: Worse than the class frequencies)."
        )
