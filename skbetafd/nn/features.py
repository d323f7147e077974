"""Features of pictures by convolution, of sequences by recurrence or convolution."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .linear import birthplace, drawn

CHANNELS = (16, 32, 64, 64)
"""Of the layers, the last of which is repeated."""

SMALLEST = 8
"""Layers of stride 2 are added until no side is longer."""

MOST_CHANNELS_LAST = 4
"""A last axis no longer than this, after a longer first one, holds the channels."""


def channels_last(shape: tuple[int, ...]) -> bool:
    """Tell (H, W, C) from (C, H, W): colours are few, and come in the last place in many files."""
    return len(shape) == 3 and shape[-1] <= MOST_CHANNELS_LAST < shape[0]


class Convolutions(nn.Module):
    """Layers of stride 2, each with a rectifier, whose output is flattened.

    Parameters
    ----------
    n_axes : int
        2 for pictures (H, W), (C, H, W) or (H, W, C), 1 for sequences (L, C).
    shape : tuple of int
        Shape of one row.
    generator : torch.Generator
        Source of the initial weights (CPU).
    """

    def __init__(self, n_axes: int, shape: tuple[int, ...], generator: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        self.last = n_axes == 1 or channels_last(shape)
        """Whether the channels are the last axis."""
        sides = list(shape[:-1]) if self.last else list(shape[-n_axes:])
        width = math.prod(shape) // math.prod(sides)
        kind: Any = nn.Conv1d if n_axes == 1 else nn.Conv2d
        layers: list[nn.Module] = []
        while not layers or max(sides) > SMALLEST:
            out = CHANNELS[min(len(layers), len(CHANNELS) - 1)]
            size = 5 if not layers else 3
            convolution = nn.utils.skip_init(
                kind,
                width,
                out,
                size,
                stride=2,
                padding=size // 2,
                dtype=torch.float32,
                device=birthplace(),
            )
            layers.append(drawn(convolution, width * size**n_axes, generator))
            sides, width = [-(-side // 2) for side in sides], out
        self.layers = nn.ModuleList(layers)
        self.n_features = width * math.prod(sides)

    def forward(self, x: Tensor) -> Tensor:
        """Turn rows (n, width) into features (n, n_features)."""
        x = x.view(-1, *self.shape)
        if self.last:
            x = x.movedim(-1, 1)
        elif len(self.shape) == 2:
            x = x[:, None]
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x.flatten(1)


class _GRU(nn.GRU):
    """A GRU whose copies, unpickled ones too, have their weights in one piece, as cuDNN wants."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.flatten_parameters()


class Recurrence(nn.Module):
    """A bidirectional GRU; its last states and the mean of its outputs are the features.

    Parameters
    ----------
    shape : (int, int)
        Most steps L, channels C.
    hidden_dim : int
        Width of the state, of both directions together.
    generator : torch.Generator
        Source of the initial weights (CPU).

    Notes
    -----
    Steps that are NaN are padding, and are left out; of a row that is all NaN, one step of zeros
    is read.
    """

    def __init__(self, shape: tuple[int, ...], hidden_dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        state = max(1, hidden_dim // 2)
        sizes = (shape[-1], state)
        # on no device first: its own initial values would come from the global generator
        gru = _GRU(*sizes, batch_first=True, bidirectional=True, dtype=torch.float32, device="meta")
        self.gru = drawn(gru.to_empty(device=birthplace()), state, generator)
        self.n_features = 4 * state

    def forward(self, x: Tensor) -> Tensor:
        """Turn rows (n, L · C), padded with NaN, into features (n, n_features)."""
        x = x.view(-1, *self.shape)
        length = (~x.isnan().all(-1)).sum(1)
        packed = pack_padded_sequence(
            x.nan_to_num(0.0), length.clamp_min(1).cpu(), batch_first=True, enforce_sorted=False
        )
        out, state = self.gru(packed)
        mean = pad_packed_sequence(out, batch_first=True)[0].sum(1) / length.clamp_min(1)[:, None]
        return torch.cat([mean, *state.unbind(0)], dim=1)
