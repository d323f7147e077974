"""Real sets of images, sound and pen strokes."""

from __future__ import annotations

import gzip
import io
import zipfile

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from data.fetch import deb_files, fetch
from data.pairs import keel, pair, paired_by_class, recordings
from data.real_set import RealSet, copies
from skbetafd import MultiModalArray

FASHION_ROWS = 6000


def known_pair(name: str, seed: int) -> RealSet:
    """Return a set of `pairs`, predominant first; the images of av_mnist lose most energy.

    Parameters
    ----------
    name : str
        One of ``pairs.GIVEN``.
    seed : int
        Of the pairing by class in av_mnist.

    Returns
    -------
    RealSet
        For av_mnist with PCA that keeps 25 % of the image's variance, see `pairs.keep_energy`.
    """
    X, y, groups = pair(name, seed)
    weak = {"image": PCA(0.25, svd_solver="full")} if name == "av_mnist" else None
    if groups is not None and len(np.unique(groups)) == len(groups):
        groups = None
    return RealSet(X, y, groups, X.names[0], weak)


def image_segments() -> RealSet:
    """Return the colour (10 columns) and shape (8) of 2310 image segments, 7 materials."""
    with zipfile.ZipFile(fetch("river")) as wheel:
        stored = io.BytesIO(wheel.read("river/datasets/segment.csv.zip"))
    table = pd.read_csv(stored, compression="zip")
    numbers = table.drop(columns="category").to_numpy(float)
    X = MultiModalArray({"colour": numbers[:, 8:], "shape": numbers[:, :8]})
    return RealSet(X, table["category"].to_numpy(str), copies(X), "colour")


def pen_optic_speech(seed: int) -> RealSet:
    """Return digits drawn with a pen, scanned and spoken, paired by class at random.

    Parameters
    ----------
    seed : int
        Of the pairing. No drawing or scan is used twice.

    Returns
    -------
    RealSet
        ``"speech"`` (3000, 91), ``"scan"`` (3000, 64) and ``"pen"`` (3000, 16).
    """
    speech, y = recordings()
    rng = np.random.default_rng(seed)
    pen, scan = (_by_class(keel(name)) for name in ("penbased", "optdigits"))
    pen, scan = (paired_by_class(y, rows, rng) for rows in (pen, scan))
    X = MultiModalArray({"speech": speech, "scan": scan, "pen": pen})
    return RealSet(X, y, copies(X), "speech")


def _by_class(table: np.ndarray) -> list[np.ndarray]:
    return [table[table[:, -1] == digit, :-1] for digit in range(10)]


def fashion_mnist(seed: int) -> RealSet:
    """Return pictures of clothes and the directions of their edges, 600 a class.

    Parameters
    ----------
    seed : int
        Of the choice of 6000 from the 70 000.

    Returns
    -------
    RealSet
        ``"gradient"`` (6000, 128), see `gradient_histogram`, and ``"image"`` (6000, 28, 28), from
        0 to 1, for the convolutional encoder.
    """
    images, y = _fashion()
    rng = np.random.default_rng(seed)
    each = FASHION_ROWS // 10
    chosen = [rng.choice(np.flatnonzero(y == label), each, replace=False) for label in range(10)]
    rows = np.sort(np.concatenate(chosen))
    image = images[rows].astype(np.float32) / 255
    X = MultiModalArray({"gradient": gradient_histogram(image), "image": image})
    return RealSet(X, y[rows].astype(int), copies(X), "gradient")


def gradient_histogram(images: np.ndarray, cells: int = 4, orientations: int = 8) -> np.ndarray:
    """Return how strong the edges in each direction are in each cell of a grid.

    Parameters
    ----------
    images : ndarray of shape (n_samples, height, width)
        Height and width multiples of `cells`.
    cells : int, default=4
        Cells along each side.
    orientations : int, default=8
        Equal sectors of the circle; a gradient and its opposite differ.

    Returns
    -------
    ndarray of shape (n_samples, cells * cells * orientations), float32
        Sums of gradient magnitudes.
    """
    n, height, width = images.shape
    dy, dx = np.gradient(images, axis=(1, 2))
    turn = (np.arctan2(dy, dx) / (2 * np.pi)) % 1
    sector = np.minimum((turn * orientations).astype(int), orientations - 1)
    magnitude = np.hypot(dx, dy)
    grid = (n, cells, height // cells, cells, width // cells)
    sums = [
        np.where(sector == o, magnitude, 0).reshape(grid).sum(axis=(2, 4))
        for o in range(orientations)
    ]
    return np.stack(sums, axis=-1).reshape(n, -1).astype(np.float32)


def _fashion() -> tuple[np.ndarray, np.ndarray]:
    images, labels = [], []
    with deb_files("fashion-mnist") as package:
        for part in ("train", "t10k"):
            folder = f"./usr/share/datasets/fashion-mnist/{part}"
            pixels = gzip.decompress(package.extractfile(f"{folder}-images-idx3-ubyte.gz").read())
            marks = gzip.decompress(package.extractfile(f"{folder}-labels-idx1-ubyte.gz").read())
            images.append(np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28))
            labels.append(np.frombuffer(marks, np.uint8, offset=8))
    return np.concatenate(images), np.concatenate(labels)
