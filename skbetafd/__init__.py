"""Multi-modal classification under intervention, in scikit-learn's manner."""

from ._classifier import FrontDoorMultiModalClassifier
from ._multimodal_array import MultiModalArray
from ._per_modality import PerModality

__version__ = "0.1.0"

__all__ = ["FrontDoorMultiModalClassifier", "MultiModalArray", "PerModality", "__version__"]
