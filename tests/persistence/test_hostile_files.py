"""Files that are no saved classifier: each has its message, runs nothing and writes nothing."""

import io
import json
import os
import pickle
import resource
import struct
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch

import skbetafd
from skbetafd import FrontDoorMultiModalClassifier, ModelFileError
from skbetafd.persistence.model_file import pack, unpack


@pytest.fixture(scope="module")
def content(modalities_of_two, tmp_path_factory):
    X, y = modalities_of_two
    clf = skbetafd.FrontDoorMultiModalClassifier(
        max_epochs=1, hidden_dim=8, n_references=8, random_state=0
    )
    path = tmp_path_factory.mktemp("good") / "model"
    clf.fit(X, y).save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def modalities_of_two():
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    return {"audio": rng.normal(size=(40, 3)), "video": rng.normal(size=(40, 2))}, y


class Bomb:
    def __reduce__(self):
        return os.mkdir, ("ran",)


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("../../evil.json", "{}")
    return file.getvalue()


def of_torch():
    file = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, file)
    return file.getvalue()


def header(text, body=b""):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(raw)) + raw + body


HUGE = '{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
BYTES = {
    "empty": (b"", "is empty"),
    "short": (b"\x08\x00", "truncated"),
    "pickle": (pickle.dumps(Bomb()), "looks like a pickle"),
    "old pickle": (pickle.dumps(Bomb(), protocol=0), "no saved classifier"),
    "zip": (zipped(), "looks like a zip"),
    "torch": (of_torch(), "looks like a zip"),
    "html": (b"<!DOCTYPE html><html></html>", "looks like HTML"),
    "text": (b"beta: 1.0\n" * 10, "no saved classifier"),
    "gzip": (b"\x1f\x8b" + bytes(20), "looks like gzip"),
    "zeros": (bytes(100), "no saved classifier"),
    "numpy": (b"\x93NUMPY" + bytes(100), "no saved classifier"),
    "huge header": (struct.pack("<Q", 2**62) + b"{}", "its header is said to have"),
    "longer header": (struct.pack("<Q", 5000) + b"{}", "truncated"),
    "broken json": (header("{abc"), "JSON is broken"),
    "no utf-8": (header(b'{"\xff": 1}'), "JSON is broken"),
    "nested": (header('{"a":' * 100_000), "nested too deep"),
    "twice": (header('{"a": 1, "a": 2}'), "the key 'a' twice"),
    "nan": (header('{"a": NaN}'), "JSON holds NaN"),
    "foreign safetensors": (safetensors.torch.save({"a": torch.zeros(2)}), "no saved classifier"),
    "huge tensor": (header(HUGE), "no saved classifier"),
    "no hash": (header('{"__metadata__":{"skbetafd":"1","document":"{}"}}'), "no SHA-256"),
    "newer": (header('{"__metadata__":{"skbetafd":"2"}}'), "its format is 2, newer than 1"),
    "odd format": (header('{"__metadata__":{"skbetafd":"../x"}}'), "its format is '../x'"),
    "metadata": (header('{"__metadata__":[1]}'), "no saved classifier"),
}


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Load bytes; assert on the message, and that nothing was run or written."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def check(data, message):
        path = folder / "model"
        path.write_bytes(data)
        with pytest.raises(ModelFileError, match=message) as caught:
            skbetafd.load(path)
        assert str(path) in str(caught.value)
        assert os.listdir(folder) == ["model"] and os.listdir(tmp_path) == ["here"]
        assert path.read_bytes() == data

    return check


@pytest.mark.parametrize("name", BYTES)
def test_a_foreign_file_is_refused(name, refused):
    data, message = BYTES[name]
    refused(data, message)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_file_is_refused(share, content, refused):
    refused(content[: int(share * len(content))], "truncated")


@pytest.mark.parametrize("at", [-1, -1000])
def test_an_edited_file_is_refused(at, content, refused):
    data = bytearray(content)
    data[at] ^= 1
    refused(bytes(data), "was edited")


def test_more_bytes_at_the_end_are_refused(content, refused):
    refused(content + b"more", "was edited")


def test_an_edited_description_is_refused(content, refused):
    assert content.count(b"video")
    refused(content.replace(b"video", b"radio", 1), "was edited")


def put(*keys, value):
    def change(document, tensors):
        inner = document
        for key in keys[:-1]:
            inner = inner[key]
        inner[keys[-1]] = value

    return change


def drop(key):
    return lambda document, tensors: document.pop(key)


def tensor(name, change):
    def apply(document, tensors):
        tensors[name] = change(tensors[name])

    return apply


def deep(document, tensors):
    value = 1
    for _ in range(200):
        value = [value]
    document["parameters"]["modalities"] = value


WIDER = {"$array": ["<U2000000000", [2], ["a", "b"], None]}
ARRAY = {"$array": ["<U90000", [2], ["a", "b"], None]}
REFERENCES, NETWORK = "members.0.references.", "members.0.network."
NAN, INF = float("nan"), float("inf")
FORGED = {
    "estimator": (put("estimator", value="os.system"), "none of FrontDoor"),
    "estimator of sklearn": (put("estimator", value="LogisticRegression"), "none of FrontDoor"),
    "unknown entry": (put("code", value="import os"), "unknown entry 'code'"),
    "lacking entry": (drop("layout"), "lacks 'layout'"),
    "unknown parameter": (put("parameters", "spell", value=1), "unknown parameter 'spell'"),
    "bad parameter": (put("parameters", "beta", value=7), "'beta' parameter"),
    "memory": (put("parameters", "memory", value="/etc"), "sets 'memory'"),
    "checkpoint_dir": (put("parameters", "checkpoint_dir", value="/etc"), "sets 'checkpoint_dir'"),
    "callbacks": (put("parameters", "callbacks", value=["x"]), "sets 'callbacks'"),
    "tag": (put("parameters", "modalities", value={"$eval": "1"}), "unknown form of a value"),
    "deep": (deep, "nested more than"),
    "encoder": (put("encodings", 0, "kind", value="os"), "unknown encoder 'os'"),
    "encoder shape": (put("encodings", 0, "shape", value=[10**9]), "rows of shape"),
    "module": (put("encodings", 0, "kind", value="module"), "pass it by load"),
    "object labels": (
        put("classes", value={"$array": ["|O", [2], [[1], [2]], None]}),
        "labels are of an unknown kind",
    ),
    "foreign labels": (put("classes", value={"$array": ["<M8[s]", [2], [1, 2], None]}), "unknown"),
    "wide labels": (put("classes", value=ARRAY), "strings of at most 1"),
    "wider labels": (put("classes", value=WIDER), "unknown kind of array"),
    "labels of another kind": (
        put("classes", value={"$array": ["<i8", [2], ["a", "b"], None]}),
        "holds 'a'",
    ),
    "one label": (put("classes", value={"$array": ["<i8", [1], [1], None]}), "two labels"),
    "equal labels": (put("classes", value={"$array": ["<i8", [2], [1, 1], None]}), "twice"),
    "three labels": (put("classes", value={"$array": ["<i8", [3], [1, 2, 3], None]}), "classes"),
    "huge width": (put("network", "hidden_dim", value=2**39), "has shape"),
    "huger width": (put("network", "hidden_dim", value=2**70), "its network holds"),
    "negative width": (put("network", "hidden_dim", value=-1), "its network holds -1"),
    "width of text": (put("network", "hidden_dim", value="8"), "'hidden_dim' is a str"),
    "true width": (put("network", "hidden_dim", value=True), "'hidden_dim' is a bool"),
    "predominant": (put("predominant", value="../x"), "predominant modality '../x'"),
    "columns": (put("layout", "columns", value=[[0, 1, 2], [0, 1]]), "overlap"),
    "huge rows": (put("layout", "shapes", 0, value=[10**12]), "rows of shape"),
    "dtype": (put("dtype", value="float128"), "kind 'float128'"),
    "scaler": (put("scalers", 0, "kind", value="eval"), "no scaler .*eval"),
    "history": (put("histories", value=[["x"]]), "history is none"),
    "search": (put("search", value={"__class__": 1}), "unknown result"),
    "search of a classifier": (put("search", value={"beta_": 1.0}), "do not agree"),
    "NaN weight": (tensor(NETWORK + "head.out.bias", lambda t: t * NAN), "NaN or infinity"),
    "infinite reference": (tensor(REFERENCES + "context", lambda t: t + INF), "NaN or infinity"),
    "wrong shape": (tensor(NETWORK + "head.out.bias", lambda t: t[:1]), "has shape"),
    "wrong dtype": (tensor(NETWORK + "head.out.bias", lambda t: t.double()), "float64"),
    "wrong references": (tensor(REFERENCES + "context", lambda t: t[:, :1].clone()), "have shape"),
    "unknown tensor": (lambda d, t: t.update({"../x": torch.zeros(1)}), "unknown tensor '../x'"),
    "unknown weight": (lambda d, t: t.update({NETWORK + "x": torch.zeros(1)}), "'x' is unknown"),
    "missing weight": (lambda d, t: t.pop(NETWORK + "head.out.bias"), "missing"),
    "missing reference": (lambda d, t: t.pop(REFERENCES + "radius"), "'radius' is missing"),
    "negative scale": (tensor("scalers.0.scale", lambda t: -t), "not positive"),
    "scale of complex numbers": (
        tensor("scalers.0.scale", lambda t: t.to(torch.complex64)),
        "'scale' is of torch.complex64",
    ),
    "whole means": (
        tensor("scalers.0.mean", lambda t: t.to(torch.int8)),
        "'mean' is of torch.int8",
    ),
    "more of a scaler": (
        lambda d, t: t.update({"scalers.0.zzz": torch.zeros(1)}),
        "unknown tensor 'scalers.0.zzz'",
    ),
    "no mass": (put("mass", value=0.0), "the mass 0.0"),
    "NaN labels": (
        put("classes", value={"$array": ["<f8", [2], [{"$float": "nan"}, 1.0], None]}),
        "NaN|holds",
    ),
    "labels of two kinds": (
        put("classes", value={"$array": ["|O", [2], ["a", None], None]}),
        "several kinds",
    ),
    "members": (put("parameters", "n_members", value=7), "1 networks, and n_members=7"),
    "processes": (put("parameters", "accelerate", value=True), "sets 'accelerate'"),
    "frozen": (
        put("scalers", 0, value={"kind": "frozen", "standardised": True}),
        "frozen module is needed",
    ),
    "numbered columns": (put("layout", "feature_names", 0, value=[1, 2, 3, 4]), "not one a column"),
    "variance of bfloat16": (
        tensor("scalers.0.var", lambda t: t.to(torch.bfloat16)),
        "'var' is of torch.bfloat16",
    ),
    "padding of a table": (
        put("scalers", 0, value={"kind": "padded", "standardised": True}),
        "'mlp' reads have no scaler .*padded",
    ),
    "infinite label": (
        put("classes", value={"$array": ["<f8", [2], [0.0, {"$float": "inf"}], None]}),
        "infinite",
    ),
    "label beyond its kind": (
        put("classes", value={"$array": ["<f2", [2], [0.0, 1e6], None]}),
        "can't hold 1000000.0",
    ),
    "labels of long doubles": (
        put("classes", value={"$array": ["<f16", [2], [0.0, 1.0], None]}),
        "unknown kind of array, '<f16'",
    ),
    "labels of tuples": (
        put("classes", value={"$array": ["|O", [2], [{"$tuple": [1]}, {"$tuple": [2]}], None]}),
        "unknown kind",
    ),
    "unsorted labels": (put("classes", value={"$array": ["<i8", [2], [1, 0], None]}), "not sorted"),
    "width of a parameter": (put("parameters", "hidden_dim", value=64), "have hidden_dim=8, it"),
    "kind of a parameter": (
        put("parameters", "encoders", value={"audio": "linear"}),
        "'audio' is read by 'mlp', and encoders says 'linear'",
    ),
    "encoder of no modality": (put("parameters", "encoders", value={"x": "mlp"}), "names 'x'"),
    "odd encoders": (put("parameters", "encoders", value={"$items": [[None, "mlp"]]}), "holds"),
    "device": (put("parameters", "device", value="cuda:3"), "sets 'device'"),
    "tagged device": (put("parameters", "device", value={"$device": "cuda:3"}), "sets 'device'"),
    "learning rate": (put("encodings", 0, "learning_rate", value=-1.0), "the learning rate -1.0"),
    "wide scale": (tensor("scalers.0.scale", lambda t: torch.ones(9)), "has shape"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_with_a_valid_hash_is_refused(name, content, refused):
    document, tensors = unpack(content)
    change, message = FORGED[name]
    change(document, tensors)
    refused(pack(document, tensors), message)


def test_a_number_beyond_all_bounds_is_refused(content, refused, monkeypatch):
    document, tensors = unpack(content)
    text = json.dumps({**document, "mass": 1.0}).replace('"mass": 1.0', '"mass": 1e999')
    monkeypatch.setattr("skbetafd.persistence.model_file.json.dumps", lambda *_, **__: text)
    data = pack(document, tensors)
    monkeypatch.undo()
    refused(data, "1e999, which is infinite")


def test_widths_that_the_file_does_not_hold_take_no_memory(refused, tmp_path_factory):
    """Of a recurrent network whose other tensors are small, 5 GB would be made first."""
    rng = np.random.default_rng(0)
    X = {"audio": rng.normal(size=(60, 6, 2)), "video": rng.normal(size=(60, 3))}
    small = {"max_epochs": 1, "knowledge_dim": 1, "context_dim": 1, "n_references": 2}
    clf = FrontDoorMultiModalClassifier(**small, hidden_dim=4, predominant="audio", random_state=0)
    path = tmp_path_factory.mktemp("saved") / "model"
    clf.fit(X, np.arange(60) % 2).save(path)
    document, tensors = unpack(path.read_bytes())
    wide = 12_000
    document["network"]["hidden_dim"] = wide
    for name, shape in (("knowledge", (wide, 1)), ("context", (wide, 1)), ("out", (2, wide))):
        tensors[f"{NETWORK}head.{name}.weight"] = torch.zeros(shape)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(pack(document, tensors), "has shape")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB


def test_thousands_of_modalities_are_refused_before_tables_of_them_are_made(content, refused):
    """Which subset shows which modality is a table of the square of their number."""
    document, tensors = unpack(content)
    n = 20_000
    document["layout"] |= {
        "names": [f"m{i}" for i in range(n)],
        "shapes": [[1]] * n,
        "columns": [[i] for i in range(n)],
        "feature_names": [None] * n,
    }
    refused(pack(document, tensors), "20000 modalities, more than 1000")


@pytest.fixture(scope="module")
def searched(modalities_of_two, tmp_path_factory):
    X, y = modalities_of_two
    small = {"max_epochs": 1, "hidden_dim": 8, "n_references": 8, "random_state": 0}
    path = tmp_path_factory.mktemp("searched") / "model"
    skbetafd.FrontDoorMultiModalClassifierCV(cv=2, betas=(0, 1.0), **small).fit(X, y).save(path)
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("beta_", "evil", "'beta_' is a str"),
        ("beta_", -0.1, "beta=-0.1"),
        ("best_params_", "evil", "'best_params_' is a str"),
        ("best_params_", {"spell": 1}, "unknown parameter 'spell'"),
        ("best_params_", {"n_members": 3}, "1 networks, and n_members=3"),
        ("best_score_", "evil", "'best_score_' is a str"),
        ("scores_", [0.5], "'scores_' is a list"),
        ("n_splits_", True, "'n_splits_' is a bool"),
    ],
)
def test_forged_results_of_a_search_are_refused(name, value, message, searched, refused):
    document, tensors = unpack(searched)
    document["search"][name] = value
    refused(pack(document, tensors), message)


def test_a_search_that_lacks_a_result_is_refused(searched, refused):
    document, tensors = unpack(searched)
    del document["search"]["scores_"]
    refused(pack(document, tensors), "lacks 'scores_'")


def test_duplicate_keys_of_the_description_are_refused(content, refused, monkeypatch):
    document, tensors = unpack(content)
    text = json.dumps(document)
    twice = text[:-1] + ', "mass": 1.0}'
    monkeypatch.setattr("skbetafd.persistence.model_file.json.dumps", lambda *_, **__: twice)
    data = pack(document, tensors)
    monkeypatch.undo()
    refused(data, "the key 'mass' twice")


def test_a_path_that_is_no_file_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        skbetafd.load(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError, match="is a directory"):
        skbetafd.load(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelFileError, match="no regular file"):
        skbetafd.load(tmp_path / "pipe")


def test_a_device_that_is_not_there_is_no_fault_of_the_file(content, tmp_path):
    (tmp_path / "model").write_bytes(content)
    with pytest.raises(ValueError, match="device 'nowhere'") as caught:
        skbetafd.load(tmp_path / "model", device="nowhere")
    assert not isinstance(caught.value, ModelFileError)


def test_the_unchanged_content_loads(content, tmp_path):
    (tmp_path / "model").write_bytes(pack(*unpack(content)))
    assert skbetafd.load(tmp_path / "model").predominant_ in ("audio", "video")
