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
from .._utils.messages import needing, warn, without_warnings
from .._utils.sklearn_compat import StrOptions, validate_parameters
from ..fitting.request import READ_AT_PREDICTION
from ..fitting.scaling import ModalityScaler
from ..inputs.modality import Modality
from ..inputs.numeric import LARGEST
from ..nn.adjustment import ReferenceSet
from ..nn.mediator import MediatorNetwork
from ..nn.predictor import AdjustedPredictor, MemberPredictor, Standardisation
from ..nn.torch_modes import predicting, without_autocast

OUTPUTS = ("probabilities", "label")
INNER = "inner::"
INPUT_DTYPE: dict[str, list[Any]] = {"input_dtype": [StrOptions({"float32", "float64"})]}

LARGEST_ROUNDING = 1.5e-5
"""In standard deviations, of what float32 makes of rows. Probabilities move by about two thirds of
it: more would be seen beside the 1e-5 to which an exported predictor agrees."""


class ExportMixin:
    """Adds `to_torch`, `to_onnx` and `input_feed` to the front-door classifiers."""

    def to_torch(
        self, beta: float | None = None, input_dtype: str = "float32"
    ) -> AdjustedPredictor:
        """Give the predictor as one torch module: standardisation, members, references and β.

        Parameters
        ----------
        beta : float in [0, 1], default=None
            The β of the module; None is the estimator's. At 0, no reference counts.
        input_dtype : {"float32", "float64"}, default="float32"
            Of the rows. A module for "float64" raises a TypeError for others; one for "float32"
            reads both. The standardisation computes in float64, the networks in float32.

        Returns
        -------
        AdjustedPredictor
            On the CPU, in evaluation mode, float32 (also of a float64 fit). Its inputs are the
            modalities in order, each (n, ...) in its own row shape; its outputs class
            probabilities (n, n_classes) and labels (n,) int64: the label itself where labels
            are integers, else its position in ``classes_``. A row of NaN (of a sparse modality: of
            NaN and zeros, as a missing row is when it is made dense) lacks the modality, and
            predicts as in the library. A row that `predict_proba` would refuse, as it lacks all
            modalities (or any, with an observed mediator), or has NaN or infinity beside numbers,
            gets probabilities of NaN and the least int64 for a label; so does a row that lacks the
            predominant modality, where a classifier sees. All rows are predicted at once: pass some
            thousand at most. ``.double()`` makes it compute in float64.

        Raises
        ------
        ValueError
            If a modality is read by "sequence" or by a frozen module of the user's, which the
            module can't hold; or β is outside [0, 1]; or if a classifier sees, and β is below 1
            or there is one modality.

        Warns
        -----
        UserWarning
            If the rows are float32, which can't hold those of a modality whose mean is large
            beside its scale.

        See Also
        --------
        input_feed : Rows in the form in which the module reads them.

        Examples
        --------
        >>> from skbetafd import FrontDoorMultiModalClassifier
        >>> from skbetafd.datasets import make_confounded_modalities
        >>> import torch
        >>> data = make_confounded_modalities(200, random_state=0)
        >>> clf = FrontDoorMultiModalClassifier(max_epochs=2, random_state=0).fit(data.X, data.y)
        >>> rows = map(torch.from_numpy, clf.input_feed(data.X).values())
        >>> probabilities, label = clf.to_torch(beta=0.5)(*rows)
        >>> tuple(probabilities.shape), tuple(label.shape)
        ((200, 4), (200,))
        """
        check_is_fitted(self)
        own: Any = self
        beta = own.beta if beta is None else beta
        validate_parameters(own, READ_AT_PREDICTION, beta=beta, effect=own.effect)
        validate_parameters(own, INPUT_DTYPE, input_dtype=input_dtype)
        seeing = getattr(own, "seeing_", None)
        if seeing is not None and (beta < 1 or not own.module_.adjusts):
            raise ValueError(
                f"beta={beta:g} needs seeing={type(seeing).__name__}, which can't be exported: "
                "beta=1 of several modalities can, and what is fitted with seeing='network'"
            )
        named = zip(own.modality_names_, own._encodings, own._scalers, strict=True)
        sparse = own._layout.sparse
        scalers = [
            _standardisation(name, e.kind, scaler, name in sparse) for name, e, scaler in named
        ]
        if input_dtype == "float32":
            self._warn_of_rounding()
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
            return AdjustedPredictor(
                scalers,
                members,
                _labels(own.classes_),
                own.module_.order,
                LARGEST[own._precision()],
                double=input_dtype == "float64",
            ).eval()

    def input_feed(self, X: Any, input_dtype: str = "float32") -> dict[str, np.ndarray]:
        """Return rows as the exported predictor reads them, checked as by `predict`.

        It is the ``input_feed`` of ONNX Runtime's ``InferenceSession.run``, and its values, as
        tensors, are the arguments of the module of `to_torch`.

        Parameters
        ----------
        X : list of arrays, mapping, MultiModalArray, DataFrame or 2-D array
            Rows, in any of the forms that `fit` takes. Of a Pipeline that ends in this classifier,
            what its other steps make of the rows: ``pipeline[:-1].transform(X)``.
        input_dtype : {"float32", "float64"}, default="float32"
            As in `to_onnx`.

        Returns
        -------
        dict of str to ndarray of shape (n_samples, ...)
            Copies of the modalities, dense, under their names and in the order of fit; NaN in the
            rows that lack one.

        Raises
        ------
        ValueError, TypeError
            Naming the modality, row and column that can't be read, as in `predict`; or the
            modality that would be too large when dense.

        Examples
        --------
        >>> from skbetafd import FrontDoorMultiModalClassifier
        >>> from skbetafd.datasets import make_confounded_modalities
        >>> data = make_confounded_modalities(200, random_state=0)
        >>> clf = FrontDoorMultiModalClassifier(max_epochs=2, random_state=0).fit(data.X, data.y)
        >>> {name: (x.shape, str(x.dtype)) for name, x in clf.input_feed(data.X[:5]).items()}
        {'predominant': ((5, 7), 'float32'), 'auxiliary': ((5, 4), 'float32')}
        """
        check_is_fitted(self)
        own: Any = self
        validate_parameters(own, INPUT_DTYPE, input_dtype=input_dtype)
        mediated = isinstance(own.module_, MediatorNetwork)
        dense = own._read(X, mediated=mediated).dense()
        return {
            name: np.array(rows, dtype=input_dtype).reshape(-1, *shape)
            for (name, rows), shape in zip(dense.items(), own._layout.shapes, strict=True)
        }

    def to_onnx(
        self,
        path: str | os.PathLike[str],
        beta: float | None = None,
        input_dtype: str = "float32",
    ) -> None:
        """Write the predictor as an ONNX model, which needs neither torch nor this library.

        Its inputs have the names of the modalities and their own row shapes (dense, where a
        modality was sparse), with any number of rows, and are what `input_feed` returns; its
        outputs are "probabilities" (n, n_classes) and "label" (n,), as those of `to_torch` are,
        missing modalities included.
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
        input_dtype : {"float32", "float64"}, default="float32"
            Of the inputs; see `to_torch`.

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

        Warns
        -----
        UserWarning
            As in `to_torch`.
        """
        onnx = _onnx()
        predictor = self.to_torch(beta, input_dtype)
        checked_target(path)  # the export takes seconds
        own: Any = self
        classes = _as_json(own.classes_)
        for name in own.modality_names_:
            if name in ("", *OUTPUTS) or name.startswith(INNER):
                raise ValueError(f"modality {name!r} has the name of an output or inner value")
        model = _exported(predictor, own.modality_names_, own._layout.shapes, input_dtype)
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

    def _warn_of_rounding(self) -> None:
        """Warn of each modality whose rows float32 rounds, naming the worst column."""
        own: Any = self
        for name, shape, scaler in zip(
            own.modality_names_, own._layout.shapes, own._scalers, strict=True
        ):
            errors = _rounding(scaler)
            column = int(errors.argmax())
            if errors[column] > LARGEST_ROUNDING:
                place = Modality(np.empty((1, *shape))).place(column)
                warn(
                    f"float32 rounds the rows of modality {name!r} by up to {errors[column]:.2g} "
                    f"standard deviations in {place}, whose mean is "
                    f"{scaler.moments.mean[column]:.3g} and whose scale is "
                    f"{scaler.moments.scale[column]:.3g}: pass input_dtype='float64', here and to "
                    "input_feed (guide: Saving and deploying)"
                )


def _rounding(scaler: ModalityScaler) -> np.ndarray:
    """By how many scales float32 moves rows that lie about the mean, at most, (width,)."""
    if scaler.moments is None:
        return np.zeros(1)
    mean, _, scale, _ = scaler.moments
    with np.errstate(over="ignore", invalid="ignore"):
        half_step = np.spacing((np.abs(mean) + scale).astype(np.float32)).astype(np.float64) / 2
    rounded = np.nan_to_num(half_step, nan=np.inf) / scale
    return rounded if scaler.single is None else np.where(scaler.single, 0.0, rounded)


def _onnx() -> Any:
    with needing("export", "to_onnx needs onnx and onnxscript"):
        import onnx
        import onnx.checker
        import onnx.helper
        import onnxscript  # noqa: F401
    return onnx


def _standardisation(name: str, kind: str, scaler: ModalityScaler, sparse: bool) -> Standardisation:
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
        return Standardisation(None, None, None, sparse)
    components = None if scaler.components is None else torch.tensor(scaler.components)
    mean, scale = torch.tensor(scaler.moments.mean), torch.tensor(scaler.moments.scale)
    return Standardisation(mean, scale, components, sparse)


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


def _exported(predictor: AdjustedPredictor, names: list[str], shapes: Any, input_dtype: str) -> Any:
    rows = tuple(torch.zeros(3, *shape, dtype=getattr(torch, input_dtype)) for shape in shapes)
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
