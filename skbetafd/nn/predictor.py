"""The adjusted predictor as one torch module: raw rows in, probabilities and label out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .adjustment import (
    ReferenceSet,
    log_proba_doing,
    log_proba_seeing,
    mix,
    where_present,
)
from .front_door_network import FrontDoorNetwork
from .mediator import MediatorNetwork, mediated_log_proba

NO_LABEL = torch.iinfo(torch.int64).min
"""The label of a row that no prediction is for: no class's, and no position in a list."""


class Standardisation(nn.Module):
    """``(x − mean) / scale`` in float64, then principal components, of flattened rows.

    Parameters
    ----------
    mean, scale : Tensor of shape (width,)
        None each for rows that are read as they are.
    components : Tensor of shape (n_components, width) or None
        What the standardised rows are projected on.
    sparse : bool, default=False
        Whether a row that lacks the modality may hold zeros beside NaN, as a sparse one does.
    """

    mean: Tensor | None
    scale: Tensor | None
    components: Tensor | None

    def __init__(
        self,
        mean: Tensor | None,
        scale: Tensor | None,
        components: Tensor | None,
        sparse: bool = False,
    ) -> None:
        super().__init__()
        self.sparse = sparse
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.register_buffer("components", components)

    def forward(self, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Scale and cast float64 rows (n, width), NaN to 0; and tell which lack it, (n,)."""
        null = x.isnan()
        blank = null | (x == 0) if self.sparse else null
        lacking = null.any(1) & blank.all(1)
        if self.mean is not None and self.scale is not None:
            x = (x - self.mean) / self.scale
        if self.components is not None:
            x = x @ self.components.T.double()
        x = x.to(dtype)
        return torch.where(x.isnan(), torch.zeros_like(x), x), lacking


class MemberPredictor(nn.Module):
    """One network with its reference set, at a β."""

    def __init__(
        self,
        network: FrontDoorNetwork | MediatorNetwork,
        references: ReferenceSet,
        beta: float,
        effect: str,
    ) -> None:
        super().__init__()
        self.network, self.effect = network, effect
        self.beta = beta if network.adjusts else 0.0
        if self.beta > 0:
            for name, tensor in references._asdict().items():
                self.register_buffer(name, tensor)

    def _references(self) -> ReferenceSet:
        return ReferenceSet(*(getattr(self, name) for name in ReferenceSet._fields))

    def forward(self, xs: Sequence[Tensor], present: Tensor) -> Tensor:
        """Log P_β, shape (n, n_classes)."""
        network = self.network
        seeing = log_proba_seeing(network, xs, present)
        if self.beta == 0:
            return seeing
        codes, references = network.encode(xs), self._references()
        if isinstance(network, MediatorNetwork):
            doing = mediated_log_proba(network, codes, references, self.effect)
        else:
            doing = log_proba_doing(network, codes, references, self.effect, present)
        return mix(seeing, where_present(present, doing, seeing), self.beta)


class AdjustedPredictor(nn.Module):
    """Class probabilities and label of raw rows, under the adjustment at one β.

    It needs nothing but torch, and can be exported by torch.export with a dynamic batch.

    Parameters
    ----------
    scalers : sequence of Standardisation
        One a modality, in the order of the inputs.
    members : sequence of MemberPredictor
        Their probabilities are averaged.
    labels : Tensor of shape (n_classes,), int64
        What stands for each class in the output.
    order : sequence of int
        Positions of the modalities, the predominant first.
    largest : float
        A row with a larger value, or a NaN where it has the modality, is not predicted.
    double : bool
        Whether rows must be float64.
    """

    labels: Tensor

    def __init__(
        self,
        scalers: Sequence[Standardisation],
        members: Sequence[MemberPredictor],
        labels: Tensor,
        order: Sequence[int],
        largest: float,
        *,
        double: bool,
    ) -> None:
        super().__init__()
        self.scalers, self.members = nn.ModuleList(scalers), nn.ModuleList(members)
        self.order, self.largest, self.double_rows = list(order), largest, double
        self.register_buffer("labels", labels)

    def forward(self, *modalities: Tensor) -> tuple[Tensor, Tensor]:
        """Predict.

        Parameters
        ----------
        *modalities : Tensor of shape (n, ...), float32 or float64
            Raw rows of each modality in their own shape; a row of NaN lacks the modality.

        Returns
        -------
        probabilities : Tensor of shape (n, n_classes)
            In the dtype of the networks. NaN in a row that `predict_proba` would refuse: one that
            has no modality, or lacks one with an observed mediator, or holds NaN beside numbers.
        label : Tensor of shape (n,), int64
            The least int64 where probabilities are NaN.
        """
        if self.double_rows and any(x.dtype != torch.float64 for x in modalities):
            raise TypeError(
                f"rows must be float64, got {[x.dtype for x in modalities]}: "
                "input_feed(X, input_dtype='float64') returns them so"
            )
        network: Any = self.members[0].network
        dtype = network.head.out.weight.dtype
        rows = [x.flatten(1).double() for x in modalities]
        parts = [scaler(x, dtype) for scaler, x in zip(self.scalers, rows, strict=True)]
        xs, lacking = [x for x, _ in parts], torch.stack([lacks for _, lacks in parts], dim=1)
        sound = torch.stack([(x.abs() <= self.largest).all(1) for x in rows], dim=1)
        present = (~lacking[:, self.order]).to(dtype)
        proba = torch.stack([member(xs, present).exp() for member in self.members]).mean(0)
        proba = proba / proba.sum(1, keepdim=True)
        too_few = lacking.any(1) if isinstance(network, MediatorNetwork) else lacking.all(1)
        usable = (sound | lacking).all(1) & ~too_few
        proba = torch.where(usable[:, None], proba, torch.full_like(proba, torch.nan))
        label = self.labels[proba.argmax(1)]
        return proba, torch.where(proba.isnan().any(1), torch.full_like(label, NO_LABEL), label)
