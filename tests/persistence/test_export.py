"""The exported predictor says what the library says."""

import json
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from scipy import sparse
from torch import nn

from skbetafd import FrontDoorMultiModalClassifier

N = 1000
SMALL = {"max_epochs": 2, "hidden_dim": 8, "n_references": 8, "random_state": 0}


def rows(n=N):
    rng = np.random.default_rng(0)
    label = np.arange(n) % 3
    return {
        "audio": (rng.normal(size=(n, 4)) * 50 + label[:, None]).astype(np.float32),
        "picture": (rng.normal(size=(n, 8, 8)) + label[:, None, None]).astype(np.float32),
    }, label


def missing_some(X):
    X = {name: array.copy() for name, array in X.items()}
    X["audio"][0], X["picture"][3:5] = np.nan, np.nan
    return X


@pytest.fixture(scope="module")
def strings():
    X, label = rows(90)
    return FrontDoorMultiModalClassifier(**SMALL, n_members=2).fit(
        X, np.array(["bird", "car", "rain"])[label]
    )


@pytest.fixture(scope="module")
def mediated():
    X, label = rows(90)
    mediator = np.random.default_rng(1).normal(size=(90, 2))
    clf = FrontDoorMultiModalClassifier(**SMALL, effect="population", n_mediator_samples=4)
    # the exporter calls inner values so
    names = {"linear": X["audio"], "scalers.0.mean": X["audio"][::-1]}
    return clf.fit(names, 10 * label, mediator=mediator)


@pytest.fixture(scope="module")
def model(strings, tmp_path_factory):
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    strings.to_onnx(path)
    assert [p.name for p in path.parent.iterdir()] == ["model.onnx"]
    return path


@pytest.fixture(scope="module")
def session(model):
    return onnxruntime.InferenceSession(model)


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_onnx_predicts_as_the_library_with_missing_modalities(n, strings, session):
    X = {name: array[:n] for name, array in missing_some(rows()[0]).items()}
    proba, label = session.run(["probabilities", "label"], X)
    expected = strings.predict_proba(X)
    assert np.abs(proba - expected).max() <= 1e-5
    assert proba.dtype == np.float32 and label.dtype == np.int64
    assert np.array_equal(strings.classes_[label], strings.predict(X))


def test_the_model_tells_what_it_is(strings, model, session):
    assert [i.name for i in session.get_inputs()] == ["audio", "picture"]
    assert [i.shape[1:] for i in session.get_inputs()] == [[4], [8, 8]]
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == ["bird", "car", "rain"]
    assert json.loads(metadata["modalities"]) == ["audio", "picture"]
    assert float(metadata["beta"]) == strings.beta and metadata["skbetafd"]
    onnx.checker.check_model(str(model), full_check=True)
    assert {o.domain for o in onnx.load(model).opset_import} == {""}


def test_rows_that_no_prediction_is_for_get_nan(session):
    X, _ = rows(3)
    X["audio"][0, 1] = X["audio"][1] = X["picture"][1] = np.nan
    proba, _ = session.run(None, X)
    assert np.isnan(proba).all(axis=1).tolist() == [True, True, False]


@pytest.mark.slow
def test_a_mediated_model_with_integer_labels(mediated, tmp_path):
    mediated.to_onnx(tmp_path / "model.onnx", beta=0.5)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    X = {"linear": rows()[0]["audio"], "scalers.0.mean": rows()[0]["audio"][::-1].copy()}
    proba, label = session.run(None, X)
    expected = mediated.beta_path(X, [0.5])[0]
    assert np.abs(proba - expected).max() <= 1e-5
    assert np.array_equal(label, mediated.classes_[expected.argmax(1)])


@pytest.mark.parametrize("effect", ["conditional", "population"])
@pytest.mark.parametrize("beta", [0, 0.4, 1])
def test_the_torch_module_predicts_as_the_library(effect, beta, strings, mediated):
    X = missing_some(rows()[0])
    Y = {"linear": rows()[0]["audio"], "scalers.0.mean": rows()[0]["audio"][::-1].copy()}
    for clf, data in ((strings, X), (mediated, Y)):
        before, clf.effect = clf.effect, effect
        try:
            proba, _ = clf.to_torch(beta)(*map(torch.tensor, data.values()))
            assert np.abs(proba.numpy() - clf.beta_path(data, [beta])[0]).max() <= 1e-5
        finally:
            clf.effect = before


@pytest.mark.parametrize("effect", ["conditional", "population"])
@pytest.mark.parametrize("beta", [0, 0.4, 1])
def test_the_torch_module_has_gradients(effect, beta, strings, mediated):
    for clf, X in ((strings, rows(9)[0]), (mediated, dict.fromkeys("ab", rows(9)[0]["audio"]))):
        before, clf.effect = clf.effect, effect
        try:
            module = clf.to_torch(beta)
        finally:
            clf.effect = before
        xs = [torch.tensor(x).requires_grad_() for x in X.values()]
        total = module(*xs)[0][:, 0].sum()
        found = torch.autograd.grad(total, xs, allow_unused=True)  # the population's auxiliary
        gradients = [gradient for gradient in found if gradient is not None]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
        assert any(gradient.any() for gradient in gradients)


@pytest.mark.slow
def test_torch_export_has_a_dynamic_batch(mediated):
    X = [torch.tensor(rows(9)[0]["audio"])] * 2
    module = mediated.to_torch()
    batch = torch.export.Dim("batch")
    program = torch.export.export(module, tuple(X), dynamic_shapes=(({0: batch}, {0: batch}),))
    more = [x.repeat(3, 1) for x in X]
    assert torch.allclose(program.module()(*more)[0], module(*more)[0], atol=1e-6)


def test_at_beta_0_no_reference_is_inside(mediated, strings):
    X = list(map(torch.tensor, rows(9)[0].values()))
    module = strings.to_torch(0)
    expected = module(*X)[0]
    for member in module.members:
        member.context.fill_(torch.nan)
    assert torch.equal(module(*X)[0], expected)


def test_labels_beyond_int64_come_as_positions():
    X, label = rows(30)
    y = label.astype(np.uint64) + np.uint64(2**63)
    clf = FrontDoorMultiModalClassifier(**{**SMALL, "max_epochs": 1}).fit(X, y)
    assert clf.to_torch().labels.tolist() == [0, 1, 2]


@pytest.mark.slow
def test_a_sparse_modality_is_read_from_dense_rows(tmp_path):
    rng = np.random.default_rng(0)
    words = np.where(rng.random((30, 12)) < 0.3, rng.random((30, 12)), 0).astype(np.float32)
    X = {"words": sparse.csr_array(words), "audio": rows(30)[0]["audio"]}
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(X, rows(30)[1])
    clf.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    proba, _ = session.run(None, {**X, "words": words})
    assert np.abs(proba - clf.predict_proba(X)).max() <= 1e-5


def test_what_can_not_be_exported_says_so(tmp_path):
    X, label = rows(30)
    sequences = {**X, "step": np.random.default_rng(0).normal(size=(30, 5, 2))}
    clf = FrontDoorMultiModalClassifier(**{**SMALL, "max_epochs": 1}).fit(sequences, label)
    with pytest.raises(ValueError, match="modality 'step' is read by 'sequence'"):
        clf.to_onnx(tmp_path / "model.onnx")
    clf = FrontDoorMultiModalClassifier(**{**SMALL, "max_epochs": 1})
    clf.fit({"label": X["audio"], "b": X["picture"]}, label)
    with pytest.raises(ValueError, match="'label' has the name of an output"):
        clf.to_onnx(tmp_path / "model.onnx")
    with pytest.raises(ValueError, match="beta"):
        clf.to_onnx(tmp_path / "model.onnx", beta=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("unit", ["D", "ns"])
def test_labels_that_are_dates_are_refused_before_the_export(unit, tmp_path, monkeypatch):
    monkeypatch.setattr("skbetafd.persistence.export._exported", None)
    X, label = rows(90)
    days = np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype=f"M8[{unit}]")
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(X, days[label])
    with pytest.raises(ValueError, match=r"labels such as .*datetime64.*y\.astype\(str\)"):
        clf.to_onnx(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_to_onnx_says_what_to_install(strings, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match=r"pip install 'skbetafd\[export\]'"):
        strings.to_onnx(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


class Rows(nn.Module):
    """Reads any number of rows, or in an export the one that it was traced with."""

    def __init__(self, constant):
        super().__init__()
        self.layer, self.constant = nn.Linear(4, 3), constant

    def forward(self, x):
        return self.layer(x).reshape(len(x) if self.constant else x.shape[0], 3)


@pytest.mark.slow
def test_a_module_of_the_user_s_is_exported_for_any_number_of_rows(tmp_path):
    X, label = rows(30)
    path = tmp_path / "model.onnx"

    def fitted(constant):
        encoder = nn.Sequential(nn.Linear(X["audio"].shape[1], 4), Rows(constant))
        small = SMALL | {"max_epochs": 1, "encoders": {"audio": encoder}}
        return FrontDoorMultiModalClassifier(**small).fit(X, label)

    clf = fitted(False)
    clf.to_onnx(path)
    session = onnxruntime.InferenceSession(path)
    for n in (1, 7, 30):
        some = {name: value[:n].astype("f4") for name, value in X.items()}
        (found,) = session.run(["probabilities"], some)
        np.testing.assert_allclose(found, clf.predict_proba(some), atol=1e-5)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"would read 3 rows and no other number.*as len"):
        fitted(True).to_onnx(path)
    assert path.read_bytes() == before


class Talking(nn.Module):
    def forward(self, x):
        warnings.warn("a module of the user's has something to say", UserWarning, stacklevel=1)
        return x


@pytest.mark.slow
def test_what_a_module_warns_of_in_the_export_is_told(tmp_path):
    X, label = rows(30)
    encoder = nn.Sequential(nn.Linear(X["audio"].shape[1], 4), Talking())
    small = SMALL | {"max_epochs": 1, "encoders": {"audio": encoder}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = FrontDoorMultiModalClassifier(**small).fit(X, label)
    with pytest.warns(UserWarning, match="has something to say"):
        clf.to_onnx(tmp_path / "model.onnx")
