"""The comparison of all methods on three tracks, resumable.

    python benchmarks/suite/run.py [--quick | --smoke] [--tracks ...] [--sets ...] [--variants ...]
        [--methods ...] [--seeds 5] [--first-seed 0] [--budget 1] [--jobs 2] [--out FOLDER]

Without a confounder (`clean`), each method is trained once and tested i.i.d. and with 25 to 100 %
of the test rows lacking all auxiliaries; with one (`interventional`: planted in real data, the
VARIANTS of tracks.py), it is tested i.i.d., half broken, broken and redrawn. Each seed splits
70 : 30 (stratified, groups kept together), and seeds confounder and models. Scores go to
FOLDER/scores.csv as they come; what stands there is not run again. In the end come the report and
the picture (`--seeds 0`: nothing else), and the scores are packed into scores.csv.gz. `--quick`
takes three sets and two seeds of each track, `--smoke` one set, one seed and few methods.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import platform
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from sklearn.metrics import log_loss

sys.path.insert(0, str(Path(__file__).parents[1]))
from skbetafd._utils.files import whole_file
from suite.comparison import BEST
from suite.methods import METHODS, REPORTED_BETAS, TUNED, AtBeta, Method, method
from suite.report import write_report
from suite.tracks import SHARES, TESTS, VARIANTS, task, tasks

TRACKS = ("clean", "interventional")
QUICK = {"sets": ["kar/mor", "image_segments", "alzheimer"], "variants": ["independent"]}
SMOKE_METHODS = ["front-door", "joint", "ogm-ge", "auxiliaries alone", "logistic regression"]


class Job(NamedTuple):
    """One method on one split."""

    track: str
    set: str
    variant: str
    seed: int
    method: str


class Score(NamedTuple):
    """One line of scores.csv."""

    track: str
    set: str
    variant: str
    seed: int
    method: str
    predictor: str
    test: str
    accuracy: float
    log_loss: float
    weak_overlap: float
    n_train: int
    n_test: int
    seconds: float
    budget: int


def jobs(arguments: argparse.Namespace) -> Iterator[Job]:
    """Yield all jobs asked for, split by split."""
    first = arguments.first_seed
    for seed in range(first, first + arguments.seeds):
        for track in arguments.tracks:
            for name, variant in tasks(track):
                if name not in (arguments.sets or [name]):
                    continue
                if track == "interventional" and variant not in (arguments.variants or [variant]):
                    continue
                chosen = arguments.methods or [m.name for m in METHODS if compared(m, track)]
                if track == "interventional":
                    chosen = [*chosen, BEST]
                for one in chosen:
                    yield Job(track, name, variant, seed, one)


def compared(one: Method, track: str) -> bool:
    """All usual ones without a confounder; with one, the networks (β by CV is near 0 there)."""
    return one.usual and (track == "clean" or (one.neural and one.name != "front-door CV"))


def attempt(job: Job, budget: int) -> tuple[Job, list[Score], str]:
    """Run a job; what goes wrong is told in the end, and stops no other job."""
    try:
        return job, run(job, budget), ""
    except Exception as error:
        return job, [], f"{type(error).__name__}: {error}"


def run(job: Job, budget: int) -> list[Score]:
    """Train and score one method on one split."""
    warnings.filterwarnings("ignore", category=UserWarning)
    split = task(*job[:4])
    start = time.perf_counter()
    weak: dict[tuple[str, str], float] = {}
    if job.method == BEST:
        assert split.best is not None
        found = {BEST: split.best()}
    else:
        predictors = method(job.method).fit(split.train, job.seed, budget)
        found = {
            name: {test: predict(X) for test, (X, _) in split.tests.items()}
            for name, predict in predictors.items()
        }
        weak = {
            (name, test): round(predict.weak_overlap(X), 4)
            for name, predict in predictors.items()
            for test, (X, _) in split.tests.items()
            if isinstance(predict, AtBeta) and test in ("broken", "redrawn")
        }
    size = len(split.train.y), len(split.tests[next(iter(split.tests))][1])
    seconds = round(time.perf_counter() - start, 2)
    return [
        Score(*job, name, test, *_scores(split.tests[test][1], proba, split.classes),
              weak.get((name, test), float("nan")), *size, seconds, budget)
        for name, by_test in found.items()
        for test, proba in by_test.items()
    ]  # fmt: skip


def _scores(y: np.ndarray, proba: np.ndarray, classes: np.ndarray) -> tuple[float, float]:
    accuracy = float(np.mean(classes[proba.argmax(axis=1)] == y))
    proba = np.clip(proba, 1e-12, None)
    proba = proba / proba.sum(axis=1, keepdims=True)
    return round(accuracy, 5), round(float(log_loss(y, proba, labels=classes)), 5)


def done(path: Path, budget: int) -> set[Job]:
    """Read which jobs are finished; what a run that was cut off left of a job is removed.

    Raises
    ------
    ValueError
        If they had another budget (one report compares equal budgets), other columns, or a line
        is broken.
    """
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        header, *lines = list(csv.reader(file)) or [[]]
    if not lines and ",".join(Score._fields).startswith(",".join(header)):
        path.write_text("")
        return set()
    if tuple(header) != Score._fields:
        raise ValueError(f"{path} has the columns of another version: name another --out")
    if len(lines[-1]) != len(header):
        lines.pop()
    for number, line in enumerate(lines, 2):
        if len(line) != len(header):
            raise ValueError(f"{path}, line {number} is broken: {','.join(line)!r}")
        if line[-1] != str(budget):
            raise ValueError(
                f"{path} was made with --budget {line[-1]}, not {budget}: name another --out"
            )
    counts = Counter(_job(line) for line in lines)
    finished = {job for job, n in counts.items() if n == n_scores(job)}
    kept = [line for line in lines if _job(line) in finished]
    if len(kept) < len(lines) or not path.read_bytes().endswith(b"\n"):
        with whole_file(path) as file:
            text = io.TextIOWrapper(file, newline="", write_through=True)
            csv.writer(text).writerows([header, *kept])
            text.detach()
    return finished


def _job(line: Sequence[str]) -> Job:
    track, name, variant, seed, chosen = line[:5]
    return Job(track, name, variant, int(seed), chosen)


def n_scores(job: Job) -> int:
    """Count the lines of a job: its predictors times the tests of its track."""
    n_tests = len(TESTS) if job.track == "interventional" else 1 + len(SHARES)
    return n_tests * (len(REPORTED_BETAS) if job.method == "front-door" else 1)


def work(todo: Sequence[Job], path: Path, n_jobs: int, budget: int) -> list[str]:
    """Run jobs in parallel, and append the scores of each in one piece as it ends.

    Returns
    -------
    list of str
        What went wrong.
    """
    new, failures = not path.exists() or not path.stat().st_size, []
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(Score._fields)
        parallel = Parallel(n_jobs, return_as="generator_unordered", pre_dispatch="2*n_jobs")
        results = parallel(delayed(attempt)(job, budget) for job in todo)
        for count, (job, scores, failure) in enumerate(results, 1):
            writer.writerows(scores)
            file.flush()
            line = f"{count}/{len(todo)} {' · '.join(map(str, job))} {failure}"
            print(line, flush=True)
            failures += [line] if failure else []
    return failures


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--tracks", nargs="+", default=list(TRACKS), choices=TRACKS)
    names = sorted({name for track in TRACKS for name, _ in tasks(track)})
    parser.add_argument("--sets", nargs="+", choices=names)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS))
    parser.add_argument("--methods", nargs="+", choices=[m.name for m in METHODS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0, help="50 in development")
    budgets = range(1, len(TUNED) + 1)
    parser.add_argument("--budget", type=int, default=1, choices=budgets)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("suite"))
    arguments = parser.parse_args()
    if arguments.quick:
        parser.set_defaults(seeds=2, **QUICK)
    if arguments.smoke:
        parser.set_defaults(seeds=1, sets=["kar/mor"], variants=["independent"])
        parser.set_defaults(methods=SMOKE_METHODS)
    return parser.parse_args()


def main() -> None:
    """Run what is missing, then report."""
    arguments: Any = parsed()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path, packed = arguments.out / "scores.csv", arguments.out / "scores.csv.gz"
    if packed.exists() and not path.exists():
        path.write_bytes(gzip.decompress(packed.read_bytes()))
    finished = done(path, arguments.budget)
    todo = [job for job in jobs(arguments) if job not in finished]
    print(f"{len(todo)} jobs to run, {len(finished)} done; {platform.processor() or 'CPU'}")
    failures = work(todo, path, arguments.jobs, arguments.budget)
    write_report(path, arguments.out)
    with whole_file(packed) as file:
        file.write(gzip.compress(path.read_bytes(), mtime=0))
    path.unlink()
    assert not failures, "\n".join(["jobs that failed:", *failures])


if __name__ == "__main__":
    main()
