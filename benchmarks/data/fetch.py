"""Bring the pinned packages that hold the benchmark data into a cache folder.

``python benchmarks/data/fetch.py [name ...]`` brings those named, or all. Nothing is installed. The
folder is ``$SKBETAFD_CACHE``, or ``~/.cache/skbetafd``.
"""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple


class Package(NamedTuple):
    """One release on a registry, and the SHA-256 that its archive must have.

    A wheel with compiled parts needs its `tag`, ``python-abi-platform``, so that every machine
    brings the same one.
    """

    registry: str
    name: str
    version: str
    sha256: str
    tag: str = ""


def _pinned() -> dict[str, Package]:
    lines = Path(__file__).with_name("packages.txt").read_text().splitlines()
    return {name: Package(*fields) for name, *fields in map(str.split, lines)}


PACKAGES = _pinned()
SUFFIX = {"pypi": ".whl", "npm": ".tgz", "debian": ".deb"}


def fetch(name: str) -> Path:
    """Return the archive of a pinned package, downloading it unless the cache has it.

    A cached archive is checked too; one that was damaged is brought again.

    Parameters
    ----------
    name : str
        A key of ``PACKAGES``.

    Returns
    -------
    pathlib.Path
        The archive: a wheel (a zip file) from PyPI, a gzipped tar file from npm, a deb from Debian.

    Raises
    ------
    ValueError
        If `name` is not pinned here, or the download hasn't the pinned SHA-256. The cache is then
        left without it.
    RuntimeError
        If pip, npm or apt-get is missing or fails.
    """
    if name not in PACKAGES:
        raise ValueError(f"name must be one of {', '.join(PACKAGES)}, got {name!r}")
    package = PACKAGES[name]
    folder = cache_folder()
    file = f"{package.name}-{package.version}{SUFFIX[package.registry]}"
    archive = folder / file.replace("/", "-")
    if archive.exists() and sha256(archive) == package.sha256:
        return archive
    archive.unlink(missing_ok=True)
    # Inside the cache, so that os.replace never crosses a file system and stays atomic.
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        download = _download(package, Path(temporary))
        _check(package, download)
        os.replace(download, archive)
    return archive


def deb_files(name: str) -> tarfile.TarFile:
    """Fetch a deb, and open its files: an ar archive whose member data.tar.* holds them."""
    deb = fetch(name)
    content, start = deb.read_bytes(), 8
    while start < len(content):
        header, size = content[start : start + 16], int(content[start + 48 : start + 58])
        start += 60
        if header.startswith(b"data.tar"):
            return tarfile.open(fileobj=io.BytesIO(content[start : start + size]))
        start += size + size % 2
    raise ValueError(f"{deb} has no member data.tar: it is no deb")


def cache_folder() -> Path:
    """Return the cache folder, made where it is missing."""
    folder = Path(os.environ.get("SKBETAFD_CACHE") or Path.home() / ".cache" / "skbetafd")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _check(package: Package, download: Path) -> None:
    found = sha256(download)
    if found != package.sha256:
        raise ValueError(
            f"{package.name} {package.version} from {package.registry} has SHA-256 {found}, "
            f"but {package.sha256} is pinned: the download is damaged or the release was replaced"
        )


def _download(package: Package, folder: Path) -> Path:
    _run(_command(package), package, folder)
    (download,) = folder.iterdir()
    return download


def _command(package: Package) -> list[str]:
    if package.registry == "debian":  # works without root; needs the lists of `apt-get update`
        return ["apt-get", "download", "--quiet", f"{package.name}={package.version}"]
    if package.registry == "npm":
        return ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", "."]
    command += ["--only-binary=:all:", "--ignore-requires-python"]
    if package.tag:
        python, abi, platform = package.tag.split("-")
        command += ["--implementation", python[:2], "--python-version", python[2:]]
        command += ["--abi", abi, "--platform", platform]
    return [*command, f"{package.name}=={package.version}"]


def _run(command: list[str], package: Package, folder: Path) -> None:
    what = f"{package.name} {package.version} could not be brought from {package.registry}"
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
    except FileNotFoundError as error:
        raise RuntimeError(f"{what}: {command[0]} is not installed") from error
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"{what}: {error.stderr.strip()}") from error


def main(names: list[str]) -> None:
    """Fetch the packages named, or all, and say one line about each."""
    for name in names or PACKAGES:
        size = fetch(name).stat().st_size
        print(f"{name} {PACKAGES[name].version} {size / 1e6:.1f} MB ok")


if __name__ == "__main__":
    main(sys.argv[1:])
