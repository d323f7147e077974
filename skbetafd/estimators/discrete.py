"""DiscreteFrontDoorClassifier: the adjustment on counts, for categorical data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from math import prod
from numbers import Integral, Real
from reprlib import repr as shortened
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from .._utils.all_or_nothing import all_or_nothing
from .._utils.exceptions import VacuousAdjustmentWarning
from .._utils.messages import warn
from .._utils.sklearn_compat import Interval
from ..causal import front_door_adjustment
from ..fitting.request import READ_AT_PREDICTION
from ..inputs.categories import Levels, Row, category_rows
from ..inputs.labels import check_sample_weight, read_targets
from ..inputs.modality_names import modality_position
from ..inputs.multimodal_array import MultiModalArray, quoted
from ..inputs.row_order import warn_of_order
from ..inputs.validation import read_prediction_input, read_training_input
from .prediction import BetaPathMixin

MAX_CELLS = 2**24
"""Cells of the largest table: 128 MiB, and a few copies of it."""


class DiscreteFrontDoorClassifier(BetaPathMixin, BaseEstimator):
    r"""Front-door adjustment by counting, for categorical modalities and an observed mediator.

    The plug-in estimator of P_β(y | t, a): probabilities are smoothed shares of the training rows,
    put into `front_door_adjustment`. There is no network and nothing is random, so that it is
    also the yardstick on data small enough to count.

    Parameters
    ----------
    beta : float in [0, 1], default=1.0
        0 is seeing, 1 is doing; read at prediction. As in `FrontDoorMultiModalClassifier`.
    effect : {"conditional", "population"}, default="conditional"
        P(y | do t, a), or P(y | do t) with the auxiliaries drawn from the population too; read
        at prediction.
    predominant : str or int, default=0
        The predominant modality, by name or position; all others together are the auxiliary.
    modalities : mapping or sequence, default=None
        For flat input, which columns belong to which modality, as in
        `FrontDoorMultiModalClassifier`.
    smoothing : float > 0, default=1.0
        Laplace's pseudo-count, added to each cell of each conditional table. It must be positive,
        as it stands in for positivity: what was never seen together gets a uniform outcome.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Total flattened width of the input.
    feature_names_in_ : ndarray of str of shape (n_features,)
        Column names, where the input had them.
    modality_names_ : list of str
        The modalities, in order.
    modality_slices_ : dict of str to slice or ndarray of shape (width,)
        Each modality's columns in a flat table.
    predominant_ : str
        The predominant modality.
    predominant_levels_, auxiliary_levels_ : list of tuples
        The distinct rows of the predominant modality, and of the others side by side.
    mediator_levels_ : list of tuples or None
        The distinct rows of the mediator; None without one.
    joint_ : ndarray of shape (n_t_levels, n_a_levels, n_z_levels, n_classes)
        The smoothed P(t, a, z, y) over the levels of the predominant modality, the auxiliaries
        and the mediator, for the functions of `skbetafd.causal`.

    Raises
    ------
    ValueError, TypeError
        From `fit`, for bad input or parameters; nothing half-fitted is left behind.

    Warns
    -----
    VacuousAdjustmentWarning
        From `fit`, if `beta` is positive and there is no mediator.
    UserWarning
        From prediction, if no row has a level that fit has seen.

    See Also
    --------
    FrontDoorMultiModalClassifier : For modalities that can't be counted.
    skbetafd.causal.check_criterion : Whether a graph licenses the causal reading.

    Notes
    -----
    A modality of several columns is one categorical variable whose values are its distinct rows;
    entries may be strings, booleans or numbers. Without a mediator there is nothing to adjust
    through: the prediction is P(y | t, a) whatever β is.

    With N the (weighted) counts and s the smoothing,

    .. math::

        \hat P(y \mid z, t, a) = \frac{N_{tazy} + s}{N_{taz} + s\,|Y|}, \quad
        \hat P(z \mid t, a) = \frac{N_{taz} + s}{N_{ta} + s\,|Z|}, \quad
        \hat P(t \mid a) = \frac{N_{ta} + s}{N_{a} + s\,|T|}, \quad
        \hat P(a) = \frac{N_{a} + s}{N + s\,|A|},

    each as in scikit-learn's `CategoricalNB`. The error falls as n^-½.

    Levels are equal by value: 1 is 1.0 and True. At prediction "1" where fit saw 1 is a TypeError,
    and 0.1 where fit saw the float32 nearest to it, or the other way round, a ValueError. Another
    level that fit has not seen falls back to the smoothed marginal, the same tables with that
    variable summed out: an unknown auxiliary to P_β(y | t), an unknown predominant modality to
    P(y | a), whatever β is, and both to P(y).

    Examples
    --------
    >>> import numpy as np
    >>> from skbetafd import DiscreteFrontDoorClassifier
    >>> from skbetafd.causal import StructuralCausalModel
    >>> model = StructuralCausalModel(
    ...     {"U": [], "T": ["U"], "Z": ["T"], "Y": ["Z", "U"]},
    ...     2,
    ...     tables={
    ...         "U": [0.5, 0.5],
    ...         "T": [[0.9, 0.1], [0.1, 0.9]],
    ...         "Z": [[0.6, 0.4], [0.4, 0.6]],
    ...         "Y": [[[0.9, 0.1], [0.2, 0.8]], [[0.8, 0.2], [0.1, 0.9]]],
    ...     },
    ... )
    >>> rows = model.sample(10_000, random_state=0)
    >>> T = rows["T"].reshape(-1, 1)
    >>> clf = DiscreteFrontDoorClassifier().fit(T, rows["Y"], mediator=rows["Z"])
    >>> clf.beta_path([[0], [1]], betas=[0, 1]).round(1)
    array([[[0.8, 0.2],
            [0.2, 0.8]],
           [[0.5, 0.5],
            [0.5, 0.5]]])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **READ_AT_PREDICTION,
        "predominant": [str, Integral],
        "modalities": [None, dict, "array-like"],
        "smoothing": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(
        self,
        *,
        beta: float = 1.0,
        effect: str = "conditional",
        predominant: str | int = 0,
        modalities: Any = None,
        smoothing: float = 1.0,
    ) -> None:
        self.beta = beta
        self.effect = effect
        self.predominant = predominant
        self.modalities = modalities
        self.smoothing = smoothing

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.categorical = True
        return tags

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, mediator: Any = None
    ) -> DiscreteFrontDoorClassifier:
        """Count the training rows, and adjust.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            The modalities, each of shape (n_samples, ...), or a flat table of them.
        y : array-like of shape (n_samples,)
            Labels: strings, booleans or integers, two classes or more.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a row of weight w counts as w rows, 0 leaves it out.
        mediator : array-like of shape (n_samples,) or (n_samples, k), default=None
            What the label depends on the predominant modality through; categorical, its distinct
            rows are its levels. Within scikit-learn's meta-estimators it is requested by
            ``set_fit_request(mediator=True)``.

        Returns
        -------
        DiscreteFrontDoorClassifier
            This estimator.

        Raises
        ------
        ValueError, TypeError
            Naming the modality, row and column, or the parameter, and its value.
        """
        with all_or_nothing(self):
            self._validate_params()
            X, self._layout = read_training_input(self, X, self.modalities)
            warn_of_order(X, {"y": y, "sample_weight": sample_weight, "mediator": mediator})
            self.predominant_ = X.names[modality_position(self.predominant, X.names)]
            columns = [*self._rows(X), _mediator_rows(mediator, len(X))]
            self.modality_names_, self.modality_slices_ = list(X.names), self._layout.slices
            # Not the shares of the largest weight: a weight of 2 has to count as two rows.
            weight = check_sample_weight(sample_weight, len(X))
            y, _ = read_targets(self, X, y, weight)
            counts = self._count(columns, y, weight)
            _check_smoothing(self.smoothing, counts)
            self.joint_ = _joint(counts, self.smoothing)
            self.mediator_levels_ = None if mediator is None else self._levels[2].values
            self._tables = self._adjusted(counts)
            if mediator is None and self.beta > 0:
                warn(
                    f"without a mediator, beta={self.beta} is without effect: the prediction is "
                    "P(y | t, a); pass mediator to fit, or set beta=0",
                    VacuousAdjustmentWarning,
                )
        return self

    def _rows(self, X: MultiModalArray) -> tuple[list[Row], list[Row]]:
        """Read the predominant modality's rows, and those of all others side by side."""
        rows = {name: category_rows(f"modality {name!r}", value) for name, value in X.items()}
        treatment = rows.pop(self.predominant_)
        others = zip(*rows.values(), strict=True) if rows else [()] * len(treatment)
        return treatment, [tuple(chain(*row)) for row in others]

    def _count(self, columns: list[list[Row]], y: np.ndarray, weight: np.ndarray) -> np.ndarray:
        used = np.flatnonzero(weight > 0)
        columns = [[rows[i] for i in used] for rows in columns]
        self._levels = [Levels(rows) for rows in columns]
        self.predominant_levels_, self.auxiliary_levels_, _ = (k.values for k in self._levels)
        shape = (*map(len, self._levels), len(self.classes_))
        if prod(shape) > MAX_CELLS:
            raise ValueError(
                f"a table of {' × '.join(map(str, shape))} cells (predominant, auxiliary, "
                f"mediator, label) is too large, {MAX_CELLS} are the most; bin the values first"
            )
        codes = [level.encode(rows) for level, rows in zip(self._levels, columns, strict=True)]
        cells = np.ravel_multi_index((*codes, y[used]), shape)
        return np.bincount(cells, weight[used], minlength=prod(shape)).reshape(shape)

    def _adjusted(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Tables of P(y | t, a) and of each effect; all are the first without a mediator."""
        seeing = _with_unknown(counts, self.smoothing, partial(front_door_adjustment, beta=0))
        tables = {"seeing": seeing, "conditional": seeing, "population": seeing}
        if self.mediator_levels_ is not None:
            for effect in ("conditional", "population"):
                adjust = partial(front_door_adjustment, effect=effect)
                tables[effect] = _with_unknown(counts, self.smoothing, adjust)
        return tables

    def _log_path(self, X: Any, betas: list[float]) -> np.ndarray:
        X = read_prediction_input(self, X, self._layout)
        rows = self._rows(X)
        others = [name for name in X.names if name != self.predominant_]
        t = _encoded(X, [self.predominant_], rows[0], self._levels[0])
        a = _encoded(X, others, rows[1], self._levels[1])
        seeing, doing = self._tables["seeing"][t, a], self._tables[self.effect][t, a]
        with np.errstate(divide="ignore"):
            return np.log([(1 - beta) * seeing + beta * doing for beta in betas])


def _encoded(X: MultiModalArray, names: list[str], rows: list[Row], levels: Levels) -> np.ndarray:
    """Return the level of each row of some modalities, side by side; −1 if fit has not seen it."""
    codes = levels.encode(rows)
    unseen = codes < 0
    if unseen.any():
        faces = [(f"modality {name!r}", X._faces[name]) for name in names]
        columns = [(name, face.place(i)) for name, face in faces for i in range(face.width)]
        levels.check_comparable(rows, columns)
    if unseen.all():
        warn(
            f"none of {len(rows)} rows has a level of {quoted(names)} that fit has seen, "
            f"{shortened(rows[0])} being the first: they are predicted without it"
        )
    return codes


def _mediator_rows(mediator: Any, n_samples: int) -> list[Row]:
    if mediator is None:
        return [()] * n_samples
    rows = category_rows("mediator", mediator)
    if len(rows) != n_samples:
        raise ValueError(f"mediator has {len(rows)} rows, but X has {n_samples}")
    return rows


def _check_smoothing(smoothing: float, counts: np.ndarray) -> None:
    if not np.isfinite(float(counts.sum()) + float(smoothing) * counts.size):
        raise ValueError(
            f"smoothing={smoothing!r} is too large: added to each of {counts.size} counts, their "
            "sum is infinite"
        )


def _joint(counts: np.ndarray, smoothing: float) -> np.ndarray:
    """Smoothed P(t, a, z, y) = P(a) P(t | a) P(z | t, a) P(y | z, t, a)."""
    auxiliary = _shares(counts.sum(axis=(0, 2, 3), keepdims=True), smoothing, axis=1)
    treatment = _shares(counts.sum(axis=(2, 3), keepdims=True), smoothing, axis=0)
    mediator = _shares(counts.sum(axis=3, keepdims=True), smoothing, axis=2)
    return auxiliary * treatment * mediator * _shares(counts, smoothing, axis=3)


def _shares(counts: np.ndarray, smoothing: float, axis: int) -> np.ndarray:
    smoothed = counts + smoothing
    return smoothed / smoothed.sum(axis=axis, keepdims=True)


def _with_unknown(
    counts: np.ndarray, smoothing: float, adjust: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """Adjust the joint table; the last t and the last a stand for levels that fit has not seen."""
    n_t, n_a, _, n_y = counts.shape
    table = np.empty((n_t + 1, n_a + 1, n_y))
    table[:-1, :-1] = adjust(_joint(counts, smoothing))
    table[:-1, -1:] = adjust(_joint(counts.sum(axis=1, keepdims=True), smoothing))
    table[-1, :-1] = _shares(counts.sum(axis=(0, 2)), smoothing, axis=1)
    table[-1, -1] = _shares(counts.sum(axis=(0, 1, 2)), smoothing, axis=0)
    return table
