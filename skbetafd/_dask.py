"""Dask as joblib's backend, such that a worker that dies loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from joblib import parallel_config
from joblib.parallel import get_active_backend

ATTEMPTS = 5
"""To bring data to the workers, while some die."""


def dask_backend(client: Any = None, **submit_options: Any) -> Any:
    """Make a joblib backend that puts the data of a search on every worker of a Dask cluster.

    joblib's own backend, ``parallel_config("dask")``, sends a task's large arguments (rows,
    labels, the rows of a fold) to one worker, from which the others fetch them. If that worker
    dies before they have, the data are lost and the search ends with a FutureCancelledError. This
    one sends them to all workers, once. Dask itself gives the tasks of a dead worker to the
    others, and a task of this library leaves no state behind, so that a search ends with the
    same result.

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
        From Dask, if `client` is None and there is no current one.

    See Also
    --------
    FrontDoorMultiModalClassifierCV : Does this by itself under ``parallel_config("dask")``.

    Notes
    -----
    Every worker needs memory for all rows. A task that was running on as many dying workers as
    Dask's setting ``distributed.scheduler.allowed-failures`` says (3) is given up, as it may be
    what kills them.

    Examples
    --------
    >>> from dask.distributed import Client                     # doctest: +SKIP
    >>> from joblib import parallel_config
    >>> client = Client("scheduler:8786")                       # doctest: +SKIP
    >>> with parallel_config(backend=dask_backend(client)):     # doctest: +SKIP
    ...     GridSearchCV(clf, grid, cv=5).fit(X, y)
    """
    try:
        import distributed
        from joblib._dask import DaskDistributedBackend
    except ImportError as error:
        raise ImportError('dask_backend needs Dask: pip install "skbetafd[distributed]"') from error
    client = distributed.get_client() if client is None else client
    if not isinstance(client, distributed.Client):
        raise TypeError(f"client must be a distributed.Client, got {client!r}")
    return DaskDistributedBackend(client=_ScatterToAll(client), **submit_options)


class _ScatterToAll:
    """A Dask client whose scattered data have a copy on every worker."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def scatter(self, data: Any, **options: Any) -> Any:
        options |= {"broadcast": True}
        if options.get("asynchronous"):
            return self._lasting(data, options)
        return self._client.scatter(data, **options)

    async def _lasting(self, data: Any, options: dict[str, Any]) -> Any:
        """Scatter; again where the first worker died before the others had a copy."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                future = await self._client.scatter(data, **options)
                holders = await self._client.scheduler.who_has(keys=[future.key])
                if holders.get(future.key):
                    return future
            except OSError:  # the connection to a worker that died
                if attempt == ATTEMPTS:
                    raise
        raise RuntimeError(f"no worker kept a {type(data).__name__} in {ATTEMPTS} attempts")


@contextmanager
def lasting_backend() -> Iterator[bool]:
    """Have joblib's active backend, if it is Dask's, keep data on all workers; tell if it is."""
    backend, _ = get_active_backend()
    if type(backend).__name__ != "DaskDistributedBackend":
        yield False
        return
    client = backend.client
    if isinstance(client, _ScatterToAll):
        yield True
        return
    with parallel_config(backend=dask_backend(client, **backend.submit_kwargs)):
        yield True
