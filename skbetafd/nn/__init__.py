"""The torch side: encoders, network, criterion, adjustment. It knows nothing of scikit-learn."""

from .adjustment import ReferenceSet, log_proba_path
from .front_door import Codes, FrontDoorNetwork
from .losses import FrontDoorLoss

__all__ = ["Codes", "FrontDoorLoss", "FrontDoorNetwork", "ReferenceSet", "log_proba_path"]
