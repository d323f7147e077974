"""Pickles of what a GPU trained are read where there is none."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from sklearn.base import BaseEstimator
from torch import Tensor

from .._utils.messages import warn
from ..training.device import resolve_device
from ..training.net import FrontDoorNet


class Portable(BaseEstimator):
    """An estimator whose pickle has its tensors on the CPU, with the device that they belong to.

    A tensor of a GPU can't be unpickled without one. A copy stays on the device.
    """

    def _device_in_use(self) -> str:
        """Return the device of the trained networks; the CPU without any."""
        raise NotImplementedError

    def __copy__(self) -> Portable:
        copied, state = type(self).__new__(type(self)), self.__getstate__()
        copied.__setstate__(state)
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Portable:
        copied = memo[id(self)] = type(self).__new__(type(self))
        copied.__setstate__(deepcopy(self.__getstate__(), memo))
        return copied

    def __reduce_ex__(self, protocol: Any) -> Any:
        reduced, device = super().__reduce_ex__(protocol), self._device_in_use()
        if device == "cpu":
            return reduced
        memo: dict[int, Any] = {id(self): self}
        state = deepcopy(reduced[2], memo)
        # what a deep copy remembers is all that it went through
        tensors = [t for t in memo.values() if isinstance(t, Tensor) and device_of(t) == device]
        for tensor in tensors:
            tensor.data = tensor.data.cpu()
        whole = [m for m in memo.values() if isinstance(m, (torch.nn.RNNBase, FrontDoorNet))]
        return (*reduced[:2], (state, device, tensors, whole), None, None, _arrive)


def device_of(tensor: Tensor) -> str:
    """Return the name of the device on which a tensor lies."""
    return str(tensor.device)


def _arrive(estimator: Any, content: tuple[Any, str, list[Tensor], list[Any]]) -> None:
    """Set the state of an unpickled estimator, and move its tensors where they belong."""
    state, device, tensors, whole = content
    try:
        where = resolve_device(device)
    except ValueError:
        where = torch.device("cpu")
        warn(
            f"this {type(estimator).__name__} was fitted on {device!r}, which is not here: its "
            "networks are on the CPU now",
        )
    for tensor in tensors:
        tensor.data = tensor.data.to(where)
    for part in whole:
        if isinstance(part, FrontDoorNet):
            part.device = str(where)
        else:
            part.flatten_parameters()  # cuDNN wants the weights in one piece
    estimator.__setstate__(state)
