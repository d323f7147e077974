"""Two measures of dependence between codes, with gradients written out.

Autograd would take two to three times as long: at the sizes of a batch, time goes by operations.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

HSIC_BATCH = 64
"""The batch size at which tr(KHLH)/B and the other losses were balanced (design trials)."""

STANDARD_DEVIATION_FLOOR = 1e-4


def info_nce(left: Tensor, right: Tensor, weight: Tensor, temperature: float) -> Tensor:
    """Symmetric InfoNCE between two views of the same rows.

    Row i's positive is the other view of row i, its negatives are the batch. A row of weight w
    stands for w rows, among the negatives too, so that weights equal repetitions exactly.

    Parameters
    ----------
    left, right : Tensor of shape (n, d)
        Two projections of the rows; they are L2-normalised here.
    weight : Tensor of shape (n,)
        Row weights with mean about 1; a row of weight 0 is no negative.
    temperature : float
        τ, by which cosine similarities are divided.

    References
    ----------
    van den Oord, Li & Vinyals, Representation Learning with Contrastive Predictive Coding,
    arXiv 1807.03748.
    """
    return _InfoNCE.apply(left, right, weight, temperature)[0]


def hsic(left: Tensor, right: Tensor, weight: Tensor) -> Tensor:
    """Hilbert–Schmidt independence criterion of two codes, times 64.

    tr(KHLH)/n² with Gaussian kernels exp(−d²/(2·dim)) on codes standardised within the batch;
    the factor keeps the scale of tr(KHLH)/B at the batch size of the design's trials, whatever
    the batch size here.

    Parameters
    ----------
    left, right : Tensor of shape (n, d)
        The codes whose dependence is measured.
    weight : Tensor of shape (n,)
        Row weights; a row of weight w stands for w rows.

    References
    ----------
    Gretton et al., Measuring Statistical Dependence with Hilbert–Schmidt Norms, ALT 2005.
    """
    share = weight / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)
    return _HSIC.apply(left, right, share)[0]


class _InfoNCE(torch.autograd.Function):
    """Cosine similarities S; the gradient in S is the two softmaxes less twice the identity."""

    generate_vmap_rule = True

    @staticmethod
    def forward(
        left: Tensor, right: Tensor, weight: Tensor, temperature: float
    ) -> tuple[Tensor, ...]:
        norms = [view.norm(dim=1, keepdim=True).clamp_min(1e-12) for view in (left, right)]
        left, right = left / norms[0], right / norms[1]
        similarity = left @ right.T / temperature
        positive = similarity.diagonal()
        log_weight = weight.clamp_min(torch.finfo(weight.dtype).tiny).log()
        forward, backward = similarity + log_weight, similarity + log_weight[:, None]
        rows = torch.logsumexp(forward, dim=1)
        columns = torch.logsumexp(backward, dim=0)
        value = 0.5 * (weight * (rows + columns - 2 * positive)).sum() / len(weight)
        slope = weight[:, None] * torch.exp(forward - rows[:, None])
        slope = slope + weight * torch.exp(backward - columns)
        slope = slope - torch.diag(2 * weight)
        return value, slope * (0.5 / (len(weight) * temperature)), left, right, *norms

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*output[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        slope, left, right, left_norm, right_norm = ctx.saved_tensors
        slope = slope * grad
        to_left, to_right = slope @ right, slope.T @ left
        to_left = (to_left - left * (to_left * left).sum(1, keepdim=True)) / left_norm
        to_right = (to_right - right * (to_right * right).sum(1, keepdim=True)) / right_norm
        return to_left, to_right, None, None


class _HSIC(torch.autograd.Function):
    """Σ_ij w_i w_j K̄_ij L̄_ij with both kernels centred; its gradient in log K is w w' ∘ L̄ ∘ K."""

    generate_vmap_rule = True

    @staticmethod
    def forward(left: Tensor, right: Tensor, share: Tensor) -> tuple[Tensor, ...]:
        both = [_standardised(code, share) for code in (left, right)]
        kernels = torch.stack([_log_kernel(standard) for standard, _ in both]).exp()
        row_mean = kernels @ share
        centred = kernels - row_mean[:, None] - row_mean[:, :, None]
        centred = centred + (row_mean @ share)[:, None, None]
        pairs = HSIC_BATCH * share[:, None] * share
        value = (pairs * centred[0] * centred[1]).sum()
        slopes = pairs * centred.flip(0) * kernels
        return value, slopes, share.clone(), *both[0], *both[1]

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.mark_non_differentiable(*output[1:])
        ctx.save_for_backward(*output[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        slopes, share, *both = ctx.saved_tensors
        slopes = slopes * grad
        left = _standardised_backward(slopes[0], both[0], both[1], share)
        right = _standardised_backward(slopes[1], both[2], both[3], share)
        return left, right, None


def _standardised(code: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    deviation = code - share @ code
    # the floor stands under the root: at a constant code the root alone has no gradient
    precision = (share @ deviation.square() + STANDARD_DEVIATION_FLOOR**2).rsqrt()
    return deviation * precision, precision


def _log_kernel(standard: Tensor) -> Tensor:
    """−d²/(2·dim) between all rows."""
    gram = standard @ standard.T
    norm = gram.diagonal()
    return (gram - 0.5 * (norm + norm[:, None])) / standard.shape[1]


def _standardised_backward(
    slope: Tensor, standard: Tensor, precision: Tensor, share: Tensor
) -> Tensor:
    """From the gradient in the log-kernel (symmetric) to that in the code."""
    to_standard = slope @ standard - slope.sum(1, keepdim=True) * standard
    to_standard = to_standard * (2 / standard.shape[1])
    along = (to_standard * standard).sum(0)
    to_deviation = precision * (to_standard - standard * along * share[:, None])
    return to_deviation - share[:, None] * to_deviation.sum(0)
