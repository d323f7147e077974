"""What to do with entries that are no numbers: dates, categories, text."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from ._sklearn_compat import is_dataframe, safe_indexing

DATES = (
    "hand dates on as numbers, such as the days since the first, (t - t.min()).dt.days, or the "
    "month"
)


MOST_COLUMNS = 5
"""Of one table that an advice names."""


def encoding_hint(
    modality: str, entry: Any, n_columns: int, columns: list[Any], *, frame: bool = True
) -> str:
    """Tell what makes numbers of a modality with entries like this one.

    `columns` are those without a number, by name or, where there are no names, by position.
    """
    if isinstance(entry, (np.datetime64, np.timedelta64, datetime.date, datetime.timedelta)):
        return DATES
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


def refuse_dates(modality: str, value: Any) -> None:
    """Refuse a frame with a column of dates, times or durations.

    NumPy would make numbers of some of them, in a unit that depends on the frame's library.
    """
    if not is_dataframe(value):
        return
    for position, dtype in enumerate(value.dtypes):
        if _is_temporal(dtype):
            first = safe_indexing(value, position, axis=1).to_list()[:1]
            raise ValueError(
                f"modality {modality!r} holds {dtype}, first {', '.join(map(str, first))}, in "
                f"column {position} ({list(value.columns)[position]!r}); {DATES}"
            )


def _is_temporal(dtype: Any) -> bool:
    if hasattr(dtype, "is_temporal"):
        return bool(dtype.is_temporal())
    return getattr(dtype, "kind", "") in ("m", "M") or str(dtype).startswith("period")
