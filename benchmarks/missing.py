"""Missing modalities on real pairs, no confounder and a planted one, all defaults.

    python benchmarks/missing.py [--seeds 2] [--report FILE]

Pairs, splits and baselines as in confounded.py. "T alone" and "A alone" are the same classifier
trained on that modality only. Reported, not asserted, is the distance to them, of which the
project asks at most one point; asserted is that under do, with all auxiliaries missing, β = 1
stays .10 above joint training (MLPClassifier, the missing auxiliary at its training mean).
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import numpy as np
from confounded import load
from real_data import PAIRS
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd.datasets import ConfoundedData

SHARES = (0.25, 0.5, 0.75, 1.0)
COLUMNS = ("nothing", *(f"A {share:.0%}" for share in SHARES), "T alone", "T", "A alone")


def lacking(X: MultiModalArray, name: str, share: float, seed: int) -> MultiModalArray:
    """Take a modality from a share of the rows."""
    present = np.random.default_rng(seed).random(len(X)) >= share
    return MultiModalArray(X, present={name: present})


def clean_row(data: ConfoundedData, seed: int) -> list[float]:
    """Accuracy at β = 1 by what is missing, and of each modality alone."""
    t, a = data.train.X.names
    clf = FrontDoorMultiModalClassifier(predominant=t, random_state=seed)
    clf.fit(data.train.X, data.train.y)
    X, y = data.iid.X, data.iid.y
    scores = [clf.score(X, y)]
    scores += [clf.score(lacking(X, a, share, seed), y) for share in SHARES]
    alone = {
        name: FrontDoorMultiModalClassifier(beta=0, random_state=seed)
        .fit(data.train.X[name], data.train.y)
        .score(X[name], y)
        for name in (t, a)
    }
    return [*scores, alone[t], clf.score(lacking(X, t, 1.0, seed), y), alone[a]]


def broken_row(data: ConfoundedData, seed: int) -> list[float]:
    """Accuracy under do with all auxiliaries missing: β = 1, β = 0, joint training."""
    t, a = data.train.X.names
    clf = FrontDoorMultiModalClassifier(predominant=t, random_state=seed)
    clf.fit(data.train.X, data.train.y)
    X, y = data.broken.X, data.broken.y
    scores = [clf.set_params(beta=beta).score({t: X[t], a: None}, y) for beta in (1, 0)]
    joint = make_pipeline(StandardScaler(), MLPClassifier(128, max_iter=500, random_state=seed))
    joint.fit(data.train.X, data.train.y)
    mean = np.broadcast_to(data.train.X[a].mean(axis=0), X[a].shape)
    return [*scores, joint.score(np.hstack([X[t], mean]), y)]


def line(name: str, values: np.ndarray) -> str:
    """Give a Markdown row of mean ± sd over seeds."""
    sd = values.std(0, ddof=1)
    cells = (f"{m:.3f} ± {s:.3f}" for m, s in zip(values.mean(0), sd, strict=True))
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Run every pair, print and save the tables, check the figure."""
    warnings.filterwarnings("ignore", category=UserWarning)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--report", type=Path)
    arguments = parser.parse_args()
    seeds = range(arguments.seeds)
    clean = {
        p: np.array([clean_row(load(p, s, confounded=False), s) for s in seeds]) for p in PAIRS
    }
    broken = {
        p: np.array([broken_row(load(p, s, confounded=True), s) for s in seeds]) for p in PAIRS
    }
    lines = ["| missing: | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += [line(name, values) for name, values in clean.items()]
    lines += ["", "| do, A missing | β = 1 | β = 0 | joint |", "|---|---|---|---|"]
    lines += [line(name, values) for name, values in broken.items()]
    text = f"seeds 0–{arguments.seeds - 1}, accuracy, mean ± sd; `python benchmarks/missing.py`\n\n"
    text += "\n".join(lines) + "\n"
    print(text)
    if arguments.report:
        arguments.report.write_text(text)
    for name, values in broken.items():
        margin = (values[:, 0] - values[:, 2]).mean()
        assert margin >= 0.10, f"{name}: β = 1 is {margin:+.3f} over joint training"
    print("all figures met")


if __name__ == "__main__":
    main()
