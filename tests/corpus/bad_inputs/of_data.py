"""Bad arguments of containers, transformers, diagnosis and data sets."""

import numpy as np
import pandas as pd
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from .good import AUDIO, FLAT, LABEL, VIDEO, Made, N, alone, fitted, fusion, scaler, unfitted

DONE = Made(fitted, fusion)


REGRESSION = LinearRegression().fit(AUDIO, LABEL)


CONTAINER = [
    ("MultiModalArray", {"data": 7}, TypeError, ("data", "got 7")),
    ("MultiModalArray", {"data": "audio"}, TypeError, ("data", "'audio'")),
    ("MultiModalArray", {"data": FLAT}, TypeError, ("data is one table",)),
    ("MultiModalArray", {"data": pd.DataFrame(FLAT)}, TypeError, ("data is one table",)),
    ("MultiModalArray", {"data": {"audio": "wav"}}, ValueError, ("'audio'", "'wav'")),
    ("MultiModalArray", {"data": {None: AUDIO}}, TypeError, ("name", "None")),
    ("MultiModalArray", {"data": {"a": AUDIO, "b": [[1], [2, 3]]}}, ValueError, ("'b'", "array")),
    ("MultiModalArray", {"present": {"smell": LABEL > 0}}, ValueError, ("present", "'smell'")),
    ("MultiModalArray", {"present": {"audio": [True]}}, ValueError, ("'audio'", "(1,)", "60")),
    ("MultiModalArray", {"present": {"audio": LABEL}}, ValueError, ("'audio'", "int64")),
    ("MultiModalArray", {"present": ["audio"]}, TypeError, ("present", "['audio']")),
    ("MultiModalArray.__getitem__", {0: "smell"}, KeyError, ("'smell'", "'audio', 'video'")),
    ("MultiModalArray.__getitem__", {0: 60}, IndexError, ("row 60", "60 rows")),
    ("MultiModalArray.__getitem__", {0: -61}, IndexError, ("row -61", "60 rows")),
    ("MultiModalArray.__getitem__", {0: [0, 99]}, IndexError, ("99", "60")),
    ("MultiModalArray.__getitem__", {0: np.ones(5, bool)}, IndexError, ("5", "60")),
    ("MultiModalArray.__getitem__", {0: 1.5}, IndexError, ("1.5",)),
    ("MultiModalArray.__getitem__", {0: (0, 99)}, IndexError, ("99", "7")),
    ("MultiModalArray.__getitem__", {0: None}, IndexError, ("None",)),
    ("MultiModalArray.__array__", {"copy": False}, ValueError, ("without a copy",)),
    ("MultiModalArray.__array__", {"dtype": "number"}, TypeError, ("number",)),
]


class Fails(StandardScaler):
    """Refuses to be fitted."""

    def fit(self, X, y=None, sample_weight=None):
        raise ValueError("too loud")


TRANSFORMERS = [
    ("PerModality.fit", {"self.transformer": None}, TypeError, ("None",)),
    (
        "PerModality.fit",
        {"self.transformer": {"smell": StandardScaler()}},
        ValueError,
        ("'smell'",),
    ),
    (
        "PerModality.fit",
        {"self.transformer": {"audio": "scale"}},
        TypeError,
        ("'audio'", "'scale'"),
    ),
    (
        "PerModality.fit",
        {"self.transformer": LogisticRegression()},
        TypeError,
        ("'audio'", "Logistic"),
    ),
    (
        "PerModality.fit",
        {"self.transformer": {"audio": Fails()}},
        ValueError,
        ("'audio'", "too loud"),
    ),
    ("PerModality.fit", {"self.transformer": StandardScaler}, TypeError, ("'audio'", "class")),
    ("PerModality.fit", {"X": {}}, ValueError, ("got 0",)),
    (
        "PerModality.fit",
        {"X": {"audio": AUDIO, "video": VIDEO[:7]}},
        ValueError,
        ("'video' has 7",),
    ),
    ("PerModality.fit", {"X": FLAT, "self.modalities": [3, 3]}, ValueError, ("6 columns", "7")),
    ("PerModality.fit", {"site": LABEL}, ValueError, ("'site'",)),
    (
        "PerModality.fit_transform",
        {"X": {"audio": AUDIO.astype(str) + "x"}},
        ValueError,
        ("'audio'",),
    ),
    ("PerModality.fit_transform", {"X": None}, ValueError, ("None",)),
    ("PerModality.transform", {"self": Made(scaler)}, NotFittedError, ("PerModality",)),
    ("PerModality.transform", {"X": {"audio": AUDIO}}, ValueError, ("'video' missing",)),
    ("PerModality.transform", {"X": [AUDIO[:, :2], VIDEO]}, ValueError, ("'audio' has 2", "4")),
    ("PerModality.get_feature_names_out", {0: ["a"]}, ValueError, ("input_features", "7", "1")),
    ("PerModality.set_output", {"transform": "table"}, ValueError, ("transform", "'table'")),
    ("PerModality.set_params", {"video__with_mean": 1}, ValueError, ("'video",)),
    ("PerModality.set_params", {"audio__speed": 1}, ValueError, ("'speed'",)),
]


def tested(entry, *cases):
    return [(entry, bad, error, words) for bad, error, *words in cases]


OF_AN_ESTIMATOR = [
    case
    for entry in ("modality_contributions", "conditional_utilisation", "auxiliary_masking_curve")
    for case in tested(
        entry,
        ({"estimator": Made(unfitted)}, NotFittedError, "FrontDoorMultiModalClassifier"),
        ({"estimator": REGRESSION}, TypeError, "estimator", "LinearRegression()"),
        ({"y": LABEL[:9]}, ValueError, "y has 9", "60"),
        ({"y": LABEL + 70}, ValueError, "y has no class", "70"),
        ({"scoring": "acuracy"}, ValueError, "scoring", "'acuracy'"),
        ({"n_repeats": 0}, InvalidParameterError, "'n_repeats'", "0"),
        ({"random_state": "seed"}, InvalidParameterError, "random_state", "'seed'"),
    )
]

CONTRIBUTIONS = [
    *tested(
        "modality_contributions",
        ({"method": "median"}, InvalidParameterError, "'method'", "'median'"),
        ({"n_bootstrap": -1}, InvalidParameterError, "'n_bootstrap'", "-1"),
        ({"confidence_level": 1}, InvalidParameterError, "'confidence_level'", "1"),
        ({"background": [AUDIO], "method": "missing"}, ValueError, "background", "'missing'"),
        ({"background": {"audio": AUDIO}}, ValueError, "background: ", "'video' missing"),
        ({"sample_weight": np.ones(5)}, ValueError, "sample_weight", "5", "60"),
        ({"scoring": lambda *_: "good"}, ValueError, "scoring", "'good'"),
        ({"scoring": "max_error", "sample_weight": np.ones(N)}, ValueError, "'max_error'"),
        ({"X": [AUDIO], "estimator": Made(alone)}, ValueError, "one modality", "'audio'"),
        ({"X": {"audio": AUDIO[:0], "video": VIDEO[:0]}, "y": []}, ValueError, "0"),
    ),
    *tested(
        "conditional_utilisation",
        ({"scoring": "neg_log_loss"}, ValueError, "positive", "-"),
        ({"method": None}, InvalidParameterError, "'method'", "None"),
        ({"X": {"audio": AUDIO}}, ValueError, "'video' missing"),
        ({"sample_weight": -np.ones(N)}, ValueError, "`sample_weight`"),
        ({"sample_weight": np.inf}, ValueError, "sample_weight", "infinity"),
        ({"sample_weight": np.full(N, 1e308)}, ValueError, "sample_weight is up to 1e+308"),
    ),
    *tested(
        "auxiliary_masking_curve",
        ({"shares": 0.5}, TypeError, "shares", "0.5"),
        ({"shares": []}, ValueError, "shares", "[]"),
        ({"shares": [0, 1.5]}, ValueError, "shares", "1.5"),
        ({"shares": [True]}, ValueError, "shares", "True"),
        ({"predominant": "smell"}, ValueError, "predominant='smell'", "'audio'"),
        ({"predominant": 9}, ValueError, "predominant=9"),
        ({"X": [AUDIO], "estimator": Made(alone)}, ValueError, "'audio' is the only"),
        (
            {"X": {"audio": AUDIO, "video": np.where(np.eye(N, 3) > 0, np.nan, VIDEO)}},
            ValueError,
            "'video'",
            "row 0",
        ),
    ),
    *tested(
        "unimodal_gap",
        ({"estimator": LogisticRegression()}, TypeError, "estimator", "LogisticRegression()"),
        ({"estimator": "fusion"}, TypeError, "estimator", "'fusion'"),
        ({"cv": 1}, InvalidParameterError, "'cv'", "Got 1"),
        ({"cv": 40}, ValueError, "n_splits=40"),
        ({"cv": "ten"}, InvalidParameterError, "cv", "'ten'"),
        ({"groups": LABEL[:5]}, ValueError, "groups has 5 entries for 60 rows"),
        ({"groups": [1] * N}, ValueError, "number of groups: 1"),
        ({"y": LABEL * np.nan}, ValueError, "y", "row 0", "nan"),
        ({"random_state": -1}, InvalidParameterError, "-1"),
    ),
    *tested(
        "diagnose",
        ({"X": AUDIO}, ValueError, "one modality", "'modality0'"),
        ({"y": None}, ValueError, "y", "None"),
        ({"y": [0] * N}, ValueError, "y", "0"),
        ({"cv": 1}, InvalidParameterError, "'cv'", "1"),
        ({"cv": 30}, ValueError, "n_splits=30"),
        ({"n_repeats": 0}, InvalidParameterError, "'n_repeats'", "0"),
        ({"confidence_level": 95}, InvalidParameterError, "'confidence_level'", "95"),
        ({"network_params": {"layers": 3}}, ValueError, "network_params", "'layers'=3"),
        ({"network_params": {"dropout": 3}}, InvalidParameterError, "dropout", "3"),
        ({"network_params": ["dropout"]}, InvalidParameterError, "network_params", "['dropout']"),
        ({"groups": LABEL[:3]}, ValueError, "groups has 3 entries for 60 rows"),
        ({"modalities": [3, 3], "X": FLAT}, ValueError, "6 columns", "7"),
        ({"verbose": "loud"}, InvalidParameterError, "verbose", "'loud'"),
        ({"random_state": 1.5}, InvalidParameterError, "random_state", "1.5"),
    ),
    *tested(
        "overlap",
        ({"clf": LogisticRegression()}, TypeError, "clf", "LogisticRegression"),
        ({"clf": "clf"}, TypeError, "clf", "str"),
        ({"clf": DONE}, TypeError, "clf", "FusionClassifier"),
        ({"clf": Made(unfitted)}, NotFittedError, "FrontDoorMultiModalClassifier"),
        ({"clf": Made(alone), "X": [AUDIO]}, ValueError, "'audio' is the only modality"),
        ({"X": {"audio": AUDIO, "video": None}}, ValueError, "row 0"),
        ({"X": [AUDIO]}, ValueError, "1 modalities", "2"),
    ),
    *tested(
        "dask_backend",
        ({"client": "scheduler:8786"}, TypeError, "client", "'scheduler:8786'"),
        ({"client": 3}, TypeError, "client", "3"),
        ({}, ValueError, "client"),
    ),
]

SIMULATE = "datasets.make_confounded_modalities"
CONFOUND = "datasets.confound"

DATA_SETS = [
    *tested(
        "datasets.load_multiple_features",
        ({"views": "kar"}, TypeError, "views", "'kar'"),
        ({"views": ()}, ValueError, "views", "()"),
        ({"views": ("kar", "kar")}, ValueError, "views", "('kar', 'kar')"),
        ({"views": ("kar", "smell")}, ValueError, "views", "'smell'"),
        ({"views": 3}, TypeError, "views", "3"),
        ({"views": [["kar"]]}, ValueError, "views", "['kar']"),
    ),
    *tested(
        SIMULATE,
        ({"n_samples": 0}, ValueError, "n_samples", "got 0"),
        ({"n_samples": 10.0}, TypeError, "n_samples", "10.0"),
        ({"n_samples": True}, TypeError, "n_samples", "True"),
        ({"n_classes": 1}, ValueError, "n_classes", "got 1"),
        ({"n_content": 0}, ValueError, "n_content", "got 0"),
        ({"n_context": -1}, ValueError, "n_context", "got -1"),
        ({"n_auxiliary": "4"}, TypeError, "n_auxiliary", "'4'"),
        ({"prior": [0.5, 0.6]}, ValueError, "prior", "[0.5, 0.6]"),
        ({"prior": [1.5, -0.5]}, ValueError, "prior", "-0.5"),
        ({"prior": []}, ValueError, "prior", "[]"),
        ({"prior": "even"}, TypeError, "prior", "'even'"),
        ({"prior": [np.nan, 1]}, ValueError, "prior", "nan"),
        ({"broken": 1.1}, ValueError, "broken", "1.1"),
        ({"broken": None}, TypeError, "broken", "None"),
        ({"content_sep": -1}, ValueError, "content_sep", "-1"),
        ({"context_sep": np.inf}, ValueError, "context_sep", "inf"),
        ({"auxiliary_sep": "far"}, TypeError, "auxiliary_sep", "'far'"),
        ({"world": -1}, ValueError, "world", "-1"),
        ({"world": "earth"}, TypeError, "world", "'earth'"),
        ({"random_state": "seed"}, ValueError, "random_state", "'seed'"),
        ({"random_state": np.random.default_rng(0)}, ValueError, "random_state", "Generator"),
    ),
    *tested(
        CONFOUND,
        ({"X": AUDIO}, TypeError, "X", "ndarray"),
        ({"X": None}, TypeError, "X", "None"),
        ({"modality": "smell"}, ValueError, "modality", "'smell'", "['audio', 'video']"),
        ({"modality": 2}, ValueError, "modality", "got 2"),
        ({"modality": -1}, ValueError, "modality", "got -1"),
        ({"modality": True}, ValueError, "modality", "True"),
        ({"y": LABEL[:9]}, ValueError, "y has 9", "60"),
        ({"y": None}, ValueError, "y", "None"),
        ({"y": [0] * N}, ValueError, "y", "[0]"),
        ({"y": np.r_[9, LABEL[1:]]}, ValueError, "y", "9 has 1"),
        ({"y": np.where(LABEL == 1, np.nan, 1.0)}, ValueError, "y", "row 1", "nan"),
        ({"y": np.eye(3)[LABEL]}, ValueError, "y", "(60, 3)"),
        ({"y": LABEL / 7}, ValueError, "y: ", "continuous"),
        ({"prior": [[1.0], [1.0]]}, ValueError, "prior has 2 rows", "3 classes"),
        ({"prior": [0.6, 0.6]}, ValueError, "prior", "[0.6, 0.6]"),
        ({"prior": 0.4}, ValueError, "prior", "0.4"),
        ({"reliability": 2}, ValueError, "reliability", "2"),
        ({"strength": -1}, ValueError, "strength", "-1"),
        ({"noise": np.nan}, ValueError, "noise", "nan"),
        ({"noise": True}, TypeError, "noise", "True"),
        ({"test_size": 1}, ValueError, "test_size", "1"),
        ({"test_size": 0.001}, ValueError, "test_size", "0.001"),
        ({"test_size": 20}, ValueError, "test_size", "20"),
        ({"groups": LABEL[:7]}, ValueError, "groups has 7 entries for 60 rows"),
        ({"groups": ["a"] * N}, ValueError, "groups", "'a'"),
        ({"groups": [None, *LABEL[1:]]}, ValueError, "groups", "None", "row 0"),
        ({"random_state": -1}, ValueError, "random_state", "-1"),
        ({"X": {"audio": np.zeros((N, 2, 2, 2, 2))}}, TypeError, "'audio'", "2, 2, 2, 2)"),
        ({"X": {"audio": AUDIO.astype(str)}}, TypeError, "'audio'", "<U32"),
        (
            {"X": {"audio": pd.DataFrame({"tint0": LABEL})}},
            ValueError,
            "'audio'",
            "'tint0'",
        ),
    ),
]

CASES = [*CONTAINER, *TRANSFORMERS, *OF_AN_ESTIMATOR, *CONTRIBUTIONS, *DATA_SETS]
