"""conditional_utilisation: what a classifier loses without one modality."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np

from .._utils.sklearn_compat import Interval, check_arguments
from ._evaluation import Score, read_evaluation
from ._replacement import CONSTRAINTS, Replacement


def conditional_utilisation(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    method: str = "mean",
    background: Any = None,
    scoring: Any = None,
    sample_weight: Any = None,
    n_repeats: int = 5,
    random_state: int | np.random.RandomState | None = None,
) -> dict[str, float]:
    r"""Tell how much of a fitted classifier's score each modality adds to all the others.

    .. math:: u(m \mid \mathrm{rest}) = \frac{A(\mathrm{all}) - A(\mathrm{rest})}{A(\mathrm{all})}

    with A(rest) the score where the modality is replaced [1]_. Modalities that say the same have
    no utilisation, however telling they are: see `modality_contributions` for a fair share.

    Parameters
    ----------
    estimator, X, y, method, background, scoring, sample_weight, n_repeats, random_state
        As in `modality_contributions`; any number of modalities.

    Returns
    -------
    dict of str to float
        The u(m | rest) under each modality's name: at most 1 where the score can't be negative,
        negative where the classifier does better without.

    Raises
    ------
    NotFittedError, TypeError, ValueError
        As in `modality_contributions`, and if the score with all modalities is not positive.

    References
    ----------
    .. [1] Wu, Jastrzębski, Cho, Geras, Characterizing and Overcoming the Greedy Nature of
       Learning in Multi-modal Deep Neural Networks, ICML 2022.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skbetafd import conditional_utilisation
    >>> from skbetafd.datasets import make_confounded_modalities
    >>> data = make_confounded_modalities(400, random_state=0)
    >>> clf = LogisticRegression().fit(data.X, data.y)
    >>> used = conditional_utilisation(clf, data.X, data.y)
    >>> used["predominant"] > used["auxiliary"]
    True
    """
    check_arguments(
        "conditional_utilisation",
        CONSTRAINTS | {"n_repeats": [Interval(Integral, 1, None, closed="left")]},
        method=method,
        scoring=scoring,
        n_repeats=n_repeats,
        random_state=random_state,
    )
    evaluation = read_evaluation(estimator, X, y, sample_weight)
    replacement = Replacement(evaluation, method, background, n_repeats, random_state)
    score, names = Score(scoring, evaluation), evaluation.X.names

    def mean_score(kept: list[str]) -> float:
        return float(np.mean([score(known) for known in replacement.predictions(kept)]))

    everything = mean_score(list(names))
    if everything <= 0:
        raise ValueError(
            f"utilisation is a share of the score with all modalities, which is {everything:.3g}; "
            "it takes a positive one"
        )
    without = {name: mean_score([n for n in names if n != name]) for name in names}
    return {name: (everything - rest) / everything for name, rest in without.items()}
