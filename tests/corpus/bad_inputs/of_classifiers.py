"""Bad arguments of the classifiers' methods: entry, what is spoiled, error, words of it."""

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

import skbetafd
from skbetafd.persistence.json_values import NotSavableError

from .good import (
    AUDIO,
    LABEL,
    LEVELS,
    READING,
    VIDEO,
    Made,
    N,
    alone,
    discrete,
    fusion,
    mediated,
    search,
    unfitted,
)

NOTHING = np.full((N, 4), np.nan)
FRONT_DOOR = "FrontDoorMultiModalClassifier"
SEARCH = "FrontDoorMultiModalClassifierCV"
FUSION = "baselines.FusionClassifier"
LATE = "baselines.LateFusionClassifier"
ALONE = "baselines.UnimodalClassifier"
DISCRETE = "DiscreteFrontDoorClassifier"


def spoiled(values, row, value):
    out = np.array(values, dtype=object)
    out[row] = value
    return out


def fit(bad, error, *words, of=FRONT_DOOR):
    return (f"{of}.fit", bad, error, words)


MEDIATORS = [
    fit({"mediator": READING[:7]}, ValueError, "mediator", "(60,)", "(7,)"),
    fit({"mediator": np.zeros((N, 2, 2))}, ValueError, "mediator", "(60, 2, 2)"),
    fit({"mediator": np.zeros(N)}, ValueError, "mediator column 0 is constant (0.0)"),
    fit({"mediator": ["seen"] * N}, ValueError, "mediator has one level", "'seen'"),
    fit({"mediator": list(range(N))}, ValueError, "mediator has 60 levels in 60 rows"),
    fit({"mediator": "seen"}, ValueError, "mediator", "()"),
    fit({"mediator": spoiled(READING, 4, None)}, TypeError, "mediator, row 4", "None"),
    fit(
        {"mediator": np.ma.masked_equal(READING, 1)},
        ValueError,
        "mediator is a masked array",
        "60 entries masked",
    ),
    fit({"mediator": sparse.eye_array(N)}, TypeError, "mediator is a sparse matrix"),
    fit({"mediator": READING + 1j}, TypeError, "mediator", "1j"),
    fit(
        {"mediator": np.where(np.arange(N) == 9, np.inf, READING)},
        ValueError,
        "mediator contains infinity at row 9, column 0",
    ),
    fit(
        {"mediator": pd.DataFrame({"a": READING, "b": READING / 2})},
        ValueError,
        "mediator mixes continuous and categorical columns",
        "float64",
    ),
]

GROUPS = [
    fit(
        {"self.early_stopping": True, "groups": LABEL[:5]},
        ValueError,
        "groups has 5 entries for 60 rows",
    ),
    fit(
        {"self.early_stopping": True, "groups": np.ma.masked_equal(LABEL, 1)},
        ValueError,
        "groups is a masked array with 20 of 60",
    ),
    fit(
        {"groups": np.ma.masked_equal(LABEL, 1)},
        ValueError,
        "groups is a masked array with 20 of 60",
        of=SEARCH,
    ),
    fit({"self.early_stopping": True, "groups": [0] * N}, ValueError, "two groups, got 1"),
    fit(
        {"self.early_stopping": True, "groups": spoiled(LABEL, 3, "a")},
        TypeError,
        "groups",
        "'a'",
    ),
    fit(
        {"self.early_stopping": True, "groups": LABEL},
        ValueError,
        "groups",
    ),
]


class Odd(torch.nn.Module):
    """Reads any rows, and gives one number for all."""

    def forward(self, x):
        return x.sum()


class Narrow(torch.nn.Linear):
    """Reads rows of two columns alone."""

    def __init__(self):
        super().__init__(2, 4)

    def __repr__(self):
        return "Narrow()"


ENCODERS = [
    fit({"self.encoders": "mlpp"}, ValueError, "encoders", "'audio'", "'mlpp'"),
    fit({"self.encoders": "conv2d"}, ValueError, "'conv2d'", "'audio'", "(4,)"),
    fit({"self.encoders": {"smell": "mlp"}}, ValueError, "encoders names 'smell'", "'audio'"),
    fit({"self.encoders": {7: "mlp"}}, ValueError, "encoders names 7", "'audio', 'video'"),
    fit(
        {"self.encoders": {0: "linear", "audio": "mlp"}},
        ValueError,
        "encoders names modality 'audio' twice, by 0 and by 'audio'",
    ),
    fit(
        {"self.encoder_learning_rate": {"video": 0.1, 1: 0.2}},
        ValueError,
        "encoder_learning_rate names modality 'video' twice, by 'video' and by 1",
    ),
    fit({"self.encoders": {"audio": 3}}, TypeError, "encoders['audio']", "got 3"),
    fit({"self.encoders": {"audio": dict}}, TypeError, "encoders", "'audio'", "{}"),
    fit({"self.encoders": {"audio": Odd()}}, ValueError, "encoders", "'audio'", "(n, 4)"),
    fit({"self.encoders": {"video": Narrow()}}, ValueError, "encoders", "'video'", "(n, 3)"),
    fit({"self.encoder_learning_rate": {"smell": 0.1}}, ValueError, "encoder_learning_rate"),
    fit({"self.encoder_learning_rate": {"audio": 0.1}}, ValueError, "'audio'", "no module"),
    fit(
        {"self.encoders": {"audio": torch.nn.Linear(4, 2)}, "self.encoder_learning_rate": {0: -1}},
        ValueError,
        "encoder_learning_rate of modality 'audio'",
        "got -1",
    ),
]

PARAMETERS = [
    fit({"self.class_weight": {"bird": 2}}, ValueError, "class_weight", "'bird'", "0, 1, 2"),
    fit({"self.class_weight": {0: -1}}, ValueError, "class_weight", "-1 for 0"),
    fit({"self.class_weight": {0: "much"}}, ValueError, "class_weight", "'much' for 0"),
    fit({"self.class_weight": dict.fromkeys(range(3), 0)}, ValueError, "class_weight", "{0: 0"),
    fit({"self.modalities": [4, 2]}, ValueError, "6 columns", "7"),
    fit({"self.modalities": {}, "X": np.ones((N, 7))}, ValueError, "modalities", "{}"),
    fit({"self.modalities": [4, 2], "X": np.ones((N, 7))}, ValueError, "6 columns", "7"),
    fit({"self.modalities": [7, 0], "X": np.ones((N, 7))}, ValueError, "'modality1'", "width 0"),
    fit({"self.modalities": [4, [5]], "X": np.ones((N, 7))}, TypeError, "'modality1'", "[5]"),
    fit({"self.modalities": {"a": [0, 9]}, "X": np.ones((N, 7))}, ValueError, "'a'", "column 9"),
    fit({"self.modalities": {"a": ["pitch"]}, "X": np.ones((N, 7))}, ValueError, "'a'", "'pitch'"),
    fit({"self.modalities": {"a": [0.5]}, "X": np.ones((N, 7))}, TypeError, "'a'", "0.5"),
    fit(
        {"self.modalities": {"a": range(4), "b": range(3, 7)}, "X": np.ones((N, 7))},
        ValueError,
        "column 3 belongs to modality 'a' and to 'b'",
    ),
    fit({"self.modalities": {1: range(7)}, "X": np.ones((N, 7))}, TypeError, "string, got 1"),
    fit({"X": {"audio": NOTHING, "video": VIDEO}}, ValueError, "'audio'"),
    fit(
        {
            "X": {
                "audio": np.where(np.arange(N)[:, None] == 5, np.nan, AUDIO),
                "video": np.where(np.arange(N)[:, None] == 5, np.nan, VIDEO),
            }
        },
        ValueError,
        "row 5",
    ),
    fit({"self.warm_start": True, "y": None}, ValueError, "y"),
    fit({"self.checkpoint_dir": "a.txt"}, ValueError, "checkpoint_dir", "a.txt"),
]

PARTIAL = [
    (f"{FRONT_DOOR}.partial_fit", bad, error, words)
    for bad, error, words in [
        ({"self": Made(unfitted)}, ValueError, ("classes must be passed",)),
        ({"self": Made(unfitted), "classes": [1]}, ValueError, ("2 classes", "[1]")),
        ({"self": Made(unfitted), "classes": "012"}, ValueError, ("classes", "'012'")),
        ({"self": Made(unfitted), "classes": [0, 1]}, ValueError, ("y", "label 2", "0, 1")),
        ({"self": Made(unfitted), "classes": [0, 1, np.nan]}, ValueError, ("classes", "NaN")),
        ({"classes": [0, 1]}, ValueError, ("classes=[0, 1]", "[0, 1, 2]")),
        ({"y": LABEL + 1}, ValueError, ("y has the label 3", "0, 1, 2")),
        ({"y": LABEL[:9]}, ValueError, ("y has 9 entries", "60 rows")),
        ({"X": {"audio": AUDIO, "video": AUDIO}}, ValueError, ("'video' has 4 features", "3")),
        ({"X": {"audio": AUDIO}}, ValueError, ("'video' missing",)),
        ({"self.early_stopping": True}, ValueError, ("early_stopping=True",)),
        ({"self.class_weight": "balanced"}, ValueError, ("class_weight='balanced'",)),
        ({"self": Made(mediated)}, ValueError, ("observed mediator",)),
        (
            {
                "self": Made(unfitted),
                "classes": [0, 1, 2],
                "sample_weight": np.full(N, 1e-45),
            },
            ValueError,
            ("sample_weight", "6e-44"),
        ),
        ({"self.hidden_dim": 99}, ValueError, ("(99, 3)", "(8, 3)", "widths")),
    ]
]

PREDICTIONS = [
    (f"{FRONT_DOOR}.log_beta_path", {"betas": "ab"}, InvalidParameterError, ("'betas'", "'a'")),
    (
        f"{FRONT_DOOR}.log_beta_path",
        {"betas": np.eye(2)},
        InvalidParameterError,
        ("'betas'", "[1., 0.]"),
    ),
    (
        f"{FRONT_DOOR}.beta_path",
        {"betas": {0.5: 1, 2: 1}},
        InvalidParameterError,
        ("'betas'", "Got 2"),
    ),
    (f"{FRONT_DOOR}.predict", {"self.predict_batch_size": 0}, InvalidParameterError, ("Got 0",)),
    (
        f"{FRONT_DOOR}.predict",
        {"X": {"audio": None, "video": None}},
        ValueError,
        ("'audio'", "None"),
    ),
    (f"{FRONT_DOOR}.predict_log_proba", {"X": "audio.wav"}, ValueError, ("X", "audio.wav")),
    (f"{FRONT_DOOR}.predict_proba", {"X": [AUDIO, 7]}, ValueError, ("'modality1'", "7")),
    (f"{FRONT_DOOR}.codes", {"self": Made(unfitted)}, NotFittedError, (FRONT_DOOR,)),
    (f"{FRONT_DOOR}.codes", {"self": Made(mediated)}, ValueError, ("observed mediator",)),
    (f"{FRONT_DOOR}.codes", {"self": Made(alone), "X": [AUDIO]}, ValueError, ("'audio'", "only")),
    (f"{FRONT_DOOR}.codes", {"X": [AUDIO, AUDIO]}, ValueError, ("'video' has 4", "3")),
    (f"{FRONT_DOOR}.modality_codes", {"X": [AUDIO]}, ValueError, ("1 modalities", "2")),
    (f"{FRONT_DOOR}.modality_codes", {"self": Made(unfitted)}, NotFittedError, (FRONT_DOOR,)),
    (f"{FRONT_DOOR}.score", {"y": LABEL[:5]}, ValueError, ("y has 5 entries for 60 rows",)),
    (f"{FRONT_DOOR}.score", {"y": None}, ValueError, ("y", "None")),
    (f"{FRONT_DOOR}.score", {"y": LABEL / 2}, ValueError, ("y: ", "continuous")),
    (f"{FRONT_DOOR}.score", {"y": np.eye(3)[LABEL]}, ValueError, ("y", "(60, 3)")),
    (f"{FRONT_DOOR}.score", {"y": spoiled(LABEL, 7, None)}, ValueError, ("y is missing in row 7",)),
    (
        f"{FRONT_DOOR}.score",
        {"y": LABEL.astype("datetime64[D]")},
        ValueError,
        ("y must hold labels as those of fit, [0, 1, 2]", "1970"),
    ),
    *(
        (f"{FRONT_DOOR}.predict", {"X": {"audio": value, "video": None}}, ValueError, words)
        for value, words in [
            (3, ("'audio' needs rows and columns, got 3",)),
            (np.array(1.5), ("'audio' needs rows and columns, got 1.5",)),
            (None, ("'audio' needs rows and columns, got None", "all have another")),
        ]
    ),
    (
        f"{FRONT_DOOR}.predict",
        {"X": {"audio": sparse.coo_array(np.ones(N)), "video": VIDEO}},
        ValueError,
        ("'audio' needs rows and columns, got shape (60,)",),
    ),
    fit(
        {"X": {"audio": AUDIO, "note": None}},
        ValueError,
        "'note' needs rows and columns, got None: a fit needs each modality in some row",
    ),
    (
        f"{FRONT_DOOR}.predict",
        {"X": {"audio": np.ma.masked_less(AUDIO, 0), "video": VIDEO}},
        ValueError,
        ("'audio' is a masked array", ".filled(np.nan)"),
    ),
    (f"{FRONT_DOOR}.score", {"y": LABEL.astype(str)}, ValueError, ("y", "'0'")),
    (f"{FRONT_DOOR}.score", {"sample_weight": [1]}, ValueError, ("sample_weight has 1", "60")),
    (f"{FRONT_DOOR}.score", {"sample_weight": -np.ones(N)}, ValueError, ("sample_weight",)),
    (f"{FRONT_DOOR}.score", {"sample_weight": np.nan}, ValueError, ("sample_weight", "NaN")),
    (
        f"{FRONT_DOOR}.score",
        {"sample_weight": np.full(N, 1e308)},
        ValueError,
        ("sample_weight is up to 1e+308", "60 rows"),
    ),
    (
        f"{FRONT_DOOR}.partial_fit",
        {"sample_weight": np.inf},
        ValueError,
        ("sample_weight", "infinity"),
    ),
    fit({"sample_weight": np.nan}, ValueError, "sample_weight", "NaN", of=SEARCH),
    fit({"sample_weight": np.full(N, 1e308)}, ValueError, "sample_weight", "1e+308", of=SEARCH),
    fit({"sample_weight": np.full(N, 1e307)}, ValueError, "sample_weight", "1e+307", of=DISCRETE),
    fit({"self.smoothing": 1e308}, ValueError, "smoothing=1e+308", of=DISCRETE),
    (f"{FRONT_DOOR}.score", {"X": {"audio": AUDIO}}, ValueError, ("'video' missing",)),
    (f"{FRONT_DOOR}.set_params", {"bета": 1}, ValueError, ("'bета'", FRONT_DOOR)),
]

FILES = [
    (f"{FRONT_DOOR}.save", {"path": "no/model"}, FileNotFoundError, ("no directory", "'no/model'")),
    (f"{FRONT_DOOR}.save", {"path": "folder"}, IsADirectoryError, ("folder",)),
    (
        f"{FRONT_DOOR}.save",
        {"path": "a.txt/model"},
        FileNotFoundError,
        ("no directory", "'a.txt/model'"),
    ),
    (f"{FRONT_DOOR}.save", {"path": ""}, IsADirectoryError, ("''",)),
    (f"{FRONT_DOOR}.save", {"path": None}, TypeError, ("path", "None")),
    (f"{FRONT_DOOR}.save", {"path": 3}, TypeError, ("path", "3")),
    (f"{FRONT_DOOR}.save", {"path": "a\0b"}, ValueError, ("path", "a\\x00b")),
    (f"{FRONT_DOOR}.save", {"path": "n" * 300}, OSError, ("n" * 300,)),
    (f"{FRONT_DOOR}.save", {"self": Made(unfitted)}, NotFittedError, (FRONT_DOOR,)),
    (f"{FRONT_DOOR}.save", {"self.hidden_dim": 99}, NotSavableError, ("hidden_dim=8", "99")),
    (
        f"{FRONT_DOOR}.to_onnx",
        {"path": "no/model"},
        FileNotFoundError,
        ("no directory", "'no/model'"),
    ),
    (f"{FRONT_DOOR}.to_onnx", {"path": "folder"}, IsADirectoryError, ("folder",)),
    (f"{FRONT_DOOR}.to_onnx", {"path": None}, TypeError, ("path", "None")),
    (f"{FRONT_DOOR}.to_onnx", {"beta": 2}, InvalidParameterError, ("'beta'", "Got 2")),
    (f"{FRONT_DOOR}.to_onnx", {"self": Made(unfitted)}, NotFittedError, (FRONT_DOOR,)),
    (f"{FRONT_DOOR}.to_torch", {"beta": "half"}, InvalidParameterError, ("'beta'", "'half'")),
    (f"{FRONT_DOOR}.to_torch", {"beta": np.nan}, InvalidParameterError, ("'beta'", "nan")),
    (f"{FRONT_DOOR}.to_torch", {"self": Made(unfitted)}, NotFittedError, (FRONT_DOOR,)),
    (
        f"{FRONT_DOOR}.to_torch",
        {"self.effect": "both"},
        InvalidParameterError,
        ("'effect'", "'both'"),
    ),
    (f"{SEARCH}.save", {"path": "no/model"}, FileNotFoundError, ("no directory", "'no/model'")),
    (f"{SEARCH}.to_torch", {"beta": -1}, InvalidParameterError, ("'beta'", "-1", SEARCH)),
    (f"{SEARCH}.to_onnx", {"self": Made(search)}, NotFittedError, (SEARCH,)),
    ("load", {"path": "no.safetensors"}, FileNotFoundError, ("no.safetensors",)),
    ("load", {"path": "folder"}, IsADirectoryError, ("'folder'", "directory")),
    ("load", {"path": None}, TypeError, ("path", "None")),
    ("load", {"path": b"model"}, TypeError, ("path", "b'model'")),
    ("load", {"device": "cuda:99"}, ValueError, ("device 'cuda:99'",)),
    ("load", {"device": 3}, ValueError, ("device", "3")),
    ("load", {"encoders": "mlp"}, TypeError, ("encoders", "'mlp'")),
    (
        "load",
        {"encoders": {"smell": torch.nn.Identity()}},
        skbetafd.ModelFileError,
        ("encoders", "'smell'"),
    ),
]

SEARCHES = [
    fit({"self.betas": []}, ValueError, "betas", "[]", of=SEARCH),
    fit({"self.betas": [0, 2]}, InvalidParameterError, "'betas'", "Got 2", of=SEARCH),
    fit({"self.betas": 0.5}, InvalidParameterError, "'betas'", "0.5", of=SEARCH),
    fit({"self.cv": 1}, InvalidParameterError, "'cv'", "Got 1", of=SEARCH),
    fit({"self.cv": 99}, ValueError, "99", of=SEARCH),
    fit({"self.cv": "five"}, InvalidParameterError, "cv", "'five'", of=SEARCH),
    fit({"self.cv": []}, ValueError, "cv gave no split", "cv=[]", of=SEARCH),
    fit(
        {"self.cv": [([0, 1, 2], [99])]},
        IndexError,
        "fold 0: index 99",
        "size 60",
        of=SEARCH,
    ),
    fit({"self.scoring": "acuracy"}, InvalidParameterError, "scoring", "'acuracy'", of=SEARCH),
    fit(
        {"self.scoring": ["accuracy", "f1_macro"]},
        InvalidParameterError,
        "scoring",
        "f1_macro",
        of=SEARCH,
    ),
    fit({"self.scoring": "roc_auc"}, ValueError, "fold 0, scoring='roc_auc'", of=SEARCH),
    fit({"self.n_jobs": 1.5}, InvalidParameterError, "'n_jobs'", "1.5", of=SEARCH),
    fit({"self.n_jobs": 0}, ValueError, "n_jobs", "0", of=SEARCH),
    fit({"self.param_grid": {"beta": [0]}}, ValueError, "'beta'", "betas", of=SEARCH),
    fit({"self.param_grid": {"depth": [0]}}, ValueError, "'depth'", of=SEARCH),
    fit({"self.param_grid": {"dropout": []}}, ValueError, "'dropout'", of=SEARCH),
    fit(
        {"self.param_grid": {"dropout": [0.1, 2]}},
        InvalidParameterError,
        "'dropout'",
        "Got 2",
        of=SEARCH,
    ),
    fit({"self.param_grid": {"dropout": 0.1}}, TypeError, "dropout", "0.1", of=SEARCH),
    fit({"self.param_grid": 3}, InvalidParameterError, "'param_grid'", "Got 3", of=SEARCH),
    fit({"site": LABEL}, TypeError, "'site'", of=SEARCH),
    fit({"y": LABEL[:7]}, ValueError, "7", "60", of=SEARCH),
    fit({"X": {"audio": AUDIO, "video": VIDEO[:7]}}, ValueError, "'video' has 7 rows", of=SEARCH),
    (f"{SEARCH}.set_params", {"beta": 1}, ValueError, ("'beta'", "betas")),
    (f"{SEARCH}.set_params", {"estimator": 1}, ValueError, ("'estimator'", SEARCH)),
    (f"{SEARCH}.predict", {"self": Made(search)}, NotFittedError, (SEARCH,)),
    (f"{SEARCH}.predict_proba", {"X": [AUDIO]}, ValueError, ("1 modalities", "2")),
    (
        f"{SEARCH}.predict_log_proba",
        {"self.effect": "all"},
        InvalidParameterError,
        ("'effect'", SEARCH),
    ),
    (f"{SEARCH}.beta_path", {"betas": [3]}, InvalidParameterError, ("'betas'", SEARCH, "Got 3")),
    (f"{SEARCH}.log_beta_path", {"betas": None}, TypeError, ("betas", "None")),
    (f"{SEARCH}.score", {"y": LABEL[:5]}, ValueError, ("y has 5 entries for 60 rows",)),
    (f"{SEARCH}.codes", {"self": Made(search)}, NotFittedError, (SEARCH,)),
    (f"{SEARCH}.modality_codes", {"X": {"audio": AUDIO}}, ValueError, ("'video' missing",)),
]

BASELINES = [
    fit({"self.balancing": "ogm"}, InvalidParameterError, "'balancing'", "'ogm'", of=FUSION),
    fit({"self.balancing_params": {"alpha": 1}}, ValueError, "alpha", "is None", of=FUSION),
    fit(
        {"self.balancing": "ogm-ge", "self.balancing_params": {"speed": 1}},
        ValueError,
        "balancing_params={'speed': 1}",
        "'ogm-ge'",
        of=FUSION,
    ),
    fit(
        {"self.balancing": "ogm-ge", "self.balancing_params": {"alpha": -1}},
        ValueError,
        "alpha",
        "-1",
        of=FUSION,
    ),
    fit(
        {"self.balancing_params": 3},
        InvalidParameterError,
        "'balancing_params'",
        "Got 3",
        of=FUSION,
    ),
    fit({"self.optimizer": "adam"}, InvalidParameterError, "'optimizer'", "'adam'", of=FUSION),
    fit({"self.calibrate": 1.5}, InvalidParameterError, "'calibrate'", "1.5", of=FUSION),
    fit({"self.encoders": {"smell": "mlp"}}, ValueError, "encoders", "'smell'", of=FUSION),
    fit({"y": ["bird"] * N}, ValueError, "y has one class, 'bird'", of=FUSION),
    fit({"y": None}, ValueError, "FusionClassifier requires y", of=FUSION),
    fit({"X": {"audio": AUDIO, "video": VIDEO[:7]}}, ValueError, "'video' has 7 rows", of=FUSION),
    fit(
        {"self.early_stopping": True, "groups": LABEL[:5]},
        ValueError,
        "groups has 5 entries for 60 rows",
        of=FUSION,
    ),
    (f"{FUSION}.predict", {"self": Made(fusion)}, NotFittedError, ("FusionClassifier",)),
    (f"{FUSION}.predict_proba", {"X": [AUDIO]}, ValueError, ("1 modalities", "2")),
    (
        f"{FUSION}.predict_log_proba",
        {"self.predict_batch_size": -5},
        InvalidParameterError,
        ("-5",),
    ),
    (f"{FUSION}.modality_codes", {"X": [AUDIO, AUDIO]}, ValueError, ("'video' has 4", "3")),
    (f"{FUSION}.score", {"y": LABEL[:5]}, ValueError, ("y has 5 entries for 60 rows",)),
    (f"{FUSION}.set_params", {"beta": 1}, ValueError, ("'beta'", "FusionClassifier")),
    fit({"sample_weight": -np.ones(N)}, ValueError, "`sample_weight`", of=LATE),
    fit(
        {"self.max_epochs": 0},
        InvalidParameterError,
        "'max_epochs'",
        "LateFusion",
        "Got 0",
        of=LATE,
    ),
    fit({"self.class_weight": {"bird": 1}}, ValueError, "class_weight", "'bird'", of=LATE),
    (f"{LATE}.predict", {"X": {"audio": AUDIO}}, ValueError, ("'video' missing", "LateFusion")),
    (f"{LATE}.predict_proba", {"X": AUDIO}, ValueError, ("X is one table", "'audio' (4)")),
    (
        f"{LATE}.predict_log_proba",
        {"X": {"audio": None, "video": None}},
        ValueError,
        ("'audio'", "None"),
    ),
    (f"{LATE}.modality_codes", {"X": None}, ValueError, ("None",)),
    (f"{LATE}.score", {"sample_weight": [1, 2]}, ValueError, ("sample_weight has 2", "60")),
    fit({"self.modality": "smell"}, ValueError, "modality='smell'", "'audio'", of=ALONE),
    fit({"self.modality": 7}, ValueError, "modality=7", "'audio'", of=ALONE),
    fit({"self.modality": -1}, ValueError, "modality=-1", "'audio'", of=ALONE),
    fit({"self.modality": True}, ValueError, "modality", "True", of=ALONE),
    fit({"self.modality": None}, InvalidParameterError, "'modality'", "None", of=ALONE),
    fit({"self.dropout": 1}, InvalidParameterError, "'dropout'", "UnimodalClassifier", of=ALONE),
    (
        f"{ALONE}.predict",
        {"X": {"audio": AUDIO[:, :2], "video": VIDEO}},
        ValueError,
        ("2 features",),
    ),
    (f"{ALONE}.predict_proba", {"X": [AUDIO, VIDEO[:7]]}, ValueError, ("'modality1' has 7",)),
    (f"{ALONE}.predict_log_proba", {"X": 3}, ValueError, ("X", "3")),
    (f"{ALONE}.modality_codes", {"X": [AUDIO, VIDEO, VIDEO]}, ValueError, ("3 modalities", "2")),
    (f"{ALONE}.score", {"y": LABEL[:, None] * [1, 1]}, ValueError, ("y", "(60, 2)")),
]

DISCRETES = [
    fit({"self.smoothing": 0}, InvalidParameterError, "'smoothing'", "Got 0", of=DISCRETE),
    fit({"self.beta": 1.5}, InvalidParameterError, "'beta'", "1.5", of=DISCRETE),
    fit({"self.predominant": "smell"}, ValueError, "predominant='smell'", of=DISCRETE),
    fit({"self.predominant": 5}, ValueError, "predominant=5", "'audio'", of=DISCRETE),
    fit({"mediator": READING[:3]}, ValueError, "mediator has 3 rows", "60", of=DISCRETE),
    fit({"mediator": 7}, ValueError, "mediator", "()", of=DISCRETE),
    fit({"mediator": sparse.eye_array(N)}, TypeError, "mediator is a sparse", of=DISCRETE),
    fit({"mediator": spoiled(READING, 2, [1])}, TypeError, "mediator, row 2", "[1]", of=DISCRETE),
    fit({"y": LABEL[:3]}, ValueError, "y has 3 entries for 60 rows", of=DISCRETE),
    fit(
        {"X": {"audio": spoiled(LEVELS["audio"], 3, None), "video": LEVELS["video"]}},
        TypeError,
        "modality 'audio', row 3",
        "None",
        of=DISCRETE,
    ),
    fit(
        {"X": {"audio": np.zeros((N, 0)), "video": READING[:, None]}},
        ValueError,
        "(60, 0)",
        of=DISCRETE,
    ),
    (f"{DISCRETE}.predict", {"self": Made(discrete)}, NotFittedError, (DISCRETE,)),
    (f"{DISCRETE}.predict", {"X": {"audio": LEVELS["audio"]}}, ValueError, ("'video' missing",)),
    (f"{DISCRETE}.predict_proba", {"self.beta": None}, InvalidParameterError, ("'beta'", "None")),
    (f"{DISCRETE}.predict_log_proba", {"X": [AUDIO]}, ValueError, ("1 modalities", "2")),
    (f"{DISCRETE}.beta_path", {"betas": [-0.5]}, InvalidParameterError, ("'betas'", "-0.5")),
    (f"{DISCRETE}.log_beta_path", {"betas": 0}, TypeError, ("betas", "0")),
    (f"{DISCRETE}.score", {"y": LABEL[:5]}, ValueError, ("y has 5 entries for 60 rows",)),
]

CASES = [
    *MEDIATORS,
    *GROUPS,
    *ENCODERS,
    *PARAMETERS,
    *PARTIAL,
    *PREDICTIONS,
    *FILES,
    *SEARCHES,
    *BASELINES,
    *DISCRETES,
]
