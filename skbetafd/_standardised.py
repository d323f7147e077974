"""Standardisation of checked rows."""

from __future__ import annotations

import numpy as np
from sklearn.preprocessing import StandardScaler


def standardised(scaler: StandardScaler, rows: np.ndarray) -> np.ndarray:
    """Give ``scaler.transform(rows)`` of float rows that have been checked, bitwise.

    Its own checks change the warning filters for a moment, which all threads share, and cost more
    than the arithmetic of a few rows.
    """
    out = rows - scaler.mean_.astype(rows.dtype) if scaler.with_mean else rows.copy()
    out /= scaler.scale_.astype(rows.dtype)
    return out
