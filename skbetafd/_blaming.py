"""Errors of a library that do not say which argument they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def blaming(culprit: str) -> Iterator[None]:
    """Put the argument's name before a message that lacks it."""
    try:
        yield
    except (TypeError, ValueError) as error:
        if culprit in re.findall(r"\w+", str(error)):
            raise
        raise type(error)(f"{culprit}: {error}") from error
