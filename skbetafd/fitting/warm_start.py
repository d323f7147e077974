"""What a further fit starts from: the earlier one's networks, scalers and predominant modality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..inputs.mediator import ObservedMediator
from ..inputs.modality_names import modality_position
from ..inputs.training_rows import TrainingRows
from ..nn.mediator import MediatorNetwork
from .encoder_choice import Reading
from .scaling import ModalityScaler

LEARNED = (
    "classes_",
    "modality_names_",
    "modality_scores_",
    "predominant_",
    "members_",
    "net_",
    "_layout",
    "_scalers",
    "_standardize",
    "_readings",
    "_mediator",
)
"""Attributes of a fitted classifier that a further fit starts from."""


@dataclass(frozen=True)
class Start:
    """The state of a fitted classifier."""

    classes: np.ndarray
    names: list[str]
    predominant: int
    scores: np.ndarray | None
    scalers: list[ModalityScaler]
    networks: tuple[dict[str, Any], ...]
    """Parameters and buffers of every member, on the CPU."""
    standardize: bool
    readings: tuple[Reading, ...]
    mediator: Any
    """Of an observed mediator, whether it is continuous, and its levels."""

    mediated: bool

    @classmethod
    def of(cls, estimator: Any) -> Start:
        """Take it from a fitted classifier."""
        names, scores = estimator.modality_names_, estimator.modality_scores_
        return cls(
            classes=estimator.classes_,
            names=names,
            predominant=names.index(estimator.predominant_),
            scores=None if scores is None else np.array([scores[name] for name in names]),
            scalers=estimator._scalers,
            networks=tuple(
                {key: value.detach().cpu() for key, value in m.net.module_.state_dict().items()}
                for m in estimator.members_
            ),
            standardize=estimator._standardize,
            readings=estimator._readings,
            mediated=isinstance(estimator.module_, MediatorNetwork),
            mediator=getattr(estimator, "_mediator", None),
        )

    def check_data(self, rows: TrainingRows, readings: Sequence[Reading]) -> None:
        """Check that classes, modalities and encoders are the earlier fit's.

        Raises
        ------
        ValueError
            Naming what differs.
        """
        earlier = [
            (name, reading.shape) for name, reading in zip(self.names, self.readings, strict=True)
        ]
        shapes = [(name, reading.shape) for name, reading in zip(rows.names, readings, strict=True)]
        if earlier != shapes:
            raise ValueError(
                f"warm_start needs the modalities of the earlier fit, with rows of shapes "
                f"{dict(earlier)}, got {dict(shapes)}"
            )
        if not np.array_equal(rows.classes, self.classes):
            raise ValueError(
                f"warm_start needs the classes of the earlier fit, {self.classes.tolist()}, got "
                f"{rows.classes.tolist()}"
            )
        for name, old, own in zip(self.names, self.readings, readings, strict=True):
            if old == own:
                continue
            what = f"{own}, the earlier fit by {old}"
            if str(old) == str(own):
                what = f"a frozen module with other weights or buffers, {own.module}"
            raise ValueError(
                f"encoders: warm_start needs the encoders of the earlier fit, but modality "
                f"{name!r} is now read by {what}"
            )

    def ordered(self, mediator: ObservedMediator | None) -> ObservedMediator | None:
        """Order an observed mediator as the earlier fit did.

        Raises
        ------
        ValueError
            If only one of the fits has a mediator, or they differ; or if the earlier fit was
            loaded from a file, which does not hold the levels.
        """
        if self.mediated and self.mediator is None:
            raise ValueError(
                "warm_start can't go on from a loaded fit with an observed mediator: the file "
                "does not hold the mediator's levels"
            )
        if self.mediated != (mediator is not None):
            said = "an" if self.mediated else "no"
            raise ValueError(f"warm_start: the earlier fit has {said} observed mediator")
        return None if mediator is None else mediator.with_levels_of(self.mediator)

    def check(self, parameters: dict[str, Any], names: list[str]) -> None:
        """Check that parameters do not contradict what is kept.

        Raises
        ------
        ValueError
            If another modality is named predominant, there are other numbers of members, or
            `standardize` is another.
        """
        named = parameters["predominant"]
        if named != "auto" and modality_position(named, names) != self.predominant:
            raise ValueError(
                f"the earlier fit has the predominant modality {names[self.predominant]!r}, which "
                f"stays, got predominant={named!r}"
            )
        if parameters["n_members"] != len(self.networks):
            raise ValueError(
                f"the earlier fit has {len(self.networks)} members, got "
                f"n_members={parameters['n_members']}"
            )
        if parameters["standardize"] != self.standardize:
            raise ValueError(
                "the earlier fit's scaling stays, got another "
                f"standardize={parameters['standardize']}"
            )

    def load(self, network: torch.nn.Module, member: int) -> None:
        """Give a new network the weights of a member.

        Raises
        ------
        ValueError
            If their shapes differ, naming the parameter.
        """
        try:
            network.load_state_dict(self.networks[member])
        except RuntimeError as error:
            raise ValueError(
                "what shapes the network (widths, the modalities, a mediator, seeing) must stay "
                f"as in the earlier fit: {str(error).splitlines()[1].strip():.200}"
            ) from error
