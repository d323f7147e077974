"""Learning-rate schedules and gradient clipping, for one network and for a stack."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, OneCycleLR

OWN_SCHEDULE = "lr_scheduler"
"""Name of the callback that follows `lr_schedule`."""

SCHEDULES = ("one-cycle", "cosine", "constant")


def schedule_policy(
    name: str, learning_rates: float | list[float], n_steps: int
) -> tuple[type[LRScheduler], dict[str, Any]]:
    """Give torch's scheduler, stepped after each batch, and its arguments.

    Parameters
    ----------
    name : {"one-cycle", "cosine", "constant"}
        One-cycle rises to the peak and falls to nearly 0; cosine falls from it to 0.
    learning_rates : float or list of float
        Peak, or that of every group of parameters.
    n_steps : int
        Batches of the whole training.

    References
    ----------
    Smith & Topin, Super-Convergence, arXiv 1708.07120. Loshchilov & Hutter, SGDR: Stochastic
    Gradient Descent with Warm Restarts, ICLR 2017.
    """
    if name == "one-cycle":
        return OneCycleLR, {"max_lr": learning_rates, "total_steps": n_steps}
    if name == "cosine":
        return CosineAnnealingLR, {"T_max": n_steps}
    if name == "constant":
        return ConstantLR, {"factor": 1.0, "total_iters": 0}
    raise ValueError(f"lr_schedule must be one of {', '.join(SCHEDULES)}, got {name!r}")


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float | None) -> None:
    """Scale the gradients of one network down to a Euclidean norm of `max_norm`."""
    if max_norm is not None:
        clip_grad_norm_(parameters, max_norm)


@torch.no_grad()
def clip_stacked_gradients(parameters: Iterable[nn.Parameter], max_norm: float | None) -> None:
    """Scale each network's gradients, along the first axis, as `clip_gradients` scales one's."""
    if max_norm is None:
        return
    gradients: list[Tensor] = [p.grad for p in parameters if p.grad is not None]
    squares = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0)
    factor = (max_norm / (squares.sqrt() + 1e-6)).clamp(max=1.0)  # torch's own 1e-6
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
