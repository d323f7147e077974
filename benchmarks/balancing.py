"""Whether each rule helps the weak modality to learn, as it is known to.

    python benchmarks/balancing.py [--seeds 5] [--jobs 2] [--report FILE]

A planted imbalance: one view with all its features, and the other modality with noise added
(standard deviation 1 of standardised features), so that it is far the weaker. After training by
each rule, a logistic regression reads each modality's code (fitted on the training rows, scored on
the test rows). "weak, gain": its accuracy less the same after plain joint training; the corrected
paired t-test is over the seeds' random 70 : 30 splits. "alone": the weak modality's network by
itself, what a probe may hope for. Nothing is asserted: the report says which rules do.
"""

from __future__ import annotations

import warnings

import numpy as np
from command_line import publish, seeded_parser
from joblib import Parallel, delayed
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from suite.comparison import corrected_t_test

from skbetafd.baselines import FusionClassifier, UnimodalClassifier
from skbetafd.baselines._fusion import RULES
from skbetafd.datasets import load_multiple_features

PAIRS = (("kar", "fou"), ("kar", "zer"), ("pix", "fou"))
SETTINGS = {"AdamW": {}, "SGD": {"optimizer": "sgd", "learning_rate": 0.02}}
NOISE = 1.0


def one(pair: tuple[str, str], seed: int, setting: str) -> dict[str, tuple[float, float, float]]:
    """Probe accuracy of the weak and the strong code, and test accuracy, by rule."""
    warnings.filterwarnings("ignore", category=UserWarning)
    digits = load_multiple_features(pair)
    strong, weak = pair
    noise = np.random.default_rng(seed).normal(0, NOISE, digits.data[weak].shape)
    X = {strong: digits.data[strong], weak: StandardScaler().fit_transform(digits.data[weak])}
    X[weak] = X[weak] + noise
    rows = np.arange(len(digits.target))
    train, test = train_test_split(rows, test_size=0.3, stratify=digits.target, random_state=seed)
    y = digits.target

    def part(rows: np.ndarray) -> dict[str, np.ndarray]:
        return {name: x[rows] for name, x in X.items()}

    found = {}
    for rule in (None, *sorted(RULES)):
        clf = FusionClassifier(balancing=rule, random_state=seed, **SETTINGS[setting])
        clf.fit(part(train), y[train])
        codes, other = clf.modality_codes(part(train)), clf.modality_codes(part(test))
        probes = [_probe(codes[m], y[train], other[m], y[test]) for m in (weak, strong)]
        found[rule or "joint"] = (*probes, clf.score(part(test), y[test]))
    alone = UnimodalClassifier(modality=weak, random_state=seed, **SETTINGS[setting])
    score = alone.fit(part(train), y[train]).score(part(test), y[test])
    found["alone"] = (score, float("nan"), score)
    return found


def _probe(code: np.ndarray, y: np.ndarray, other: np.ndarray, y_other: np.ndarray) -> float:
    scaler = StandardScaler().fit(code)
    probe = LogisticRegression(max_iter=2000).fit(scaler.transform(code), y)
    return float(probe.score(scaler.transform(other), y_other))


def table(setting: str, runs: np.ndarray, names: list[str]) -> str:
    """Give one optimiser's table; `runs` has shape (n_pairs, n_seeds, n_rules, 3)."""
    head = ["rule", "weak", "gain", "p on each pair", "strong", "accuracy"]
    lines = [f"**{setting}**", "", f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    joint = runs[:, :, names.index("joint"), 0]
    for name, own in zip(names, np.moveaxis(runs, 2, 0), strict=True):
        gain = own[:, :, 0] - joint
        p = [corrected_t_test(g, 1400, 600) for g in gain] if name != "joint" else []
        weak, strong, accuracy = 100 * own.mean((0, 1))
        cells = [
            name,
            f"{weak:.1f}",
            f"{100 * gain.mean():+.1f} ± {100 * gain.std(ddof=1):.1f}",
            ", ".join(f"{value:.2g}" for value in p),
            f"{strong:.1f}",
            f"{accuracy:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Run all rules, print and save the tables."""
    arguments = seeded_parser(__doc__, seeds=5).parse_args()
    text = f"seeds 0–{arguments.seeds - 1}, %; `python benchmarks/balancing.py`\n"
    for setting in SETTINGS:
        calls = [delayed(one)(p, s, setting) for p in PAIRS for s in range(arguments.seeds)]
        found = Parallel(arguments.jobs, verbose=1)(calls)
        names = list(found[0])
        runs = np.array([[f[name] for name in names] for f in found])
        runs = runs.reshape(len(PAIRS), arguments.seeds, len(names), 3)
        text += "\n" + table(setting, runs, names) + "\n"
    publish(text, arguments.report)


if __name__ == "__main__":
    main()
