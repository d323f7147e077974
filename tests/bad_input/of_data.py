"""Bad arguments of containers, transformers, diagnosis and data sets."""

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from .good import (
    AUDIO,
    FLAT,
    LABEL,
    VIDEO,
    Made,
    N,
    alone,
    fitted,
    fusion,
    of,
    scaler,
    unfitted,
    video,
)

REGRESSION = LinearRegression().fit(AUDIO, LABEL)

CONTAINER = [
    *of(
        "MultiModalArray",
        ({"data": 7}, TypeError, "data", "7"),
        ({"data": FLAT}, TypeError, "data"),
        ({"present": {"smell": LABEL > 0}}, ValueError, "present", "'smell'"),
        ({"present": {"audio": LABEL}}, ValueError, "'audio'", "int64"),
        ({"present": ["audio"]}, TypeError, "present", "['audio']"),
    ),
    *of(
        "MultiModalArray.__getitem__",
        ({0: "smell"}, KeyError, "'smell'", "'audio', 'video'"),
        ({0: [0, 99]}, IndexError, "99", "60"),
        ({0: (0, 99)}, IndexError, "99", "7"),
    ),
    *of("MultiModalArray.__array__", ({"dtype": "number"}, TypeError, "number")),
]


class Fails(StandardScaler):
    """Refuses to be fitted."""

    def fit(self, X, y=None, sample_weight=None):
        raise ValueError("too loud")


TRANSFORMERS = [
    *of(
        "PerModality.fit",
        ({"self.transformer": None}, TypeError, "None"),
        ({"self.transformer": {"smell": StandardScaler()}}, ValueError, "'smell'"),
        ({"self.transformer": {"audio": "scale"}}, TypeError, "'audio'", "'scale'"),
        ({"self.transformer": {"audio": Fails()}}, ValueError, "'audio'", "too loud"),
        ({"self.transformer": StandardScaler}, TypeError, "'audio'"),
        ({"site": LABEL}, ValueError, "'site'"),
    ),
    *of("PerModality.fit_transform", ({"X": video(VIDEO[:7])}, ValueError, "'video' has 7")),
    *of(
        "PerModality.transform",
        ({"self": Made(scaler)}, NotFittedError, "PerModality"),
        ({"X": [AUDIO[:, :2], VIDEO]}, ValueError, "'audio'", "(2,)", "(4,)"),
    ),
    *of("PerModality.get_feature_names_out", ({0: ["a"]}, ValueError, "input_features", "7", "1")),
    *of("PerModality.set_output", ({"transform": "table"}, ValueError, "transform", "'table'")),
    *of("PerModality.set_params", ({"audio__speed": 1}, ValueError, "'speed'")),
]

OF_AN_ESTIMATOR = [
    case
    for entry in ("modality_contributions", "conditional_utilisation", "auxiliary_masking_curve")
    for case in of(
        entry,
        ({"estimator": Made(unfitted)}, NotFittedError, "FrontDoorMultiModalClassifier"),
        ({"estimator": REGRESSION}, TypeError, "estimator", "LinearRegression()"),
        ({"y": LABEL + 70}, ValueError, "y", "70"),
        ({"scoring": "acuracy"}, ValueError, "scoring", "'acuracy'"),
    )
]

DIAGNOSIS = [
    *of(
        "modality_contributions",
        ({"confidence_level": 1}, InvalidParameterError, "'confidence_level'", "1"),
        ({"background": [AUDIO], "method": "missing"}, ValueError, "background", "'missing'"),
        ({"background": {"audio": AUDIO}}, ValueError, "background", "'audio', 'video'"),
        ({"scoring": lambda *_: "good"}, ValueError, "scoring", "'good'"),
    ),
    *of(
        "conditional_utilisation",
        ({"scoring": "neg_log_loss"}, ValueError, "-"),
        ({"sample_weight": np.inf}, ValueError, "sample_weight", "infinity"),
    ),
    *of(
        "auxiliary_masking_curve",
        ({"shares": []}, ValueError, "shares", "[]"),
        ({"shares": [0, 1.5]}, ValueError, "shares", "1.5"),
        ({"X": [AUDIO], "estimator": Made(alone)}, ValueError, "'audio'"),
    ),
    *of(
        "unimodal_gap",
        ({"estimator": LogisticRegression()}, TypeError, "estimator", "LogisticRegression"),
        ({"cv": 1}, InvalidParameterError, "'cv'", "1"),
        ({"y": LABEL * np.nan}, ValueError, "y", "row 0", "nan"),
    ),
    *of(
        "diagnose",
        ({"X": AUDIO}, ValueError, "'modality0' is the only modality"),
        ({"y": None}, ValueError, "y", "None"),
        ({"cv": 30}, ValueError, "30"),
        ({"n_repeats": 0}, InvalidParameterError, "'n_repeats'", "0"),
        ({"network_params": {"layers": 3}}, ValueError, "network_params", "'layers'"),
        ({"network_params": {"dropout": 3}}, InvalidParameterError, "dropout", "3"),
        ({"random_state": 1.5}, InvalidParameterError, "random_state", "1.5"),
    ),
    *of(
        "overlap",
        ({"clf": LogisticRegression()}, TypeError, "clf", "LogisticRegression"),
        ({"clf": Made(fitted, fusion)}, TypeError, "clf", "FusionClassifier"),
        ({"clf": Made(unfitted)}, NotFittedError, "FrontDoorMultiModalClassifier"),
        ({"X": [AUDIO]}, ValueError, "1 modalities", "2"),
    ),
    *of("dask_backend", ({"client": 3}, TypeError, "client", "3"), ({}, ValueError, "client")),
]

DATA_SETS = [
    *of(
        "datasets.load_multiple_features",
        ({"views": "kar"}, TypeError, "views", "'kar'"),
        ({"views": ("kar", "kar")}, ValueError, "views", "('kar', 'kar')"),
        ({"views": ("kar", "smell")}, ValueError, "views", "'smell'"),
    ),
    *of(
        "datasets.make_confounded_modalities",
        ({"n_samples": 0}, ValueError, "n_samples", "0"),
        ({"prior": [0.5, 0.6]}, ValueError, "prior", "[0.5, 0.6]"),
        ({"prior": "even"}, TypeError, "prior", "'even'"),
        ({"broken": 1.1}, ValueError, "broken", "1.1"),
        ({"context_sep": np.inf}, ValueError, "context_sep", "inf"),
        ({"random_state": np.random.default_rng(0)}, ValueError, "random_state", "Generator"),
    ),
    *of(
        "datasets.confound",
        ({"X": AUDIO}, TypeError, "X", "ndarray"),
        ({"X": {"audio": np.zeros((N, 2, 2, 2, 2))}}, TypeError, "'audio'", "2, 2, 2, 2)"),
        ({"X": {"audio": AUDIO.astype(str)}}, TypeError, "'audio'", "<U"),
        ({"X": {"audio": pd.DataFrame({"tint0": LABEL})}}, ValueError, "'audio'", "'tint0'"),
        ({"modality": "smell"}, ValueError, "modality", "'smell'", "'audio', 1: 'video'"),
        ({"y": None}, ValueError, "y", "None"),
        ({"y": LABEL[:9]}, ValueError, "y", "9", "60"),
        ({"y": [0] * N}, ValueError, "y", "[0]"),
        ({"y": np.r_[9, LABEL[1:]]}, ValueError, "y", "1"),
        ({"prior": [0.6, 0.6]}, ValueError, "prior", "[0.6, 0.6]"),
        ({"reliability": 2}, ValueError, "reliability", "2"),
        ({"noise": True}, TypeError, "noise", "True"),
        ({"test_size": 0.001}, ValueError, "test_size", "0.001"),
        ({"test_size": 20}, ValueError, "test_size", "20"),
        ({"groups": ["a"] * N}, ValueError, "groups", "1"),
        ({"groups": LABEL}, ValueError, "groups", "class"),
        ({"prior": [[1.0], [1.0]]}, ValueError, "prior", "2", "3"),
        ({"random_state": -1}, ValueError, "random_state", "-1"),
    ),
]

CASES = [*CONTAINER, *TRANSFORMERS, *OF_AN_ESTIMATOR, *DIAGNOSIS, *DATA_SETS]
