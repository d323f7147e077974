"""The torch side: encoders, network, criterion, adjustment. It knows nothing of scikit-learn."""

from .adjustment import ReferenceSet, log_proba_path
from .criterion import Criterion
from .front_door import Codes, FrontDoorNetwork, ModalityEncoders
from .fusion import FusionNetwork
from .losses import FrontDoorLoss
from .mediator import MediatorLoss, MediatorNetwork, mediated_log_proba_path
from .support import nearest_reference, support

__all__ = [
    "Codes",
    "Criterion",
    "FrontDoorLoss",
    "FrontDoorNetwork",
    "FusionNetwork",
    "MediatorLoss",
    "MediatorNetwork",
    "ModalityEncoders",
    "ReferenceSet",
    "log_proba_path",
    "mediated_log_proba_path",
    "nearest_reference",
    "support",
]
