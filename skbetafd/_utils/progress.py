"""A progress bar, for whose looks in a notebook tqdm is asked only where one is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def progress(iterable: Iterable[Any] | None = None, *, shown: bool, **options: Any) -> Any:
    """Make tqdm's bar; its import warns in a notebook without widgets, where none may be wanted."""
    if shown:
        from tqdm.auto import tqdm
    else:
        from tqdm.std import tqdm
    return tqdm(iterable, disable=not shown, **options)
