"""The adjusted predictor for elsewhere: as a torch module, and as an ONNX model."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Iterator
from copy import deepcopy
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from .._utils.files import checked_target, whole_file
from .._utils.messages import needing, without_warnings
from .._utils.sklearn_compat import validate_parameters
from ..fitting.request import READ_AT_PREDICTION
from ..fitting.scaling import ModalityScaler
from ..nn.adjustment import ReferenceSet
from ..nn.predictor import AdjustedPredictor, MemberPredictor, Standardisation
from ..nn.torch_modes import predicting, without_autocast

OUTPUTS = ("probabilities", "label")
INNER = "inner::"


class ExportMixin:
    """Adds `to_torch` and `to_onnx` to the front-door classifiers."""

    def to_torch(self, beta: float | None = None) -> AdjustedPredictor:
        """Give the predictor as one torch module: standardisation, members, references and β.

        Parameters
        ----------
        beta : float in [0, 1], default=None
            The β of the module; None is the estimator's. At 0, no reference counts.

        Returns
        -------
        AdjustedPredictor
            On the CPU, in evaluation mode, float32 (also of a float64 fit). Its inputs are the
            modalities in order, each (n, ...) float32 in its own row shape; its outputs class
            probabilities (n, n_classes) and labels (n,) int64: the label itself where labels are
            integers, else its position in ``classes_``. A row of NaN lacks the modality, and
            predicts as in the library; one that lacks all (or any, with an observed mediator), or
            has a single NaN, gets probabilities of NaN. All rows are predicted at once: pass some
            thousand at most.

        Raises
        ------
        ValueError
            If a modality is read by "sequence" or by a frozen module of the user's, which the
            module can't hold; or β is outside [0, 1].

        Examples
        --------
        >>> from skbetafd import FrontDoorMultiModalClassifier
        >>> from skbetafd.datasets import make_confounded_modalities
        >>> import torch
        >>> data = make_confounded_modalities(200, random_state=0)
        >>> clf = FrontDoorMultiModalClassifier(max_epochs=2, random_state=0).fit(data.X, data.y)
        >>> rows = [torch.tensor(x, dtype=torch.float32) for x in data.X.values()]
        >>> probabilities, label = clf.to_torch(beta=0.5)(*rows)
        >>> tuple(probabilities.shape), tuple(label.shape)
        ((200, 4), (200,))
        """
        check_is_fitted(self)
        own: Any = self
        beta = own.beta if beta is None else beta
        validate_parameters(own, READ_AT_PREDICTION, beta=beta, effect=own.effect)
        named = zip(own.modality_names_, own._encodings, own._scalers, strict=True)
        scalers = [_standardisation(name, e.kind, scaler) for name, e, scaler in named]
        with torch.inference_mode(False), predicting():
            members = [
                MemberPredictor(
                    deepcopy(member.net.module_).float().cpu().requires_grad_(False),
                    ReferenceSet(*(t.float().cpu().clone() for t in member.references)),
                    float(beta),
                    own.effect,
                )
                for member in own.members_
            ]
            order = own.module_.order
            return AdjustedPredictor(scalers, members, _labels(own.classes_), order).eval()

    def to_onnx(self, path: str | os.PathLike[str], beta: float | None = None) -> None:
        """Write the predictor as an ONNX model, which needs neither torch nor this library.

        Its inputs have the names of the modalities and their own row shapes, float32 (dense, where
        a modality was sparse), with any number of rows; its outputs are "probabilities"
        (n, n_classes) and "label" (n,), as those of `to_torch` are, missing modalities included.
        The metadata hold, as JSON, "classes" and "modalities", and "beta", "effect" and
        "skbetafd", the library's version. Labels that are no integers, or are beyond int64, come
        as positions in "classes".

        Parameters
        ----------
        path : str or path-like
            The file; one that is there is replaced when the new one is complete, and gives it its
            mode. Of a symbolic link, the file that it leads to is replaced; a hard link is
            replaced, not written through.
        beta : float in [0, 1], default=None
            The β of the model; None is the estimator's.

        Raises
        ------
        ValueError
            As in `to_torch`; or if a modality has the name of an output, or none; or if labels are
            of a kind that JSON has no form for, as dates are; or if a module of the user's turns
            the number of its rows into a constant.
        ImportError
            Without onnx and onnxscript: ``pip install "skbetafd[export]"``.
        TypeError
            If `path` is no path.
        OSError
            If the file can't be written; an earlier one is intact then.
        """
        onnx = _onnx()
        predictor = self.to_torch(beta)
        checked_target(path)  # the export takes seconds
        own: Any = self
        classes = _as_json(own.classes_)
        for name in own.modality_names_:
            if name in ("", *OUTPUTS) or name.startswith(INNER):
                raise ValueError(f"modality {name!r} has the name of an output or inner value")
        model = _exported(predictor, own.modality_names_, own._layout.shapes)
        metadata = {
            "classes": classes,
            "modalities": json.dumps(own.modality_names_),
            "beta": repr(float(own.beta if beta is None else beta)),
            "effect": own.effect,
            "skbetafd": version("skbetafd"),
        }
        onnx.helper.set_model_props(model, metadata)
        onnx.checker.check_model(model, full_check=True)
        with whole_file(path) as file:
            file.write(model.SerializeToString())


def _onnx() -> Any:
    with needing("export", "to_onnx needs onnx and onnxscript"):
        import onnx
        import onnx.checker
        import onnx.helper
        import onnxscript  # noqa: F401
    return onnx


def _standardisation(name: str, kind: str, scaler: ModalityScaler) -> Standardisation:
    if kind == "sequence":
        raise ValueError(
            f"modality {name!r} is read by 'sequence', a network over steps of varying number, "
            "which can't be exported; 'conv1d' can"
        )
    if scaler.module is not None:
        raise ValueError(
            f"modality {name!r} is read by a frozen module, which can't be exported; export the "
            "module by itself, and fit on its features"
        )
    if scaler.moments is None:
        return Standardisation(None, None, None)
    components = None if scaler.components is None else torch.tensor(scaler.components)
    mean, scale = torch.tensor(scaler.moments.mean), torch.tensor(scaler.moments.scale)
    return Standardisation(mean, scale, components)


def _labels(classes: np.ndarray) -> torch.Tensor:
    if classes.dtype.kind in "iu" and classes.max() <= np.iinfo(np.int64).max:
        return torch.tensor(classes.astype(np.int64))
    return torch.arange(len(classes))


def _as_json(classes: np.ndarray) -> str:
    # dates in nanoseconds would come as plain integers
    labels = list(classes) if classes.dtype.kind in "mM" else classes.tolist()
    try:
        return json.dumps(labels)
    except TypeError as error:
        raise ValueError(
            f"labels such as {labels[0]!r} can't stand in an ONNX model's metadata, which are "
            "JSON: fit on strings or integers instead, say on y.astype(str)"
        ) from error


def _exported(predictor: AdjustedPredictor, names: list[str], shapes: Any) -> Any:
    rows = tuple(torch.zeros(3, *shape) for shape in shapes)
    batch = torch.export.Dim("batch")
    with _quiet(), without_autocast():
        program = torch.onnx.export(
            predictor,
            rows,
            dynamo=True,
            input_names=[f"input{i}" for i in range(len(names))],
            output_names=list(OUTPUTS),
            dynamic_shapes=(tuple({0: batch} for _ in rows),),
            verbose=False,
        )
    assert program is not None
    model = _named(program.model_proto, names)
    if not all(value.type.tensor_type.shape.dim[0].dim_param for value in model.graph.input):
        raise ValueError(
            f"the exported model would read {len(rows[0])} rows and no other number: a module in "
            "encoders turns the number of its rows into a constant, as len(x) does; x.shape[0] and "
            "view(-1, ...) do not"
        )
    return model


def _named(model: Any, names: list[str]) -> Any:
    """Give a model's inputs the names of the modalities, and its inner values names of their own.

    The exporter calls inner values by operations and parameters, as a modality may be called.
    """
    graph = model.graph
    new = {value.name: name for value, name in zip(graph.input, names, strict=True)}
    new |= {name: name for name in ("", *OUTPUTS)}

    def renamed(name: str) -> str:
        return new.get(name, f"{INNER}{name}")

    for value in (*graph.input, *graph.initializer, *graph.value_info):
        value.name = renamed(value.name)
    for node in graph.node:
        node.input[:] = map(renamed, node.input)
        node.output[:] = map(renamed, node.output)
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes to itself; its errors, and what a module warns of, are told."""
    logger = logging.getLogger("torch.onnx")
    with (
        without_warnings(FutureWarning, r"`isinstance\(treespec, LeafSpec\)`"),  # torch's own use
        without_warnings(UserWarning, "# The axis name: batch will not be used"),  # one for all
    ):
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
