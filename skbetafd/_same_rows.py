"""Row i of each modality is the same case."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from ._sklearn_compat import is_dataframe
from ._users_line import stack_level


def check_same_rows(data: Mapping[str, Any]) -> None:
    """Refuse modalities of other lengths, and warn of frames whose index is in another order."""
    first, *others = data
    n_rows = data[first].shape[0]
    for name in others:
        n = data[name].shape[0]
        if n != n_rows:
            raise ValueError(f"modality {name!r} has {n} rows, but modality {first!r} has {n_rows}")
    indexes = {
        name: value.index
        for name, value in data.items()
        if is_dataframe(value) and hasattr(value, "index")
    }
    if len(indexes) > 1:
        _check_order(indexes)


def _check_order(indexes: Mapping[str, Any]) -> None:
    (first, index), *others = indexes.items()
    for name, other in others:
        if not other.equals(index) and set(other) == set(index):
            warnings.warn(
                f"Frames of modalities {first!r} and {name!r} have the same index in another "
                "order: rows go together by position, whatever the index. If they belong together "
                "by the index, sort one like the other: other = other.loc[first.index].",
                UserWarning,
                stacklevel=stack_level(),
            )
