"""Every public entry refuses bad arguments in words that name them, and touches nothing."""

import inspect
import io
import pickle
import random
import re
import runpy
import tempfile
import warnings
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path

import cloudpickle
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest
import torch
from bad_inputs import of_classifiers, of_data, of_graphs, of_plots
from bad_inputs.calls import MODULES, Call
from bad_inputs.good import CLASSIFIERS, fitted, unfitted

import skbetafd

pytestmark = pytest.mark.slow

CASES = [*of_classifiers.CASES, *of_data.CASES, *of_graphs.CASES, *of_plots.CASES]
FOREIGN = re.compile(
    r"(?<![\w'\"])_[a-z]\w+|site-packages|object has no attribute|is not (iterable|subscriptable)|"
    r"unsized object|unhashable type|positional argument|numpy\.ndarray|torch\.Tensor"
)
"""What a stranger can't act on: private names, and Python's words on its own objects."""


def said(bad):
    shown = {name: re.sub(r" at 0x[0-9A-Fa-f]+", "", str(value)) for name, value in bad.items()}
    return ", ".join(f"{name}={value[:30]!r}" for name, value in shown.items()) or "nothing"


def ident(case):
    entry, bad, *_ = case
    return re.sub(r"[^\w.=, ']+", "", f"{entry} {said(bad)}".replace("\\x00", "0"))[:90]


def files(folder):
    return {p: p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def process_wide():
    return {
        "random": random.getstate(),
        "numpy": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "torch": torch.get_rng_state().numpy().tobytes(),
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "floats": np.geterr(),
        "filters": list(warnings.filters),
        "figures": plt.get_fignums(),
    }


class Snapshot(cloudpickle.Pickler):
    """Pickles what an object holds: not the addresses in tensors, nor what graphs look up once."""

    def reducer_override(self, value):
        if isinstance(value, torch.Tensor):
            return bytes, (value.detach().numpy().tobytes(),)
        if isinstance(value, nx.Graph):
            return tuple, ((list(value.nodes(data=True)), list(value.edges(data=True))),)
        return super().reducer_override(value)


def content(value):
    """Bytes that tell a change anywhere inside."""
    written = io.BytesIO()
    Snapshot(written).dump(value)
    return written.getvalue()


def state(call):
    receiver = call.receiver
    attributes = {} if receiver is None else vars(receiver)
    return dict(attributes), content(attributes), content(call.arguments)


@pytest.fixture
def folder(tmp_path, monkeypatch, saved):
    """A working folder of the test's own; files for a while go there as well."""
    for name in ("cwd", "cwd/folder", "temporary"):
        (tmp_path / name).mkdir()
    (tmp_path / "cwd" / "a.txt").write_text("kept")
    (tmp_path / "cwd" / "model.safetensors").write_bytes(saved)
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield tmp_path
    plt.close("all")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.safetensors"
    fitted(unfitted).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("case", CASES, ids=ident)
def test_a_bad_argument_is_refused_by_name_and_changes_nothing(case, folder):
    entry, bad, error, words = case
    call = Call(entry, bad)
    before = state(call), files(folder), process_wide()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before[2]["filters"] = list(warnings.filters)
        with pytest.raises(error) as caught:
            call()
        assert process_wide() == before[2]
    assert caught.type is error
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert not FOREIGN.search(message), message
    (attributes, inside, arguments), (same, still, kept) = before[0], state(call)
    assert attributes.keys() == same.keys()
    assert [n for n in same if same[n] is not attributes[n]] == []
    assert inside == still
    assert arguments == kept
    assert files(folder) == before[1]


ELSEWHERE = {"dask_backend", *(f"{name}.to_onnx" for name in CLASSIFIERS)}
"""Entries whose good call, of a cluster or of seconds, other tests make."""


@pytest.mark.parametrize("entry", sorted({case[0] for case in CASES} - ELSEWHERE))
def test_what_the_corpus_spoils_is_a_good_call(entry, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Call(entry, {})()


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--fast"], "--fast"),
        (["--epochs=3"], "--epochs=3"),
        (["digits"], "digits"),
        (["-o", "picture.png"], "-o picture.png"),
        (["--help=yes"], "yes"),
        ([""], "unrecognized arguments"),
    ],
    ids=str,
)
def test_the_command_line_refuses_what_it_does_not_know(flags, words, folder, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["skbetafd", *flags])
    before = files(folder), process_wide()
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("skbetafd", run_name="__main__")
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert not out
    assert words in err
    assert err.startswith("usage: python -m skbetafd")
    assert (files(folder), process_wide()) == before


def test_the_command_line_says_where_its_picture_can_not_be_written(folder, monkeypatch):
    from skbetafd import __main__ as main_job

    (folder / "cwd" / "beta_curve.png").mkdir()
    monkeypatch.setattr(
        main_job, "draw_beta_curves", lambda clf, data, file: file.write_bytes(b"picture")
    )
    before = files(folder)
    line = main_job.save_picture(None, None)
    assert "No picture: beta_curve.png can't be written here" in line
    assert "Is a directory" in line
    assert files(folder) == before


def public():
    """Every public class and function, by its entry's name."""
    api = (Path(__file__).parents[1] / "docs" / "api" / "index.md").read_text()
    tables = re.findall(r"currentmodule:: skbetafd\.?(\w*)\n(.*?)```", api, flags=re.DOTALL)
    for module, table in tables:
        for name in re.findall(r"^   (\w+)$", table, flags=re.MULTILINE):
            yield f"{module}.{name}".lstrip("."), getattr(MODULES.get(module, skbetafd), name)


RESULTS = [cls for _, cls in public() if is_dataclass(cls)]


def takes_arguments(function):
    return bool(set(inspect.signature(function).parameters) - {"self", "cls"})


def entries():
    """Every public callable with arguments: functions, classes, and their own methods."""
    for name, found in public():
        if inspect.isfunction(found):
            yield name
        elif not issubclass(found, (Warning, Exception)) and found not in RESULTS:
            if name not in CLASSIFIERS and name != "PerModality" and takes_arguments(found):
                yield name
            for method, function in inspect.getmembers(found, callable):
                own = getattr(function, "__module__", "") or ""
                if (
                    method.startswith("_")
                    or method == "get_params"
                    or not own.startswith("skbetafd")
                ):
                    continue
                if hasattr(function, "__wrapped__") or takes_arguments(function):
                    yield f"{name}.{method}"


def test_every_public_callable_that_takes_arguments_is_in_the_corpus():
    assert len(CASES) >= 200
    assert sorted(set(entries()) - {case[0] for case in CASES}) == []


def test_no_case_is_there_twice():
    idents = [(entry, said(bad), words) for entry, bad, _, words in CASES]
    assert [case for case in idents if idents.count(case) > 1] == []


@pytest.mark.parametrize("cls", RESULTS, ids=lambda cls: cls.__name__)
def test_a_result_can_not_be_changed(cls):
    result = object.__new__(cls)
    for field in fields(cls):
        with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{field.name}'"):
            setattr(result, field.name, 0)
    assert not vars(result)
