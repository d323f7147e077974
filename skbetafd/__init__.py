"""Multi-modal classification under intervention, in scikit-learn's manner."""

from ._classifier import FrontDoorMultiModalClassifier
from ._classifier_cv import FrontDoorMultiModalClassifierCV
from ._discrete_classifier import DiscreteFrontDoorClassifier
from ._multimodal_array import MultiModalArray
from ._overlap import Overlap, overlap
from ._per_modality import PerModality
from ._warnings import (
    AntiCausalWarning,
    OverlapWarning,
    PositivityError,
    VacuousAdjustmentWarning,
)

__version__ = "0.1.0"

__all__ = [
    "AntiCausalWarning",
    "DiscreteFrontDoorClassifier",
    "FrontDoorMultiModalClassifier",
    "FrontDoorMultiModalClassifierCV",
    "MultiModalArray",
    "Overlap",
    "OverlapWarning",
    "PerModality",
    "PositivityError",
    "VacuousAdjustmentWarning",
    "__version__",
    "overlap",
]
