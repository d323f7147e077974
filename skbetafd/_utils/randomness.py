"""Random draws that move no generator of the process."""

from __future__ import annotations

import numpy as np
from sklearn.utils import check_random_state


def private_generator(random_state: int | np.random.RandomState | None) -> np.random.RandomState:
    """Return scikit-learn's reading of `random_state`, but for None one that nobody shares."""
    try:
        return check_random_state(np.random.RandomState() if random_state is None else random_state)
    except ValueError as error:
        raise ValueError(
            "random_state must be None, an integer from 0 to 4294967295 or a RandomState, "
            f"got {random_state!r}"
        ) from error
