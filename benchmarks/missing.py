"""Missing modalities on five real sets, no confounder and a planted one, all defaults.

    python benchmarks/missing.py [--seeds 3] [--report FILE]

Sets, splits and baselines as in confounded.py, and satimage with two auxiliaries. "T alone" and
"A alone" are the same classifier trained on the predominant modality, or the auxiliaries, only.
Asserted, as means over the seeds: seeing (β = 0), a share of the rows without auxiliaries costs at
most a point against T alone, and all rows without T a point against A alone; under do, with all
auxiliaries missing, β = 1 stays .10 above joint training (MLPClassifier, the missing auxiliaries at
their training means). The price of β = 1 on clean data is reported.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from command_line import publish, seeded_parser
from confounded import load
from data.pairs import GIVEN
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd.datasets import ConfoundedData

SHARES = (0.25, 0.5, 0.75, 1.0)
SEEING = ("nothing", *(f"A {share:.0%}" for share in SHARES), "T alone", "T 100%", "A alone")
DOING = ("nothing", "A 100%")
BROKEN = ("β = 1", "β = 0", "joint")
POINT = 0.01


def lacking(X: MultiModalArray, names: Sequence[str], share: float, seed: int) -> MultiModalArray:
    """Take some modalities from a share of the rows."""
    present = np.random.default_rng(seed).random(len(X)) >= share
    return MultiModalArray(X, present=dict.fromkeys(names, present))


def fit(X: MultiModalArray, y: np.ndarray, seed: int) -> FrontDoorMultiModalClassifier:
    """Fit the defaults, the first modality predominant."""
    return FrontDoorMultiModalClassifier(predominant=X.names[0], random_state=seed).fit(X, y)


def clean_row(data: ConfoundedData, seed: int) -> list[float]:
    """Accuracy by what is missing and of the parts alone at β = 0, then at β = 1."""
    t, *a = data.train.X.names
    clf = fit(data.train.X, data.train.y, seed)
    X, y = data.iid.X, data.iid.y

    def accuracy(names: Sequence[str], share: float) -> np.ndarray:
        path = clf.beta_path(lacking(X, names, share, seed), [0, 1])
        return (clf.classes_[path.argmax(2)] == y).mean(1)

    def alone(names: Sequence[str]) -> float:
        train, test = (MultiModalArray({n: s.X[n] for n in names}) for s in (data.train, data.iid))
        return fit(train, data.train.y, seed).set_params(beta=0).score(test, y)

    without = np.array([accuracy(a, share) for share in (0.0, *SHARES)])
    seeing = [*without[:, 0], alone([t]), accuracy([t], 1.0)[0], alone(a)]
    return [*seeing, *without[[0, -1], 1]]


def broken_row(data: ConfoundedData, seed: int) -> list[float]:
    """Accuracy under do with all auxiliaries missing: β = 1, β = 0, joint training."""
    t, *a = data.train.X.names
    clf = fit(data.train.X, data.train.y, seed)
    X, y = data.broken.X, data.broken.y
    without = {t: X[t], **dict.fromkeys(a)}
    scores = [clf.set_params(beta=beta).score(without, y) for beta in (1, 0)]
    joint = make_pipeline(StandardScaler(), MLPClassifier(128, max_iter=500, random_state=seed))
    joint.fit(data.train.X, data.train.y)
    means = [np.broadcast_to(data.train.X[n].mean(axis=0), X[n].shape) for n in a]
    return [*scores, joint.score(np.hstack([X[t], *means]), y)]


def table(columns: Sequence[str], values: dict[str, np.ndarray], title: str) -> str:
    """Give a Markdown table of mean ± sd over seeds."""
    lines = [f"| {title} | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for name, rows in values.items():
        cells = zip(rows.mean(0), rows.std(0, ddof=1), strict=True)
        lines.append(f"| {name} | {' | '.join(f'{m:.3f} ± {s:.3f}' for m, s in cells)} |")
    return "\n".join(lines)


def check(name: str, clean: np.ndarray, broken: np.ndarray) -> list[str]:
    """List the figures that a set misses, means over seeds."""
    mean = dict(zip(SEEING, clean[:, : len(SEEING)].mean(0), strict=True))
    margins = {f"A {share:.0%}": mean["T alone"] for share in SHARES} | {"T 100%": mean["A alone"]}
    missed = [
        f"{name}: {mean[column]:.3f} with {column} missing, {alone:.3f} of the rest alone"
        for column, alone in margins.items()
        if mean[column] < alone - POINT
    ]
    margin = (broken[:, 0] - broken[:, 2]).mean()
    if margin < 0.10:
        missed.append(f"{name}: β = 1 is {margin:+.3f} over joint training")
    return missed


def main() -> None:
    """Run every set, print and save the tables, check the figures."""
    warnings.filterwarnings("ignore", category=UserWarning)
    arguments = seeded_parser(__doc__, seeds=3, parallel=False).parse_args()
    seeds = range(arguments.seeds)
    clean, broken = (
        {n: np.array([row(load(n, s, confounded=c), s) for s in seeds]) for n in GIVEN}
        for row, c in ((clean_row, False), (broken_row, True))
    )
    seeing, doing = (
        {n: v[:, part] for n, v in clean.items()}
        for part in (slice(len(SEEING)), slice(len(SEEING), None))
    )
    tables = [
        table(SEEING, seeing, "clean, β = 0, missing:"),
        table(DOING, doing, "clean, β = 1, missing:"),
        table(BROKEN, broken, "do, A 100% missing"),
    ]
    text = f"seeds 0–{arguments.seeds - 1}, accuracy, mean ± sd; `python benchmarks/missing.py`\n\n"
    text += "\n\n".join(tables) + "\n"
    publish(text, arguments.report)
    missed = [line for n in GIVEN for line in check(n, clean[n], broken[n])]
    assert not missed, "\n".join(missed)
    print("all figures met")


if __name__ == "__main__":
    main()
