"""The FAQ quotes errors and warnings; each is provoked here, and must say what is quoted."""

import re
import warnings
from collections.abc import Callable
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pytest
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

PROVOKED: dict[str, Callable[[], object]] = {}


def quick(**parameters: object) -> FrontDoorMultiModalClassifier:
    small = {"max_epochs": 1, "hidden_dim": 8, "n_references": 8, "random_state": 0}
    return FrontDoorMultiModalClassifier(**(small | parameters))


def quick_cv(**parameters: object) -> FrontDoorMultiModalClassifierCV:
    small = {"max_epochs": 1, "hidden_dim": 8, "n_references": 8, "random_state": 0, "cv": 2}
    return FrontDoorMultiModalClassifierCV(**(small | parameters))


def entry(provoke: Callable[[], object]) -> Callable[[], object]:
    PROVOKED[provoke.__name__.replace("_", "-")] = provoke
    return provoke


def with_nan(array: np.ndarray, rows: object, column: object = slice(None)) -> np.ndarray:
    array = array.copy()
    array[rows, column] = np.nan
    return array


class Losses(Callback):
    def __init__(self):
        self.seen = []


@entry
def callback_of_one_s_own():
    GridSearchCV(quick(callbacks=[Losses()]), {"beta": [0]}, cv=2).fit(MultiModalArray(X), Y)


@entry
def inconsistent_rows():
    GridSearchCV(quick(), {"beta": [0, 1]}, cv=2).fit([AUDIO, VIDEO], Y)


@entry
def unequal_rows():
    quick().fit({"audio": AUDIO, "video": VIDEO[:-1]}, Y)


@entry
def one_column():
    quick().fit({"audio": AUDIO, "age": VIDEO[:, 0]}, Y)


@entry
def one_stack_of_pictures():
    quick().fit(np.zeros((N, 3, 8, 8)), Y)


@entry
def one_modality():
    quick().fit(np.hstack([AUDIO, VIDEO]), Y)


@entry
def uncovered_columns():
    quick(modalities=[4, 2]).fit(np.hstack([AUDIO, VIDEO]), Y)


@entry
def modalities_do_not_match():
    quick().fit(X, Y).predict({"audio": AUDIO})


@entry
def another_width():
    quick().fit([AUDIO, VIDEO], Y).predict([VIDEO, AUDIO])


@entry
def columns_in_another_order():
    frame = pd.DataFrame(AUDIO, columns=list("abcd"))
    quick().fit({"audio": frame, "video": VIDEO}, Y).predict(
        {"audio": frame[list("badc")], "video": VIDEO}
    )


@entry
def names_not_seen_at_fit():
    quick().fit([AUDIO, VIDEO], Y).predict(X)


@entry
def gaps_in_a_row():
    quick().fit({"audio": with_nan(AUDIO, 7, 2), "video": VIDEO}, Y)


@entry
def nothing_in_a_row():
    clf = quick().fit(X, Y)
    clf.predict({"audio": with_nan(AUDIO, [3, 9]), "video": with_nan(VIDEO, [3, 9])})


@entry
def nowhere_present():
    quick().fit({"audio": AUDIO, "video": with_nan(VIDEO, slice(None))}, Y)


@entry
def never_together():
    half = np.arange(N) < N // 2
    quick().fit({"audio": with_nan(AUDIO, half), "video": with_nan(VIDEO, ~half)}, Y)


@entry
def text_in_a_modality():
    site = pd.DataFrame({"site": np.where(Y, "Oslo", "Rome")})
    quick().fit({"audio": AUDIO, "site": site}, Y)


@entry
def categories_beside_numbers():
    sensors = pd.DataFrame({"vib": AUDIO[:, 0], "pump": np.where(Y, "new", "old")})
    quick().fit({"sensors": sensors, "video": VIDEO}, Y)


@entry
def one_class():
    quick().fit(X, np.zeros(N, dtype=int))


@entry
def several_labels():
    quick().fit(X, np.eye(2, dtype=int)[Y])


@entry
def float_labels():
    quick().fit(X, AUDIO[:, 0])


@entry
def no_such_modality():
    quick(predominant="vidoe").fit(X, Y)


@entry
def beta_out_of_range():
    quick(beta=1.5).fit(X, Y)


@entry
def beta_of_a_search():
    quick_cv().set_params(beta=0.5)


@entry
def beta_in_param_grid():
    quick_cv(param_grid={"beta": [0, 1]}).fit(X, Y)


@entry
def groups_without_use():
    quick_cv().fit(X, Y, groups=np.arange(N) % 4)


@entry
def too_few_for_an_inner_split():
    quick(early_stopping=True).fit(X, np.r_[Y[:-1], 2])


@entry
def memory_not_used():
    with TemporaryDirectory() as folder:
        quick(memory=folder, random_state=None).fit(X, Y)


@entry
def first_partial_fit():
    quick().partial_fit(X, Y)


@entry
def diverging_fit():
    quick(learning_rate=1e15, lr_schedule="constant", max_epochs=3).fit(X, Y)


@entry
def weak_overlap():
    overlap(quick().fit(X, Y), {"audio": AUDIO + 100, "video": VIDEO})


@entry
def overlap_of_missing_rows():
    overlap(quick().fit(X, Y), {"audio": AUDIO, "video": with_nan(VIDEO, 5)})


@entry
def mediator_of_many_levels():
    quick().fit(X, Y, mediator=np.arange(N))


@entry
def mediator_and_missing_rows():
    quick().fit({"audio": AUDIO, "video": with_nan(VIDEO, 5)}, Y, mediator=Y)


@entry
def edited_file():
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        quick().fit(X, Y).save(path)
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
        try:
            load(path)
        except ValueError as error:
            raise type(error)(str(error).replace(str(path), "model.safetensors")) from None


@entry
def module_not_in_the_file():
    import torch

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        encoders = {"audio": torch.nn.Linear(4, 4)}
        quick(encoders=encoders).fit(X, Y).save(path)
        try:
            load(path)
        except ValueError as error:
            raise type(error)(str(error).replace(str(path), "model.safetensors")) from None


@entry
def sequences_in_onnx():
    X = {"audio": RNG.normal(size=(N, 5, 2)), "video": VIDEO}
    with TemporaryDirectory() as folder:
        quick().fit(X, Y).to_onnx(Path(folder) / "model.onnx")


@entry
def another_fit_s_checkpoint():
    class KilledError(Exception):
        pass

    from skorch.callbacks import Callback

    class KillAfterOne(Callback):
        def on_epoch_end(self, net, **_):
            if len(net.history) == 2:
                raise KilledError

    with TemporaryDirectory() as folder:
        try:
            quick(max_epochs=3, checkpoint_dir=folder, callbacks=[KillAfterOne()]).fit(X, Y)
        except KilledError:
            pass
        try:
            quick(max_epochs=3, checkpoint_dir=folder, dropout=0.1).fit(X, Y)
        except ValueError as error:
            raise ValueError(str(error).replace(folder, "run1")) from None


@entry
def no_case_in_the_table():
    joint = np.full((2, 1, 2, 2), 1 / 6)
    joint[1, 0, 1] = 0
    front_door_adjustment(joint)


@entry
def label_causes_the_modality():
    import networkx as nx

    graph = nx.DiGraph([("Y", "T"), ("T", "Z")])
    check_criterion(graph, treatment="T", outcome="Y", mediator="Z")


@entry
def nothing_to_diagnose():
    diagnose(AUDIO, Y)


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
    search = GridSearchCV(quick(), {"beta": [0, 1]}, cv=2)
    assert message(lambda: search.fit(X, Y)) == message(inconsistent_rows)


def test_every_quoted_message_is_provoked_and_none_is_left_out():
    assert ENTRIES.keys() == PROVOKED.keys()
    assert len(ENTRIES) >= 20
