"""The adjusted predictor as one torch module: raw rows in, probabilities and label out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .adjustment import ReferenceSet, log_proba_doing, log_proba_partial, mix
from .front_door_network import Codes, FrontDoorNetwork
from .mediator import MediatorNetwork, mediated_log_proba


class Standardisation(nn.Module):
    """``(x − mean) / scale`` in float64, then principal components, of flattened rows.

    Parameters
    ----------
    mean, scale : Tensor of shape (width,)
        None each for rows that are read as they are.
    components : Tensor of shape (n_components, width) or None
        What the standardised rows are projected on.
    """

    mean: Tensor | None
    scale: Tensor | None
    components: Tensor | None

    def __init__(
        self, mean: Tensor | None, scale: Tensor | None, components: Tensor | None
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.register_buffer("components", components)

    def forward(self, x: Tensor) -> Tensor:
        """Scale rows (n, width) to float32; what is NaN becomes 0."""
        x = x.double()
        if self.mean is not None and self.scale is not None:
            x = (x - self.mean) / self.scale
        if self.components is not None:
            x = x @ self.components.T
        x = x.float()
        return torch.where(x.isnan(), torch.zeros_like(x), x)


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
        self.beta = beta if network.auxiliaries or isinstance(network, MediatorNetwork) else 0.0
        if self.beta > 0 or network.auxiliaries:
            for name, tensor in references._asdict().items():
                self.register_buffer(name, tensor)

    def _references(self) -> ReferenceSet:
        return ReferenceSet(*(getattr(self, name) for name in ReferenceSet._fields))

    def forward(self, xs: Sequence[Tensor], present: Tensor) -> Tensor:
        """Log P_β, shape (n, n_classes)."""
        network = self.network
        if isinstance(network, MediatorNetwork):
            references = self._references() if self.beta > 0 else None
            return mediated_log_proba(network, xs, references, self.beta, self.effect)
        codes = network.encode(xs)
        seeing = torch.log_softmax(network.head(*codes), dim=1)
        doing = seeing
        if self.beta > 0:
            doing = log_proba_doing(network, codes, self._references(), self.effect)
        log_proba = mix(seeing, doing, self.beta)
        if not network.auxiliaries:
            return log_proba
        return torch.where(
            present.prod(1, keepdim=True) > 0, log_proba, self._lacking(xs, codes, present)
        )

    def _lacking(self, xs: Sequence[Tensor], codes: Codes, present: Tensor) -> Tensor:
        """Log P_β of rows as if each lacked a modality."""
        network = self.network
        assert isinstance(network, FrontDoorNetwork)
        if self.beta == 0:
            ordered = [xs[m] for m in network.order]
            return torch.log_softmax(network.partial(ordered, present), dim=1)
        seeing, doing = log_proba_partial(
            network, xs, codes, present, self._references(), self.effect
        )
        return mix(seeing, doing, self.beta)


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
    """

    labels: Tensor

    def __init__(
        self,
        scalers: Sequence[Standardisation],
        members: Sequence[MemberPredictor],
        labels: Tensor,
        order: Sequence[int],
    ) -> None:
        super().__init__()
        self.scalers, self.members = nn.ModuleList(scalers), nn.ModuleList(members)
        self.order = list(order)
        self.register_buffer("labels", labels)

    def forward(self, *modalities: Tensor) -> tuple[Tensor, Tensor]:
        """Predict.

        Parameters
        ----------
        *modalities : Tensor of shape (n, ...), float32
            Raw rows of each modality in their own shape; a row of NaN lacks the modality.

        Returns
        -------
        probabilities : Tensor of shape (n, n_classes), float32
            NaN in a row that has no modality, or lacks one with an observed mediator.
        label : Tensor of shape (n,), int64
        """
        rows = [x.flatten(1) for x in modalities]
        having = torch.stack([(~x.isnan()).any(1) for x in rows], dim=1)
        broken = torch.stack([x.isnan().any(1) for x in rows], dim=1) & having
        present = having[:, self.order].float()
        xs = [scaler(x) for scaler, x in zip(self.scalers, rows, strict=True)]
        proba = torch.stack([member(xs, present).exp() for member in self.members]).mean(0)
        proba = proba / proba.sum(1, keepdim=True)
        usable = having.any(1) & ~broken.any(1)
        if isinstance(self.members[0].network, MediatorNetwork):
            usable = usable & having.all(1)
        proba = torch.where(usable[:, None], proba, torch.full_like(proba, torch.nan))
        return proba, self.labels[proba.argmax(1)]
