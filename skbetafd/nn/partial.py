"""The network for rows that lack a modality: P(y | what is there)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor, nn

from .encoders import MLPEncoder
from .linear import linear


class PartialNetwork(nn.Module):
    """``W_o relu(Σ_v shown_v · h_v + Σ_v (1 − shown_v) · m_v)`` over views v of the modalities.

    View 0 is the predominant modality by its knowledge and context codes, W_z z + W_s s + b, for
    interventions on it; view 1 is the same modality, and the others the auxiliaries, each by an
    encoder of its own, W_v E_v(x_v), so that a modality alone reaches what a model of it alone
    would. m_v is learned, and stands for what is not shown.

    Parameters
    ----------
    input_dims : sequence of int
        Flattened width of each modality, the predominant first.
    knowledge_dim, context_dim, hidden_dim, n_classes : int
        Widths of z (and of the own encoders' codes), of s, of the hidden layers and of the output.
    generator : torch.Generator
        Source of the initial weights (CPU).
    """

    def __init__(
        self,
        input_dims: Sequence[int],
        *,
        knowledge_dim: int,
        context_dim: int,
        hidden_dim: int,
        n_classes: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(
            MLPEncoder(width, hidden_dim, knowledge_dim, generator) for width in input_dims
        )
        self.own = nn.ModuleList(
            linear(knowledge_dim, hidden_dim, generator, bias=False) for _ in input_dims
        )
        self.knowledge = linear(knowledge_dim, hidden_dim, generator)
        self.context = linear(context_dim, hidden_dim, generator, bias=False)
        self.missing = nn.Parameter(
            torch.zeros(1 + len(input_dims), hidden_dim, dtype=torch.float32, device="cpu")
        )
        self.out = linear(hidden_dim, n_classes, generator)

    def own_shares(
        self, xs: Sequence[Tensor], masks: Sequence[Tensor | None] | None = None
    ) -> list[Tensor]:
        """Compute h_v of the views by own encoders, (n, hidden_dim) each."""
        some = masks if masks is not None else [None] * len(xs)
        triples = zip(self.own, self.encoders, xs, some, strict=True)
        return [layer(encoder(x, mask)) for layer, encoder, x, mask in triples]

    def hidden(self, shares: Sequence[Tensor], shown: Tensor) -> Tensor:
        """First layer of the head, before its rectifier, by what is shown.

        Parameters
        ----------
        shares : sequence of Tensor of shape (n, hidden_dim)
            h_v of every view.
        shown : Tensor of shape (k, n_views) or (k, n, n_views)
            1 for what is shown, else 0, in k subsets: for all rows, or row by row.

        Returns
        -------
        Tensor of shape (k, n, hidden_dim)
        """
        missing = (1 - shown) @ self.missing
        if shown.dim() == 2:
            return torch.tensordot(shown, torch.stack(list(shares)), 1) + missing[:, None]
        return torch.einsum("knv,nvh->knh", shown, torch.stack(list(shares), dim=1)) + missing

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
        logits : Tensor of shape (k, n, n_classes)
        counted : Tensor of shape (k, n) or None
            1 where a row has something of the subset; None: everywhere.
        """
        knowledge, context = (code.detach() for code in codes[:2])
        coded = self.knowledge(knowledge) + self.context(context)
        shown = _subsets_of_views(len(xs)).to(coded)
        if present is not None:
            shown = shown[:, None] * torch.cat([present[:, :1], present], dim=1)
        hidden = self.hidden([coded, *self.own_shares(xs, masks)], shown)
        counted = None if present is None else (shown.sum(2) > 0).to(coded)
        return self.out(torch.relu(hidden)), counted


@cache
def _subsets_of_views(n_modalities: int) -> Tensor:
    """All proper non-empty subsets; beyond four modalities, each alone and each left out."""
    if n_modalities <= 4:
        rows = torch.cartesian_prod(*[torch.tensor([0, 1], device="cpu")] * n_modalities)
        rows = rows[1:-1]
    else:
        alone = torch.eye(n_modalities, dtype=torch.int64, device="cpu")
        rows = torch.cat([alone, 1 - alone])
    by_encoder = torch.cat([torch.zeros_like(rows[:, :1]), rows], dim=1)
    by_codes = by_encoder[rows[:, 0] == 1].clone()
    by_codes[:, :2] = torch.tensor([1, 0], device="cpu")
    return torch.cat([by_encoder, by_codes])
