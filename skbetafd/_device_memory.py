"""Where the device's memory does not reach: fewer rows at once, or an error that says why."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch

Part = TypeVar("Part")


def in_parts(work: Callable[[slice], Part], n_rows: int, size: int) -> list[Part]:
    """Work through rows, `size` of them at once, or as few as the device's memory holds.

    Warns
    -----
    UserWarning
        With the number of rows that did fit, where `size` did not.

    Raises
    ------
    torch.OutOfMemoryError
        If not even one row fits.
    """
    parts: list[Part] = []
    start, asked = 0, size
    while start < n_rows:
        try:
            parts.append(work(slice(start, start + size)))
            start += size
            continue
        except torch.OutOfMemoryError as error:
            refusal = _said(error)
        # outside of the handler: its traceback would hold on to the tensors
        if size == 1:
            raise torch.OutOfMemoryError(
                f"the device's memory does not hold a prediction of one row: {refusal}. Free it, "
                "fit fewer members or references, or move to device='cpu'"
            )
        size = (min(size, n_rows - start) + 1) // 2
        _free()
    if size < asked and len(parts) > 1:
        warnings.warn(
            f"the device's memory did not hold predict_batch_size={asked} rows: they were "
            f"predicted {size} at once. Set predict_batch_size={size} to spare the attempts.",
            UserWarning,
            stacklevel=4,
        )
    return parts


@contextmanager
def training_memory(batch_size: int) -> Iterator[None]:
    """Say of a fit that the device's memory does not hold what to change.

    Raises
    ------
    torch.OutOfMemoryError
        In place of torch's, with the size that it names.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise torch.OutOfMemoryError(
            f"the device's memory does not hold this fit: {_said(error)}. The rows lie there "
            f"whole, and {'all' if batch_size == -1 else batch_size} of them are a batch: set a "
            "smaller batch_size, give X as memory maps or another source that is read batch by "
            "batch, or set device='cpu'"
        ) from error


def _said(error: torch.OutOfMemoryError) -> str:
    """Give the refusal and the size asked for, without torch's advice."""
    return ". ".join(str(error).split(". ")[:2])


def _free() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
