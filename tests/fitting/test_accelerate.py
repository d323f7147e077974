"""Fits in two processes, which torchrun starts on two ends of a gloo connection."""

import json
import os
import pickle
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

import skbetafd
from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.training import accelerated

pytestmark = pytest.mark.slow

pytest.importorskip("accelerate")

SCRIPT = Path(__file__).with_name("two_processes.py")
SPEC = spec_from_file_location("two_processes", SCRIPT)
two_processes = module_from_spec(SPEC)
SPEC.loader.exec_module(two_processes)

REPEATABLE = [
    "digits",
    "without a seed",
    "mediator",
    "classifier",
    "early stopping",
    "partial fit",
    "all rows a batch",
    "batch norm",
    "members",
    "search",
    "stopped",
]


def launch(folder: Path, what: str) -> subprocess.CompletedProcess[str]:
    root = str(Path(skbetafd.__file__).parents[1])
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [sys.executable, *launcher, str(SCRIPT), str(folder), what],
        env={**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict]:
    """What each of the two processes saw."""
    folder = tmp_path_factory.mktemp("processes")
    done = launch(folder, "all")
    assert done.returncode == 0, done.stderr[-4000:]
    return tuple(json.loads((folder / f"{i}.json").read_text()) for i in range(2))


@pytest.mark.parametrize("fit", REPEATABLE)
def test_both_processes_end_with_bitwise_the_same(fit: str, seen: tuple[dict, dict]) -> None:
    assert seen[0][fit] == seen[1][fit]


def test_two_processes_are_as_accurate_as_one(seen: tuple[dict, dict]) -> None:
    X, y = two_processes.digits()
    alone = FrontDoorMultiModalClassifier(**two_processes.DIGITS).fit(X[::2], y[::2])
    assert abs(seen[0]["score"] - alone.score(X[1::2], y[1::2])) < 0.02


def test_two_processes_train_the_network_of_one_up_to_rounding(seen: tuple[dict, dict]) -> None:
    X, y = two_processes.small_data()
    alone = two_processes.make(batch_size=25, accelerate=False).fit(X, y)
    expected = two_processes.weights(alone.module_)
    np.testing.assert_allclose(seen[0]["weights"], expected, rtol=1e-3, atol=1e-5)
    losses = [row["train_loss"] for row in alone.history_]
    np.testing.assert_allclose(seen[0]["loss"], losses, rtol=1e-5)


def test_a_fit_of_two_processes_can_be_pickled(seen: tuple[dict, dict]) -> None:
    assert all(process["pickled"] for process in seen)


def test_only_the_first_process_speaks_and_tells_that_members_are_not_stacked(
    seen: tuple[dict, dict],
) -> None:
    assert "trained by itself: its batches are split between processes" in seen[0]["said"]
    assert "train_loss" in seen[0]["said"]
    assert seen[1]["said"] == ""


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("other rows", "ValueError: process 1 fits with another modality 'b' than process 0"),
        ("other labels", "ValueError: process 1 fits with another y than process 0"),
        ("other parameters", "ValueError: process 1 fits with another dropout than process 0"),
        ("other classifier", "ValueError: process 1 fits with another seeing than process 0"),
        ("other frozen module", "ValueError: process 1 fits with another encoder of modality 'a'"),
        ("small batches", "none"),
        ("diverged", "ValueError: Training diverged"),
        ("first's error", "ZeroDivisionError"),
        ("n_jobs", "ValueError: n_jobs=2 starts processes beside those of accelerate=True"),
    ],
)
def test_what_is_refused_is_refused_in_both(case: str, words: str, seen: tuple[dict, dict]) -> None:
    assert [process[case].startswith(words) for process in seen] == [True, True], seen[0][case]


def test_a_callback_that_fails_in_one_process_fails_the_fit_in_both(
    seen: tuple[dict, dict],
) -> None:
    assert seen[1]["callback's error"] == "ValueError: in one process"
    words = "RuntimeError: a callback failed in on_epoch_end of another process"
    assert seen[0]["callback's error"] == words
    assert seen[0]["unfitted"] and seen[1]["unfitted"]


def test_a_callback_that_stops_one_process_stops_both_at_that_epoch(
    seen: tuple[dict, dict],
) -> None:
    assert [process["stopped"][0] for process in seen] == [1, 1]


def test_global_state_is_left_alone(seen: tuple[dict, dict]) -> None:
    assert all(process["global state is as it was"] for process in seen)


def test_a_process_that_breaks_in_an_epoch_does_not_leave_the_other_waiting(
    tmp_path: Path,
) -> None:
    done = launch(tmp_path, "breaks")
    assert done.returncode != 0
    assert "ValueError: in one process" in done.stderr


def test_in_a_process_started_alone_it_changes_nothing() -> None:
    X, y = two_processes.small_data()
    there, here = two_processes.make().fit(X, y), two_processes.make(accelerate=False).fit(X, y)
    np.testing.assert_array_equal(there.predict_proba(X), here.predict_proba(X))
    copy = pickle.loads(pickle.dumps(there))
    np.testing.assert_array_equal(copy.predict_proba(X), here.predict_proba(X))
    assert clone(there).get_params()["accelerate"] is True


def test_memory_is_not_used_and_that_is_said(tmp_path: Path) -> None:
    X, y = two_processes.small_data()
    with pytest.warns(UserWarning, match="memory is not used with accelerate=True"):
        two_processes.make(memory=tmp_path).fit(X, y)
    assert not list(tmp_path.iterdir())


def test_checkpoints_are_refused_by_name(tmp_path: Path) -> None:
    X, y = two_processes.small_data()
    with pytest.raises(ValueError, match="checkpoint_dir can't be used with accelerate=True"):
        two_processes.make(checkpoint_dir=tmp_path).fit(X, y)


def test_processes_that_accelerate_does_not_know_of_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = two_processes.small_data()
    two_processes.make().fit(X, y)  # from now on, Accelerate knows one process
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RuntimeError, match=r"2 processes were launched, .* set up for 1"):
        two_processes.make().fit(X, y)


def test_without_accelerate_installed_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = two_processes.small_data()
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r"pip install 'skbetafd\[distributed\]'"):
        two_processes.make().fit(X, y)


def test_more_processes_than_rows_of_a_batch_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerated, "process_index", lambda: (0, 3))
    accelerated.check_shards(9, 3)
    with pytest.raises(ValueError, match="3 processes for a batch of 2 rows: take a larger batch"):
        accelerated.check_shards(8, 3)
