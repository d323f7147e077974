"""Batches cut from whole tensors, with the dropout masks that belong to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from skorch.dataset import Dataset
from torch import Tensor

from .streamed import Rows, StreamedRows, dense, epoch_order, rows_ahead, streams

VALUES_AHEAD = 2**20
"""Values of rows and masks that are made at once for batches to come (4 MB in float32)."""


class Batch(NamedTuple):
    """Aligned rows of every modality, and the masks of each hidden layer."""

    xs: Sequence[Tensor]
    y: Tensor
    weight: Tensor
    present: Tensor | None
    masks: Sequence[Tensor] | None


class TrainingRows(Dataset):
    """Standardised modalities, class indices and weights, all on the training device.

    Parameters
    ----------
    xs : sequence of Tensor or StreamedRows of shape (n, width)
        One a modality.
    y : Tensor of shape (n,), int64
        Class indices.
    weight : Tensor of shape (n,)
        Row weights with mean 1.
    present : Tensor of shape (n, n_modalities), optional
        1 where a row has a modality, the predominant first; None where every row has all.
    """

    def __init__(
        self, xs: Sequence[Rows], y: Tensor, weight: Tensor, present: Tensor | None = None
    ) -> None:
        self.xs: list[Any] = list(xs)
        self.y, self.weight, self.present = y, weight, present

    @property
    def X(self) -> TrainingRows:  # noqa: N802 - what skorch's scoring hands to the net
        """The rows themselves, which a `FrontDoorNet` predicts for."""
        return self

    def __len__(self) -> int:
        return len(self.y)

    def parts(self, n_rows: int = 2**16) -> Iterator[TrainingRows]:
        """Cut into parts of at most `n_rows` rows, as they come; streamed ones are read."""
        if streams(self.xs):
            n_rows = rows_ahead(self.xs, n_rows)
        for start in range(0, len(self), n_rows):
            rows = slice(start, start + n_rows)
            present = None if self.present is None else self.present[rows]
            xs = [dense(x[rows]) for x in self.xs]
            yield TrainingRows(xs, self.y[rows], self.weight[rows], present)

    def in_memory(self) -> Iterator[TrainingRows]:
        """Give the rows as they are, or in parts where some are streamed."""
        if streams(self.xs):
            yield from self.parts()
        else:
            yield self

    def dense(self) -> TrainingRows:
        """Read what is streamed."""
        return TrainingRows([dense(x) for x in self.xs], self.y, self.weight, self.present)


class BatchIterator:
    """Shuffle each epoch and slice whole tensors; collating row by row costs twice a step.

    Parameters
    ----------
    rows : TrainingRows
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
        rows: TrainingRows,
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
        rows = self.rows
        if self.n_batches == 1:
            yield Batch(rows.dense().xs, rows.y, rows.weight, rows.present, self._masks(len(rows)))
            return
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
