"""Data-parallel training: one fit in the processes that `accelerate launch` has started.

Every process makes the same call on the same rows. What is chosen before and after training comes
from the first process; in between, each takes its share of every batch's rows, and the gradients
are averaged before the optimizer's step, so that all networks stay equal. The losses that compare
rows gather the codes of the whole batch: with a sixteenth of it to compare with, they teach less.
Accelerate says which processes there are and moves the tensors. Its wrapper around a module would
not do: the criterion calls parts of the network, not its forward, and a share of fewer rows has to
count for less.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .._utils.messages import needing
from ..nn.criterion import Batch
from .device import resolve_device
from .net import FrontDoorNet
from .stopping import StopTraining

GOES_ON, STOPS, FAILS = 0, 1, 2


def join_processes(device: str | torch.device) -> torch.device:
    """Join the processes of this launch, if that has not been done; give this one's device.

    Raises
    ------
    ImportError
        If Accelerate is not installed.
    ValueError
        If `device` is of another kind than the one that the processes were joined for.
    RuntimeError
        If Accelerate was set up for other processes than this launch has.
    """
    with needing("distributed", "accelerate=True needs Accelerate"):
        from accelerate import PartialState
    asked = None if device == "auto" else resolve_device(device)
    on_cpu = os.environ.get("ACCELERATE_USE_CPU", "false").lower() in ("1", "true", "yes")
    cpu = on_cpu or not torch.accelerator.is_available() or (asked and asked.type == "cpu")
    state = PartialState(cpu=bool(cpu))
    launched = int(os.environ.get("WORLD_SIZE", 1))
    if launched != state.num_processes:
        raise RuntimeError(
            f"{launched} processes were launched, but Accelerate was set up for "
            f"{state.num_processes} before fit; on CPUs, it needs Accelerator(cpu=True)"
        )
    if asked is not None and asked.type != state.device.type:
        raise ValueError(
            f"device is {str(device)!r}, but the processes were joined on {state.device.type!r}; "
            "device='auto' takes what accelerate launch gives each process"
        )
    return state.device if asked is None or state.num_processes > 1 else asked


def process_index() -> tuple[int, int]:
    """Give the position of this process and the number of processes, once they are joined."""
    from accelerate import PartialState

    state = PartialState()
    return state.process_index, state.num_processes


def from_first(make: Callable[[], Any]) -> Any:
    """Give what the first process makes, or raise its error, in all processes."""
    from accelerate.utils import broadcast_object_list

    index, count = process_index()
    if count == 1:
        return make()
    made: list[Any] = [None, None]
    if index == 0:
        try:
            made[0] = make()
        except Exception as error:
            made[1] = _picklable(error)
    value, failure = broadcast_object_list(made)
    if failure is not None:
        raise failure
    return value


def _picklable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__} in the first process: {error}")
    return error


def check_same_call(values: Mapping[str, Any]) -> None:
    """Refuse processes that do not all fit the same; `values` are compared by ``==``."""
    from accelerate.utils import gather_object

    first, *others = gather_object([dict(values)])
    for i, other in enumerate(others, start=1):
        for name in first:
            if other.get(name) != first[name]:
                raise ValueError(
                    f"process {i} fits with another {name} than process 0: every process needs "
                    "the same rows, labels and parameters (batches are split by fit)"
                )


def check_shards(n_rows: int, n_batches: int) -> None:
    """Refuse batches of fewer rows than there are processes."""
    _, count = process_index()
    least = n_rows // n_batches
    if least < count:
        raise ValueError(
            f"there are {count} processes for a batch of {least} rows: take a larger batch_size, "
            "or fewer processes"
        )


class WholeBatch:
    """Gathers the rows of a batch, of which every process has its share."""

    n_rows = 0
    """Of the batch."""

    def __call__(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Give all rows of aligned tensors, each (n_own, ...), in one order for all."""
        return _Gather.apply(self.n_rows, *tensors)


class _Gather(torch.autograd.Function):
    """Rows of all processes; what is learned from them flows to the own rows.

    Every process evaluates the loss of the whole batch, but moves its own rows alone. Weighted by
    the processes' shares, gradients would then sum to a mean: dividing by the share undoes that.
    """

    @staticmethod
    def forward(ctx: Any, n_rows: int, *tensors: Tensor) -> tuple[Tensor, ...]:
        from accelerate.utils import gather

        index, count = process_index()
        sizes = [len(range(i, n_rows, count)) for i in range(count)]
        flat = torch.cat([tensor.reshape(len(tensor), -1) for tensor in tensors], dim=1)
        padded = flat.new_zeros(sizes[0], flat.shape[1])
        padded[: len(flat)] = flat
        parts = gather(padded).split(sizes[0])
        rows = torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])
        ctx.own = slice(sum(sizes[:index]), sum(sizes[: index + 1]))
        ctx.share = sizes[index] / n_rows
        columns = rows.split([tensor[0].numel() for tensor in tensors], dim=1)
        return tuple(
            column.reshape(-1, *tensor.shape[1:]).to(tensor.dtype)
            for column, tensor in zip(columns, tensors, strict=True)
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return None, *(grad[ctx.own] / ctx.share for grad in grads)


class AcceleratedNet(FrontDoorNet):
    """A net that takes its share of each batch and averages gradients over the processes."""

    def initialize_module(self) -> AcceleratedNet:
        """Begin with the first process's weights: a module of the user's may have its own."""
        from accelerate.utils import broadcast

        super().initialize_module()
        broadcast([tensor.data for tensor in self.module_.state_dict().values()])
        return self

    def initialize_criterion(self) -> AcceleratedNet:
        """Have the criterion gather what it compares."""
        super().initialize_criterion()
        self.criterion_.whole_batch = WholeBatch()
        return self

    def train_step_single(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Take the averaged gradients of the criterion at all processes' shares of a batch."""
        index, count = process_index()
        places = torch.arange(len(batch.y), device=batch.y.device)
        own = replace(batch, places=places).rows(slice(index, None, count))
        self.share_ = len(own.y) / len(batch.y)
        self.criterion_.whole_batch.n_rows = len(batch.y)
        return super().train_step_single(own, **fit_params)

    def take_gradients(self, terms: dict[str, Tensor]) -> dict[str, Tensor]:
        """Take this process's gradients, then the mean of all, and of the terms."""
        super().take_gradients(terms)
        grads = [p.grad for p in self.module_.parameters() if p.grad is not None]
        values = [value.detach().to(grads[0].dtype) for value in terms.values()]
        means = self._mean([*grads, *values])
        with torch.no_grad():
            for grad, mean in zip(grads, means, strict=False):
                grad.copy_(mean)
        return dict(zip(terms, means[len(grads) :], strict=True))

    def run_single_epoch(self, *args: Any, **kwargs: Any) -> None:
        """Run an epoch; what modules count by themselves (batch norm) is then the first's."""
        from accelerate.utils import broadcast

        super().run_single_epoch(*args, **kwargs)
        broadcast(list(self.module_.buffers()))

    def _mean(self, tensors: list[Tensor]) -> list[Tensor]:
        """Mean over the processes by their numbers of rows, in one message."""
        from accelerate.utils import reduce

        flat = torch.cat([tensor.reshape(-1) for tensor in tensors]).mul_(self.share_)
        parts = reduce(flat, reduction="sum").split([tensor.numel() for tensor in tensors])
        return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]

    def notify(self, method_name: str, **kwargs: Any) -> None:
        """Call the callbacks; what stops or fails in one process ends the epoch in all."""
        if "batch" in method_name or method_name == "on_grad_computed":
            super().notify(method_name, **kwargs)  # too often to ask the others
            return
        error: BaseException | None = None
        try:
            super().notify(method_name, **kwargs)
        except (Exception, KeyboardInterrupt) as caught:
            error = caught
        worst = _worst(error)
        if error is not None:
            raise error
        if worst == FAILS:
            raise RuntimeError(f"a callback failed in {method_name} of another process")
        if worst == STOPS:
            raise StopTraining


def _worst(error: BaseException | None) -> int:
    """Tell the other processes how this one fares, and learn how the worst does."""
    from accelerate import PartialState
    from accelerate.utils import reduce

    own = GOES_ON if error is None else STOPS if isinstance(error, KeyboardInterrupt) else FAILS
    return int(reduce(torch.tensor([own], device=PartialState().device), reduction="max"))
