"""Data with known truth: real views, planted confounders and a simulator."""

from .._utils.public import set_public_module
from ._confound import ConfoundedData, ConfoundedSplit, confound
from ._multiple_features import load_multiple_features
from ._simulate import SimulatedModalities, make_confounded_modalities

__all__ = [
    "ConfoundedData",
    "ConfoundedSplit",
    "SimulatedModalities",
    "confound",
    "load_multiple_features",
    "make_confounded_modalities",
]

set_public_module(globals())
