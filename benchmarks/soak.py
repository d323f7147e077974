"""A thousand fits and predictions in one process: memory stays flat, threads disturb nobody.

    python benchmarks/soak.py

Each round fits one of seven estimators in turn (several members with missing rows, early stopping,
a sequence, a user's module with dropout, a search over β, a stream, joint training), predicts, and
lets go of it; every tenth is saved and loaded, where that needs nothing of the user's. The
criterion: over the last 800 rounds the least-squares slope of the resident memory is below 10 kB a
round, where one network that is not freed holds 200 kB; and no more tensors and nets are alive at
the end than after 200 rounds.
Then 8 threads predict while a ninth fits: each result is bitwise that of one thread alone.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet

import skbetafd
from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.baselines import FusionClassifier

N_ROWS, WARM_UP, THREADS = 400, 200, 8
MAX_SLOPE = 10_000.0
"""Bytes a round."""

RNG = np.random.default_rng(0)
Y = np.arange(N_ROWS) % 4
X = {
    name: RNG.normal(size=(4, width))[Y] + RNG.normal(size=(N_ROWS, width))
    for name, width in {"audio": 24, "video": 12}.items()
}
LACKING = {**X, "video": np.where(np.arange(N_ROWS)[:, None] % 4, X["video"], np.nan)}
WALK = {**X, "walk": RNG.normal(size=(N_ROWS, 6, 2))}
SMALL: dict[str, Any] = {"max_epochs": 2, "random_state": 0}


def recogniser() -> torch.nn.Module:
    """Make a module of a user's, which draws from torch's global generator."""
    return torch.nn.Sequential(torch.nn.Linear(24, 16), torch.nn.Dropout(0.5), torch.nn.ReLU())


def search() -> Any:
    """Search over β in two folds."""
    return FrontDoorMultiModalClassifierCV(cv=2, **SMALL).fit(X, Y)


def stream() -> Any:
    """Learn in two parts."""
    clf = FrontDoorMultiModalClassifier(**SMALL).partial_fit(X, Y, classes=range(4))
    return clf.partial_fit(X, Y)


def front_door(data: Any = X, **parameters: Any) -> Any:
    """Fit the classifier."""
    return FrontDoorMultiModalClassifier(**SMALL, **parameters).fit(data, Y)


KINDS: list[tuple[Callable[[], Any], Any]] = [
    (lambda: front_door(LACKING, n_members=2), LACKING),
    (lambda: front_door(early_stopping=True), X),
    (lambda: front_door(WALK), WALK),
    (lambda: front_door(encoders={"audio": recogniser}), X),
    (search, X),
    (stream, X),
    (lambda: FusionClassifier(**SMALL).fit(LACKING, Y), LACKING),
]


def resident() -> int:
    """Tell how much memory the process has, in bytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def alive() -> int:
    """Count the tensors and nets that are alive."""
    gc.collect()
    return sum(issubclass(type(thing), (torch.Tensor, NeuralNet)) for thing in gc.get_objects())


def soak(n_rounds: int, folder: Path) -> tuple[list[int], list[int]]:
    """Fit, predict and let go, and tell the memory after each round and what is then alive."""
    memory, living = [], []
    for i, (fit, data) in zip(range(n_rounds), cycle(KINDS), strict=False):
        clf = fit()
        proba = clf.predict_proba(data)
        if i % 10 == 0 and hasattr(clf, "save") and clf.encoders == "auto":
            clf.save(folder / "model")
            loaded = skbetafd.load(folder / "model")
            assert np.array_equal(loaded.predict_proba(data), proba)
            del loaded
        del clf
        memory.append(resident())
        if i + 1 in (WARM_UP, n_rounds):
            living.append(alive())
        if (i + 1) % 100 == 0:
            print(f"{i + 1:5d} rounds, {memory[-1] / 1e6:.1f} MB", flush=True)
    return memory, living


def in_threads(n_predictions: int) -> int:
    """Predict in several threads while another fits; give the number of fits beside."""
    clf, done = front_door(LACKING, n_members=2), Event()
    expected = clf.beta_path(LACKING, [0, 0.5, 1])

    def predict(_: int) -> bool:
        paths = (clf.beta_path(LACKING, [0, 0.5, 1]) for _ in range(n_predictions))
        return all(np.array_equal(path, expected) for path in paths)

    def fit() -> int:
        n_fits = 0
        while not done.is_set():
            fitted = front_door(LACKING, n_members=2)
            assert np.array_equal(fitted.beta_path(LACKING, [0, 0.5, 1]), expected)
            n_fits += 1
        return n_fits

    with ThreadPoolExecutor(THREADS + 1) as pool:
        fits = pool.submit(fit)
        try:
            same = list(pool.map(predict, range(THREADS)))
        finally:
            done.set()
    assert all(same), same
    return fits.result()


def main() -> None:
    """Run both, and assert."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--predictions", type=int, default=100, help="of each thread")
    arguments = parser.parse_args()
    start = time.perf_counter()
    with TemporaryDirectory() as folder:
        memory, living = soak(arguments.rounds, Path(folder))
    last = np.array(memory[WARM_UP:], dtype=float)
    slope = float(np.polyfit(np.arange(len(last)), last, 1)[0])
    print(f"{arguments.rounds} rounds in {time.perf_counter() - start:.0f} s")
    print(f"resident memory {last[0] / 1e6:.1f} MB after {WARM_UP} rounds, {last[-1] / 1e6:.1f} MB")
    print(f"at the end, {last.max() / 1e6:.1f} MB at most; slope {slope:.0f} bytes a round")
    print(f"tensors and nets alive: {living[0]} after {WARM_UP} rounds, {living[-1]} at the end")
    assert slope < MAX_SLOPE, slope
    assert living[-1] <= living[0], living
    fits = in_threads(arguments.predictions)
    print(f"{THREADS} threads of {arguments.predictions} predictions each beside {fits} fits: same")
    versions = f"torch {torch.__version__}, Python {platform.python_version()}"
    print(f"{versions}, {torch.get_num_threads()} threads of torch, {platform.platform()}")


if __name__ == "__main__":
    main()
