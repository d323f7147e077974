"""Criterion, exact adjustment and simulators: NumPy alone, and networkx for graphs."""

from .._utils.public import set_public_module
from .continuous import ContinuousFrontDoorModel, FrontDoorSample
from .criterion import check_criterion, find_auxiliary, find_mediators
from .discrete import front_door_adjustment, stochastic_adjustment
from .report import CriterionReport
from .scm import StructuralCausalModel

__all__ = [
    "ContinuousFrontDoorModel",
    "CriterionReport",
    "FrontDoorSample",
    "StructuralCausalModel",
    "check_criterion",
    "find_auxiliary",
    "find_mediators",
    "front_door_adjustment",
    "stochastic_adjustment",
]

set_public_module(globals())
