"""The network for an observed mediator, and the adjustment through it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import MultivariateNormal
from torch.nn.functional import cross_entropy, softplus

from .adjustment import (
    ReferenceSet,
    average_proba,
    chunks_of_rows,
    log_proba_seeing,
    log_reference_weights,
    mix,
)
from .criterion import Batch, Criterion
from .encoders import Encoding, MLPEncoder
from .front_door_network import Codes, ModalityEncoders
from .heads import AdditiveHead, ReadingHead
from .linear import birthplace, linear
from .losses import seeing_terms
from .seeing_network import weighted_entropy


class CategoricalMediator(nn.Module):
    """P(m | t, a) over the levels of a categorical mediator, one-hot."""

    def __init__(self, n_levels: int, code_dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.n_parameters = n_levels
        self.code = linear(n_levels, code_dim, generator)

    def log_proba(self, parameters: Tensor, mediator: Tensor) -> Tensor:
        """Log P(m | t, a) of one-hot rows, shape (n,)."""
        return -cross_entropy(parameters, mediator.argmax(1), reduction="none")

    def shared_mass(self, own: Tensor, other: Tensor, ratio: float) -> Tensor:
        """Mass of `own` at which `other` has at least `ratio` times as much, shape (n,)."""
        own, other = torch.softmax(own, dim=1), torch.softmax(other, dim=1)
        return (own * (other >= ratio * own)).sum(1)

    def nodes(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (..., S, code_dim) and log-weights (..., S) of every level."""
        levels = torch.eye(self.n_parameters, dtype=parameters.dtype, device=parameters.device)
        codes = self.code(levels)
        log_weights = torch.log_softmax(parameters, dim=-1)
        return codes.expand(*parameters.shape[:-1], -1, -1), log_weights


class GaussianMediator(nn.Module):
    """P(m | t, a) as a Gaussian with full covariance, for a standardised continuous mediator.

    Parameters
    ----------
    n_columns, hidden_dim, code_dim : int
        Width of the mediator, of its encoder's hidden layer and of its code.
    n_samples : int
        Number of quasi-random points at which expectations over m are taken.
    generator : torch.Generator
        Source of the initial weights and of the points' scrambling (CPU).
    """

    points: Tensor
    least_scale = 1e-2

    def __init__(
        self,
        n_columns: int,
        hidden_dim: int,
        code_dim: int,
        n_samples: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.n_columns = n_columns
        self.n_parameters = n_columns + n_columns * (n_columns + 1) // 2
        self.code = MLPEncoder(n_columns, hidden_dim, code_dim, generator)
        seed = int(torch.randint(2**31, (), generator=generator, device="cpu"))
        self.register_buffer("points", _normal_points(n_samples, n_columns, seed))

    def distribution(self, parameters: Tensor) -> MultivariateNormal:
        """Read the head's outputs as mean and Cholesky factor."""
        mean, entries = parameters.split(
            [self.n_columns, self.n_parameters - self.n_columns], dim=-1
        )
        rows, columns = torch.tril_indices(self.n_columns, self.n_columns, device="cpu")
        factor = parameters.new_zeros(*parameters.shape[:-1], self.n_columns, self.n_columns)
        factor[..., rows, columns] = entries
        diagonal = softplus(torch.diagonal(factor, dim1=-2, dim2=-1)) + self.least_scale
        factor = torch.tril(factor, -1) + torch.diag_embed(diagonal)
        return MultivariateNormal(mean, scale_tril=factor, validate_args=False)

    def log_proba(self, parameters: Tensor, mediator: Tensor) -> Tensor:
        """Log p(m | t, a) of standardised rows, shape (n,)."""
        return self.distribution(parameters).log_prob(mediator)

    def shared_mass(self, own: Tensor, other: Tensor, ratio: float) -> Tensor:
        """Share of own's points at which `other` has `ratio` times the density, shape (n,)."""
        values = self._values(own).transpose(0, 1)
        gap = self.distribution(other).log_prob(values) - self.distribution(own).log_prob(values)
        return (gap >= math.log(ratio)).to(own).mean(0)

    def _values(self, parameters: Tensor) -> Tensor:
        normal = self.distribution(parameters)
        return normal.loc[..., None, :] + self.points @ normal.scale_tril.transpose(-1, -2)

    def nodes(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """Codes (..., S, code_dim) and equal log-weights (..., S) of the points."""
        values = self._values(parameters)
        log_weights = parameters.new_full(values.shape[:-1], -math.log(len(self.points)))
        return self.code(values), log_weights


def _normal_points(n_samples: int, n_columns: int, seed: int) -> Tensor:
    """Draw quasi-random points of the standard normal distribution, (n_samples, n_columns)."""
    if birthplace() == "meta":
        return torch.empty(n_samples, n_columns, dtype=torch.float32, device="meta")
    sobol = torch.quasirandom.SobolEngine(n_columns, scramble=True, seed=seed)
    uniform = sobol.draw(n_samples, dtype=torch.float32).double().clamp(1e-6, 1 - 1e-6)
    return (math.sqrt(2) * torch.erfinv(2 * uniform - 1)).to(torch.float32)


class MediatorNetwork(ModalityEncoders):
    """P(m | t, a) and P(y | m, s, a): the predominant modality acts through an observed mediator.

    The knowledge code is what of T the mediator is read from; the head sees the mediator's code
    in its place.

    Parameters
    ----------
    inputs, n_classes, predominant, hidden_dim, knowledge_dim, context_dim, sees, generator
        As in `ModalityEncoders`.
    mediator_dim : int
        Number of levels, or of columns.
    n_mediator_samples : int or None
        None for a categorical mediator, whose levels are summed over; else the number of points
        at which a continuous one is taken.
    """

    def __init__(
        self,
        inputs: Sequence[Encoding | int],
        n_classes: int,
        *,
        predominant: int,
        hidden_dim: int,
        knowledge_dim: int,
        context_dim: int,
        mediator_dim: int,
        n_mediator_samples: int | None,
        sees: bool = True,
        generator: torch.Generator,
    ) -> None:
        super().__init__(
            inputs,
            n_classes,
            predominant=predominant,
            hidden_dim=hidden_dim,
            knowledge_dim=knowledge_dim,
            context_dim=context_dim,
            sees=sees,
            generator=generator,
        )
        self.mediator: CategoricalMediator | GaussianMediator
        if n_mediator_samples is None:
            self.mediator = CategoricalMediator(mediator_dim, knowledge_dim, generator)
        else:
            self.mediator = GaussianMediator(
                mediator_dim, hidden_dim, knowledge_dim, n_mediator_samples, generator
            )
        dims = (knowledge_dim, context_dim, self.auxiliary_dim, hidden_dim)
        self.head = AdditiveHead(*dims, n_classes, generator)
        self.reading = ReadingHead(
            knowledge_dim, self.auxiliary_dim, hidden_dim, self.mediator.n_parameters, generator
        )

    def arguments(self) -> dict[str, Any]:
        """Give what another network of this shape is made with, but for the generator."""
        mediator = self.mediator
        of_mediator: dict[str, int | None]
        if isinstance(mediator, GaussianMediator):
            of_mediator = {
                "mediator_dim": mediator.n_columns,
                "n_mediator_samples": mediator.points.shape[0],
            }
        else:
            of_mediator = {"mediator_dim": mediator.n_parameters, "n_mediator_samples": None}
        return {**super().arguments(), **of_mediator}


class MediatorLoss(Criterion):
    """``CE(head(code(m), s, a), y) − log P(m | t, a) + seeing``, on the rows' own mediators.

    Seeing is as in `FrontDoorLoss`.
    """

    def forward(self, network: MediatorNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate ``"loss"`` and its terms; the last of the rows is the mediator."""
        *modalities, mediator = batch.xs
        weight, mask = batch.weight, batch.head_mask
        codes = network.encode(modalities, batch.masks)
        read = network.reading.read(codes.knowledge, codes.auxiliary, mask).to(weight.dtype)
        logits = network.head(network.mediator.code(mediator), codes.context, codes.auxiliary, mask)
        terms = seeing_terms(network, batch) | {
            "outcome": weighted_entropy(logits, batch),
            "mediator": -(weight * network.mediator.log_proba(read, mediator)).mean(),
        }
        return {"loss": torch.stack(list(terms.values())).sum(), **terms}

    def held_out_logits(self, network: MediatorNetwork, batch: Batch) -> Tensor:
        """Logits of P_0; where no network sees, of the head at each row's own mediator."""
        *modalities, mediator = batch.xs
        if network.seeing is None:
            codes = network.encode(modalities)
            return network.head(network.mediator.code(mediator), codes.context, codes.auxiliary)
        return network.seeing([modalities[m] for m in network.order], batch.present)


def mediated_log_proba_path(
    network: MediatorNetwork,
    xs: Sequence[Tensor],
    references: ReferenceSet,
    betas: Sequence[float],
    effect: str,
    known: Tensor | None = None,
) -> Tensor:
    """Log P_β of each row for every β, in chunks of bounded memory.

    P_0 is the seeing network's, or `known` as in `log_proba_path`;
    P_1 = Σ_m P(m|t,a) Σ_k w_k(a) P(y|m,s_k,a), or for the population
    Σ_k π_k Σ_m P(m|t,a_k) P(y|m,s_k,a_k).

    Returns
    -------
    Tensor of shape (n_betas, n, n_classes)
    """
    nodes = network.mediator.nodes(xs[0].new_zeros(network.mediator.n_parameters))[1]
    widest = max(network.head.out.in_features, network.n_classes)
    elements = widest * len(nodes) * (len(references.log_mass) if any(betas) else 1)
    chunks = []
    for part in chunks_of_rows(xs[0], elements):
        rows = [x[part] for x in xs]
        seeing = log_proba_seeing(network, rows, None) if known is None else known[part]
        doing = seeing
        if any(betas):
            doing = mediated_log_proba(network, network.encode(rows), references, effect)
        chunks.append(torch.stack([mix(seeing, doing.to(seeing), beta) for beta in betas]))
    return torch.cat(chunks, dim=1)


def mediated_log_proba(
    network: MediatorNetwork, codes: Codes, references: ReferenceSet, effect: str
) -> Tensor:
    """Log P_1 of all rows at once, (n, n_classes)."""
    doing = _doing_population if effect == "population" else _doing_conditional
    return doing(network, codes, references)


def _own_part(network: MediatorNetwork, codes: Codes) -> tuple[Tensor, Tensor]:
    """First layer of the head at every node, shape (n, S, hidden_dim), and log P(m | t, a)."""
    read = network.reading.read(codes.knowledge, codes.auxiliary)
    mediator, log_weights = network.mediator.nodes(read)
    return network.head.own_part(mediator, codes.auxiliary[:, None]), log_weights


def _doing_conditional(network: MediatorNetwork, codes: Codes, references: ReferenceSet) -> Tensor:
    own, log_nodes = _own_part(network, codes)
    log_references = log_reference_weights(codes, references)
    hidden = own[:, :, None] + network.head.context(references.context)
    return average_proba(network.head, hidden, log_nodes[:, :, None] + log_references[:, None])


def _doing_population(network: MediatorNetwork, codes: Codes, references: ReferenceSet) -> Tensor:
    head, reading = network.head, network.reading
    read = reading.read(codes.knowledge[:, None], references.auxiliary)
    mediator, log_nodes = network.mediator.nodes(read)
    other = head.own_part(torch.zeros_like(references.knowledge), references.auxiliary)
    other = other + head.context(references.context)
    hidden = mediator @ head.knowledge.weight.T + other[:, None]
    return average_proba(head, hidden, log_nodes + references.log_mass[:, None])
