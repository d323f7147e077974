"""Six seeded fits predict the same bits as before a change that must not alter any number.

``python benchmarks/same_predictions.py FILE`` stores the predictions in FILE where there is none,
and compares them with those in it otherwise; both on the same machine, on a CPU, in float32.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy import sparse

from skbetafd import FrontDoorMultiModalClassifier

BETAS = (0, 0.5, 1)


def fits() -> Iterator[tuple[str, FrontDoorMultiModalClassifier, dict[str, object]]]:
    """Yield the name, the fitted classifier and the rows of each of the six fits."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 4

    def shown(width: int) -> np.ndarray:
        return 1.5 * rng.normal(size=(4, width))[y] + rng.normal(size=(400, width))

    two = {"audio": shown(12), "video": shown(8)}
    gaps = {**two, "text": shown(5)}
    gaps = {name: np.where(rng.random((400, 1)) < 0.2, np.nan, x) for name, x in gaps.items()}
    gaps["audio"] = np.where(np.isnan(gaps["text"]).any(1)[:, None], two["audio"], gaps["audio"])
    words = sparse.csr_array(np.where(rng.random((400, 60)) < 0.1, shown(60), 0.0))
    pictures = shown(64).reshape(400, 8, 8)
    mediator = np.array(["a", "b", "c"])[(y + (rng.random(400) < 0.3)) % 3]
    cases = {
        "two modalities": (two, {}, {}),
        "three with gaps": (gaps, {}, {}),
        "sparse": ({"words": words, "video": two["video"]}, {}, {}),
        "pictures": ({"picture": pictures, "video": two["video"]}, {}, {}),
        "mediator": (two, {}, {"mediator": mediator}),
        "eight members": (two, {"n_members": 8}, {}),
    }
    for name, (X, parameters, metadata) in cases.items():
        clf = FrontDoorMultiModalClassifier(
            max_epochs=5, device="cpu", random_state=0, **parameters
        )
        yield name, clf.fit(X, y, **metadata), X


def main(path: Path) -> None:
    """Store or compare."""
    found = {name: clf.beta_path(X, BETAS) for name, clf, X in fits()}
    if not path.exists():
        np.savez(path, **found)
        print(f"stored the predictions of {len(found)} fits")
        return
    with np.load(path) as stored:
        same = {name: np.array_equal(stored[name], proba) for name, proba in found.items()}
    for name, equal in same.items():
        print(f"{name}: {'the same bits' if equal else 'DIFFERENT'}")
    assert all(same.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="a .npz file")
    main(parser.parse_args().file)
