"""How a container of modalities shows itself, as text and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import numpy as np

from ._null_rows import null_rows
from ._row_sources import is_stored
from ._utils.sklearn_compat import is_dataframe


def as_text(data: Mapping[str, Any]) -> str:
    """Spell each modality's name, shape, dtype and, where rows are missing, their share."""
    parts = (
        f"{name}={value.shape} {entry_dtype(value)}{f' ({share} missing)' if share else ''}"
        for name, value in data.items()
        for share in [_share(_missing_rows(value))]
    )
    return f"MultiModalArray({', '.join(parts)})"


def as_table(data: Mapping[str, Any], n_rows: int) -> str:
    """Write a table in HTML, a row a modality."""
    head = "<tr><th>modality</th><th>shape</th><th>dtype</th><th>missing rows</th></tr>"
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{value.shape}</td>"
        f"<td>{escape(str(entry_dtype(value)))}</td><td>{escape(_n_missing(value))}</td></tr>"
        for name, value in data.items()
    )
    caption = f"<caption>MultiModalArray, {n_rows} rows</caption>"
    return f"<table>{caption}<thead>{head}</thead><tbody>{rows}</tbody></table>"


def entry_dtype(value: Any) -> np.dtype[Any]:
    """Give the one dtype that a modality's entries have together."""
    if is_dataframe(value):
        return np.asarray(value).dtype  # of all rows: a missing value turns integers to floats
    return np.dtype(value.dtype)


def _missing_rows(value: Any) -> np.ndarray | None:
    """Tell the rows that lack a modality; a store is not read through for a look at it."""
    return None if is_stored(value) else null_rows(value)


def _n_missing(value: Any) -> str:
    if is_stored(value):
        return "not counted"
    rows = _missing_rows(value)
    return "0" if rows is None else f"{rows.sum()} ({_share(rows)})"


def _share(rows: np.ndarray | None) -> str:
    if rows is None:
        return ""
    share = rows.mean()
    return "<1%" if share < 0.01 else ">99%" if 0.99 < share < 1 else f"{share:.0%}"
