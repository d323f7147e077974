"""Where doing and seeing pull apart: β = 1 under do and without a confounder, over `label_weight`.

    python benchmarks/frontier.py [--seeds 3] [--sets ...] [--jobs 2] [--report FILE]

The sets and the confounder of the suite's variant "independent". "do" is β = 1 where the tint is
broken; "clean" is the i.i.d. test of a fit without a confounder. `label_weight` is the belief that
what only the predominant modality shows is knowledge: nothing in the data decides it, and the
default was chosen on other seeds. Nothing is asserted.
"""

from __future__ import annotations

import warnings

import numpy as np
from command_line import publish, seeded_parser
from joblib import Parallel, delayed
from sklearn.metrics import log_loss
from suite.methods import DENSE
from suite.tracks import VARIANTS, task

from skbetafd import FrontDoorMultiModalClassifier

LABEL_WEIGHTS = (0.0, 1.0, 3.0, 6.0)
SETS = VARIANTS["independent"].sets


def one(name: str, seed: int, label_weight: float) -> tuple[float, float, float, float]:
    """Accuracy and log-loss under do, and clean accuracies at β = 0 and 1."""
    warnings.filterwarnings("ignore", category=UserWarning)

    def fitted(track: str, variant: str, test: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        split = task(track, name, variant, seed)
        clf = FrontDoorMultiModalClassifier(label_weight=label_weight, random_state=seed, **DENSE)
        X, y = split.tests[test]
        clf.fit(split.train.X, split.train.y)
        proba = clf.beta_path(X, [0, 1])
        return proba, np.mean(clf.classes_[proba.argmax(axis=2)] == y, axis=1), y

    proba, do, y = fitted("interventional", "independent", "broken")
    clean = fitted("clean", "no confounder", "iid")[1]
    return do[1], log_loss(y, proba[1]), clean[0], clean[1]


def main() -> None:
    """Run all weights on all sets, and report."""
    parser = seeded_parser(__doc__, seeds=3)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    arguments = parser.parse_args()
    sets = arguments.sets
    calls = [
        delayed(one)(name, seed, weight)
        for name in sets
        for seed in range(arguments.seeds)
        for weight in LABEL_WEIGHTS
    ]
    runs = np.array(Parallel(arguments.jobs, verbose=1)(calls))
    runs = runs.reshape(len(sets), arguments.seeds, len(LABEL_WEIGHTS), 4).mean(axis=0)
    lines = [
        f"{', '.join(sets)}; seeds 0–{arguments.seeds - 1}, mean over sets ± sd over seeds; "
        "`python benchmarks/frontier.py`",
        "",
        "| label_weight | do, β = 1 | clean, β = 0 | clean, β = 1 |",
        "|---|---|---|---|",
    ]
    for weight, mean, sd in zip(
        LABEL_WEIGHTS, runs.mean(axis=0), runs.std(axis=0, ddof=1), strict=True
    ):
        do = f"{mean[0]:.3f} ± {sd[0]:.3f} / {mean[1]:.2f} ± {sd[1]:.2f}"
        clean = [f"{mean[i]:.3f} ± {sd[i]:.3f}" for i in (2, 3)]
        lines.append(f"| {weight:g} | {' | '.join([do, *clean])} |")
    text = "\n".join(lines) + "\n"
    publish(text, arguments.report)


if __name__ == "__main__":
    main()
