"""Fits of wide rows, sparse and in memory maps: memory, and time on one core.

``python benchmarks/wide.py`` fits and predicts each case in a process of its own, and asserts that

- 3,000 × 100,000 with 100,000 entries (CSR, 1.2 MB) takes at most 1.5 GB of resident memory in all,
  PyTorch with it, and 30 s of CPU time, the probe for the predominant modality counted;
- 20,000 × 50,000 with 600,000 entries takes at most 1 GB more than before the fit;
- memory maps of 1.6 GB, 20,000 × 20,000 and 1,000,000 × 400 float32, take at most 500 MB of
  anonymous memory more than before the fit (RssAnon, sampled every 10 ms).

The other modality has eight columns. Seed 0, one epoch, all else the library's defaults, one torch
thread. ``python benchmarks/wide.py NAME ...`` runs some of the cases.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from larger_than_memory import PeakMemory
from scipy import sparse

from skbetafd import FrontDoorMultiModalClassifier

BLOCK = 2**22


class Case(NamedTuple):
    """Rows, and the most bytes and seconds that their fit may take, where that is asked."""

    n_rows: int
    width: int
    n_entries: int | None = None
    resident: float | None = None
    more: float | None = None
    anonymous: float | None = None
    seconds: float | None = None


CASES = {
    "auto": Case(3_000, 100_000, n_entries=100_000, resident=1.5e9, seconds=30),
    "rows": Case(20_000, 50_000, n_entries=600_000, more=1e9),
    "map": Case(20_000, 20_000, anonymous=5e8),
    "long map": Case(1_000_000, 400, anonymous=5e8),
}


def sparse_rows(case: Case, y: np.ndarray) -> sparse.csr_array:
    """Draw entries anywhere, and raise those of a label's columns."""
    rng = np.random.default_rng(0)
    row = rng.integers(0, case.n_rows, case.n_entries)
    column = rng.integers(0, case.width, case.n_entries)
    value = rng.random(len(row)) + (column % 3 == y[row])
    return sparse.csr_array((value, (row, column)), shape=(case.n_rows, case.width))


def mapped_rows(case: Case, y: np.ndarray, folder: str) -> np.memmap:
    """Write rows of noise, the first three columns of which tell the label."""
    rng, n_rows = np.random.default_rng(0), max(1, BLOCK // case.width)
    shape = (case.n_rows, case.width)
    rows = np.memmap(Path(folder) / "rows", np.float32, "w+", shape=shape)
    for start in range(0, case.n_rows, n_rows):
        part = rows[start : start + n_rows]
        part[:] = rng.random(part.shape, np.float32)
        part[np.arange(len(part)), y[start : start + n_rows]] += 1
    rows.flush()
    return np.memmap(Path(folder) / "rows", np.float32, "r", shape=shape)


def measure(case: Case) -> dict[str, float]:
    """Fit and predict once, and give what it took."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, case.n_rows)
    with tempfile.TemporaryDirectory() as folder:
        wide = sparse_rows(case, y) if case.n_entries else mapped_rows(case, y, folder)
        X = {"wide": wide, "narrow": rng.normal(size=(case.n_rows, 8)) + y[:, None]}
        model = FrontDoorMultiModalClassifier(max_epochs=1, random_state=0, device="cpu")
        before = resident_bytes()
        memory = PeakMemory()
        memory.start()
        start, cpu = time.perf_counter(), time.process_time()
        model.fit(X, y)
        found = {"seconds": time.process_time() - cpu, "by the clock": time.perf_counter() - start}
        model.predict_proba({name: x[:2000] for name, x in X.items()})
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {**found, "resident": peak, "more": peak - before, "anonymous": memory.growth()}


def resident_bytes() -> int:
    """Give the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def run(name: str) -> dict[str, Any]:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--measure", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    case, sizes = CASES[name], ("resident", "more", "anonymous")
    print(
        f"{case.n_rows:>9,} × {case.width:<7,} {found['seconds']:6.1f} s of CPU time, "
        f"{found['by the clock']:6.1f} s by the clock; "
        + ", ".join(f"{key} {found[key] / 1e6:,.0f} MB" for key in sizes),
        flush=True,
    )
    return found


def main(names: list[str]) -> None:
    """Run, print and assert."""
    print(f"{platform.machine()}, torch {torch.__version__}")
    found = {name: run(name) for name in names}
    for name, taken in found.items():
        for key, value in taken.items():
            most = getattr(CASES[name], key, None)
            assert most is None or value <= most, (name, key, value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(CASES), metavar="NAME")
    parser.add_argument("--measure")
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(CASES[arguments.measure])))
    else:
        main(arguments.names)
