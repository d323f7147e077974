"""One search on 1 and 2 Dask workers, and one fit in 1 and 2 processes: times, and equal results.

    python benchmarks/several_processes.py [--epochs 10] [--report FILE]

kar/mor of the digits with a planted confounder. The search is GridSearchCV over three label
weights and three folds, and FrontDoorMultiModalClassifierCV over the same; the fit is one of all
defaults but the epochs. Times are of one run, with all processes started and the libraries
imported: their ratios say what this machine gave, and nothing is asserted of them. Asserted is
that the results are equal: bitwise for the searches, up to rounding for the fit.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import distributed
import numpy as np
import torch
from command_line import publish
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV, dask_backend
from skbetafd.datasets import ConfoundedData, confound, load_multiple_features

GRID = {"label_weight": [1.0, 3.0, 4.0]}
CV = StratifiedKFold(3, shuffle=True, random_state=0)
TOLERANCE = 0.005
"""Of the mean absolute difference of probabilities: rounding, grown over hundreds of steps."""


def load() -> ConfoundedData:
    """Plant the confounder in kar."""
    digits = load_multiple_features(("kar", "mor"))
    return confound(
        digits.data, digits.target, modality="kar", groups=digits.groups, random_state=0
    )


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what the call gives."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def grid_search(data: ConfoundedData, epochs: int) -> np.ndarray:
    """Scores (3, 3) of GridSearchCV at β = 1."""
    clf = FrontDoorMultiModalClassifier(max_epochs=epochs, random_state=0)
    search = GridSearchCV(clf, GRID, cv=CV, refit=False).fit(data.train.X, data.train.y)
    return np.stack([search.cv_results_[f"split{i}_test_score"] for i in range(3)])


def cv_search(data: ConfoundedData, epochs: int) -> np.ndarray:
    """Scores (3, 3) of the CV estimator at β = 1."""
    search = FrontDoorMultiModalClassifierCV(
        betas=[1], param_grid=GRID, cv=CV, refit=False, max_epochs=epochs, random_state=0
    ).fit(data.train.X, data.train.y)
    return np.stack([search.cv_results_[f"split{i}_test_score"] for i in range(3)])


def warm_up() -> None:
    """Import, on a worker."""
    import skbetafd  # noqa: F401


def searches(data: ConfoundedData, epochs: int) -> list[str]:
    """Rows of the report on searches; the clusters' workers have one thread each."""
    rows = []
    for name, search in (("GridSearchCV", grid_search), ("CV estimator", cv_search)):
        alone, expected = timed(lambda search=search: search(data, epochs))
        rows.append(f"| {name}, without Dask | 1.00 | |")
        for n_workers in (1, 2):
            with (
                distributed.LocalCluster(
                    n_workers=n_workers, threads_per_worker=1, dashboard_address=":0"
                ) as cluster,
                distributed.Client(cluster) as client,
            ):
                client.run(warm_up)
                with parallel_config(backend=dask_backend(client)):
                    seconds, scores = timed(lambda search=search: search(data, epochs))
            same = np.array_equal(scores, expected)
            largest = np.abs(scores - expected).max()
            # the CV estimator stacks its fits without Dask, which rounds otherwise
            assert same if search is grid_search else largest < 2 * TOLERANCE, largest
            said = "bitwise" if same else f"scores within {largest:.4f}"
            rows.append(f"| {name}, {n_workers} worker(s) | {seconds / alone:.2f} | {said} |")
    return rows


def child(epochs: int, folder: Path) -> None:
    """Fit in a process that a launcher has started; the first one writes what came of it."""
    data = load()
    clf = FrontDoorMultiModalClassifier(accelerate=True, max_epochs=epochs, random_state=0)
    clf.set_params(max_epochs=1).fit(data.train.X, data.train.y)  # imports, connections
    clf.set_params(max_epochs=epochs)
    seconds, _ = timed(lambda: clf.fit(data.train.X, data.train.y))
    weights = torch.cat([p.detach().reshape(-1) for p in clf.module_.parameters()])
    proba = clf.predict_proba(data.broken.X)
    accuracy = clf.score(data.broken.X, data.broken.y)
    name = f"{os.environ['RANK']}.npz"
    np.savez(folder / name, seconds=seconds, weights=weights, proba=proba, accuracy=accuracy)


def launch(n_processes: int, epochs: int) -> list[dict[str, np.ndarray]]:
    """Fit in processes; give what each has written."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_processes}"]
    with TemporaryDirectory() as folder:
        arguments = ["--epochs", str(epochs), "--child", folder]
        subprocess.run(
            [sys.executable, *launcher, __file__, *arguments],
            env={"OMP_NUM_THREADS": "1", **os.environ},
            check=True,
        )
        return [dict(np.load(Path(folder, f"{i}.npz"))) for i in range(n_processes)]


def fits(epochs: int) -> list[str]:
    """Rows of the report on one fit in several processes."""
    (one,), two = launch(1, epochs), launch(2, epochs)
    assert np.array_equal(two[0]["weights"], two[1]["weights"])
    apart = np.abs(one["proba"] - two[0]["proba"]).mean()
    assert apart < TOLERANCE, apart
    ratio = two[0]["seconds"] / one["seconds"]
    return [
        f"| fit, 1 process | 1.00 | accuracy under do {one['accuracy']:.4f} |",
        f"| fit, 2 processes | {ratio:.2f} | bitwise equal weights in both; accuracy under do "
        f"{two[0]['accuracy']:.4f}, probabilities {apart:.1e} from those of 1 process |",
    ]


def main() -> None:
    """Run all, or one process of a fit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--report", type=Path)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.epochs, arguments.child)
        return
    torch.set_num_threads(1)
    rows = [*searches(load(), arguments.epochs), *fits(arguments.epochs)]
    machine = f"torch {torch.__version__}, distributed {distributed.__version__}, "
    machine += f"{platform.machine()}, {os.cpu_count()} cores, {arguments.epochs} epochs"
    table = ["| what | time / first row's | result |", "|---|---|---|", *rows]
    publish("\n".join([machine, "", *table]) + "\n", arguments.report)


if __name__ == "__main__":
    main()
