"""The benchmark methods, on the encoders, trainer and input of the front-door estimator."""

from .._utils.public import set_public_module
from ._fusion import FusionClassifier
from ._late_fusion import LateFusionClassifier
from ._unimodal import UnimodalClassifier

__all__ = ["FusionClassifier", "LateFusionClassifier", "UnimodalClassifier"]

set_public_module(globals())
