"""Searches on a Dask cluster of several processes, one of which is killed."""

import os
import pickle
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from sys import getsizeof

import numpy as np
import pytest
from joblib import Parallel, delayed, parallel_config
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skbetafd import FrontDoorMultiModalClassifierCV, MultiModalArray, dask_backend
from skbetafd._utils.dask_backend import LARGE

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.slow,
    # Dask leaves the closing of sockets and loops to the garbage collector, its own and of a
    # worker that was killed; they then surface in whatever test is running
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SMALL = {"max_epochs": 2, "hidden_dim": 8, "n_references": 8, "random_state": 0}
SMALL |= {"calibrate": False}
GRID = {"beta": [0.0, 1.0], "hidden_dim": [4, 8]}
SECONDS = 60
"""After which a test that waits for what will not come fails."""
N_KILLED = pytest.mark.parametrize("n", [1, 3], ids=["one of three", "all three"])


def wait_for(folder: Path, pattern: str, n: int = 1) -> list[Path]:
    for _ in range(20 * SECONDS):
        found = sorted(folder.glob(pattern))
        if len(found) >= n:
            return found[:n]
        time.sleep(0.05)
    raise TimeoutError(f"{pattern} has not come {n} times")


class Victim(Callback):
    """Tells its process's id, and trains on when processes have been killed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_begin(self, net: object, **kwargs: object) -> None:
        # counted before it is told, after which this process may be dead
        (self.folder / f"fit-{time.time_ns()}-{os.getpid()}").touch()
        (self.folder / f"training-{os.getpid()}").touch()
        wait_for(self.folder, "killed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    with distributed.LocalCluster(
        processes=True, n_workers=3, threads_per_worker=1, dashboard_address=":0"
    ) as cluster:
        yield cluster


@pytest.fixture
def client(cluster: object) -> Iterator[object]:
    with distributed.Client(cluster) as client:
        client.wait_for_workers(3, timeout=SECONDS)
        yield client


@pytest.fixture
def killing(tmp_path: Path) -> Callable[[int, Callable[[], object]], int]:
    """Run a search with `Victim`; the first n processes in training are killed. Gives the fits."""

    def kill(n: int) -> None:
        for path in wait_for(tmp_path, "training-*", n):
            os.kill(int(path.name.partition("-")[2]), signal.SIGKILL)
        (tmp_path / "killed").touch()

    def run(n: int, search: Callable[[], object]) -> int:
        killer = threading.Thread(target=kill, args=(n,))
        killer.start()
        search()
        killer.join()
        return len(list(tmp_path.glob("fit-*")))

    return run


@pytest.fixture
def grid_search(quick: Callable[..., object]) -> Callable[..., GridSearchCV]:
    def make(**parameters: object) -> GridSearchCV:
        return GridSearchCV(quick(**parameters), GRID, cv=3, refit=False, error_score="raise")

    return make


def search_cv(**parameters: object) -> FrontDoorMultiModalClassifierCV:
    grid = {"hidden_dim": [4, 8]}
    defaults = {"betas": [0, 1], "cv": 3, "param_grid": grid, "scoring": "neg_log_loss"}
    return FrontDoorMultiModalClassifierCV(**(SMALL | defaults | parameters))


def splits_scores(search: GridSearchCV) -> np.ndarray:
    return np.stack([search.cv_results_[f"split{i}_test_score"] for i in range(3)])


@pytest.mark.parametrize("backend", ["dask", "on all workers"])
def test_grid_search_on_a_cluster_is_bitwise_that_of_one_process(
    backend: str, client: object, grid_search: Callable[..., GridSearchCV], X: object, y: object
) -> None:
    here = grid_search().fit(X, y)
    with parallel_config(backend=backend if backend == "dask" else dask_backend(client)):
        there = grid_search().fit(X, y)
    np.testing.assert_array_equal(splits_scores(here), splits_scores(there))


def test_the_cv_estimator_on_a_cluster_fits_each_fold_by_itself_and_scores_the_same(
    client: object, X: object, y: object
) -> None:
    alone = search_cv(param_grid={"hidden_dim": [8]}, cv=2).fit(X, y)
    with parallel_config("dask"):
        there = search_cv(param_grid={"hidden_dim": [8]}, cv=2).fit(X, y)
        fewer_jobs = search_cv(param_grid={"hidden_dim": [8]}, cv=2, n_jobs=1).fit(X, y)
    np.testing.assert_allclose(there.scores_, alone.scores_, rtol=1e-5)
    np.testing.assert_array_equal(there.scores_, fewer_jobs.scores_)
    np.testing.assert_array_equal(there.predict_proba(X), alone.predict_proba(X))
    pickle.dumps(there)


def test_grid_search_over_settings_is_bitwise_the_cv_estimators_on_a_cluster(
    client: object, quick: Callable[..., object], X: object, y: object
) -> None:
    with parallel_config(backend=dask_backend(client)):
        one = GridSearchCV(quick(), GRID, cv=3, scoring="neg_log_loss", refit=False).fit(X, y)
        other = search_cv(refit=False).fit(X, y)
    own = {tuple(sorted(p.items())): i for i, p in enumerate(one.cv_results_["params"])}
    order = [own[tuple(sorted(p.items()))] for p in other.cv_results_["params"]]
    for i in range(3):
        name = f"split{i}_test_score"
        np.testing.assert_array_equal(one.cv_results_[name][order], other.cv_results_[name])


@N_KILLED
def test_a_worker_killed_in_a_grid_search_costs_its_fit_and_nothing_else(
    n: int,
    client: object,
    grid_search: Callable[..., GridSearchCV],
    killing: Callable[[int, Callable[[], object]], int],
    tmp_path: Path,
    X: object,
    y: object,
) -> None:
    expected = splits_scores(grid_search().fit(X, y))
    search = grid_search(callbacks=[Victim(tmp_path)])
    with parallel_config(backend=dask_backend(client)):
        n_fits = killing(n, lambda: search.fit(X, y))
    np.testing.assert_array_equal(splits_scores(search), expected)
    assert n_fits == 4 * 3 + n


@N_KILLED
def test_a_worker_killed_in_the_cv_estimator_costs_its_fit_and_nothing_else(
    n: int,
    client: object,
    killing: Callable[[int, Callable[[], object]], int],
    tmp_path: Path,
    X: object,
    y: object,
) -> None:
    with parallel_config("dask"):
        expected = search_cv(refit=False).fit(X, y)
        search = search_cv(refit=False, callbacks=[Victim(tmp_path)])
        n_fits = killing(n, lambda: search.fit(X, y))
    np.testing.assert_array_equal(search.scores_, expected.scores_)
    assert search.best_params_ == expected.best_params_
    assert n_fits == 2 * 3 + n


@pytest.fixture
def n_bytes_sent(client: object, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """The bytes of arrays that have left this process for the scheduler, until now."""
    sent: list[int] = []
    submit = type(client).submit

    def counting(self: object, function: object, *args: object, **options: object) -> object:
        message = distributed.protocol.serialize((args, options))
        sent.append(sum(memoryview(frame).nbytes for frame in message[1]))
        return submit(self, function, *args, **options)

    monkeypatch.setattr(type(client), "submit", counting)
    return lambda: sum(sent)


@pytest.mark.parametrize("own", [True, False], ids=["the CV estimator", "GridSearchCV"])
def test_rows_are_sent_once_and_not_with_each_task(
    own: bool,
    client: object,
    n_bytes_sent: Callable[[], int],
    grid_search: Callable[..., GridSearchCV],
) -> None:
    y = np.tile(["bird", "car", "rain"], 40)
    rng = np.random.default_rng(0)
    X = MultiModalArray([rng.normal(size=(120, 3000)), rng.normal(size=(120, 3))])
    search = search_cv(refit=False) if own else grid_search()
    with parallel_config(backend=dask_backend(client)):
        search.fit(X, y)
    assert getsizeof(X) <= n_bytes_sent() <= 1.2 * getsizeof(X)


def total(array: np.ndarray, folder: Path) -> float:
    (folder / f"training-{os.getpid()}").touch()
    wait_for(folder, "killed")
    return float(array.sum())


def test_data_told_to_joblib_beforehand_outlive_their_workers_too(
    client: object, killing: Callable[[int, Callable[[], object]], int], tmp_path: Path
) -> None:
    data, sums = np.ones(1000), []

    def run() -> None:
        tasks = [delayed(total)(data, tmp_path) for _ in range(4)]
        sums.extend(Parallel(timeout=SECONDS)(tasks))

    with parallel_config(backend=dask_backend(client, scatter=[data])):
        killing(3, run)
    assert sums == [1000.0] * 4


def test_data_of_any_kind_arrive_as_they_are_and_without_a_warning(client: object) -> None:
    rng = np.random.default_rng(0)
    frozen = rng.normal(size=(50, 4))
    frozen.flags.writeable = False
    text = np.array([f"row {i}" for i in range(200)], dtype=object)
    larger_than_dask_likes = rng.normal(size=2_000_000)
    kinds = [frozen, np.asfortranarray(rng.normal(size=(50, 4))), text, larger_than_dask_likes]
    with parallel_config(backend=dask_backend(client)):
        found = Parallel()(delayed(np.array)(each) for each in kinds)
        X = MultiModalArray({"some": rng.normal(size=(200, 3)), "none": np.empty((200, 0))})
        sizes = Parallel()(delayed(np.shape)(each) for each in [X])
    for kind, arrived in zip(kinds, found, strict=True):
        np.testing.assert_array_equal(arrived, kind, strict=True)
    assert sizes == [(200, 3)]


def test_a_container_has_the_size_of_its_arrays_and_of_its_pickle() -> None:
    X = MultiModalArray({"a": np.zeros((1000, 30)), "b": np.zeros((1000, 8), np.float32)})
    n_bytes = 1000 * (30 * 8 + 8 * 4)
    assert n_bytes <= getsizeof(X) <= n_bytes + 1000
    assert n_bytes <= len(pickle.dumps(X)) <= n_bytes + 1000
    assert len(pickle.dumps(X[:10])) <= n_bytes / 100 + 1000, "a slice takes its rows alone"
    again = pickle.loads(pickle.dumps(X[5:7]))
    assert again.names == X.names and again.named and again.shape == (2, 38)


def dies(array: np.ndarray) -> None:
    os._exit(1)


def test_a_task_that_kills_each_worker_is_given_up_with_an_error(client: object) -> None:
    with (
        parallel_config(backend=dask_backend(client)),
        pytest.raises(distributed.KilledWorker, match="dies"),
    ):
        Parallel(timeout=2 * SECONDS)(delayed(dies)(np.ones(1000)) for _ in range(1))


class Unpicklable:
    """Something large that no process but its own can have."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __sizeof__(self) -> int:
        return 10**5


def held(value: Unpicklable) -> bool:
    return value.lock.locked()


def test_workers_in_this_process_take_what_can_not_be_pickled() -> None:
    with (
        distributed.Client(processes=False, n_workers=2, dashboard_address=":0") as client,
        parallel_config(backend=dask_backend(client)),
    ):
        value = Unpicklable()
        assert Parallel(timeout=SECONDS)(delayed(held)(value) for _ in range(2)) == [False] * 2


def test_threads_leave_dask_s_settings_as_they_were(client: object) -> None:
    before = dask.config.get(LARGE)

    def scatter() -> None:
        for _ in range(30):
            dask_backend(client, scatter=[np.zeros(300)])

    threads = [threading.Thread(target=scatter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert dask.config.get(LARGE) == before


def test_an_error_on_a_worker_names_the_fold(client: object, X: object, y: np.ndarray) -> None:
    rare = np.where(np.arange(len(y)) == 0, "once", y)
    cv = [(np.arange(1, 120), np.arange(1)), (np.arange(120), np.arange(60))]
    with parallel_config("dask"), pytest.raises(ValueError, match="fold 0"):
        search_cv(cv=cv, refit=False).fit(X, rare)


def test_without_a_client_the_backend_is_refused() -> None:
    with pytest.raises(ValueError, match="client"):
        dask_backend()
    with pytest.raises(TypeError, match=r"client must be a distributed.Client, got 'here'"):
        dask_backend("here")


def test_a_client_that_is_closed_is_refused(cluster: object) -> None:
    client = distributed.Client(cluster)
    client.close()
    with pytest.raises(ValueError, match=r"client must be connected to a cluster, got .* closed"):
        dask_backend(client)
