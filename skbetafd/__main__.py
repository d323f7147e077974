"""``python -m skbetafd``: the main job."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ._utils.files import whole_file
from ._utils.progress import progress
from .datasets import ConfoundedData, confound, load_multiple_features
from .estimators.front_door import FrontDoorMultiModalClassifier
from .plots import BetaPathDisplay

PICTURE = "beta_curve.png"
TESTS = {"iid": "i.i.d.", "half_broken": "half broken", "broken": "broken (do)"}


def confounded_digits(random_state: int = 0) -> ConfoundedData:
    """Plant a confounder in the embedded digits' views kar (predominant) and mor."""
    digits = load_multiple_features(("kar", "mor"))
    return confound(
        digits.data,
        digits.target,
        modality="kar",
        groups=digits.groups,
        random_state=random_state,
    )


def baselines(random_state: int = 0) -> dict[str, Any]:
    """Make three scikit-learn classifiers that take the same container."""
    mlp = MLPClassifier(128, early_stopping=True, max_iter=200, random_state=random_state)
    return {
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        "random forest": RandomForestClassifier(random_state=random_state),
        "MLPClassifier": make_pipeline(StandardScaler(), mlp),
    }


def table_row(name: str, iid: np.ndarray, do: np.ndarray, data: ConfoundedData, s: float) -> str:
    """Give one line: i.i.d. accuracy, accuracy and log-loss under do, seconds."""
    classes = data.classes

    def accuracy(proba: np.ndarray, y: np.ndarray) -> float:
        return accuracy_score(y, classes[proba.argmax(axis=1)])

    loss = log_loss(data.broken.y, do, labels=classes)
    return (
        f"{name:<22}{accuracy(iid, data.iid.y):>10.3f}{accuracy(do, data.broken.y):>10.3f}"
        f"{loss:>14.2f}{s:>10.1f}"
    )


def draw_beta_curves(clf: FrontDoorMultiModalClassifier, data: ConfoundedData, file: Path) -> None:
    """Save the picture of the library: the best β depends on what the deployment breaks."""
    from matplotlib.figure import Figure  # needs no display

    betas = np.linspace(0, 1, 21)
    splits = [getattr(data, test) for test in TESTS]
    path = np.concatenate([clf.beta_path(split.X, betas) for split in splits], axis=1)
    y = np.concatenate([split.y for split in splits])
    tests = np.repeat(list(TESTS.values()), [len(split.y) for split in splits])
    figure = Figure(figsize=(9, 4), layout="constrained")
    for ax, scoring in zip(figure.subplots(1, 2), ("accuracy", "neg_log_loss"), strict=True):
        BetaPathDisplay.from_predictions(
            y, path, betas, classes=clf.classes_, scoring=scoring, environments=tests, ax=ax
        )
    figure.suptitle("One fit, every β: kar/mor digits with a planted confounder")
    with whole_file(file) as content:
        figure.savefig(content, dpi=150, format="png")


def main() -> None:
    """Fit, compare, print the table and save the picture in the working folder."""
    start = time.perf_counter()
    data = confounded_digits()
    models = baselines()
    with progress(shown=True, total=len(models) + 2, desc="quickstart", unit="step") as bar:
        bar.set_postfix_str("front-door classifier")
        clf, lines = front_door_rows(data)
        bar.update()
        for name, model in models.items():
            bar.set_postfix_str(name)
            lines.append(baseline_row(name, model, data))
            bar.update()
        bar.set_postfix_str("picture")
        picture = save_picture(clf, data)
        bar.update()
    print(
        f"\n{'':<22}{'i.i.d.':>10}{'do':>10}{'do':>14}{'fit':>10}"
        f"\n{'':<22}{'accuracy':>10}{'accuracy':>10}{'log-loss':>14}{'seconds':>10}"
    )
    print("\n".join(lines))
    print(
        f"\n{len(data.train.y)} training and {len(data.iid.y)} test rows, seed 0, predominant "
        f"modality {clf.predominant_!r}; one fit serves every beta."
        f"\nNo predictor can exceed {best_accuracy(data):.3f} under do: it is decided by the "
        "hidden confounder."
        f"\n{picture}\n{time.perf_counter() - start:.0f} seconds in all."
    )


def front_door_rows(
    data: ConfoundedData,
) -> tuple[FrontDoorMultiModalClassifier, list[str]]:
    """Fit once; give the classifier and a line for each β."""
    tick = time.perf_counter()
    clf = FrontDoorMultiModalClassifier(random_state=0).fit(data.train.X, data.train.y)
    seconds = time.perf_counter() - tick
    betas = (0, 0.5, 1)
    iid, do = (clf.beta_path(split.X, betas) for split in (data.iid, data.broken))
    lines = [
        table_row(f"beta = {beta}", iid[i], do[i], data, seconds) for i, beta in enumerate(betas)
    ]
    return clf, lines


def baseline_row(name: str, model: Any, data: ConfoundedData) -> str:
    """Fit a scikit-learn classifier on the same object; give its line."""
    tick = time.perf_counter()
    model.fit(data.train.X, data.train.y)
    seconds = time.perf_counter() - tick
    iid, do = (model.predict_proba(split.X) for split in (data.iid, data.broken))
    return table_row(name, iid, do, data, seconds)


def best_accuracy(data: ConfoundedData) -> float:
    """Accuracy under do of one who knows the real class."""
    return accuracy_score(data.broken.y, data.classes[data.broken.proba.argmax(axis=1)])


def save_picture(clf: FrontDoorMultiModalClassifier, data: ConfoundedData) -> str:
    """Draw the β curve, or say why not; give the sentence to print."""
    try:
        draw_beta_curves(clf, data, Path(PICTURE))
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        return "No picture: matplotlib is not installed (pip install 'skbetafd[plots]')."
    except OSError as error:
        return f"No picture: {PICTURE} can't be written here ({error})."
    return f"Picture: {PICTURE}"


if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m skbetafd",
        description="Fit the digits with a planted confounder, compare, print a table and save "
        "beta_curve.png in this folder. Takes no arguments; about ten seconds.",
    ).parse_args()
    main()
