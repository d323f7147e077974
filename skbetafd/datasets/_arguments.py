"""Checked arguments that the makers of data share."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np


def check_number(
    name: str, value: Any, low: float, high: float = np.inf, *, closed: bool = True
) -> None:
    """Raise unless `value` is a finite number from `low` to `high`, ends included if `closed`."""
    ends = "from" if closed else "strictly between"
    wanted = f"a number {ends} {low} {'to' if closed else 'and'} {high}"
    if high == np.inf:
        wanted = f"a finite number >= {low}"
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    number = float(value)
    inside = low <= number <= high if closed else low < number < high
    if not inside or not np.isfinite(number):
        raise ValueError(f"{name} must be {wanted}, got {value!r}")
