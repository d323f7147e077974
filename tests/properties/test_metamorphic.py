"""What must not change a fit or a prediction, on the whole estimator.

Exact relations are compared bitwise. Those that reorder sums are compared in float64 at `CLOSE`,
far above its rounding and far below what a broken relation makes (of the order of .01 and more).
"""

from copy import copy, deepcopy

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from skbetafd import FrontDoorMultiModalClassifier, VacuousAdjustmentWarning
from skbetafd.baselines import FusionClassifier
from skbetafd.nn import seeing_network

N = 45
BETAS = [0.0, 0.3, 1.0]
CLOSE = {"rtol": 1e-7, "atol": 1e-10}
DATA = np.random.default_rng(0)
Y = np.array(["bird", "car", "rain"])[np.arange(N) % 3]
X = {
    name: 2 * DATA.normal(size=(3, width))[np.arange(N) % 3] + DATA.normal(size=(N, width))
    for name, width in {"audio": 4, "video": 3, "text": 3}.items()
}
LACKING = {name: rows.copy() for name, rows in X.items()}
LACKING["text"][::5] = np.nan
LACKING["audio"][1::7] = np.nan

weights = st.lists(st.integers(0, 3), min_size=N, max_size=N).filter(
    lambda w: all(sum(w[k::3]) for k in range(3))
)
some = st.lists(st.integers(1, 3), min_size=N, max_size=N)  # which leaves 30 complete rows
permutations = st.permutations(range(N)).map(np.array)
few = settings(max_examples=4, phases=[Phase.generate])  # to shrink would take minutes of fits


def make(**parameters):
    """A quick fit in float64, whose batches, masks and references depend on no draw."""
    exact = {"dtype": "float64", "batch_size": -1, "dropout": 0.0, "n_references": 4 * N, "beta": 0}
    return quick(**exact | parameters)


def quick(**parameters):
    small = {"max_epochs": 5, "hidden_dim": 8, "knowledge_dim": 5, "context_dim": 6}
    small |= {"calibrate": False}
    named = {"predominant": "audio", "random_state": 0}
    return FrontDoorMultiModalClassifier(**small | named | parameters)


def rows(data, which):
    return {name: array[which] for name, array in data.items()}


def path(clf, data):
    """P_β over β for both effects, shape (2, n_betas, n, n_classes)."""
    effects = ("conditional", "population")
    return np.stack([copy(clf).set_params(effect=e).beta_path(data, BETAS) for e in effects])


def assert_close(clf, other, data=X):
    np.testing.assert_allclose(path(clf, data), path(other, data), **CLOSE)


def assert_same(clf, other, data=X):
    np.testing.assert_array_equal(path(clf, data), path(other, data))


# Weights


@pytest.fixture(scope="module")
def one_subset():
    """Have every row show the first modality beside all it has: else its place decides."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seeing_network, "_proper_subsets", lambda n_modalities: [(0,)])
        yield


@pytest.mark.usefixtures("one_subset")
@pytest.mark.parametrize("data", [X, LACKING], ids=["complete", "lacking"])
@few
@given(weight=some)
def test_a_row_of_weight_w_is_the_row_w_times(data, weight):
    times = np.repeat(np.arange(N), weight)
    weighted = make().fit(data, Y, sample_weight=weight)
    assert_close(make().fit(rows(data, times), Y[times]), weighted, data)


@pytest.mark.usefixtures("one_subset")
def test_a_row_of_weight_two_is_the_row_twice_where_a_mediator_is_observed():
    mediator, weight = (np.arange(N) % 3) ^ (np.arange(N) % 5 == 0), 1 + np.arange(N) % 2
    times = np.repeat(np.arange(N), weight)
    weighted = make().fit(X, Y, weight, mediator)
    assert_close(make().fit(rows(X, times), Y[times], mediator=mediator[times]), weighted)


@few
@given(weight=weights)
def test_a_row_of_weight_0_is_no_row(weight):
    kept, weight = np.flatnonzero(weight), np.array(weight)
    left_out = quick().fit(X, Y, sample_weight=weight)
    assert_same(quick().fit(rows(X, kept), Y[kept], sample_weight=weight[kept]), left_out)


@few
@given(weight=weights, unit=st.floats(1e-3, 1e3))
def test_the_unit_of_the_weights_is_without_effect(weight, unit):
    weight = np.array(weight, dtype=float)
    clf = make().fit(X, Y, sample_weight=weight)
    assert_close(make().fit(X, Y, sample_weight=unit * weight), clf)
    assert_same(make().fit(X, Y, sample_weight=1024 * weight), clf)
    assert_same(quick().fit(X, Y, sample_weight=unit), quick().fit(X, Y))


# Order


@pytest.mark.usefixtures("one_subset")
@pytest.mark.parametrize("data", [X, LACKING], ids=["complete", "lacking"])
@few
@given(order=permutations)
def test_the_order_of_the_training_rows_is_without_effect_on_full_batches(data, order):
    assert_close(make().fit(rows(data, order), Y[order]), make().fit(data, Y), data)


@pytest.fixture(scope="module", params=["float32", "float64"])
def clf(request):
    return quick(dtype=request.param, n_members=2).fit(LACKING, Y)


@few
@given(order=permutations, size=st.integers(1, N))
def test_a_row_s_prediction_depends_on_no_other_row(clf, order, size):
    one_by_one = copy(clf).set_params(predict_batch_size=size)
    expected = path(clf, LACKING)[:, :, order]
    precise = {"rtol": 2e-5, "atol": 1e-7} if clf.dtype == "float32" else CLOSE
    for other in (clf, one_by_one):
        np.testing.assert_allclose(path(other, rows(LACKING, order)), expected, **precise)
        some = rows(LACKING, order[:size])
        np.testing.assert_allclose(path(other, some), expected[:, :, :size], **precise)


@pytest.mark.parametrize("names", [("video", "audio", "text"), ("video", "text", "audio")])
@pytest.mark.parametrize("data", [X, LACKING], ids=["complete", "lacking"])
def test_the_position_of_the_predominant_modality_is_without_effect(names, data):
    moved = quick(dropout=0.3).fit({name: data[name] for name in names}, Y)
    assert moved.modality_names_ == list(names)
    assert_same(moved, quick(dropout=0.3).fit(data, Y), data)


def swapped(state, width=5):
    """Weights of the network that has the auxiliaries "video" and "text" in the other order.

    Each has an encoder of its own, `width` columns of what reads the auxiliary codes and a row of
    `missing`; in the seeing network the predominant modality has position 0, and all share alike.
    """
    numbers = {f"auxiliary.{m}": f"auxiliary.{1 - m}" for m in (0, 1)}
    numbers |= {f"seeing.encoders.{m}": f"seeing.encoders.{3 - m}" for m in (1, 2)}
    out = {}
    for name, value in state.items():
        start = next((old for old in numbers if name.startswith(old + ".")), "")
        if name in ("head.auxiliary.weight", "project_auxiliary.weight", "auxiliary_label.weight"):
            value = value.roll(width, dims=1)
        if name == "missing":
            value = value[[1, 0]]
        if name == "seeing.missing":
            value = value[[0, 2, 1]]
        if name == "seeing.hidden.weight":
            value = torch.cat([value.chunk(3, dim=1)[m] for m in (0, 2, 1)], dim=1)
        out[numbers.get(start, "") + name.removeprefix(start)] = value.clone()
    return out


@pytest.mark.usefixtures("one_subset")
@pytest.mark.parametrize("data", [X, LACKING], ids=["complete", "lacking"])
def test_from_the_same_weights_the_order_of_the_auxiliaries_is_without_effect(data):
    """Initial weights are drawn in the modalities' order: a warm start alone has the same."""
    other = {name: data[name] for name in ("audio", "text", "video")}
    one, two = (make(warm_start=True).fit(each, Y) for each in (data, other))
    two.module_.load_state_dict(swapped(one.module_.state_dict()))
    assert_close(one.fit(data, Y), two.fit(other, Y), data)


# Labels

RENAMED = {
    "strings": np.array(["a", "b", "c"]),
    "integers": np.array([-7, 0, 10**12]),
    "unicode": np.array(["α", "β", "日本"]),
}


@pytest.mark.parametrize("names", RENAMED.values(), ids=RENAMED)
def test_new_names_in_the_same_order_leave_the_fit_bitwise(names):
    clf = quick(predominant="auto", early_stopping=True).fit(X, Y)
    renamed = quick(predominant="auto", early_stopping=True).fit(X, names[np.arange(N) % 3])
    assert_same(renamed, clf)
    np.testing.assert_array_equal(renamed.classes_, names)
    position = np.searchsorted(clf.classes_, clf.predict(X))
    np.testing.assert_array_equal(renamed.predict(X), names[position])


@pytest.mark.parametrize("order", [[1, 0, 2], [2, 0, 1]])
@pytest.mark.parametrize("data", [X, LACKING], ids=["complete", "lacking"])
def test_names_exchanged_exchange_the_probabilities_from_the_same_weights(order, data):
    """A fresh network draws the output layers in the labels' order: a warm start has the same."""
    order = np.array(order)
    clf = make(warm_start=True).fit(data, Y)
    other = deepcopy(clf)
    for layer in other.module_.modules():
        if isinstance(layer, torch.nn.Linear) and layer.out_features == 3:
            with torch.no_grad():
                layer.weight.copy_(layer.weight[order].clone())
                layer.bias.copy_(layer.bias[order].clone())
    new = clf.classes_[np.argsort(order)][np.searchsorted(clf.classes_, Y)]
    clf.fit(data, Y)
    other.fit(data, new)
    np.testing.assert_allclose(path(other, data), path(clf, data)[..., order], **CLOSE)


# Units of the features


@few
@given(st.data())
def test_positive_scales_and_shifts_of_features_are_without_effect_when_standardised(draw):
    def of(width, values):
        return np.array(draw.draw(st.lists(values, min_size=width, max_size=width)))

    moved = {
        name: array * of(array.shape[1], st.floats(1e-3, 1e3))
        + of(array.shape[1], st.floats(-10, 10))
        for name, array in LACKING.items()
    }
    clf, other = make().fit(LACKING, Y), make().fit(moved, Y)
    np.testing.assert_allclose(path(other, moved), path(clf, LACKING), **CLOSE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_powers_of_two_as_scales_leave_predictions_bitwise_when_standardised(dtype):
    scaled = {name: rows * 2.0 ** np.arange(rows.shape[1]) for name, rows in X.items()}
    clf, other = (quick(dtype=dtype, dropout=0.2).fit(data, Y) for data in (X, scaled))
    np.testing.assert_array_equal(path(other, scaled), path(clf, X))


def test_without_standardisation_the_scale_counts():
    doubled = {name: 2 * rows for name, rows in X.items()}
    clf, other = (make(standardize=False).fit(data, Y) for data in (X, doubled))
    assert np.abs(path(other, doubled) - path(clf, X)).max() > 1e-3


# β


@settings(few, max_examples=20)
@given(beta=st.floats(0, 1))
def test_probabilities_are_linear_in_beta(clf, beta):
    for effect in ("conditional", "population"):
        other = copy(clf).set_params(effect=effect)
        seeing, mixed, doing = other.beta_path(LACKING, [0, beta, 1])
        precise = {"rtol": 1e-5, "atol": 1e-7} if clf.dtype == "float32" else {"rtol": 1e-12}
        np.testing.assert_allclose(mixed, (1 - beta) * seeing + beta * doing, **precise)
        np.testing.assert_array_equal(other.set_params(beta=beta).predict_proba(LACKING), mixed)


@pytest.mark.parametrize("n_members", [1, 2])
def test_with_one_modality_beta_is_without_effect(n_members):
    with pytest.warns(VacuousAdjustmentWarning):
        clf = quick(n_members=n_members).fit({"audio": X["audio"]}, Y)
    every = path(clf, {"audio": X["audio"]})
    np.testing.assert_array_equal(every, np.broadcast_to(every[0, 0], every.shape))


# Precision, and the baseline


def test_both_precisions_start_alike_and_learn_the_same():
    single, double = (path(make(dtype=d).fit(X, Y), X) for d in ("float32", "float64"))
    np.testing.assert_allclose(single, double, atol=1e-4)
    assert np.abs(single - double).max() > 0


@few
@given(weight=weights, order=permutations)
def test_joint_training_knows_a_row_by_its_weight_and_not_by_its_place(weight, order):
    small = {"max_epochs": 5, "hidden_dim": 8, "random_state": 0}
    exact = {"dtype": "float64", "batch_size": -1, "dropout": 0.0}
    times = np.repeat(order, np.array(weight)[order])
    clf = FusionClassifier(**small, **exact)
    expected = deepcopy(clf).fit(X, Y, sample_weight=weight).predict_proba(X)
    proba = clf.fit(rows(X, times), Y[times]).predict_proba(X)
    np.testing.assert_allclose(proba, expected, **CLOSE)
