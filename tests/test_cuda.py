"""On a GPU everything works as on a CPU, and what a GPU trained is read where there is none."""

import copy
import gc
import os
import pathlib
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn import callback as sklearn_callback
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn

import skbetafd
from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV, diagnose
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier
from skbetafd.baselines._fusion import RULES

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

N = 150
Y = np.arange(N) % 3
RNG = np.random.default_rng(0)
A = 2 * np.eye(3, 6)[Y] + RNG.normal(size=(N, 6))
B = 2 * np.eye(3, 4)[Y] + RNG.normal(size=(N, 4))


def lacking(array, rows):
    out = array.copy()
    out[rows] = np.nan
    return out


def sequences():
    out = RNG.normal(size=(N, 9, 2))
    out[::2, 6:] = np.nan
    return out


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8))

    def forward(self, x):
        return self.layers(x)


def frozen():
    torch.manual_seed(0)
    return nn.Linear(6, 5).requires_grad_(False)


CASES = {
    "tables": ([A, B], {}),
    "float64": ([A, B], {"dtype": "float64"}),
    "bfloat16": ([A, B], {"dtype": "bfloat16"}),
    "population": ([A, B], {"effect": "population"}),
    "members": ([A, B], {"n_members": 3}),
    "stopped early": ([A, B], {"early_stopping": True}),
    "weighted classes": ([A, B], {"class_weight": "balanced", "max_grad_norm": 1.0}),
    "full batch": ([A, B], {"batch_size": -1}),
    "three": ([A, B, RNG.normal(size=(N, 5))], {}),
    "one": ([A], {"beta": 0}),
    "missing": ([lacking(A, slice(10, 30)), lacking(B, slice(0, 5))], {}),
    "sparse": ([sparse.csr_array(np.maximum(A, 0)), B], {}),
    "pictures": ([RNG.normal(size=(N, 8, 8)), B], {}),
    "sequences": ([sequences(), B], {}),
    "module": ([A, B], {"encoders": {0: Own()}}),
    "frozen": ([A, B], {"encoders": {0: frozen()}}),
    "not standardised": ([A, B], {"standardize": False}),
    "many references": ([A, B], {"n_references": 20}),
}


def make(**parameters):
    small = {"max_epochs": 3, "hidden_dim": 16, "random_state": 0, "predominant": 0}
    return FrontDoorMultiModalClassifier(**(small | parameters))


def on_the_cpu(code, *arguments):
    """Run code in a process that sees no GPU."""
    where = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(run, env=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("ignore:.*only one modality:UserWarning")
@pytest.mark.parametrize("case", [c for c in CASES if c not in ("module", "frozen")])
def test_what_a_cpu_learns_a_gpu_predicts_alike(case, tmp_path):
    X, parameters = CASES[case]
    path = tmp_path / "model"
    clf = make(**parameters, device="cpu").fit(X, Y)
    clf.save(path)
    moved = skbetafd.load(path, device="cuda")
    assert moved.module_.head.out.weight.is_cuda
    np.testing.assert_allclose(
        moved.beta_path(X, [0, 0.5, 1]), clf.beta_path(X, [0, 0.5, 1]), rtol=1e-3, atol=1e-5
    )


@pytest.mark.parametrize("case", CASES)
def test_a_gpu_fits_and_its_copies_predict_the_same(case):
    X, parameters = CASES[case]
    clf = make(**parameters, device="cuda").fit(X, Y)
    assert clf.module_.head.out.weight.is_cuda
    proba = clf.predict_proba(X)
    assert np.isfinite(proba).all()
    for other in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        assert other.module_.head.out.weight.is_cuda
        np.testing.assert_array_equal(other.predict_proba(X), proba)


def test_pickles_of_a_gpu_are_read_on_a_cpu(tmp_path):
    kept = {}
    for case, (X, parameters) in CASES.items():
        if case != "module":  # its class is in this file
            clf = make(**parameters, device="cuda").fit(X, Y)
            kept[case] = (clf, X, clf.predict_proba(X))
    for estimator in (FusionClassifier, LateFusionClassifier, UnimodalClassifier):
        clf = estimator(max_epochs=2, hidden_dim=16, random_state=0, device="cuda").fit([A, B], Y)
        kept[estimator.__name__] = (clf, [A, B], clf.predict_proba([A, B]))
    for rule in sorted(RULES):
        own = {"balancing": rule, "hidden_dim": 16, "random_state": 0, "device": "cuda"}
        clf = FusionClassifier(max_epochs=2, **own).fit([A, B], Y)
        kept[rule] = (clf, [A, B], clf.predict_proba([A, B]))
    with open(tmp_path / "pickle", "wb") as file:
        pickle.dump(kept, file)
    on_the_cpu(
        "import pickle, sys, warnings, numpy as np\n"
        "warnings.filterwarnings('ignore', message='.*not here')\n"
        "for case, (clf, X, expected) in pickle.load(open(sys.argv[1], 'rb')).items():\n"
        "    assert next(clf.module_.parameters()).device.type == 'cpu', case\n"
        "    found = clf.predict_proba(X)\n"
        "    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5, err_msg=case)\n",
        tmp_path / "pickle",
    )


def test_a_saved_fit_of_a_gpu_is_read_on_a_cpu(tmp_path):
    clf = make(device="cuda").fit([A, B], Y)
    with pytest.warns(UserWarning, match="save leaves out device"):
        clf.save(tmp_path / "model")
    np.save(tmp_path / "expected.npy", clf.predict_proba([A, B]))
    np.savez(tmp_path / "rows.npz", a=A, b=B)
    on_the_cpu(
        "import sys, pathlib, numpy as np, skbetafd\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "rows, clf = np.load(folder / 'rows.npz'), skbetafd.load(folder / 'model')\n"
        "found = clf.predict_proba([rows['a'], rows['b']])\n"
        "expected = np.load(folder / 'expected.npy')\n"
        "np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)\n",
        tmp_path,
    )


def test_a_stream_goes_on_on_a_cpu(tmp_path):
    clf = make(device="cuda").partial_fit([A, B], Y, classes=[0, 1, 2])
    with open(tmp_path / "pickle", "wb") as file:
        pickle.dump((clf, [A, B], Y), file)
    on_the_cpu(
        "import pickle, sys, warnings\n"
        "warnings.filterwarnings('ignore', message='.*not here')\n"
        "clf, X, y = pickle.load(open(sys.argv[1], 'rb'))\n"
        "clf.set_params(device='cpu').partial_fit(X, y)\n"
        "assert len(clf.predict(X)) == len(y)\n",
        tmp_path / "pickle",
    )


def test_streams_and_warm_starts_move_between_devices():
    for first, second in (("cuda", "cpu"), ("cpu", "cuda")):
        clf = make(device=first).partial_fit([A, B], Y, classes=[0, 1, 2])
        clf.set_params(device=second).partial_fit([A, B], Y)
        assert clf.module_.head.out.weight.device.type == second
        clf = make(device=first).fit([A, B], Y)
        clf.set_params(device=second, warm_start=True).fit([A, B], Y)
        assert clf.module_.head.out.weight.device.type == second


def test_a_mediator_is_learned_on_a_gpu():
    for mediator in (Y.astype(str), A[:, :2]):
        clf = make(device="cuda").fit([A, B], Y, mediator=mediator)
        assert np.isfinite(clf.beta_path([A, B], [0, 1])).all()


@pytest.mark.parametrize("case", ["tables", "float64", "bfloat16", "members", "frozen"])
def test_torch_s_autocast_is_without_effect(case):
    X, parameters = CASES[case]

    def results():
        clf = make(**parameters, device="cuda").fit(X, Y)
        yield clf.predict_proba(X)
        yield from clf.codes(X).values()
        yield clf.partial_fit(X, Y).predict_proba(X)

    expected = list(results())
    with torch.autocast("cuda", torch.float16):
        found = list(results())
        assert torch.is_autocast_enabled("cuda")
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_fits_leave_no_memory_of_the_gpu_behind():
    held = []
    for seed in range(12):
        for estimator in (FrontDoorMultiModalClassifier, FusionClassifier, LateFusionClassifier):
            clf = estimator(max_epochs=1, random_state=seed, device="cuda").fit([A, B], Y)
            clf.predict_proba([A, B])
        with pytest.raises(ValueError, match="diverged"):
            make(device="cuda", learning_rate=1e30).fit([A, B], Y)
        del clf
        gc.collect()
        held.append(torch.cuda.memory_allocated())
    assert held[-1] <= held[2], held


def test_the_scores_of_diagnose_come_from_the_gpu():
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.max_memory_allocated()
    params = {"max_epochs": 2, "hidden_dim": 256, "device": "cuda"}
    found = diagnose([A, B], Y, cv=2, n_repeats=1, network_params=params, random_state=0)
    assert torch.cuda.max_memory_allocated() > before
    assert str(found)


@pytest.mark.parametrize("estimator", [FusionClassifier, LateFusionClassifier, UnimodalClassifier])
def test_baselines_of_a_gpu_are_pickled_with_their_generators(estimator):
    clf = estimator(max_epochs=2, hidden_dim=16, random_state=0, device="cuda").fit([A, B], Y)
    for other in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
        assert next(other.module_.parameters()).is_cuda
        np.testing.assert_array_equal(other.predict_proba([A, B]), clf.predict_proba([A, B]))


@pytest.mark.parametrize("parameters", [{}, {"n_members": 2}, {"dtype": "float64"}])
def test_a_stream_on_a_gpu_goes_on_after_pickling(parameters):
    clf = make(device="cuda", **parameters).partial_fit([A, B], Y, classes=[0, 1, 2])
    other = pickle.loads(pickle.dumps(clf))
    for each in (clf, other):
        each.partial_fit([A, B], Y)
    np.testing.assert_allclose(
        other.predict_proba([A, B]), clf.predict_proba([A, B]), rtol=1e-4, atol=1e-6
    )


def test_a_search_of_a_gpu_and_a_net_by_itself_are_pickled():
    search = FrontDoorMultiModalClassifierCV(betas=[0, 1], cv=2, max_epochs=2, hidden_dim=16)
    search.set_params(device="cuda", random_state=0).fit([A, B], Y)
    other = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(other.predict_proba([A, B]), search.predict_proba([A, B]))
    net = make(device="cuda").fit([A, B], Y).net_
    assert pickle.loads(pickle.dumps(net)).device == net.device == "cuda:0"


@pytest.mark.filterwarnings("error")
def test_sequences_of_members_and_of_copies_are_read_without_a_warning():
    clf = make(device="cuda", n_members=2).fit([sequences(), B], Y)
    for each in (clf, copy.deepcopy(clf), pickle.loads(pickle.dumps(clf))):
        assert np.isfinite(each.predict_proba([sequences(), B])).all()


def test_a_search_in_other_processes_takes_modules_and_callbacks_of_a_notebook():
    cells = (pathlib.Path(__file__).parent / "processes" / "notebook.py").read_text("utf-8")
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-", "cuda"]
    done = subprocess.run(run, input=cells, env=where, capture_output=True, text=True)
    assert done.stdout.endswith("done\n"), done.stderr


class StopOnce(Callback):
    """Interrupts the third epoch of the first fit; the class knows, so that the state does not."""

    armed = False

    def on_batch_begin(self, net, **_):
        if StopOnce.armed and len(net.history) == 3:
            StopOnce.armed = False
            raise KeyboardInterrupt


def assert_goes_on(tmp_path, **parameters):
    """Break a fit off, let it go on, and compare it with one that was left alone."""
    own = {**parameters, "device": "cuda", "callbacks": [StopOnce()]}
    StopOnce.armed = True
    clf = make(**own, checkpoint_dir=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        clf.fit([A, B], Y)
    clf.fit([A, B], Y)
    whole = make(**own).fit([A, B], Y)
    assert clf.n_iter_ == parameters["max_epochs"]
    np.testing.assert_allclose(clf.predict_proba([A, B]), whole.predict_proba([A, B]), atol=1e-3)


def test_a_fit_that_was_broken_off_is_finished(tmp_path):
    assert_goes_on(tmp_path, max_epochs=4)


def test_dropout_of_a_user_s_module_goes_on_where_a_fit_was_broken_off(tmp_path):
    module = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5))
    assert_goes_on(tmp_path, max_epochs=6, encoders={0: module})


def test_scikit_learn_s_callbacks_score_an_estimator_in_training():
    monitor = sklearn_callback.ScoringMonitor(scoring="accuracy")
    clf = make(device="cuda").set_callbacks(monitor).fit([A, B], Y)
    assert clf.score([A, B], Y) in [row["accuracy"] for row in monitor.get_logs().data]


def test_a_search_of_all_betas_scores_as_grid_search_does():
    own = {"device": "cuda", "dtype": "float64"}
    cv = FrontDoorMultiModalClassifierCV(betas=[0, 0.5, 1], cv=3, scoring="neg_log_loss")
    cv.set_params(max_epochs=3, hidden_dim=16, random_state=0, predominant=0, **own).fit([A, B], Y)
    clf = make(**own, modalities=[6, 4])
    grid = GridSearchCV(clf, {"beta": [0, 0.5, 1]}, cv=3, scoring="neg_log_loss")
    grid.fit(np.hstack([A, B]), Y)
    folds = [grid.cv_results_[f"split{i}_test_score"] for i in range(3)]
    np.testing.assert_allclose(np.stack(folds, 0), cv.scores_, atol=1e-5)


@pytest.mark.parametrize("estimator", [FusionClassifier, LateFusionClassifier, UnimodalClassifier])
def test_baselines_learn_on_a_gpu(estimator):
    clf = estimator(max_epochs=3, hidden_dim=16, random_state=0, device="cuda").fit([A, B], Y)
    assert clf.module_ is not None and np.isfinite(clf.predict_proba([A, B])).all()


@pytest.mark.parametrize("rule", sorted(RULES))
def test_balancing_rules_learn_on_a_gpu(rule):
    clf = FusionClassifier(
        balancing=rule, max_epochs=2, hidden_dim=16, random_state=0, device="cuda"
    )
    assert np.isfinite(clf.fit([A, B], Y).predict_proba([A, B])).all()


def test_a_prediction_that_does_not_fit_falls_to_fewer_rows():
    rows = 400_000
    rng = np.random.default_rng(1)
    X = [rng.normal(size=(rows, 6)).astype("f4"), rng.normal(size=(rows, 4)).astype("f4")]
    clf = make(device="cuda", hidden_dim=2048).fit([A, B], Y)
    expected = clf.predict_proba([x[-1000:] for x in X])
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    share = (torch.cuda.memory_allocated() + 4e8) / total
    torch.cuda.set_per_process_memory_fraction(share)
    try:
        clf.set_params(predict_batch_size=rows)
        with pytest.warns(UserWarning, match=r"did not hold 400000 rows at once"):
            found = clf.predict_proba(X)
        with pytest.raises(torch.OutOfMemoryError, match="batch_size"):
            make(device="cuda", hidden_dim=200_000, batch_size=-1).fit([A, B], Y)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    np.testing.assert_allclose(found[-1000:], expected, rtol=1e-3, atol=1e-5)


def test_deterministic_algorithms_give_equal_fits(tmp_path):
    code = (
        "import numpy as np, torch\n"
        "from skbetafd import FrontDoorMultiModalClassifier as F\n"
        "torch.use_deterministic_algorithms(True)\n"
        "y = np.arange(300) % 3\n"
        "rng = np.random.default_rng(0)\n"
        "X = [rng.normal(size=(300, 5)), rng.normal(size=(300, 8, 8))]\n"
        "X[0][:9] = np.nan\n"
        "one, two = (F(max_epochs=3, random_state=0, device='cuda').fit(X, y) for _ in 'ab')\n"
        "assert np.array_equal(one.predict_proba(X), two.predict_proba(X))\n"
    )
    where = {
        **os.environ,
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run([sys.executable, "-c", code], env=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_export_of_a_gpu_runs_elsewhere(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    clf = make(device="cuda").fit([A, B], Y)
    clf.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    proba, _ = session.run(
        ["probabilities", "label"], {"modality0": A.astype("f4"), "modality1": B.astype("f4")}
    )
    np.testing.assert_allclose(proba, clf.predict_proba([A, B]), atol=1e-5)
