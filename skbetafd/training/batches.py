"""Batches cut from whole tensors, with the dropout masks that belong to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from skorch.dataset import Dataset
from torch import Tensor

from ..nn.criterion import Batch

AHEAD_ROWS = 4096
"""Rows of a streamed modality that are read and scaled at once, for several batches."""

AHEAD_VALUES = 2**22
"""Values of the modalities that are read at once, where rows are wide (16 MB in float32)."""


class StreamedRows:
    """Stands for a tensor (n, width) whose rows are read when they are needed.

    Parameters
    ----------
    source : Modality of shape (n, ...)
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
    found = [x.source.blocks() for x in xs if isinstance(x, StreamedRows)]
    return [blocks for blocks in found if blocks is not None]


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


VALUES_AHEAD = 2**20
"""Values of rows and masks that are made at once for batches to come (4 MB in float32)."""


class TrainingTensors(Batch, Dataset):
    """All rows of a training, on its device; some of `xs` may be `StreamedRows`."""

    @property
    def X(self) -> TrainingTensors:  # noqa: N802 - what skorch's scoring hands to the net
        """The rows themselves, which a `FrontDoorNet` predicts for."""
        return self

    def __len__(self) -> int:
        return len(self.y)

    def and_complete(self, other: TrainingTensors) -> TrainingTensors:
        """Put rows that lack nothing after these."""
        present = self.present
        if present is not None:
            present = torch.cat([present, present.new_ones(len(other), present.shape[1])])
        return TrainingTensors(
            [torch.cat(pair) for pair in zip(self.xs, other.xs, strict=True)],
            torch.cat([self.y, other.y]),
            torch.cat([self.weight, other.weight]),
            present,
        )

    def parts(self, n_rows: int = 2**16) -> Iterator[TrainingTensors]:
        """Cut into parts of at most `n_rows` rows, as they come; streamed ones are read."""
        if streams(self.xs):
            n_rows = rows_ahead(self.xs, n_rows)
        for start in range(0, len(self), n_rows):
            yield self.rows(slice(start, start + n_rows)).dense()

    def in_memory(self) -> Iterator[TrainingTensors]:
        """Give the rows as they are, or in parts where some are streamed."""
        if streams(self.xs):
            yield from self.parts()
        else:
            yield self

    def dense(self) -> TrainingTensors:
        """Read what is streamed."""
        return replace(self, xs=[dense(x) for x in self.xs])


class BatchIterator:
    """Shuffle each epoch and slice whole tensors; collating row by row costs twice a step.

    Parameters
    ----------
    rows : TrainingTensors
        The data.
    n_batches : int
        Equal parts that an epoch is cut into, so that no ragged tail is left.
    mask_dims : sequence of int
        Widths of the layers that dropout masks.
    dropout : float
        Probability with which a hidden unit is left out.
    generator : torch.Generator
        Order of the rows (CPU).
    mask_generator : torch.Generator
        Dropout masks, on the rows' device.
    """

    def __init__(
        self,
        rows: TrainingTensors,
        n_batches: int,
        *,
        mask_dims: Sequence[int],
        dropout: float,
        generator: torch.Generator,
        mask_generator: torch.Generator,
    ) -> None:
        self.rows = rows
        self.n_batches = n_batches
        self.mask_dims = list(mask_dims)
        self.keep = 1.0 - dropout
        self.generator = generator
        self.mask_generator = mask_generator

    @property
    def generators(self) -> tuple[torch.Generator, torch.Generator]:
        """Of the order and of the masks: what the next epochs depend on."""
        return self.generator, self.mask_generator

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[Batch]:
        rows = self.rows  # also those of one batch: what a row shows follows from its place in it
        order = epoch_order(rows.xs, len(rows), self.generator).to(rows.y.device)
        parts = order.tensor_split(self.n_batches)
        n_ahead = max(1, self._rows_ahead() // len(parts[0]))
        for start in range(0, len(parts), n_ahead):
            yield from self._several(parts[start : start + n_ahead])

    def _rows_ahead(self) -> int:
        """Tell for how many rows the batches are made at once."""
        width = sum(x.shape[1] for x in self.rows.xs) + sum(self.mask_dims)
        most = max(1, VALUES_AHEAD // width)
        return rows_ahead(self.rows.xs) if streams(self.rows.xs) else most

    def _several(self, parts: Sequence[Tensor]) -> Iterator[Batch]:
        """Make several batches with as many operations as one: a GPU waits for each of them."""
        rows, together = self.rows, torch.cat(list(parts))
        sizes = [len(part) for part in parts]

        def cut(x: Tensor) -> Sequence[Tensor]:
            return x.split(sizes)

        xs = [
            x[together].read() if isinstance(x, StreamedRows) else x.index_select(0, together)
            for x in rows.xs
        ]
        y, weight = rows.y.index_select(0, together), rows.weight.index_select(0, together)
        present = None if rows.present is None else rows.present.index_select(0, together)
        masks = self._masks(len(together))
        nothing = [None] * len(parts)
        for batch in zip(
            zip(*map(cut, xs), strict=True),
            cut(y),
            cut(weight),
            nothing if present is None else cut(present),
            nothing if masks is None else zip(*map(cut, masks), strict=True),
            strict=True,
        ):
            yield Batch(*batch)

    def _masks(self, n: int) -> Sequence[Tensor] | None:
        if self.keep == 1.0:
            return None
        mask = self.rows.weight.new_empty(n, sum(self.mask_dims))
        # a fourth of bernoulli_'s time on a CPU
        mask.uniform_(generator=self.mask_generator).lt_(self.keep).div_(self.keep)
        return mask.split(self.mask_dims, dim=1)
