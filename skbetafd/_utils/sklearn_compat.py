"""Every import of scikit-learn's private or version-dependent API."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any, TypeVar, cast

from sklearn.linear_model._ridge import _solve_cholesky_kernel as solve_cholesky_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils import get_tags
from sklearn.utils._metadata_requests import _raise_for_params as refuse_unrouted
from sklearn.utils._metadata_requests import _routing_enabled as routing_enabled
from sklearn.utils._missing import is_pandas_na
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
    validate_parameter_constraints,
    validate_params,
)
from sklearn.utils._repr_html.estimator import _VisualBlock as VisualBlock
from sklearn.utils._set_output import ADAPTERS_MANAGER
from sklearn.utils._set_output import _get_output_config as get_output_config
from sklearn.utils._set_output import _safe_set_output as safe_set_output
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.multiclass import _check_partial_fit_first_call as check_partial_fit_first_call
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_n_features as check_n_features
from sklearn.utils.validation import _check_sample_weight as check_weight_array
from sklearn.utils.validation import _num_samples as num_samples

Method = TypeVar("Method", bound=Callable[..., Any])

try:  # experimental in 1.9: it may move
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's where that has no callbacks."""

        def _init_callback_context(self, **kwargs: Any) -> None:
            """There is no context."""

    def _with_callbacks(method: Any) -> Any:
        """Leave a method as it is."""
        return method


def with_callbacks(method: Method) -> Method:
    """Have scikit-learn's callbacks told of a `fit`, whose signature stays what it is."""
    return cast(Method, _with_callbacks(method))


SCARCE = "The least populated class in y has only"
"""scikit-learn's warning of a class with fewer rows than folds: it is in no more test folds."""


def accepts_sample_weight(scorer: Any) -> bool:
    """Tell whether a scorer takes sample_weight, as GridSearchCV asks without metadata routing."""
    if hasattr(scorer, "_accept_sample_weight"):
        return scorer._accept_sample_weight()
    return "sample_weight" in signature(scorer).parameters


def metric_of(scorer: Any) -> tuple[Any, int, dict[str, Any]]:
    """Return metric, sign and arguments of a scorer that asks for probabilities; None of others."""
    if getattr(scorer, "_response_method", None) != "predict_proba":
        return None, 1, {}
    return scorer._score_func, scorer._sign, scorer._kwargs


def is_dataframe(value: Any) -> bool:
    """Tell a pandas, polars or like DataFrame from everything else."""
    return hasattr(value, "columns") and hasattr(value, "shape") and len(value.shape) == 2


def validate_parameters(estimator: Any, constraints: dict[str, list[Any]], **values: Any) -> None:
    """Check single values as scikit-learn checks parameters; the error names the estimator."""
    validate_parameter_constraints(constraints, values, caller_name=type(estimator).__name__)


def checked_arguments(constraints: dict[str, list[Any]]) -> Callable[[Method], Method]:
    """Make a decorator that checks a function's arguments as scikit-learn checks its own's."""
    return cast(
        Callable[[Method], Method],
        validate_params(constraints, prefer_skip_nested_validation=False),
    )


def check_arguments(function: str, constraints: dict[str, list[Any]], **values: Any) -> None:
    """Check a function's arguments as scikit-learn does; the error names the function."""
    validate_parameter_constraints(constraints, values, caller_name=function)


def allows_nan(transformer: Any) -> bool:
    """Tell whether a transformer takes NaN; "passthrough" does."""
    return isinstance(transformer, str) or get_tags(transformer).input_tags.allow_nan


def output_containers() -> list[str]:
    """Give what set_output takes."""
    return sorted(ADAPTERS_MANAGER.supported_outputs)


def output_container(transformer: Any) -> str:
    """Give the container that a transformer's set_output, or else set_config, asks for."""
    return str(get_output_config("transform", transformer)["dense"])


def search_table(candidates: list[dict[str, Any]], scores: Any, seconds: float) -> dict[str, Any]:
    """Tabulate scores (n_candidates, n_folds) as GridSearchCV does; the times are all the same."""
    fits = [
        {"fit_time": seconds, "score_time": 0.0, "test_scores": float(score)}
        for score in scores.ravel()
    ]
    table = GridSearchCV(None, {})._format_results(candidates, scores.shape[1], fits)
    unknown = ("std_fit_time", "mean_score_time", "std_score_time")
    return {name: column for name, column in table.items() if name not in unknown}


def rows_of_params(X: Any, params: dict[str, Any], rows: Any) -> dict[str, Any]:
    """Take those rows of metadata that has as many as X; None takes all."""
    return params if rows is None else check_method_params(X, params, rows)
