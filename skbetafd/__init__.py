"""Multi-modal classification under intervention, in scikit-learn's manner."""

from ._classifier import FrontDoorMultiModalClassifier
from ._classifier_cv import FrontDoorMultiModalClassifierCV
from ._diagnose import diagnose
from ._diagnosis import Diagnosis
from ._discrete_classifier import DiscreteFrontDoorClassifier
from ._masking_curve import MaskingCurve, auxiliary_masking_curve
from ._modality_contributions import ModalityContributions, modality_contributions
from ._multimodal_array import MultiModalArray
from ._overlap import Overlap, overlap
from ._per_modality import PerModality
from ._unimodal_gap import UnimodalGap, unimodal_gap
from ._utilisation import conditional_utilisation
from ._warnings import (
    AntiCausalWarning,
    OverlapWarning,
    PositivityError,
    VacuousAdjustmentWarning,
)

__version__ = "0.1.0"

__all__ = [
    "AntiCausalWarning",
    "Diagnosis",
    "DiscreteFrontDoorClassifier",
    "FrontDoorMultiModalClassifier",
    "FrontDoorMultiModalClassifierCV",
    "MaskingCurve",
    "ModalityContributions",
    "MultiModalArray",
    "Overlap",
    "OverlapWarning",
    "PerModality",
    "PositivityError",
    "UnimodalGap",
    "VacuousAdjustmentWarning",
    "__version__",
    "auxiliary_masking_curve",
    "conditional_utilisation",
    "diagnose",
    "modality_contributions",
    "overlap",
    "unimodal_gap",
]
