"""The exported predictor says what the library says."""

import json
import warnings

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray, PerModality, load
from skbetafd.nn.adjustment import ReferenceSet

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
    proba, label = session.run(None, X)
    assert np.isnan(proba).all(axis=1).tolist() == [True, True, False]
    assert label.tolist()[:2] == [np.iinfo(np.int64).min] * 2


def test_with_a_mediator_a_row_that_lacks_a_modality_has_no_prediction(mediated):
    x = torch.tensor(rows(3)[0]["audio"])
    lacking = x.clone()
    lacking[1] = torch.nan
    proba, label = mediated.to_torch()(x, lacking)
    assert proba.isnan().all(1).tolist() == [False, True, False]
    assert label[1] == torch.iinfo(torch.int64).min


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


class Features(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        return torch.tanh(self.layer(x))


def all_kinds(few=False):
    """Every kind of modality that can be exported, with gaps in each; 32 or 6 complete rows."""
    n = 45
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    words = np.where(rng.random((n, 6)) < 0.4, rng.random((n, 6)) + y[:, None], 0.0)
    X = {
        "words": sparse.csr_array(words),
        "table": rng.normal(size=(n, 4)) + y[:, None],
        "picture": rng.normal(size=(n, 4, 4)) + y[:, None, None],
        "steps": rng.normal(size=(n, 5, 2)) + y[:, None, None],
        "wide": rng.normal(size=(n, 6, 6)) + y[:, None, None],
        "own": rng.normal(size=(n, 4)),
    }
    period = 7 if few else 22
    present = {name: np.arange(n) % period != i for i, name in enumerate(X)}
    return MultiModalArray(X, present=present), y


KINDS = {"encoders": {"steps": "conv1d", "wide": "mlp", "own": Features()}}
FORMS = {
    "all kinds, with gaps": (KINDS, None),
    "few complete rows": (KINDS, None),
    "float64, members": (KINDS | {"dtype": "float64", "n_members": 2, "standardize": False}, None),
    "one modality": ({}, None),
    "categorical mediator": ({}, np.array(list("aabbc"))[np.arange(45) % 5]),
    "continuous mediator": ({"n_mediator_samples": 4}, np.random.default_rng(1).normal(size=45)),
}


@pytest.fixture(scope="module", params=FORMS)
def form(request):
    parameters, mediator = FORMS[request.param]
    X, y = all_kinds(request.param == "few complete rows")
    if not parameters.get("encoders"):
        X = MultiModalArray({"table": rows(45)[0]["audio"], "b": np.arange(90).reshape(45, 2)})
    if request.param == "one modality":
        X = {"table": X["table"]}
    with warnings.catch_warnings(category=UserWarning, action="ignore"):
        clf = FrontDoorMultiModalClassifier(**SMALL | parameters).fit(X, y, mediator=mediator)
    return clf, X


@pytest.mark.parametrize("effect", ["conditional", "population"])
@pytest.mark.parametrize("beta", [0, 0.5, 1])
def test_the_module_has_the_gradients_of_what_it_predicts(beta, effect, form):
    clf, X = form
    before, clf.effect = clf.effect, effect
    try:
        module, expected = clf.to_torch(beta).double(), clf.beta_path(X, [beta])[0]
    finally:
        clf.effect = before
    xs = [torch.from_numpy(x).requires_grad_() for x in clf.input_feed(X, "float64").values()]
    proba = module(*xs)[0]
    assert proba.dtype == torch.float64
    assert np.abs(proba.detach().numpy() - expected).max() <= 1e-5
    assert torch.autograd.gradcheck(lambda *xs: module(*xs)[0], xs, fast_mode=True)
    found = torch.autograd.grad(proba[:, 0].sum(), xs, allow_unused=True)
    assert any(gradient is not None and gradient.any() for gradient in found)


@pytest.mark.slow
def test_torch_export_has_a_dynamic_batch(mediated):
    X = [torch.tensor(rows(9)[0]["audio"])] * 2
    module = mediated.to_torch()
    batch = torch.export.Dim("batch")
    program = torch.export.export(module, tuple(X), dynamic_shapes=(({0: batch}, {0: batch}),))
    more = [x.repeat(3, 1) for x in X]
    assert torch.allclose(program.module()(*more)[0], module(*more)[0], atol=1e-6)


def test_at_beta_0_no_reference_is_inside(mediated, strings):
    def inside(clf, beta):
        names = [name for name, _ in clf.to_torch(beta).named_buffers()]
        return any(name.endswith(field) for name in names for field in ReferenceSet._fields)

    for clf in (mediated, strings):
        assert inside(clf, 0.5) and not inside(clf, 0)


def test_labels_beyond_int64_come_as_positions():
    X, label = rows(30)
    y = label.astype(np.uint64) + np.uint64(2**63)
    clf = FrontDoorMultiModalClassifier(**{**SMALL, "max_epochs": 1}).fit(X, y)
    assert clf.to_torch().labels.tolist() == [0, 1, 2]


@pytest.fixture(scope="module")
def half_sparse():
    X, y = all_kinds()
    return FrontDoorMultiModalClassifier(**SMALL).fit({k: X[k] for k in ("words", "table")}, y)


NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    ("name", "row", "verdict"),
    [
        ("words", [NAN] * 6, "missing"),
        ("words", [NAN, 0, 0, 0, 0, 0], "missing"),
        ("words", [0, 0, NAN, 0, NAN, -0.0], "missing"),
        ("words", [NAN, 1, 0, 0, 0, 0], "refused"),
        ("words", [0, 0, 0, INF, 0, 0], "refused"),
        ("words", [0] * 6, "there"),
        ("table", [NAN] * 4, "missing"),
        ("table", [NAN, 0, 0, 0], "refused"),
        ("table", [1, 2, NAN, 4], "refused"),
        ("table", [1, 2, -INF, 4], "refused"),
        ("table", [1, 2, 1e25, 4], "refused"),
        ("table", [0] * 4, "there"),
    ],
)
def test_a_row_is_missing_or_refused_as_in_predict_proba(name, row, verdict, half_sparse):
    clf, X = half_sparse, {"words": np.ones((5, 6)), "table": np.ones((5, 4))}
    others = clf.predict_proba(X)
    X[name][2] = row
    proba, label = (x.numpy() for x in clf.to_torch()(*map(torch.tensor, X.values())))
    rest = np.arange(5) != 2
    assert np.abs(proba - others)[rest].max() <= 1e-5
    if verdict == "refused":
        with pytest.raises(ValueError, match=f"'{name}' contains .* at row 2, column "):
            clf.predict_proba(X)
        assert np.isnan(proba[2]).all()
        with pytest.raises(IndexError):
            clf.classes_[label]
        return
    assert np.abs(proba - clf.predict_proba(X)).max() <= 1e-5
    assert clf.classes_[label].tolist() == clf.predict(X).tolist()
    absent = {name: rest} if verdict == "missing" else None
    expected = clf.predict_proba(MultiModalArray(X, present=absent))
    assert np.abs(proba - expected).max() <= 1e-5


def frames(X):
    words, table = pl.DataFrame(X["words"].toarray()), pd.DataFrame(X["table"]).convert_dtypes()
    return {"words": words.fill_nan(None), "table": table}


def objects(X):
    words = X["words"].toarray().astype(object)
    words[np.isnan(words.astype(float))] = None
    return {"words": words, "table": pl.DataFrame(X["table"])}


@pytest.mark.parametrize(
    "given",
    [
        lambda X: X,
        dict,
        lambda X: list(X.values()),
        np.asarray,
        frames,
        objects,
        lambda X: {**X, "words": pd.DataFrame(X["words"].toarray()).convert_dtypes()},
        lambda X: {"words": X["words"].tocoo(), "table": sparse.csc_matrix(X["table"])},
        lambda X: {**X, "words": X["words"].toarray()},
        lambda X: {"words": X["words"][1:4], "table": None},
        lambda X: {"table": np.ones((3, 4), dtype=bool), "words": None},
        lambda X: MultiModalArray({"words": np.ones((9, 6), int), "table": X["table"][:9]}),
    ],
)
def test_the_feed_has_every_form_of_rows_as_the_module_reads_them(given, half_sparse):
    X, _ = all_kinds()
    X = given(X._of({name: X._faces[name] for name in ("words", "table")}))
    feed, expected = half_sparse.input_feed(X), half_sparse.predict_proba(X)
    proba = half_sparse.to_torch()(*map(torch.from_numpy, feed.values()))[0]
    assert np.abs(proba.numpy() - expected).max() <= 1e-5
    assert [(k, x.dtype, x.shape[1:]) for k, x in feed.items()] == [
        ("words", np.float32, (6,)),
        ("table", np.float32, (4,)),
    ]
    for x in feed.values():
        x[:] = 7  # copies: nobody's rows are changed
    assert np.array_equal(half_sparse.predict_proba(X), expected)


def test_the_feed_of_a_pipeline_is_made_of_what_reaches_its_last_step():
    notes = np.array(["gull strike", None, "no damage"] * 15, dtype=object)
    X = MultiModalArray({"note": notes[:, None], "table": rows(45)[0]["audio"]})
    steps = PerModality({"note": TfidfVectorizer(), "table": StandardScaler()})
    clf = FrontDoorMultiModalClassifier(**SMALL)
    pipeline = make_pipeline(steps, clf).fit(X, all_kinds()[1])
    transformed = pipeline[:-1].transform(X)
    module, expected = pipeline[-1].to_torch(), pipeline.predict_proba(X)
    by_hand = [transformed["note"].toarray(), transformed["table"]]
    for xs in (pipeline[-1].input_feed(transformed).values(), by_hand):
        proba = module(*map(torch.tensor, xs))[0]
        assert np.abs(proba.numpy() - expected).max() <= 1e-5


def shifted(offset, scale=1.0):
    X, y = all_kinds()
    X = {"table": X["own"] + y[:, None], "far": X["table"][:, :2] * scale + offset}
    return {"table": X["table"], "far": np.nan_to_num(X["far"], nan=offset)}, y


@pytest.mark.parametrize(
    ("offset", "scale", "column"),
    [
        (0, 1, None),
        (0, 1e-30, None),
        (3e15, 1e15, None),
        (100, 1, None),
        (1.7e9, 0, None),
        (1e9 + 3, 0, "far"),
        (-1e4, 1, "far"),
        (2**25, 1000, "far"),
        (1, 1e-6, "far"),
        (1e9, 1, "far"),
        (0, 1e50, "far"),
    ],
)
def test_what_float32_rounds_away_is_said_and_kept_in_float64(offset, scale, column):
    X, y = shifted(offset, scale)
    dtype = "float64" if scale > 1e19 else "float32"  # values beyond are refused in float32
    clf = FrontDoorMultiModalClassifier(**SMALL, dtype=dtype).fit(X, y)
    expected = clf.predict_proba(X)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        modules = {"float32": clf.to_torch()}
    modules["float64"] = clf.to_torch(input_dtype="float64")  # without a warning
    assert [w.filename for w in caught] == [__file__] * (column is not None)
    for warning in caught:
        scales = {f"whose scale is {s:.3g}" for s in clf._scalers[1].moments.scale}
        assert f"modality '{column}'" in str(warning) and any(s in str(warning) for s in scales)
    for dtype in ("float32", "float64")[column is not None :]:
        proba = modules[dtype](*map(torch.from_numpy, clf.input_feed(X, dtype).values()))[0]
        assert np.abs(proba.numpy() - expected).max() <= 1e-5
    with pytest.raises(TypeError, match=r"float64.*torch.float32"):
        modules["float64"](torch.ones(1, 4), torch.ones(1, 2))


@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize(
    "column",
    [
        (101_325 + np.arange(60) / 7).astype(np.float32),
        np.float32(300) + np.arange(60, dtype=np.float32) / 60,
        2015 + np.arange(60) % 6,
        1e6 + np.arange(60) % 20,
    ],
    ids=["pressure", "temperature", "years", "whole floats"],
)
def test_what_float32_has_is_not_warned_of(column, loaded, tmp_path):
    rng = np.random.default_rng(0)
    X = {"table": rng.normal(size=(60, 3)), "far": column[:, None]}
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(X, np.arange(60) % 3)
    expected = clf.predict_proba(X)
    if loaded:
        clf.save(tmp_path / "fit")
        clf = load(tmp_path / "fit")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proba = clf.to_torch()(*map(torch.from_numpy, clf.input_feed(X).values()))[0]
    assert np.abs(proba.numpy() - expected).max() <= 1e-5


@pytest.mark.parametrize("offset", [0, 1e4, 1e6, 1e9])
def test_equal_values_predict_alike_in_either_precision(offset):
    X, y = shifted(offset)
    X = {name: x.astype(np.float32) for name, x in X.items()}
    clf = FrontDoorMultiModalClassifier(**SMALL | {"max_epochs": 20}).fit(X, y)
    found = clf.predict_proba({name: x.astype(float) for name, x in X.items()})
    np.testing.assert_allclose(found, clf.predict_proba(X), atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # of few complete rows
@pytest.mark.parametrize("input_dtype", ["float32", "float64"])
def test_onnx_reads_the_feed_of_every_kind(input_dtype, tmp_path):
    X, y = all_kinds(few=input_dtype == "float32")
    double = input_dtype == "float64"
    X = X._with_values({"table": X["table"] + 1e9 * double})
    clf = FrontDoorMultiModalClassifier(**SMALL, **KINDS).fit(X, y)
    clf.to_onnx(tmp_path / "model.onnx", 0.5, input_dtype)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    for some in (X, {**X, "picture": None}, X[:1]):
        proba, label = session.run(None, clf.input_feed(some, input_dtype))
        expected = clf.beta_path(some, [0.5])[0]
        assert np.abs(proba - expected).max() <= 1e-5
        assert np.array_equal(label, clf.classes_[expected.argmax(1)])
    by_hand = {k: x.toarray() if sparse.issparse(x) else x for k, x in X.items()}
    by_hand = {k: x.astype(input_dtype) for k, x in by_hand.items()}
    proba, _ = session.run(None, by_hand)
    assert np.abs(proba - clf.beta_path(X, [0.5])[0]).max() <= 1e-5
    for row, value in enumerate((NAN, INF, -1e25)):  # as the module, whose rows are tested above
        by_hand["words"][row, row], by_hand["steps"][3 + row, 2, 1] = value, value
    module = clf.to_torch(0.5, input_dtype)(*map(torch.from_numpy, by_hand.values()))
    for found, expected in zip(session.run(None, by_hand), module, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_to_onnx_warns_where_float32_inputs_can_not_hold_the_rows(tmp_path):
    X, y = shifted(1e9)
    clf = FrontDoorMultiModalClassifier(**SMALL).fit(X, y)
    with pytest.raises(
        UserWarning, match=r"'far' by up to [\d.]+ .*column \d.*input_dtype='float64'"
    ):
        clf.to_onnx(tmp_path / "model.onnx")  # pytest's filters make an error of it
    assert not list(tmp_path.iterdir())


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
