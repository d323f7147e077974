"""From checked numbers, labels and weights to the rows that a network is trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from .labels import check_sample_weight, read_groups, read_targets
from .mediator import ObservedMediator, read_mediator
from .numeric import NumericRows


@dataclass(frozen=True, repr=False)
class TrainingRows(NumericRows):
    """The rows of positive weight, with all that is aligned with them."""

    y: np.ndarray
    """Class indices, shape (n_samples,)."""
    classes: np.ndarray
    """Labels, shape (n_classes,)."""
    weight: np.ndarray
    """Row weights with mean 1, shape (n_samples,)."""
    mass: float
    """Sum of the row weights as they came; it makes no difference to what is learned."""
    mediator: ObservedMediator | None = None
    groups: np.ndarray | None = None
    """Rows of one group stay on one side of an inner split, shape (n_samples,)."""

    def take(self, rows: Any) -> Self:
        """Cut to some rows, whose weights get the mean 1 again."""
        mediator, weight = self.mediator, self.weight[rows]
        return replace(
            super().take(rows),
            y=self.y[rows],
            weight=weight / weight.mean(),
            mass=self.mass * float(weight.sum() / self.weight.sum()),
            mediator=mediator and mediator._replace(values=mediator.values[rows]),
            groups=None if self.groups is None else self.groups[rows],
        )


def training_rows(
    estimator: Any,
    rows: NumericRows,
    y: Any,
    sample_weight: Any = None,
    mediator: Any = None,
    groups: Any = None,
    *,
    classes: np.ndarray | None = None,
    complete: bool = True,
) -> TrainingRows:
    """Check what is aligned with the rows of `fit`, and leave out those of weight 0.

    Parameters
    ----------
    estimator : estimator
        The one whose fit this is; its ``classes_`` are set, its ``class_weight`` is read.
    rows : NumericRows
        All rows.
    y, sample_weight, mediator, groups : array-like of shape (n_samples,)
        As the user has them; all but `y` may be None.
    classes : ndarray of shape (n_classes,), optional
        All labels, sorted, where `y` need not hold them all. By default those of `y`.
    complete : bool
        Whether every modality must be in some row, and all of them in one.

    Raises
    ------
    ValueError, TypeError
        For bad labels, weights, mediator or groups, or rows that lack what they need.
    """
    given = check_sample_weight(sample_weight, len(rows), scale_free=True)
    y, weight = read_targets(estimator, rows, y, given, estimator.class_weight, classes)
    with np.errstate(over="ignore"):  # a sum beyond float64 matters to partial_fit alone
        mass = float(given[weight > 0].sum())
    observed = None if mediator is None else read_mediator(mediator, weight)
    groups = None if groups is None else read_groups(groups, len(rows))
    used = np.flatnonzero(weight > 0)
    if groups is not None:
        groups = groups[used]
    if len(used) < len(rows):
        rows, y, weight = rows.take(used), y[used], weight[used]
    rows.check_presence(used, training=complete, mediated=observed is not None)
    return TrainingRows(
        rows.names,
        rows.arrays,
        rows.present,
        y,
        estimator.classes_,
        weight / weight.mean(),
        mass,
        observed,
        groups,
    )
