"""PerModality: scikit-learn transformers, one a modality."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted

from .._utils.all_or_nothing import all_or_nothing
from .._utils.messages import named
from .._utils.sklearn_compat import (
    BaseComposition,
    VisualBlock,
    allows_nan,
    check_feature_names_in,
    output_container,
    output_containers,
    refuse_unrouted,
    routing_enabled,
    safe_set_output,
)
from ..inputs.labels import check_lengths
from ..inputs.multimodal_array import MultiModalArray, quoted
from ..inputs.recipe import with_recipe
from ..inputs.row_order import warn_of_order
from ..inputs.validation import read_prediction_input, read_training_input
from .modality_transforms import (
    PASSTHROUGH,
    as_read,
    cloned,
    example_row,
    fit_one,
    in_frame,
    transform_one,
)


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
    feature_names_in_ : ndarray of str of shape (n_features,)
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
    name (``audio__n_components``), as in ColumnTransformer. A modality of higher rank is flattened
    for its transformer and gets its shape back where its width is kept. `y` is handed to each
    transformer, so that supervised ones work, and metadata to those that request it (`fit`).

    A row in which every entry of a modality is null (NaN, None, NaT, pandas.NA, polars' null)
    lacks the modality: no transformer sees it, and it stays null in what comes back (one stored NaN
    in a sparse matrix). In a frame of one column that is every null. A row with some nulls is
    handed to the transformer, to impute or to encode. A store or the items of a Dataset are read
    whole for a transformer; what passes through stays where it is.

    A transformer that takes documents and no table, by its ``input_tags`` (``string`` or ``dict``
    without ``two_d_array``: TfidfVectorizer, CountVectorizer, HashingVectorizer, DictVectorizer,
    and a Pipeline or FeatureUnion that starts with one), gets the one column of its modality as
    1-D. Several columns of text, or text beside numbers, in one modality are a ColumnTransformer's.

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

    Categories and free text, each modality by its own encoder:

    >>> import pandas as pd
    >>> from sklearn.feature_extraction.text import TfidfVectorizer
    >>> from sklearn.preprocessing import OneHotEncoder
    >>> X = {
    ...     "site": pd.DataFrame({"state": ["TX", "OH", "TX"], "phase": ["climb", None, "land"]}),
    ...     "remarks": pd.DataFrame({"text": ["gull in engine", "no damage", "gull"]}),
    ... }
    >>> encode = PerModality({"site": OneHotEncoder(), "remarks": TfidfVectorizer()})
    >>> encode.fit_transform(X).widths
    (5, 5)
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
        """Get the parameters.

        Parameters
        ----------
        deep : bool, default=True
            With those of the transformers, under ``modality__name``.

        Returns
        -------
        dict of str to object
            Values by name.
        """
        if not isinstance(self.transformer, Mapping):
            return super().get_params(deep=deep)
        return self._get_params("_named_transformers", deep=deep)

    def set_params(self, **params: Any) -> PerModality:
        """Set parameters by name.

        Parameters
        ----------
        **params : dict
            New values; those of a modality's transformer by ``modality__name``.

        Returns
        -------
        PerModality
            This transformer.

        Raises
        ------
        ValueError
            If there is no such parameter.
        """
        if isinstance(params.get("transformer", self.transformer), Mapping):
            self._set_params("_named_transformers", **params)
        else:
            super().set_params(**params)
        return self

    def set_output(self, *, transform: str | None = None) -> PerModality:
        """Choose the container of each transformer's output.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            "pandas" and "polars" make a frame of each modality in the MultiModalArray (or, where
            `fit` sees one flat table, of the result), with the transformers' feature names as
            columns. What passes through becomes a frame too, but for sparse matrices and arrays
            of higher rank, which have no columns. None changes nothing; without any call,
            ``sklearn.set_config(transform_output=...)`` decides, which those transformers pass
            over that have no ``set_output``, such as TfidfVectorizer.

        Returns
        -------
        PerModality
            This transformer.

        Raises
        ------
        ValueError
            If `transform` is something else; from `fit`, if a transformer has no ``set_output``
            or gives a sparse matrix, which scikit-learn puts in no frame.
        """
        if transform is None:
            return self
        if transform not in output_containers():
            raise ValueError(f"transform must be one of {output_containers()}, got {transform!r}")
        for name, transformer in getattr(self, "transformers_", {}).items():
            if not isinstance(transformer, str):
                with named(f"modality {name!r}"):
                    safe_set_output(transformer, transform=transform)
        self._sklearn_output_config = {"transform": transform}
        return self

    def get_metadata_routing(self) -> MetadataRouter:
        """Tell scikit-learn what is passed on to the transformers, and by which method.

        The one for all modalities is called ``transformer``, those of a mapping by their modality.

        Returns
        -------
        MetadataRouter
            For scikit-learn.
        """
        router = MetadataRouter(owner=self)
        for name, transformer in self._given().items():
            if isinstance(transformer, str):
                continue
            mapping = MethodMapping().add(caller="fit", callee="fit")
            if hasattr(transformer, "fit_transform"):
                mapping.add(caller="fit_transform", callee="fit_transform")
            else:
                mapping.add(caller="fit_transform", callee="fit")
                mapping.add(caller="fit_transform", callee="transform")
            mapping.add(caller="transform", callee="transform")
            router.add(method_mapping=mapping, **{str(name): transformer})
        return router

    def fit(self, X: Any, y: Any = None, **params: Any) -> PerModality:
        """Fit a clone of the transformer to each modality.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            The modalities, each of shape (n_samples, ...).
        y : array-like of shape (n_samples,), default=None
            Target, for transformers that use it.
        **params : dict
            Metadata, such as ``sample_weight``, for the transformers that request it
            (``StandardScaler().set_fit_request(sample_weight=True)``); only with
            ``sklearn.set_config(enable_metadata_routing=True)``.

        Returns
        -------
        PerModality
            This transformer.

        Raises
        ------
        ValueError
            If there is metadata without metadata routing, or that a transformer takes and has
            neither requested nor declined.
        TypeError
            If no transformer takes the metadata.
        """
        self._fit(X, y, params, "fit")
        return self

    def fit_transform(self, X: Any, y: Any = None, **params: Any) -> Any:
        """Fit to `X` and transform it.

        Parameters
        ----------
        X, y, **params
            As in `fit`.

        Returns
        -------
        MultiModalArray
            As `transform` returns.

        Raises
        ------
        ValueError, TypeError
            As in `fit`.
        """
        return self._collect(*self._fit(X, y, params, "fit_transform"))

    def transform(self, X: Any, **params: Any) -> Any:
        """Transform each modality.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes.
        **params : dict
            Metadata for the transformers that request it in ``transform``, as in `fit`.

        Returns
        -------
        MultiModalArray
            The transformed modalities under their names. Where `fit` saw one flat table without
            modalities, the transformer's own output.
        """
        check_is_fitted(self)
        routed = self._route(params, "transform")
        X = read_prediction_input(self, X, self._layout)
        return self._collect(
            X,
            {
                name: transform_one(
                    name, t, as_read(t, X._faces[name]), self._examples[name], routed[name]
                )
                for name, t in self.transformers_.items()
            },
        )

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names ``modality__feature`` of the output's flat columns.

        Parameters
        ----------
        input_features : array-like of str of shape (n_features,), default=None
            Names of the input's flat columns; by default those seen in fit, else ``x0``, …
            within each modality.

        Returns
        -------
        ndarray of str of shape (n_features_out,)
            The names.

        Raises
        ------
        ValueError
            If `input_features` has another length, or differs from ``feature_names_in_``.
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

    def _fit(
        self, X: Any, y: Any, params: dict[str, Any], method: str
    ) -> tuple[MultiModalArray, dict[str, Any]]:
        with all_or_nothing(self):
            X, self._layout = read_training_input(self, X, self.modalities)
            check_lengths(len(X), y=y)
            warn_of_order(X, {"y": y})
            self.modality_names_ = list(X.names)
            chosen = self._chosen(X.names)
            routed = self._route(params, method)
            output = getattr(self, "_sklearn_output_config", {}).get("transform")
            self.transformers_ = {name: cloned(name, t, output) for name, t in chosen.items()}
            read = {n: as_read(t, X._faces[n]) for n, t in self.transformers_.items()}
            with with_recipe(X, flat=self._layout.flat, modalities=self.modalities):
                out = {
                    name: fit_one(name, t, read[name], y, routed[name], method)
                    for name, t in self.transformers_.items()
                }
            self._examples = {name: example_row(value) for name, value in read.items()}
            return X, out

    def _given(self) -> dict[Any, Any]:
        if isinstance(self.transformer, Mapping):
            return dict(self.transformer)
        return {"transformer": self.transformer}

    def _route(self, params: dict[str, Any], method: str) -> dict[str, Any]:
        """Give what each modality's transformer gets in each of its methods."""
        refuse_unrouted(params, self, method)
        nothing = Bunch(fit={}, transform={}, fit_transform={})
        if not (params and routing_enabled()):
            return dict.fromkeys(self.modality_names_, nothing)
        routed = process_routing(self, method, **params)
        if not isinstance(self.transformer, Mapping):
            return dict.fromkeys(self.modality_names_, routed.get("transformer", nothing))
        return {name: routed.get(name, nothing) for name in self.modality_names_}

    def _chosen(self, names: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(self.transformer, Mapping):
            return dict.fromkeys(names, self.transformer)
        unknown = [name for name in self.transformer if name not in names]
        if unknown:
            raise ValueError(
                f"transformer is given for {quoted(map(str, unknown))}, but X has {quoted(names)}"
            )
        return {name: self.transformer.get(name, PASSTHROUGH) for name in names}

    def _collect(self, X: MultiModalArray, data: dict[str, Any]) -> Any:
        output = output_container(self)
        for name, transformer in self.transformers_.items():
            if isinstance(transformer, str):
                data[name] = in_frame(data[name], output)
        if self._layout.flat:
            return data["modality0"]
        out = X._with_values(data)
        names, shapes = self._layout.feature_names, self._layout.shapes
        for (name, transformer), shape in zip(self.transformers_.items(), shapes, strict=True):
            make = partial(_names_out, transformer, names[name], math.prod(shape))
            out._faces[name].name_columns(make)
        return out

    def _input_names(self, input_features: Any) -> dict[str, list[str] | None]:
        if input_features is None:
            return self._layout.feature_names
        flat = check_feature_names_in(self, input_features)
        if hasattr(self, "feature_names_in_"):
            return self._layout.feature_names
        return {name: flat[columns].tolist() for name, columns in self._layout.columns.items()}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = self.transformer
        chosen = inner.values() if isinstance(inner, Mapping) else [inner]
        tags.input_tags.allow_nan = all(allows_nan(transformer) for transformer in chosen)
        return tags

    def _sk_visual_block_(self) -> Any:
        details = None
        parts: Mapping[str, Any] = {"every modality": self.transformer}
        if hasattr(self, "transformers_"):
            parts = self.transformers_
            details = [f"shape of a row: {shape}" for shape in self._layout.shapes]
        elif isinstance(self.transformer, Mapping):
            parts = self.transformer
        return VisualBlock(
            "parallel", list(parts.values()), names=list(parts), name_details=details
        )


def _names_out(transformer: Any, names: list[str] | None, width: int) -> list[str]:
    if isinstance(transformer, str):
        return names or [f"x{i}" for i in range(width)]
    return list(transformer.get_feature_names_out(names))
