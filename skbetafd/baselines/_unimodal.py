"""UnimodalClassifier: one modality, the others ignored."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar

from ..inputs.modality_names import modality_position
from ._estimator import PARAMETERS, Baseline


class UnimodalClassifier(Baseline):
    __doc__ = f"""A network on one modality alone.

    A row that lacks the modality is left out in training, and predicted from its training mean.

    Parameters
    ----------
    modality : str or int, default=0
        The modality, by name or position.
    {PARAMETERS.strip()}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    modality_names_ : list of str
        All modalities, in order.
    modality_slices_ : dict of str to slice or ndarray of shape (width,)
        Each modality's columns in a flat table.
    parts_ : list of one Part
        The trained network, with its scalers and temperature.
    module_ : FusionNetwork
        The trained torch module.
    history_ : skorch.history.History
        Losses and duration, an entry an epoch.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Total flattened width of the input.
    feature_names_in_ : ndarray of str of shape (n_features,)
        Column names, where the input had them.

    Raises
    ------
    ValueError, TypeError
        From `fit`, for bad input or parameters; nothing half-fitted is left behind.

    Examples
    --------
    >>> from skbetafd.baselines import UnimodalClassifier
    >>> from skbetafd.datasets import load_multiple_features
    >>> X, y = load_multiple_features(return_X_y=True)
    >>> clf = UnimodalClassifier(modality="mor", max_epochs=2, random_state=0).fit(X, y)
    >>> clf.predict(X).shape
    (2000,)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Baseline._parameter_constraints,
        "modality": [str, Integral],
    }

    modality: str | int

    def __init__(
        self,
        *,
        modality: str | int = 0,
        modalities: Any = None,
        encoders: Any = "auto",
        encoder_learning_rate: Any = None,
        hidden_dim: int = 128,
        knowledge_dim: int = 32,
        dropout: float = 0.4,
        standardize: bool = True,
        max_epochs: int | str = "auto",
        batch_size: int | str = "auto",
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        class_weight: Any = None,
        optimizer: str = "adamw",
        early_stopping: bool = False,
        validation_fraction: float = 0.2,
        n_iter_no_change: int = 10,
        calibrate: bool = False,
        refit: bool = False,
        callbacks: Sequence[Any] | None = None,
        predict_batch_size: int = 65_536,
        dtype: str = "float32",
        device: Any = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self._assign(locals())

    def _views(self, names: Sequence[str]) -> list[tuple[int, ...]]:
        return [(modality_position(self.modality, names, "modality"),)]
