"""The network for rows that lack a modality: P(y | what is there)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations, zip_longest
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .encoders import Encoding, make_encoder
from .linear import birthplace, linear

ENOUGH_COMPLETE = 30
"""Of fewer complete rows the outcome head learns less than the network below does of the others."""


class RowCounts(NamedTuple):
    """How many training rows have what."""

    rows: int
    complete: int
    """Rows that have all modalities."""
    others: tuple[int, ...]
    """Rows that have all modalities but, perhaps, the m-th, for each m."""

    @property
    def few(self) -> bool:
        """Whether too few rows are complete, where others lack a modality."""
        return self.complete < min(self.rows, ENOUGH_COMPLETE)

    def and_more(self, more: RowCounts) -> RowCounts:
        """Add those of more rows."""
        others = zip_longest(self.others, more.others, fillvalue=0)
        return RowCounts(
            self.rows + more.rows, self.complete + more.complete, tuple(map(sum, others))
        )


class PartialNetwork(nn.Module):
    """``W_o relu(Σ_v shown_v · h_v + Σ_v (1 − shown_v) · m_v)`` over views v of the modalities.

    View 0 is the predominant modality by its knowledge and context codes, W_z z + W_s s + b, for
    interventions on it; view 1 is the same modality, and the others the auxiliaries, each by an
    encoder of its own, W_v E_v(x_v), so that a modality alone reaches what a model of it alone
    would. m_v is learned, and stands for what is not shown.

    Parameters
    ----------
    inputs : sequence of Encoding or int
        How each modality is read, the predominant first.
    knowledge_dim, context_dim, hidden_dim, n_classes : int
        Widths of z (and of the own encoders' codes), of s, of the hidden layers and of the output.
    generator : torch.Generator
        Source of the initial weights (CPU).
    """

    shown: Tensor

    def __init__(
        self,
        inputs: Sequence[Encoding | int],
        *,
        knowledge_dim: int,
        context_dim: int,
        hidden_dim: int,
        n_classes: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(
            make_encoder(one, hidden_dim, knowledge_dim, generator) for one in inputs
        )
        self.own = nn.ModuleList(
            linear(knowledge_dim, hidden_dim, generator, bias=False) for _ in inputs
        )
        self.knowledge = linear(knowledge_dim, hidden_dim, generator)
        self.context = linear(context_dim, hidden_dim, generator, bias=False)
        self.missing = nn.Parameter(
            torch.zeros(1 + len(inputs), hidden_dim, dtype=torch.float32, device=birthplace())
        )
        self.out = linear(hidden_dim, n_classes, generator)
        self.subsets = _subsets_of_views(len(inputs))
        shown = torch.zeros(len(self.subsets), 1 + len(inputs), dtype=torch.float32, device="cpu")
        for row, views in zip(shown, self.subsets, strict=True):
            row[list(views)] = 1.0
        self.register_buffer("shown", shown, persistent=False)

    def own_shares(
        self, xs: Sequence[Tensor], masks: Sequence[Tensor | None] | None = None
    ) -> list[Tensor]:
        """Compute h_v of the views by own encoders, (n, hidden_dim) each."""
        some = masks if masks is not None else [None] * len(xs)
        triples = zip(self.own, self.encoders, xs, some, strict=True)
        return [layer(encoder(x, mask)) for layer, encoder, x, mask in triples]

    def hidden(self, shares: Sequence[Tensor], shown: Tensor) -> Tensor:
        """First layer of the head, before its rectifier, by what each row shows.

        Parameters
        ----------
        shares : sequence of Tensor of shape (..., n, hidden_dim)
            h_v of every view.
        shown : Tensor of shape (..., k, n, n_views)
            1 for what is shown, else 0, in k subsets.

        Returns
        -------
        Tensor of shape (..., k, n, hidden_dim)
        """
        known = torch.einsum("...knv,...nvh->...knh", shown, torch.stack(list(shares), dim=-2))
        return known + (1 - shown) @ self.missing[..., None, :, :]

    def forward(self, xs: Sequence[Tensor], present: Tensor) -> Tensor:
        """Logits (n, n_classes) of P(y | x_m, present_m = 1); elsewhere x may hold anything."""
        shares = self.own_shares(xs)
        shown = torch.cat([torch.zeros_like(present[:, :1]), present], dim=1)
        hidden = self.hidden([torch.zeros_like(shares[0]), *shares], shown[None])
        return self.out(torch.relu(hidden[0]))

    def training_logits(
        self,
        xs: Sequence[Tensor],
        codes: Sequence[Tensor],
        present: Tensor | None,
        masks: Sequence[Tensor] | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Logits for every proper subset of the modalities, of each what a row has.

        Those with the predominant modality come twice: by its codes, which are not moved, and by
        its own encoder. `masks` are the encoders': where modalities are left out, dropout in the
        head too costs up to two points (satimage).

        Returns
        -------
        logits : Tensor of shape (..., k, n, n_classes)
        counted : Tensor of shape (..., k, n) or None
            1 where a row has something of the subset; None: everywhere.
        """
        knowledge, context = (code.detach() for code in codes[:2])
        coded = self.knowledge(knowledge) + self.context(context)
        shares = [coded, *self.own_shares(xs, masks)]
        if present is None:
            known = [sum((shares[v] for v in rest), shares[first]) for first, *rest in self.subsets]
            missing = (1 - self.shown) @ self.missing
            hidden, counted = torch.stack(known, dim=-3) + missing[..., None, :], None
        else:
            having = torch.cat([present[..., :1], present], dim=-1)
            by_row = self.shown[:, None] * having[..., None, :, :]
            hidden, counted = self.hidden(shares, by_row), (by_row.sum(-1) > 0).to(coded)
        return self.out(torch.relu(hidden)), counted


@cache
def _subsets_of_views(n_modalities: int) -> list[tuple[int, ...]]:
    """All proper non-empty subsets; beyond four modalities, each alone and each left out.

    Those with the predominant modality come with view 1 and with view 0 for it.
    """
    modalities = range(1, n_modalities + 1)
    sizes = range(1, n_modalities) if n_modalities <= 4 else sorted({1, n_modalities - 1})
    subsets = [views for size in sizes for views in combinations(modalities, size)]
    return subsets + [(0, *views[1:]) for views in subsets if views[0] == 1]
