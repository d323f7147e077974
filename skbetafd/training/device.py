"""Where a fit runs."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

import torch

from .._utils.messages import stack_level


def resolve_device(device: str | torch.device) -> torch.device:
    """Resolve "auto" to CUDA where there is a GPU, else CPU; any other name is tried."""
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        probe = torch.zeros(1, device=device)
        probe.item()
        return probe.device
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"device {device!r} can't be used here: {error}") from error


Part = TypeVar("Part")

ON_A_CPU = "DefaultCPUAllocator"
"""In the RuntimeError by which torch says that the machine's own memory is full."""


class Refusal(NamedTuple):
    """What was said where memory was refused, and by whom."""

    said: str
    error: type[Exception]

    @property
    def whose(self) -> str:
        """Say whose memory it is."""
        return "device" if self.error is torch.OutOfMemoryError else "machine"

    def or_move(self, advice: str) -> str:
        """Give advice for a device that is not the CPU already."""
        return advice if self.whose == "device" else ""


def in_parts(work: Callable[[slice], Part], n_rows: int, size: int) -> list[Part]:
    """Work through rows, `size` of them at once, or as few as the memory holds.

    Warns
    -----
    UserWarning
        With the number of rows that did fit, where `size` did not.

    Raises
    ------
    torch.OutOfMemoryError, MemoryError
        If not even one row fits; the latter on a CPU.
    """
    parts: list[Part] = []
    size = int(size)  # a NumPy integer overflows in the sums
    start, asked = 0, size
    refusal: Refusal | None = None
    while start < n_rows:
        try:
            parts.append(work(slice(start, start + size)))
            start += size
            continue
        except (RuntimeError, MemoryError) as error:
            refusal = _refusal(error)
            if refusal is None:
                raise
        # outside of the handler: its traceback would hold on to the tensors
        if size == 1:
            raise refusal.error(
                f"the {refusal.whose}'s memory does not hold a prediction of one row: "
                f"{refusal.said}. Free it, or fit fewer members or references"
                + refusal.or_move(", or move to device='cpu'")
            )
        size = (min(size, n_rows - start) + 1) // 2
        _free()
    if refusal is not None and len(parts) > 1:
        warnings.warn(
            f"the {refusal.whose}'s memory did not hold {asked} rows at once: they were predicted "
            f"{size} at once. Set predict_batch_size={size} to spare the attempts.",
            UserWarning,
            stacklevel=stack_level(),
        )
    return parts


@contextmanager
def training_memory(batch_size: int) -> Iterator[None]:
    """Say of a fit that the memory does not hold what to change.

    Raises
    ------
    torch.OutOfMemoryError, MemoryError
        In place of torch's or NumPy's, with the size that it names; the latter on a CPU.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise refusal.error(
            f"the {refusal.whose}'s memory does not hold this fit: {refusal.said}. The rows lie "
            f"there whole, and {'all' if batch_size == -1 else batch_size} of them are a batch: "
            "set a smaller batch_size, or give X as memory maps or another source that is read "
            "batch by batch" + refusal.or_move(", or set device='cpu'")
        ) from error


def _refusal(error: Exception) -> Refusal | None:
    """Give what was said and the size asked for, without torch's advice; None of other errors."""
    said = str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return Refusal(". ".join(said.split(". ")[:2]), torch.OutOfMemoryError)
    if isinstance(error, MemoryError):
        return Refusal(said or "it is full", MemoryError)
    if ON_A_CPU in said:
        return Refusal(said[said.index(ON_A_CPU) :].split(". ")[0], MemoryError)
    return None


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
