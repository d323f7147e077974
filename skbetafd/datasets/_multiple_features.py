"""load_multiple_features: six views of handwritten numerals, shipped with the package."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ..inputs.multimodal_array import MultiModalArray

FOLDER = Path(__file__).parent / "data"
VIEWS = ("fou", "fac", "kar", "pix", "zer", "mor")

# A table rather than 10.0**places: a vectorised power may be off in the last bit, and the
# quotient of two exact numbers is the very float64 that parsing the decimal gives.
POWERS_OF_TEN = np.array([1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8])


def load_multiple_features(
    views: Sequence[str] | None = ("kar", "mor"), *, return_X_y: bool = False
) -> Any:
    """Load handwritten numerals described by several views (UCI Multiple Features).

    2000 numerals, 200 of each digit. Nothing is downloaded.

    ======  =======  =================================
    View    Columns  What it is
    ======  =======  =================================
    fou     76       Fourier coefficients of the shape
    fac     216      profile correlations
    kar     64       Karhunen-Loève coefficients
    pix     240      pixel averages in 2 × 3 windows
    zer     47       Zernike moments
    mor     6        morphological features
    ======  =======  =================================

    Parameters
    ----------
    views : sequence of str or None, default=("kar", "mor")
        The modalities, in this order. None takes all six. The default is a strong view and a weak
        one (a linear classifier reaches .96 and .73), so that there is a predominant modality.
    return_X_y : bool, default=False
        Return ``(data, target)`` in place of a Bunch.

    Returns
    -------
    data : Bunch
        With the attributes

        data : MultiModalArray
            One float64 array of shape (2000, columns) a view.
        target : ndarray of shape (2000,), int
            The digit.
        target_names : ndarray of shape (10,), str
            The digits' names.
        groups : ndarray of shape (2000,), int
            Rows with one number are exact copies of each other in all six views: pass it to a
            group-aware splitter, whichever `views` were chosen.
        DESCR : str
            The source, the licence and how the file was made.
    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a view is unknown or given twice, or there is none.
    TypeError
        If `views` is a single string.

    References
    ----------
    Duin, R. Multiple Features [data set]. UCI Machine Learning Repository.
    https://doi.org/10.24432/C5HC70 (CC BY 4.0).

    Examples
    --------
    >>> from skbetafd.datasets import load_multiple_features
    >>> digits = load_multiple_features()
    >>> digits.data
    MultiModalArray(kar=(2000, 64) float64, mor=(2000, 6) float64)
    >>> X, y = load_multiple_features(("fou", "zer"), return_X_y=True)
    >>> X.names, y[:3]
    (('fou', 'zer'), array([0, 0, 0]))
    """
    chosen = _check_views(views)
    values, target = _read()
    X = MultiModalArray({name: values[name] for name in chosen})
    if return_X_y:
        return X, target
    return Bunch(
        data=X,
        target=target,
        target_names=np.unique(target).astype(str),
        groups=_copies(np.hstack([values[name] for name in VIEWS])),
        DESCR=(FOLDER / "README.md").read_text(encoding="utf-8"),
    )


def _check_views(views: Sequence[str] | None) -> tuple[str, ...]:
    if isinstance(views, str) or not isinstance(views, Iterable | None):
        raise TypeError(f"views must be a sequence of names, got {views!r}")
    chosen = VIEWS if views is None else tuple(views)
    if not chosen or any(name not in VIEWS or chosen.count(name) > 1 for name in chosen):
        raise ValueError(f"views must be different names out of {VIEWS}, got {views!r}")
    return chosen


def _read() -> tuple[dict[str, np.ndarray], np.ndarray]:
    with np.load(FOLDER / "multiple_features.npz") as stored:
        values = {v: stored[v] / POWERS_OF_TEN[stored[f"{v}_places"]] for v in VIEWS}
        return values, stored["target"].astype(int)


def _copies(rows: np.ndarray) -> np.ndarray:
    _, groups = np.unique(rows, axis=0, return_inverse=True)
    return groups.reshape(-1)
