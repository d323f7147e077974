"""Pickles of what a GPU trained are read where there is none."""

from __future__ import annotations

import io
import pickle
import warnings
from contextvars import ContextVar
from copy import deepcopy
from typing import Any

import cloudpickle
import torch
from sklearn.base import BaseEstimator

from .._utils.messages import calling_modules
from ..training.device import resolve_device

ELSEWHERE = "_of_another_device"
COPYING: ContextVar[bool] = ContextVar("COPYING", default=False)


class Portable(BaseEstimator):
    """An estimator whose pickle knows no device that the reader may lack.

    A tensor of a GPU can't be unpickled without one; torch's own format can move it. So the state
    of an estimator whose networks are on a GPU is pickled as such a file. A copy is made without
    it, as the state of an estimator in training may hold the estimator.
    """

    def _device_in_use(self) -> torch.device | None:
        """Give the device of the trained networks; None without any."""
        raise NotImplementedError

    def __copy__(self) -> Portable:
        copied = type(self).__new__(type(self))
        copied.__setstate__(self._state_here())
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Portable:
        copied = memo[id(self)] = type(self).__new__(type(self))
        copied.__setstate__(deepcopy(self._state_here(), memo))
        return copied

    def _state_here(self) -> dict[str, Any]:
        """Give the state for a copy in this process, by a subclass's own way if it has one."""
        token = COPYING.set(True)
        try:
            return dict(self.__getstate__())
        finally:
            COPYING.reset(token)

    def __getstate__(self) -> dict[str, Any]:
        state, device = super().__getstate__(), self._device_in_use()
        if COPYING.get() or device is None or device.type == "cpu":
            return state
        file = io.BytesIO()
        torch.save(state, file, pickle_module=cloudpickle if _by_value() else pickle)
        return {ELSEWHERE: (str(device), file.getvalue())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if ELSEWHERE in state:
            device, content = state[ELSEWHERE]
            where = _where(device)
            moved = None if where == device else where  # what was on the CPU stays there
            state = torch.load(io.BytesIO(content), map_location=moved, weights_only=False)
            if where != device:
                warnings.warn(
                    f"this {type(self).__name__} was fitted on {device!r}, which is not here: its "
                    "networks are on the CPU now",
                    UserWarning,
                    stacklevel=2,
                )
        super().__setstate__(state)


def _by_value() -> bool:
    """Tell whether cloudpickle is at work: joblib's workers have no classes of a notebook."""
    return any(name.startswith("cloudpickle") for name in calling_modules())


def _where(device: str) -> str:
    """Give the device if it is here, else the CPU."""
    try:
        return str(resolve_device(device))
    except ValueError:
        return "cpu"
