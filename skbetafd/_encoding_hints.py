"""What to do with entries that are no numbers: dates, categories, text."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from ._utils.sklearn_compat import is_dataframe, safe_indexing

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
