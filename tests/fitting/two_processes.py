"""What test_accelerate.py has torchrun start twice: fits, and what each process saw of them."""

import io
import json
import os
import pickle
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from skorch.callbacks import Callback
from torch import nn

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV, MultiModalArray
from skbetafd.datasets import load_multiple_features
from skbetafd.training.accelerated import from_first

RANK = int(os.environ.get("RANK", 0))
SMALL = {"max_epochs": 2, "hidden_dim": 8, "n_references": 8, "random_state": 0}
DIGITS = {"max_epochs": 10, "hidden_dim": 64, "random_state": 0, "batch_size": 32}
NORM = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8))
FROZEN = nn.Linear(4, 8).requires_grad_(False).eval()


def digits() -> tuple[MultiModalArray, np.ndarray]:
    """Every other row of two views of the digits; the rest is for the test."""
    X, y = load_multiple_features(("kar", "mor"), return_X_y=True)
    return MultiModalArray(X), y


def small_data() -> tuple[MultiModalArray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.arange(101) % 3  # odd: the shares of a batch are not equal
    data = {"a": rng.normal(size=(101, 4)) + y[:, None], "b": rng.normal(size=(101, 3))}
    return MultiModalArray(data), y


def make(**parameters: object) -> FrontDoorMultiModalClassifier:
    return FrontDoorMultiModalClassifier(**{**SMALL, "accelerate": True, **parameters})


def weights(module: nn.Module) -> np.ndarray:
    return torch.cat(
        [v.detach().double().reshape(-1) for v in module.state_dict().values()]
    ).numpy()


def fingerprint(clf: FrontDoorMultiModalClassifier, X: object) -> dict[str, object]:
    """All that a fit has learned, as sums of bytes."""
    members = [(weights(m.net.module_), *(r.numpy() for r in m.references)) for m in clf.members_]
    learned = [zlib.crc32(np.ascontiguousarray(a).data) for member in members for a in member]
    loss = [row["train_loss"] for row in clf.history_]
    return {"learned": learned, "loss": loss, "proba": zlib.crc32(clf.predict_proba(X).data)}


class InOneProcess(Callback):
    """Raises an error at the end of the first epoch, in the second process alone."""

    def __init__(self, error: type[BaseException], event: str = "on_epoch_end") -> None:
        self.error, self.event = error, event

    def on_epoch_end(self, net: object, **kwargs: object) -> None:
        self._raise("on_epoch_end")

    def on_batch_end(self, net: object, **kwargs: object) -> None:
        self._raise("on_batch_end")

    def _raise(self, event: str) -> None:
        if RANK == 1 and event == self.event:
            raise self.error("in one process")


def error_of(call: Callable[[], object]) -> str:
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "none"


def fits() -> Iterator[tuple[str, object]]:
    X, y = digits()
    clf = make(**DIGITS).fit(X[::2], y[::2])
    yield "digits", fingerprint(clf, X[:50])
    yield "score", clf.score(X[1::2], y[1::2])
    again = pickle.loads(pickle.dumps(clf))
    yield "pickled", bool((again.predict_proba(X) == clf.predict_proba(X)).all())

    X, y = small_data()
    clf = make(batch_size=25).fit(X, y)
    yield "weights", weights(clf.module_).tolist()
    yield "loss", [row["train_loss"] for row in clf.history_]
    yield "without a seed", fingerprint(make(random_state=None).fit(X, y), X)
    yield "mediator", fingerprint(make().fit(X, y, mediator=y % 2), X)
    forest = make(seeing=RandomForestClassifier(3), beta=0.5, random_state=None)
    yield "classifier", fingerprint(forest.fit(X, y), X)
    early = make(early_stopping=True, n_iter_no_change=1, max_epochs=12, random_state=None)
    yield "early stopping", [early.fit(X, y).n_iter_, fingerprint(early, X)]
    part = make(random_state=None).partial_fit(X, y, classes=[0, 1, 2])
    yield "partial fit", fingerprint(part.partial_fit(X, y), X)
    yield "all rows a batch", fingerprint(make(batch_size=-1).fit(X, y), X)
    yield "batch norm", fingerprint(make(encoders={"a": NORM}).fit(X, y), X)
    said = io.StringIO()
    with redirect_stdout(said):
        yield "members", fingerprint(make(n_members=2, verbose=2).fit(X, y), X)
    yield "said", said.getvalue()
    search = FrontDoorMultiModalClassifierCV(**SMALL, accelerate=True, cv=2).fit(X, y)
    yield "search", [search.scores_.tolist(), fingerprint(search, X)]
    yield "n_jobs", error_of(lambda: search.set_params(n_jobs=2).fit(X, y))


def refusals() -> Iterator[tuple[str, object]]:
    X, y = small_data()
    own = MultiModalArray({"a": X["a"], "b": X["b"] + RANK})
    yield "other rows", error_of(lambda: make().fit(own, y))
    yield "other labels", error_of(lambda: make().fit(X, (y + RANK) % 3))
    yield "other parameters", error_of(lambda: make(dropout=0.1 * (1 + RANK)).fit(X, y))
    bayes = GaussianNB(var_smoothing=1e-9 * (1 + RANK))
    yield "other classifier", error_of(lambda: make(seeing=bayes).fit(X, y))
    yield "other frozen module", error_of(lambda: make(encoders={"a": FROZEN}).fit(X, y))
    yield "small batches", error_of(lambda: make(batch_size=2).fit(X, y))
    yield "diverged", error_of(lambda: make(learning_rate=1e30, max_epochs=3).fit(X, y))
    yield "first's error", error_of(lambda: from_first(lambda: 1 // 0))
    failing = make(callbacks=[InOneProcess(ValueError)])
    yield "callback's error", error_of(lambda: failing.fit(X, y))
    yield "unfitted", not hasattr(failing, "net_")
    stopped = make(max_epochs=4, callbacks=[InOneProcess(KeyboardInterrupt)]).fit(X, y)
    yield "stopped", [stopped.n_iter_, fingerprint(stopped, X)]


def main(folder: str, what: str) -> None:
    warnings.simplefilter("error")
    if what == "breaks":
        X, y = small_data()
        make(callbacks=[InOneProcess(ValueError, "on_batch_end")]).fit(X, y)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    seen: dict[str, object] = dict(fits()) | dict(refusals())
    same = torch.equal(state, torch.get_rng_state()) and threads == torch.get_num_threads()
    seen["global state is as it was"] = same
    Path(folder, f"{RANK}.json").write_text(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
