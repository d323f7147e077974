"""Telling scikit-learn's callbacks of a fit's epochs (`sklearn.callback`, experimental in 1.9)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from typing import Any

from ..fitting.trainer import FrontDoorTrainer
from ..training.callbacks import AroundEpoch


class FitTasks:
    """The fit of one estimator as a task, each epoch of its first network as a subtask.

    Parameters
    ----------
    estimator : FrontDoorMultiModalClassifier
        The one that is fitted.
    context : sklearn.callback.CallbackContext
        Of the fit.
    data : dict of str to object
        ``"X"``, ``"y"`` and ``"metadata"``, as the user passed them.
    """

    def __init__(self, estimator: Any, context: Any, data: dict[str, Any]) -> None:
        self.estimator, self.context, self.data = estimator, context, data

    def begin(self) -> None:
        """Tell that the fit begins."""
        self.context.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def end(self) -> None:
        """Tell that the estimator is fitted."""
        self.context.call_on_fit_task_end(
            estimator=self.estimator, **self.data, reconstruction_attributes={}
        )

    @contextmanager
    def subtask(self, name: str, sub_estimator: Any = None) -> Iterator[None]:
        """Tell of a part of the fit, which may be that of another estimator."""
        task = self.context.subcontext(task_name=name)
        passed_on = (
            nullcontext()
            if sub_estimator is None
            else task.propagate_callback_context(sub_estimator)
        )
        with passed_on:
            task.call_on_fit_task_begin(estimator=self.estimator, **self.data)
            yield
        task.call_on_fit_task_end(estimator=self.estimator, **self.data)

    def callback(self, prepared: FrontDoorTrainer) -> AroundEpoch:
        """Make what the training loop calls before and after each epoch of the first network."""

        def begin(net: Any) -> None:
            self.epoch = self.context.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)

        def end(net: Any) -> bool:
            return self.epoch.call_on_fit_task_end(
                estimator=self.estimator,
                **self.data,
                reconstruction_attributes=lambda: self._as_if_ended(prepared, net),
            )

        return AroundEpoch(begin, end)

    def _as_if_ended(self, prepared: FrontDoorTrainer, net: Any) -> dict[str, Any]:
        """Give the attributes of an estimator with this network, which goes on to be trained."""
        view = copy(self.estimator)
        view._adopt(prepared.finish([net]))
        return view._learned()
