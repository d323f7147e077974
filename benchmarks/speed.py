"""What a search, a stack, a fit and a prediction cost, as ratios.

    python benchmarks/speed.py [PART ...] [--report FILE]

Parts: search, stack, fit, predict, growth; all by default. Two modalities of 64 columns, ten
classes, the defaults but for the epochs that each part names. Medians of five runs in turn (three
of the 40 networks), in one process; `growth` runs each size once, in a process of its own.
Asserted are the figures that the project asks for, where they are met; "asked" stands beside those
that are not.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import sklearn
import torch
from overhead import N_CLASSES, draw_masks, loop_fit, make_data, network_and_loss, seconds
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPClassifier
from skorch import NeuralNetClassifier

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.fitting.fit import fit_all

REPEATS = 5
BETAS = [round(0.1 * i, 1) for i in range(11)]
N_ROWS, WIDTH, NOISE = 5_000, 64, 3.0
BATCH, HIDDEN = 128, 128
SETTINGS = {"predominant": 0, "random_state": 0, "device": "cpu"}
LINES: list[str] = []


def in_turn(*jobs: Callable[[], Any], repeats: int = REPEATS) -> list[float]:
    """Median times of jobs that run in turn, after one run of each to warm up."""
    for job in jobs:
        job()
    times = [[seconds(job)[0] for job in jobs] for _ in range(repeats)]
    return [median(column) for column in zip(*times, strict=True)]


def tell(
    what: str, value: float, bound: float, *, at_least: bool = False, met: bool = True
) -> None:
    """Print a ratio beside its bound, and assert it unless it is known not to be met."""
    sign = "≥" if at_least else "≤"
    fine = value >= bound if at_least else value <= bound
    LINES.append(f"| {what} | {value:.2f} | {sign} {bound:g} | {'yes' if fine else 'no'} |")
    print(LINES[-1], flush=True)
    assert fine or not met, f"{what}: {value:.2f}, asked {sign} {bound:g}"


def classifier(**parameters: Any) -> FrontDoorMultiModalClassifier:
    """Make the estimator under test."""
    return FrontDoorMultiModalClassifier(**{**SETTINGS, **parameters})


def search() -> None:
    """Compare the CV estimator, and memory=, with GridSearchCV over eleven β."""
    X, y = make_data(N_ROWS, WIDTH, NOISE)
    flat = np.hstack(X)
    short = {"max_epochs": 5}
    grid = {"beta": BETAS}

    def plain(**more: Any) -> GridSearchCV:
        clf = classifier(modalities=[WIDTH, WIDTH], **short, **more)
        return GridSearchCV(clf, grid, cv=5, scoring="neg_log_loss").fit(flat, y)

    def together(**more: Any) -> FrontDoorMultiModalClassifierCV:
        cv = FrontDoorMultiModalClassifierCV(betas=BETAS, cv=5, scoring="neg_log_loss")
        return cv.set_params(**SETTINGS, **short, **more).fit(X, y)

    def kept() -> None:
        with tempfile.TemporaryDirectory() as folder:
            plain(memory=folder)

    slow, fast, cached = in_turn(plain, together, kept, repeats=REPEATS)
    tell(
        "search: GridSearchCV / CV estimator, 5 folds × 11 β + refit",
        slow / fast,
        10,
        at_least=True,
    )
    tell("search: GridSearchCV without / with memory=", slow / cached, 5, at_least=True)
    for dtype, allowed in (("float32", 2e-3), ("float64", 1e-5)):
        one, other = plain(dtype=dtype), together(dtype=dtype)
        folds = np.array([one.cv_results_[f"split{i}_test_score"] for i in range(5)])
        difference = float(np.abs(folds - other.scores_).max())
        print(f"search: fold scores differ by {difference:.1e} in {dtype}, allowed {allowed:g}")
        assert difference <= allowed
        assert dtype == "float32" or one.best_params_["beta"] == other.beta_


def stack() -> None:
    """Compare networks trained together with as many trained one by one."""
    X, y = make_data(N_ROWS, WIDTH, NOISE)
    rows = np.arange(N_ROWS) % 5

    def requests(n: int) -> list[Any]:
        out = []
        for i in range(n):
            train = rows != i % 5
            clf = classifier(max_epochs=5, **{"random_state": i})
            out.append(clf._request([x[train] for x in X], y[train], None, None))
        return out

    one, five = in_turn(lambda: fit_all(requests(1)), lambda: fit_all(requests(5)))
    tell("stack: 5 folds / one fit", five / one, 3)
    together, apart = in_turn(
        lambda: fit_all(requests(40)), lambda: [fit_all([r]) for r in requests(40)], repeats=3
    )
    tell("stack: 40 fits one by one / stacked", apart / together, 4, at_least=True, met=False)


class _LossModule(torch.nn.Module):
    """The library's network and criterion as a module that plain skorch can train."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.network, self.criterion = network_and_loss([WIDTH, WIDTH], generator)

    def forward(self, first: torch.Tensor, second: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        masks = draw_masks(self.network, len(y))
        weight = torch.ones(len(y))
        return self.criterion(self.network, [first, second], y, weight, None, masks)["loss"]


class _DefaultSkorch(NeuralNetClassifier):
    def get_loss(self, y_pred: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        return y_pred


def fit() -> None:
    """Compare a fit with a loop by hand, default skorch and MLPClassifier."""
    X, y = make_data(N_ROWS, WIDTH, NOISE)
    flat, epochs = np.hstack(X), 10
    xs, target = [torch.from_numpy(x) for x in X], torch.from_numpy(y)
    inputs = {"first": X[0], "second": X[1], "y": y}

    def default_skorch() -> None:
        _DefaultSkorch(
            _LossModule,
            optimizer=torch.optim.AdamW,
            lr=3e-3,
            max_epochs=epochs,
            batch_size=BATCH,
            train_split=None,
            iterator_train__shuffle=True,
            verbose=0,
        ).fit(inputs, y)

    def mlp() -> None:
        MLPClassifier(
            HIDDEN, batch_size=BATCH, max_iter=epochs, n_iter_no_change=epochs + 1, random_state=0
        ).fit(flat, y)

    ours, by_hand, skorch, plain = in_turn(
        lambda: classifier(max_epochs=epochs).fit(X, y),
        lambda: loop_fit(xs, target, BATCH, epochs),
        default_skorch,
        mlp,
    )
    tell("fit: estimator / loop by hand", ours / by_hand, 1.1, met=False)
    tell("fit: estimator / default skorch", ours / skorch, 0.5, met=False)
    tell("fit: estimator / MLPClassifier", ours / plain, 4, met=False)
    print(f"a step: {1e3 * ours / epochs / -(-N_ROWS // BATCH):.2f} ms")


def predict() -> None:
    """Compare a prediction under do with the forward pass."""
    X, y = make_data(100_000, WIDTH, NOISE)
    clf = classifier(max_epochs=1).fit([x[:N_ROWS] for x in X], y[:N_ROWS])
    xs = [torch.from_numpy(x) for x in X]

    def forward() -> None:
        with torch.no_grad():
            for rows in torch.arange(len(y)).split(4096):
                torch.softmax(clf.module_([x[rows] for x in xs])[0], dim=1)

    doing, plain, seeing = in_turn(
        lambda: clf.set_params(beta=1).predict_proba(X),
        forward,
        lambda: clf.set_params(beta=0).predict_proba(X),
    )
    print(f"predict: {1e6 * doing / len(y):.1f} µs a row at β = 1")
    tell("predict: β = 1, 256 references / β = 0", doing / seeing, 5, met=False)
    tell("predict: β = 1, 256 references / plain forward pass", doing / plain, 5, met=False)


def growth() -> None:
    """Measure time and memory of fit and predict from 10⁴ to 10⁶ rows, given as memory maps."""
    sizes = [10_000, 100_000, 1_000_000]
    found = [measure(n) for n in sizes]
    for n, entry in zip(sizes, found, strict=True):
        print(n, {k: round(v, 1) for k, v in entry.items()})
    slope = float(np.polyfit(np.log(sizes), np.log([e["fit"] for e in found]), 1)[0])
    tell("growth: slope of log time of fit in log n", slope, 1.05)
    tell("growth: MB beyond the data, fit at 10⁶ × 64", found[-1]["fit MB"], 500)
    tell("growth: MB beyond the data, predict at 10⁶ × 64", found[-1]["predict MB"], 500)


def measure(n: int) -> dict[str, float]:
    """Run `one_size` in a process of its own."""
    command = [sys.executable, __file__, "--one-size", str(n)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


class PeakMemory:
    """Anonymous memory of this process beyond its start, in MB, sampled every 10 ms."""

    def __enter__(self) -> PeakMemory:
        self.start, self.peak, self.stop = self.now(), 0.0, threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.stop.wait(0.01):
            self.peak = max(self.peak, self.now() - self.start)

    @staticmethod
    def now() -> float:
        """Anonymous memory in MB."""
        lines = Path("/proc/self/status").read_text().splitlines()
        (line,) = (line for line in lines if line.startswith("RssAnon"))
        return int(line.split()[1]) / 1024


def one_size(n: int) -> None:
    """Fit and predict n rows of 2 × 32 columns from a memory map, one epoch."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        table = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(n, WIDTH))
        rng = np.random.default_rng(0)
        y, means = rng.integers(0, N_CLASSES, n), rng.normal(size=(N_CLASSES, WIDTH))
        for start in range(0, n, 50_000):
            rows = slice(start, start + 50_000)
            table[rows] = rng.normal(means[y[rows]], NOISE)
        table.flush()
        X = np.load(path, mmap_mode="r")
        half = WIDTH // 2
        X = [X[:, :half], X[:, half:]]
        clf = classifier(max_epochs=1)
        clf.fit([x[:2000] for x in X], y[:2000]).predict([x[:2000] for x in X])
        with PeakMemory() as fit_memory:
            fit_time, _ = seconds(lambda: clf.fit(X, y))
        with PeakMemory() as predict_memory:
            predict_time, _ = seconds(lambda: clf.predict(X))
    found = {"fit": fit_time, "fit MB": fit_memory.peak}
    print(json.dumps(found | {"predict": predict_time, "predict MB": predict_memory.peak}))


PARTS = {part.__name__: part for part in (search, stack, fit, predict, growth)}


def main() -> None:
    """Run the parts asked for, print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--report", type=Path)
    parser.add_argument("--one-size", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one_size:
        one_size(arguments.one_size)
        return
    machine = f"torch {torch.__version__}, scikit-learn {sklearn.__version__}"
    machine += f", {platform.machine()}, {torch.get_num_threads()} threads"
    print(machine)
    for name in arguments.parts or PARTS:
        PARTS[name]()
    head = f"{machine}; `python benchmarks/speed.py`\n\n| what | ratio | asked | met |\n"
    head += "|---|---|---|---|\n"
    if arguments.report:
        arguments.report.write_text(head + "\n".join(LINES) + "\n")


if __name__ == "__main__":
    main()
