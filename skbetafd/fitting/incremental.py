"""Learning from a stream: what `partial_fit` keeps between its calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..nn.front_door_network import Codes
from ..nn.torch_modes import fitting
from ..training.batches import TrainingTensors
from ..training.one_network import train_one_pass
from .request import FitRequest, FitResult, Member
from .trainer import FrontDoorTrainer

REMEMBERED_ROWS = 4096
"""Rows of the stream that are kept. They are encoded anew after each call, to make the reference
set: codes of earlier networks would not fit the present head. And they are replayed beside the new
rows: without, a class that stayed away for five calls was predicted for 2 or none of its 60 rows
(kar/mor, learning rate 2e-3)."""


@dataclass(frozen=True)
class RowSample:
    """A uniform sample of the complete rows of a stream, with the masses they stand for.

    Each row draws a key, and those with the least keys stay: a reservoir (Vitter, Random Sampling
    with a Reservoir, ACM TOMS 1985) that takes many rows at once.
    """

    rows: TrainingTensors
    keys: Tensor

    @classmethod
    def of(cls, rows: TrainingTensors, mass: float, seed: int) -> RowSample:
        """Draw from one call's rows, whose masses sum to `mass`, those that lack nothing."""
        weight = rows.complete_weight / rows.weight.sum() * mass
        sample = replace(rows, weight=weight, present=None).rows(weight > 0)
        generator = torch.Generator("cpu").manual_seed(seed)
        keys = torch.rand(len(sample), generator=generator, dtype=torch.float64, device="cpu")
        return cls(sample, keys)._cut()

    def like(self, rows: TrainingTensors) -> RowSample:
        """Cast the sample to the precision and device of other rows, which may have changed."""
        own, place = self.rows, (rows.weight.device, rows.weight.dtype)
        xs, y = [x.to(*place) for x in own.xs], own.y.to(place[0])
        return replace(self, rows=TrainingTensors(xs, y, own.weight.to(*place)))

    def and_more(self, other: RowSample) -> RowSample:
        """Join two samples of parts of a stream into one of both."""
        rows = self.rows.and_complete(other.rows)
        return RowSample(rows, torch.cat([self.keys, other.keys]))._cut()

    def replayed_with(self, rows: TrainingTensors, seed: int) -> TrainingTensors:
        """Add to new rows as many of the sample, where it has so many, drawn at random."""
        generator = torch.Generator("cpu").manual_seed(seed)
        drawn = torch.randperm(len(self.keys), generator=generator, device="cpu")[: len(rows)]
        kept = self.rows.rows(drawn.to(rows.y.device))
        return rows.and_complete(replace(kept, weight=kept.weight / kept.weight.mean()))

    def _cut(self) -> RowSample:
        if len(self.keys) <= REMEMBERED_ROWS:
            return self
        keys, kept = self.keys.topk(REMEMBERED_ROWS, largest=False, sorted=False)
        return RowSample(self.rows.rows(kept.to(self.rows.y.device)), keys)


@dataclass(frozen=True)
class Stream:
    """What is kept between the calls of `partial_fit`."""

    seeds: tuple[int, ...]
    n_calls: int
    members: list[Member]
    """With the optimizers' states."""
    sample: RowSample | None
    earlier: list[tuple[Codes, Tensor]]
    """Of every member, the reference codes of a `fit` before the first call, and their masses."""

    @classmethod
    def begun(cls, seeds: tuple[int, ...], members: Sequence[Member], mass: float) -> Stream:
        """Begin with no member, or with those of a fit on rows whose masses sum to `mass`."""
        earlier = [(Codes(*m.references[:3]), m.references.log_mass.exp() * mass) for m in members]
        return cls(seeds, 0, list(members), None, earlier)

    def learn(self, request: FitRequest) -> tuple[Stream, FitResult]:
        """Pass once over the rows of a request and a replay; this stream stays as it is."""
        drawn = np.random.SeedSequence([*self.seeds, self.n_calls]).generate_state(len(self.seeds))
        seeds = self.seeds if not self.n_calls else tuple(int(seed) for seed in drawn)
        with fitting():
            prepared = FrontDoorTrainer(replace(request, spec=replace(request.spec, seeds=seeds)))
            before: list[Any] = [m.net for m in self.members] or [None] * len(prepared.jobs)
            rows = prepared.rows.dense()
            sample = RowSample.of(rows, request.rows.mass, seeds[0])
            if self.sample is not None:
                kept = self.sample.like(rows)
                rows = kept.replayed_with(rows, seeds[0])
                sample = kept.and_more(sample)
            nets = [
                train_one_pass(replace(job, rows=rows), net, keep_optimizer=self.n_calls > 0)
                for job, net in zip(prepared.jobs, before, strict=True)
            ]
            result = prepared.finish(nets, sample.rows, self.earlier)
        members, n_calls = result.members, self.n_calls + 1
        return Stream(self.seeds, n_calls, members, sample, self.earlier), result
