"""Encoders: from the rows of one modality to a code, in a way that suits its shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from .features import Convolutions, Recurrence
from .linear import linear
from .torch_modes import GENERATORS, predicting

FULLY_CONNECTED = ("linear", "mlp")

ENCODING_SHARE = 8
"""Activations that an encoder may hold for each value it reads: a convolution's first layer has
four (16 channels of half the size each way), and its rectifier as many."""


class Encoding(NamedTuple):
    """How the rows of one modality are read."""

    kind: str
    """"linear", "mlp", "conv1d", "conv2d", "sequence", or "module" for a module of the user's."""
    shape: tuple[int, ...]
    """Shape of one row; rows arrive flattened."""
    module: nn.Module | Callable[[], nn.Module] | None = None
    """Of the user: a module that is copied, or what makes one."""
    learning_rate: float | None = None
    """Peak learning rate of the user's module, if it has one of its own."""

    @property
    def width(self) -> int:
        """Number of values in a flattened row."""
        return math.prod(self.shape)


class Encoder(nn.Module):
    """Features of a row, then one hidden layer, a rectifier, a dropout mask, a linear code.

    The hidden layer may be normalised (Ba, Kiros & Hinton, Layer Normalization, arXiv 1607.06450,
    without its parameters), and on features that are learned it is: else the rectifiers of the
    context may all die under the pressure to keep the codes apart, and β is without effect (on
    the raw images of av_mnist, accuracy / log-loss at β = 1 under a randomised tint .32 / 2.88
    without, .57 / 1.03 with it, seed 50).

    Parameters
    ----------
    features : module or None
        From rows (n, width) to features (n, n_features); None: the rows are the features.
    n_features, hidden_dim, code_dim : int
        Widths of the features, of the hidden layer and of the code.
    generator : torch.Generator
        Source of the initial weights (CPU).
    normalised : bool, default=False
        Whether the hidden layer is normalised where the rows are the features, too.
    """

    def __init__(
        self,
        features: nn.Module | None,
        n_features: int,
        hidden_dim: int,
        code_dim: int,
        generator: torch.Generator,
        *,
        normalised: bool = False,
    ) -> None:
        super().__init__()
        self.features, self.normalised = features, normalised or features is not None
        self.hidden = linear(n_features, hidden_dim, generator)
        self.code = linear(hidden_dim, code_dim, generator)

    @property
    def mask_dim(self) -> int:
        """Width of the layer that takes a dropout mask."""
        return self.hidden.out_features

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode rows (n, width) into codes (n, code_dim)."""
        hidden = self.hidden(x if self.features is None else self.features(x))
        if self.normalised:
            hidden = layer_norm(hidden, hidden.shape[-1:])
        hidden = torch.relu(hidden)
        if mask is not None:
            hidden = hidden * mask
        return self.code(hidden)


class MLPEncoder(Encoder):
    """An encoder whose features are the values themselves, (n, input_dim)."""

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        code_dim: int,
        generator: torch.Generator,
        *,
        normalised: bool = False,
    ) -> None:
        super().__init__(None, input_dim, hidden_dim, code_dim, generator, normalised=normalised)


class LinearEncoder(nn.Module):
    """``W x + b``; there is no layer that takes a dropout mask."""

    mask_dim = 0

    def __init__(self, input_dim: int, code_dim: int, generator: torch.Generator) -> None:
        super().__init__()
        self.code = linear(input_dim, code_dim, generator)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode rows (n, input_dim) into codes (n, code_dim)."""
        return self.code(x)


class ModuleFeatures(nn.Module):
    """A user's module, given rows in their own shape, its output flattened."""

    def __init__(
        self, module: nn.Module, shape: tuple[int, ...], learning_rate: float | None = None
    ) -> None:
        super().__init__()
        self.module, self.shape, self.learning_rate = module, shape, learning_rate

    def forward(self, x: Tensor) -> Tensor:
        """Turn rows (n, width) into features (n, n_features)."""
        rows = x.reshape(-1, *self.shape).clone()  # the module may change them in place
        features = self.module(rows)
        if features.shape[0] != x.shape[0]:  # not len, by which an export would fix the rows
            raise ValueError(f"it returned {len(features)} rows for {len(x)}")
        # complex ones are refused, see `n_features`
        return (features if features.is_complex() else features.to(x.dtype)).flatten(1)


def make_encoder(
    encoding: Encoding | int,
    hidden_dim: int,
    code_dim: int,
    generator: torch.Generator,
    *,
    normalised: bool = False,
) -> Encoder | LinearEncoder:
    """Make an encoder; a number stands for an MLP on rows of that width."""
    encoding = Encoding("mlp", (encoding,)) if isinstance(encoding, int) else encoding
    kind, shape = encoding.kind, encoding.shape
    if kind == "linear":
        return LinearEncoder(encoding.width, code_dim, generator)
    if kind == "mlp":
        layers = (encoding.width, hidden_dim, code_dim)
        return MLPEncoder(*layers, generator, normalised=normalised)
    if kind == "sequence":
        recurrence = Recurrence(shape, hidden_dim, generator)
        return Encoder(recurrence, recurrence.n_features, hidden_dim, code_dim, generator)
    if kind in ("conv1d", "conv2d"):
        convolutions = Convolutions(int(kind[4]), shape, generator)
        return Encoder(convolutions, convolutions.n_features, hidden_dim, code_dim, generator)
    module = user_module(encoding, generator)
    features = ModuleFeatures(module, shape, encoding.learning_rate)
    return Encoder(features, n_features(features, encoding), hidden_dim, code_dim, generator)


def user_module(encoding: Encoding, generator: torch.Generator) -> nn.Module:
    """Copy a user's module, or have one made with initial values that `generator` decides."""
    if isinstance(encoding.module, nn.Module):
        return deepcopy(encoding.module)
    assert encoding.module is not None
    with seeded(generator):
        return deepcopy(encoding.module())  # it may give the same one each time


@contextmanager
def seeded(generator: torch.Generator) -> Iterator[None]:
    """Seed the global generators, from which a user's module draws, by one; restore them after."""
    seed = int(torch.randint(2**62, (), generator=generator, device="cpu"))
    device = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with GENERATORS, torch.random.fork_rng(devices=device):
        torch.random.manual_seed(seed)
        yield


def has_user_modules(network: nn.Module) -> bool:
    """Tell whether a network has modules of the user, which draw from the global generators."""
    return any(isinstance(module, ModuleFeatures) for module in network.modules())


def held_activations(encoding: Encoding | int) -> int:
    """Bound the activations a row that come before the hidden layer."""
    if isinstance(encoding, int) or encoding.kind in FULLY_CONNECTED:
        return 0
    return ENCODING_SHARE * encoding.width


@predicting()
def n_features(features: nn.Module, encoding: Encoding) -> int:
    """Find how many features a module makes of a row, by two rows of zeros.

    Raises
    ------
    ValueError
        If it makes none, or what no network can go on with.
    """
    first = next(features.parameters(), torch.empty(0, dtype=torch.float32, device="cpu"))
    if first.is_meta:
        raise ValueError("its weights are on the device 'meta', which holds no values")
    rows = torch.zeros(2, encoding.width, dtype=first.dtype, device=first.device)
    found = deepcopy(features).eval()(rows)
    if found.device != rows.device or found.is_complex():
        raise ValueError(f"it returned {found.dtype} on {found.device} for rows on {rows.device}")
    if not found.shape[1]:
        raise ValueError("it returned no feature")
    return found.shape[1]


def input_width(encoding: Encoding | int) -> int:
    """Width of flattened rows."""
    return encoding if isinstance(encoding, int) else encoding.width


def encoder_masks(encoders: Iterable[nn.Module]) -> list[int]:
    """Widths of the dropout masks of several encoders, one each."""
    return [e.mask_dim for e in encoders if isinstance(e, (Encoder, LinearEncoder))]
