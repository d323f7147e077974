"""Displays in scikit-learn's manner; they need matplotlib (extra ``plots``)."""

from .._utils.public import set_public_module
from ._auxiliary_masking import AuxiliaryMaskingDisplay
from ._beta_path import BetaPathDisplay
from ._criterion import CriterionDisplay
from ._knowledge_context import KnowledgeContextDisplay
from ._modality_contribution import ModalityContributionDisplay
from ._overlap import OverlapDisplay
from ._training_history import TrainingHistoryDisplay

__all__ = [
    "AuxiliaryMaskingDisplay",
    "BetaPathDisplay",
    "CriterionDisplay",
    "KnowledgeContextDisplay",
    "ModalityContributionDisplay",
    "OverlapDisplay",
    "TrainingHistoryDisplay",
]

set_public_module(globals())
