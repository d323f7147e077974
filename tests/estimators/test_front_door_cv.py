import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.metrics import accuracy_score, log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    PerModality,
    VacuousAdjustmentWarning,
)

BETAS = [0.0, 0.5, 1.0]
SMALL = {
    "calibrate": False,
    "max_epochs": 2,
    "hidden_dim": 8,
    "n_references": 8,
    "dtype": "float64",
    "random_state": 0,
    "predominant": 0,
}


def make(**parameters):
    return FrontDoorMultiModalClassifierCV(**{"betas": BETAS, "cv": 3} | SMALL | parameters)


def make_grid(grid=None, cv=3, scoring=None, **parameters):
    classifier = FrontDoorMultiModalClassifier(**SMALL | parameters)
    grids = grid if isinstance(grid, list) else [grid or {}]
    grids = [{"beta": BETAS, **g} for g in grids]
    return GridSearchCV(classifier, grids, cv=cv, scoring=scoring, error_score="raise")


def position(search, params):
    return search.cv_results_["params"].index(params)


def assert_same_search(found, expected, X):
    ours, theirs = found.cv_results_, expected.cv_results_
    assert len(ours["params"]) == len(theirs["params"])
    order = [position(expected, params) for params in ours["params"]]
    assert found.n_splits_ == expected.n_splits_
    splits = [f"split{i}_test_score" for i in range(found.n_splits_)]
    for name in (*splits, "mean_test_score", "std_test_score", "rank_test_score"):
        assert_allclose(ours[name], theirs[name][order], atol=1e-8, err_msg=name)
    for name in (name for name in theirs if name.startswith("param_")):
        column = theirs[name][order]
        assert_array_equal(np.ma.getmaskarray(ours[name]), np.ma.getmaskarray(column))
        assert ours[name].compressed().tolist() == column.compressed().tolist()
    assert found.best_score_ == pytest.approx(expected.best_score_, abs=1e-8)
    assert found.best_params_ == expected.best_params_
    assert found.beta_ == found.beta == expected.best_params_["beta"]
    assert found.cv_results_["params"][found.best_index_] == found.best_params_
    assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-8)
    assert_array_equal(found.predict(X), expected.predict(X))


@pytest.fixture
def groups(y):
    return np.arange(len(y)) // 6 % 3


@pytest.fixture
def weight(y):
    return np.random.default_rng(1).uniform(0.1, 3, len(y))


@pytest.fixture(scope="module")
def fitted(modalities, y):
    return make().fit(modalities, y)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss", "balanced_accuracy"])
@pytest.mark.parametrize("predominant", ["auto", 1])
def test_it_is_the_grid_search_over_beta(scoring, predominant, X, y):
    shared = {"scoring": scoring, "predominant": predominant}
    found = make(**shared).fit(X, y)
    assert_same_search(found, make_grid(**shared).fit(X, y), X)
    assert found.scores_.shape == (3, 3)
    by_fold = [found.cv_results_[f"split{i}_test_score"] for i in range(3)]
    assert_array_equal(found.scores_, by_fold)


@pytest.mark.slow
@pytest.mark.parametrize(
    "grid",
    [
        {"hidden_dim": [8, 4], "learning_rate": [1e-3, 1e-2]},
        [{"hidden_dim": [8, 4]}, {"dropout": [0.0], "knowledge_weight": [0.0, 1.0]}],
        {"predominant": ["audio", "video"]},
        {"effect": ["conditional", "population"], "n_members": [2]},
        {"standardize": [False], "batch_size": [-1, 16], "max_epochs": [1, 3]},
    ],
    ids=["dict", "list", "predominant", "effect", "schedule"],
)
def test_it_is_the_grid_search_over_further_parameters(grid, X, y):
    found = make(scoring="neg_log_loss", param_grid=grid).fit(X, y)
    assert_same_search(found, make_grid(grid, scoring="neg_log_loss").fit(X, y), X)
    assert found.scores_.shape == (3, 3)
    best = {k: v for k, v in found.best_params_.items() if k != "beta"}
    rows = [position(found, {**best, "beta": beta}) for beta in BETAS]
    for fold, scores in enumerate(found.scores_):
        assert_array_equal(scores, found.cv_results_[f"split{fold}_test_score"][rows])


def test_the_refit_is_the_classifier_of_the_best_setting(X, y):
    found = make(param_grid={"hidden_dim": [4, 8]}, scoring="neg_log_loss").fit(X, y)
    single = FrontDoorMultiModalClassifier(**SMALL | found.best_params_).fit(X, y)
    assert_array_equal(found.predict_proba(X), single.predict_proba(X))
    assert_array_equal(found.beta_path(X, BETAS), single.beta_path(X, BETAS))
    assert found.predominant_ == single.predominant_
    assert found.n_iter_ == single.n_iter_
    assert_array_equal(found.classes_, single.classes_)
    assert found.n_features_in_ == 7
    assert found.score(X, y) == single.score(X, y)


def test_of_equal_scores_the_first_beta_wins(X, y):
    for betas in (BETAS, BETAS[::-1]):
        found = make(betas=betas, scoring=lambda *_: 1.0).fit(X, y)
        assert found.beta_ == betas[0]
        assert found.cv_results_["rank_test_score"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("betas", [(0.25,), np.array([0.0, 1.0]), range(2)], ids=repr)
def test_betas_may_be_any_sequence(betas, X, y):
    found = make(betas=betas).fit(X, y)
    assert found.scores_.shape == (3, len(betas))
    assert found.beta_ in list(betas)


def test_every_form_of_the_data_gives_the_same_search(modalities, flat, y, fitted):
    names = [f"{name}__{i}" for name, a in modalities.items() for i in range(a.shape[1])]
    expected = fitted.scores_, fitted.predict_proba(modalities)
    forms = {
        "list": (list(modalities.values()), None),
        "container": (MultiModalArray(modalities), None),
        "frame": (pd.DataFrame(flat, columns=names), None),
        "flat with widths": (flat, [4, 3]),
        "flat with names": (flat, {"audio": slice(0, 4), "video": slice(4, 7)}),
        "nested list": (flat.tolist(), [4, 3]),
    }
    for form, (data, columns) in forms.items():
        found = make(modalities=columns).fit(data, y)
        for other, value in zip((found.scores_, found.predict_proba(data)), expected, strict=True):
            assert_allclose(other, value, atol=1e-8, err_msg=form)
    assert fitted.modality_names_ == ["audio", "video"]


def test_labels_may_be_a_list_or_a_series(X, y, fitted):
    for labels in (list(y), pd.Series(y, index=np.arange(len(y)) + 500)):
        found = make().fit(X, labels)
        assert_allclose(found.scores_, fitted.scores_, atol=1e-8)


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "category"])
def test_classes_of_a_series_are_those_of_the_classifier(dtype, X, y):
    codes = np.unique(y, return_inverse=True)[1]
    labels = pd.Series(codes > 0 if dtype == "boolean" else codes).astype(dtype)
    expected = FrontDoorMultiModalClassifier(**SMALL).fit(X, labels).classes_
    assert make(cv=2, betas=[0]).fit(X, labels).classes_.dtype == expected.dtype


def test_rows_may_lack_modalities(modalities, y):
    X = MultiModalArray(modalities, present={"video": np.arange(len(y)) % 4 > 0})
    found = make(scoring="neg_log_loss").fit(X, y)
    assert_same_search(found, make_grid(scoring="neg_log_loss").fit(X, y), X)


def negative_log_loss(classifier, X, y):
    return -log_loss(y, classifier.predict_proba(X))


@pytest.mark.filterwarnings("ignore:The scoring .* does not support sample_weight")
def test_weights_go_to_the_fits_of_the_folds(X, y, weight):
    found = make(scoring=negative_log_loss).fit(X, y, weight)
    expected = make_grid(scoring=negative_log_loss).fit(X, y, sample_weight=weight)
    assert_same_search(found, expected, X)
    unweighted = make(scoring=negative_log_loss).fit(X, y)
    assert np.abs(found.scores_ - unweighted.scores_).max() > 1e-6


def test_one_weight_for_all_rows_is_no_weight(X, y, fitted):
    assert_array_equal(make().fit(X, y, sample_weight=2).scores_, fitted.scores_)


@pytest.mark.parametrize("scoring", [None, "neg_log_loss"])
def test_weights_go_to_a_scorer_that_takes_them(scoring, X, y, weight):
    found = make(scoring=scoring).fit(X, y, weight)
    assert_same_search(found, make_grid(scoring=scoring).fit(X, y, sample_weight=weight), X)


@pytest.mark.parametrize("form", [np.asarray, list, pd.Series], ids=["array", "list", "series"])
@pytest.mark.parametrize("kind", ["continuous", "categorical"])
def test_a_mediator_goes_to_the_fits_of_the_folds(kind, form, X, y):
    reading = np.random.default_rng(2).normal(size=len(y))
    if kind == "categorical":
        reading = np.array(["low", "high"])[(reading > 0).astype(int)]
    small = {"n_mediator_samples": 4, "scoring": "neg_log_loss"}
    found = make(**small).fit(X, y, mediator=form(reading))
    assert_same_search(found, make_grid(**small).fit(X, y, mediator=reading), X)
    assert type(found.module_).__name__ == "MediatorNetwork"


@pytest.mark.parametrize("cv", [LeaveOneGroupOut(), GroupKFold(2)], ids=repr)
def test_groups_go_to_the_splitter(cv, X, y, groups):
    found = make(cv=cv, scoring="neg_log_loss").fit(X, y, groups=groups)
    expected = make_grid(cv=cv, scoring="neg_log_loss").fit(X, y, groups=groups)
    assert_same_search(found, expected, X)
    assert found.n_splits_ == cv.get_n_splits(groups=groups)


def test_groups_go_to_the_splitter_by_routing_too(X, y, groups):
    unrouted = make(cv=LeaveOneGroupOut()).fit(X, y, groups=groups)
    with config_context(enable_metadata_routing=True):
        routed = make(cv=LeaveOneGroupOut()).fit(X, y, groups=groups)
    assert_array_equal(routed.scores_, unrouted.scores_)


def test_by_routing_a_scorer_has_the_weights_of_the_test_rows(X, y, weight):
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        found = make(scoring=scorer).fit(X, y, sample_weight=weight)
        search = make_grid(scoring=scorer)
        search.estimator.set_fit_request(sample_weight=True)
        assert_same_search(found, search.fit(X, y, sample_weight=weight), X)
        unweighted = make(scoring=scorer.set_score_request(sample_weight=False))
        unweighted.fit(X, y, sample_weight=weight)
    assert np.abs(unweighted.scores_ - found.scores_).max() > 1e-6


def test_by_routing_what_nobody_asks_for_is_refused(X, y, weight):
    with config_context(enable_metadata_routing=True):
        with pytest.raises(TypeError, match="colour"):
            make().fit(X, y, colour=weight)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            make(scoring=make_scorer(accuracy_score)).fit(X, y, sample_weight=weight)


def test_by_routing_the_search_can_be_nested_with_groups(X, y):
    groups = np.arange(len(y)) // 6 % 4
    with config_context(enable_metadata_routing=True):
        inner = make(cv=GroupKFold(2)).set_fit_request(sample_weight=False)
        scores = cross_val_score(
            inner, X, y, cv=GroupKFold(2), params={"groups": groups}, error_score="raise"
        )
    assert scores.shape == (2,)


def test_a_scorer_may_use_the_rows_and_beta(X, y):
    seen = []

    def score(estimator, X, y):
        assert isinstance(X, MultiModalArray)
        assert len(X) == len(y) == 40
        seen.append(estimator.beta)
        halves = np.concatenate([estimator.predict_proba(X[:9]), estimator.predict_proba(X[9:])])
        assert_allclose(halves, estimator.predict_proba(X), atol=1e-8)
        flipped = estimator.beta_path(X, [1 - estimator.beta])[0]
        return estimator.beta - log_loss(y, halves) - log_loss(y, flipped)

    found = make(scoring=score).fit(X, y)
    assert seen == 3 * BETAS
    assert_same_search(found, make_grid(scoring=score).fit(X, y), X)


def test_a_scorer_that_uses_the_effect_sees_the_setting_s(X, y):
    def score(estimator, X, y):
        return float(estimator.effect == "population")

    found = make(scoring=score, param_grid={"effect": ["conditional", "population"]}).fit(X, y)
    assert found.best_params_["effect"] == "population"


@pytest.mark.parametrize(
    "cv",
    [KFold(4), StratifiedKFold(2, shuffle=True, random_state=3), None, 2],
    ids=["k-fold", "shuffled", "none", "number"],
)
def test_cv_is_read_as_the_grid_search_reads_it(cv, X, y):
    assert_same_search(make(cv=cv).fit(X, y), make_grid(cv=cv).fit(X, y), X)


def test_cv_may_be_an_iterable_of_splits(X, y):
    splits = [(np.arange(0, 60), np.arange(60, 90)), (np.arange(60, 120), np.arange(5, 40))]
    found = make(cv=splits, scoring="neg_log_loss").fit(X, y)
    assert_same_search(found, make_grid(cv=splits, scoring="neg_log_loss").fit(X, y), X)
    once = make(cv=iter(splits), scoring="neg_log_loss").fit(X, y)
    assert_array_equal(once.scores_, found.scores_)


@pytest.mark.slow
def test_two_processes_give_what_one_gives(X, y):
    one, two = (
        make(n_jobs=n, param_grid={"hidden_dim": [4, 8]}, scoring="neg_log_loss").fit(X, y)
        for n in (None, 2)
    )
    for name in ("mean_test_score", "std_test_score"):
        assert_allclose(two.cv_results_[name], one.cv_results_[name], atol=1e-8)
    assert two.best_params_ == one.best_params_
    assert_allclose(two.predict_proba(X), one.predict_proba(X), atol=1e-8)


def test_without_a_refit_there_are_scores_but_no_predictor(X, y, fitted):
    found = make(refit=False).fit(X, y)
    assert_array_equal(found.scores_, fitted.scores_)
    assert found.beta_ == fitted.beta_
    assert found.best_params_ == fitted.best_params_
    for call in (found.predict, found.predict_proba, lambda X: found.beta_path(X, BETAS)):
        with pytest.raises(NotFittedError, match=r"fitted with refit=False.*best_params_"):
            call(X)


def test_a_search_without_a_refit_forgets_an_earlier_predictor(X, y):
    found = make().fit(X, y).set_params(refit=False).fit(X, y)
    with pytest.raises(NotFittedError):
        found.predict(X)


def test_a_bad_value_is_named_at_its_row_in_the_user_s_data(modalities, y):
    video = modalities["video"].copy()
    video[77, 1] = np.inf
    with pytest.raises(ValueError, match="'video' contains infinity at row 77, column 1"):
        make().fit({"audio": modalities["audio"], "video": video}, y)


def test_one_modality_warns_that_beta_is_without_effect_unless_it_is_zero(modalities, y):
    with pytest.warns(VacuousAdjustmentWarning):
        make().fit(MultiModalArray({"audio": modalities["audio"]}), y)


def test_parameters_are_the_classifier_s_with_betas_for_beta():
    own = set(make().get_params())
    classifier = set(FrontDoorMultiModalClassifier().get_params())
    assert classifier - own == {"beta"}
    assert own - classifier == {"betas", "param_grid", "cv", "scoring", "refit", "n_jobs"}
    ours, theirs = FrontDoorMultiModalClassifierCV(), FrontDoorMultiModalClassifier()
    shared = own & classifier
    assert {n: getattr(ours, n) for n in shared} == {n: getattr(theirs, n) for n in shared}
    with pytest.raises(ValueError, match="Invalid parameter 'beta'"):
        make().set_params(beta=0)


def test_a_clone_and_a_pickled_copy_give_the_same(X, y, fitted):
    again = clone(fitted).fit(X, y)
    assert not hasattr(clone(fitted), "beta_")
    copy = pickle.loads(pickle.dumps(fitted))
    for other in (again, copy):
        assert_array_equal(other.scores_, fitted.scores_)
        assert_array_equal(other.predict_proba(X), fitted.predict_proba(X))
        assert other.get_params() == fitted.get_params()


def test_a_second_fit_forgets_the_first(X, modalities, y, fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    copy.set_params(betas=[0.5], cv=2).fit([modalities["audio"], modalities["video"][:, :2]], y)
    assert copy.scores_.shape == (2, 1)
    assert copy.beta == 0.5
    assert copy.modality_names_ == ["modality0", "modality1"]
    assert "split2_test_score" not in copy.cv_results_


def test_effect_and_batch_of_prediction_are_read_at_prediction(X, y, fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    copy.beta_ = 1.0
    before = copy.predict_proba(X)
    assert np.abs(copy.set_params(effect="population").predict_proba(X) - before).max() > 1e-6
    copy.set_params(effect="conditional", predict_batch_size=7)
    assert_allclose(copy.predict_proba(X), before, atol=1e-12)


def test_the_last_step_of_a_pipeline_may_be_the_search(modalities, y):
    pipeline = make_pipeline(PerModality(StandardScaler()), make())
    pipeline.fit(modalities, y)
    assert pipeline.predict(modalities).shape == y.shape
    alone = make().fit(PerModality(StandardScaler()).fit_transform(modalities), y)
    assert_array_equal(pipeline[-1].scores_, alone.scores_)


def test_cross_validation_nests_the_search(X, y):
    pipeline = make_pipeline(PerModality(StandardScaler()), make(cv=2))
    cv = StratifiedKFold(3)
    scores = cross_val_score(pipeline, X, y, cv=cv, error_score="raise")
    train, test = next(cv.split(X, y))
    assert scores[0] == clone(pipeline).fit(X[train], y[train]).score(X[test], y[test])


def test_it_is_silent_unless_it_is_asked(X, y, capsys):
    make().fit(X, y)
    assert capsys.readouterr() == ("", "")
    make(verbose=1).fit(X, y)
    assert "networks" in capsys.readouterr().err


def test_random_state_instances_are_read_once_a_fit(X, y):
    first, second = (
        make(random_state=np.random.RandomState(5), predominant="auto").fit(X, y) for _ in range(2)
    )
    assert_array_equal(first.scores_, second.scores_)
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))


def test_memory_keeps_the_refit(X, y, tmp_path):
    search = make(memory=str(tmp_path)).fit(X, y)
    again = clone(search).fit(X, y)
    assert_array_equal(again.predict_proba(X), search.predict_proba(X))
    assert len(list(tmp_path.rglob("output.pkl"))) == 1


@pytest.mark.parametrize("betas", [BETAS, [], [7], "all"], ids=repr)
def test_an_unfitted_search_says_so_whatever_its_betas(betas, X):
    with pytest.raises(NotFittedError):
        make(betas=betas).predict(X)


def test_a_score_of_nan_ranks_last(X, y):
    scores = {0.0: np.nan, 0.5: 1.0, 1.0: 0.0}
    search = make(scoring=lambda classifier, X, y: scores[classifier.beta])
    with pytest.warns(UserWarning, match=r"test scores are non-finite: \[nan  1.  0.\]"):
        found = search.fit(X, y)
    assert found.cv_results_["rank_test_score"].tolist() == [3, 1, 2]
    assert found.beta_ == 0.5


def test_a_scorer_may_ask_for_parameters_clone_or_change_the_estimator(X, y):
    def scorer(classifier, X, y):
        repr(classifier)
        assert clone(classifier).get_params()["beta"] == classifier.beta
        return classifier.set_params(effect="population").score(X, y)

    found = make(scoring=scorer).fit(X, y)
    expected = make(effect="population").fit(X, y)
    assert_array_equal(found.scores_, expected.scores_)


def test_a_fold_that_fails_is_named(X, y):
    with pytest.raises(ValueError, match=r"fold 0: y has one class"):
        make(cv=[(np.flatnonzero(y == "bird"), np.arange(9))]).fit(X, y)
    with pytest.raises(ValueError, match=r"cv gave no split, got cv=\[\]"):
        make(cv=[]).fit(X, y)


@pytest.mark.parametrize("value", [None, "good", {"accuracy": 1.0}])
def test_a_score_that_is_no_number_is_refused_with_its_scorer(value, X, y):
    with pytest.raises(ValueError, match=f"scoring must return a number, got {value!r} from"):
        make(scoring=lambda *_: value).fit(X, y)


def test_a_generator_of_splits_survives_metadata_routing(X, y):
    splits = ((np.arange(60), np.arange(60, 120)) for _ in range(2))
    with config_context(enable_metadata_routing=True):
        assert make(cv=splits).fit(X, y).n_splits_ == 2


def test_at_verbose_2_an_epoch_of_a_stack_is_a_printed_row(X, y, capsys):
    make(verbose=2, refit=False).fit(X, y)
    assert capsys.readouterr().out.count("train_loss") == 2
