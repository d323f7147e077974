"""A scikit-learn classifier that sees in the network's place: P(y | t, a) of the flat table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, Self

import numpy as np
from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline

from .._utils.messages import named
from .._utils.sklearn_compat import allows_nan
from ..inputs.numeric import NumericRows
from ..inputs.training_rows import TrainingRows


@dataclass(frozen=True)
class SeeingClassifier:
    """A classifier, and the table that it reads: all modalities side by side, gaps as NaN."""

    classifier: Any
    columns: list[str] | None
    """Names, ``modality__column``, where all modalities have them."""
    streams: bool = False
    """Whether it learns by `partial_fit`."""

    @classmethod
    def of(cls, seeing: Any, columns: list[str] | None, *, streams: bool) -> Self:
        """Clone the user's classifier.

        Raises
        ------
        TypeError, ValueError
            If it is no instance of a classifier, or has no partial_fit where it `streams`.
        """
        with named("seeing"):
            own, name = clone(seeing), type(seeing).__name__
        if not is_classifier(own):
            raise ValueError(
                f"seeing must be 'network' or a classifier, got the {name} {own!r:.80}"
            )
        return cls(own, columns, streams)

    def __post_init__(self) -> None:
        if self.streams and not hasattr(self.classifier, "partial_fit"):
            name = type(self.classifier).__name__
            raise ValueError(
                f"seeing: {name} has no partial_fit, by which a stream is learned; GaussianNB and "
                "SGDClassifier(loss='log_loss') have, and seeing='network' does without"
            )

    @property
    def name(self) -> str:
        """What errors call it."""
        return f"seeing={type(self.classifier).__name__}"

    def learn(self, rows: TrainingRows, seed: int) -> Self:
        """Fit a copy; `seed` draws for what has a `random_state` of None.

        Raises
        ------
        ValueError, TypeError
            If it takes no gaps, or no weights, and there are some; if it has no predict_proba; or
            as it raises.
        """
        own = deepcopy(self.classifier)
        random = np.random.RandomState(seed)
        own.set_params(
            **{
                name: int(random.randint(2**31 - 1))
                for name, value in sorted(own.get_params().items())
                if name.rpartition("__")[2] == "random_state" and value is None
            }
        )
        method = own.partial_fit if self.streams else own.fit
        arguments = {"classes": rows.classes} if self.streams else {}
        weight = rows.weight * (rows.mass / len(rows))
        if not np.allclose(weight, 1):
            argument = _weight_argument(own, method)
            if argument is None:
                raise ValueError(
                    f"{self.name} takes no sample_weight, but rows are weighted, by sample_weight "
                    "or class_weight: leave the weights out, or take one whose fit has it"
                )
            arguments[argument] = weight
        # a Pipeline's step takes the weights by its name
        with self._reading(rows), config_context(enable_metadata_routing=False):
            method(self._table(rows), rows.classes[rows.y], **arguments)
        if not hasattr(own, "predict_proba"):  # what stacks others has it once it is fitted
            raise ValueError(
                f"{self.name} has no predict_proba: CalibratedClassifierCV of sklearn.calibration, "
                "around it, has"
            )
        return replace(self, classifier=own)

    def log_proba(self, rows: NumericRows, classes: np.ndarray) -> np.ndarray:
        """Log P(y | x) in the order of `classes`, (n, n_classes).

        Below the smallest normal number a probability counts as that.
        """
        with self._reading(rows):
            proba = self.classifier.predict_proba(self._table(rows))
        out = np.full((len(rows), len(classes)), np.finfo(float).tiny)
        # a class may be in none of the rows that it has learned from
        known = np.searchsorted(classes, self.classifier.classes_)
        out[:, known] = np.maximum(proba, np.finfo(float).tiny)
        return np.log(out)

    def _table(self, rows: NumericRows) -> Any:
        """Put the modalities side by side, (n, n_features)."""
        table = np.hstack([*rows.dense().values()])
        if self.columns is not None:
            with suppress(ImportError):  # the user's frames were another library's
                from pandas import DataFrame

                return DataFrame(table, columns=self.columns)
        return table

    @contextmanager
    def _reading(self, rows: NumericRows) -> Iterator[None]:
        """Name the classifier before its errors, and the gaps if it takes none."""
        with named(self.name):
            try:
                yield
            except ValueError as error:
                if not allows_nan(self.classifier):
                    self._refuse_gaps(rows, error)
                raise

    def _refuse_gaps(self, rows: NumericRows, error: ValueError) -> None:
        for modality, array in rows.dense().items():
            count = int(np.isnan(array).any(axis=1).sum())
            if count:
                said = str(error).partition("\n")[0]
                raise ValueError(
                    f"{self.name} takes no gaps, but modality {modality!r} has NaN in {count} of "
                    f"{len(rows)} rows: make_pipeline(SimpleImputer(), ...) fills them, "
                    f"HistGradientBoostingClassifier takes them ({said})"
                ) from error


def _weight_argument(classifier: Any, method: Any) -> str | None:
    """Name the argument by which a method takes weights, a Pipeline that of its last step."""
    if "sample_weight" in signature(method).parameters:
        return "sample_weight"
    if not isinstance(classifier, Pipeline):
        return None
    step, last = classifier.steps[-1]
    inner = _weight_argument(last, last.fit)
    return None if inner is None else f"{step}__{inner}"
