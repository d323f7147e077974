"""A modality that becomes tensors batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

AHEAD_ROWS = 4096
"""Rows of a streamed modality that are read and scaled at once, for several batches."""

AHEAD_VALUES = 2**23
"""Values of the modalities that are read at once, where rows are wide."""


class StreamedRows:
    """Stands for a tensor (n, width) whose rows are read when they are needed.

    Parameters
    ----------
    source : RowSource of shape (n, ...)
        Indexed by slices and arrays of integers.
    to_tensor : callable
        Makes the tensor (n', width) of a part of the source.
    width : int
        Of the tensors.
    """

    def __init__(self, source: Any, to_tensor: Callable[[Any], Tensor], width: int) -> None:
        self.source, self.to_tensor, self.width = source, to_tensor, width

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows, width."""
        return len(self), self.width

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, rows: slice | Tensor) -> StreamedRows:
        key = rows.cpu().numpy() if isinstance(rows, Tensor) else rows
        return StreamedRows(self.source[key], self.to_tensor, self.width)

    def read(self) -> Tensor:
        """Read all rows."""
        return self.to_tensor(self.source)

    def split(self, n_rows: int) -> Iterator[Tensor]:
        """Read `n_rows` rows after one another."""
        for start in range(0, len(self), n_rows):
            yield self[start : start + n_rows].read()


Rows = Tensor | StreamedRows


def dense(x: Rows) -> Tensor:
    """Give a tensor of all rows."""
    return x if isinstance(x, Tensor) else x.read()


def streams(xs: Sequence[Rows]) -> bool:
    """Tell whether any modality is streamed."""
    return any(isinstance(x, StreamedRows) for x in xs)


def rows_ahead(xs: Sequence[Rows], most: int = AHEAD_ROWS) -> int:
    """Give how many rows of the modalities are read at once."""
    width = sum(x.shape[1] for x in xs if isinstance(x, StreamedRows))
    return max(1, min(most, AHEAD_VALUES // max(1, width)))


def _block_numbers(xs: Sequence[Rows]) -> list[tuple[np.ndarray, int]]:
    """Give the rows' blocks, and how many of them are kept, of modalities read in blocks."""
    found = [
        (x.source.block_numbers(), x.source.n_blocks_kept)
        for x in xs
        if isinstance(x, StreamedRows)
    ]
    return [(numbers, kept) for numbers, kept in found if numbers is not None]


def in_reading_order(xs: Sequence[Rows], rows: Tensor) -> Tensor:
    """Sort rows where a modality is read in blocks."""
    return rows.sort().values if _block_numbers(xs) else rows


def epoch_order(xs: Sequence[Rows], n: int, generator: torch.Generator) -> Tensor:
    """Order the rows of an epoch at random.

    Where a modality is read in blocks, the blocks come in random order, so many at a time as half
    of those that stay in memory, and the rows of these are shuffled together.
    """
    order = torch.randperm(n, generator=generator, device="cpu")
    blocky = _block_numbers(xs)
    if not blocky:
        return order
    numbers = min((numbers for numbers, _ in blocky), key=lambda b: len(np.unique(b)))
    group = max(1, min(kept for _, kept in blocky) // 2)
    used, position = np.unique(numbers, return_inverse=True)
    shuffled = torch.randperm(len(used), generator=generator, device="cpu")
    turn = shuffled[torch.from_numpy(position)] // group
    return order[turn[order].argsort(stable=True)]
