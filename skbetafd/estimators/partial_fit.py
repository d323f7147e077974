"""partial_fit: one pass over the rows of a stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np

from .._utils.all_or_nothing import all_or_nothing
from .._utils.messages import named
from .._utils.out_of_memory import training_memory
from .._utils.sklearn_compat import check_partial_fit_first_call
from ..fitting.incremental import Stream
from ..fitting.request import FitRequest, FitResult
from ..fitting.warm_start import Start
from ..inputs.as_numpy import as_array, as_numpy
from ..inputs.labels import one_value_per_row
from ..inputs.torch_dataset import labelled
from ..inputs.validation import read_prediction_input, read_training_input
from ..nn.mediator import MediatorNetwork
from .health import warn_of_few_complete_rows
from .network_classifier import NetworkClassifier

SMALLEST_MASS, LARGEST_MASS = 1e-30, 1e30
"""Of all rows of a stream, in float32 with room to sum."""


class PartialFitMixin(NetworkClassifier):
    """Adds `partial_fit` to the front-door classifier."""

    early_stopping: bool
    members_: list[Any]
    _stream: Stream
    _mass: float
    _standardize: bool

    def _adopt(self, result: FitResult) -> None:
        raise NotImplementedError

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from more rows: one pass over them, at the constant rate `learning_rate`.

        The optimizer goes on from call to call. Fixed by the first call (or by a `fit` before
        it) are the modalities, how they are read (`encoders`, `encoder_learning_rate`: later values
        are not used), who sees (`seeing`), the predominant one, the scaling (let the first call
        have rows enough for means and variances) and the classes. `dtype` and `device` may change
        between calls.

        The estimator keeps a uniform sample of all rows so far that lack no modality, at most
        4,096. As many of them as there are new rows are passed over too, so that a class that
        stays away is not forgotten, and all are encoded anew to make the reference set, so that
        earlier populations stay among the contexts. The rows of a `fit` before the first call it
        has not: the codes of that fit's references stay in the set, with the mass of its rows.

        `max_epochs` counts calls here: the label counts in knowledge after its first fifth.
        `early_stopping` and a balanced `class_weight` are refused; `memory`, `checkpoint_dir`,
        `lr_schedule` and `warm_start` are not used.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            The modalities, as `fit` takes them. In the first call every modality, and all of
            them together in some row, must be there.
        y : array-like of shape (n_samples,)
            Labels; not all classes need be among them.
        classes : array-like of shape (n_classes,), default=None
            All labels there will be; needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; 0 leaves a row out. A call counts among the references by the
            sum of its weights, as the rows of a `fit` do; a scalar is the weight of every row.

        Returns
        -------
        FrontDoorMultiModalClassifier
            This estimator.

        Raises
        ------
        ValueError, TypeError
            For bad input or parameters, or classes other than those of the first call, or if a
            classifier of `seeing` has no partial_fit; the estimator stays as it was.

        References
        ----------
        Vitter, Random Sampling with a Reservoir, ACM TOMS 1985: the sample.

        Examples
        --------
        >>> import numpy as np
        >>> from skbetafd import FrontDoorMultiModalClassifier
        >>> from skbetafd.datasets import load_multiple_features
        >>> X, y = load_multiple_features(("kar", "mor"), return_X_y=True)
        >>> clf = FrontDoorMultiModalClassifier(n_references=16, random_state=0)
        >>> for part in np.array_split(np.random.default_rng(0).permutation(len(y)), 3):
        ...     clf = clf.partial_fit(X[part], y[part], classes=np.arange(10))
        >>> clf.n_iter_
        3
        """
        with all_or_nothing(self), training_memory(self.batch_size):
            self._validate_params()
            self._check_streamable()
            X, y = labelled(X, y)
            begun = hasattr(self, "members_")
            request = self._stream_request(X, y, classes, sample_weight, begun=begun)
            if begun:
                request = replace(request, spec=replace(request.spec, start=Start.of(self)))
            stream, mass = getattr(self, "_stream", None), self._mass if begun else 0.0
            if stream is None:
                stream = Stream.begun(request.spec.seeds, self.members_ if begun else [], mass)
            stream, result = stream.learn(request)
            self._adopt(result)
            self._mass = mass + request.rows.mass
            self._stream = stream
            if self.beta > 0 and stream.n_calls == 1:
                warn_of_few_complete_rows(self, request)
        return self

    def _check_streamable(self) -> None:
        if self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is not supported for partial_fit, which knows only the "
                "rows of this call; pass a dict, say by sklearn.utils.compute_class_weight"
            )
        if hasattr(self, "members_") and isinstance(self.module_, MediatorNetwork):
            raise ValueError("partial_fit can't go on from a fit with an observed mediator")

    def _stream_request(
        self, X: Any, y: Any, classes: Any, sample_weight: Any, *, begun: bool
    ) -> FitRequest:
        if classes is not None:
            classes = as_numpy("classes", classes, "name the labels there are")
            cells = as_array(classes)
            if cells.dtype == object and cells.ndim:  # as pandas has labels
                classes = np.asarray(one_value_per_row(cells, "classes", len(cells)).tolist())
        with named("classes"):
            check_partial_fit_first_call(self, classes)
        classes = self.classes_
        if len(classes) < 2:
            raise ValueError(f"partial_fit needs at least 2 classes, got {classes.tolist()}")
        if begun:
            X = read_prediction_input(self, X, self._layout, padded=self._padded())
        else:
            X, self._layout = read_training_input(self, X, self.modalities)
        request = self._request_of_rows(X, y, sample_weight, classes=classes, first=not begun)
        mass = request.rows.mass + (self._mass if begun else 0.0)
        if not SMALLEST_MASS < mass < LARGEST_MASS:
            raise ValueError(
                f"partial_fit counts rows by the sum of their weights, which is {mass:.3g} so "
                f"far and must be from {SMALLEST_MASS:g} to {LARGEST_MASS:g}: scale sample_weight"
            )
        request.rows.check_size()
        if not begun:
            self._standardize = self.standardize
            self._warn_of_one_modality(request.rows)
        return request
