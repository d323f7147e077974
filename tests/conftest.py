"""Settings and small data that several test files share."""

import builtins
import os
import runpy
import sys

# Before SciPy's import: lets scikit-learn run check_array_api_input instead of skipping it.
os.environ["SCIPY_ARRAY_API"] = "1"
# Before NumPy's import: arrays and networks are tiny, more threads only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from hypothesis import settings

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd.fitting import trainer
from skbetafd.fitting.splits import inner_split

# No clock: machines differ. The same examples each run, and no database in the checkout.
settings.register_profile("tests", deadline=None, derandomize=True, database=None)
settings.load_profile("tests")
torch.set_num_threads(1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Hide a GPU from all but its own tests: what is bitwise on a CPU need not be so there."""
    with pytest.MonkeyPatch.context() as patch:
        if item.path.name != "test_cuda.py":
            patch.setattr(torch.cuda, "is_available", lambda: False)
            patch.setenv("CUDA_VISIBLE_DEVICES", "")
        return (yield)


N = 120
WIDTHS = {"audio": 4, "video": 3}


@pytest.fixture(scope="session")
def y() -> np.ndarray:
    """Three classes, as strings, 40 rows each."""
    return np.array(["bird", "car", "rain"])[np.arange(N) % 3]


@pytest.fixture(scope="session")
def modalities(y: np.ndarray) -> dict[str, np.ndarray]:
    """Two modalities that both show the label; read-only, so that no test can change them."""
    rng = np.random.default_rng(0)
    label = np.unique(y, return_inverse=True)[1]
    data = {
        name: 2 * rng.normal(size=(3, width))[label] + rng.normal(size=(N, width))
        for name, width in WIDTHS.items()
    }
    for array in data.values():
        array.flags.writeable = False
    return data


@pytest.fixture(name="X")
def container(modalities: dict[str, np.ndarray]) -> MultiModalArray:
    return MultiModalArray(modalities)


@pytest.fixture(scope="session")
def flat(modalities: dict[str, np.ndarray]) -> np.ndarray:
    return np.hstack(list(modalities.values()))


@pytest.fixture(scope="session")
def quick() -> Callable[..., FrontDoorMultiModalClassifier]:
    """Classifiers that fit in hundredths of a second, for tests where quality is not the point."""

    def make(**parameters: object) -> FrontDoorMultiModalClassifier:
        small = {"max_epochs": 2, "hidden_dim": 8, "n_references": 8, "random_state": 0}
        small |= {"calibrate": False}
        return FrontDoorMultiModalClassifier(**(small | parameters))

    return make


@pytest.fixture
def inner_splits(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """Collect the two sides of each inner split, and the groups of its rows."""
    seen: list[tuple] = []

    def recorded(y: np.ndarray, groups: np.ndarray | None, *more: object) -> tuple:
        sides = inner_split(y, groups, *more)
        seen.append((*sides, groups))
        return sides

    monkeypatch.setattr(trainer, "inner_split", recorded)
    return seen


@pytest.fixture
def no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)


@pytest.fixture
def run_main(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run ``python -m skbetafd`` with some arguments, in this process."""

    def run(*arguments: str) -> None:
        monkeypatch.setattr("sys.argv", ["skbetafd", *arguments])
        monkeypatch.delitem(sys.modules, "skbetafd.__main__", raising=False)
        runpy.run_module("skbetafd", run_name="__main__")

    return run
