"""From a container to checked numbers."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Collection, Iterable
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array

from .._utils.sklearn_compat import is_dataframe, safe_indexing
from .columns import column_names
from .missing import null_rows, present_rows
from .multimodal_array import MultiModalArray
from .row_sources import RowSource, RowView, SparseRows, StoredRows, is_stored, rows_at_once, slices

LARGEST = {"float32": 1e19, "float64": 1e148}
"""Beyond these, squares overflow; scaling sums them in float64."""


MOST_VALUES = 2**28
"""Of a sparse or stored modality that is made dense whole: 2 GiB in float64."""


def numeric_modalities(
    X: MultiModalArray, dtype: Any, *, padded: Collection[str] = ()
) -> list[Any]:
    """Check each modality and flatten it to a float array of shape (n_samples, width).

    The array is float64 or, where it came so, float32; `dtype` is what it will be cast to. The
    last steps of a row of a modality in `padded`, of shape (n_samples, n_steps, n_channels), may be
    all NaN.

    Raises
    ------
    TypeError
        If a modality is an array of Python objects, text among them.
    ValueError
        If a modality has no column, no row, or text, dates, complex numbers, NaN or infinity.
    """
    dtype = np.dtype(dtype)
    arrays = [_numeric(name, value, dtype, name in padded) for name, value in X.items()]
    _read_stored(X, arrays, dtype, padded)
    return arrays


def dense_modalities(
    X: MultiModalArray, dtype: Any, *, padded: Collection[str] = ()
) -> list[np.ndarray]:
    """Give `numeric_modalities` as ndarrays, where they are not too large for that.

    Raises
    ------
    ValueError
        Also if a sparse or stored modality has more than 2^28 values.
    """
    arrays = numeric_modalities(X, dtype, padded=padded)
    refuse_large_sources(X.names, arrays)
    return [np.asarray(array) for array in arrays]


def refuse_large_sources(names: Iterable[str], arrays: Iterable[Any]) -> None:
    """Refuse sparse and stored modalities of more than 2^28 values, which would be dense whole."""
    for name, array in zip(names, arrays, strict=True):
        if isinstance(array, RowSource) and math.prod(array.shape) > MOST_VALUES:
            raise ValueError(
                f"modality {name!r} of shape {array.shape} would be dense here and is too large: "
                "pass some of the rows"
            )


def _numeric(name: str, value: Any, dtype: np.dtype[Any], padded: bool) -> Any:
    if is_stored(value):
        return _stored(name, RowView.of(value))
    _check_real(name, value)
    if sparse.issparse(value):
        return _sparse(name, value, dtype)
    _check_size(name, value.shape)
    try:
        with np.errstate(over="ignore"):  # what is too large for dtype is reported with its row
            array = _floats(name, value)
    except (TypeError, ValueError) as error:
        if is_dataframe(value) and re.search(r"convert|float\(\)", str(error)):
            where, hint = _first_no_number(name, value, np.asarray(value))
            raise ValueError(f"modality {name!r} holds {where}; {hint}") from error
        raise type(error)(f"modality {name!r}: {error}") from error
    flat = array.reshape(len(array), -1)
    _check_finite(name, flat, value, dtype, array.shape if padded else flat.shape)
    return flat


def _floats(name: str, value: Any) -> np.ndarray:
    precisions = [np.float64, np.float32]  # scaled as precisely as it comes, then cast
    if type(value) is np.ndarray and value.dtype.kind in "biuf" and value.ndim > 1 and value.size:
        # check_array would find nothing, and changes the warning filters, which threads share
        return value if value.dtype in precisions else value.astype(np.float64)
    return check_array(
        value, dtype=precisions, ensure_all_finite=False, allow_nd=True, input_name=name
    )


def _stored(name: str, view: RowView) -> StoredRows:
    if view.dtype.kind not in "biuf":
        _check_real(name, np.asarray(view[:1]))
    _check_size(name, view.shape)
    return StoredRows(view)


def _check_size(name: str, shape: tuple[int, ...]) -> None:
    if not shape[0]:
        raise ValueError(f"modality {name!r} has 0 rows, its shape is {shape}")
    if not math.prod(shape[1:]):
        raise ValueError(f"modality {name!r} has 0 features, its shape is {shape}")


def _sparse(name: str, matrix: Any, dtype: np.dtype[Any]) -> SparseRows:
    """Check the entries that are stored; rows that store NaN and nothing else lack the modality."""
    _check_size(name, matrix.shape)
    if matrix.dtype != np.float32:
        matrix = matrix.astype(np.float64)
    absent = null_rows(matrix)
    if absent is not None:
        matrix = matrix.copy()
        matrix.data[np.repeat(absent, np.diff(matrix.indptr))] = 0.0
        matrix.eliminate_zeros()
    limit = min(LARGEST[dtype.name], float(np.finfo(matrix.dtype).max))
    wrong = np.flatnonzero(~(np.abs(matrix.data) <= limit))
    if len(wrong):
        row = int(np.searchsorted(matrix.indptr, wrong[0], side="right")) - 1
        column, number = int(matrix.indices[wrong[0]]), float(matrix.data[wrong[0]])
        only = "; only a row that stores nothing but NaN lacks its modality: impute single values"
        raise _not_finite(name, number, f"row {row}, column {column}", dtype, only)
    present = np.ones(matrix.shape[0], dtype=bool) if absent is None else ~absent
    return SparseRows(matrix, present)


def _read_stored(
    X: MultiModalArray, arrays: list[Any], dtype: np.dtype[Any], padded: Collection[str]
) -> None:
    """Read what is stored once: it must be finite, and says which rows are missing."""
    stored = [
        (name, value, array)
        for (name, value), array in zip(X.items(), arrays, strict=True)
        if isinstance(array, StoredRows)
    ]
    if not stored:
        return
    width = sum(array.shape[1] for _, _, array in stored)
    for rows in slices(len(X), rows_at_once(width)):
        for name, value, array in stored:
            flat = np.asarray(array[rows])
            shape = (len(flat), *value.shape[1:]) if name in padded else flat.shape
            _check_finite(name, flat, value, dtype, shape, first=rows.start)
            array.present[rows] = present_rows(flat)


def padding(sequences: np.ndarray) -> np.ndarray:
    """Tell the steps of (n_samples, n_steps, n_channels) that, as all after them, are all NaN.

    Returns
    -------
    ndarray of sequences' shape, bool
    """
    absent = np.isnan(sequences).all(axis=2)
    trailing = np.logical_and.accumulate(absent[:, ::-1], axis=1)[:, ::-1]
    return np.broadcast_to(trailing[:, :, None], sequences.shape)


def _check_real(name: str, value: Any) -> None:
    if sparse.issparse(value):
        value = value.data
    refuse_dates(name, value)
    array = np.asarray(value)
    if array.dtype.kind in "biuf" or (array.dtype == object and is_dataframe(value)):
        return  # a frame of several dtypes is an object array; text in it is found below
    where, hint = _first_no_number(name, value, array)
    if spells_numbers(array):
        hint = "astype(float) makes numbers of it"
    objects = array.dtype == object and not any(isinstance(entry, str) for entry in array.flat)
    holds = "is an array of Python objects" if objects else f"holds {array.dtype}"
    hint = f"; {hint}" if array.dtype.kind in "OSUTmM" else ""
    error = TypeError if array.dtype == object else ValueError
    raise error(f"modality {name!r} {holds}, {where}; real numbers are needed{hint}")


def _first_no_number(name: str, value: Any, array: np.ndarray) -> tuple[str, str]:
    """Spell the first entry that is no number, with its place, and what makes one of it."""
    flat = array.reshape(len(array), -1) if array.size else np.empty((0, 0))
    names = column_names(value)
    for row, entries in enumerate(flat):
        wrong = [i for i, e in enumerate(entries) if not (isinstance(e, Real) or e is None)]
        if wrong:
            entry = entries[wrong[0]]
            where = f"{str(entry)!r} at row {row}, {_column(value, wrong[0])}"
            columns = wrong if names is None else [names[i] for i in wrong]
            if array.dtype != object:  # of strings all through, which may spell numbers too
                columns = []
            frame = is_dataframe(value)
            return where, encoding_hint(name, entry, len(entries), columns, frame=frame)
    where = f"first {flat[0].tolist()[0]!r}" if array.size else "without any"
    return where, encoding_hint(name, None, 0, [])


def _column(value: Any, position: int) -> str:
    names = column_names(value)
    return f"column {position}" if names is None else f"column {position} ({names[position]!r})"


def _check_finite(
    name: str,
    flat: np.ndarray,
    original: Any,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    first: int = 0,
) -> None:
    # one pass without a temporary of the data's size; NaN fails the comparison
    limit = min(LARGEST[dtype.name], float(np.finfo(flat.dtype).max))
    if flat.min(initial=0) >= -limit and flat.max(initial=0) <= limit:
        return
    wrong = ~(np.abs(flat) <= limit)
    wrong[~present_rows(flat)] = False
    if len(shape) == 3:
        wrong[padding(flat.reshape(shape)).reshape(flat.shape)] = False
    if not wrong.any():
        return
    row, column = (int(i) for i in np.argwhere(wrong)[0])
    number = float(flat[row, column])
    only = "; only a row that is all NaN lacks its modality: impute single values"
    if len(shape) == 3:
        only = "; only steps at the end of a sequence that are all NaN are padding"
    elif len(np.shape(original)) == 3 and padding(flat.reshape(np.shape(original)))[row].any():
        only = "; padding at the end of a sequence is read by the encoder 'sequence' alone"
    elif len(np.shape(original)) == 2 and padding(flat[[row], :, None])[0, column, 0]:
        only += "; a padded sequence of one channel comes as (n, steps, 1)"
    raise _not_finite(name, number, f"row {row + first}, {_column(original, column)}", dtype, only)


def _not_finite(
    name: str, number: float, where: str, dtype: np.dtype[Any], only: str
) -> ValueError:
    what = "NaN" if np.isnan(number) else "infinity" if np.isinf(number) else repr(number)
    hint = f", too large for {dtype} arithmetic" if np.isfinite(number) else ""
    hint = only if np.isnan(number) else hint
    return ValueError(f"Input modality {name!r} contains {what} at {where}{hint}")


MOST_COLUMNS = 5
"""Of one table that an advice names."""


def encoding_hint(
    modality: str, entry: Any, n_columns: int, columns: list[Any], *, frame: bool = True
) -> str:
    """Tell what makes numbers of a modality with entries like this one.

    `columns` are those without a number, by name or, where there are no names, by position.
    """
    if isinstance(entry, (np.datetime64, np.timedelta64, datetime.date, datetime.timedelta)):
        duration = isinstance(entry, (np.timedelta64, datetime.timedelta))
        series = f"df[{columns[0]!r}]" if columns and frame else "pd.Series(t)"
        time = f"pd.to_{'timedelta' if duration else 'datetime'}({series})"
        return dates_hint(f"({time} - {time}.min()).dt.days")
    if n_columns == 1:
        category = f"PerModality({{{modality!r}: OneHotEncoder()}})"
        if isinstance(entry, str) and len(entry.split()) > 1:
            return (
                f"encode it, say by PerModality({{{modality!r}: TfidfVectorizer()}}), or as a "
                f"category by {category}"
            )
        return f"encode it, say by {category}"
    some = repr(columns) if 0 < len(columns) <= MOST_COLUMNS else "[...]"
    rest = "'passthrough'" if frame else "StandardScaler()"  # floats, where passing leaves objects
    encode = f"make_column_transformer((OneHotEncoder(), {some}), remainder={rest})"
    return f"encode such columns, say by PerModality({{{modality!r}: {encode}}})"


def dates_hint(days: str) -> str:
    """Tell what makes numbers of dates, by what gives the days since the first."""
    return f"hand dates on as numbers, such as the days since the first, {days}, or the month"


def spells_numbers(array: np.ndarray) -> bool:
    """Tell strings, some of which may be null, that are numbers all through."""
    if array.dtype.kind not in "OSU" or not array.size:
        return False
    try:
        array.astype(float)
    except (TypeError, ValueError):
        return False
    return True


def refuse_dates(modality: str, value: Any) -> None:
    """Refuse a frame with a column of dates, times or durations.

    NumPy would make numbers of some of them, in a unit that depends on the frame's library.
    """
    if not is_dataframe(value):
        return
    for position, dtype in enumerate(value.dtypes):
        if _is_temporal(dtype):
            name = list(value.columns)[position]
            first = safe_indexing(value, position, axis=1).to_list()[:1]
            raise ValueError(
                f"modality {modality!r} holds {dtype}, first {', '.join(map(str, first))}, in "
                f"column {position} ({name!r}); {dates_hint(_days(name, dtype))}"
            )


def _days(name: Any, dtype: Any) -> str:
    """Spell the days of a frame's column of dates since the first, or of durations."""
    time, days = f"df[{name!r}]", "days"
    if hasattr(dtype, "is_temporal"):
        days = "total_days()"
    elif str(dtype).startswith("period"):
        time += ".dt.to_timestamp()"
    return f"({time} - {time}.min()).dt.{days}"


def _is_temporal(dtype: Any) -> bool:
    if hasattr(dtype, "is_temporal"):
        return bool(dtype.is_temporal())
    return getattr(dtype, "kind", "") in ("m", "M") or str(dtype).startswith("period")
