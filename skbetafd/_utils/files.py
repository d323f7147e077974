"""A file is written whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

UNFINISHED = ".skbetafd-*.tmp"
"""Name of what is being written; a process that is killed leaves it behind."""
ORDINARY = 0o666
"""Mode of a new file, of which the umask takes its part."""
NO_FILE = "is a directory; the path of a file is needed"


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Give the path, if the system can know a file by it."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a string or path-like, got {path!r}")
    if "\0" in str(path):
        raise ValueError(f"path must not hold a null character, got {path!r}")
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise ValueError(f"path must be text that can name a file, got {path!r}") from error
    return Path(path)


def checked_target(path: str | os.PathLike[str]) -> Path:
    """Give what the path leads to, if a file can be written there."""
    checked_path(path)
    with _naming(path):
        if os.path.basename(os.fspath(path)) in ("", "."):  # Path would drop it
            raise IsADirectoryError(errno.EISDIR, NO_FILE)
        target = Path(os.path.realpath(path))
        _check_ordinary(target)
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
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else ORDINARY
        file = open(unfinished, "wb", opener=partial(os.open, mode=mode))
        try:
            with file:
                if target.exists() and stat.S_IMODE(unfinished.stat().st_mode) != mode:
                    unfinished.chmod(mode)  # what the umask has taken
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


def _check_ordinary(target: Path) -> None:
    """Refuse what would be lost if a file took its place."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, NO_FILE)
    if target.is_symlink():
        raise OSError(errno.ELOOP, "is a link that leads back to itself")
    if not target.parent.is_dir():
        missing = f"there is no directory {str(target.parent)!r} to write {target.name!r} to"
        raise FileNotFoundError(errno.ENOENT, missing)
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        raise OSError(errno.EINVAL, "is no ordinary file")


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Put the path that the user gave into an error of the file system."""
    try:
        yield
    except Exception as error:
        cause = _of_the_system(error)
        if cause is None:
            raise
        reason = cause.strerror or str(cause)
        raise OSError(cause.errno or errno.EIO, reason, os.fspath(path)) from error


def _of_the_system(error: BaseException | None) -> OSError | None:
    """Find the system's error; torch.save may raise another one while it handles that."""
    while error is not None and not isinstance(error, OSError):
        error = error.__context__
    return error


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":  # elsewhere a directory can't be opened
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
