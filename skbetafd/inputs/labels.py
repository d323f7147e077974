"""What belongs to the rows of X: labels, weights, groups, or any one value per row."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from numbers import Integral, Real
from reprlib import repr as shortened
from typing import Any

import numpy as np
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import assert_all_finite
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from .._utils.messages import named, warn
from .._utils.sklearn_compat import check_weight_array, num_samples
from .as_numpy import LEAVE_OUT, as_array, as_dense, as_floats, as_numpy, first_no_number
from .missing import nulls

LEAST_SHARE = 1e-8
"""Below this share of the largest, a positive weight is lost in float32's rounding."""

SEVERAL_LABELS = (
    "; for several labels per row there are sklearn.multioutput.MultiOutputClassifier and, for "
    "indicators, sklearn.multiclass.OneVsRestClassifier"
)


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
    ValueError, TypeError
        As `one_label_per_row`; ValueError too if the rows of positive weight have one class, if
        `y` or `class_weight` has a label that is no class, or if the weights differ too much.
    """
    name = type(estimator).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    y = one_label_per_row(y, len(X))
    known = np.unique(y) if classes is None else classes
    check_known(y, known)
    indices = np.searchsorted(known, y)
    weight = np.ones(len(y)) if weight is None else weight
    if class_weight is not None:
        weight = weight * _label_weights(class_weight, known, y, weight)[indices]
        if not weight.any():
            raise ValueError(f"class_weight {class_weight!r} leaves no row of positive weight")
    weight = _as_shares(weight)
    seen = np.unique(y[weight > 0])
    if classes is None and len(seen) < 2:
        raise ValueError(
            f"y has one class, {seen.tolist()[0]!r}, in the rows of positive weight; "
            f"{name} needs at least 2 classes."
        )
    estimator.classes_ = known
    return indices, weight


def _label_weights(
    class_weight: Any, classes: np.ndarray, y: np.ndarray, sample_weight: np.ndarray
) -> np.ndarray:
    """Return each class's weight; a class of no weight, or that a dict leaves out, has 1."""
    out = np.ones(len(classes))
    if isinstance(class_weight, str):
        used = sample_weight > 0
        seen = np.unique(y[used])
        out[np.searchsorted(classes, seen)] = compute_class_weight(
            class_weight, classes=seen, y=y[used], sample_weight=sample_weight[used]
        )
        return out
    # not compute_class_weight: it reads the label "1" as 1, and takes a negative weight
    check_known(class_weight, classes, "class_weight")
    known = classes.tolist()
    for label, weight in class_weight.items():
        if not isinstance(weight, Real) or not 0 <= float(weight) < np.inf:
            raise ValueError(
                f"class_weight must hold non-negative numbers, got {weight!r} for {label!r}"
            )
        out[known.index(label)] = weight
    return out


def _as_shares(weight: np.ndarray) -> np.ndarray:
    least, most = weight[weight > 0].min(), weight.max()
    if least / most < LEAST_SHARE:
        raise ValueError(
            f"sample_weight ranges from {least:.3g} to {most:.3g}: the small ones vanish beside "
            "the large"
        )
    return weight / most


def check_known(labels: Iterable[Any], classes: np.ndarray, name: str = "y") -> None:
    """Raise ValueError for the first label that is none of the classes."""
    known = set(classes.tolist())
    for label in np.unique(labels).tolist() if isinstance(labels, np.ndarray) else labels:
        if label not in known:
            raise ValueError(
                f"{name} has the label {label!r}, which is not among the classes "
                f"{shortened(classes.tolist())}"
            )


def one_label_per_row(y: Any, n_rows: int) -> np.ndarray:
    """Return class labels as an array of shape (n_rows,).

    Raises
    ------
    ValueError
        As `one_value_per_row`, or if the labels are continuous or not finite.
    TypeError
        If they are sparse, or neither strings, booleans nor integers.
    """
    labels = one_value_per_row(y, "y", n_rows)
    with named("y"):
        if labels.dtype.kind in "OcV" and len(labels) and not isinstance(labels[0], str):
            large = [isinstance(label, Integral) and abs(int(label)) >= 2**63 for label in labels]
            row = int(np.argmax(large))
            hint = ", too large for int64: pass [str(label) for label in y]" * any(large)
            raise TypeError(
                "Unknown label type: y must hold strings, booleans or integers, got "
                f"{labels[row]!r} in row {row}, of type {labels.dtype}{hint}"
            )
        assert_all_finite(labels, input_name="y")
        with np.errstate(invalid="ignore"):  # it casts them to integers
            check_classification_targets(labels)
    return labels


def one_value_per_row(values: Any, name: str, n_rows: int) -> np.ndarray:
    """Return values of one kind that can be sorted, as an array of shape (n_rows,).

    One column is read as well; scikit-learn's warning of it is raised for `y` alone.

    Raises
    ------
    ValueError
        If there are not `n_rows` single values, or one is missing; the error names its row.
    TypeError
        If strings, numbers or other kinds are mixed, or they are sparse.
    """
    values = as_dense(name, values)
    with named(name):
        try:
            array = as_array(values)
        except ValueError:  # lists of unequal length
            array = np.asarray(values, dtype=object)
    if array.shape[1:] == (1,):
        array = array[:, 0]
        if name == "y":
            column = "A column-vector y was passed when a 1d array was expected: pass np.ravel(y)"
            warn(column, DataConversionWarning)
    if array.ndim != 1:
        got = f"an array of shape {array.shape}" if array.ndim else shortened(values)
        raise _not_one_per_row(name, got)
    check_lengths(n_rows, **{name: array})
    missing = nulls(array)
    if missing.any():
        row = int(missing.argmax())
        raise ValueError(f"{name} is missing in row {row}, got {array[row]!s}; {LEAVE_OUT}")
    if array.dtype == object:
        _check_one_kind(array, name)
    return array


def _check_one_kind(array: np.ndarray, name: str) -> None:
    types = list(map(type, array.tolist()))
    first_rows = {kind: types.index(kind) for kind in dict.fromkeys(types)}
    kinds: dict[type, int] = {}
    for kind, row in first_rows.items():
        if issubclass(kind, Sized) and not issubclass(kind, (str, bytes)):
            raise _not_one_per_row(name, f"{shortened(array[row])} in row {row}")
        kinds.setdefault(next((k for k in (str, Real) if issubclass(kind, k)), kind), row)
    if len(kinds) > 1:
        got = " and ".join(f"{array[row]!r} in row {row}" for row in kinds.values())
        raise TypeError(f"{name} must be of one kind, got {got}")


def _not_one_per_row(name: str, got: str) -> ValueError:
    hint = SEVERAL_LABELS if name == "y" else ""
    return ValueError(f"{name} should be a 1d array, one value per row, got {got}{hint}")


def read_groups(groups: Any, n_rows: int) -> np.ndarray:
    """Return the groups of rows as numbers from 0, shape (n_rows,)."""
    return np.unique(one_value_per_row(groups, "groups", n_rows), return_inverse=True)[1]


def check_lengths(n_rows: int, **arguments: Any) -> None:
    """Raise ValueError unless an argument has an entry, unmasked, for each row; None has none."""
    for name, values in arguments.items():
        if values is None:
            continue
        with named(name):
            found = num_samples(as_numpy(name, values))
        if found != n_rows:
            raise ValueError(f"{name} has {found} entries for {n_rows} rows of X")


def check_sample_weight(sample_weight: Any, n_rows: int, *, scale_free: bool = False) -> np.ndarray:
    """Return weights of rows, of which there is one each, one number for all, or None for 1.

    Returns
    -------
    ndarray of shape (n_rows,), float64

    Raises
    ------
    ValueError, TypeError
        If they are no numbers, negative, not finite, all 0, not one per row or, where they are not
        `scale_free`, so large that their sum is infinite.
    """
    given = as_dense("sample_weight", sample_weight)
    with named("sample_weight"):
        if given is not None:
            given = as_array(given)
            given = given if given.ndim else np.full(n_rows, given)
            check_lengths(n_rows, sample_weight=given)
            row = first_no_number(given) if given.ndim == 1 else None
            if row is not None:
                raise ValueError(
                    f"must be numbers, got {str(given[row])!r} of {given.dtype} in row {row}"
                )
            given = as_floats(given)
        weight = check_weight_array(
            given, np.empty((n_rows, 0)), dtype=np.float64, ensure_non_negative=True
        )
    if not scale_free and weight.max() > np.finfo(float).max / n_rows:
        raise ValueError(
            f"sample_weight is up to {weight.max():.3g}, too large for a sum over {n_rows} rows: "
            "divide it by its largest"
        )
    return weight
