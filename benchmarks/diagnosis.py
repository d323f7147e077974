"""Whether `diagnose` names the predominant modality, and whether its advice is right.

    python benchmarks/diagnosis.py [--seeds 3] [--jobs 2] [--report FILE]

Every set of sets.py is split 70 : 30 (stratified, groups kept together). `diagnose` sees the
training rows. The held-out ranking is by the test accuracy of UnimodalClassifier trained on them,
means over the seeds; the gain of balancing is FusionClassifier(balancing="uniform") less plain
joint training, "ogm-ge" and "predominant-first" tested alike. Modalities within a point of the best
count as level: either may be named. Asserted is that the predominant one is right on 11 of 12 sets,
or on no smaller share of another number.
"""

from __future__ import annotations

import warnings

import numpy as np
from command_line import publish, seeded_parser
from data.sets import FIRST, SETS
from joblib import Parallel, delayed
from suite.tracks import task

from skbetafd import diagnose
from skbetafd.baselines import FusionClassifier, UnimodalClassifier

RULES = ("uniform", "ogm-ge", "predominant-first")
LEVEL = 0.01


def one(name: str, seed: int) -> dict:
    """Diagnose the training rows of a split, and test what it says."""
    warnings.filterwarnings("ignore", category=UserWarning)
    split = task("clean", name, "no confounder", seed)
    rows, (X, y) = split.train, split.tests["iid"]
    found = diagnose(rows.X, rows.y, groups=rows.groups, random_state=seed)
    alone = {
        m: UnimodalClassifier(modality=m, random_state=seed).fit(rows.X, rows.y).score(X, y)
        for m in rows.X.names
    }
    joint, *ruled = (
        FusionClassifier(balancing=b, random_state=seed).fit(rows.X, rows.y).score(X, y)
        for b in (None, *RULES)
    )
    gains = {rule: score - joint for rule, score in zip(RULES, ruled, strict=True)}
    return {"set": name, "found": found, "alone": alone, "gains": gains}


def row(name: str, runs: list[dict]) -> tuple[str, bool]:
    """Give a row of the table, and whether the most named modality is the best, or level."""
    alone = {m: float(np.mean([r["alone"][m] for r in runs])) for m in runs[0]["alone"]}
    best = max(alone.values())
    named = [r["found"].predominant for r in runs]
    right = all(alone[m] >= best - LEVEL for m in named)
    gains = ", ".join(
        f"{rule} {100 * np.mean([r['gains'][rule] for r in runs]):+.1f}" for rule in RULES
    )
    cells = [
        name,
        ", ".join(f"{m} {100 * a:.1f}" for m, a in alone.items()),
        "/".join(named),
        "yes" if right else "no",
        "/".join("yes" if r["found"].imbalanced else "no" for r in runs),
        "/".join(r["found"].recommendation for r in runs),
        gains,
    ]
    return f"| {' | '.join(cells)} |", right


def main() -> None:
    """Run every set, print and save the table, check the figure."""
    parser = seeded_parser(__doc__, seeds=3)
    parser.add_argument("--sets", nargs="+", default=list(FIRST), choices=list(SETS))
    arguments = parser.parse_args()
    calls = [delayed(one)(name, seed) for name in arguments.sets for seed in range(arguments.seeds)]
    runs = Parallel(arguments.jobs, verbose=1)(calls)
    head = ["set", "alone, held out, %", "named", "right", "imbalanced", "advice", "gain, points"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    n_right = 0
    for name in arguments.sets:
        line, right = row(name, [r for r in runs if r["set"] == name])
        lines.append(line)
        n_right += right
    text = f"seeds 0–{arguments.seeds - 1}; `python benchmarks/diagnosis.py`\n\n" + "\n".join(lines)
    text += f"\n\nRight on {n_right} of {len(arguments.sets)} sets.\n"
    publish(text, arguments.report)
    assert 12 * n_right >= 11 * len(arguments.sets), f"right on {n_right} sets only"


if __name__ == "__main__":
    main()
