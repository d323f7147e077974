"""The health check at the end of a fit: what can't be trusted in it, a warning each."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._utils.exceptions import OverlapWarning, VacuousAdjustmentWarning
from .._utils.messages import warn
from ..fitting.calibration import Calibration
from ..fitting.request import FitRequest
from ..fitting.trainer import ENOUGH_COMPLETE
from ..nn.reference_support import LEAST_SUPPORT
from ..training.accelerated import process_index

SUPPORT_ROWS = 100
"""Complete training rows, evenly spaced, whose support is looked at."""

MOST_WEAK = 0.9
"""Share of them with weak overlap beyond which beta has no support: not where some rows have it."""

LEAST_WORSE = 0.01
"""Of log-loss; less is nothing to warn of, as where a class has next to no weight."""

LEAST_HELD_OUT = 30
"""Of fewer held-out rows a standard error says little."""


def check_health(clf: Any, request: FitRequest, calibration: Calibration | None) -> None:
    """Warn of no support for β, and of probabilities that know nothing.

    Parameters
    ----------
    clf : FrontDoorMultiModalClassifier
        Fitted.
    request : FitRequest
        What was asked for.
    calibration : Calibration or None
        What held-out rows say of it, if any were.
    """
    if clf.beta > 0:
        warn_of_few_complete_rows(clf, request)
    if clf.beta > 0 and clf.module_.adjusts:
        _warn_of_no_support(clf, request)
    if calibration is not None and (not clf.accelerate or process_index()[0] == 0):
        _warn_of_worse_than_frequencies(calibration)


def warn_of_few_complete_rows(clf: Any, request: FitRequest) -> None:
    """Warn where β is without effect, as there is little to learn an intervention from."""
    network, rows = clf.module_, request.rows
    if network.auxiliaries and not network.adjusts:
        warn(
            f"{rows.complete.sum()} of {len(rows)} training rows have all modalities, fewer than "
            f"{ENOUGH_COMPLETE}: beta is without effect (guide: Missing modalities).",
            VacuousAdjustmentWarning,
        )


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


def _warn_of_worse_than_frequencies(found: Calibration) -> None:
    """Compare log-losses on the held-out rows, in pairs."""
    weight = found.weight / found.weight.mean() if len(found.weight) else found.weight
    if len(weight) < LEAST_HELD_OUT:
        return
    worse = weight * (found.losses - found.frequencies)
    error = worse.std(ddof=1) / np.sqrt(len(worse))
    if worse.mean() > max(2 * error, LEAST_WORSE):
        warn(
            f"The log-loss of {len(worse)} held-out rows at beta=0 is "
            f"{np.mean(weight * found.losses):.3f}, that of the class frequencies "
            f"{np.mean(weight * found.frequencies):.3f}, less by {worse.mean() / error:.1f} "
            "standard errors (FAQ: Worse than the class frequencies)."
        )
