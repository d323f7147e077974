"""What a balancing rule is: a criterion on the fusion network, and how to train with it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..fitting.request import FitRequest
from ..fitting.trainer import Trainer
from ..nn.criterion import Batch, Criterion
from ..nn.fusion_network import FusionNetwork
from ..nn.linear import linear
from ..training.batches import TrainingTensors
from ..training.callbacks import AroundEpoch
from ..training.net import NeuralNet
from ..training.one_network import train

NO_SPLIT = (
    "without early_stopping and calibrate, and with a rule that needs none, there is no split"
)


class Rule(Criterion):
    """Joint training, ``CE(head(z), y)``; rules change the loss, its gradients or the schedule."""

    needs_validation: ClassVar[bool] = False
    """Whether the rule is decided on rows held out of the training part."""

    constraints: ClassVar[dict[str, list[Any]]] = {}
    """Of the rule's parameters, in scikit-learn's form."""

    generator: torch.Generator
    n_steps: int

    def prepare(self, network: FusionNetwork, generator: torch.Generator, n_steps: int) -> None:
        """Make what the rule trains or draws with; `n_steps` is the number of steps an epoch."""
        self.generator, self.n_steps = generator, n_steps

    def begin_epoch(self, network: FusionNetwork, epoch: int, trainer: RuleTrainer) -> None:
        """Act before an epoch, counted from 0."""

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate ``"loss"`` and its terms on a batch, as FrontDoorLoss does."""
        return {"loss": mean_entropy(network(batch.xs, batch.masks), batch)}

    def fit(self, trainer: RuleTrainer) -> NeuralNet:
        """Train a network by the rule."""
        return trainer.train(self, last=True)

    def holds_out(self, parameters: dict[str, Any]) -> bool:
        """Tell whether a training by the classifier's parameters has an inner split."""
        return parameters["early_stopping"] or parameters["calibrate"] or self.needs_validation

    def decided(self, trained: Rule) -> Rule | None:
        """Make the rule by which all rows are trained on, once held-out rows have decided.

        None where they decide throughout. `trained` is the rule of the network that was kept.
        """
        return None

    def logits(self, network: FusionNetwork, xs: Sequence[Tensor]) -> Tensor:
        """Logits (n, n_classes) of a prediction."""
        return network(xs)

    def held_out_loss(self, network: FusionNetwork, batch: Batch) -> Tensor:
        """Weighted cross-entropy of a prediction."""
        return mean_entropy(self.logits(network, batch.xs), batch)

    def held_out_logits(self, network: FusionNetwork, batch: Batch) -> Tensor:
        """Logits (n, n_classes) of a prediction."""
        return self.logits(network, batch.xs)


class RuleTrainer(Trainer):
    """Trains fresh networks on the same rows; the inner split decides what is to be decided."""

    held_out: TrainingTensors

    def __init__(self, request: FitRequest, rule: Rule) -> None:
        holds_out = rule.holds_out(request.spec.parameters)
        super().__init__(request, holds_out=holds_out, way_out=NO_SPLIT)
        self.scale()
        self.generator = torch.Generator("cpu").manual_seed(self.spec.seeds[1])

    def network(self) -> FusionNetwork:
        """Make a network with fresh initial values."""
        return FusionNetwork(
            self.inputs,
            len(self.data.classes),
            hidden_dim=self.parameters["hidden_dim"],
            code_dim=self.parameters["knowledge_dim"],
            generator=self.generator,
        ).to(self.device, self.dtype)

    def train(
        self,
        rule: Rule,
        *,
        network: FusionNetwork | None = None,
        rows: TrainingTensors | None = None,
        max_epochs: int | None = None,
        early_stopping: bool = True,
        last: bool = False,
    ) -> NeuralNet:
        """Train a network by a rule; fresh, on all training rows, for all epochs by default.

        With `early_stopping` it stops early where the estimator does. An interrupt is raised, or
        ends the `last` training of a fit whose network is then of use.
        """

        def begin(net: NeuralNet) -> None:
            rule.begin_epoch(net.module_, len(net.history) - 1, self)

        network = self.network() if network is None else network
        watches = self.parameters["early_stopping"] and early_stopping
        callbacks = [AroundEpoch(begin), *self.parameters["callbacks"]]
        job = self.job(
            network,
            rule,
            self.generator,
            callbacks,
            rows=self.rows if rows is None else rows,
            held_out=self.held_out if watches else None,
        )
        if max_epochs is not None:
            job = replace(job, settings=replace(job.settings, max_epochs=max_epochs))
        rule.prepare(network, _spawned(self.generator), job.n_batches)
        return train(job, keep_interrupted=last and self.run.keep_interrupted)

    def aside(self, generator: torch.Generator) -> RuleTrainer:
        """Return a trainer on the same rows whose draws and epochs leave this one's alone."""
        aside = copy(self)
        aside.generator = _spawned(generator)
        aside.parameters = {**self.parameters, "callbacks": []}
        aside.verbose = 0
        return aside

    @torch.no_grad()
    def logits(self, rule: Rule, network: FusionNetwork, rows: TrainingTensors) -> Tensor:
        """Logits at rows, as at prediction."""
        network.eval()
        return torch.cat([rule.logits(network, part.xs) for part in rows.in_memory()])

    def loss(
        self, rule: Rule, network: FusionNetwork, rows: TrainingTensors | None = None
    ) -> float:
        """Weighted mean cross-entropy, on the inner split by default."""
        rows = self.held_out if rows is None else rows
        return float(mean_entropy(self.logits(rule, network, rows), rows))

    def accuracy(self, rule: Rule, network: FusionNetwork) -> float:
        """Weighted accuracy on the inner split."""
        rows = self.held_out
        right = self.logits(rule, network, rows).argmax(1) == rows.y
        return float((rows.weight * right).mean())


def _spawned(generator: torch.Generator) -> torch.Generator:
    seed = int(torch.randint(2**62, (), generator=generator, device="cpu"))
    return torch.Generator("cpu").manual_seed(seed)


class OwnLosses(Rule):
    """A rule by which each modality has a head, and so a cross-entropy L_m, of its own."""

    heads: nn.ModuleList

    def prepare(self, network: FusionNetwork, generator: torch.Generator, n_steps: int) -> None:
        """Make the heads."""
        super().prepare(network, generator, n_steps)
        where = network.out.weight
        heads = [linear(network.code_dim, network.n_classes, generator) for _ in network.encoders]
        self.heads = nn.ModuleList(heads).to(where.device, where.dtype)

    def losses(self, network: FusionNetwork, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Evaluate the joint loss L and every L_m on a batch."""
        codes = network.encode(batch.xs, batch.masks)
        joint = mean_entropy(network.head(codes, batch.head_mask), batch)
        own = [mean_entropy(h(c), batch) for h, c in zip(self.heads, codes, strict=True)]
        return joint, own


def mean_entropy(logits: Tensor, batch: Batch) -> Tensor:
    """Weighted mean cross-entropy of a batch."""
    return (batch.weight * entropy(logits, batch.y)).mean()


def entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy of each row."""
    return cross_entropy(logits, y, reduction="none")


def confidence(logits: Tensor, batch: Batch) -> Tensor:
    """Σ_batch softmax(logits)_y, the score p_m by which rules tell the stronger modality."""
    own = torch.softmax(logits, dim=1).gather(1, batch.y[:, None])[:, 0]
    return (batch.weight * own).sum()


def ratios_to_others(scores: Tensor) -> Tensor:
    """ρ_m = p_m / mean_{j≠m} p_j of scores (n_modalities,); an only modality is not ahead, 1."""
    if len(scores) == 1:
        return torch.ones_like(scores)
    others = (scores.sum() - scores) / (len(scores) - 1)
    return scores / others.clamp_min(torch.finfo(scores.dtype).tiny)


def codes_of(network: FusionNetwork, rows: TrainingTensors) -> list[Tensor]:
    """Codes of each modality's rows, (n, code_dim)."""
    parts = [network.encode(part.xs) for part in rows.in_memory()]
    return [torch.cat(codes) for codes in zip(*parts, strict=True)]
