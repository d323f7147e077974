"""Several labels per row are refused by name; wrappers that take them apart work."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.preprocessing import MultiLabelBinarizer

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    VacuousAdjustmentWarning,
)
from skbetafd.baselines import FusionClassifier

N = 120
INDICATORS = np.eye(3, dtype=int)[np.arange(N) % 3]
TWO = np.array([["a", "x"], ["b", "y"], ["c", "x"]])[np.arange(N) % 3]

SEVERAL = {
    "indicators": (INDICATORS, "(120, 3)"),
    "indicators as a list": (INDICATORS.tolist(), "(120, 3)"),
    "a pandas frame": (pd.DataFrame(INDICATORS), "(120, 3)"),
    "a polars frame": (pl.DataFrame(INDICATORS), "(120, 3)"),
    "two outputs": (TWO, "(120, 2)"),
    "two measurements": (INDICATORS + 0.5, "(120, 3)"),
    "None among labels": (np.where(TWO == "a", None, TWO), "(120, 2)"),
    "lists of labels": ([["a"], ["a", "b"]] * 60, "['a'] in row 0"),
    "sets of labels": ([{"a"}, {"a", "b"}] * 60, "{'a'} in row 0"),
}


@pytest.mark.parametrize("case", SEVERAL)
@pytest.mark.parametrize(
    "estimator",
    [
        FrontDoorMultiModalClassifier(),
        FrontDoorMultiModalClassifierCV(),
        FusionClassifier(),
        DiscreteFrontDoorClassifier(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_several_labels_per_row_are_refused_with_a_hint(estimator, case, X):
    y, got = SEVERAL[case]
    before = dict(vars(estimator))
    discrete = isinstance(estimator, DiscreteFrontDoorClassifier)
    rows = {"t": INDICATORS[:, :1], "z": INDICATORS[:, 1:2]} if discrete else X
    extra = {"mediator": INDICATORS[:, 0]} if discrete else {}
    with pytest.raises(ValueError, match=r"^y .*MultiOutputClassifier.*OneVsRest") as caught:
        estimator.fit(rows, y, **extra)
    assert got in str(caught.value)
    assert vars(estimator) == before


@pytest.mark.parametrize("columns", [1, 3])
def test_a_sparse_y_is_refused_with_its_shape(columns, X, quick):
    y = sparse.csr_array(INDICATORS[:, :columns])
    with pytest.raises(TypeError, match=rf"y is a sparse .*\(120, {columns}\).*toarray"):
        quick().fit(X, y)


def test_a_classifier_an_output_sees_the_modalities(X, quick):
    wrapped = MultiOutputClassifier(quick()).fit(X, TWO)
    assert wrapped.predict(X).shape == TWO.shape
    for column, estimator in enumerate(wrapped.estimators_):
        assert estimator.modality_names_ == ["audio", "video"]
        alone = quick().fit(X, TWO[:, column])
        assert_allclose(wrapped.predict_proba(X)[column], alone.predict_proba(X), atol=1e-6)


def test_one_versus_rest_takes_indicators(X, quick):
    labels = MultiLabelBinarizer().fit_transform([["a", "b"], ["a"], ["b"]] * 40)
    wrapped = OneVsRestClassifier(quick()).fit(X, labels)
    assert wrapped.predict(X).shape == labels.shape
    assert wrapped.estimators_[0].modality_names_ == ["audio", "video"]


WIDTHS = {"audio": slice(0, 4), "video": slice(4, None)}
FLATTENING = {
    "one versus one": lambda clf: OneVsOneClassifier(clf),
    "bagging": lambda clf: BaggingClassifier(clf, n_estimators=2, random_state=0),
    "boosting": lambda clf: AdaBoostClassifier(clf, n_estimators=2, random_state=0),
    "a chain": lambda clf: ClassifierChain(clf, random_state=0),
}


@pytest.mark.parametrize("tool", FLATTENING)
def test_a_tool_that_flattens_the_container_keeps_the_modalities_by_modalities(tool, X, y, quick):
    target = INDICATORS[:, :2] if tool == "a chain" else y
    fitted = FLATTENING[tool](quick(modalities=WIDTHS, beta=0, max_epochs=10, batch_size=16)).fit(
        X, target
    )
    assert fitted.predict(X).shape == target.shape
    for estimator in fitted.estimators_:
        assert estimator.modality_names_ == ["audio", "video"]


@pytest.mark.filterwarnings("default:X is one modality")
@pytest.mark.parametrize("tool", FLATTENING)
def test_a_tool_that_flattens_the_container_warns_with_a_hint(tool, X, y, quick):
    target = INDICATORS[:, :2] if tool == "a chain" else y
    with pytest.warns(VacuousAdjustmentWarning, match="BaggingClassifier .* flat: .* modalities="):
        FLATTENING[tool](quick(max_epochs=20)).fit(X, target)


def test_a_chain_s_earlier_labels_join_the_modality_whose_slice_is_open(X, quick):
    chain = ClassifierChain(quick(modalities=WIDTHS)).fit(X, INDICATORS[:, :2])
    assert [e.modality_slices_["video"] for e in chain.estimators_] == [slice(4, 7), slice(4, 8)]
    with pytest.raises(ValueError, match="8 columns once, but column 7"):
        ClassifierChain(quick(modalities=[4, 3])).fit(X, INDICATORS[:, :2])


def test_one_array_of_rank_three_is_refused_with_its_shape_and_what_to_pass(y, quick):
    with pytest.raises(ValueError, match=r"X has shape \(120, 28, 28\).*\[X\].*dict"):
        quick().fit(np.zeros((N, 28, 28)), y)
