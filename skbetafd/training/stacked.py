"""Several networks of one shape trained as one program."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from copy import deepcopy
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochTimer, LoadInitState, ParamMapper
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from .._utils.progress import progress
from ..nn.criterion import Batch, Criterion
from ..nn.encoders import Encoder
from .callbacks import callback_kinds
from .job import Network, TrainingJob, make_net
from .net import EpochSums, FrontDoorNet
from .one_network import end_training, train
from .schedule import clip_stacked_gradients, schedule_policy
from .stopping import StopTraining, settle_interrupt

BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


def train_all(
    jobs: Sequence[TrainingJob], verbose: int = 0, *, keep_interrupted: bool = False
) -> list[NeuralNet]:
    """Train networks together where they have one shape and one schedule, else one by one.

    Which jobs share a program makes no difference to any of them but in rounding. At
    ``verbose >= 1`` it is told what can't be stacked. With `keep_interrupted`, the networks that
    are trained last are kept if they are interrupted, see `train`: without the others there is
    nothing to keep.

    Returns
    -------
    list of skorch.NeuralNet
        In the order of `jobs`.
    """
    if len(jobs) == 1:
        return [train(jobs[0], keep_interrupted=keep_interrupted)]
    nets: list[Any] = [None] * len(jobs)
    groups: dict[Hashable, list[int]] = {}
    for i, job in enumerate(jobs):
        reason = _why_alone(job)
        if reason and verbose:
            print(f"network {i + 1} of {len(jobs)} is trained by itself: {reason}")
        groups.setdefault(("alone", i) if reason else _shape(job), []).append(i)
    for at, members in enumerate(groups.values(), start=1):
        group, keep = [jobs[i] for i in members], keep_interrupted and at == len(groups)
        if len(group) == 1:
            trained = [train(group[0], keep_interrupted=keep)]
        else:
            trained = _Stack(group, keep_interrupted=keep).train(verbose)
        for i, net in zip(members, trained, strict=True):
            nets[i] = net
    return nets


def _why_alone(job: TrainingJob) -> str | None:
    if job.net_class is not FrontDoorNet:
        return "its batches are split between processes"
    if job.criterion.shared() is None:
        return f"a {type(job.network).__name__} can't be stacked"
    if any(isinstance(module, Encoder) and module.features for module in job.network.modules()):
        return "its encoders that are not fully connected can't be stacked"
    if job.checkpoint is not None:
        return "it has a checkpoint of its own"
    for kind in callback_kinds(job.settings.callbacks):
        if issubclass(kind, (ParamMapper, LoadInitState)):
            return f"{kind.__name__} acts on the parameters of one network"
        for hook in BATCH_HOOKS:
            if getattr(kind, hook) is not getattr(Callback, hook):
                return f"{kind.__name__} has {hook}, and a stack has no batches of one network"
    return None


def _shape(job: TrainingJob) -> Hashable:
    """Give what jobs must have in common to be one program."""
    s = job.settings
    return (
        tuple((name, p.shape, p.dtype, p.device) for name, p in job.network.named_parameters()),
        tuple(getattr(job.network, "order", ())),
        (job.n_batches, s.max_epochs, s.learning_rate, s.weight_decay, s.dropout > 0, s.autocast),
        (s.lr_schedule, s.max_grad_norm),
        job.rows.present is None,
        (type(job.criterion), job.criterion.shared()),
    )


def _stacked(networks: Sequence[Network]) -> Network:
    """Make a network whose parameters are those of several, along a new first axis."""
    network = deepcopy(networks[0])
    for name, module in network.named_modules():
        own = [other.get_submodule(name) for other in networks]
        for key in list(module._parameters):
            if module._parameters[key] is not None:
                values = [getattr(other, key).detach() for other in own]
                module._parameters[key] = nn.Parameter(torch.stack(values))
    return network


class _Stack:
    """Jobs of one shape, their parameters stacked along a new first axis."""

    def __init__(self, jobs: Sequence[TrainingJob], *, keep_interrupted: bool) -> None:
        self.jobs, self.keep_interrupted = list(jobs), keep_interrupted
        self.batches = [job.batches() for job in jobs]
        self.nets = [
            make_net(job, [("epoch_timer", EpochTimer())], keep_interrupted=keep_interrupted)
            for job in jobs
        ]
        self.running = list(range(len(jobs)))
        self.network = _stacked([job.network for job in jobs])
        settings = jobs[0].settings
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        n_steps = settings.max_epochs * jobs[0].n_batches
        policy, arguments = schedule_policy(settings.lr_schedule, settings.learning_rate, n_steps)
        self.schedule = policy(self.optimizer, **arguments)

    def train(self, verbose: int) -> list[NeuralNet]:
        """Run all epochs; a network that a callback stops leaves the stack."""
        self._notify("on_train_begin")
        max_epochs = self.jobs[0].settings.max_epochs
        label = f"fit {len(self.jobs)} networks"
        try:
            for _ in progress(range(max_epochs), shown=verbose == 1, unit="epoch", desc=label):
                self._epoch()
                if verbose > 1:
                    losses = [f"{net.history[-1, 'train_loss']:.3f}" for net in self.nets]
                    print(f"epoch {len(self.nets[0].history)}, train_loss {' '.join(losses)}")
                if not self.running:
                    break
        except KeyboardInterrupt:
            running = [self.nets[i] for i in self.running] or self.nets
            if not (self.keep_interrupted and settle_interrupt(running)):
                self._notify("on_train_end")
                raise
        for net, job in zip(self.nets, self.jobs, strict=True):
            end_training(net, job)
        return self.nets

    def _datasets(self, i: int) -> dict[str, Any]:
        job = self.jobs[i]
        return {"dataset_train": job.rows, "dataset_valid": job.held_out}

    def _notify(self, event: str) -> None:
        for net, job in zip(self.nets, self.jobs, strict=True):
            net.notify(event, X=job.rows, y=None)

    def _epoch(self) -> None:
        nets = [self.nets[i] for i in self.running]
        for i in self.running:
            self.nets[i].notify("on_epoch_begin", **self._datasets(i))
        criterion = self._criterion()
        criterion.set_epoch(len(nets[0].history) - 1, nets[0].max_epochs)
        sums = EpochSums()
        settings = self.jobs[0].settings
        for net in nets:
            net.module_.train()
        for batches in zip(*(self.batches[i] for i in self.running), strict=True):
            with settings.precision(batches[0].y.device):
                terms = criterion(self.network, _collate(batches))
            self.optimizer.zero_grad()
            terms["loss"].sum().backward()
            clip_stacked_gradients(self.network.parameters(), settings.max_grad_norm)
            self.optimizer.step()
            self.schedule.step()
            sums.add(terms, terms["loss"].new_tensor([len(batch.y) for batch in batches]))
        for model, (net, means) in enumerate(zip(nets, sums.means().T, strict=True)):
            net.record_epoch(sums, means, model)
        self._end_epoch()

    def _criterion(self) -> Criterion:
        criteria = [self.jobs[i].criterion for i in self.running]
        return criteria[0].stacked(criteria, next(self.network.parameters()))

    def _end_epoch(self) -> None:
        self._write_back()
        stopped = []
        for i in self.running:
            try:
                self.nets[i].notify("on_epoch_end", **self._datasets(i))
            except StopTraining:
                stopped.append(i)
        self._read_back()
        if stopped:
            self._drop(stopped)

    @torch.no_grad()
    def _write_back(self) -> None:
        for own, stacked in self._pairs(self.running):
            own.copy_(stacked)

    @torch.no_grad()
    def _read_back(self) -> None:
        """Take over what callbacks may have done to the networks."""
        called = [i for i in self.running if self.jobs[i].settings.callbacks]
        for own, stacked in self._pairs(called):
            stacked.copy_(own)

    def _pairs(self, which: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Give the networks' own parameters, each with its place in the stack."""
        for i in which:
            position = self.running.index(i)
            stacks = self.network.parameters()
            for own, stacked in zip(self.jobs[i].network.parameters(), stacks, strict=True):
                yield own, stacked[position]

    def _drop(self, stopped: Sequence[int]) -> None:
        keep = [at for at, i in enumerate(self.running) if i not in stopped]
        self.running = [self.running[at] for at in keep]
        for stacked in self.network.parameters():
            stacked.data = stacked.data[keep]
            stacked.grad = None
            state = self.optimizer.state[stacked]
            for key, value in state.items():
                state[key] = value[keep] if value.dim() else value


def _collate(batches: Sequence[Batch]) -> Batch:
    """Stack batches; shorter ones are filled up by rows of weight 0."""
    most = max(len(batch.y) for batch in batches)

    def stack(tensors: Sequence[Tensor]) -> Tensor:
        return pad_sequence(list(tensors), batch_first=True)

    def stacks(lists: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        return [stack(tensors) for tensors in zip(*lists, strict=True)]

    # a mean over the longest batch, scaled, is the mean over the own
    weight = stack([batch.weight * (most / len(batch.y)) for batch in batches])
    present = [batch.present for batch in batches if batch.present is not None]
    masks = [batch.masks for batch in batches if batch.masks is not None]
    return Batch(
        stacks([batch.xs for batch in batches]),
        stack([batch.y for batch in batches]),
        weight,
        stack(present) if present else None,
        stacks(masks) if masks else None,
    )
