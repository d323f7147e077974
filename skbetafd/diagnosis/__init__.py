"""What each modality contributes, and whether anything is gained by acting on it."""

from ._diagnose import diagnose
from ._diagnosis import Diagnosis
from ._masking_curve import MaskingCurve, auxiliary_masking_curve
from ._modality_contributions import (
    ModalityContributions,
    conditional_utilisation,
    modality_contributions,
)
from ._unimodal_gap import UnimodalGap, unimodal_gap

__all__ = [
    "Diagnosis",
    "MaskingCurve",
    "ModalityContributions",
    "UnimodalGap",
    "auxiliary_masking_curve",
    "conditional_utilisation",
    "diagnose",
    "modality_contributions",
    "unimodal_gap",
]
