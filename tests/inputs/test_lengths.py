"""Whatever belongs to the rows of X is named where it has another length, with both lengths."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    PerModality,
    diagnose,
    modality_contributions,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier
from skbetafd.diagnosis import unimodal_gap
from skbetafd.inputs.labels import check_lengths

N = 24
LABEL = np.arange(N) % 2
rng = np.random.default_rng(0)
X = [rng.normal(size=(N, width)) + LABEL[:, None] for width in (4, 3)]
SHORT = np.arange(3)
QUICK = {"max_epochs": 1, "hidden_dim": 8, "random_state": 0}

ESTIMATORS = {
    "front-door": FrontDoorMultiModalClassifier(**QUICK),
    "search": FrontDoorMultiModalClassifierCV(betas=[0, 1], cv=2, **QUICK),
    "fusion": FusionClassifier(**QUICK),
    "one modality": UnimodalClassifier(**QUICK),
    "late fusion": LateFusionClassifier(**QUICK),
}
ARGUMENTS = {
    "front-door": ("y", "sample_weight", "groups", "mediator"),
    "search": ("y", "sample_weight", "groups", "mediator"),
}


def assert_named(argument, call):
    with pytest.raises(ValueError) as caught:
        call()
    for word in (argument, "3", str(N)):
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("name", "argument"),
    [(n, a) for n in ESTIMATORS for a in ARGUMENTS.get(n, ("y", "sample_weight", "groups"))],
)
def test_fit_names_an_argument_of_another_length(name, argument):
    given = {"y": LABEL, argument: SHORT}
    assert_named(argument, lambda: ESTIMATORS[name].fit(X, **given))


@pytest.mark.parametrize("argument", ["y", "sample_weight"])
def test_partial_fit_names_an_argument_of_another_length(argument):
    given = {"y": LABEL, "classes": [0, 1], argument: SHORT}
    assert_named(argument, lambda: ESTIMATORS["front-door"].partial_fit(X, **given))


def test_a_search_by_groups_names_groups_of_another_length():
    search = FrontDoorMultiModalClassifierCV(cv=GroupKFold(2), **QUICK)
    assert_named("groups has", lambda: search.fit(X, LABEL, groups=SHORT))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_score_names_an_argument_of_another_length(name):
    fitted = ESTIMATORS[name].fit(X, LABEL)
    assert_named("y has", lambda: fitted.score(X, SHORT))
    assert_named("sample_weight has", lambda: fitted.score(X, LABEL, sample_weight=SHORT))
    right = fitted.predict(X) == LABEL
    assert fitted.score(X, LABEL) == pytest.approx(right.mean())
    weighted = fitted.score(X, LABEL, sample_weight=np.arange(N))
    assert weighted == pytest.approx(np.average(right, weights=np.arange(N)))


def test_the_plug_in_classifier_names_an_argument_of_another_length():
    table = [LABEL[:, None], np.arange(N)[:, None] % 3]
    fit = DiscreteFrontDoorClassifier().fit
    assert_named("y has", lambda: fit(table, SHORT))
    assert_named("mediator has", lambda: fit(table, LABEL, mediator=SHORT))
    assert_named("y has", lambda: fit(table, LABEL, mediator=LABEL).score(table, SHORT))


def test_diagnostics_name_an_argument_of_another_length():
    fitted = ESTIMATORS["front-door"].fit(X, LABEL)
    assert_named("y has", lambda: modality_contributions(fitted, X, SHORT))
    weighted = {"sample_weight": SHORT}
    assert_named("sample_weight", lambda: modality_contributions(fitted, X, LABEL, **weighted))
    for diagnostic in (diagnose, lambda *a, **k: unimodal_gap(FusionClassifier(), *a, **k)):
        assert_named("y has", lambda f=diagnostic: f(X, SHORT))
        assert_named("groups has", lambda f=diagnostic: f(X, LABEL, groups=SHORT))
    assert_named("y has", lambda: PerModality("passthrough").fit(X, SHORT))


def test_what_has_no_length_is_named_and_none_is_let_through():
    check_lengths(3, y=SHORT, groups=None)
    with pytest.raises(TypeError, match=r"groups: .*got <class 'int'>"):
        check_lengths(3, groups=5)
