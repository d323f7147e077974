"""One label a row: several are refused by the name that scikit-learn has for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.multiclass import type_of_target

from ._process_wide import without_warnings

MULTI_OUTPUT = "sklearn.multioutput.MultiOutputClassifier"
MULTILABEL = f"{MULTI_OUTPUT} or sklearn.multiclass.OneVsRestClassifier"


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
