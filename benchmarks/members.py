"""What an ensemble of eight members gains, and costs, on the real pairs; all defaults otherwise.

    python benchmarks/members.py [--seeds 3] [--report FILE]

Pairs and splits as in confounded.py. "clean": no confounder planted, β = 0, i.i.d. test. "do":
confounder planted, β = 1, tint randomised at test. The cost is the ratio of the fits' times.
"""

from __future__ import annotations

import time

import numpy as np
from command_line import publish, seeded_parser
from confounded import load, score
from real_data import PAIRS

from skbetafd import FrontDoorMultiModalClassifier

N_MEMBERS = 8


def run(name: str, seed: int) -> list[float]:
    """Accuracy and log-loss of one and of eight members, clean and under do, and the cost."""
    scores, seconds = [], []
    for confounded in (False, True):
        data = load(name, seed, confounded=confounded)
        test, beta = (data.broken, 1) if confounded else (data.iid, 0)
        for n_members in (1, N_MEMBERS):
            clf = FrontDoorMultiModalClassifier(
                predominant=0, n_members=n_members, beta=beta, random_state=seed
            )
            start = time.perf_counter()
            clf.fit(data.train.X, data.train.y)
            seconds.append(time.perf_counter() - start)
            scores += score(test.y, clf.predict_proba(test.X), clf.classes_)
    return [*scores, (seconds[1] + seconds[3]) / (seconds[0] + seconds[2])]


def cells(values: np.ndarray) -> str:
    """Accuracy / log-loss of one and of eight, mean ± sd over seeds."""
    mean, sd = values.mean(0), values.std(0, ddof=1)
    pairs = [(mean[i], sd[i], mean[i + 1], sd[i + 1]) for i in (0, 2)]
    return " | ".join(f"{a:.3f} ± {s:.3f} / {b:.3f} ± {t:.3f}" for a, s, b, t in pairs)


def main() -> None:
    """Run every pair, print and save the table; eight members must not lose log-loss on average."""
    arguments = seeded_parser(__doc__, seeds=3, parallel=False).parse_args()
    seeds = range(arguments.seeds)
    found = {name: np.array([run(name, seed) for seed in seeds]) for name in PAIRS}
    head = "| pair | clean, 1 | clean, 8 | do, 1 | do, 8 | time |"
    lines = [head, "|---|---|---|---|---|---|"]
    for name, v in found.items():
        lines.append(
            f"| {name} | {cells(v[:, :4])} | {cells(v[:, 4:8])} | {v[:, 8].mean():.1f} × |"
        )
    text = f"seeds 0–{arguments.seeds - 1}, accuracy / log-loss, mean ± sd; "
    text += "`python benchmarks/members.py`\n\n" + "\n".join(lines) + "\n"
    publish(text, arguments.report)
    mean = np.concatenate(list(found.values())).mean(0)
    assert mean[3] <= mean[1] and mean[7] <= mean[5], "eight members lose log-loss"
    print("all figures met")


if __name__ == "__main__":
    main()
