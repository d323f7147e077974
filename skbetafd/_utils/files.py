"""A file is written whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

UNFINISHED = ".skbetafd-*.tmp"
"""Name of what is being written; a process that is killed leaves it behind."""


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Return the path, if it can name a file.

    Raises
    ------
    TypeError, ValueError
        If it is no path, or holds what no name of a file does.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a string or path-like, got {path!r}")
    try:
        valid = b"\0" not in os.fsencode(path)
    except UnicodeEncodeError:
        valid = False
    if not valid:
        raise ValueError(f"path must be text that can name a file, got {path!r}")
    return Path(path)


def checked_target(path: str | os.PathLike[str]) -> Path:
    """Return what the path leads to, if a file can take its place.

    Raises
    ------
    OSError
        With the path, if its directory is missing, or if it is a directory, a device or a link
        that leads back to itself.
    """
    checked_path(path)
    with _naming(path):
        target = Path(os.path.realpath(path))
        if not target.parent.is_dir():
            raise OSError(errno.ENOENT, f"there is no directory {str(target.parent)!r}")
        if target.is_dir() or os.path.basename(path) in ("", "."):  # Path would drop it
            raise OSError(errno.EISDIR, "is a directory; the path of a file is needed")
        if os.path.lexists(target) and not target.is_file():
            raise OSError(errno.EINVAL, "is no ordinary file")
    return target


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Open a file that takes its place at the end: until then, or on failure, the old one stays.

    Parameters
    ----------
    path : str or path-like
        Its directory must exist; what is written lies there under a temporary name. Of a symbolic
        link, the file that it leads to is replaced; of a hard link, only this name. The new file
        has the mode of the one that it replaces.

    Raises
    ------
    OSError
        With the path and the cause, if it can't be written; or if it is no ordinary file.
    """
    target = checked_target(path)
    own = f"{os.getpid()}-{threading.get_ident()}"
    unfinished = target.with_name(UNFINISHED.replace("*", own))
    with _naming(path):
        try:
            with open(unfinished, "wb") as file:
                if target.exists():
                    shutil.copymode(target, unfinished)
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, target)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        _sync_directory(target.parent)


def remove_unfinished(directory: Path) -> None:
    """Remove what killed processes have left in a folder to which no other writes."""
    for path in directory.glob(UNFINISHED):
        path.unlink(missing_ok=True)


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put the path that the user gave into an error of the file system."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(error.errno or errno.EIO, reason, os.fspath(path)) from error


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":  # elsewhere a directory can't be opened
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
