"""A fit that fails leaves its estimator as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Restore the estimator's attributes, and its generator's state, if the block raises."""
    before = dict(vars(estimator))
    generator: Any = before.get("random_state")
    drawn = isinstance(generator, np.random.RandomState)
    state = generator.get_state(legacy=False) if drawn else None
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        if drawn:
            generator.set_state(state)
        raise
