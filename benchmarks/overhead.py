"""What the estimator costs on top of a hand-written torch loop of the same network and loss.

    python benchmarks/overhead.py

Two modalities of 32 columns, 20,000 rows, batches of 128, 20 epochs, CPU. Estimator and loop
run in turn, five times; the ratios are taken pair by pair and their median asserted. The probe
for the predominant modality and the reference set are timed beside: the fit's ratio includes
the reference set, and the probe is left out by naming the modality.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.fitting.predominant import probe_scores
from skbetafd.nn.adjustment import ReferenceSet
from skbetafd.nn.criterion import Batch
from skbetafd.nn.front_door_network import FrontDoorNetwork
from skbetafd.nn.losses import FrontDoorLoss
from skbetafd.training.references import build_references

N_ROWS, WIDTH, N_CLASSES, BATCH, EPOCHS, REPEATS = 20_000, 32, 10, 128, 20, 5
MAX_FIT_RATIO, MAX_PREDICT_RATIO = 1.25, 1.5


def make_data(
    n_rows: int = N_ROWS, width: int = WIDTH, noise: float = 2.0
) -> tuple[list[np.ndarray], np.ndarray]:
    """Draw two modalities that show the class with noise."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, N_CLASSES, n_rows)
    means = rng.normal(size=(2, N_CLASSES, width))
    return [rng.normal(m[y], noise).astype(np.float32) for m in means], y


def network_and_loss(
    widths: list[int], generator: torch.Generator
) -> tuple[FrontDoorNetwork, FrontDoorLoss]:
    """Make the network and the criterion of the estimator's defaults."""
    network = FrontDoorNetwork(
        widths,
        N_CLASSES,
        predominant=0,
        hidden_dim=128,
        knowledge_dim=32,
        context_dim=32,
        generator=generator,
    )
    loss = FrontDoorLoss(
        knowledge_weight=1.0, disentangle_weight=1.0, label_weight=1.0, temperature=0.3
    )
    return network, loss


def draw_masks(
    network: FrontDoorNetwork, n: int, generator: torch.Generator | None = None
) -> tuple[torch.Tensor, ...]:
    """Draw dropout masks as cheaply as the library does."""
    mask = torch.empty(n, sum(network.mask_dims))
    mask.uniform_(generator=generator).lt_(0.6).div_(0.6)
    return mask.split(network.mask_dims, dim=1)


def loop_fit(
    xs: list[torch.Tensor], y: torch.Tensor, batch: int = BATCH, epochs: int = EPOCHS
) -> FrontDoorNetwork:
    """Train the network by hand, with the estimator's default hyper-parameters."""
    generator = torch.Generator().manual_seed(0)
    network, loss = network_and_loss([x.shape[1] for x in xs], generator)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, fused=True)
    n_batches = -(-len(y) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=3e-3, total_steps=epochs * n_batches
    )
    weight = torch.ones(len(y))
    for _ in range(epochs):
        for rows in torch.randperm(len(y), generator=generator).tensor_split(n_batches):
            masks = draw_masks(network, len(rows), generator)
            part = Batch([x[rows] for x in xs], y[rows], weight[rows], masks=masks)
            terms = loss(network, part)
            optimizer.zero_grad()
            terms["loss"].backward()
            optimizer.step()
            schedule.step()
    return network


@torch.no_grad()
def loop_predict(
    network: FrontDoorNetwork, xs: list[torch.Tensor], references: ReferenceSet
) -> torch.Tensor:
    """P(y | do t, a) by hand, 128 rows at a time."""
    out = []
    other = network.head.context(references.context)
    for x in zip(*(x.split(128) for x in xs), strict=True):
        codes = network.encode(x)
        distance = torch.cdist(codes.auxiliary, references.auxiliary).square()
        weight = torch.softmax(references.log_mass - distance / (2 * references.bandwidth), dim=1)
        own = network.head.own_part(codes.knowledge, codes.auxiliary)
        proba = torch.softmax(network.head.out(torch.relu(own[:, None] + other)), dim=2)
        out.append(torch.einsum("nk,nkc->nc", weight, proba))
    return torch.cat(out)


def seconds(job: Callable[[], Any]) -> tuple[float, Any]:
    """Run `job`; give its duration in seconds and its result."""
    start = time.perf_counter()
    result = job()
    return time.perf_counter() - start, result


def report(name: str, ours: list[float], loop: list[float], bound: float) -> None:
    """Print medians and assert the median ratio."""
    ratio = median(a / b for a, b in zip(ours, loop, strict=True))
    print(f"{name:<8} {median(ours):8.3f} s   loop {median(loop):8.3f} s   ratio {ratio:.2f}")
    assert ratio <= bound, f"{name}: ratio {ratio:.2f} exceeds {bound}"


def main() -> None:
    """Time both in turn, print the table and assert the bounds."""
    arrays, y = make_data()
    xs, target = [torch.from_numpy(a) for a in arrays], torch.from_numpy(y)
    estimator = FrontDoorMultiModalClassifier(
        predominant=0, batch_size=BATCH, max_epochs=EPOCHS, random_state=0, device="cpu"
    )
    times: dict[str, list[float]] = {k: [] for k in ("fit", "loop fit", "predict", "loop predict")}
    for _ in range(REPEATS):
        times["fit"].append(seconds(lambda: estimator.fit(arrays, y))[0])
        elapsed, network = seconds(lambda: loop_fit(xs, target))
        times["loop fit"].append(elapsed)
        times["predict"].append(seconds(lambda: estimator.predict_proba(arrays))[0])
        by_hand = partial(loop_predict, network, xs, estimator.references_)
        times["loop predict"].append(seconds(by_hand)[0])
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, medians of {REPEATS}")
    probe, _ = seconds(lambda: probe_scores(arrays, y, np.ones(N_ROWS), seed=0))
    with torch.no_grad():
        codes = network.encode(xs)
    build, _ = seconds(lambda: build_references(codes, torch.ones(N_ROWS), 256, seed=0))
    print(f"beside   probe {probe:.3f} s, reference set {build:.3f} s (within the fit)")
    report("fit", times["fit"], times["loop fit"], MAX_FIT_RATIO)
    report("predict", times["predict"], times["loop predict"], MAX_PREDICT_RATIO)


if __name__ == "__main__":
    main()
