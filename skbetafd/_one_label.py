"""One label a row: what is missing, several or of no such kind is refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from ._null_rows import null_rows
from ._plain import LEAVE_OUT, plain
from ._utils.messages import blaming, without_warnings

KINDS = "strings, booleans or integers"
MULTI_OUTPUT = "sklearn.multioutput.MultiOutputClassifier"
MULTILABEL = f"{MULTI_OUTPUT} or sklearn.multiclass.OneVsRestClassifier"


def one_label_a_row(y: Any, estimator_name: str = "") -> np.ndarray:
    """Read labels, none of which may be missing, as shape (n_samples,).

    Raises
    ------
    ValueError
        If one is missing, naming its row, there are several a row, or they are continuous.
    TypeError
        If they are neither strings, booleans nor integers.
    """
    y = plain("y", y)
    check_one_label_a_row(y)
    with blaming("y"):
        array = np.asarray(y)
        if array.dtype.kind in "cV" and len(array):
            raise TypeError(f"y must hold {KINDS}, got {array.dtype}, {array[0]} in row 0")
        labels = column_or_1d(array, warn=True)
        _check_none_missing(y, labels)
        _check_objects(labels)
        assert_all_finite(labels, input_name="y", estimator_name=estimator_name)
        check_classification_targets(labels)
    return labels


def _check_none_missing(y: Any, labels: np.ndarray) -> None:
    if labels.dtype.kind == "U" and isinstance(y, (list, tuple)):
        labels = np.asarray(y, dtype=object).reshape(labels.shape)  # else NaN would be "nan"
    if labels.dtype.kind not in "OmM":
        return
    missing = null_rows(labels[:, None])
    if missing is not None:
        row = int(missing.argmax())
        raise ValueError(f"y is missing in row {row}: its label is {labels[row]}; {LEAVE_OUT}")


def _check_objects(labels: np.ndarray) -> None:
    if labels.dtype != object:
        return
    for row, label in enumerate(labels):
        if not isinstance(label, (str, bytes)):
            raise TypeError(
                f"Unknown label type: y must hold {KINDS}, got Python objects, {label!r} in row "
                f"{row}; astype(str) makes strings of all, astype(int) numbers"
            )


def check_one_label_a_row(y: Any) -> None:
    """Refuse several labels a row, and say which estimator takes them."""
    shape: tuple[int, ...] = getattr(y, "shape", ())
    if sparse.issparse(y):
        hint = "y.toarray()" if shape[-1] == 1 else f"y.toarray() in {MULTILABEL}"
        raise TypeError(
            f"Sparse y of shape {shape}: y should be a 1d array of one label a row, say {hint}"
        )
    if not shape:
        if not (isinstance(y, (list, tuple)) and y and all(map(_is_several, y))):
            return
        lengths = {len(labels) for labels in y}
        if len(lengths) > 1:
            raise ValueError(
                f"y should be a 1d array of one label a row, got a list of lists of "
                f"{min(lengths)} to {max(lengths)} labels: MultiLabelBinarizer makes indicators "
                f"of it, for {MULTILABEL}"
            )
        shape = np.shape(y)
    if len(shape) != 2 or shape[1] < 2:
        return
    kind = _kind(y)
    hint = {
        "multilabel-indicator": f"for one classifier a column there is {MULTILABEL}",
        "continuous-multioutput": "and class labels",
    }.get(kind, f"for one classifier a column there is {MULTI_OUTPUT}")
    raise ValueError(
        f"y should be a 1d array of one label a row, got {kind} of shape {shape}: {hint}"
    )


def _kind(y: Any) -> str:
    with without_warnings(Warning):  # of many classes, say: there is another error to tell
        try:
            return type_of_target(np.asarray(y))
        except (TypeError, ValueError):  # None among strings can't be sorted
            return "several columns"


def _is_several(labels: Any) -> bool:
    return isinstance(labels, (list, tuple, set, frozenset))
