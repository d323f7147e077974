"""Labels and weights, as `fit` reads them."""

from __future__ import annotations

from collections.abc import Sized
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.preprocessing import LabelEncoder
from sklearn.utils import assert_all_finite
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d

from .._utils.messages import blaming, without_warnings
from .._utils.sklearn_compat import check_weight_array, num_samples
from .as_numpy import LEAVE_OUT, plain
from .missing import null_rows

LEAST_SHARE = 1e-8
"""Below this share of the largest, a positive weight is lost in float32's rounding."""


def read_targets(
    estimator: Any,
    X: Any,
    y: Any,
    weight: np.ndarray | None = None,
    class_weight: Any = None,
    classes: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn labels into class indices, and scale the weights; sets ``classes_``.

    Parameters
    ----------
    estimator : estimator
        The one whose fit this is.
    X : sized
        The rows that the labels belong to.
    y : array-like of shape (n_samples,)
        Labels.
    weight : ndarray of shape (n_samples,) or None
        Weights as `check_sample_weight` returns them; None means all 1.
    class_weight : dict, "balanced" or None
        Weights of the labels, by which those of the rows are multiplied.
    classes : ndarray of shape (n_classes,), optional
        All labels, sorted, where `y` need not hold them all. By default those of `y`.

    Returns
    -------
    tuple of two ndarrays of shape (n_samples,)
        Class indices, and weights as shares of the largest.

    Raises
    ------
    ValueError
        If `y` is missing, of another length, not finite or no class labels, has several labels a
        row, one class in the rows of positive weight, or a label that is not in `classes`; if
        `class_weight` has a label that is no class.
    TypeError
        If `y` is sparse.
    """
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    y = one_label_a_row(y, name)
    check_lengths(len(X), y=y)
    with blaming("y"):
        encoder = LabelEncoder().fit(y if classes is None else classes)
        check_known(y, encoder.classes_)
    weight = np.ones(len(y)) if weight is None else weight
    if class_weight is not None:
        factors = label_weights(class_weight, encoder.classes_, y, weight)
        weight = weight * factors[encoder.transform(y)]
        if not weight.any():
            raise ValueError(f"class_weight {class_weight!r} leaves no row of positive weight")
    _check_range(weight)
    weight = weight / weight.max()
    seen = np.unique(y[weight > 0])
    if classes is None and len(seen) < 2:
        raise ValueError(
            f"y has one class, {seen.tolist()[0]!r}, in the rows of positive weight; "
            f"{name} needs at least 2 classes."
        )
    estimator.classes_ = encoder.classes_
    return encoder.transform(y), weight


def label_weights(
    class_weight: Any, classes: np.ndarray, y: np.ndarray, sample_weight: np.ndarray
) -> np.ndarray:
    """Give the weight of each label, shape (n_classes,), as scikit-learn's `class_weight` does.

    "balanced" is the rows' total weight / (number of labels with weight · the label's weight).
    In a dict, a label left out has 1.

    Raises
    ------
    ValueError
        If a dict has a label that is not in `classes`, or a weight that is negative or no number.
    """
    out = np.ones(len(classes))
    if isinstance(class_weight, str):
        used = sample_weight > 0
        seen = np.unique(y[used])
        own = compute_class_weight(
            class_weight, classes=seen, y=y[used], sample_weight=sample_weight[used]
        )
        out[np.searchsorted(classes, seen)] = own
        return out
    known = classes.tolist()
    for label, weight in class_weight.items():
        if label not in known:
            raise ValueError(
                f"class_weight has the label {label!r}, which is not in y: {_some(known)}"
            )
        if not isinstance(weight, Real) or not 0 <= float(weight) < np.inf:
            raise ValueError(
                f"class_weight must hold non-negative numbers, got {weight!r} for {label!r}"
            )
        out[known.index(label)] = weight
    return out


def check_known(y: np.ndarray, classes: np.ndarray) -> None:
    """Refuse labels that are none of the classes; the error names the first."""
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y has the label {unknown.tolist()[0]!r}, which is not among the classes: "
            f"{_some(classes.tolist())}"
        )


def _some(labels: list[Any]) -> str:
    more = f", ... ({len(labels)})" if len(labels) > 5 else ""
    return ", ".join(map(repr, labels[:5])) + more


def read_groups(groups: Any, n_rows: int) -> np.ndarray:
    """Give the groups of rows as numbers from 0, shape (n_rows,)."""
    return np.unique(row_labels(groups, "groups", n_rows), return_inverse=True)[1]


def row_labels(values: Any, name: str, n_rows: int) -> np.ndarray:
    """Read one value a row, of a kind that can be sorted; one column is read as well.

    Raises
    ------
    ValueError
        If there are not `n_rows` single values, or one is missing; the error names its row.
    TypeError
        If strings, numbers or other kinds are mixed.
    """
    values = plain(name, values)
    listed = isinstance(values, (list, tuple))
    array = np.asarray(values, dtype=object if listed else None)  # else NaN would be "nan"
    if array.shape[1:] == (1,):
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{name} must be one value a row, got an array of shape {array.shape}")
    check_lengths(n_rows, **{name: array})
    missing = null_rows(array[:, None])
    if missing is not None:
        row = int(missing.argmax())
        raise ValueError(f"{name} must not be missing, got {array.tolist()[row]!r} in row {row}")
    if array.dtype == object:
        _check_one_kind(array, name)
    return np.asarray(array.tolist()) if listed else array


def _check_one_kind(array: np.ndarray, name: str) -> None:
    if set(map(type, array)) in ({int}, {str}, {float}):
        return  # at once, as most are
    kinds = {}
    for row, value in enumerate(array):
        if isinstance(value, Sized) and not isinstance(value, (str, bytes)):
            raise ValueError(f"{name} must be one value a row, got {value!r} in row {row}")
        known = "str" if isinstance(value, str) else "number" if isinstance(value, Real) else None
        kinds[known or type(value).__name__] = value
    if len(kinds) > 1:
        kind, other = sorted(kinds)[:2]
        raise TypeError(
            f"{name} must be of one kind, got {kind} and {other} mixed, as {kinds[kind]!r} and "
            f"{kinds[other]!r}"
        )


def _check_range(sample_weight: np.ndarray) -> None:
    least, most = sample_weight[sample_weight > 0].min(), sample_weight.max()
    if least / most < LEAST_SHARE:
        raise ValueError(
            f"sample_weight ranges from {least:.3g} to {most:.3g}: the small ones vanish beside "
            "the large"
        )


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


def check_lengths(n_rows: int, **arguments: Any) -> None:
    """Refuse an argument that has not one entry, unmasked, for each row of X; None has none.

    Raises
    ------
    ValueError
        If it has fewer or more.
    TypeError
        If it has no length.
    """
    for name, values in arguments.items():
        if values is None:
            continue
        plain(name, values)
        try:
            found = num_samples(values)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from error
        if found != n_rows:
            raise ValueError(f"{name} has {found} entries for {n_rows} rows of X")


def check_sample_weight(sample_weight: Any, n_rows: int, *, scale_free: bool = False) -> np.ndarray:
    """Read weights of rows: one for each, one number for all, or None, which is 1.

    Returns
    -------
    ndarray of shape (n_rows,), float64

    Raises
    ------
    ValueError
        If they are no numbers, negative, not finite, all 0, not one a row or, where they are not
        `scale_free`, so large that their sum is infinite.
    """
    given = plain("sample_weight", sample_weight)
    array = np.asarray(given)
    if array.ndim:
        check_lengths(n_rows, sample_weight=given)
    if array.dtype.kind in "mMc":
        raise ValueError(
            f"sample_weight must be real numbers, got {array.dtype}, first {array.flat[0]!s}"
        )
    if not array.ndim and given is not None:
        given = np.full(n_rows, given)
    try:
        with blaming("sample_weight"):
            weight = check_weight_array(
                given, np.empty((n_rows, 0)), dtype=np.float64, ensure_non_negative=True
            )
    except TypeError as error:
        raise ValueError(str(error)) from error
    if not scale_free and weight.max() > np.finfo(float).max / n_rows:
        raise ValueError(
            f"sample_weight is up to {weight.max():.3g}, too large for a sum over {n_rows} rows: "
            "divide it by its largest"
        )
    return weight
