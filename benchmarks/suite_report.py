"""From scores.csv to the tables, tests and the picture of the suite.

python benchmarks/suite_report.py FOLDER
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats

BEST = "best possible"
BETA_ONE, BETA_ZERO = "β = 1", "β = 0"
KEY = ["set", "seed"]
PACKAGES = ("skbetafd", "torch", "scikit-learn", "skorch", "numpy")
CLAIM = """Where the conditions of the learned split hold (the label depends on the predominant
modality through knowledge alone, and context and auxiliaries block what confounds it), β = 1 is
optimal when the confounder's hold on the predominant modality is broken, and usually better when
it shifts. On i.i.d. data β = 0 is never beaten in the large-sample limit. No β protects against a
shift of the confounder itself, of its hold on the auxiliaries, or of the way labels are made.
i.i.d. cross-validation rightly picks a small β; for a shift, cross-validate across environments, or
set β to the share of cases in which the recording conditions are expected to change."""


def write_report(path: Path, out: Path) -> None:
    """Write report.md and suite.png beside the scores."""
    scores = pd.read_csv(path)
    parts = ["# The benchmark suite", header(scores), CLAIM]
    for track, part in scores.groupby("track", sort=False):
        for variant, rows in part.groupby("variant", sort=False):
            title = track if variant == "clean" else f"{track}: {variant}"
            parts.append(f"## {title}")
            tests = rows["test"].unique()
            shown = [t for t in tests if track != "interventional" or t == "broken"]
            shown += [t for t in tests if t not in shown and variant == "independent"]
            parts += [section(rows[rows["test"] == test], test) for test in shown]
    (out / "report.md").write_text("\n\n".join(parts) + "\n")
    picture(scores, out / "suite.png")


def header(scores: pd.DataFrame) -> str:
    """Say what was run, and on what."""
    seeds = ", ".join(map(str, sorted(scores["seed"].unique())))
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"`python benchmarks/suite.py`; seeds {seeds}, each a 70 : 30 split, a confounder and the "
        f"models; {versions}, Python {platform.python_version()}, {platform.machine()}, CPU. "
        "Accuracy / log-loss, mean ± sd over seeds. In a column of ranks, 1 is best."
    )


def section(rows: pd.DataFrame, test: str) -> str:
    """Give one test's table, ranks and comparisons."""
    complete = complete_predictors(rows)
    ranks = mean_ranks(rows, complete)
    text = [f"### Test: {test}", table(rows, ranks)]
    if ranks is not None:
        text.append(friedman(rows, complete))
    reference = BETA_ONE if (rows["track"] == "interventional").any() else BETA_ZERO
    if reference in complete:
        text.append(comparisons(rows, complete, reference))
    if BEST in set(rows["predictor"]):
        text.append(gap_closed(rows))
    return "\n\n".join(text)


def complete_predictors(rows: pd.DataFrame) -> list[str]:
    """List the predictors that have a score on every set and seed, without the best possible."""
    n = len(rows[KEY].drop_duplicates())
    counts = rows.groupby("predictor", sort=False).size()
    return [p for p, count in counts.items() if count == n and p != BEST]


def wide(rows: pd.DataFrame, value: str, predictors: Sequence[str]) -> pd.DataFrame:
    """Give one row a set, the mean over seeds, one column a predictor."""
    return rows.pivot_table(value, "set", "predictor", sort=False)[list(predictors)]


def mean_ranks(rows: pd.DataFrame, predictors: Sequence[str]) -> pd.DataFrame | None:
    """Mean rank over sets by accuracy and by log-loss."""
    if len(predictors) < 3:
        return None
    accuracy = wide(rows, "accuracy", predictors).rank(axis=1, ascending=False).mean()
    return pd.DataFrame({"accuracy": accuracy, "log_loss": _loss_ranks(rows, predictors).mean()})


def _loss_ranks(rows: pd.DataFrame, predictors: Sequence[str]) -> pd.DataFrame:
    return wide(rows, "log_loss", predictors).rank(axis=1)


def table(rows: pd.DataFrame, ranks: pd.DataFrame | None) -> str:
    """Give a Markdown table, one row a predictor, the best mean accuracy first."""
    order = rows.groupby("predictor")["accuracy"].mean().sort_values(ascending=False).index
    sets = list(rows["set"].unique())
    head = ["predictor", "mean", "rank (accuracy, log-loss)", *sets]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for predictor in order:
        own = rows[rows["predictor"] == predictor]
        mean = f"{own['accuracy'].mean():.3f} / {own['log_loss'].mean():.2f}"
        rank = "–"
        if ranks is not None and predictor in ranks.index:
            rank = "{:.1f}, {:.1f}".format(*ranks.loc[predictor])
        cells = [cell(own[own["set"] == name]) for name in sets]
        lines.append(f"| {' | '.join([predictor, mean, rank, *cells])} |")
    return "\n".join(lines)


def cell(rows: pd.DataFrame) -> str:
    """Mean ± sd of accuracy and log-loss over seeds."""
    if rows.empty:
        return "–"
    accuracy, loss = rows["accuracy"], rows["log_loss"]
    if len(rows) == 1:
        return f"{accuracy.iloc[0]:.3f} / {loss.iloc[0]:.2f}"
    return f"{accuracy.mean():.3f} ± {accuracy.std():.3f} / {loss.mean():.2f} ± {loss.std():.2f}"


def friedman(rows: pd.DataFrame, predictors: Sequence[str]) -> str:
    """Friedman's test over the sets, and the critical difference of mean ranks by Nemenyi.

    Demšar, Statistical Comparisons of Classifiers over Multiple Data Sets, JMLR 2006.
    """
    accuracy = wide(rows, "accuracy", predictors)
    n, k = accuracy.shape
    if n < 3:
        return f"{n} sets: too few for Friedman's test."
    p = stats.friedmanchisquare(*accuracy.to_numpy().T).pvalue
    difference = critical_difference(n, k)
    ranks = accuracy.rank(axis=1, ascending=False).mean()
    said = [f"Friedman over {n} sets: p = {p:.2g}; Nemenyi's critical difference {difference:.1f}."]
    for reference in (BETA_ZERO, BETA_ONE):
        if reference in ranks:
            better = ranks.index[ranks < ranks[reference] - difference]
            names = ", ".join(better) or "none"
            said.append(f"Significantly better than {reference} by rank of accuracy: {names}.")
    return " ".join(said)


def critical_difference(n_sets: int, n_predictors: int, alpha: float = 0.05) -> float:
    """Difference of mean ranks that Nemenyi's test takes as significant."""
    q = stats.studentized_range.ppf(1 - alpha, n_predictors, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_predictors * (n_predictors + 1) / (6 * n_sets)))


def corrected_t_test(differences: np.ndarray, n_train: int, n_test: int) -> float:
    """Two-sided p of a mean difference over random splits that share training rows.

    The variance is multiplied by 1/J + n_test/n_train (Nadeau & Bengio, Machine Learning 2003).
    """
    n, variance = len(differences), differences.var(ddof=1)
    if n < 2 or variance == 0:
        return float("nan") if n < 2 else float(differences.mean() == 0)
    t = differences.mean() / np.sqrt(variance * (1 / n + n_test / n_train))
    return float(2 * stats.t.sf(abs(t), n - 1))


def comparisons(rows: pd.DataFrame, predictors: Sequence[str], reference: str) -> str:
    """Compare the reference with each predictor on each set by the corrected t-test."""
    lines = [
        f"{reference} against each, corrected paired t-test at .05 on accuracy, over the sets:",
        "",
        "| against | wins | ties | losses | mean difference | worst set |",
        "|---|---|---|---|---|---|",
    ]
    for predictor in predictors:
        if predictor == reference:
            continue
        signs, differences = [], {}
        for name, part in rows.groupby("set", sort=False):
            paired = part.pivot(index="seed", columns="predictor", values="accuracy")
            difference = (paired[reference] - paired[predictor]).to_numpy()
            n_train, n_test = part[["n_train", "n_test"]].iloc[0]
            p = corrected_t_test(difference, n_train, n_test)
            signs.append(np.sign(difference.mean()) if p < 0.05 else 0)
            differences[name] = difference.mean()
        worst = min(differences, key=differences.get)
        counts = [signs.count(s) for s in (1, 0, -1)]
        mean = np.mean(list(differences.values()))
        cells = [predictor, *counts, f"{mean:+.3f}", f"{worst} {differences[worst]:+.3f}"]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def gap_closed(rows: pd.DataFrame) -> str:
    """Share of the gap between joint training and the best possible that β = 1 closes."""
    accuracy = rows.pivot_table("accuracy", "set", "predictor", sort=False)
    if not {"joint", BETA_ONE} <= set(accuracy.columns):
        return ""
    joint, best = accuracy["joint"], accuracy[BEST]
    share = (accuracy[BETA_ONE] - joint) / (best - joint)
    cells = ", ".join(f"{name} {value:.0%}" for name, value in share.items())
    said = "Gap from joint training to the best possible closed by β = 1"
    return f"{said}: {cells}; mean {share.mean():.0%}."


def picture(scores: pd.DataFrame, path: Path) -> None:
    """Draw mean accuracies, one panel a track and test, one dot a predictor."""
    panels = [
        ("iid", "clean", "iid", "i.i.d."),
        ("interventional", "independent", "broken", "confounder broken"),
        ("missing", "clean", "100% missing", "all auxiliaries missing"),
    ]
    shown = []
    for track, variant, test, title in panels:
        where = (scores["track"] == track) & (scores["variant"] == variant)
        rows = scores[where & (scores["test"] == test)]
        if len(rows):
            shown.append((title, rows))
    if not shown:
        return
    figure, axes = plt.subplots(1, len(shown), figsize=(4.4 * len(shown), 6.4), squeeze=False)
    for axis, (title, rows) in zip(axes[0], shown, strict=True):
        _panel(axis, title, rows)
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _panel(axis: plt.Axes, title: str, rows: pd.DataFrame) -> None:
    by_set = rows.pivot_table("accuracy", "set", "predictor")
    order = by_set.mean().sort_values().index
    for position, predictor in enumerate(order):
        own = predictor.startswith("β")
        color = "#d55e00" if own else "#000000" if predictor == BEST else "#0072b2"
        values = by_set[predictor].dropna()
        axis.plot(values, [position] * len(values), "|", color=color, alpha=0.45, markersize=9)
        axis.plot(values.mean(), position, "o", color=color, markersize=6)
    axis.set_yticks(range(len(order)), order)
    axis.set_xlabel("accuracy (dot: mean over sets, bars: sets)")
    axis.set_title(f"{title}, {len(by_set)} sets")
    axis.grid(axis="x", alpha=0.3)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    write_report(folder / "scores.csv", folder)
