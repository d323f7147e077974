import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import (
    FrontDoorMultiModalClassifier,
    MultiModalArray,
    OverlapWarning,
    PerModality,
    overlap,
)
from skbetafd.causal import ContinuousFrontDoorModel
from skbetafd.datasets import confound, load_multiple_features


@pytest.fixture(scope="module")
def digits():
    bunch = load_multiple_features(("kar", "mor"))
    data = confound(bunch.data, bunch.target, modality="kar", groups=bunch.groups, random_state=0)
    clf = FrontDoorMultiModalClassifier(predominant="kar", random_state=0)
    return clf.fit(data.train.X, data.train.y), data


@pytest.fixture
def clf(digits):
    yield digits[0]
    digits[0].set_params(effect="conditional")


def test_rows_like_the_training_rows_are_supported_whatever_their_tint(clf, digits):
    for split in (digits[1].iid, digits[1].broken):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            report = overlap(clf, split.X)
        assert report.share_weak < 0.05
        assert np.median(report.effective_references) > 10


def test_rows_whose_modalities_disagree_as_never_before_are_warned_of(clf, digits):
    X = digits[1].iid.X
    other = np.random.default_rng(0).permutation(len(X))
    with pytest.warns(OverlapWarning, match=r"weak overlap.*effect='conditional' extrapolates"):
        report = overlap(clf, MultiModalArray({"kar": X["kar"][other], "mor": X["mor"]}))
    assert report.share_weak > 0.15


def test_the_population_effect_of_learned_knowledge_is_warned_of_where_it_extrapolates(clf, digits):
    with pytest.warns(OverlapWarning, match="effect='population'"):
        assert overlap(clf.set_params(effect="population"), digits[1].iid.X).share_weak > 0.15


def test_the_report_is_consistent_and_readable(clf, digits):
    report = overlap(clf, digits[1].iid.X)
    n = len(digits[1].iid.y)
    assert report.supported.shape == report.effective_references.shape == (n,)
    assert (0 <= report.supported).all()
    assert (report.supported <= 1 + 1e-6).all()
    assert report.effective_references.max() <= len(clf.references_.log_mass)
    np.testing.assert_array_equal(report.weak, report.supported < 0.5)
    assert report.share_weak == report.weak.mean()
    assert str(report).startswith(f"{report.share_weak:.0%} of {n} rows have weak overlap")


def mediated(**model):
    simulator = ContinuousFrontDoorModel(world=0, **model)
    train = simulator.sample(1500, random_state=0)
    clf = FrontDoorMultiModalClassifier(
        predominant="predominant", n_references=64, max_epochs=30, calibrate=False, random_state=0
    )
    clf.fit(train.X, train.y, mediator=train.mediator)
    return clf, simulator.sample(200, random_state=1).X


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:No support")
@pytest.mark.parametrize("effect", ["conditional", "population"])
def test_a_noisy_mediator_overlaps_and_a_nearly_determined_one_less(effect):
    noisy, X = mediated(mediator_noise=1.0)
    sharp, X_sharp = mediated(mediator_noise=0.1)
    noisy.set_params(effect=effect)
    sharp.set_params(effect=effect)
    assert overlap(noisy, X).share_weak < 0.1
    with pytest.warns(OverlapWarning):
        assert overlap(sharp, X_sharp).share_weak > 0.5


@pytest.mark.slow
def test_a_categorical_mediator_counts_the_levels_that_both_sides_have():
    rng = np.random.default_rng(0)
    t = rng.integers(0, 2, 600)
    shown = t[:, None] + rng.normal(0, 0.05, (600, 2))
    auxiliary = rng.normal(size=(600, 1))
    y = rng.integers(0, 2, 600)
    clf = FrontDoorMultiModalClassifier(predominant="t", max_epochs=30, random_state=0)
    X = {"t": shown, "a": auxiliary}
    noisy = np.where(rng.random(600) < 0.8, t, 1 - t)
    assert overlap(clf.fit(X, y, mediator=noisy), X).share_weak < 0.1
    with pytest.warns(OverlapWarning):
        report = overlap(clf.fit(X, y, mediator=np.array(["no", "yes"])[t]), X)
    assert np.median(report.supported) == pytest.approx(0.5, abs=0.2)


def test_where_there_is_no_adjustment_there_is_no_overlap(clf, digits):
    X = digits[1].iid.X
    single = FrontDoorMultiModalClassifier(beta=0, max_epochs=1).fit(X["kar"], digits[1].iid.y)
    with pytest.raises(ValueError, match="'modality0' is the only modality"):
        overlap(single, X["kar"])


def test_a_pipeline_is_asked_at_its_last_step_about_transformed_rows(digits):
    train = digits[1].train
    pipeline = make_pipeline(
        PerModality(StandardScaler()), FrontDoorMultiModalClassifier(max_epochs=2, random_state=0)
    ).fit(train.X, train.y)
    search = GridSearchCV(pipeline, {"frontdoormultimodalclassifier__beta": [0.5]}, cv=2)
    search.fit(train.X, train.y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OverlapWarning)
        expected = overlap(pipeline[-1], pipeline[0].transform(train.X)).supported
        assert_array_equal(overlap(pipeline, train.X).supported, expected)
        assert_array_equal(overlap(search, train.X).supported, expected)
        alone = make_pipeline(pipeline[-1])
        assert_array_equal(overlap(alone, pipeline[0].transform(train.X)).supported, expected)


def test_what_does_not_end_with_the_classifier_is_refused(digits):
    other = make_pipeline(StandardScaler(), LogisticRegression())
    with pytest.raises(TypeError, match="that ends with one, got LogisticRegression"):
        overlap(other.fit(np.eye(3), [0, 1, 1]), np.eye(3))
    with pytest.raises(NotFittedError):
        overlap(GridSearchCV(FrontDoorMultiModalClassifier(), {"beta": [1]}), digits[1].iid.X)
