"""Multi-modal classification under intervention, in scikit-learn's manner."""

from ._utils.dask_backend import dask_backend
from ._utils.exceptions import (
    AntiCausalWarning,
    ModelFileError,
    OverlapWarning,
    PositivityError,
    VacuousAdjustmentWarning,
)
from ._utils.public import set_public_module
from .diagnosis import (
    Diagnosis,
    MaskingCurve,
    ModalityContributions,
    UnimodalGap,
    auxiliary_masking_curve,
    conditional_utilisation,
    diagnose,
    modality_contributions,
    unimodal_gap,
)
from .diagnosis._overlap import Overlap, overlap
from .estimators.discrete import DiscreteFrontDoorClassifier
from .estimators.front_door import FrontDoorMultiModalClassifier
from .estimators.front_door_cv import FrontDoorMultiModalClassifierCV
from .estimators.load import load
from .estimators.per_modality import PerModality
from .inputs.multimodal_array import MultiModalArray

__version__ = "0.1.0"

__all__ = [
    "AntiCausalWarning",
    "Diagnosis",
    "DiscreteFrontDoorClassifier",
    "FrontDoorMultiModalClassifier",
    "FrontDoorMultiModalClassifierCV",
    "MaskingCurve",
    "ModalityContributions",
    "ModelFileError",
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
    "dask_backend",
    "diagnose",
    "load",
    "modality_contributions",
    "overlap",
    "unimodal_gap",
]

set_public_module(globals())
