"""What a GPU does for a fit, a stack of fits and a prediction, against one CPU core or more.

    python benchmarks/gpu.py [--report FILE]

Needs CUDA. The data and settings of speed.py: 5,000 rows, two modalities of 64 columns, ten
classes; epochs as each line says. Medians of three runs in turn after one to warm up, with a
synchronisation before each look at the clock; CPU times are of the same machine with as many
threads as torch takes there. Asserted: five folds × eight members, trained as one program, take at
most twice the time of one fit.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from overhead import make_data
from speed import N_ROWS, NOISE, WIDTH
from speed import in_turn as median_times

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.fitting.fit import fit_all

REPEATS = 3
LINES: list[str] = []


def settled(job: Callable[[], Any]) -> Callable[[], None]:
    """Wait for the device after a job."""

    def run() -> None:
        job()
        torch.cuda.synchronize()

    return run


def in_turn(*jobs: Callable[[], Any]) -> list[float]:
    """Median times of jobs that run in turn, each waited for."""
    return median_times(*map(settled, jobs), repeats=REPEATS)


def tell(what: str, times: dict[str, float]) -> None:
    """Enter the times of one comparison, and each one's ratio to the first."""
    first = next(iter(times.values()))
    for name, time in times.items():
        LINES.append(f"| {what} | {name} | {time:.3f} | {time / first:.2f} |")
        print(LINES[-1], flush=True)


def classifier(device: str, **parameters: Any) -> FrontDoorMultiModalClassifier:
    """Make the estimator under test."""
    own = {"predominant": 0, "random_state": 0, "max_epochs": 20, "device": device}
    return FrontDoorMultiModalClassifier(**{**own, **parameters})


def requests(n: int, device: str) -> list[Any]:
    """Give the fits of n networks: five folds, and as many seeds as it takes."""
    X, y = make_data(N_ROWS, WIDTH, NOISE)
    rows = np.arange(N_ROWS) % 5
    return [
        classifier(device, random_state=i)._request(
            [x[rows != i % 5] for x in X], y[rows != i % 5], None
        )
        for i in range(n)
    ]


def stack() -> None:
    """Compare forty networks trained as one program with one."""
    one, forty = in_turn(
        lambda: fit_all(requests(1, "cuda")), lambda: fit_all(requests(40, "cuda"))
    )
    (cpu,) = in_turn(lambda: fit_all(requests(1, "cpu")))
    names = ("one fit, GPU", "5 folds × 8 members as one program, GPU", "one fit, CPU")
    tell("4,000 rows, 20 epochs", dict(zip(names, (one, forty, cpu), strict=True)))
    assert forty <= 2 * one, f"40 networks take {forty / one:.2f} fits, asked 2"


def fit() -> None:
    """Compare fits of rising width and batch, and the precisions."""
    X, y = make_data(50_000, WIDTH, NOISE)
    wide = {"batch_size": 1024, "hidden_dim": 1024, "max_epochs": 2}
    jobs = {
        "float32, GPU": lambda: classifier("cuda", **wide).fit(X, y),
        "bfloat16, GPU": lambda: classifier("cuda", dtype="bfloat16", **wide).fit(X, y),
        "float32, CPU": lambda: classifier("cpu", **wide).fit(X, y),
    }
    times = in_turn(*jobs.values())
    tell(
        "50,000 rows, hidden_dim 1,024, batches of 1,024, 2 epochs",
        dict(zip(jobs, times, strict=True)),
    )
    rng = np.random.default_rng(0)
    pictures = [rng.normal(size=(2_000, 3, 28, 28)).astype("f4"), X[1][:2_000]]
    jobs = {
        "GPU": lambda: classifier("cuda", max_epochs=2).fit(pictures, y[:2_000]),
        "CPU": lambda: classifier("cpu", max_epochs=2).fit(pictures, y[:2_000]),
    }
    times = in_turn(*jobs.values())
    tell(
        "2,000 pictures of 3 × 28 × 28 by convolutions, 2 epochs",
        dict(zip(jobs, times, strict=True)),
    )


def predict() -> None:
    """Compare predictions under do."""
    X, y = make_data(100_000, WIDTH, NOISE)
    few = [x[:N_ROWS] for x in X]
    jobs, names = [], []
    for device in ("cuda", "cpu"):
        clf = classifier(device, max_epochs=1).fit(few, y[:N_ROWS])
        for beta in (1, 0):
            jobs.append(lambda clf=clf, beta=beta: clf.set_params(beta=beta).predict_proba(X))
            names.append(f"β = {beta}, {'GPU' if device == 'cuda' else 'CPU'}")
    tell("100,000 rows predicted", dict(zip(names, in_turn(*jobs), strict=True)))


def main() -> None:
    """Run all parts, print and save the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    machine = f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {platform.machine()}, "
    machine += f"{torch.get_num_threads()} CPU threads"
    print(machine)
    try:
        for part in (fit, predict, stack):
            part()
    finally:
        head = f"{machine}; `python benchmarks/gpu.py`\n\n"
        head += "| what | how | seconds | ratio to the first |\n|---|---|---|---|\n"
        if arguments.report:
            arguments.report.write_text(head + "\n".join(LINES) + "\n")


if __name__ == "__main__":
    main()
