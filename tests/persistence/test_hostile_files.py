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

RNG = np.random.default_rng(0)
Y = np.arange(40) % 2
X = {"audio": RNG.normal(size=(40, 3)), "video": RNG.normal(size=(40, 2))}
SMALL = {"max_epochs": 1, "hidden_dim": 8, "n_references": 8, "random_state": 0}


def saved(clf, tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "model"
    clf.save(path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return saved(FrontDoorMultiModalClassifier(**SMALL).fit(X, Y), tmp_path_factory)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    search = skbetafd.FrontDoorMultiModalClassifierCV(cv=2, betas=(0, 1.0), **SMALL)
    return saved(search.fit(X, Y), tmp_path_factory)


@pytest.fixture(scope="module")
def mediated(tmp_path_factory):
    clf = FrontDoorMultiModalClassifier(**SMALL, n_mediator_samples=4)
    return saved(clf.fit(X, Y, mediator=RNG.normal(size=(40, 2))), tmp_path_factory)


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Load bytes; assert on the error, and that nothing was run or written."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def check(data, said):
        path = folder / "model"
        path.write_bytes(data)
        with pytest.raises(ModelFileError, match=said) as caught:
            skbetafd.load(path)
        assert str(path) in str(caught.value)
        assert os.listdir(folder) == ["model"] and os.listdir(tmp_path) == ["here"]
        assert path.read_bytes() == data

    return check


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


def header(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(raw)) + raw


HUGE = '{"a":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
BYTES = {
    "empty": (b"", "not written by save"),
    "short": (b"\x08\x00", "not written by save"),
    "pickle": (pickle.dumps(Bomb()), "not written by save"),
    "old pickle": (pickle.dumps(Bomb(), protocol=0), "not written by save"),
    "zip": (zipped(), "not written by save"),
    "torch": (of_torch(), "not written by save"),
    "text": (b"beta: 1.0\n" * 10, "not written by save"),
    "zeros": (bytes(100), "not written by save"),
    "huge header": (struct.pack("<Q", 2**62) + b"{}", "truncated"),
    "broken json": (header("{abc"), "line 1 column 2"),
    "no utf-8": (header(b'{"\xff": 1}'), "byte 0xff"),
    "nested": (header('{"a":' * 100_000), "recursion"),
    "foreign safetensors": (safetensors.torch.save({"a": torch.zeros(2)}), "not written by save"),
    "huge tensor": (header(HUGE), "not written by save"),
    "no hash": (header('{"__metadata__":{"skbetafd":"2","document":"{}"}}'), "SHA-256"),
    "earlier": (header('{"__metadata__":{"skbetafd":"1"}}'), "format is '1'.* reads 2"),
    "newer": (header('{"__metadata__":{"skbetafd":"3"}}'), "format is '3'.* reads 2"),
    "odd format": (header('{"__metadata__":{"skbetafd":"../x"}}'), "format is '../x'"),
    "metadata": (header('{"__metadata__":[1]}'), "not written by save"),
}


@pytest.mark.parametrize("name", BYTES)
def test_a_foreign_file_is_refused(name, refused):
    refused(*BYTES[name])


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 100],
        lambda content: content[: len(content) // 2],
        lambda content: content[:-1],
        lambda content: content + b"more",
        lambda content: content.replace(b"video", b"radio", 1),
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    ],
    ids=["begun", "half", "nearly whole", "longer", "other names", "one bit"],
)
def test_a_damaged_file_is_refused(damage, content, refused):
    refused(damage(content), "truncated")


def put(*keys, value):
    def change(document, tensors):
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


def labels(dtype, values):
    return put("classes", value={"$array": [dtype, [len(values)], values, None]})


def parameter(name, value):
    return put("parameters", name, value=value)


def tensor(name, change):
    def apply(document, tensors):
        tensors[name] = change(tensors[name])

    return apply


def more(name):
    return lambda document, tensors: tensors.update({name: torch.zeros(1)})


def many_modalities(document, tensors):
    """Which subset shows which modality is a table of the square of their number."""
    names = [f"m{i}" for i in range(20_000)]
    columns = [[i] for i in range(20_000)]
    layout = {"names": names, "shapes": [[1]] * 20_000, "columns": columns}
    document["layout"] |= {**layout, "feature_names": [None] * 20_000}


REFERENCES, NETWORK = "members.0.references.", "members.0.network."
TEMPERATURE = f"{NETWORK}seeing.temperature"
NAN, INF = {"$float": "nan"}, {"$float": "inf"}
FORGED = {
    "estimator": (put("estimator", value="os.system"), "'os.system'"),
    "estimator of sklearn": (put("estimator", value="LogisticRegression"), "LogisticRegression"),
    "unknown entry": (put("code", value="import os"), "'code'"),
    "lacking entry": (lambda document, tensors: document.pop("layout"), "'layout'"),
    "unknown parameter": (parameter("spell", 1), "'spell'"),
    "bad parameter": (parameter("beta", 7), "'beta' parameter"),
    "memory": (parameter("memory", "/etc"), "'memory'"),
    "checkpoint_dir": (parameter("checkpoint_dir", "/etc"), "'checkpoint_dir'"),
    "callbacks": (parameter("callbacks", ["x"]), "'callbacks'"),
    "processes": (parameter("accelerate", True), "'accelerate'"),
    "device": (parameter("device", "cuda:3"), "'device'"),
    "tagged device": (parameter("device", {"$device": "cuda:3"}), "'device'"),
    "unknown tag": (parameter("modalities", {"$eval": "1"}), "'\\$eval'"),
    "untrue tag": (parameter("random_state", {"$float": "7"}), "'random_state'"),
    "object": (parameter("beta", {"$module": True}), "'beta'"),
    "members": (parameter("n_members", 7), "n_members=1, not 7"),
    "width of a parameter": (parameter("hidden_dim", 64), r"\[1, 64\]"),
    "kind of a parameter": (parameter("encoders", {"audio": "linear"}), "'audio' by 'mlp'"),
    "encoder of no modality": (parameter("encoders", {"x": "mlp"}), "names 'x'"),
    "odd encoders": (parameter("encoders", {"$items": [[None, "mlp"]]}), "names None"),
    "encoder": (put("encodings", 0, "kind", value="os"), "'audio' .*'os'"),
    "encoder shape": (put("encodings", 0, "shape", value=[10**9]), "'encodings', 0, 'shape'"),
    "learning rate": (put("encodings", 0, "learning_rate", value=-1.0), "'learning_rate'.*-1.0"),
    "module": (put("encodings", 0, "kind", value="module"), "pass it by load"),
    "frozen": (
        put("scalers", 0, value={"kind": "frozen", "standardised": True}),
        "frozen module is needed",
    ),
    "scaler": (put("scalers", 0, "kind", value="eval"), "scaler"),
    "padding of a table": (put("scalers", 0, "kind", value="padded"), "scaler"),
    "labels of objects": (labels("|O", [[1], [2]]), "labels"),
    "labels of dates": (labels("<M8[s]", [1, 2]), "M8"),
    "labels of another kind": (labels("<i8", ["a", "b"]), "'a'"),
    "labels of two kinds": (labels("|O", ["a", None]), "labels"),
    "labels of fractions": (labels("<i8", [0, 1.5]), "'classes'"),
    "wide labels": (labels("<U90000", ["x"] * 1000), "1000 values"),
    "wider labels": (labels("<U2000000000", ["a", "b"]), "U2000000000"),
    "one label": (labels("<i8", [1]), "labels"),
    "equal labels": (labels("<i8", [1, 1]), "labels"),
    "unsorted labels": (labels("<i8", [1, 0]), "labels"),
    "NaN label": (labels("<f8", [0.0, NAN]), "labels"),
    "infinite label": (labels("<f8", [0.0, INF]), "labels"),
    "label beyond its kind": (labels("<f2", [0.0, 1e6]), "labels"),
    "three labels": (labels("<i8", [1, 2, 3]), r"\[3, 8\]"),
    "huge width": (put("network", "hidden_dim", value=2**70), "'hidden_dim'"),
    "negative width": (put("network", "hidden_dim", value=-1), "'hidden_dim'"),
    "width of text": (put("network", "hidden_dim", value="8"), "'hidden_dim'"),
    "predominant": (put("predominant", value="../x"), "predominant='../x'"),
    "columns": (put("layout", "columns", value=[[0, 1, 2], [0, 1]]), "overlap"),
    "huge rows": (put("layout", "shapes", 0, value=[10**12]), "'audio'"),
    "names of columns": (put("layout", "feature_names", 0, value=list("abcd")), "'audio'"),
    "many modalities": (many_modalities, "20000 modalities"),
    "dtype": (put("dtype", value="float128"), "float128"),
    "history": (put("histories", value=[["x"]]), "history"),
    "no mass": (put("mass", value=0.0), "mass 0.0"),
    "search": (put("search", value={"__class__": 1}), "'__class__'"),
    "search of a classifier": (put("search", value={"beta_": 1.0}), "'beta_'"),
    "NaN weight": (tensor(NETWORK + "head.out.bias", lambda t: t * torch.nan), "head.out.bias"),
    "temperature 0": (tensor(TEMPERATURE, torch.zeros_like), "temperature"),
    "negative temperature": (tensor(TEMPERATURE, torch.neg), "temperature"),
    "infinite temperature": (tensor(TEMPERATURE, lambda t: t / 0), "temperature"),
    "infinite reference": (tensor(REFERENCES + "context", lambda t: t + torch.inf), "context"),
    "wrong shape": (tensor(NETWORK + "head.out.bias", lambda t: t[:1]), "head.out.bias"),
    "wrong dtype": (tensor(NETWORK + "head.out.bias", lambda t: t.double()), "float64"),
    "wrong references": (tensor(REFERENCES + "context", lambda t: t[:, :1].clone()), "'context'"),
    "unknown tensor": (more("../x"), "'../x'"),
    "unknown weight": (more(NETWORK + "x"), "'x'"),
    "unknown reference": (more(REFERENCES + "x"), "'x'"),
    "more of a scaler": (more("scalers.0.zzz"), "'scalers.0.zzz'"),
    "missing weight": (lambda d, t: t.pop(NETWORK + "head.out.bias"), "'head.out.bias'"),
    "missing reference": (lambda d, t: t.pop(REFERENCES + "radius"), "'radius'"),
    "missing scale": (lambda d, t: t.pop("scalers.0.scale"), "scale"),
    "negative scale": (tensor("scalers.0.scale", lambda t: -t), "scale"),
    "wide scale": (tensor("scalers.0.scale", lambda t: torch.ones(9)), "scale"),
    "complex scale": (tensor("scalers.0.scale", lambda t: t.to(torch.complex64)), "complex64"),
    "whole means": (tensor("scalers.0.mean", lambda t: t.to(torch.int8)), "int8"),
    "variance of bfloat16": (tensor("scalers.0.var", lambda t: t.to(torch.bfloat16)), "bfloat16"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_file_with_a_valid_hash_is_refused(name, content, refused):
    document, tensors = unpack(content)
    change, said = FORGED[name]
    change(document, tensors)
    refused(pack(document, tensors), said)


FORGED_SEARCH = {
    "beta_": ["evil", -0.1],
    "best_params_": ["evil", {"spell": 1}, {"n_members": 3}, {"hidden_dim": 2**70}],
    "best_score_": ["evil"],
    "scores_": [[0.5]],
    "n_splits_": [2.5],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, v) for name, values in FORGED_SEARCH.items() for v in values]
)
def test_forged_results_of_a_search_are_refused(name, value, searched, refused):
    document, tensors = unpack(searched)
    document["search"][name] = value
    refused(pack(document, tensors), None)
    del document["search"][name]
    refused(pack(document, tensors), f"'{name}'")


@pytest.mark.parametrize("number", ["1e999", "NaN"])
def test_a_number_that_json_has_not_is_refused(number, content, refused, monkeypatch):
    document, tensors = unpack(content)
    text = json.dumps({**document, "mass": 1.0}).replace('"mass": 1.0', f'"mass": {number}')
    monkeypatch.setattr("skbetafd.persistence.model_file.json.dumps", lambda *_, **__: text)
    data = pack(document, tensors)
    monkeypatch.undo()
    refused(data, "mass")


def refused_without_memory(refused, data):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(data, r"\[")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KB


def test_widths_that_the_file_does_not_hold_take_no_memory(refused, tmp_path_factory):
    """Of a recurrent network whose other tensors are small, 5 GB would be made first."""
    sequences = {"audio": RNG.normal(size=(60, 6, 2)), "video": RNG.normal(size=(60, 3))}
    small = {"max_epochs": 1, "knowledge_dim": 1, "context_dim": 1, "n_references": 2}
    clf = FrontDoorMultiModalClassifier(**small, hidden_dim=4, predominant="audio", random_state=0)
    document, tensors = unpack(saved(clf.fit(sequences, np.arange(60) % 2), tmp_path_factory))
    wide = 12_000
    document["network"]["hidden_dim"] = document["parameters"]["hidden_dim"] = wide
    for name, shape in (("knowledge", (wide, 1)), ("context", (wide, 1)), ("out", (2, wide))):
        tensors[f"{NETWORK}head.{name}.weight"] = torch.zeros(shape)
    refused_without_memory(refused, pack(document, tensors))


def test_points_of_a_mediator_that_the_file_does_not_hold_take_no_memory(mediated, refused):
    document, tensors = unpack(mediated)
    document["network"]["mediator"]["n_mediator_samples"] = 10**9
    refused_without_memory(refused, pack(document, tensors))


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


def test_the_unchanged_content_loads(content, searched, mediated, tmp_path):
    for data in (content, searched, mediated):
        (tmp_path / "model").write_bytes(pack(*unpack(data)))
        assert skbetafd.load(tmp_path / "model").predominant_ in ("audio", "video")
