"""Fits from memory maps and zarr stores: memory beyond the data, and throughput.

``python benchmarks/larger_than_memory.py`` asserts that

- a fit from a memory map of 1,000,000 × (64 + 64) float32 (512 MB) takes at most 1 GB of anonymous
  memory more than before it (RssAnon of /proc/self/status, sampled every 10 ms; the pages of the
  map are not anonymous), and passes at least .8 times as many rows a second as the same fit from
  arrays in memory, the whole fit counted, by the clock, the better of two fits each, in turns
  (rows a second of CPU time are printed too: where others use the machine they tell more);
- a fit from compressed zarr stores of the same rows grows by less than their size (most of it, the
  blocks that are kept and zarr's own buffers, does not grow with the rows: with fewer, the script
  says no).

Each fit runs in a process of its own. Seed 0, one epoch, all else the library's defaults, one torch
thread. ``--rows`` makes it smaller.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
import zarr

from skbetafd import FrontDoorMultiModalClassifier

WIDTH, N_CLASSES, EPOCHS, CHUNK = 64, 4, 1, 4096
NAMES = ("sound", "image")
FORMS = ("memory", "memmap", "memory", "memmap", "zarr")
MOST_BYTES, LEAST_RATIO, ZARR_SHARE = 1e9, 0.8, 1


class PeakMemory(threading.Thread):
    """Samples this process's anonymous memory."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.first = self.peak = anonymous_bytes()
        self.over = threading.Event()

    def run(self) -> None:
        """Sample until `over` is set."""
        while not self.over.wait(0.01):
            self.peak = max(self.peak, anonymous_bytes())

    def growth(self) -> int:
        """Stop, and give the bytes beyond those at the start."""
        self.over.set()
        self.join()
        return max(self.peak, anonymous_bytes()) - self.first


def anonymous_bytes() -> int:
    """Give RssAnon in bytes."""
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in status if line.startswith("RssAnon")).split()[1])


def write(folder: Path, n: int) -> None:
    """Write both modalities as raw float32 and as zarr, and the labels, some rows at a time."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, N_CLASSES, n)
    np.save(folder / "y.npy", y)
    for name in NAMES:
        centres = rng.normal(size=(N_CLASSES, WIDTH))
        raw = np.memmap(folder / name, np.float32, "w+", shape=(n, WIDTH))
        store = zarr.create_array(
            store=folder / f"{name}.zarr", shape=raw.shape, chunks=(CHUNK, WIDTH), dtype="float32"
        )
        for start in range(0, n, 16 * CHUNK):
            rows = slice(start, start + 16 * CHUNK)
            part = centres[y[rows]] + 2 * rng.normal(size=(len(y[rows]), WIDTH))
            raw[rows] = store[rows] = part.astype(np.float32)
        raw.flush()


def measure(folder: Path, form: str) -> dict[str, float]:
    """Fit once from one form of the data."""
    torch.set_num_threads(1)
    y = np.load(folder / "y.npy")
    shape = (len(y), WIDTH)
    maps = {name: np.memmap(folder / name, np.float32, "r", shape=shape) for name in NAMES}
    if form == "memory":
        X = {name: np.array(values) for name, values in maps.items()}
    elif form == "memmap":
        X = maps
    else:
        X = {name: zarr.open_array(folder / f"{name}.zarr", mode="r") for name in NAMES}
    model = FrontDoorMultiModalClassifier(
        max_epochs=EPOCHS, random_state=0, predominant="sound", device="cpu"
    )
    warm = {name: np.array(values[:2048]) for name, values in maps.items()}
    model.fit(warm, y[:2048])
    memory = PeakMemory()
    memory.start()
    start, cpu = time.perf_counter(), time.process_time()
    model.fit(X, y)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    growth = memory.growth()
    score = model.score({name: np.array(v[:5000]) for name, v in maps.items()}, y[:5000])
    done = EPOCHS * len(y)
    return {
        "rows_per_s": done / seconds,
        "rows_per_cpu_s": done / cpu,
        "growth": growth,
        "accuracy": score,
    }


def run(folder: Path, form: str) -> dict[str, float]:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--folder", str(folder), "--form", form]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{form:7s} {result['rows_per_s']:>10,.0f} rows/s "
        f"({result['rows_per_cpu_s']:,.0f} a CPU second)  {result['growth'] / 1e6:>7,.0f} MB more"
        f"  accuracy {result['accuracy']:.3f}",
        flush=True,
    )
    return result


def by_rows(result: dict[str, float]) -> float:
    """Order results by their rows a second."""
    return result["rows_per_s"]


def main(n: int) -> None:
    """Run all, print and assert."""
    size = n * WIDTH * len(NAMES) * 4
    print(f"{n:,} rows, {size / 1e6:,.0f} MB, {platform.machine()}, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), n)
        runs = [(form, run(Path(folder), form)) for form in FORMS]
    found = {form: max((r for f, r in runs if f == form), key=by_rows) for form in FORMS}
    ratio = found["memmap"]["rows_per_s"] / found["memory"]["rows_per_s"]
    print(f"memmap / memory: {ratio:.2f}")
    assert found["memmap"]["growth"] <= MOST_BYTES, found
    assert ratio >= LEAST_RATIO, ratio
    assert found["zarr"]["growth"] <= ZARR_SHARE * size, found
    spread = max(f["accuracy"] for f in found.values()) - min(f["accuracy"] for f in found.values())
    assert spread < 0.02, found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder")
    parser.add_argument("--form")
    arguments = parser.parse_args()
    if arguments.form:
        print(json.dumps(measure(Path(arguments.folder), arguments.form)))
    else:
        main(arguments.rows)
