"""The library's own warnings and errors."""

__all__ = [
    "AntiCausalWarning",
    "ModelFileError",
    "OverlapWarning",
    "PositivityError",
    "VacuousAdjustmentWarning",
]


class PositivityError(ValueError):
    """An adjustment asks for a conditional distribution of which the data hold no case."""


class ModelFileError(ValueError):
    """A file can't be read as a saved classifier."""


class VacuousAdjustmentWarning(UserWarning):
    """There is nothing to adjust through: no path from treatment to outcome by a mediator."""


class AntiCausalWarning(UserWarning):
    """The outcome causes the treatment, so that doing the treatment leaves the outcome alone."""


class OverlapWarning(UserWarning):
    """Too few references stand behind an adjusted prediction for it to be trusted."""
