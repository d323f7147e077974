"""A training whose values are no longer finite ends in an error that says where and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..nn.front_door_network import Codes
from .batches import TrainingTensors
from .settings import TrainingSettings

CHECKED_ROWS = 256
"""Of the training rows, so many are predicted at the end; what has overflown shows in any."""


def divergence(epoch: int, broken: Sequence[str], settings: TrainingSettings) -> ValueError:
    """Make the error; `broken` names what is not finite: terms of the loss, or another value."""
    terms = [name for name in broken if name != "loss"] or list(broken)
    if terms[0] in ("codes", "predictions"):
        what = f"the {terms[0]} of the training rows are not finite"
    elif len(terms) == 1:
        what = f"its {terms[0]} loss is not finite"
    else:
        what = f"its losses ({', '.join(terms)}) are not finite, all from one step on"
    rate = f"A smaller learning_rate than {settings.learning_rate:g}"
    clip = ", or a max_grad_norm" if settings.max_grad_norm is None else ""
    whose = f"{settings.name}: " if settings.name else ""
    return ValueError(
        f"{whose}Training diverged in epoch {epoch}: {what}. {rate}{clip} is the likely cure, or "
        "standardize=True where the features are not of the order of 1."
    )


def check_finite_codes(codes: Codes, net: Any) -> None:
    """Refuse a network that the last steps have broken."""
    if not all(code.isfinite().all() for code in codes):
        raise divergence(len(net.history), ["codes"], net.settings_)


@torch.no_grad()
def check_finite_predictions(net: Any, rows: TrainingTensors) -> None:
    """Refuse one whose heads they have broken."""
    some = next(rows.parts(CHECKED_ROWS))
    net.module_.eval()
    logits = net.criterion_.held_out_logits(net.module_, some)
    if not logits.isfinite().all():
        raise divergence(len(net.history), ["predictions"], net.settings_)
