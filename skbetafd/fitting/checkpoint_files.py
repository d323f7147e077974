"""Which checkpoints belong to a fit, and where they lie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from .._utils.files import remove_unfinished
from ..training.callbacks import callback_names, check_resumable
from ..training.checkpoint import Checkpoint, read_checkpoint
from .fit_keys import fit_key
from .request import FitRequest


def with_checkpoints(request: FitRequest, directory: Any, *, seeded: bool) -> FitRequest:
    """Give a fit a checkpoint for each of its networks, and the seeds of the one that it continues.

    Parameters
    ----------
    request : FitRequest
        The fit.
    directory : str or Path
        Made if need be. It holds ``network-0.pt``, ``network-1.pt``, ...: one fit at a time.
    seeded : bool
        Whether the seeds are the user's, as those of an int random_state are. Others are those
        of the fit that goes on.

    Raises
    ------
    ValueError
        If a file there is of another fit, or can't be read; it is left alone. Or if a callback
        has a state that no checkpoint holds.
    """
    spec = request.spec
    check_resumable(spec.parameters["callbacks"])
    directory = Path(directory)
    if directory.exists() and not directory.is_dir():
        raise ValueError(f"checkpoint_dir must be a directory, got the file {str(directory)!r}")
    directory.mkdir(parents=True, exist_ok=True)
    seeds = spec.seeds
    fingerprint = fit_key(
        request,
        callbacks=callback_names(spec.parameters["callbacks"]),
        seeds=seeds if seeded else len(seeds),
    )
    paths = [directory / f"network-{member}.pt" for member in range(len(seeds[1::2]))]
    for path in paths:
        content = read_checkpoint(path, fingerprint)
        if content is not None:
            seeds = tuple(content["seeds"])
    checkpoints = tuple(Checkpoint(path, fingerprint, seeds) for path in paths)
    return replace(
        request,
        spec=replace(spec, seeds=seeds),
        run=replace(request.run, checkpoints=checkpoints),
    )


def remove_checkpoints(request: FitRequest) -> None:
    """Remove what a completed fit needs no longer."""
    for checkpoint in request.run.checkpoints:
        checkpoint.path.unlink(missing_ok=True)
        remove_unfinished(checkpoint.path.parent)


def remove_fold_checkpoints(directory: Any) -> None:
    """Remove what a completed search needs no longer: a directory for every fit."""
    for own in [*Path(directory).glob("setting-*-fold-*"), Path(directory) / "refit"]:
        for path in own.glob("network-*.pt"):
            path.unlink(missing_ok=True)
        remove_unfinished(own)
        if own.is_dir() and not any(own.iterdir()):
            own.rmdir()
