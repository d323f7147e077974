"""save: a fitted classifier in one file, without pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .._utils.files import whole_file
from .._utils.messages import warn
from ..inputs.modality_names import by_name
from ..nn.config import network_config
from .json_values import MODULE, NotSavableError, encode
from .model_file import FORMAT, pack

OF_THE_MACHINE = ("memory", "checkpoint_dir", "callbacks", "accelerate")
"""Parameters that are objects or places of the machine that saves; no file decides over them."""

EVERYWHERE = ("auto", "cpu")
"""Devices that each machine has."""

MOST_MODALITIES = 1000
"""A network tells of 3 subsets a modality which modalities they have: a square of memory."""

OF_A_SEARCH: dict[str, Any] = {
    "beta_": (float, int),
    "best_params_": dict,
    "best_score_": float,
    "best_index_": int,
    "scores_": np.ndarray,
    "cv_results_": dict,
    "n_splits_": int,
}
"""Results of a search, and their types."""

WIDTHS = ("hidden_dim", "knowledge_dim", "context_dim")


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
            If `load` would refuse the file: a parameter was set after the fit to a value that is
            not valid, or not that of the networks; a classifier sees; labels, results or the state
            of a module are of a kind that the file has no form for; there are more than 1000
            modalities; or the estimator is of a class of the user's. An earlier file is intact
            then.
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
        check_restorable(self)
        document, left_out = described(self)
        data = pack(document, leaves_of(self))
        with whole_file(path) as file:
            file.write(data)
        if left_out:
            warn(
                f"save leaves out {', '.join(left_out)}: set it again after load, before a refit",
            )


def described(estimator: Any) -> tuple[dict[str, Any], list[str]]:
    """Describe a fitted estimator as JSON, but for its tensors; and name what is left out."""
    parameters, left_out = _parameters(estimator)
    layout = estimator._layout
    network = estimator.module_
    names = getattr(estimator, "feature_names_in_", None)
    document = {
        "format": FORMAT,
        "library": version("skbetafd"),
        "estimator": type(estimator).__name__,
        "parameters": parameters,
        "classes": _encoded(
            estimator.classes_,
            f"labels such as {estimator.classes_[0]!r}",
            "fit on strings or integers instead, say on y.astype(str)",
        ),
        "layout": {
            "names": list(layout.names),
            "named": layout.named,
            "shapes": [list(shape) for shape in layout.shapes],
            "columns": [columns.tolist() for columns in layout.columns.values()],
            "feature_names": [layout.feature_names[name] for name in layout.names],
            "flat": layout.flat,
            # earlier files have none
            **({"sparse": list(layout.sparse)} if layout.sparse else {}),
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
        "search": _encoded(
            {name: getattr(estimator, name) for name in OF_A_SEARCH if hasattr(estimator, name)},
            "the results of the search over param_grid",
            "refit the best setting as FrontDoorMultiModalClassifier(**best_params_), save that",
        ),
    }
    return document, left_out


def _parameters(estimator: Any) -> tuple[dict[str, Any], list[str]]:
    kept, left_out = {}, []
    for name, value in estimator.get_params(deep=False).items():
        if name == "encoders" and isinstance(value, Mapping):
            value = {k: v if isinstance(v, str) else MODULE for k, v in value.items()}
        try:
            if of_the_machine(name, value):
                raise NotSavableError(name)
            kept[name] = encode(value)
        except NotSavableError:
            left_out.append(name)
    return kept, left_out


def _encoded(value: Any, what: str, advice: str) -> Any:
    try:
        return encode(value)
    except NotSavableError as error:
        raise NotSavableError(f"{what} can't be saved, {error}: {advice}") from error


def of_the_machine(name: str, value: Any) -> bool:
    """Return whether a parameter's value is of the machine that saves alone."""
    if name == "device":
        return str(value) not in EVERYWHERE
    return name in OF_THE_MACHINE and bool(value)


def leaves_of(estimator: Any) -> dict[str, Tensor]:
    """Return the tensors that a file of a fitted estimator holds, by name.

    Raises
    ------
    NotSavableError
        If a weight or scale is not finite, or a module of the user's has no tensor in its state.
    """
    leaves: dict[str, Any] = {}
    for i, scaler in enumerate(estimator._scalers):
        leaves |= {f"scalers.{i}.{k}": v for k, v in scaler.state()[1].items()}
    for i, member in enumerate(estimator.members_):
        state = member.net.module_.state_dict()
        leaves |= {f"members.{i}.network.{k}": v for k, v in state.items()}
        references = member.references._asdict()
        leaves |= {f"members.{i}.references.{k}": v for k, v in references.items()}
    return {name: _leaf(name, value) for name, value in leaves.items()}


def _leaf(name: str, value: Any) -> Tensor:
    if not isinstance(value, (Tensor, np.ndarray, np.generic, int)):
        raise NotSavableError(
            f"encoders: the state of a module holds {name!r}, a {type(value).__name__}; only "
            "tensors can be saved"
        )
    value = value if isinstance(value, Tensor) else torch.from_numpy(np.array(value, order="C"))
    leaf = value.detach().cpu()
    free = ".module." in name or name.endswith(".var")  # a step never reached has no variance
    if not free and leaf.is_floating_point() and not leaf.isfinite().all():
        raise NotSavableError(f"the tensor {name!r} holds NaN or infinity")
    return leaf


def parameters_of_fit(estimator: Any) -> dict[str, Any]:
    """Return the parameters of the networks' training: of a search, the best it found."""
    return {**estimator.get_params(deep=False), **getattr(estimator, "best_params_", {})}


def check_restorable(estimator: Any) -> None:
    """Check parameters against the networks: set after the fit, or in a forged file.

    Raises
    ------
    ValueError
        Naming the parameter.
    """
    own, names = type(estimator), estimator.modality_names_
    if hasattr(estimator, "seeing_"):
        raise NotSavableError(
            f"seeing={type(estimator.seeing_).__name__} can't be saved, as a file holds tensors: "
            "pickle the classifier, or fit with seeing='network'"
        )
    if own.__module__ != "skbetafd":
        raise NotSavableError(
            f"a {own.__name__} can't be saved: load makes classifiers of skbetafd, of no subclass"
        )
    if len(names) > MOST_MODALITIES:
        raise NotSavableError(f"{len(names)} modalities, a file holds {MOST_MODALITIES} at most")
    estimator._validate_params()
    parameters = parameters_of_fit(estimator)
    learned = {name: getattr(estimator.module_, name) for name in WIDTHS}
    learned["n_members"] = len(estimator.members_)
    for name, value in learned.items():
        if parameters[name] != value:
            raise NotSavableError(
                f"the fit has {name}={value}, not {parameters[name]!r}: fit again, or set it back"
            )
    given = by_name(parameters["encoders"], names, "encoders")
    for name, encoding in zip(names, estimator._encodings, strict=True):
        encoder = given.get(name, "auto")
        kind = encoder if isinstance(encoder, str) else "module"
        if kind != encoding.kind and (kind != "auto" or encoding.kind == "module"):
            raise NotSavableError(
                f"encoders: the fit reads modality {name!r} by {encoding.kind!r}, not {kind!r}: "
                "fit again, or set it back"
            )
