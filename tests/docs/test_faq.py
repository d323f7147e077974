"""The FAQ quotes errors and warnings; each is provoked here, and must say what is quoted."""

import contextlib
import re
import warnings
from collections.abc import Callable
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path
from tempfile import TemporaryDirectory

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    diagnose,
    load,
    overlap,
)
from skbetafd.causal import check_criterion, front_door_adjustment

FAQ = (Path(__file__).parents[2] / "docs" / "faq.md").read_text()
ENTRIES = dict(re.findall(r"^\(faq-([\w-]+)\)=\n#+ .*?\n\n```text\n(.*?)```", FAQ, re.M | re.S))

N = 200
RNG = np.random.default_rng(0)
Y = np.arange(N) % 2
AUDIO = RNG.normal(size=(N, 4)) + Y[:, None]
VIDEO = RNG.normal(size=(N, 3)) + Y[:, None]
X = {"audio": AUDIO, "video": VIDEO}


def quick(**parameters: object) -> FrontDoorMultiModalClassifier:
    small = {"max_epochs": 1, "hidden_dim": 8, "n_references": 8, "random_state": 0}
    return FrontDoorMultiModalClassifier(**(small | parameters))


def quick_cv(**parameters: object) -> FrontDoorMultiModalClassifierCV:
    small = {"max_epochs": 1, "hidden_dim": 8, "n_references": 8, "random_state": 0, "cv": 2}
    return FrontDoorMultiModalClassifierCV(**(small | parameters))


def with_nan(array: np.ndarray, rows: object, column: object = slice(None)) -> np.ndarray:
    array = array.copy()
    array[rows, column] = np.nan
    return array


def in_folder(act: Callable[[Path], object]) -> Callable[[], object]:
    """Act in a folder that is gone afterwards, whose name no message shows."""

    def acting() -> None:
        with TemporaryDirectory() as folder:
            try:
                act(Path(folder))
            except ValueError as error:
                raise type(error)(str(error).replace(f"{folder}/", "")) from None

    return acting


class Losses(Callback):
    def __init__(self):
        self.seen = []


class KilledError(Exception):
    """Ends a fit as a kill would."""


class KillAfterOne(Callback):
    def on_epoch_end(self, net, **_):
        if len(net.history) == 2:
            raise KilledError


def edited_file(folder: Path) -> None:
    path = folder / "model.safetensors"
    quick().fit(X, Y).save(path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    load(path)


def module_not_in_the_file(folder: Path) -> None:
    path = folder / "model.safetensors"
    quick(encoders={"audio": torch.nn.Linear(4, 4)}).fit(X, Y).save(path)
    load(path)


def another_fit_s_checkpoint(folder: Path) -> None:
    keep = {"max_epochs": 3, "checkpoint_dir": folder / "run1"}
    with contextlib.suppress(KilledError):
        quick(**keep, callbacks=[KillAfterOne()]).fit(X, Y)
    quick(**keep, dropout=0.1).fit(X, Y)


def no_case_in_the_table() -> None:
    joint = np.full((2, 1, 2, 2), 1 / 6)
    joint[1, 0, 1] = 0
    front_door_adjustment(joint)


def searched(X: object) -> None:
    GridSearchCV(quick(), {"beta": [0, 1]}, cv=2).fit(X, Y)


FRAME = pd.DataFrame(AUDIO, columns=list("abcd"))
SITE = pd.DataFrame({"site": np.where(Y, "Oslo", "Rome")})
SENSORS = pd.DataFrame({"vib": AUDIO[:, 0], "pump": np.where(Y, "new", "old")})
FLAT = np.hstack([AUDIO, VIDEO])
ALONG = np.linspace(0, 10, N)[:, None]
HALF = np.arange(N) < N // 2
CAUSED = nx.DiGraph([("Y", "T"), ("T", "Z")])
GAPS = {"audio": AUDIO, "video": with_nan(VIDEO, 5)}

PROVOKED: dict[str, Callable[[], object]] = {
    "callback-of-one-s-own": lambda: GridSearchCV(
        quick(callbacks=[Losses()]), {"beta": [0]}, cv=2
    ).fit(MultiModalArray(X), Y),
    "inconsistent-rows": lambda: searched([AUDIO, VIDEO]),
    "unequal-rows": lambda: quick().fit({"audio": AUDIO, "video": VIDEO[:-1]}, Y),
    "one-column": lambda: quick().fit({"audio": AUDIO, "age": VIDEO[:, 0]}, Y),
    "one-stack-of-pictures": lambda: quick().fit(np.zeros((N, 3, 8, 8)), Y),
    "one-modality": lambda: quick().fit(FLAT, Y),
    "uncovered-columns": lambda: quick(modalities=[4, 2]).fit(FLAT, Y),
    "modalities-do-not-match": lambda: quick().fit(X, Y).predict({"audio": AUDIO}),
    "another-width": lambda: quick().fit([AUDIO, VIDEO], Y).predict([VIDEO, AUDIO]),
    "columns-in-another-order": lambda: (
        quick().fit({**X, "audio": FRAME}, Y).predict({**X, "audio": FRAME[list("badc")]})
    ),
    "names-not-seen-at-fit": lambda: quick().fit([AUDIO, VIDEO], Y).predict(X),
    "gaps-in-a-row": lambda: quick().fit({**X, "audio": with_nan(AUDIO, 7, 2)}, Y),
    "nothing-in-a-row": lambda: (
        quick().fit(X, Y).predict({name: with_nan(x, [3, 9]) for name, x in X.items()})
    ),
    "nowhere-present": lambda: quick().fit({**X, "video": with_nan(VIDEO, slice(None))}, Y),
    "never-together": lambda: quick().fit(
        {"audio": with_nan(AUDIO, HALF), "video": with_nan(VIDEO, ~HALF)}, Y
    ),
    "few-complete-rows": lambda: quick().fit(
        {"audio": with_nan(AUDIO, slice(3, 100)), "video": with_nan(VIDEO, slice(100, N))}, Y
    ),
    "no-support": lambda: quick(max_epochs=20, hidden_dim=128, n_references=256).fit(
        {"audio": np.hstack([ALONG, ALONG**2]), "video": ALONG}, Y
    ),
    "worse-than-the-class-frequencies": lambda: quick(
        early_stopping=True, learning_rate=1e-6, beta=0
    ).fit({name: RNG.normal(size=(300, 4)) for name in X}, np.arange(300) % 10 == 0),
    "text-in-a-modality": lambda: quick().fit({"audio": AUDIO, "site": SITE}, Y),
    "categories-beside-numbers": lambda: quick().fit({"sensors": SENSORS, "video": VIDEO}, Y),
    "one-class": lambda: quick().fit(X, np.zeros(N, dtype=int)),
    "several-labels": lambda: quick().fit(X, np.eye(2, dtype=int)[Y]),
    "float-labels": lambda: quick().fit(X, AUDIO[:, 0]),
    "no-such-modality": lambda: quick(predominant="vidoe").fit(X, Y),
    "beta-out-of-range": lambda: quick(beta=1.5).fit(X, Y),
    "beta-of-a-search": lambda: quick_cv().set_params(beta=0.5),
    "beta-in-param-grid": lambda: quick_cv(param_grid={"beta": [0, 1]}).fit(X, Y),
    "groups-without-use": lambda: quick_cv().fit(X, Y, groups=np.arange(N) % 4),
    "too-few-for-an-inner-split": lambda: quick(early_stopping=True).fit(X, np.r_[Y[:-1], 2]),
    "memory-not-used": in_folder(
        lambda folder: quick(memory=str(folder), random_state=None).fit(X, Y)
    ),
    "first-partial-fit": lambda: quick().partial_fit(X, Y),
    "diverging-fit": lambda: quick(learning_rate=1e15, lr_schedule="constant", max_epochs=3).fit(
        X, Y
    ),
    "weak-overlap": lambda: overlap(quick().fit(X, Y), {**X, "audio": AUDIO + 100}),
    "overlap-of-missing-rows": lambda: overlap(quick().fit(X, Y), GAPS),
    "mediator-of-many-levels": lambda: quick().fit(X, Y, mediator=np.arange(N)),
    "mediator-and-missing-rows": lambda: quick().fit(GAPS, Y, mediator=Y),
    "edited-file": in_folder(edited_file),
    "module-not-in-the-file": in_folder(module_not_in_the_file),
    "sequences-in-onnx": in_folder(
        lambda folder: (
            quick()
            .fit({"audio": RNG.normal(size=(N, 5, 2)), "video": VIDEO}, Y)
            .to_onnx(folder / "model.onnx")
        )
    ),
    "another-fit-s-checkpoint": in_folder(another_fit_s_checkpoint),
    "no-case-in-the-table": no_case_in_the_table,
    "label-causes-the-modality": lambda: check_criterion(
        CAUSED, treatment="T", outcome="Y", mediator="Z"
    ),
    "nothing-to-diagnose": lambda: diagnose(AUDIO, Y),
}


def message(provoke: Callable[[], object]) -> str:
    """What it raises or, where it raises nothing, its first warning."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        try:
            provoke()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return f"{seen[0].category.__name__}: {seen[0].message}"


@pytest.mark.parametrize("name", ENTRIES)
def test_a_quoted_message_is_what_the_library_says(name):
    said = message(PROVOKED[name])
    same = OutputChecker().check_output(ENTRIES[name], said + "\n", ELLIPSIS | NORMALIZE_WHITESPACE)
    assert same, said


def test_a_dict_in_a_search_fails_as_the_list_does():
    assert message(lambda: searched(X)) == message(PROVOKED["inconsistent-rows"])


def test_every_quoted_message_is_provoked_and_none_is_left_out():
    assert ENTRIES.keys() == PROVOKED.keys()
    assert len(ENTRIES) >= 20
