"""The torch side: encoders, network, criterion, adjustment. It knows nothing of scikit-learn."""

from .adjustment import ReferenceSet, log_proba_path
from .config import build_network, check_state, network_config
from .criterion import Criterion
from .encoders import (
    Encoder,
    Encoding,
    ModuleFeatures,
    has_user_modules,
    n_features,
    seeded,
    user_module,
)
from .front_door import Codes, FrontDoorNetwork, ModalityEncoders
from .fusion import FusionNetwork
from .losses import FrontDoorLoss
from .mediator import MediatorLoss, MediatorNetwork, mediated_log_proba_path
from .modes import fitting, predicting, without_autocast
from .predictor import AdjustedPredictor, Standardisation
from .predictor import Member as PredictorMember
from .support import nearest_reference, support

__all__ = [
    "AdjustedPredictor",
    "Codes",
    "Criterion",
    "Encoder",
    "Encoding",
    "FrontDoorLoss",
    "FrontDoorNetwork",
    "FusionNetwork",
    "MediatorLoss",
    "MediatorNetwork",
    "ModalityEncoders",
    "ModuleFeatures",
    "PredictorMember",
    "ReferenceSet",
    "Standardisation",
    "build_network",
    "check_state",
    "fitting",
    "has_user_modules",
    "log_proba_path",
    "mediated_log_proba_path",
    "n_features",
    "nearest_reference",
    "network_config",
    "predicting",
    "seeded",
    "support",
    "user_module",
    "without_autocast",
]
