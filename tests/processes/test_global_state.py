"""Whatever this library does, and however it fails, the process is left as it was."""

import decimal
import gc
import importlib
import locale
import logging
import os
import random
import signal
import sys
import threading
import warnings
from functools import partial

import matplotlib
import networkx
import numpy as np
import pytest
import sklearn
import threadpoolctl
import torch
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback

import skbetafd
from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    PerModality,
    auxiliary_masking_curve,
    diagnose,
    modality_contributions,
    overlap,
    unimodal_gap,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier
from skbetafd.causal import check_criterion
from skbetafd.datasets import confound, make_confounded_modalities
from skbetafd.plots import BetaPathDisplay

RNG = np.random.default_rng(0)
N = 60
Y = np.arange(N) % 3
X = MultiModalArray(
    {
        "audio": RNG.normal(size=(3, 4))[Y] + RNG.normal(size=(N, 4)),
        "video": RNG.normal(size=(N, 3)),
    }
)
WALK = {"walk": RNG.normal(size=(N, 6, 2)), "audio": X["audio"]}
LACKING = {"audio": X["audio"], "video": np.where(np.arange(N)[:, None] % 4, X["video"], np.nan)}
SMALL = {"max_epochs": 2, "hidden_dim": 8, "random_state": 0}
QUICK = {**SMALL, "n_references": 8}


def state(loggers=None):
    """What a process has one of; the levels are of the loggers that are given."""
    names = ["", *logging.root.manager.loggerDict] if loggers is None else loggers
    generator = np.random.get_state()  # noqa: NPY002
    return {
        "NumPy's generator": (generator[1].tobytes(), *generator[2:]),
        "torch's generator": torch.get_rng_state().numpy().tobytes(),
        "torch's generators of GPUs": [s.numpy().tobytes() for s in torch.cuda.get_rng_state_all()],
        "random's generator": random.getstate(),
        "threads of torch": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "threads of libraries": {
            info["filepath"]: info["num_threads"] for info in threadpoolctl.threadpool_info()
        },
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "grad mode": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "anomaly mode": torch.is_anomaly_enabled(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.is_autocast_enabled("cuda")),
        "cuDNN": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "float32 products": torch.get_float32_matmul_precision(),
        "float errors": (np.geterr(), np.geterrcall()),
        "printing": (np.get_printoptions(), torch._tensor_str.PRINT_OPTS.precision),
        "decimals": decimal.getcontext().prec,
        "filters": list(warnings.filters),
        "showwarning": warnings.showwarning,
        "environment": dict(os.environ),
        "rcParams": dict(matplotlib.rcParams),
        "backend": matplotlib.get_backend(),
        "logging": {
            name: (logger.level, logger.disabled, list(logger.handlers))
            for name in names
            for logger in [logging.getLogger(name or None)]
        },
        "logging disabled below": logging.root.manager.disable,
        "path": list(sys.path),
        "directory": os.getcwd(),
        "locale": locale.setlocale(locale.LC_ALL),
        "scikit-learn": sklearn.get_config(),
        "signals": {s: signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)},
        "hooks": (sys.excepthook, sys.displayhook, sys.stdout, sys.stderr, threading.excepthook),
        "recursion": sys.getrecursionlimit(),
        "switch interval": sys.getswitchinterval(),
        "collection": (gc.isenabled(), gc.get_threshold()),
    }


BY_IMPORTS = ("threads of libraries", "filters", "environment", "logging", "rcParams", "path")
"""What other libraries set when they are imported, which some are when they are needed."""


def assert_untouched(work, first=None):
    """Run twice, as the first time imports; what imports do not set must outlast that too."""
    loggers = ["", *logging.root.manager.loggerDict]
    before = state(loggers)
    (first or work)()
    assert_same(before, state(loggers), but=BY_IMPORTS)
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002
    random.seed(7)
    loggers = ["", *logging.root.manager.loggerDict]
    before = state(loggers)
    work()
    assert_same(before, state(loggers))


def assert_same(before, after, but=()):
    changed = [name for name in before if before[name] != after[name] and name not in but]
    assert not changed, {name: (before[name], after[name]) for name in changed}


@pytest.fixture(autouse=True)
def generators():
    """Put the generators back, which these tests seed."""
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()  # noqa: NPY002
    python_state = random.getstate()
    yield
    torch.set_rng_state(torch_state)
    np.random.set_state(numpy_state)  # noqa: NPY002
    random.setstate(python_state)


@pytest.fixture(scope="module")
def clf():
    return FrontDoorMultiModalClassifier(**QUICK, n_members=2).fit(LACKING, Y)


def recogniser():
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Dropout(0.5))


def front_door(data=X, **parameters):
    FrontDoorMultiModalClassifier(**{**QUICK, "random_state": None, **parameters}).fit(data, Y)


def stream():
    clf = FrontDoorMultiModalClassifier(**QUICK)
    clf.partial_fit(X, Y, classes=[0, 1, 2]).partial_fit(X, Y)


def search():
    FrontDoorMultiModalClassifierCV(**QUICK, cv=2, refit=True).fit(X, Y)
    steps = FrontDoorMultiModalClassifier(**QUICK)
    GridSearchCV(steps, {"beta": [0, 1]}, cv=2).fit(X, Y)
    cross_val_score(steps, X, Y, cv=2)


FITS = {
    "fit": partial(front_door, early_stopping=True),
    "members": partial(front_door, LACKING, n_members=2, dtype="float64"),
    "sequence": partial(front_door, WALK),
    "module": partial(front_door, encoders={"audio": recogniser}, encoder_learning_rate=0.01),
    "stream": stream,
    "search": search,
    "joint": lambda: FusionClassifier(**SMALL, balancing="relearn").fit(X, Y),
    "late": lambda: LateFusionClassifier(**SMALL).fit(X, Y),
    "gap": lambda: unimodal_gap(FusionClassifier(**SMALL), X, Y, cv=2),
    "steps": lambda: PerModality(StandardScaler()).fit_transform(X, Y),
    "diagnose": lambda: diagnose(X, Y, cv=2, n_repeats=1, network_params={"max_epochs": 1}),
}


@pytest.mark.parametrize("work", FITS.values(), ids=FITS)
def test_a_fit_leaves_the_process_as_it_was(work):
    assert_untouched(work)


def kept(clf, path):
    front_door(checkpoint_dir=path / "checkpoints")
    front_door(memory=path / "memory", random_state=0)


def predicted_and_drawn(clf, path):
    clf.predict(LACKING)
    clf.beta_path(LACKING, [0, 0.5, 1])
    clf.modality_codes(X)
    overlap(clf, X)
    modality_contributions(clf, X, Y)
    auxiliary_masking_curve(clf, X, Y, shares=[0, 1])
    BetaPathDisplay.from_estimator(clf, X, Y)
    matplotlib.pyplot.close("all")


def saved(clf, path):
    clf.save(path / "model")
    skbetafd.load(path / "model")


def data_and_graphs(clf, path):
    made = make_confounded_modalities(200)
    confound(dict(made.X), made.y, modality=made.X.names[0])
    graph = networkx.DiGraph([("U", "T"), ("U", "Y"), ("T", "Z"), ("Z", "Y")])
    check_criterion(graph, treatment="T", outcome="Y", mediator="Z")


@pytest.mark.parametrize("work", [kept, predicted_and_drawn, saved, data_and_graphs])
def test_what_else_is_done_leaves_the_process_as_it_was(work, clf, tmp_path):
    assert_untouched(lambda: work(clf, tmp_path))


@pytest.mark.slow
def test_an_export_leaves_the_process_as_it_was_also_if_it_fails(tmp_path):
    """Where the directory is missing, that is found when all else is done."""
    clf = FrontDoorMultiModalClassifier(**QUICK).fit(X, Y)

    def work():
        with pytest.raises(FileNotFoundError):
            clf.to_onnx(tmp_path / "no" / "model.onnx")

    assert_untouched(work, first=lambda: clf.to_onnx(tmp_path / "model.onnx"))


class Breaks(Callback):
    """Ends the training in its second epoch, in the middle of a batch."""

    def __init__(self, error):
        self.error = error

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise self.error


HUGE = {"audio": 1e18 * X["audio"], "video": X["video"]}
MODULE = {"encoders": {"audio": recogniser}}
FAULTS = {
    "bad rows": lambda clf, _: front_door({**X, "audio": np.full((N, 4), np.inf)}),
    "a rare class": lambda clf, _: FrontDoorMultiModalClassifier(**QUICK, early_stopping=True).fit(
        X, [0, *Y[1:] % 2 + 1]
    ),
    "several labels": lambda clf, _: clf.fit(X, np.eye(3)[Y]),
    "divergence": lambda clf, _: front_door(HUGE, standardize=False, learning_rate=1e12),
    "a callback": lambda clf, _: front_door(callbacks=[Breaks(RuntimeError())], **MODULE),
    "a module": lambda clf, _: front_door(encoders={"audio": partial(torch.nn.Linear, 5, 2)}),
    "bad prediction": lambda clf, _: clf.predict({"audio": X["video"], "video": X["video"]}),
    "no directory": lambda clf, path: clf.save(path / "no" / "model"),
    "no model": lambda clf, path: skbetafd.load(__file__),
    "a search": lambda clf, _: FrontDoorMultiModalClassifierCV(
        **QUICK, cv=2, callbacks=[Breaks(RuntimeError())]
    ).fit(X, Y),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_error_leaves_the_process_as_it_was(fault, clf, tmp_path):
    def work():
        with pytest.raises((ValueError, RuntimeError, OSError)):
            fault(clf, tmp_path)

    assert_untouched(work)


def test_an_interrupt_leaves_the_process_as_it_was():
    def work():
        with pytest.warns(UserWarning, match="interrupted"):
            front_door(callbacks=[Breaks(KeyboardInterrupt())], **MODULE)

    assert_untouched(work)


def test_the_import_leaves_the_process_as_it_was():
    modules = [m for m in sys.modules if m.split(".")[0] == "skbetafd"]
    kept = {name: sys.modules.pop(name) for name in modules}
    try:
        loggers = ["", *logging.root.manager.loggerDict]
        before = state(loggers)
        importlib.import_module("skbetafd")
        after = state(loggers)
    finally:
        for name in [m for m in sys.modules if m.split(".")[0] == "skbetafd"]:
            del sys.modules[name]
        sys.modules.update(kept)
    assert [name for name in before if before[name] != after[name]] == []
