"""What an ensemble of eight members gains, and costs, on the sets of the suite; all defaults.

    python benchmarks/members.py [--seeds 3] [--tracks ...] [--sets ...] [--report FILE]

"clean": no confounder planted, β = 0, i.i.d. test. "interventional": the suite's variant
"independent", β = 1, tint randomised at test. The cost is the ratio of the fits' times, one after
the other.
"""

from __future__ import annotations

import time
import warnings

import numpy as np
from command_line import publish, seeded_parser
from confounded import score
from suite.methods import DENSE
from suite.tracks import Task, task, tasks

from skbetafd import FrontDoorMultiModalClassifier

N_MEMBERS = 8
SETTINGS = {"clean": ("no confounder", "iid", 0), "interventional": ("independent", "broken", 1)}


def scores(split: Task, test: str, beta: float, n_members: int, seed: int) -> list[float]:
    """Accuracy, log-loss and seconds of the fit."""
    clf = FrontDoorMultiModalClassifier(n_members=n_members, beta=beta, random_state=seed, **DENSE)
    start = time.perf_counter()
    clf.fit(split.train.X, split.train.y)
    seconds = time.perf_counter() - start
    X, y = split.tests[test]
    return [*score(y, clf.predict_proba(X), clf.classes_), seconds]


def run(track: str, name: str, seed: int) -> np.ndarray:
    """Scores of one and of eight members, of shape (2, 3)."""
    variant, test, beta = SETTINGS[track]
    split = task(track, name, variant, seed)
    return np.array([scores(split, test, beta, n, seed) for n in (1, N_MEMBERS)])


def line(name: str, v: np.ndarray) -> str:
    """Give one row of a table; `v` has the seeds first."""
    mean, sd = v.mean(axis=0), v.std(axis=0, ddof=1)
    cells = [
        f"{m[0]:.3f} ± {s[0]:.3f} / {m[1]:.3f} ± {s[1]:.3f}" for m, s in zip(mean, sd, strict=True)
    ]
    gain = mean[1] - mean[0]
    cells += [f"{100 * gain[0]:+.1f} / {gain[1]:+.3f}", f"{mean[1, 2] / mean[0, 2]:.1f} ×"]
    return f"| {name} | {' | '.join(cells)} |"


def table(track: str, found: dict[str, np.ndarray]) -> tuple[str, np.ndarray]:
    """Give a table of a track, and the mean gains in accuracy and log-loss over its sets."""
    head = [track, "1 member", f"{N_MEMBERS} members", "gain, points / log-loss", "time"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [line(name, v) for name, v in found.items()]
    by_set = np.array([v.mean(axis=0) for v in found.values()])
    gains = (by_set[:, 1] - by_set[:, 0])[:, :2]
    cost = np.median(by_set[:, 1, 2] / by_set[:, 0, 2])
    lines += [
        "",
        f"Mean over the sets: accuracy {100 * gains[:, 0].mean():+.2f} points, better on "
        f"{int((gains[:, 0] > 0).sum())} of {len(gains)}; log-loss {gains[:, 1].mean():+.3f}, "
        f"better on {int((gains[:, 1] < 0).sum())}; median time {cost:.1f} ×.",
    ]
    return "\n".join(lines), gains.mean(axis=0)


def main() -> None:
    """Run every set, print and save the tables; eight members must gain on average."""
    warnings.filterwarnings("ignore", category=UserWarning)
    parser = seeded_parser(__doc__, seeds=3, parallel=False)
    parser.add_argument("--tracks", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    known = sorted({name for track in SETTINGS for name, _ in tasks(track)})
    parser.add_argument("--sets", nargs="+", choices=known)
    arguments = parser.parse_args()
    parts, gains = [], []
    for track in arguments.tracks:
        variant = SETTINGS[track][0]
        names = [n for n, v in tasks(track) if v == variant and n in (arguments.sets or [n])]
        found = {}
        for name in names:
            found[name] = np.array([run(track, name, seed) for seed in range(arguments.seeds)])
            print(line(name, found[name]), flush=True)
        text, gain = table(track, found)
        parts.append(text)
        gains.append(gain)
    text = f"seeds 0–{arguments.seeds - 1}, accuracy / log-loss, mean ± sd; "
    text += "`python benchmarks/members.py`\n\n" + "\n\n".join(parts) + "\n"
    publish(text, arguments.report)
    for accuracy, loss in gains:
        assert accuracy >= 0 and loss <= 0, "eight members lose on average"
    print("all figures met")


if __name__ == "__main__":
    main()
