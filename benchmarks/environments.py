"""Recorded environments held out one by one: the tweets of two phones, week by week.

    python benchmarks/environments.py [--seeds 3] [--jobs 2] [--report FILE]

Each week with 20 tweets or more is the test once, all other weeks are the training rows. Nothing is
planted, and no truth is known: what the weeks change is what they changed. Reported are the mean
accuracy and log-loss over the weeks, their standard deviation, the worst week, and on how many
weeks a method is better than joint training. Nothing is asserted.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from command_line import publish, seeded_parser
from data.real_set import RealSet, prepare
from data.sets import load_set
from joblib import Parallel, delayed
from sklearn.metrics import log_loss
from suite.methods import Rows, method

from skbetafd import MultiModalArray

METHODS = ("front-door", "joint", "uniform", "jtt", "lff", "predominant alone", "auxiliaries alone")
METHODS = (*METHODS, "late fusion", "logistic regression")
FEWEST = 20


def one(real_set: RealSet, week: int, seed: int) -> list[dict]:
    """Train on all other weeks by each method, and score the week."""
    warnings.filterwarnings("ignore")
    assert real_set.groups is not None
    held = real_set.groups == week
    train, test = prepare(real_set, ~held, held)
    classes, y = np.unique(real_set.y), real_set.y
    rows = Rows(train, y[~held], real_set.groups[~held], real_set.predominant)
    found = []
    for name in METHODS:
        for predictor, predict in method(name).fit(rows, seed, 1).items():
            proba = predict(MultiModalArray(test))
            right = np.mean(classes[proba.argmax(axis=1)] == y[held])
            loss = log_loss(y[held], np.clip(proba, 1e-12, None), labels=classes)
            found.append({"predictor": predictor, "week": week, "right": right, "loss": loss})
    return found


def table(scores: pd.DataFrame) -> str:
    """Give one row a predictor, weeks averaged over seeds beforehand."""
    weeks = scores.groupby(["predictor", "week"], sort=False)[["right", "loss"]].mean()
    joint = weeks.loc["joint"]
    order = weeks["right"].groupby("predictor").mean().sort_values(ascending=False).index
    lines = [
        "| predictor | accuracy | log-loss | worst week | weeks better than joint, by accuracy |",
        "|---|---|---|---|---|",
    ]
    for predictor in order:
        own = weeks.loc[predictor]
        better = int((own["right"] > joint["right"]).sum())
        cells = [
            predictor,
            f"{own['right'].mean():.3f} ± {own['right'].std():.3f}",
            f"{own['loss'].mean():.2f} ± {own['loss'].std():.2f}",
            f"{own['right'].min():.3f}",
            f"{better} of {len(own)}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Hold out week after week, and report."""
    arguments = seeded_parser(__doc__, seeds=3).parse_args()
    real_set = load_set("tweets_device")
    weeks, counts = np.unique(real_set.groups, return_counts=True)
    weeks = weeks[counts >= FEWEST]
    calls = [
        delayed(one)(real_set, int(week), seed) for week in weeks for seed in range(arguments.seeds)
    ]
    found = Parallel(arguments.jobs, verbose=1)(calls)
    text = (
        f"tweets_device, {len(weeks)} weeks, seeds 0–{arguments.seeds - 1}, mean ± sd over weeks; "
        "`python benchmarks/environments.py`\n\n"
    )
    text += table(pd.DataFrame([score for scores in found for score in scores])) + "\n"
    publish(text, arguments.report)


if __name__ == "__main__":
    main()
