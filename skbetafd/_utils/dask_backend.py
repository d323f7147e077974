"""Dask as joblib's backend, such that workers that die lose nothing."""

from __future__ import annotations

from asyncio import sleep
from collections.abc import Iterator
from contextlib import contextmanager
from sys import maxsize
from threading import Lock
from typing import Any
from uuid import uuid4

import numpy as np
from joblib import parallel_config
from joblib.parallel import get_active_backend

from .messages import needing

LARGE = "distributed.admin.large-graph-warning-threshold"
"""Dask's setting of the bytes from which it warns of data in a task, which are meant here."""

LOCK = Lock()
"""Over that setting, which is one for all threads."""


def dask_backend(client: Any = None, **submit_options: Any) -> Any:
    """Make a joblib backend for a Dask cluster whose workers may die.

    joblib's own backend, ``parallel_config("dask")``, sends a task's large arguments (rows,
    labels, the rows of a fold) to one worker, from which the others fetch them. If that worker
    dies before they have, the data are lost and the search ends with a FutureCancelledError. This
    one sends them once, to the scheduler, which gives them to a worker again where all that held
    them have died. Dask itself gives the tasks of a dead worker to the others, and a task of this
    library leaves no state behind, so that a search ends with the same result.

    Parameters
    ----------
    client : distributed.Client, default=None
        The cluster; None takes the current client.
    **submit_options : dict
        Passed on to ``client.submit``: `priority`, `resources`, `workers`, `retries`, ...

    Returns
    -------
    joblib.parallel.ParallelBackendBase
        For ``joblib.parallel_config(backend=...)``.

    Raises
    ------
    ImportError
        If Dask is not installed.
    TypeError
        If `client` is something else.
    ValueError
        If `client` is closed; from Dask, if it is None and there is no current one.

    See Also
    --------
    FrontDoorMultiModalClassifierCV : Does this by itself under ``parallel_config("dask")``.

    Notes
    -----
    The scheduler and every worker need memory for all rows, and the scheduler needs NumPy. A task
    that was running on as many dying workers as Dask's setting
    ``distributed.scheduler.allowed-failures`` says (3) is given up, as it may be what kills them:
    the search ends with Dask's KilledWorker.

    Examples
    --------
    >>> from dask.distributed import Client                     # doctest: +SKIP
    >>> from joblib import parallel_config
    >>> client = Client("scheduler:8786")                       # doctest: +SKIP
    >>> with parallel_config(backend=dask_backend(client)):     # doctest: +SKIP
    ...     GridSearchCV(clf, grid, cv=5).fit(X, y)
    """
    with needing("distributed", "dask_backend needs Dask"):
        import distributed
        from joblib._dask import DaskDistributedBackend
    client = distributed.get_client() if client is None else client
    if not isinstance(client, distributed.Client):
        raise TypeError(f"client must be a distributed.Client, got {client!r}")
    if client.status not in ("running", "connecting"):
        raise ValueError(f"client must be connected to a cluster, got one that is {client.status}")

    class Backend(DaskDistributedBackend):
        """joblib's, which waits for ever for a task that Dask has given up."""

        async def _collect(self) -> None:
            while self._continue:
                async for future, result in self.waiting_futures:
                    # an error of Dask's own: what a task raises comes as its result
                    outcome = result[1] if future.status == "error" else result
                    self._results.pop(future).set_result(outcome)
                    self._callbacks.pop(future)(outcome)
                await sleep(0.01)

    return Backend(client=_Keeping(client), **submit_options)


class _Keeping:
    """A Dask client whose scattered data outlive every worker.

    Dask cannot bring back scattered data: once the workers that hold them have died they are
    lost, and of copies on further workers its memory manager drops those that no task is waiting
    for. The result of a task it computes again, here from the bytes that the scheduler keeps.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def scatter(self, data: Any, asynchronous: bool = False, **options: Any) -> Any:
        """Stand in for ``Client.scatter``, as joblib calls it: an array later, or a list now."""
        if self._client.scheduler.address.startswith("inproc:"):  # no worker dies by itself
            return self._client.scatter(data, asynchronous=asynchronous, **options)
        if asynchronous:
            return self._keep_later(data)
        return [self._keep(each) for each in data]

    async def _keep_later(self, data: Any) -> Any:
        return self._keep(data)

    def _keep(self, data: Any) -> Any:
        import dask
        from distributed.protocol import pickle

        buffers: list[Any] = []
        head = pickle.dumps(data, buffer_callback=buffers.append)
        # as arrays Dask passes them on without copies
        arrays = [np.frombuffer(each.raw(), np.uint8) for each in buffers]
        with LOCK, dask.config.set({LARGE: maxsize}):
            key = f"{type(data).__name__}-{uuid4().hex}"
            return self._client.submit(pickle.loads, head, buffers=arrays, key=key)


@contextmanager
def lasting_backend() -> Iterator[bool]:
    """Have the data of joblib's active backend, if it is Dask's, outlive workers; tell if it is."""
    backend, _ = get_active_backend()
    if all(kind.__name__ != "DaskDistributedBackend" for kind in type(backend).__mro__):
        yield False
        return
    client = backend.client
    if isinstance(client, _Keeping):
        yield True
        return
    with parallel_config(backend=dask_backend(client, **backend.submit_kwargs)):
        yield True
