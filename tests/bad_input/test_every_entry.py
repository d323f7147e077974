"""Every public entry refuses bad arguments by their names and values, and touches nothing."""

import copy
import inspect
import io
import pickle
import random
import re
import tempfile
import warnings
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path

import cloudpickle
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse

import skbetafd
from skbetafd import baselines, causal, datasets, plots

from . import of_classifiers, of_data, of_graphs, of_plots
from .good import CLASSIFIERS, GOOD, fitted, given, unfitted

pytestmark = pytest.mark.slow

CASES = [*of_classifiers.CASES, *of_data.CASES, *of_graphs.CASES, *of_plots.CASES]
MODULES = {"baselines": baselines, "causal": causal, "datasets": datasets, "plots": plots}


def resolved(entry):
    first, *rest = entry.split(".")
    found = MODULES[first] if first in MODULES else getattr(skbetafd, first)
    for name in rest:
        found = getattr(found, name)
    return found


class Call:
    """An entry with its good receiver and arguments, some of them spoiled, ready to be called."""

    def __init__(self, entry, bad):
        receiver, arguments = GOOD[entry]
        self.entry = entry
        self.receiver = given(bad.get("self", receiver))
        attributes = {k: v for k, v in bad.items() if str(k).startswith("self.")}
        if attributes:
            self.receiver = copy.copy(self.receiver)
            for name, value in attributes.items():
                setattr(self.receiver, name.removeprefix("self."), value)
        own = {k: v for k, v in bad.items() if k != "self" and k not in attributes}
        self.arguments = {name: given(value) for name, value in {**arguments, **own}.items()}

    def __call__(self):
        name = self.entry.rpartition(".")[2]
        call = resolved(self.entry) if self.receiver is None else getattr(self.receiver, name)
        positional = [v for k, v in self.arguments.items() if isinstance(k, int)]
        named = {k: v for k, v in self.arguments.items() if isinstance(k, str)}
        result = call(*positional, **named)
        return result.plot() if self.receiver is None and name.endswith("Display") else result


class Snapshot(cloudpickle.Pickler):
    """Pickles what an object holds: no addresses, and nothing that is looked up once."""

    def reducer_override(self, value):
        if isinstance(value, torch.Tensor):
            return bytes, (value.detach().to_dense().double().numpy().tobytes(),)
        if isinstance(value, (pd.DataFrame, pd.Series, pl.DataFrame)):
            return str, (str(value.to_numpy().tolist()),)
        if sparse.issparse(value):
            return str, (str(value.toarray().tolist()),)
        if isinstance(value, nx.Graph):
            return tuple, ((list(value.nodes(data=True)), list(value.edges(data=True))),)
        return super().reducer_override(value)


def content(value):
    written = io.BytesIO()
    Snapshot(written).dump(value)
    return written.getvalue()


def files(folder):
    return {p: p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


def surroundings(folder):
    return {
        "files": files(folder),
        "random": random.getstate(),
        "numpy": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "torch": torch.get_rng_state().numpy().tobytes(),
        "settings": (torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()),
        "floats": np.geterr(),
        "filters": list(warnings.filters),
        "figures": plt.get_fignums(),
    }


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.safetensors"
    fitted(unfitted).save(path)
    return path.read_bytes()


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


def ident(case):
    entry, bad, *_ = case
    shown = {name: re.sub(r" at 0x[0-9A-Fa-f]+", "", str(value)) for name, value in bad.items()}
    said = ", ".join(f"{name}={value[:30]!r}" for name, value in shown.items())
    return re.sub(r"[^\w.=, ']+", "", f"{entry} {said}".replace("\\x00", "0"))[:90]


@pytest.mark.parametrize("case", CASES, ids=ident)
def test_a_bad_argument_is_refused_by_name_and_changes_nothing(case, folder):
    entry, bad, error, words = case
    call = Call(entry, bad)
    attributes = {} if call.receiver is None else vars(call.receiver)
    before = dict(attributes), content(attributes), content(call.arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        around = surroundings(folder)
        with pytest.raises(error) as caught:
            call()
        assert surroundings(folder) == around
    assert caught.type is error
    message = str(caught.value)
    assert [word for word in words if word not in message] == [], message
    assert attributes.keys() == before[0].keys()
    assert [name for name in attributes if attributes[name] is not before[0][name]] == []
    assert (content(attributes), content(call.arguments)) == before[1:]


ELSEWHERE = {"dask_backend", *(f"{name}.to_onnx" for name in CLASSIFIERS)}
"""Entries whose good call, of a cluster or of seconds, other tests make."""


@pytest.mark.parametrize("entry", sorted({case[0] for case in CASES} - ELSEWHERE))
def test_what_the_tables_spoil_is_a_good_call(entry, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Call(entry, {})()


@pytest.mark.parametrize("flag", ["--epochs=3", "digits", "--help=yes", ""])
def test_the_command_line_refuses_what_it_does_not_know(flag, folder, run_main, capsys):
    before = surroundings(folder)
    with pytest.raises(SystemExit) as caught:
        run_main(flag)
    assert caught.value.code == 2
    assert flag.removeprefix("--help=") in capsys.readouterr().err
    assert surroundings(folder) == before


def test_the_command_line_says_where_its_picture_can_not_be_written(folder, monkeypatch):
    from skbetafd import __main__ as main_job

    (folder / "cwd" / "beta_curve.png").mkdir()
    monkeypatch.setattr(
        main_job, "draw_beta_curves", lambda clf, data, file: file.write_bytes(b"picture")
    )
    before = files(folder)
    assert "beta_curve.png" in main_job.save_picture(None, None)
    assert files(folder) == before


def public():
    """Every public class and function, by its entry's name."""
    api = (Path(__file__).parents[2] / "docs" / "api" / "index.md").read_text()
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
                own = str(getattr(function, "__module__", "")).startswith("skbetafd")
                if not own or method.startswith("_") or method == "get_params":
                    continue
                if hasattr(function, "__wrapped__") or takes_arguments(function):
                    yield f"{name}.{method}"


def test_every_public_callable_that_takes_arguments_is_in_the_tables():
    assert sorted(set(entries()) - {case[0] for case in CASES}) == []


@pytest.mark.parametrize("cls", RESULTS, ids=lambda cls: cls.__name__)
def test_a_result_can_not_be_changed(cls):
    result = object.__new__(cls)
    for field in fields(cls):
        with pytest.raises(FrozenInstanceError):
            setattr(result, field.name, 0)
