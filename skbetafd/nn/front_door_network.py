"""The network that does: knowledge and context of the predominant modality, auxiliary codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .encoders import Encoding, encoder_masks, input_width, make_encoder
from .heads import AdditiveHead
from .linear import birthplace, linear
from .seeing_network import SeeingNetwork, Subsets


class Codes(NamedTuple):
    """What the encoders say of a batch of n rows."""

    knowledge: Tensor
    """z = φ(x_T), shape (n, knowledge_dim)."""
    context: Tensor
    """s = ψ(x_T), shape (n, context_dim)."""
    auxiliary: Tensor
    """a = [E_m(x_m)], shape (n, n_auxiliary · knowledge_dim); width 0 without auxiliaries."""

    def rows(self, some: slice | Tensor) -> Codes:
        """Take some of the rows."""
        return Codes(*(code[some] for code in self))


class ModalityEncoders(nn.Module):
    """What every adjustment has: encoders of all modalities, two of the predominant one.

    ``seeing`` is P(y | t, a), in which they have no part; None where a classifier sees.

    Parameters
    ----------
    inputs : sequence of Encoding or int
        How each modality is read, in the order in which the rows arrive; a number is the width of
        a table for an MLP.
    n_classes : int
        Number of classes.
    predominant : int
        Position of the predominant modality T.
    hidden_dim, knowledge_dim, context_dim : int
        Widths of the hidden layers, of z (and of each auxiliary code) and of s.
    sees : bool, default=True
        Whether it has a ``seeing``.
    generator : torch.Generator
        Source of the initial weights (CPU); the global generator is not touched.
    """

    def __init__(
        self,
        inputs: Sequence[Encoding | int],
        n_classes: int,
        *,
        predominant: int,
        hidden_dim: int,
        knowledge_dim: int,
        context_dim: int,
        sees: bool = True,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.inputs, self.n_classes, self.predominant = list(inputs), n_classes, predominant
        self.hidden_dim, self.knowledge_dim, self.context_dim = (
            hidden_dim,
            knowledge_dim,
            context_dim,
        )
        self.auxiliaries = [m for m in range(len(inputs)) if m != predominant]
        self.order = [predominant, *self.auxiliaries]
        """Positions of the modalities, the predominant first: the columns of `present`."""

        def encoder(modality: int, code_dim: int) -> nn.Module:
            layers = (hidden_dim, code_dim, generator)
            return make_encoder(inputs[modality], *layers, normalised=True)

        self.knowledge = encoder(predominant, knowledge_dim)
        self.context = encoder(predominant, context_dim)
        self.auxiliary = nn.ModuleList(encoder(m, knowledge_dim) for m in self.auxiliaries)
        self.auxiliary_dim = knowledge_dim * len(self.auxiliaries)
        encoders = [self.knowledge, self.context, *self.auxiliary]
        self.mask_dims = [*encoder_masks(encoders), hidden_dim]
        """Widths of the layers that take a dropout mask; the last is the heads'."""
        self.seeing: SeeingNetwork | None = None
        if sees:
            own = [inputs[m] for m in self.order]
            self.seeing = SeeingNetwork(own, n_classes, hidden_dim=hidden_dim, generator=generator)

    @property
    def adjusts(self) -> bool:
        """Whether β has an effect."""
        return True

    def arguments(self) -> dict[str, Any]:
        """Give what another network of this shape is made with, but for the generator."""
        widths = ("hidden_dim", "knowledge_dim", "context_dim")
        names = ("inputs", "n_classes", "predominant", *widths)
        return {name: getattr(self, name) for name in names} | {"sees": self.seeing is not None}

    def encode(self, xs: Sequence[Tensor], masks: Sequence[Tensor | None] | None = None) -> Codes:
        """Encode standardised rows, one tensor (n, width) a modality; sequences end in NaN."""
        masks = masks if masks is not None else [None] * len(self.mask_dims)
        x = xs[self.predominant]
        auxiliary = [
            encoder(xs[m], mask)
            for m, encoder, mask in zip(self.auxiliaries, self.auxiliary, masks[2:-1], strict=True)
        ]
        return Codes(
            self.knowledge(x, masks[0]),
            self.context(x, masks[1]),
            torch.cat(auxiliary, dim=-1) if auxiliary else x.new_empty((*x.shape[:-1], 0)),
        )


class FrontDoorNetwork(ModalityEncoders):
    """Outcome model P(y | z, s, a) over a learned knowledge and a context code.

    Its logits are those of ``knowledge_label``, what knowledge alone says of the label, and what
    ``head`` adds to them. Where a row lacks an auxiliary modality, a learned vector stands for its
    share of the head's first layer.

    Parameters
    ----------
    inputs, n_classes, predominant, hidden_dim, knowledge_dim, context_dim, sees, generator
        As in `ModalityEncoders`.
    projection_dim : int, default=32
        Width in which knowledge and auxiliary codes are compared.
    """

    intervenes: Tensor
    """Whether enough training rows were complete to tell knowledge from context."""

    def __init__(
        self,
        inputs: Sequence[Encoding | int],
        n_classes: int,
        *,
        predominant: int,
        hidden_dim: int,
        knowledge_dim: int,
        context_dim: int,
        projection_dim: int = 32,
        sees: bool = True,
        generator: torch.Generator,
    ) -> None:
        super().__init__(
            inputs,
            n_classes,
            predominant=predominant,
            hidden_dim=hidden_dim,
            knowledge_dim=knowledge_dim,
            context_dim=context_dim,
            sees=sees,
            generator=generator,
        )
        dims = (knowledge_dim, context_dim, self.auxiliary_dim, hidden_dim, n_classes)
        self.head = AdditiveHead(*dims, generator)
        self.knowledge_label = linear(knowledge_dim, n_classes, generator)
        with torch.no_grad():
            for parameter in self.knowledge_label.parameters():
                parameter.zero_()  # without a label term it says nothing
        if self.auxiliaries:
            self.subset = Subsets(len(inputs))
            self.project_knowledge = linear(knowledge_dim, projection_dim, generator)
            self.project_auxiliary = linear(self.auxiliary_dim, projection_dim, generator)
            self.auxiliary_label = linear(self.auxiliary_dim, n_classes, generator)
            both, width = knowledge_dim + context_dim, input_width(inputs[predominant])
            self.reconstruct = linear(both, width, generator)
            blank = torch.zeros(
                len(self.auxiliaries), hidden_dim, dtype=torch.float32, device=birthplace()
            )
            self.missing = nn.Parameter(blank)
        yes = torch.ones((), dtype=torch.bool, device=birthplace())
        self.register_buffer("intervenes", yes)

    @property
    def adjusts(self) -> bool:
        """Whether β has an effect."""
        return bool(self.auxiliaries) and bool(self.intervenes)

    def own_part(self, codes: Codes, shown: Tensor | None) -> Tensor:
        """First layer of the head without the context, of the auxiliaries that are shown.

        `shown`, of shape (..., n, n_auxiliary), is 0 where a row lacks one; None: nowhere.
        """
        if shown is None or not self.auxiliaries:
            return self.head.own_part(codes.knowledge, codes.auxiliary)
        known = codes.auxiliary * self.of_columns(shown)
        return self.head.own_part(codes.knowledge, known) + (1 - shown) @ self.missing

    def witness(self, codes: Codes, shown: Tensor | None) -> Tensor:
        """Logits (n, n_classes) of what the auxiliaries that are shown say of the label."""
        known = codes.auxiliary if shown is None else codes.auxiliary * self.of_columns(shown)
        return self.auxiliary_label(known)

    def of_columns(self, shown: Tensor) -> Tensor:
        """Repeat what holds of each auxiliary modality for each column of its code."""
        return shown.repeat_interleave(self.knowledge_dim, dim=-1)

    def outcome(self, codes: Codes, shown: Tensor | None, mask: Tensor | None = None) -> Tensor:
        """Logits (n, n_classes) of the outcome model at each row's own triple.

        Knowledge is held fixed, and what it says: the context learns what that leaves open.
        """
        codes = codes._replace(knowledge=codes.knowledge.detach())
        hidden = torch.relu(self.own_part(codes, shown) + self.head.context(codes.context))
        added = self.head.out(hidden if mask is None else hidden * mask)
        return self.knowledge_label(codes.knowledge).detach() + added
