"""Displays in scikit-learn's manner; they need matplotlib (extra ``plots``)."""

from ._beta_path import BetaPathDisplay
from ._criterion import CriterionDisplay
from ._overlap import OverlapDisplay
from ._training_history import TrainingHistoryDisplay

__all__ = ["BetaPathDisplay", "CriterionDisplay", "OverlapDisplay", "TrainingHistoryDisplay"]
