"""Metadata routing, in whole: what is requested arrives, and nothing else does."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    PerModality,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier

SMALL = {"max_epochs": 2, "hidden_dim": 8, "n_references": 8, "random_state": 0}
SMALL |= {"calibrate": False}


@pytest.fixture(autouse=True)
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture
def weight(y):
    return np.where(np.asarray(y) == "bird", 3.0, 1.0) * (1 + np.arange(len(y)) % 2)


@pytest.fixture
def mediator(y):
    return np.unique(y, return_inverse=True)[1] // 2


@pytest.fixture
def groups(y):
    return np.arange(len(y)) // 12


class Recorder(TransformerMixin, BaseEstimator):
    """Remembers the metadata of its methods."""

    def fit(self, X, y=None, sample_weight=None, site=None):
        self.fitted_with_ = {"rows": len(X), "sample_weight": sample_weight, "site": site}
        return self

    def transform(self, X, zoom=1):
        return X * zoom


def asking(**requests):
    return Recorder().set_fit_request(**{"sample_weight": False, "site": False} | requests)


def weighted():
    return StandardScaler().set_fit_request(sample_weight=True)


# PerModality


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_weights_reach_every_modality_of_one_transformer(modalities, weight, method):
    per_modality = PerModality(weighted())
    getattr(per_modality, method)(modalities, sample_weight=weight)
    for name, scaler in per_modality.transformers_.items():
        assert_allclose(scaler.mean_, np.average(modalities[name], axis=0, weights=weight))


def test_weights_reach_those_of_a_mapping_that_request_them(modalities, weight):
    decline = StandardScaler().set_fit_request(sample_weight=False)
    fitted = PerModality({"audio": weighted(), "video": decline}).fit(
        modalities, sample_weight=weight
    )
    audio, video = fitted.transformers_.values()
    assert_allclose(audio.mean_, np.average(modalities["audio"], axis=0, weights=weight))
    assert_allclose(video.mean_, modalities["video"].mean(axis=0))


def test_an_alias_is_passed_under_its_own_name(modalities, weight):
    fitted = PerModality({"audio": asking(site="place", sample_weight=False)}).fit(
        modalities, place=weight
    )
    assert_array_equal(fitted.transformers_["audio"].fitted_with_["site"], weight)
    assert fitted.transformers_["audio"].fitted_with_["sample_weight"] is None


def test_metadata_of_transform_is_routed(modalities):
    per_modality = PerModality({"audio": Recorder().set_transform_request(zoom=True)})
    transformed = per_modality.fit(modalities).transform(modalities, zoom=3)
    assert_array_equal(transformed["audio"], 3 * modalities["audio"])
    assert_array_equal(transformed["video"], modalities["video"])


def test_weights_of_rows_that_lack_the_modality_are_left_out(modalities, weight):
    present = np.arange(len(weight)) % 3 > 0
    X = MultiModalArray(modalities, present={"audio": present})
    for method in ("fit", "fit_transform"):
        per_modality = PerModality({"audio": weighted(), "video": asking(sample_weight=True)})
        getattr(per_modality, method)(X, sample_weight=weight)
        audio, video = per_modality.transformers_.values()
        seen = modalities["audio"][present]
        assert_allclose(audio.mean_, np.average(seen, axis=0, weights=weight[present]))
        assert_array_equal(video.fitted_with_["sample_weight"], weight)


@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_metadata_that_is_not_spoken_for_is_scikit_learns_error(modalities, weight, method):
    per_modality = PerModality(StandardScaler())
    before = dict(vars(per_modality))
    with pytest.raises(UnsetMetadataPassedError, match=r"\[sample_weight\] are passed but are not"):
        getattr(per_modality, method)(modalities, sample_weight=weight)
    with pytest.raises(TypeError, match=r"unexpected argument.*'flavour'"):
        getattr(per_modality, method)(modalities, flavour=weight)
    with pytest.raises(TypeError, match=r"unexpected argument.*'sample_weight'"):
        getattr(PerModality("passthrough"), method)(modalities, sample_weight=weight)
    assert vars(per_modality) == before


def test_metadata_without_routing_is_scikit_learns_error(modalities, weight):
    per_modality = PerModality(weighted())
    with config_context(enable_metadata_routing=False):
        for call in (per_modality.fit, per_modality.fit_transform):
            with pytest.raises(ValueError, match="only supported if enable_metadata_routing=True"):
                call(modalities, sample_weight=weight)
        fitted = PerModality(Recorder()).fit(modalities)
        with pytest.raises(ValueError, match="only supported if enable_metadata_routing=True"):
            fitted.transform(modalities, zoom=2)


def test_a_transformer_without_fit_transform_gets_its_metadata(modalities, weight):
    class Bare(BaseEstimator):
        def fit(self, X, y=None, sample_weight=None):
            self.weight_ = sample_weight
            return self

        def transform(self, X):
            return X

    per_modality = PerModality(Bare().set_fit_request(sample_weight=True))
    per_modality.fit_transform(modalities, sample_weight=weight)
    assert_array_equal(per_modality.transformers_["video"].weight_, weight)


# the classifier behind PerModality


def model(**requests):
    clf = FrontDoorMultiModalClassifier(**SMALL).set_fit_request(
        **{"sample_weight": False, "mediator": False} | requests
    )
    return make_pipeline(PerModality(weighted()), clf)


def by_hand(X, y, rows, weight, mediator=None):
    scaler = PerModality(weighted()).fit(X[rows], sample_weight=weight[rows])
    clf = FrontDoorMultiModalClassifier(**SMALL)
    fitted = clf.fit(scaler.transform(X[rows]), y[rows], weight[rows], mediator)
    return fitted, scaler


def test_a_pipeline_hands_weights_to_both_steps_and_the_mediator_to_one(X, y, weight, mediator):
    pipeline = model(sample_weight=True, mediator=True)
    pipeline.fit(X, y, sample_weight=weight, mediator=mediator)
    expected, scaler = by_hand(X, y, np.arange(len(y)), weight, mediator)
    assert_allclose(pipeline.predict_proba(X), expected.predict_proba(scaler.transform(X)))


def test_a_pipeline_refuses_metadata_that_is_not_spoken_for(X, y, weight, mediator):
    unset = make_pipeline(PerModality(StandardScaler()), FrontDoorMultiModalClassifier(**SMALL))
    for metadata in ({"sample_weight": weight}, {"mediator": mediator}):
        with pytest.raises(UnsetMetadataPassedError, match="are not explicitly set as requested"):
            unset.fit(X, y, **metadata)
    with pytest.raises(TypeError, match=r"unexpected argument.*'flavour'"):
        unset.fit(X, y, flavour=weight)


def weighted_accuracy():
    return make_scorer(accuracy_score).set_score_request(sample_weight=True)


def test_grid_search_cuts_all_metadata_to_the_folds(X, y, weight, mediator, groups):
    pipeline = model(sample_weight=True, mediator=True)
    cv = GroupKFold(2)
    grid = {"frontdoormultimodalclassifier__beta": [0.0, 1.0]}
    search = GridSearchCV(pipeline, grid, cv=cv, scoring=weighted_accuracy(), refit=False)
    search.fit(X, y, sample_weight=weight, mediator=mediator, groups=groups)
    for i, (train, test) in enumerate(cv.split(X, y, groups)):
        clf, scaler = by_hand(X, y, train, weight, mediator[train])
        for j, beta in enumerate((0.0, 1.0)):
            predicted = clf.set_params(beta=beta).predict(scaler.transform(X[test]))
            expected = accuracy_score(y[test], predicted, sample_weight=weight[test])
            assert search.cv_results_[f"split{i}_test_score"][j] == pytest.approx(expected)


def test_cross_validate_routes_by_params(X, y, weight, mediator, groups):
    results = cross_validate(
        model(sample_weight=True, mediator=True),
        X,
        y,
        cv=GroupKFold(3),
        scoring=weighted_accuracy(),
        params={"sample_weight": weight, "mediator": mediator, "groups": groups},
        return_estimator=True,
        return_indices=True,
    )
    for fitted, train in zip(results["estimator"], results["indices"]["train"], strict=True):
        expected, scaler = by_hand(X, y, train, weight, mediator[train])
        assert_allclose(fitted[-1].predict_proba(X), expected.predict_proba(X))
        assert_allclose(fitted[0].transform(X)["audio"], scaler.transform(X)["audio"])
    with pytest.raises(UnsetMetadataPassedError, match="are not explicitly set as requested"):
        cross_validate(FrontDoorMultiModalClassifier(), X, y, params={"mediator": mediator})
    with pytest.raises(TypeError, match="unexpected argument"):
        cross_validate(model(), X, y, params={"flavour": weight})


def test_the_search_over_beta_behind_a_pipeline_equals_itself_on_transformed_rows(
    X, y, weight, mediator, groups
):
    search = FrontDoorMultiModalClassifierCV(
        betas=(0, 1), cv=GroupKFold(2), scoring=weighted_accuracy(), **SMALL
    ).set_fit_request(sample_weight=True, mediator=True)
    pipeline = make_pipeline(PerModality(weighted()), search)
    pipeline.fit(X, y, sample_weight=weight, mediator=mediator, groups=groups)
    scaled = PerModality(weighted()).fit_transform(X, sample_weight=weight)
    alone = clone(search).fit(scaled, y, sample_weight=weight, mediator=mediator, groups=groups)
    assert_array_equal(pipeline[-1].scores_, alone.scores_)
    assert_array_equal(pipeline.predict_proba(X), alone.predict_proba(scaled))


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", "roc_auc_ovr"])
def test_the_search_over_beta_says_how_a_score_by_name_is_weighted(X, y, weight, scoring):
    search = FrontDoorMultiModalClassifierCV(betas=(0, 1), cv=2, scoring=scoring, **SMALL)
    with pytest.raises(UnsetMetadataPassedError, match=f"scoring={scoring!r}") as caught:
        search.fit(X, y, sample_weight=weight)
    (remedy,) = re.findall(r"scoring=(get_scorer.*=True\))", str(caught.value))
    search.set_params(scoring=eval(remedy, {"get_scorer": get_scorer}))
    scores = search.fit(X, y, sample_weight=weight).scores_
    pipeline = make_pipeline(
        PerModality(StandardScaler().set_fit_request(sample_weight=False)),
        clone(search).set_fit_request(sample_weight=True),
    )
    pipeline.fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=False):
        expected = clone(search).set_params(scoring=scoring).fit(X, y, sample_weight=weight)
    assert_array_equal(scores, expected.scores_)


@pytest.mark.parametrize("classifier", [FusionClassifier, LateFusionClassifier])
def test_groups_of_a_splitter_reach_a_baseline(X, y, groups, inner_splits, classifier):
    clf = classifier(max_epochs=1, hidden_dim=8, early_stopping=True, random_state=0)
    GridSearchCV(clf, {}, cv=GroupKFold(2), refit=False).fit(X, y, groups=groups)
    assert inner_splits and all(given is not None for *_, given in inner_splits)


def test_groups_reach_the_inner_split_behind_a_pipeline_and_are_cut_to_the_folds(X, y, groups):
    stopping = FrontDoorMultiModalClassifier(early_stopping=True, **SMALL)
    pipeline = make_pipeline(PerModality(StandardScaler()), stopping)
    cv = GroupKFold(2)
    results = cross_validate(
        pipeline, X, y, cv=cv, params={"groups": groups}, return_estimator=True
    )
    for fitted, (train, _) in zip(results["estimator"], cv.split(X, y, groups), strict=True):
        scaled = PerModality(StandardScaler()).fit_transform(X[train])
        expected = clone(stopping).fit(scaled, y[train], groups=groups[train])
        assert_array_equal(fitted[-1].predict_proba(scaled), expected.predict_proba(scaled))
        without = clone(stopping).fit(scaled, y[train])
        assert not np.array_equal(without.predict_proba(scaled), expected.predict_proba(scaled))
