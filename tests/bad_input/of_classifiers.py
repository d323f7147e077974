"""Bad arguments of the classifiers' methods: entry, what is spoiled, error, words of it."""

import numpy as np
import pandas as pd
import polars as pl
import torch
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.utils._param_validation import InvalidParameterError

from skbetafd.persistence.json_values import NotSavableError

from .good import (
    AUDIO,
    CLASSIFIERS,
    FLAT,
    LABEL,
    LEVELS,
    READING,
    VIDEO,
    Made,
    N,
    changed,
    mediated,
    objects,
    of,
    search,
    seen,
    unfitted,
    video,
)

FRONT_DOOR = "FrontDoorMultiModalClassifier"
SEARCH = "FrontDoorMultiModalClassifierCV"
FUSION = "baselines.FusionClassifier"
LATE = "baselines.LateFusionClassifier"
ALONE = "baselines.UnimodalClassifier"
DISCRETE = "DiscreteFrontDoorClassifier"
ONES = np.ones(N)
GAPS = pd.Series([1.0, None] * 30)
CUBE = changed(AUDIO, (3, 2), np.nan).reshape(N, 2, 2)


MODALITIES = [
    ({}, ValueError, "got 0"),
    (video(VIDEO[:50]), ValueError, "'video' has 50 rows", "'audio' has 60"),
    ([AUDIO, VIDEO[:, 0]], ValueError, "'modality1'", "(60,)"),
    (video(None), ValueError, "'video'", "None"),
    (video([[1, 2], [3]]), ValueError, "'video'"),
    ({"audio": AUDIO, 1: VIDEO}, TypeError, "name", "1"),
    (video(np.zeros((N, 2, 0))), ValueError, "'video'", "(60, 2, 0)"),
    ({"audio": AUDIO[:0], "video": VIDEO[:0]}, ValueError, "'audio'", "(0, 4)"),
    (video(VIDEO * np.nan), ValueError, "'video'", "NaN"),
    ({k: changed(v, 5, np.nan) for k, v in video(VIDEO).items()}, ValueError, "row 5"),
]

NUMBERS = [
    (video(changed(VIDEO, (7, 2), np.nan)), ValueError, "'video'", "NaN", "row 7, column 2"),
    ([changed(AUDIO, (59, 0), -np.inf), VIDEO], ValueError, "'modality0'", "row 59, column 0"),
    (video(changed(VIDEO, (7, 2), -1e300)), ValueError, "'video'", "-1e+300", "row 7, column 2"),
    (video(CUBE), ValueError, "'video'", "row 3, entry [1, 0]"),
    (video(pd.DataFrame({"x": GAPS.astype("Int64"), "z": 1})), ValueError, "'video'", "row 1, col"),
    (video(pl.DataFrame({"x": [1, None] * 30, "z": 1})), ValueError, "'video'", "row 1, column 0"),
    (video(sparse.csr_array(changed(VIDEO, (7, 2), np.inf))), ValueError, "'video'", "row 7, col"),
    (video(np.ma.masked_greater(VIDEO, 2)), ValueError, "'video'", "masked", ".filled(np.nan)"),
    (video(np.full((N, 3), {"x": 1}, dtype=object)), TypeError, "'video'", "{'x': 1}", "row 0"),
    (video(np.full((N, 2), "loud")), ValueError, "'video'", "'loud'"),
    (video(np.full((N, 2), "1.5")), ValueError, "'video'", "'1.5'", "astype(float)"),
    (video(pd.DataFrame({"x": ["loud"] * N})), ValueError, "'video'", "'loud'"),
    (video(np.full((N, 1), "2024-02-29", "M8[D]")), ValueError, "'video'", "2024-02-29"),
    (video(VIDEO + 1j), ValueError, "'video'", "complex128"),
    (video(torch.tensor(VIDEO).bfloat16()), TypeError, "'video'", "BFloat16"),
]

TABLES = [
    (changed(FLAT, (3, 5), np.nan), ValueError, "'modality0'", "row 3, column 5"),
    (np.full((N, 2), "loud"), ValueError, "'loud'", "row 0, column 0", "PerModality"),
    (sparse.csr_matrix(FLAT), TypeError, "Sparse", "X"),
    (FLAT[:0], ValueError, "(0, 7)"),
    (FLAT[:, 0], ValueError, "1D"),
    (np.zeros((N, 2, 2)), ValueError, "dim 3"),
    (np.array([AUDIO, AUDIO], dtype=object), ValueError, "X", "(2, 60, 4)", "list"),
    (pd.DataFrame(AUDIO, columns=["a", 1, 2, 3]), TypeError, "'int', 'str'"),
    (None, ValueError, "None"),
    ({1, 2}, ValueError, "{1, 2}"),
    (torch.tensor(AUDIO).bfloat16(), TypeError, "X", "BFloat16"),
]

LABELS = [
    (None, ValueError, "y", "None"),
    (LABEL / 7, ValueError, "y", "continuous"),
    (np.eye(3)[LABEL], ValueError, "y", "(60, 3)"),
    ("bird", ValueError, "y", "'bird'"),
    (changed(LABEL, 3, np.inf), ValueError, "y", "infinity"),
    (["bird"] * N, ValueError, "y", "one class", "'bird'"),
    (sparse.csr_array(LABEL[:, None]), TypeError, "y", "(60, 1)"),
    (objects(*["a", 1] * 30), TypeError, "y", "1 in row 1"),
    (GAPS, ValueError, "y", "row 1", "nan"),
    (pd.Series(["a", "b", None] * 20, dtype="string"), ValueError, "y", "row 2", "<NA>"),
    (np.array([(i,) for i in LABEL], dtype=[("kind", int)]), TypeError, "y", "'kind'"),
    (np.ma.masked_equal(LABEL, 1), ValueError, "y", "20 of 60"),
]

WEIGHTS = [
    (changed(ONES, 3, -0.5), ValueError, "sample_weight"),
    (np.ones((N, 2)), ValueError, "ample"),
    (0 * ONES, ValueError, "ample"),
    (changed(ONES, 3, np.nan), ValueError, "sample_weight", "NaN"),
    (np.inf, ValueError, "sample_weight", "infinity"),
    (["heavy"] * N, ValueError, "sample_weight", "'heavy'"),
    (LABEL.astype("datetime64[D]"), ValueError, "sample_weight", "datetime64"),
    (changed(ONES, 3, 1e300), ValueError, "sample_weight", "1e+300"),
    ((LABEL == 1) * 1.0, ValueError, "y", "one class", "1"),
]

GROUPS = [
    (LABEL[:5], ValueError, "groups", "5", "60"),
    ([0] * N, ValueError, "groups", "1"),
    (objects(*LABEL[1:], "a"), TypeError, "groups", "'a' in row 59"),
    (LABEL, ValueError, "groups"),
]


COUNTS = (
    "hidden_dim knowledge_dim context_dim n_references n_mediator_samples max_epochs "
    "n_iter_no_change n_members predict_batch_size"
)
OUT_OF_RANGE = {
    **dict.fromkeys(COUNTS.split(), (0, 1.5)),
    **dict.fromkeys(["knowledge_weight", "disentangle_weight", "label_weight"], (-0.1, np.inf)),
    **dict.fromkeys(["weight_decay", "verbose"], (-1,)),
    **dict.fromkeys(["temperature", "learning_rate", "max_grad_norm"], (0, np.nan)),
    **dict.fromkeys("accelerate standardize calibrate early_stopping warm_start".split(), ("yes",)),
    **dict.fromkeys(["effect", "lr_schedule", "class_weight", "dtype", "random_state"], ("both",)),
    **dict.fromkeys(["encoders", "memory", "modalities", "callbacks", "device"], (3,)),
    "beta": [1.1, "0.5", np.nan],
    "seeing": [3, "boosting"],
    "predominant": [1.5],
    "encoder_learning_rate": [0, "1"],
    "dropout": [-0.1, 1],
    "batch_size": [1, 1.5],
    "validation_fraction": [0, 1],
    "checkpoint_dir": [b"here"],
}

PARAMETERS = [
    *(
        ({f"self.{name}": value}, InvalidParameterError, f"'{name}' parameter of", f"{value!r}")
        for name, values in OUT_OF_RANGE.items()
        for value in values
    ),
    ({"self.predominant": "smell"}, ValueError, "predominant", "'smell'", "0: 'audio', 1: 'video'"),
    ({"self.predominant": True}, ValueError, "predominant", "True"),
    ({"self.device": "cuda:99"}, ValueError, "device", "'cuda:99'"),
    ({"self.callbacks": ["EarlyStopping"]}, TypeError, "callbacks", "'EarlyStopping'"),
    ({"self.encoders": {"smell": "mlp"}}, ValueError, "encoders", "'smell'", "'audio'"),
    ({"self.encoders": "conv2d"}, ValueError, "'conv2d'", "'audio'", "(4,)"),
    ({"self.modalities": [3, 3], "X": FLAT}, ValueError, "7 columns", "column 6"),
    ({"self.class_weight": {"bird": 2}}, ValueError, "class_weight", "'bird'", "0, 1, 2"),
    ({"self.class_weight": {0: -1}}, ValueError, "class_weight", "-1 for 0"),
    ({"self.class_weight": {0: np.inf}}, ValueError, "class_weight", "inf for 0"),
    ({"self.class_weight": {0: "much"}}, ValueError, "class_weight", "'much' for 0"),
    ({"self.class_weight": {0: 0, 1: 0}}, ValueError, "one class", "2"),
    ({"self.class_weight": dict.fromkeys(range(3), 0)}, ValueError, "class_weight", "{0: 0"),
    ({"self.modalities": {"audio": 4, "smell": 3}}, ValueError, "modalities", "'smell'"),
    ({"self.checkpoint_dir": "a.txt"}, ValueError, "checkpoint_dir", "a.txt"),
    ({"self.seeing": GaussianNB}, TypeError, "seeing", "instance"),
    ({"self.seeing": LinearRegression()}, ValueError, "seeing", "LinearRegression()", "classifier"),
    (
        {"self.seeing": LinearSVC()},
        ValueError,
        "seeing=LinearSVC",
        "predict_proba",
        "CalibratedClassifierCV",
    ),
    (
        {"self.seeing": LogisticRegression(), "X": video(changed(VIDEO, 7, np.nan))},
        ValueError,
        "seeing=LogisticRegression",
        "'video' has NaN in 1 of 60 rows",
        "SimpleImputer",
    ),
    (
        {"self.seeing": KNeighborsClassifier(), "sample_weight": LABEL + 1},
        ValueError,
        "seeing=KNeighborsClassifier",
        "sample_weight",
    ),
    (
        {"self.seeing": make_pipeline(KNeighborsClassifier()), "self.class_weight": {0: 2}},
        ValueError,
        "seeing=Pipeline",
        "class_weight",
    ),
]

FITS = of(
    f"{FRONT_DOOR}.fit",
    *(({"X": X}, error, *words) for X, error, *words in [*MODALITIES, *NUMBERS, *TABLES]),
    *(({"y": y}, *expected) for y, *expected in LABELS),
    *(({"sample_weight": weight}, *expected) for weight, *expected in WEIGHTS),
    *(({"self.early_stopping": True, "groups": g}, *expected) for g, *expected in GROUPS),
    *PARAMETERS,
    ({"mediator": READING[:7]}, ValueError, "mediator", "60", "7"),
    ({"mediator": objects(*READING[1:], None)}, ValueError, "mediator", "row 59", "None"),
)

UNFITTED = {"self": Made(unfitted)}
STREAMS = of(
    f"{FRONT_DOOR}.partial_fit",
    (UNFITTED, ValueError, "classes"),
    ({**UNFITTED, "classes": "012"}, ValueError, "classes", "'012'"),
    ({**UNFITTED, "classes": [0, 1]}, ValueError, "y", "2", "0, 1"),
    ({**UNFITTED, "classes": [0, 1, np.nan]}, ValueError, "classes", "NaN"),
    ({"y": LABEL + 1}, ValueError, "y", "3", "0, 1, 2"),
    ({"sample_weight": np.inf}, ValueError, "sample_weight", "infinity"),
    (
        {**UNFITTED, "classes": [0, 1, 2], "sample_weight": np.full(N, 1e-45)},
        ValueError,
        "sample_weight",
        "6e-44",
    ),
    ({"X": {"audio": AUDIO, "video": AUDIO}}, ValueError, "'video'", "(4,)", "(3,)"),
    ({"self.early_stopping": True}, ValueError, "early_stopping"),
    ({"self.class_weight": "balanced"}, ValueError, "class_weight", "'balanced'"),
    ({"self": Made(mediated)}, ValueError, "mediator"),
    ({"self.hidden_dim": 99}, ValueError, "8", "99"),
    ({"self.seeing": GaussianNB()}, ValueError, "seeing", "the earlier fit"),
    (
        {**UNFITTED, "self.seeing": LogisticRegression(), "classes": [0, 1, 2]},
        ValueError,
        "seeing",
        "LogisticRegression",
        "partial_fit",
    ),
)

READ_AGAIN = [
    (video(np.zeros((N, 5))), ValueError, "'video'", "(5,)", "(3,)"),
    ({"audio": AUDIO}, ValueError, "fitted with 'audio', 'video'"),
    ({"audio": AUDIO, "smell": VIDEO}, ValueError, "fitted with 'audio', 'video'", "'smell'"),
    ([AUDIO], ValueError, "1 modalities", "2"),
    (AUDIO, ValueError, "X", "4", "7", "'audio': 4, 'video': 3"),
    (np.zeros((N, 2, 5)), ValueError, "X", "(60, 2, 5)"),
    (video(np.zeros((N, 2, 2))), ValueError, "'video'", "(2, 2)", "(3,)"),
    (FLAT[0], ValueError, "1D array", "reshape(1, -1)"),
    ({"audio": AUDIO[0].tolist(), "video": VIDEO[:1]}, ValueError, "'audio'", "(4,)", "reshape(1"),
    (video(changed(VIDEO, (7, 2), np.nan)), ValueError, "'video'", "NaN", "row 7, column 2"),
    (changed(FLAT, (7, 5), np.inf), ValueError, "'video'", "infinity", "row 7, column 1"),
    (video(VIDEO.astype(str)), ValueError, "'video'", "<U"),
    ({"audio": None, "video": None}, ValueError, "'audio'", "None"),
    ("audio.wav", ValueError, "scalar", "audio.wav"),
    (None, ValueError, "None"),
]

PREDICTIONS = [
    *of(
        f"{FRONT_DOOR}.predict",
        *(({"X": X}, error, *words) for X, error, *words in READ_AGAIN),
        ({"self.beta": "0.5"}, InvalidParameterError, "'beta'", "'0.5'"),
        ({"self.predict_batch_size": 0}, InvalidParameterError, "'predict_batch_size'", "0"),
        (
            {"self": Made(seen), "self.beta": 0, "X": video(None)},
            ValueError,
            "seeing=GaussianNB",
            "'video' has NaN in 60 of 60 rows",
        ),
    ),
    *of(f"{FRONT_DOOR}.predict_proba", ({"self.beta": 2}, InvalidParameterError, "'beta'", "2")),
    *of(
        f"{FRONT_DOOR}.beta_path",
        ({"betas": [0, 2]}, InvalidParameterError, "'betas'", "2"),
        ({"betas": []}, ValueError, "betas", "[]"),
    ),
    *of(f"{FRONT_DOOR}.log_beta_path", ({"betas": "ab"}, InvalidParameterError, "'betas'", "'a'")),
    *of(
        f"{FRONT_DOOR}.codes",
        (UNFITTED, NotFittedError, FRONT_DOOR),
        ({"self": Made(mediated)}, ValueError, "mediator"),
    ),
    *of(f"{FRONT_DOOR}.modality_codes", ({"X": [AUDIO]}, ValueError, "1 modalities", "2")),
    *of(
        f"{FRONT_DOOR}.score",
        ({"y": None}, ValueError, "y", "None"),
        ({"y": LABEL.astype("datetime64[D]")}, ValueError, "y", "1970"),
    ),
    *of(f"{FRONT_DOOR}.set_params", ({"bета": 1}, ValueError, "'bета'", FRONT_DOOR)),
]

FILES = [
    *of(
        f"{FRONT_DOOR}.save",
        ({"path": "no/model"}, FileNotFoundError, "'no/model'"),
        ({"path": None}, TypeError, "path", "None"),
        ({"path": "a\0b"}, ValueError, "path", "a\\x00b"),
        (UNFITTED, NotFittedError, FRONT_DOOR),
        ({"self.hidden_dim": 99}, NotSavableError, "hidden_dim", "99"),
        ({"self": Made(seen)}, NotSavableError, "seeing=GaussianNB", "pickle", "'network'"),
    ),
    *of(
        f"{FRONT_DOOR}.to_onnx",
        ({"path": "no/model"}, FileNotFoundError, "'no/model'"),
        ({"beta": 2}, InvalidParameterError, "'beta'", "2"),
        ({"input_dtype": "half"}, InvalidParameterError, "'input_dtype'", "'half'", "'float64'"),
        ({"self": Made(seen), "beta": 0.5}, ValueError, "beta=0.5", "seeing=GaussianNB", "beta=1"),
        (UNFITTED, NotFittedError, FRONT_DOOR),
    ),
    *of(
        f"{FRONT_DOOR}.input_feed",
        ({"input_dtype": np.float32}, InvalidParameterError, "'input_dtype'", "float32"),
        ({"X": video(changed(VIDEO, (7, 2), np.nan))}, ValueError, "'video'", "row 7, column 2"),
        ({"X": [AUDIO]}, ValueError, "1 modalities", "2"),
        (UNFITTED, NotFittedError, FRONT_DOOR),
    ),
    *of(
        f"{FRONT_DOOR}.to_torch",
        ({"beta": "half"}, InvalidParameterError, "'beta'", "'half'"),
        ({"input_dtype": None}, InvalidParameterError, "'input_dtype'", "None"),
        (UNFITTED, NotFittedError, FRONT_DOOR),
    ),
    *of(f"{SEARCH}.save", ({"path": "no/model"}, FileNotFoundError, "'no/model'")),
    *of(f"{SEARCH}.to_torch", ({"beta": -1}, InvalidParameterError, "'beta'", "-1", SEARCH)),
    *of(f"{SEARCH}.to_onnx", ({"self": Made(search)}, NotFittedError, SEARCH)),
    *of(f"{SEARCH}.input_feed", ({"X": [AUDIO]}, ValueError, "1 modalities", SEARCH)),
    *of(
        "load",
        ({"path": "no.safetensors"}, FileNotFoundError, "no.safetensors"),
        ({"path": "folder"}, IsADirectoryError, "'folder'"),
        ({"device": "cuda:99"}, ValueError, "device", "'cuda:99'"),
        ({"encoders": "mlp"}, TypeError, "encoders", "'mlp'"),
    ),
]

GRID = "self.param_grid"
SEARCHES = [
    *of(
        f"{SEARCH}.fit",
        ({"self.betas": []}, ValueError, "betas", "[]"),
        ({"self.betas": [0, 2]}, InvalidParameterError, "'betas'", "2"),
        ({"self.cv": 1}, InvalidParameterError, "'cv'", "1"),
        ({"self.cv": []}, ValueError, "cv", "[]"),
        ({"self.cv": [([0, 1, 2], [99])]}, IndexError, "fold 0", "99", "60"),
        ({"self.scoring": "roc_auc"}, ValueError, "fold 0", "'roc_auc'"),
        ({"self.n_jobs": 0}, ValueError, "n_jobs", "0"),
        ({GRID: {"beta": [0]}}, ValueError, "'beta'", "betas"),
        ({GRID: {"dropout": []}}, ValueError, "'dropout'"),
        ({GRID: {"seeing__max_iter": [1]}}, AttributeError, "param_grid", "'str'"),
        ({GRID: {"dropout": [0.1, 2]}}, InvalidParameterError, "'dropout'", "2"),
        ({"site": LABEL}, TypeError, "'site'"),
        ({"sample_weight": np.nan}, ValueError, "sample_weight", "NaN"),
        ({"sample_weight": np.full(N, 1e308)}, ValueError, "sample_weight", "1e+308"),
    ),
    *of(f"{SEARCH}.set_params", ({"beta": 1}, ValueError, "'beta'", "betas")),
    *of(f"{SEARCH}.beta_path", ({"betas": [3]}, InvalidParameterError, "'betas'", SEARCH, "3")),
    *of(f"{SEARCH}.log_beta_path", ({"betas": None}, TypeError, "betas", "None")),
    *of(f"{SEARCH}.codes", ({"self": Made(search)}, NotFittedError, SEARCH)),
    *of(
        f"{SEARCH}.modality_codes",
        ({"X": {"audio": AUDIO}}, ValueError, "fitted with 'audio', 'video'"),
    ),
]

RULE = {"self.balancing": "ogm-ge"}
BASELINES = [
    *of(
        f"{FUSION}.fit",
        ({"self.balancing": "ogm"}, InvalidParameterError, "'balancing'", "'ogm'"),
        ({"self.balancing_params": {"alpha": 1}}, ValueError, "alpha", "None"),
        ({**RULE, "self.balancing_params": {"alpha": -1}}, ValueError, "alpha", "-1"),
        ({"y": None}, ValueError, "y", "None"),
    ),
    *of(f"{FUSION}.modality_codes", ({"X": [AUDIO, AUDIO]}, ValueError, "'video'", "4", "3")),
    *of(f"{FUSION}.set_params", ({"beta": 1}, ValueError, "'beta'", "FusionClassifier")),
    *of(
        f"{LATE}.fit",
        ({"self.max_epochs": 0}, InvalidParameterError, "'max_epochs'", "LateFusion", "0"),
        ({"self.class_weight": {"bird": 1}}, ValueError, "class_weight", "'bird'"),
    ),
    *of(f"{LATE}.modality_codes", ({"X": None}, ValueError, "None")),
    *of(f"{ALONE}.fit", ({"self.modality": "smell"}, ValueError, "modality", "'smell'", "'audio'")),
    *of(f"{ALONE}.modality_codes", ({"X": [AUDIO, VIDEO, VIDEO]}, ValueError, "3 modalities", "2")),
]

DISCRETES = [
    *of(
        f"{DISCRETE}.fit",
        ({"self.smoothing": 1e308}, ValueError, "smoothing", "1e+308"),
        ({"mediator": READING[:3]}, ValueError, "mediator", "3", "60"),
        ({"sample_weight": np.full(N, 1e307)}, ValueError, "sample_weight", "1e+307"),
        ({"X": {**LEVELS, "audio": np.zeros((N, 0))}}, ValueError, "(60, 0)"),
    ),
    *of(f"{DISCRETE}.beta_path", ({"betas": [-0.5]}, InvalidParameterError, "'betas'", "-0.5")),
    *of(f"{DISCRETE}.log_beta_path", ({"betas": 0}, TypeError, "betas", "0")),
]

SHORTER = [({name: LABEL[:5]}, ValueError, name, "5", "60") for name in ("y", "sample_weight")]
EVERY = [
    case
    for name, make in CLASSIFIERS.items()
    for case in [
        *of(f"{name}.fit", *SHORTER),
        *of(f"{name}.predict", ({"self": Made(make)}, NotFittedError, name.rpartition(".")[2])),
        *of(f"{name}.predict_proba", ({"X": [AUDIO]}, ValueError, "1 modalities", "2")),
        *of(f"{name}.predict_log_proba", ({"X": {"audio": AUDIO}}, ValueError, "'audio', 'video'")),
        *of(f"{name}.score", *SHORTER),
    ]
]

CASES = [*EVERY, *FITS, *STREAMS, *PREDICTIONS, *FILES, *SEARCHES, *BASELINES, *DISCRETES]
