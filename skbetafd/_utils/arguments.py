"""Arguments that the adjustment and the simulators read alike."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np


def read_numbers(name: str, value: Any) -> np.ndarray:
    """Return an array of floats; the TypeError names what is something else."""
    try:
        array = np.asarray(value)
        if array.dtype.kind in "biufO" and value is not None:
            return array.astype(float)
    except (TypeError, ValueError):
        pass
    said = f"one of {value.dtype}" if isinstance(value, np.ndarray) else repr(value)
    raise TypeError(f"{name} must be an array of real numbers, got {said}")


def check_integer(name: str, value: Any, low: int, high: int | None = None) -> None:
    """Raise TypeError or ValueError unless `value` is an integer from `low` to `high`."""
    bounds = f"an integer >= {low}" if high is None else f"an integer from {low} to {high}"
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be {bounds}, got {value!r}")
    if int(value) < low or (high is not None and int(value) > high):
        raise ValueError(f"{name} must be {bounds}, got {value!r}")


def read_generator(random_state: Any) -> np.random.Generator:
    """Return a generator that nobody shares; the error names what can't seed one."""
    try:
        return np.random.default_rng(random_state)
    except (TypeError, ValueError) as error:
        raise type(error)(
            "random_state must be None, an integer >= 0 or a numpy.random.Generator, "
            f"got {random_state!r}"
        ) from error


def check_number(
    name: str, value: Any, low: float, high: float = np.inf, *, closed: bool = True
) -> None:
    """Raise unless `value` is a finite number from `low` to `high`, ends included if `closed`."""
    bounds = f"from {low} to {high}" if closed else f"strictly between {low} and {high}"
    wanted = f"a finite number >= {low}" if high == np.inf else f"a number {bounds}"
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    inside = low <= float(value) <= high if closed else low < float(value) < high
    if not inside or not np.isfinite(float(value)):
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
