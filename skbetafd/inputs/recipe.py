"""What raw columns need before a network can read them: in words, and as code to copy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, time, timedelta
from pprint import pformat
from textwrap import indent
from typing import Any

import numpy as np

from .._utils.sklearn_compat import is_dataframe
from .as_numpy import first_no_number
from .missing import nulls
from .modality import Modality
from .multimodal_array import MultiModalArray
from .row_sources import rows_at_once

MOST_NAMES = 8
"""Columns of a kind that a message names."""

FEW_TEXTS = 40
"""Strings of several words are categories where there are no more different ones, nor more than a
quarter of the rows."""

DATES = "hand dates on as numbers, say the days since the first (guide: Data)"
DURATIONS = (
    "x.dt.total_seconds() makes numbers of a frame's column, x / np.timedelta64(1, 's') of an array"
)
TIMES = "hand times of day on as numbers, say the hours since midnight (guide: Data)"
LISTS = "np.stack makes an array of a column of equal lengths, which can be a modality of its own"
OTHER = (
    "argument must be a real number, or a string or a number that an encoder in PerModality takes"
)
ENCODE = "real numbers are needed: astype(float), or an encoder in PerModality (guide: Data)"

IMPORTS = {
    "import numpy as": ("np",),
    "import pandas as": ("pd",),
    "import polars as": ("pl",),
    "from sklearn.compose import": ("make_column_transformer",),
    "from sklearn.feature_extraction.text import": ("TfidfVectorizer",),
    "from sklearn.impute import": ("SimpleImputer",),
    "from sklearn.pipeline import": ("make_pipeline",),
    "from sklearn.preprocessing import": (
        "FunctionTransformer",
        "OneHotEncoder",
        "StandardScaler",
    ),
    "from skbetafd import": ("PerModality",),
}
NUMBERS = (
    "imputer = SimpleImputer(keep_empty_features=True)\n"
    "numbers = make_pipeline(imputer, StandardScaler())\n"
)
ENCODERS = {
    "text": ("words", "TfidfVectorizer()"),
    "categories": ("objects", 'OneHotEncoder(handle_unknown="warn")'),
    "dates": ("days", "numbers"),
    "durations": ("seconds", "numbers"),
}
"""A function of the code's own, and what follows it, by the kind of columns that they encode."""
STEP = """{0}
step = FunctionTransformer({1}, feature_names_out="one-to-one")
{2} = make_pipeline(step, {3})
"""
FUNCTIONS = {
    "text": "def words(texts):  # a missing text is empty\n"
    '    return [text if isinstance(text, str) else "" for text in texts]\n',
    "categories": "def objects(table):  # missing in one way, whatever the column's type\n"
    "    return np.where(pd.isna(table), None, np.asarray(table, dtype=object))\n",
    "dates": "def days(table):\n"
    "    table = pd.DataFrame(table, dtype=object).apply(pd.to_datetime, utc=True)\n"
    '    return ((table - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(days=1)).to_numpy()\n',
    "durations": "def seconds(table):\n"
    "    table = pd.DataFrame(table, dtype=object).apply(pd.to_timedelta)\n"
    "    return (table / pd.Timedelta(seconds=1)).to_numpy()\n",
}
WITH_POLARS = {
    "categories": "def objects(table):  # nulls are None, whatever the column's type\n"
    "    return np.array(table.rows(), dtype=object)\n",
    "dates": "def days(table):\n"
    '    return table.select(pl.all().cast(pl.Datetime("us")).dt.epoch("us") / 86_400e6)\n',
    "durations": "def seconds(table):\n"
    '    return table.select(pl.all().cast(pl.Duration("us")).dt.total_microseconds() / 1e6)\n',
}
PICKLED = "# its functions in a module of their own, where a pickle is to be read elsewhere\n"
OTHERS = "what is neither numbers nor text, left out"
BOOLEANS = "booleans"
"""SimpleImputer takes no table of these alone."""
INFINITIES = "infinities, to be replaced by NaN first"


def remedy(cell: Any) -> str:
    """Return what to do about a cell that is no number."""
    if isinstance(cell, (str, bytes, complex, np.complexfloating)):
        return ENCODE
    if isinstance(cell, (timedelta, np.timedelta64)):
        return DURATIONS
    if isinstance(cell, time):
        return TIMES
    if isinstance(cell, np.datetime64) or hasattr(cell, "strftime"):  # pandas' Period has it too
        return DATES
    return LISTS if isinstance(cell, (list, tuple, np.ndarray)) else OTHER


def contents(modality: Modality) -> dict[str, list[Any]]:
    """Return the columns of a modality, by name or position, by the kind of what they hold.

    Under ``"gaps"`` are those of numbers, some of which are missing in a row that has the modality.
    In an array of numbers alone none are listed; gaps in sequences are no transformer's to fill.
    """
    frame = is_dataframe(modality.value)
    if not frame and (modality.dtype.kind in "biuf" or len(modality.shape) != 2):
        return {"gaps": []} if len(modality.shape) != 3 and _has_gaps(modality) else {}
    if modality.streamed:  # no store is read whole for a message
        modality = modality[: rows_at_once(modality.width)].in_memory()
    keys, present = modality.column_names or range(modality.width), modality.present
    found: dict[str, list[Any]] = {}
    for key, cells in zip(keys, modality.columns(), strict=True):
        missing = nulls(cells)
        kind = _kind(cells, cells[~missing])
        found.setdefault(kind, []).append(key)
        if kind == "numbers" and missing[present].any():
            found.setdefault("gaps", []).append(key)
        if cells.dtype.kind == "f" and np.isinf(cells).any():
            found.setdefault(INFINITIES, []).append(key)
    return found


def _has_gaps(modality: Modality) -> bool:
    read = modality.sparse or not modality.streamed
    if modality.dtype.kind != "f" or (read and modality.within(np.inf)):
        return False
    gaps = (np.isnan(np.asarray(part).reshape(len(part), -1)) for part in modality.chunks())
    return any((part.any(axis=1) & ~part.all(axis=1)).any() for part in gaps)


def _kind(cells: np.ndarray, known: np.ndarray) -> str:
    if cells.dtype.kind == "b":
        return BOOLEANS
    if first_no_number(cells) is None:
        return "numbers"
    if cells.dtype.kind in "mM":
        return "dates" if cells.dtype.kind == "M" else "durations"
    if all(isinstance(cell, str) for cell in known):
        different = set(known)
        several = sum(len(cell.split()) > 1 for cell in different) > len(different) / 2
        few = len(different) <= min(FEW_TEXTS, len(known) / 4)
        return "text" if several and not few else "categories"
    if all(isinstance(cell, date) for cell in known):
        return "dates"
    return "durations" if all(isinstance(cell, timedelta) for cell in known) else OTHERS


def described(found: Mapping[str, list[Any]]) -> str:
    """Say which columns of a modality are no complete numbers."""
    said = []
    for kind in (kind for kind in found if kind not in ("numbers", BOOLEANS)):
        columns = found[kind] if len(found) > 1 else []  # one kind: the modality says it
        names = ", ".join(map(repr, columns[:MOST_NAMES]))
        more = f" and {len(columns) - MOST_NAMES} more" * (len(columns) > MOST_NAMES)
        said.append(f"{kind} ({names}{more})" if columns else kind)
    return ", ".join(said)


@contextmanager
def with_recipe(X: MultiModalArray, *, flat: bool, modalities: Any) -> Iterator[None]:
    """Add to an error what in X is no complete number, and the code that makes numbers of it.

    Parameters
    ----------
    X : MultiModalArray
        The rows of a fit.
    flat : bool
        Whether the user has one table that names no modalities.
    modalities : mapping, sequence or None
        The user's columns of each modality in a flat table.
    """
    try:
        yield
    except (AttributeError, TypeError, ValueError) as error:
        if any(modality.transformed for modality in X._faces.values()):
            raise  # the code would be for what a step of the user's own has left
        found = {name: contents(modality) for name, modality in X._faces.items()}
        names = {name: "X" if flat else repr(name) for name in found}
        said = [f"{names[n]} has {described(h)}" for n, h in found.items() if described(h)]
        code = _code(X, found, flat=flat, modalities=modalities)
        if code is not None:
            nothing = np.flatnonzero(~np.any(list(X.present.values()), axis=0))
            if len(nothing):
                said.append(f"row {nothing[0]} has nothing, leave it out ({len(nothing)} such)")
            kinds = "; ".join(said)
            error.args = (
                f"{str(error).rstrip('.')}.\n\nIn all, {kinds}. This makes numbers of it, in "
                f"make_pipeline(encode, classifier):\n\n{code}",
            )
        raise


def _code(
    X: MultiModalArray, found: dict[str, dict[str, list[Any]]], *, flat: bool, modalities: Any
) -> str | None:
    """Write a PerModality, with the imports and definitions that it needs; None if it is empty."""
    tables = [X[name] for name, held in found.items() if held.keys() & WITH_POLARS.keys()]
    polars = all(type(table).__module__.startswith("polars") for table in tables)
    if flat:
        found, modalities = _parted(found["modality0"])
    steps = {name: _steps(held) for name, held in found.items()}
    parts = {name: _transformer(held, steps[name]) for name, held in found.items()}
    entries = "".join(f"    {name!r}: {part},\n" for name, part in parts.items() if part)
    if not entries:
        return None
    groups = "" if modalities is None else f", modalities={pformat(modalities, compact=True)}"
    encode = f"encode = PerModality({{\n{entries}}}{groups})\n"
    functions = FUNCTIONS | (WITH_POLARS if polars else {})
    used = {step for own in steps.values() for step, _ in own}
    own = [
        STEP.format(functions[kind], function, kind, then)
        for kind, (function, then) in ENCODERS.items()
        if kind in used
    ]
    body = "\n".join([*own, encode])
    body = f"{NUMBERS}\n{body}" if re.search(r"\bnumbers\b[,)]", body) else body
    body = PICKLED * ("def " in body) + body
    needs = f"{body} make_pipeline("  # which takes the encoder and the classifier
    needed = {
        head: ", ".join(name for name in names if re.search(rf"\b{name}[.(]", needs))
        for head, names in IMPORTS.items()
    }
    return "\n".join([*(f"{head} {names}" for head, names in needed.items() if names), "", body])


def _steps(held: Mapping[str, list[Any]]) -> list[tuple[str, Any]]:
    """Return what in the code encodes which columns of a table; one of text alone needs none."""
    if {*held} == {"text"} and len(held["text"]) == 1:
        return []
    steps: list[tuple[str, Any]] = [("text", column) for column in held.get("text", ())]
    steps += [(kind, held[kind]) for kind in WITH_POLARS if kind in held]
    if steps and BOOLEANS in held:
        steps.append(("categories", held[BOOLEANS]))
    return steps


def _transformer(held: Mapping[str, list[Any]], steps: list[tuple[str, Any]]) -> str:
    if not steps and not {OTHERS, "numbers"} <= held.keys():
        return "TfidfVectorizer()" if "text" in held else "SimpleImputer()" * ("gaps" in held)
    rows = [f"({step}, {pformat(columns, compact=True)})" for step, columns in steps]
    if OTHERS in held:
        rows.append(f'("drop", {held[OTHERS]!r})')
    if "numbers" in held:
        rows.append("remainder=numbers")
    lines = indent(",\n".join(rows), " " * 8)
    return f"make_column_transformer(\n{lines},\n    )"


def _parted(held: dict[str, list[Any]]) -> tuple[dict[str, dict[str, list[Any]]], Any]:
    """Make each column of text in a table a modality of its own; return their columns too."""
    texts = held.get("text", [])
    others = {kind: columns for kind, columns in held.items() if kind != "text"}
    read = [columns for kind, columns in others.items() if kind not in ("gaps", INFINITIES)]
    rest = [column for columns in read for column in columns]
    if not texts:
        return ({"table": held}, {"table": len(rest)}) if rest else ({"modality0": held}, None)
    groups = {str(column): [column] for column in texts}
    found = {name: {"text": columns} for name, columns in groups.items()}
    if rest:
        name = "table" if "table" not in groups else "other columns"
        at = {column: column if isinstance(column, str) else rest.index(column) for column in rest}
        found[name] = {kind: [at[c] for c in columns] for kind, columns in others.items()}
        groups[name] = rest
    return found, groups
