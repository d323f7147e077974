"""Whether the tests notice when a line of the code that matters most is changed.

    python benchmarks/mutation.py [PART ...] [--sample N] [--seed S] [--only I ...]

Parts: adjustment, loss, criterion, inputs, targets; all by default. The changes are mutmut's, those
within functions, one at a time: an operator swapped, an argument None or dropped, a constant moved,
a string altered. mutmut's own runner puts each function behind another, which signatures and the
stack levels of warnings show. Here pytest collects the tests of a part once, and forks for each
change: there the functions get the changed code, and the tests run, the fast ones first, until one
fails. A change is killed where one does, or where they take five times as long as they should.
Printed: the survivors, as diffs, and a table. A change keeps its number as long as the source does.

POSIX only. Needs the extras `test` and `mutation`; run it from the root of the repository, with
OMP_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import NamedTuple

import pytest
from libcst import FunctionDef
from mutmut.mutation.file_mutation import create_mutations

ROOT = Path(__file__).parents[1]
PARTS = {
    "adjustment": (("nn/adjustment.py",), ("tests/nn/test_adjustment.py",)),
    "loss": (
        ("nn/criterion.py", "nn/losses.py"),
        ("tests/nn/test_criterion.py", "tests/nn/test_losses.py"),
    ),
    "criterion": (
        ("causal/criterion.py", "causal/graphs.py"),
        ("tests/causal/test_criterion.py", "skbetafd/causal/criterion.py"),
    ),
    "inputs": (
        ("inputs/validation.py", "inputs/columns.py", "inputs/missing.py"),
        (
            "tests/inputs/test_columns.py",
            "tests/inputs/test_validation.py",
            "tests/inputs/test_frames.py",
            "tests/bad_input/test_every_entry.py",
        ),
    ),
    "targets": (
        ("inputs/labels.py", "inputs/numeric.py"),
        (
            "tests/training/test_training_control.py",
            "tests/inputs/test_sparse_modalities.py",
            "tests/inputs/test_validation.py",
            "tests/bad_input/test_every_entry.py",
            "tests/bad_input/test_fit.py",
        ),
    ),
}
"""The modules of each part, and the tests that should notice."""


class Mutant(NamedTuple):
    """A module's source with one change."""

    path: Path
    source: str

    @property
    def module(self) -> str:
        """The dotted name of the module that is changed."""
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts)

    def diff(self) -> str:
        """Show what was changed, without the file's other lines."""
        lines = difflib.unified_diff(
            self.path.read_text().splitlines(), self.source.splitlines(), lineterm="", n=0
        )
        return "\n".join(line for line in lines if not line.startswith(("---", "+++")))


def mutants(path: Path) -> Iterator[Mutant]:
    """Every change within a module's functions."""
    module, changes, *_ = create_mutations(str(path), path.read_text())
    for change in changes:
        if isinstance(change.contained_by_top_level_function, FunctionDef):
            yield Mutant(path, module.deep_replace(change.original_node, change.mutated_node).code)


def install(mutant: Mutant) -> None:
    """Give the functions of a module that is in use the code of their mutants."""
    module = sys.modules[mutant.module]
    changed = {"__name__": module.__name__, "__package__": module.__package__}
    exec(compile(mutant.source, mutant.path, "exec", dont_inherit=True), changed)
    for name, new in changed.items():
        own = getattr(new, "__module__", None) == mutant.module
        if own and isinstance(new, FunctionType):
            _take_over(getattr(module, name), new)
        elif own and isinstance(new, type):
            for method, function in vars(new).items():
                if isinstance(function, FunctionType) and function.__module__ == mutant.module:
                    _take_over(vars(getattr(module, name))[method], function)


def _take_over(function: FunctionType, new: FunctionType) -> None:
    function.__code__ = new.__code__
    function.__defaults__, function.__kwdefaults__ = new.__defaults__, new.__kwdefaults__


def in_child(job: Callable[[], int], limit: float) -> int | None:
    """Exit status of a job in a forked process, None where it ran past `limit` seconds."""
    child = os.fork()
    if child == 0:
        status = 70
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
            status = job()
        finally:
            os._exit(status)
    end = time.monotonic() + limit
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


class Mutation:
    """A pytest plugin that runs the tests it has collected on one mutant after the other."""

    def __init__(self, chosen: list[tuple[int, Mutant]]) -> None:
        self.chosen = chosen
        self.outcomes: list[int | None] = []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run them on the code as it is, then on each mutant, in processes of their own."""
        start = time.monotonic()
        with tempfile.NamedTemporaryFile("r") as times:
            if in_child(lambda: _timed(session, Path(times.name)), 600) != 0:
                raise SystemExit("the tests fail on the code as it is")
            seconds = dict(zip(session.items, json.load(times), strict=True))
        session.items.sort(key=seconds.__getitem__)  # most changes fall to a fast test
        limit = 5 * (time.monotonic() - start) + 5
        for number, mutant in self.chosen:
            self.outcomes.append(in_child(lambda mutant=mutant: _run(session, mutant), limit))
            if self.outcomes[-1] == 0:
                told = f"{number} survives in {mutant.module}\n{mutant.diff()}\n\n"
                os.write(sys.__stderr__.fileno(), told.encode())
        return True


def _run(session: pytest.Session, mutant: Mutant | None) -> int:
    if mutant is not None:
        install(mutant)
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


def _timed(session: pytest.Session, path: Path) -> int:
    seconds = []
    for item, following in zip(session.items, [*session.items[1:], None], strict=True):
        start = time.monotonic()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        seconds.append(time.monotonic() - start)
    path.write_text(json.dumps(seconds))
    return session.testsfailed


def run(part: str, sample: int | None, seed: int, only: list[int]) -> str:
    """Print a part's survivors, and return its line of the table."""
    modules, tests = PARTS[part]
    every = list(enumerate(m for name in modules for m in mutants(ROOT / "skbetafd" / name)))
    chosen = [every[i] for i in only] or every
    if sample is not None and sample < len(chosen):
        chosen = sorted(random.Random(seed).sample(chosen, sample), key=lambda pair: pair[0])
    start = time.monotonic()
    plugin = Mutation(chosen)
    flags = ["-n", "0", "-x", "-q", "-s", "-p", "no:cacheprovider", "--no-header"]
    pytest.main([*flags, *(str(ROOT / test) for test in tests)], plugins=[plugin])
    outcomes = plugin.outcomes
    if len(outcomes) < len(chosen):
        raise SystemExit(f"{part}: pytest stopped after {len(outcomes)} of {len(chosen)} changes")
    killed = sum(outcome != 0 for outcome in outcomes)
    minutes = (time.monotonic() - start) / 60
    return (
        f"| {part} | {', '.join(modules)} | {len(every)} | {len(chosen)} | {killed} | "
        f"{outcomes.count(None)} | {killed / len(chosen):.1%} | {minutes:.1f} |"
    )


def main() -> None:
    """Run the parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", nargs="*", choices=[[], *PARTS], default=[])
    parser.add_argument("--sample", type=int, help="so many of each part's, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--only", type=int, nargs="*", default=[], help="these numbers")
    options = parser.parse_args()
    table = [run(p, options.sample, options.seed, options.only) for p in options.part or PARTS]
    print("| part | modules | changes | tried | killed | of these by time | share | minutes |")
    print("|---|---|---|---|---|---|---|---|", *table, sep="\n")


if __name__ == "__main__":
    main()
