"""From the description in a file to the input and the labels that an estimator was fitted on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._file_fields import check_fields, check_numbers
from ._json_values import decode
from .inputs.validation import Layout

MOST_MODALITIES = 1000
"""A network tells of 3 subsets a modality which modalities they have: a square of memory."""


def describe(estimator: Any, document: dict[str, Any], layout: Layout) -> None:
    """Set what tells of the input and of the labels."""
    classes = decode(document["classes"])
    if not isinstance(classes, np.ndarray) or classes.ndim != 1 or len(classes) < 2:
        raise ValueError("its classes are no array of two labels or more")
    labels = classes.tolist()
    kinds = {type(label) for label in labels}
    if len(kinds) > 1 or any(isinstance(v, float) and not math.isfinite(v) for v in labels):
        raise ValueError("its labels are of several kinds, NaN or infinite")
    if not kinds <= {str, int, float, bool}:
        raise ValueError(f"its labels are of an unknown kind, {labels[0]!r:.80}")
    if len(set(labels)) < len(labels):
        raise ValueError("a label is there twice")
    if labels != sorted(labels):
        raise ValueError("its labels are not sorted")
    estimator.classes_, estimator._layout = classes, layout
    estimator.modality_names_, estimator.modality_slices_ = list(layout.names), layout.slices
    estimator.n_features_in_ = sum(len(columns) for columns in layout.columns.values())
    names = document["feature_names"]
    if names is not None:
        if len(names) != estimator.n_features_in_ or not all(isinstance(n, str) for n in names):
            raise ValueError(f"it has {len(names)} names of {estimator.n_features_in_} features")
        estimator.feature_names_in_ = np.asarray(names, dtype=object)
    scores = document["scores"]
    if document["predominant"] not in layout.names:
        raise ValueError(f"its predominant modality {document['predominant']!r:.80} is not there")
    if scores is not None and (
        list(scores) != list(layout.names) or not all(type(s) is float for s in scores.values())
    ):
        raise ValueError("its scores are not those of the modalities")
    estimator.predominant_, estimator.modality_scores_ = document["predominant"], scores


def layout_from(found: dict[str, Any]) -> Layout:
    """Make the layout of a description.

    Raises
    ------
    ValueError
        If its parts do not fit together.
    """
    kinds = {"names": list, "named": bool, "shapes": list, "columns": list}
    check_fields("its layout", found, {**kinds, "feature_names": list, "flat": bool})
    names, shapes, columns = found["names"], found["shapes"], found["columns"]
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError("its modalities have no names")
    if len(set(names)) < len(names):
        raise ValueError("two modalities have the same name")
    if len(names) > MOST_MODALITIES:
        raise ValueError(f"it has {len(names)} modalities, more than {MOST_MODALITIES}")
    if not len(names) == len(shapes) == len(columns) == len(found["feature_names"]):
        raise ValueError("its layout tells of different numbers of modalities")
    positions = []
    for name, shape, own in zip(names, shapes, columns, strict=True):
        check_numbers(f"the shape of {name!r}", shape, least=1)
        check_numbers(f"the columns of {name!r}", own, least=0)
        if math.prod(shape) != len(own):
            raise ValueError(f"modality {name!r} has rows of shape {shape} and {len(own)} columns")
        positions += own
    if sorted(positions) != list(range(len(positions))):
        raise ValueError("the columns of the modalities overlap or have gaps")
    for name, own, said in zip(names, columns, found["feature_names"], strict=True):
        words = isinstance(said, list) and all(isinstance(word, str) for word in said)
        if said is not None and not (words and len(said) == len(own)):
            raise ValueError(f"the feature names of {name!r} are not one a column")
    return Layout(
        names=tuple(names),
        named=found["named"],
        shapes=tuple(tuple(shape) for shape in shapes),
        columns={n: np.array(own) for n, own in zip(names, columns, strict=True)},
        feature_names=dict(zip(names, found["feature_names"], strict=True)),
        flat=found["flat"],
    )
