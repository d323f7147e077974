"""A file is written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from typing import IO


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Give the path, if the system can know a file by it."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a string or path-like, got {path!r}")
    if "\0" in str(path):
        raise ValueError(f"path must not hold a null character, got {path!r}")
    return Path(path)


def checked_target(path: str | os.PathLike[str]) -> Path:
    """Give the path of a file to be written, if it has a directory and is none."""
    target = checked_path(path)
    if target.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a directory; the path of a file is needed")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"there is no directory {str(target.parent)!r} to write {target.name!r} to"
        )
    return target


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file that takes its place at the end: until then, or on failure, the old one stays.

    Parameters
    ----------
    path : str or path-like
        Its directory must exist; what is written lies there under a temporary name.
    """
    target = checked_target(path)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}.{get_ident()}.tmp")
    try:
        with open(unfinished, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
