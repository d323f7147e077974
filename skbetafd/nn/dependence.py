"""Two measures of dependence between codes, with gradients written out.

Autograd would take two to three times as long: at the sizes of a batch, time goes by operations.
Leading axes are several models, each with rows of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    left, right : Tensor of shape (..., n, d)
        Two projections of the rows; they are L2-normalised here.
    weight : Tensor of shape (..., n)
        Row weights with mean about 1; a row of weight 0 is no negative.
    temperature : float
        τ, by which cosine similarities are divided.

    Returns
    -------
    Tensor of shape (...)

    References
    ----------
    van den Oord, Li & Vinyals, Representation Learning with Contrastive Predictive Coding,
    arXiv 1807.03748.
    """
    with torch.autocast(left.device.type, enabled=False):
        return _InfoNCE.apply(left.to(weight.dtype), right.to(weight.dtype), weight, temperature)


def directed_hsic(
    codes: Sequence[Tensor],
    weights: Sequence[Tensor],
    links: Sequence[tuple[int, int, float | Tensor]],
) -> Tensor:
    """Sum of scale · HSIC(code, [other]), of which each moves its code and holds the other fixed.

    HSIC is 64 · tr(KHLH)/n² with Gaussian kernels exp(−d²/(2·dim)) on codes standardised within
    the batch; the factor keeps the scale of tr(KHLH)/B at the batch size of the design's trials,
    whatever the batch size here. Each code's kernel is computed once, however many links it has.

    Parameters
    ----------
    codes : sequence of Tensor of shape (..., n, d)
        Codes of the same n rows.
    weights : sequence of Tensor of shape (..., n)
        Row weights of each code; a row of weight w stands for w rows. A link counts the rows by
        the weights of the code held fixed.
    links : sequence of tuple (moved, fixed, scale)
        Positions of two codes, and a factor: a number, or a tensor of shape (...).

    Returns
    -------
    Tensor of shape (...)

    References
    ----------
    Gretton et al., Measuring Statistical Dependence with Hilbert–Schmidt Norms, ALT 2005.
    """
    shares = {id(w): _share(w) for w in weights}
    of_codes = [shares[id(w)] for w in weights]
    with torch.autocast(weights[0].device.type, enabled=False):
        codes = [code.to(w.dtype) for code, w in zip(codes, weights, strict=True)]
        return _DirectedHSIC.apply(of_codes, links, *codes)


def _share(weight: Tensor) -> Tensor:
    return weight / weight.sum(-1, keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny)


class _InfoNCE(torch.autograd.Function):
    """Cosine similarities S; the gradient in S is the two softmaxes less twice the identity."""

    @staticmethod
    def forward(
        ctx: Any, left: Tensor, right: Tensor, weight: Tensor, temperature: float
    ) -> Tensor:
        norms = [view.norm(dim=-1, keepdim=True).clamp_min(1e-12) for view in (left, right)]
        left, right = left / norms[0], right / norms[1]
        similarity = left @ right.mT / temperature
        log_weight = _log_weight(weight)
        forward = torch.log_softmax(similarity + log_weight[..., None, :], dim=-1)
        backward = torch.log_softmax(similarity + log_weight[..., :, None], dim=-2)
        both = forward.diagonal(dim1=-2, dim2=-1) + backward.diagonal(dim1=-2, dim2=-1)
        scale = 0.5 / weight.shape[-1]
        slope = weight[..., :, None] * forward.exp_() + weight[..., None, :] * backward.exp_()
        slope.diagonal(dim1=-2, dim2=-1).sub_(2 * weight)
        ctx.save_for_backward(slope.mul_(scale / temperature), left, right, *norms)
        return scale * (weight * (2 * log_weight - both)).sum(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        slope, left, right, left_norm, right_norm = ctx.saved_tensors
        slope = slope * grad[..., None, None]
        to_left, to_right = slope @ right, slope.mT @ left
        to_left = (to_left - left * (to_left * left).sum(-1, keepdim=True)) / left_norm
        to_right = (to_right - right * (to_right * right).sum(-1, keepdim=True)) / right_norm
        return to_left, to_right, None, None


def _log_weight(weight: Tensor) -> Tensor:
    """Log-weights that make the mean weight of the rows that count 1."""
    mean = weight.sum(-1, keepdim=True) / (weight > 0).sum(-1, keepdim=True).clamp_min(1)
    tiny = torch.finfo(weight.dtype).tiny
    return (weight / mean.clamp_min(tiny)).clamp_min(tiny).log()


class _DirectedHSIC(torch.autograd.Function):
    """Σ_ij w_i w_j K_ij L̄_ij for each link, where L̄ is L centred; its gradient in K is w w' ∘ L̄."""

    @staticmethod
    def forward(
        ctx: Any,
        shares: Sequence[Tensor],
        links: Sequence[tuple[int, int, float | Tensor]],
        *codes: Tensor,
    ) -> Tensor:
        standard, precision = zip(*map(_standardised, codes, shares), strict=True)
        kernels = [_kernel(code) for code in standard]
        slopes: dict[int, Tensor] = {}
        for moved, fixed, scale in links:
            slope = _centred(kernels[fixed], shares[fixed], scale)
            slopes[moved] = slopes[moved].add_(slope) if moved in slopes else slope
        for moved, slope in slopes.items():
            slope.mul_(kernels[moved])
        ctx.moved = list(slopes)
        saved = [(slopes[m], standard[m], precision[m], shares[m]) for m in slopes]
        ctx.save_for_backward(*(tensor for four in saved for tensor in four))
        return torch.stack([slope.sum((-2, -1)) for slope in slopes.values()]).sum(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        grads: list[Tensor | None] = [None] * len(ctx.needs_input_grad)
        saved = iter(ctx.saved_tensors)
        for moved, slope, *rest in zip(ctx.moved, saved, saved, saved, saved, strict=True):
            grads[2 + moved] = _standardised_backward(slope * grad[..., None, None], *rest)
        return tuple(grads)


def _centred(kernel: Tensor, share: Tensor, scale: float | Tensor) -> Tensor:
    """64 · scale · w w' ∘ the kernel less its weighted means over rows and columns."""
    column = share[..., :, None]
    row_mean = kernel @ column
    mean = share[..., None, :] @ row_mean
    scale = scale[..., None, None] if torch.is_tensor(scale) else scale
    centred = (kernel - (row_mean - mean)).sub_(row_mean.mT)
    return centred.mul_(HSIC_BATCH * scale * column).mul_(share[..., None, :])


def _standardised(code: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    row = share[..., None, :]
    deviation = code - row @ code
    # the floor stands under the root: at a constant code the root alone has no gradient
    precision = (row @ deviation.square() + STANDARD_DEVIATION_FLOOR**2).rsqrt()
    return deviation * precision, precision


def _kernel(standard: Tensor) -> Tensor:
    """exp(−d²/(2·dim)) between all rows."""
    gram = standard @ standard.mT
    half_norm = 0.5 * gram.diagonal(dim1=-2, dim2=-1)
    squared = (gram - half_norm[..., None, :]).sub_(half_norm[..., :, None])
    return squared.div_(standard.shape[-1]).exp_()


def _standardised_backward(
    slope: Tensor, standard: Tensor, precision: Tensor, share: Tensor
) -> Tensor:
    """From the gradient in the log-kernel (symmetric) to that in the code."""
    to_standard = slope @ standard - slope.sum(-1, keepdim=True) * standard
    to_standard = to_standard * (2 / standard.shape[-1])
    along = (to_standard * standard).sum(-2, keepdim=True)
    share = share[..., None]
    to_deviation = precision * (to_standard - share * along * standard)
    return to_deviation - share * to_deviation.sum(-2, keepdim=True)
