"""PerModality: scikit-learn transformers, one a modality."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import TransformerMixin, clone
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from ._atomic import all_or_nothing
from ._inputs import read_prediction_input, read_training_input
from ._multimodal_array import MultiModalArray, quoted
from ._presence import present_rows
from ._sklearn_compat import BaseComposition, VisualBlock, allows_nan, safe_indexing

PASSTHROUGH = "passthrough"


class PerModality(TransformerMixin, BaseComposition, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Apply a scikit-learn transformer to each modality, and give a container back.

    Parameters
    ----------
    transformer : transformer, "passthrough", or mapping of str to either
        One for all modalities (a clone is fitted to each), or one a modality by name; a modality
        that the mapping leaves out passes through unchanged.
    modalities : mapping or sequence, default=None
        For flat input, which columns belong to which modality, as in
        `FrontDoorMultiModalClassifier`.

    Attributes
    ----------
    transformers_ : dict of str to transformer
        The fitted clones, or ``"passthrough"``.
    modality_names_ : list of str
        The modalities, in order.
    n_features_in_ : int
        Total flattened width of the input.
    feature_names_in_ : ndarray of str
        Column names, where the input had them.

    Raises
    ------
    ValueError
        From `fit`, if the mapping names a modality that the input has not, or a transformer
        refuses a modality (named in the message).
    TypeError
        From `fit`, if a transformer has no ``fit`` or ``transform``.

    See Also
    --------
    MultiModalArray : What `transform` returns.
    sklearn.compose.ColumnTransformer : The same for the columns of one table.

    Notes
    -----
    With a mapping, ``get_params`` and ``set_params`` reach each transformer by its modality's
    name (``audio__n_components``), as in ColumnTransformer. A row that is all NaN in a modality
    lacks it: no transformer sees it, and it stays NaN. A modality of higher rank is flattened
    for its transformer and gets its shape back where its width is kept. `y` is handed to each
    transformer, so that supervised ones work.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skbetafd import PerModality
    >>> rng = np.random.default_rng(0)
    >>> X = {"audio": rng.normal(size=(20, 5)), "video": rng.normal(size=(20, 8))}
    >>> PerModality({"audio": StandardScaler(), "video": PCA(2)}).fit_transform(X)
    MultiModalArray(audio=(20, 5) float64, video=(20, 2) float64)
    """

    def __init__(self, transformer: Any, *, modalities: Any = None) -> None:
        self.transformer = transformer
        self.modalities = modalities

    @property
    def _named_transformers(self) -> list[tuple[str, Any]]:
        return list(self.transformer.items()) if isinstance(self.transformer, Mapping) else []

    @_named_transformers.setter
    def _named_transformers(self, value: list[tuple[str, Any]]) -> None:
        self.transformer = dict(value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters, and with `deep` those of the transformers."""
        if not isinstance(self.transformer, Mapping):
            return super().get_params(deep=deep)
        return self._get_params("_named_transformers", deep=deep)

    def set_params(self, **params: Any) -> PerModality:
        """Set parameters by name, those of a modality's transformer by ``modality__name``."""
        if isinstance(params.get("transformer", self.transformer), Mapping):
            self._set_params("_named_transformers", **params)
        else:
            super().set_params(**params)
        return self

    def fit(self, X: Any, y: Any = None) -> PerModality:
        """Fit a clone of the transformer to each modality.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            The modalities, each of shape (n_samples, ...).
        y : array-like of shape (n_samples,), default=None
            Target, for transformers that use it.
        """
        self._fit(X, y, _fit_one)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit to `X` and transform it; parameters as in `fit`."""
        return self._collect(self._fit(X, y, _fit_transform_one))

    def transform(self, X: Any) -> Any:
        """Transform each modality.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes.

        Returns
        -------
        MultiModalArray
            The transformed modalities under their names. Where `fit` saw one flat table without
            modalities, the transformer's own output.
        """
        check_is_fitted(self)
        X = read_prediction_input(self, X, self._layout, dtype=None)
        fitted = zip(self.transformers_.items(), X.values(), strict=True)
        return self._collect({name: _transform_one(name, t, value) for (name, t), value in fitted})

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names ``modality__feature`` of the output's flat columns.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the input's flat columns; by default those seen in fit, else ``x0``, …
            within each modality.
        """
        check_is_fitted(self)
        names = self._input_names(input_features)
        groups = zip(self.transformers_.items(), self._layout.shapes, strict=True)
        return np.array(
            [
                f"{modality}__{feature}"
                for (modality, transformer), shape in groups
                for feature in _names_out(transformer, names[modality], math.prod(shape))
            ],
            dtype=object,
        )

    def _fit(self, X: Any, y: Any, fit_one: Callable[..., Any]) -> dict[str, Any]:
        with all_or_nothing(self):
            X, self._layout = read_training_input(self, X, self.modalities, dtype=None)
            if y is not None:
                check_consistent_length(next(iter(X.values())), y)
            self.modality_names_ = list(X.names)
            chosen = self._chosen(X.names)
            self.transformers_ = {name: _cloned(name, t) for name, t in chosen.items()}
            return {n: fit_one(n, t, X[n], y) for n, t in self.transformers_.items()}

    def _chosen(self, names: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(self.transformer, Mapping):
            return dict.fromkeys(names, self.transformer)
        unknown = [name for name in self.transformer if name not in names]
        if unknown:
            raise ValueError(
                f"transformer is given for {quoted(map(str, unknown))}, but X has {quoted(names)}"
            )
        return {name: self.transformer.get(name, PASSTHROUGH) for name in names}

    def _collect(self, data: dict[str, Any]) -> Any:
        if self._layout.flat:
            return data["modality0"]
        return MultiModalArray(data if self._layout.named else list(data.values()))

    def _input_names(self, input_features: Any) -> dict[str, list[str] | None]:
        if input_features is None:
            return self._layout.feature_names
        flat = np.asarray(input_features, dtype=object)
        if len(flat) != self.n_features_in_:
            raise ValueError(
                f"input_features should have length equal to number of features "
                f"({self.n_features_in_}), got {len(flat)}"
            )
        fitted = getattr(self, "feature_names_in_", None)
        if fitted is not None and not np.array_equal(flat, fitted):
            raise ValueError(
                f"input_features is not equal to feature_names_in_, got {flat.tolist()[:5]}"
            )
        if fitted is not None:
            return self._layout.feature_names
        return {name: flat[columns].tolist() for name, columns in self._layout.columns.items()}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = self.transformer
        chosen = inner.values() if isinstance(inner, Mapping) else [inner]
        tags.input_tags.allow_nan = all(allows_nan(transformer) for transformer in chosen)
        return tags

    def _sk_visual_block_(self) -> Any:
        if isinstance(self.transformer, Mapping):
            names, parts = zip(*self.transformer.items(), strict=True)
        else:
            names, parts = ("every modality",), (self.transformer,)
        return VisualBlock("parallel", parts, names=list(names))


def _cloned(name: str, transformer: Any) -> Any:
    if isinstance(transformer, str) and transformer == PASSTHROUGH:
        return transformer
    if not (hasattr(transformer, "fit") and hasattr(transformer, "transform")):
        raise TypeError(
            f"the transformer of modality {name!r} needs fit and transform, got {transformer!r}"
        )
    with _naming(name):
        return clone(transformer)


def _fit_one(name: str, transformer: Any, value: Any, y: Any) -> None:
    if isinstance(transformer, str):
        return
    absent = _absent_rows(value)
    if absent is not None:
        value, y = value[~absent], None if y is None else safe_indexing(y, np.flatnonzero(~absent))
    with _naming(name):
        transformer.fit(_two_d(value), y)


def _fit_transform_one(name: str, transformer: Any, value: Any, y: Any) -> Any:
    if not hasattr(transformer, "fit_transform") or _absent_rows(value) is not None:
        _fit_one(name, transformer, value, y)
        return _transform_one(name, transformer, value)
    with _naming(name):  # not fit and transform: TargetEncoder cross-fits in fit_transform alone
        return _shaped_like(value, transformer.fit_transform(_two_d(value), y))


def _transform_one(name: str, transformer: Any, value: Any) -> Any:
    if isinstance(transformer, str):
        return value
    absent = _absent_rows(value)
    if absent is None:
        with _naming(name):
            return _shaped_like(value, transformer.transform(_two_d(value)))
    shown = np.zeros_like(value[:1]) if absent.all() else value[~absent]  # one row tells the width
    part = _transform_one(name, transformer, shown)
    if absent.all():
        part = part[:0]
    dense = part.toarray() if sparse.issparse(part) else np.asarray(part, dtype=float)
    out = np.full((len(absent), *dense.shape[1:]), np.nan)
    out[~absent] = dense
    return out


def _absent_rows(value: Any) -> np.ndarray | None:
    """Rows that are all NaN, which no transformer sees; None where there are none."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or not value.size:
        return None
    absent = ~present_rows(_two_d(value))
    return absent if absent.any() else None


@contextmanager
def _naming(name: str) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"modality {name!r}: {error}") from error


def _two_d(value: Any) -> Any:
    if len(value.shape) == 2:
        return value
    return value.reshape(len(value), math.prod(value.shape[1:]))


def _shaped_like(value: Any, out: Any) -> Any:
    if len(value.shape) == 2 or sparse.issparse(out):
        return out
    array = np.asarray(out)
    return array.reshape(value.shape) if array.shape == _two_d(value).shape else out


def _names_out(transformer: Any, names: list[str] | None, width: int) -> list[str]:
    if isinstance(transformer, str):
        return names or [f"x{i}" for i in range(width)]
    return list(transformer.get_feature_names_out(names))
