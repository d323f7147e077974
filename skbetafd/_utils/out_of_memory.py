"""What happens when memory does not reach: fewer rows at once, or an error with a note."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

from .messages import warn

Result = TypeVar("Result")


ON_A_CPU = "DefaultCPUAllocator"
"""In the RuntimeError by which torch says that the machine's own memory is full."""


def _is_out_of_memory(error: Exception) -> bool:
    own = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    return own or ON_A_CPU in str(error)


def in_parts(work: Callable[[slice], Result], n_rows: int, size: int) -> list[Result]:
    """Work through rows, `size` of them at once, or as few as the memory holds.

    Warns
    -----
    UserWarning
        With the number of rows that did fit, where `size` did not.

    Raises
    ------
    torch.OutOfMemoryError, MemoryError, RuntimeError
        Of NumPy or torch, if not even one row fits; with a note on what to change.
    """
    parts: list[Result] = []
    start, asked = 0, int(size)  # a NumPy integer overflows in the sums
    size = asked
    while start < n_rows:
        try:
            parts.append(work(slice(start, start + size)))
            start += size
            continue
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
            if size == 1:
                error.add_note(
                    "The memory does not hold a prediction of one row: free it, fit fewer members "
                    "or references, or move a model on a GPU to device='cpu'."
                )
                raise
        # outside of the handler: its traceback would hold on to the tensors
        size = (min(size, n_rows - start) + 1) // 2
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    if size < asked and len(parts) > 1:
        warn(
            f"The memory did not hold {asked} rows at once: they were predicted {size} at once. "
            f"Set predict_batch_size={size} to spare the attempts.",
        )
    return parts


@contextmanager
def training_memory(batch_size: int | str) -> Iterator[None]:
    """Note at the error of a fit that the memory does not hold what to change."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if _is_out_of_memory(error):
            together = {-1: "all", "auto": "128 or more"}.get(batch_size, batch_size)
            error.add_note(
                "The memory does not hold this fit. The rows lie there whole, and "
                f"{together} of them are a batch: set a smaller "
                "batch_size, give X as memory maps or another source that is read batch by batch, "
                "or on a GPU set device='cpu'."
            )
        raise
