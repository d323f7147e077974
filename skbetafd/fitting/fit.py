"""From checked arrays to trained networks: the work of fit, for one classifier or for many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_memory

from ..nn.torch_modes import fitting
from ..training.stacked import train_all
from .fit_keys import fit_key
from .request import FitRequest, FitResult
from .trainer import FrontDoorTrainer


def fit_all(requests: Sequence[FitRequest]) -> list[FitResult]:
    """Fit several classifiers; their networks are trained together where shapes allow."""
    keep_interrupted = all(request.run.keep_interrupted for request in requests)
    with fitting():
        prepared = [FrontDoorTrainer(request) for request in requests]
        verbose = min(p.verbose for p in prepared)
        folds = [p.folds() for p in prepared]
        # those that an interrupt may end come last
        jobs = [fold.job for own in folds for fold in own] + [j for p in prepared for j in p.jobs]
        nets = iter(train_all(jobs, verbose, keep_interrupted=keep_interrupted))
        seen = [[(fold, next(nets)) for fold in own] for own in folds]
        return [
            p.finish([next(nets) for _ in p.jobs], folds=own)
            for p, own in zip(prepared, seen, strict=True)
        ]


def fit_cached(request: FitRequest, memory: Any) -> FitResult:
    """Fit one classifier, or take what an equal request learned out of a joblib.Memory."""
    memory = check_memory(str(memory) if isinstance(memory, Path) else memory)
    fit_one = memory.cache(_fit_one, ignore=["request"])
    try:
        return fit_one(fit_key(request), request)
    except _FitInterruptedError as interrupted:
        return interrupted.result


class _FitInterruptedError(Exception):
    """Carries what is kept of an interrupted fit past a memory, which must not remember it."""

    def __init__(self, result: FitResult) -> None:
        super().__init__()
        self.result = result


def _fit_one(key: str, request: FitRequest) -> FitResult:
    result = fit_all([request])[0]
    if any(member.net.interrupted_ for member in result.members):
        raise _FitInterruptedError(result)
    return result
