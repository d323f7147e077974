"""One table that holds the columns of all modalities."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import validate_data

from ._column_groups import SEPARATOR
from ._multimodal_array import MultiModalArray
from ._utils.sklearn_compat import check_n_features, is_dataframe, safe_indexing


def one_level(frame: Any) -> Any:
    """Join the levels of a frame's column names, ``modality__column``."""
    if getattr(frame.columns, "nlevels", 1) == 1:
        return frame
    return frame.set_axis([SEPARATOR.join(map(str, c)) for c in frame.columns], axis=1)


def check_flat(estimator: Any, X: Any, *, reset: bool, dtype: Any) -> Any:
    """Check a table as scikit-learn's estimators do; a frame keeps its columns' types."""
    if isinstance(X, (str, bytes, Real)):
        raise ValueError(f"X must be a 2D array or a list or dict of modalities, got {X!r}")
    if not is_dataframe(X):
        _refuse_one_axis(X, training=reset)
        return validate_data(estimator, X, reset=reset, dtype=dtype, ensure_all_finite=False)
    X = one_level(X)
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    check_n_features(estimator, X, reset=reset)
    return X


def _refuse_one_axis(X: Any, *, training: bool) -> None:
    """Refuse what is missing or has one axis, without printing all of it."""
    swapped = "; X comes first, as in fit(X, y)" if training else ""
    if X is None:
        raise ValueError(f"X is None: modalities are needed{swapped}")
    try:
        shape = X.shape if hasattr(X, "shape") else np.asarray(X).shape
    except ValueError:
        return  # rows of several lengths
    if len(shape) == 1 and not sparse.issparse(X):
        raise ValueError(
            f"Expected 2D array, got 1D array instead: X is a {type(X).__name__} of shape "
            f"{tuple(shape)}{swapped}. Reshape your data by reshape(1, -1) if it is one row, by "
            "reshape(-1, 1) if it is a column"
        )


def split(X: Any, columns: dict[str, np.ndarray], *, named: bool) -> MultiModalArray:
    """Cut a table into modalities by the positions of their columns."""
    if not is_dataframe(X):
        data = {name: X[:, as_slice(positions)] for name, positions in columns.items()}
    else:
        data = {n: _without_prefix(n, safe_indexing(X, p, axis=1)) for n, p in columns.items()}
    return MultiModalArray(data if named else list(data.values()))


def _without_prefix(modality: str, frame: Any) -> Any:
    frame = frame.copy() if hasattr(frame, "copy") else frame.clone()
    frame.columns = [str(c).removeprefix(modality + SEPARATOR) for c in frame.columns]
    return frame


def as_slice(positions: np.ndarray) -> slice | np.ndarray:
    """Give positions without a gap as a slice."""
    first, last = int(positions[0]), int(positions[-1])
    if np.array_equal(positions, np.arange(first, last + 1)):
        return slice(first, last + 1)
    return positions
