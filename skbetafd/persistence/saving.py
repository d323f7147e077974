"""save: a fitted classifier in one file, without pickle."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .._utils.files import whole_file
from ..fitting.encoder_identity import module_of
from ..nn.config import network_config
from .json_values import NotSavableError, encode, with_keys
from .loading import MOST_MODALITIES, OF_A_SEARCH, check_agreement, of_the_machine, restored_from
from .model_file import FORMAT, pack


class PersistenceMixin:
    """Adds `save` to the front-door classifiers."""

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the fitted classifier to one file, which `skbetafd.load` reads.

        The file is in the safetensors format: tensors, and their description as JSON. It holds no
        code; it is checked by a hash when it is read. Predictions are bitwise those of this
        estimator on a machine of the same kind.

        Parameters
        ----------
        path : str or path-like
            The file; one that is there is replaced when the new one is complete, and gives it its
            mode. Of a symbolic link, the file that it leads to is replaced; a hard link is
            replaced, not written through.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If there is no fit.
        ValueError
            If `load` would refuse the file, and what it would say: a parameter was set after the
            fit to a value that is not valid, or not that of the networks; labels, results or the
            state of a module are of a kind that the file has no form for; there are more than 1000
            modalities; or the estimator is of a class of the user's. An earlier file is intact
            then. Of a fit with modules of the user's, which `load` is handed anew, the parameters
            alone are checked.
        ImportError
            Without safetensors: ``pip install "skbetafd[export]"``.
        OSError
            If the file can't be written; an earlier one is intact then.

        Warns
        -----
        UserWarning
            Naming the parameters that are left out, and have their defaults after `load`:
            `callbacks`, `memory`, `checkpoint_dir`, `accelerate`, a `device` other than "auto" and
            "cpu", and whatever is an object (a RandomState, a splitter, a scorer). None of them
            counts in prediction.

        Notes
        -----
        Of a module of the user's (`encoders`) the weights are saved; `load` needs the module
        itself. What `partial_fit` keeps of its rows is not saved: after `load` it goes on as it
        does after a `fit`.
        """
        check_is_fitted(self)
        _check_savable(self)
        document, left_out = _document(self)
        data = pack(document, _tensors(self))
        _check_readable(self, data)
        with whole_file(path) as file:
            file.write(data)
        if left_out:
            warnings.warn(
                f"save leaves out {', '.join(left_out)}: set it again after load, before a refit",
                UserWarning,
                stacklevel=2,
            )


def _parameters(estimator: Any) -> tuple[dict[str, Any], list[str]]:
    """Encode the parameters; and name those that are left out."""
    kept, left_out = {}, []
    for name, value in estimator.get_params(deep=False).items():
        if name == "encoders" and isinstance(value, Mapping):
            kept[name] = with_keys(
                {k: v if isinstance(v, str) else {"$module": True} for k, v in value.items()}
            )
            continue
        try:
            if of_the_machine(name, value):
                raise NotSavableError(name)
            kept[name] = encode(value)
        except NotSavableError:
            left_out.append(name)
    return kept, left_out


def _document(estimator: Any) -> tuple[dict[str, Any], list[str]]:
    parameters, left_out = _parameters(estimator)
    layout = estimator._layout
    network = estimator.module_
    names = getattr(estimator, "feature_names_in_", None)
    document = {
        "format": FORMAT,
        "library": version("skbetafd"),
        "estimator": type(estimator).__name__,
        "parameters": parameters,
        "classes": _labels(estimator.classes_),
        "layout": {
            "names": list(layout.names),
            "named": layout.named,
            "shapes": [list(shape) for shape in layout.shapes],
            "columns": [columns.tolist() for columns in layout.columns.values()],
            "feature_names": [layout.feature_names[name] for name in layout.names],
            "flat": layout.flat,
        },
        "feature_names": None if names is None else [str(name) for name in names],
        "predominant": estimator.predominant_,
        "scores": estimator.modality_scores_,
        "mass": float(estimator._mass),
        "best_epoch": getattr(estimator, "best_epoch_", None),
        "encodings": [
            {"kind": e.kind, "shape": list(e.shape), "learning_rate": e.learning_rate}
            for e in estimator._encodings
        ],
        "scalers": [scaler.state()[0] for scaler in estimator._scalers],
        "network": network_config(network),
        "dtype": str(next(network.parameters()).dtype).removeprefix("torch."),
        "histories": [encode(list(member.net.history)) for member in estimator.members_],
        "search": _results(estimator),
    }
    return document, left_out


def _labels(classes: np.ndarray) -> Any:
    try:
        return encode(classes)
    except NotSavableError as error:
        raise NotSavableError(
            f"labels such as {classes[0]!r} can't be saved, {error}: fit on strings or integers "
            "instead, say on y.astype(str)"
        ) from error


def _results(estimator: Any) -> dict[str, Any]:
    """Encode what a search has found."""
    out = {}
    for name in OF_A_SEARCH:
        if not hasattr(estimator, name):
            continue
        try:
            out[name] = encode(getattr(estimator, name))
        except NotSavableError as error:
            raise NotSavableError(
                f"{name}: the results of the search over param_grid can't be saved: {error}; refit "
                "the best setting as FrontDoorMultiModalClassifier(**best_params_) and save that"
            ) from error
    return out


def _check_savable(estimator: Any) -> None:
    """Refuse what `load` would refuse, or could not make again."""
    own = type(estimator)
    if own.__module__ != "skbetafd":
        raise NotSavableError(
            f"a {own.__name__} can't be saved: load makes classifiers of skbetafd, of no subclass"
        )
    names = estimator.modality_names_
    if len(names) > MOST_MODALITIES:
        raise NotSavableError(f"{len(names)} modalities can't be saved, {MOST_MODALITIES} can")
    try:
        check_agreement(estimator)
    except ValueError as error:
        raise NotSavableError(
            f"a parameter was set after the fit: {error}; fit again, or set it back"
        ) from error
    for name, encoding in zip(names, estimator._encodings, strict=True):
        if encoding.module is None:
            continue
        for key, value in module_of(encoding).state_dict().items():
            if not isinstance(value, Tensor):
                raise NotSavableError(
                    f"encoders: the module of modality {name!r} has {key!r} in its state, a "
                    f"{type(value).__name__}; tensors alone can be saved"
                )


def _check_readable(estimator: Any, data: bytes) -> None:
    """Refuse what `load` would not read, before an earlier file is lost.

    A file with modules of the user's is read with those that are handed to `load`; of such a fit
    the parameters alone are checked.
    """
    try:
        estimator._validate_params()
        if all(encoding.module is None for encoding in estimator._encodings):
            own = {type(estimator).__name__: type(estimator)}
            restored_from(data, own, torch.device("cpu"), {})
    except ValueError as error:
        raise NotSavableError(f"it is not saved, as load would refuse it: {error}") from error


def _tensors(estimator: Any) -> dict[str, Tensor]:
    tensors: dict[str, Any] = {}
    for i, scaler in enumerate(estimator._scalers):
        tensors |= {f"scalers.{i}.{k}": v for k, v in scaler.state()[1].items()}
    for i, member in enumerate(estimator.members_):
        state = member.net.module_.state_dict()
        tensors |= {f"members.{i}.network.{k}": v for k, v in state.items()}
        references = member.references._asdict()
        tensors |= {f"members.{i}.references.{k}": v for k, v in references.items()}
    return {name: _plain(value) for name, value in tensors.items()}


def _plain(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach().cpu().contiguous().clone()
    return torch.from_numpy(np.array(value, order="C"))
