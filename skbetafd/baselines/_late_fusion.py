"""LateFusionClassifier: the mean of one network a modality."""

from __future__ import annotations

from collections.abc import Sequence

from ._estimator import PARAMETERS, Baseline


class LateFusionClassifier(Baseline):
    __doc__ = f"""The mean of the probabilities of one network a modality.

    A row is predicted by the networks whose modality it has.

    Parameters
    ----------
    {PARAMETERS.strip()}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    modality_names_ : list of str
        The modalities, in order.
    modality_slices_ : dict of str to slice or ndarray of shape (width,)
        Each modality's columns in a flat table.
    parts_ : list of Part
        Each modality's trained network, with its scalers and temperature.
    module_ : FusionNetwork
        The first one's torch module.
    history_ : skorch.history.History
        The first one's losses and duration, an entry an epoch.
    n_iter_ : int
        The first one's number of epochs.
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
    >>> from skbetafd.baselines import LateFusionClassifier
    >>> from skbetafd.datasets import load_multiple_features
    >>> X, y = load_multiple_features(return_X_y=True)
    >>> LateFusionClassifier(max_epochs=2, random_state=0).fit(X, y).predict(X).shape
    (2000,)
    """

    def _views(self, names: Sequence[str]) -> list[tuple[int, ...]]:
        return [(m,) for m in range(len(names))]
