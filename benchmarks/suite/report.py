"""From the scores to the report of the suite."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from data.sets import FIRST, RECORDED
from scipy import stats

from skbetafd._utils.files import whole_file
from suite.comparison import (
    BEST,
    complete_predictors,
    corrected_t_test,
    critical_difference,
    mean_ranks,
    wide,
)
from suite.picture import picture
from suite.tracks import DIGITS

BETA_ONE, BETA_ZERO, BETA_CV = "β = 1", "β = 0", "β by CV"
FLAT = ("logistic regression", "gradient boosting", "random forest", "stacking")
"""scikit-learn's own, on the modalities side by side."""
OTHERS = ("RealMLP_TD_S", "TabM_D")
"""pytabkit's, on the same."""
ENSEMBLES = ("stacking", "late fusion", "TabM_D")
"""Made of several trainings, or of several networks packed in one: ranked with no single model."""
APART = "birds_phase"
GROUPS = {"first": [*FIRST], "recorded": [*RECORDED], "all": [*FIRST, *RECORDED]}

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
    if scores.empty:
        raise ValueError(f"{path} holds no scores")
    scores = whole_seeds(scores)
    parts = ["# The benchmark suite", header(scores), CLAIM]
    clean = scores[scores["track"] == "clean"]
    planted = scores[scores["track"] == "interventional"]
    apart = clean["set"] == APART
    if (~apart).any():
        known = clean[~apart]
        parts += ["## No confounder, i.i.d.", iid(known)]
        parts += ["## No confounder, auxiliaries missing", missing(known[known["test"] != "iid"])]
    if apart.any():
        birds = clean[apart & (clean["test"] == "iid")]
        said = comparisons(birds, complete_predictors(birds), BETA_ZERO)
        parts += ["## Bird strikes as they were filed", table(birds, None), said]
    for variant, rows in planted.groupby("variant", sort=False):
        parts += [f"## Confounder: {variant}", interventional(rows, variant == "independent")]
    with whole_file(out / "report.md") as file:
        file.write(("\n\n".join(parts) + "\n").encode())
    picture(scores[scores["set"] != APART], out / "suite.png")


def whole_seeds(scores: pd.DataFrame) -> pd.DataFrame:
    """Leave out, by track and variant, the seeds that were not run to their end."""

    def whole(part: pd.DataFrame) -> pd.DataFrame:
        n_jobs = part.groupby("seed")[["set", "predictor", "test"]].apply(len)
        return part[part["seed"].isin(n_jobs.index[n_jobs == n_jobs.max()])]

    parts = [whole(part) for _, part in scores.groupby(["track", "variant"], sort=False)]
    return pd.concat(parts, ignore_index=True)


def header(scores: pd.DataFrame) -> str:
    """Say what was run, and on what."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    budget = scores["budget"].max()
    settings = "All settings are the defaults"
    if budget > 1:
        settings = f"Each network keeps the best of {budget} settings on held-out training rows"
    return (
        "`python benchmarks/suite/run.py`. A seed stands for a 70 : 30 split, a confounder and the "
        f"models' initial weights. {versions}, Python {platform.python_version()}, "
        f"{platform.machine()}, CPU. Accuracy / log-loss, mean ± sd over seeds; ranks by accuracy "
        f"and by log-loss, 1 is best. {settings}; the baselines stop early on a fifth of the "
        "training rows, have their temperature fitted there, and are trained afresh on all rows "
        "for as many epochs (g-blend and relearn follow held-out rows, and are not). By default "
        "jtt chooses T and λ on such rows, and lff tuned chooses q there. Every network reads "
        "its modalities by fully connected encoders, pictures through 32 principal components; "
        "images.py compares with convolutions."
    )


def seeds(rows: pd.DataFrame) -> str:
    """Name the seeds."""
    return "Seeds " + ", ".join(map(str, sorted(rows["seed"].unique()))) + "."


def iid(rows: pd.DataFrame) -> str:
    """Report the i.i.d. track, β = 0 compared with each method."""
    rows = rows[rows["test"] == "iid"]
    complete = complete_predictors(rows)
    single = [predictor for predictor in complete if predictor not in ENSEMBLES]
    mean = rows.groupby("predictor")["accuracy"].mean()
    said = []
    if {"joint", BETA_ONE} <= set(mean.index):
        own = [p for p in (BETA_ZERO, BETA_CV, BETA_ONE) if p in mean]
        less = ", ".join(f"{p} {100 * (mean[p] - mean['joint']):+.2f}" for p in own)
        said.append(f"Less joint training, in points of accuracy, mean over sets: {less}.")
    if set(FLAT) <= set(mean.index):
        said.append(flat_wins(rows))
    return "\n\n".join(
        [
            seeds(rows),
            by_group(rows, single),
            table(rows, mean_ranks(rows, single)),
            friedman(rows, single),
            *said,
            comparisons(rows, complete, BETA_ZERO),
        ]
    )


def by_group(rows: pd.DataFrame, single: Sequence[str]) -> str:
    """Give the means and ranks over each group of sets, single models alone, then ensembles."""
    parts = {}
    for name, sets in GROUPS.items():
        part = rows[rows["set"].isin(sets)]
        if len(part):
            parts[f"{name}, {part['set'].nunique()} sets"] = part
    order = rows.groupby("predictor")["log_loss"].mean().sort_values().index
    lines = [
        "Accuracy / log-loss, then the ranks among single models (of one training) by each.",
        "",
        f"| predictor | {' | '.join(parts)} |",
        "|---" * (len(parts) + 1) + "|",
    ]
    ranks = {name: mean_ranks(part, single) for name, part in parts.items()}
    for predictor in sorted(order, key=lambda p: p not in single):
        cells = [predictor if predictor in single else f"*{predictor}*"]
        for name, part in parts.items():
            own = part[part["predictor"] == predictor]
            cell = f"{own['accuracy'].mean():.3f} / {own['log_loss'].mean():.3f}"
            if ranks[name] is not None and predictor in ranks[name].index:
                cell += "; {:.1f}, {:.1f}".format(*ranks[name].loc[predictor])
            cells.append(cell)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def flat_wins(rows: pd.DataFrame) -> str:
    """Say on which sets one of scikit-learn's own has the best mean accuracy of all."""
    by_set = rows.pivot_table("accuracy", "set", "predictor", sort=False)
    best = by_set.idxmax(axis=1)
    won = [f"{name} ({p} {by_set.loc[name, p]:.3f})" for name, p in best.items() if p in FLAT]
    said = f"One of scikit-learn's own is the best of all on {len(won)} of {len(best)} sets"
    said = f"{said}: {', '.join(won)}." if won else f"{said}."
    if BETA_ZERO not in by_set:
        return said
    single = [p for p in FLAT if p not in ENSEMBLES]
    less = by_set[single].max(axis=1) - by_set[BETA_ZERO]
    behind = [f"{name} {100 * points:.1f}" for name, points in less.items() if points > 0.015]
    names = ", ".join(behind) or "none"
    return f"{said} β = 0 is more than 1.5 points behind the best single of them on: {names}."


def missing(rows: pd.DataFrame) -> str:
    """Report the track of missing auxiliaries: means, and Friedman's test at each share."""
    shares = [
        f"- {test}: {friedman(part, complete_predictors(part))}"
        for test, part in rows.groupby("test", sort=False)
    ]
    return "\n\n".join([seeds(rows), means(rows, "test"), "\n".join(shares)])


def interventional(rows: pd.DataFrame, full: bool) -> str:
    """Report one way of planting a confounder; in `full`, set by set where it is broken."""
    broken = rows[rows["test"] == "broken"]
    parts = [seeds(rows)]
    if full:
        complete = complete_predictors(broken)
        parts += [table(broken, mean_ranks(broken, complete)), friedman(broken, complete)]
        parts += [comparisons(broken, complete, BETA_ONE)]
    parts += [against_best_rival(broken), gap_closed(broken), weak_overlap(rows)]
    parts += ["Means over the sets, by test:", means(rows, "test")]
    return "\n\n".join(part for part in parts if part)


def means(rows: pd.DataFrame, by: str) -> str:
    """Give one row a predictor, and a column a value of `by`: means over sets and seeds."""
    columns = list(rows[by].unique())
    table = rows.pivot_table(["accuracy", "log_loss"], "predictor", by, sort=False)
    ranked = table["accuracy"]["broken"] if "broken" in columns else table["accuracy"].mean(axis=1)
    order = ranked.sort_values(ascending=False).index
    lines = [f"| predictor | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for predictor in order:
        accuracy, loss = table.loc[predictor, "accuracy"], table.loc[predictor, "log_loss"]
        cells = [f"{accuracy[c]:.3f} / {loss[c]:.2f}" for c in columns]
        lines.append(f"| {' | '.join([predictor, *cells])} |")
    return "\n".join(lines)


def against_best_rival(rows: pd.DataFrame) -> str:
    """Compare β = 1 set by set with the rival of the best mean accuracy.

    Rivals are the methods on the same network: joint training, its rules, and each part alone.
    """
    accuracy = rows.pivot_table("accuracy", "set", "predictor", sort=False)
    loss = rows.pivot_table("log_loss", "set", "predictor", sort=False)
    rivals = [p for p in accuracy if not p.startswith("β") and p not in (*FLAT, *OTHERS, BEST)]
    if BETA_ONE not in accuracy or not rivals:
        return ""
    rival = accuracy[rivals].mean().idxmax()
    less = pd.DataFrame(
        {"a": accuracy[BETA_ONE] - accuracy[rival], "l": loss[BETA_ONE] - loss[rival]}
    )
    cells = [f"{name} {a:+.3f} / {b:+.2f}" for name, a, b in less.itertuples()]
    worse = less.index[(less["a"] < -0.02) | (less["l"] > 0.05)]
    clear = less.index[(less["a"] > 0.02) & (less["l"] < 0)]
    return (
        f"The rival of the best mean accuracy is {rival}, {accuracy[rival].mean():.3f} / "
        f"{loss[rival].mean():.2f}; β = 1 has {accuracy[BETA_ONE].mean():.3f} / "
        f"{loss[BETA_ONE].mean():.2f}. β = 1 less this rival: {'; '.join(cells)}. Worse by more "
        f"than .02 in accuracy or .05 in log-loss on: {', '.join(worse) or 'none'}. Better by more "
        f"than .02 in accuracy, and in log-loss, on {len(clear)} of {len(accuracy)}."
    )


def weak_overlap(rows: pd.DataFrame) -> str:
    """Say at what share of rows the adjustment extrapolates, by test."""
    rows = rows[(rows["predictor"] == BETA_ONE) & rows["weak_overlap"].notna()]
    if rows.empty:
        return ""
    share = rows.groupby("test", sort=False)["weak_overlap"].mean()
    cells = ", ".join(f"{test} {value:.0%}" for test, value in share.items())
    return f"Rows with weak overlap (`overlap`), mean over sets: {cells}."


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
    if n < 3 or k < 3:
        return f"{n} sets, {k} predictors: too few for Friedman's test."
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


def comparisons(rows: pd.DataFrame, predictors: Sequence[str], reference: str) -> str:
    """Compare the reference with each predictor on each set by the corrected t-test."""
    if reference not in predictors:
        return f"{reference} lacks scores, and is not compared."
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
    if not {"joint", BETA_ONE, BEST} <= set(accuracy.columns):
        return ""
    joint, best = accuracy["joint"], accuracy[BEST]
    share = (accuracy[BETA_ONE] - joint) / (best - joint)
    digits = share[share.index.isin(DIGITS)].mean()
    cells = ", ".join(f"{name} {value:.0%}" for name, value in share.items())
    said = "Gap from joint training to the best possible closed by β = 1"
    return f"{said}: {cells}; mean of the digit pairs {digits:.0%}, of all {share.mean():.0%}."
