"""TCMax: the total correlation of the modalities and the label, at its largest."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import torch
from torch import Tensor

from .._utils.sklearn_compat import Interval
from ..nn.criterion import Batch
from ..nn.fusion_network import FusionNetwork
from ._rule import Rule


class TCMax(Rule):
    """One softmax over the classes and all pairs of the batch's rows, mismatched ones too.

    −log( e^{f(a_i, v_i)_{y_i}} / Σ_{j, k, y} e^{f(a_j, v_k)_y} ), f the joint logits: a lower bound
    of the total correlation of a, v and y. A prediction is the softmax of f(a_i, v_i) over the
    classes alone. A row's weight is its number of copies: a pair has the product of two.

    For more than two modalities, of which all tuples would be too many: row i of the first meets
    row i + s_mr of modality m (modulo the batch), r = 0, 1, …; s_m0 = 0, which are the real rows,
    and s_m1, s_m2, … are all other shifts in an order drawn for each modality and batch. Each pair
    of the first modality with another so occurs once. With two modalities these are all pairs.

    Parameters
    ----------
    n_shifts : int >= 1, default=127
        Most mismatched tuples of each row, which are then drawn. The default takes all of a batch
        of 128.

    References
    ----------
    TCMax, arXiv 2602.13015, 2026.
    """

    constraints: ClassVar[dict[str, list[Any]]] = {
        "n_shifts": [Interval(Integral, 1, None, closed="left")]
    }

    def __init__(self, n_shifts: int = 127) -> None:
        super().__init__()
        self.n_shifts = n_shifts

    def forward(self, network: FusionNetwork, batch: Batch) -> dict[str, Tensor]:
        """Evaluate the loss."""
        codes, mask, weight = network.encode(batch.xs, batch.masks), batch.head_mask, batch.weight
        rows = self._tuples(len(codes), len(weight)).to(weight.device)
        shares = [share(code) for share, code in zip(network.shares, codes, strict=True)]
        first = sum(share.index_select(0, some) for share, some in zip(shares, rows, strict=True))
        mask = None if mask is None else mask[rows[0]]
        logits = network.logits(first, mask).to(weight.dtype)
        matched = logits[: len(weight)].gather(1, batch.y[:, None])[:, 0]
        log_weight = weight.log()[rows].sum(0)
        total = torch.logsumexp(logits + log_weight[:, None], dim=(0, 1))
        return {"loss": (weight * (total - matched)).mean()}

    def _tuples(self, n_modalities: int, n_rows: int) -> Tensor:
        """Rows (n_modalities, n_tuples) that meet, the real ones first."""
        shifts = torch.zeros(n_modalities, min(self.n_shifts, n_rows - 1) + 1, dtype=torch.int64)
        for own in shifts[1:]:
            order = torch.randperm(n_rows - 1, generator=self.generator, device="cpu")
            own[1:] = order[: len(own) - 1] + 1
        rows = torch.arange(n_rows, device="cpu")
        return ((rows + shifts[:, :, None]) % n_rows).flatten(1)
