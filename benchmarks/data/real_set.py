"""RealSet: a real set as it was recorded, and what has to be fitted inside the training part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import resample

from skbetafd import MultiModalArray, PerModality
from skbetafd.datasets import ConfoundedData, ConfoundedSplit, confound


@dataclass(frozen=True, eq=False)
class RealSet:
    """Modalities, labels and the rows that have to stay together.

    Attributes
    ----------
    X : MultiModalArray
        Numbers, text (object arrays (n, 1)) and tables (DataFrames), the predominant modality
        first. A row that is all NaN in a modality lacks it; other NaN are cells to be imputed.
    y : ndarray of shape (n_samples,)
        The labels.
    groups : ndarray of shape (n_samples,), int, or None
        Rows with one number may not straddle a split; None where all rows are on their own.
    predominant : str
        The modality that predicts best alone, or of a given pair the first.
    per_modality : mapping of str to transformer, or None, default=None
        What turns a modality into numbers; `prepare` fits it. A modality without one is numeric.
    env : ndarray of shape (n_samples,), str, or None, default=None
        The environment in which each row was recorded, where that is known.
    """

    X: MultiModalArray
    y: np.ndarray
    groups: np.ndarray | None
    predominant: str
    per_modality: Mapping[str, Any] | None = None
    env: np.ndarray | None = None

    def __post_init__(self) -> None:
        n, names = len(self.X), self.X.names
        if self.y.shape != (n,):
            raise ValueError(f"y must have shape ({n},), as X has {n} rows, got {self.y.shape}")
        if self.groups is not None and self.groups.shape != (n,):
            raise ValueError(f"groups must have shape ({n},) or be None, got {self.groups.shape}")
        for name in (self.predominant, *(self.per_modality or {})):
            if name not in names:
                raise ValueError(f"X has the modalities {', '.join(names)}, got {name!r}")


def drawn_rows(real_set: RealSet, n_rows: int, random_state: int) -> RealSet:
    """Return a set of so many of the rows, drawn by class; the set itself if it has no more."""
    n = len(real_set.y)
    if n <= n_rows:
        return real_set
    rows = resample(
        range(n), replace=False, n_samples=n_rows, stratify=real_set.y, random_state=random_state
    )
    groups = None if real_set.groups is None else real_set.groups[rows]
    if groups is not None and len(np.unique(groups)) == n_rows:
        groups = None
    env = None if real_set.env is None else real_set.env[rows]
    return replace(real_set, X=real_set.X[rows], y=real_set.y[rows], groups=groups, env=env)


def prepare(real_set: RealSet, train_rows: Any, *other_rows: Any) -> list[MultiModalArray]:
    """Turn every modality into numbers, fitting what has to be fitted on training rows only.

    Parameters
    ----------
    real_set : RealSet
        Its transformers are cloned, not changed.
    train_rows : array-like of int or bool
        The rows that each modality's transformer sees in fit, without those that lack it.
    *other_rows : array-like of int or bool
        Rows that are transformed alike.

    Returns
    -------
    list of MultiModalArray
        float32 arrays, one container each for `train_rows` and each of `other_rows`. A modality
        that a row lacks is a row of NaN, the only NaN there are.

    Raises
    ------
    ValueError
        If there are no training rows, none of them has some modality, or NaN cells are left.
    """
    rows = np.arange(len(real_set.y))
    parts = [real_set.X[rows[np.asarray(part)]] for part in (train_rows, *other_rows)]
    if not len(parts[0]):
        raise ValueError("train_rows must hold at least 1 row, got 0")
    for name, modality in parts[0].items():
        if not present_rows(modality).any():
            raise ValueError(f"modality {name!r} is missing in all {len(parts[0])} training rows")
    encode = PerModality(real_set.per_modality or {})
    numbers = [encode.fit_transform(parts[0]), *map(encode.transform, parts[1:])]
    return [MultiModalArray({n: _numeric(n, x) for n, x in part.items()}) for part in numbers]


def _numeric(name: str, values: Any) -> np.ndarray:
    out = np.asarray(values.toarray() if sparse.issparse(values) else values, dtype=np.float32)
    if sparse.issparse(values):  # one stored NaN says that the row lacks the modality
        out[np.isnan(out).any(axis=1)] = np.nan
    holes = np.isnan(out).any(axis=tuple(range(1, out.ndim))) & present_rows(out)
    if holes.any():
        raise ValueError(
            f"modality {name!r} has NaN cells in {holes.sum()} rows, the first {holes.argmax()}: "
            "its transformer must impute them"
        )
    return out


def plant(real_set: RealSet, random_state: int, **law: Any) -> ConfoundedData:
    """Plant a confounder in the predominant modality, all modalities numeric beforehand.

    Parameters
    ----------
    real_set : RealSet
        Its transformers see the training rows of the split.
    random_state : int
        Of the split and the confounder.
    **law
        What else `skbetafd.datasets.confound` takes, such as ``prior`` or ``test_size``.

    Returns
    -------
    ConfoundedData
        Modalities as `prepare` gives them. A row that lacks the predominant one shows no tint.
    """
    law = {"groups": real_set.groups, "random_state": random_state, **law}
    numbers = np.arange(len(real_set.y), dtype=float)[:, None]
    # confound splits by labels, groups and seed alone: the same for row numbers as for the set.
    split = confound({"row": numbers}, real_set.y, modality="row", **law)
    train = split.train.X["row"][:, 0].astype(int)
    X = prepare(real_set, train, np.arange(len(real_set.y)))[1]
    data = confound(X, real_set.y, modality=real_set.predominant, **law)
    names = ("train", "iid", "half_broken", "broken", "redrawn")
    return replace(data, **{n: _untinted(getattr(data, n), real_set.predominant) for n in names})


def _untinted(split: ConfoundedSplit, name: str) -> ConfoundedSplit:
    flat = split.X[name].reshape(len(split.y), -1)
    present = ~np.isnan(flat).any(axis=1)
    return replace(split, X=MultiModalArray(split.X, present={name: present}))


def present_rows(modality: Any) -> np.ndarray:
    """Tell the rows of a modality that are not all NaN (or None); shape (n_samples,)."""
    missing = np.asarray(pd.isna(modality))
    return ~missing.reshape(len(missing), -1).all(axis=1)


def copies(X: MultiModalArray) -> np.ndarray | None:
    """Give exact copies, in all modalities, one number.

    Parameters
    ----------
    X : MultiModalArray
        Any modalities; two NaN are alike.

    Returns
    -------
    ndarray of shape (n_samples,), int, or None
        None where no row has a copy.
    """
    rows = np.column_stack([_row_numbers(modality) for modality in X.values()])
    groups = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    return groups if groups.max() + 1 < len(groups) else None


def _row_numbers(modality: Any) -> np.ndarray:
    flat = np.asarray(modality).reshape(len(modality), -1)
    columns = [pd.factorize(column)[0] for column in flat.T]  # codes compare where types are mixed
    return np.unique(np.column_stack(columns), axis=0, return_inverse=True)[1].ravel()


def text_numbers(n_components: int = 50, **words: Any) -> Pipeline:
    """Return a transformer of text (n, 1) to the leading components of its word frequencies.

    `words` are parameters of TfidfVectorizer.
    """
    return make_pipeline(
        TfidfVectorizer(min_df=2, sublinear_tf=True, **words),
        TruncatedSVD(n_components, random_state=0),
    )
