"""The estimator with an observed mediator against exact truth, in a continuous simulator.

    python benchmarks/mediator.py [--seeds 3] [--report FILE]

ContinuousFrontDoorModel: an 8-dimensional predominant modality whose style part a hidden
confounder moves, a continuous auxiliary, a stochastic scalar mediator, a binary label; exact
P(y | t, a) and P(y | do t, a). 4,000 training rows, 4,000 test rows a regime, all defaults. A
world is a draw of the model's functions; its seed is also that of the samples and the fit.
"""

from __future__ import annotations

import platform

import numpy as np
import torch
from command_line import publish, seeded_parser
from sklearn.metrics import log_loss

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.causal import ContinuousFrontDoorModel
from skbetafd.nn.front_door_network import Codes
from skbetafd.nn.mediator import mediated_log_proba_path
from skbetafd.training.references import build_references

BETAS = (0, 0.25, 0.5, 0.75, 1)
REGIMES = ("iid", "half", "randomised", "flipped", "shifted")
N = 4000
COUNTS = (4, 16, 64, 256)
MAX_RATIO, MAX_REFERENCE_ERROR = 1.03, 0.01


def run_world(world: int) -> tuple[np.ndarray, np.ndarray]:
    """Log-losses (n_regimes, n_betas + 2), and the error of K references (n_counts, 2)."""
    model = ContinuousFrontDoorModel(world=world)
    train = model.sample(N, random_state=world)
    clf = FrontDoorMultiModalClassifier(predominant="predominant", random_state=world)
    clf.fit(train.X, train.y, mediator=train.mediator)
    losses = []
    for i, regime in enumerate(REGIMES):
        test = model.sample(N, regime=regime, random_state=1000 + 10 * world + i)
        t, a = test.X["predominant"], test.X["auxiliary"]
        predictions = [*clf.beta_path(test.X, BETAS), *exact(model, t, a)]
        losses.append([log_loss(test.y, proba) for proba in predictions])
    return np.array(losses), reference_errors(clf, train.X)


def exact(model: ContinuousFrontDoorModel, t: np.ndarray, a: np.ndarray) -> list[np.ndarray]:
    """Exact P(y | t, a) and P(y | do t, a)."""
    return [model.proba_seeing(t, a), model.proba_doing(t, a)]


def reference_errors(clf: FrontDoorMultiModalClassifier, X: dict[str, np.ndarray]) -> np.ndarray:
    """Mean |ΔP| at 200 rows against every training row as a reference: k-means, random rows."""
    xs, _ = clf._tensors(clf._read(X, mediated=True))
    rows = [x[:200] for x in xs]
    weight = torch.ones(N)

    def doing(codes: Codes, k: int) -> torch.Tensor:
        references = build_references(codes, weight[: len(codes.context)], k, seed=0, mediated=True)
        path = mediated_log_proba_path(clf.module_, rows, references, [1], "conditional")
        return path[0].exp()

    with torch.no_grad():
        codes = clf.module_.encode(xs)
        truth = doing(codes, N)
        errors = []
        for k in COUNTS:
            drawn = torch.randperm(N, generator=torch.Generator().manual_seed(k))[:k]
            some = Codes(*(code[drawn] for code in codes))
            estimates = (doing(codes, k), doing(some, k))
            errors.append([float((e - truth).abs().mean()) for e in estimates])
    return np.array(errors)


def cells(values: np.ndarray) -> str:
    """Mean ± sd over worlds, a cell a column."""
    sd = values.std(0, ddof=1)
    return " | ".join(f"{m:.3f} ± {s:.3f}" for m, s in zip(values.mean(0), sd, strict=True))


def report(losses: np.ndarray, errors: np.ndarray) -> str:
    """Two Markdown tables; first axis of both arrays the worlds."""
    lines = [
        "| regime | " + " | ".join(f"β = {b}" for b in BETAS) + " | exact seeing | exact doing |"
    ]
    lines += ["|---" * (len(BETAS) + 3) + "|"]
    lines += [f"| {r} | {cells(losses[:, i])} |" for i, r in enumerate(REGIMES)]
    lines += ["", "| K | k-means with masses | random rows |", "|---|---|---|"]
    lines += [f"| {k} | {cells(errors[:, i])} |" for i, k in enumerate(COUNTS)]
    return "\n".join(lines)


def check(losses: np.ndarray, errors: np.ndarray) -> None:
    """Assert what the project asks."""
    mean = dict(zip(REGIMES, losses.mean(0), strict=True))
    seeing, doing, truth = (mean["randomised"][i] for i in (0, len(BETAS) - 1, -1))
    print(
        f"randomised T, log-loss over the exact one: β = 1 {doing / truth:.3f}, "
        f"β = 0 {seeing / truth:.3f}"
    )
    assert doing <= MAX_RATIO * truth
    assert seeing >= 1.2 * truth
    assert mean["iid"][0] < mean["iid"][len(BETAS) - 1]
    assert errors[:, COUNTS.index(64), 0].mean() <= MAX_REFERENCE_ERROR


def main() -> None:
    """Run the worlds, print the tables, check the figures."""
    arguments = seeded_parser(__doc__, seeds=3, parallel=False).parse_args()
    losses, errors = (
        np.array(part) for part in zip(*map(run_world, range(arguments.seeds)), strict=True)
    )
    text = (
        f"worlds 0–{arguments.seeds - 1}, log-loss, mean ± sd; `python benchmarks/mediator.py`; "
        f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}, "
        f"CPU\n\n{report(losses, errors)}\n"
    )
    publish(text, arguments.report)
    check(losses, errors)
    print("all figures met")


if __name__ == "__main__":
    main()
