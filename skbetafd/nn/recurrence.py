"""Sequences of unequal lengths: a recurrent network that does not see the padding."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .linear import birthplace, drawn


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
