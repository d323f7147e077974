"""What each modality of the real sets is worth alone, as a Markdown table.

    python benchmarks/describe_sets.py [set ...]

Balanced accuracy of LogisticRegression(max_iter=1000) behind a StandardScaler, missing rows at
their training means; five folds, stratified, groups kept together, transformers fitted inside, and
as many times with other folds as makes 3000 test rows.
Class weights are balanced for ``WEIGHTED``, which it otherwise would hardly tell apart. Asserted
is that the predominant modality is the best one, but for the pairs given as such.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain

import numpy as np
from data.pairs import GIVEN
from data.real_set import RealSet, prepare, present_rows
from data.sets import SETS, load_set
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import MultiModalArray

ENOUGH_ROWS = 3000
WEIGHTED = ("bird_strikes", "email_spam")


def folds(real_set: RealSet, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the training and test rows of five folds, stratified, no group in both."""
    kind = StratifiedKFold if real_set.groups is None else StratifiedGroupKFold
    splitter = kind(5, shuffle=True, random_state=seed)
    return splitter.split(np.zeros(len(real_set.y)), real_set.y, real_set.groups)


def worth(real_set: RealSet, class_weight: str | None = None) -> dict[str, float]:
    """Return the balanced accuracy of each modality alone, under its name, and of ``"all"``.

    Parameters
    ----------
    real_set : RealSet
        At least five groups, or rows, a class.
    class_weight : {"balanced"} or None, default=None
        Of the logistic regression.

    Returns
    -------
    dict of str to float
        Means over the folds.
    """
    views = [*((name,) for name in real_set.X.names), real_set.X.names]
    scores = []
    repeats = range(-(-ENOUGH_ROWS // len(real_set.y)))
    for train, test in chain.from_iterable(folds(real_set, seed) for seed in repeats):
        data = prepare(real_set, train, test)
        truth = real_set.y[train], real_set.y[test]
        scores.append([_score(*_viewed(data, view), *truth, class_weight) for view in views])
    return dict(zip((*real_set.X.names, "all"), np.mean(scores, axis=0).tolist(), strict=True))


def _viewed(data: list[MultiModalArray], view: tuple[str, ...]) -> list[np.ndarray]:
    return [np.asarray(MultiModalArray({name: X[name] for name in view})) for X in data]


def _score(
    X_train: np.ndarray,
    X_test: np.ndarray,
    y_train: np.ndarray,
    y_test: np.ndarray,
    class_weight: str | None,
) -> float:
    regression = LogisticRegression(max_iter=1000, class_weight=class_weight)
    model = make_pipeline(SimpleImputer(), StandardScaler(), regression).fit(X_train, y_train)
    return balanced_accuracy_score(y_test, model.predict(X_test))


def row(name: str, real_set: RealSet) -> str:
    """Describe a set in one row of the Markdown table."""
    scores = worth(real_set, "balanced" if name in WEIGHTED else None)
    alone = {modality: scores[modality] for modality in real_set.X.names}
    best = max(alone, key=alone.get)
    given = name in GIVEN
    assert given or real_set.predominant == best, f"{name}: {best} is best, {alone}"
    counts = np.unique(real_set.y, return_counts=True)[1]
    # Widths as trained on, from a transformation fitted on all rows.
    (numbers,) = prepare(real_set, np.arange(len(real_set.y)))
    widths = [f"{n} {'×'.join(map(str, v.shape[1:]))}" for n, v in numbers.items()]
    cells = [
        name,
        len(real_set.y),
        len(counts),
        f"{counts.max() / counts.min():.1f}",
        ", ".join(widths),
        _groups(real_set),
        _missing(real_set),
        real_set.predominant + (" (given)" if given else ""),
        f"{'/'.join(f'{score:.2f}' for score in alone.values())} → {scores['all']:.2f}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def _groups(real_set: RealSet) -> str:
    if real_set.groups is None:
        return "–"
    sizes = np.unique(real_set.groups, return_counts=True)[1]
    return f"{len(sizes)} ({sizes[sizes > 1].sum()} rows share one)"


def _missing(real_set: RealSet) -> str:
    absent = {name: (~present_rows(value)).sum() for name, value in real_set.X.items()}
    return ", ".join(f"{name} {n}" for name, n in absent.items() if n) or "–"


def main(names: list[str]) -> None:
    """Print the table of the sets named, or of all."""
    columns = "set | rows | classes | largest:smallest | widths | groups | missing rows"
    print(f"| {columns} | predominant | a modality → all |")
    print("|---" * 9 + "|")
    for name in names or SETS:
        print(row(name, load_set(name)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
