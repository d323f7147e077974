"""A scikit-learn classifier in the place of the network that sees."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import Memory
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skbetafd import FrontDoorMultiModalClassifierCV, MultiModalArray
from skbetafd.nn import adjustment
from skbetafd.nn.criterion import Batch
from skbetafd.nn.front_door_network import FrontDoorNetwork
from skbetafd.nn.losses import FrontDoorLoss
from skbetafd.nn.seeing_network import SeeingNetwork

BOOSTING = HistGradientBoostingClassifier(max_iter=3)
FOREST = RandomForestClassifier(n_estimators=3)
BAYES = GaussianNB()
EXACT = {"rtol": 1e-10, "atol": 1e-15}


def seen(clf, X):
    return clf.beta_path(X, [0])[0]


def holed(X, name, every=4):
    """Take a modality out of some rows."""
    return MultiModalArray(dict(X), present={name: np.arange(len(X)) % every > 0})


@pytest.mark.parametrize(
    "seeing", [BOOSTING, BAYES, make_pipeline(StandardScaler(), LogisticRegression())]
)
@pytest.mark.parametrize("n_members", [1, 2])
def test_beta_0_is_exactly_the_classifier_of_the_flat_table(seeing, n_members, X, y, quick):
    clf = quick(seeing=seeing, beta=0, n_members=n_members).fit(X, y)
    alone = clone(seeing).fit(np.asarray(X), y)
    assert_allclose(clf.predict_proba(X), alone.predict_proba(np.asarray(X)), **EXACT)
    assert_array_equal(clf.predict(X), alone.predict(np.asarray(X)))
    assert_array_equal(clf.seeing_.classes_, ["bird", "car", "rain"])
    assert not hasattr(seeing, "classes_")


def test_beta_between_mixes_the_classifier_with_what_the_network_does(X, y, quick):
    clf = quick(seeing=BOOSTING).fit(X, y)
    at_0, between, at_1 = clf.beta_path(X, [0, 0.3, 1])
    assert_allclose(between, 0.7 * at_0 + 0.3 * at_1, rtol=1e-6)
    assert np.abs(at_0 - at_1).max() > 0.1
    assert_allclose(clf.predict_proba(X), at_1, rtol=1e-6)


def test_no_network_learns_to_see_beside_a_classifier(X, y, quick):
    clf = quick(seeing=BAYES).fit(X, y)
    assert not any(isinstance(module, SeeingNetwork) for module in clf.module_.modules())
    assert {"train_seeing_loss", "train_partial_loss"}.isdisjoint(clf.history_[-1])
    sees = quick().fit(X, y)
    assert any(isinstance(module, SeeingNetwork) for module in sees.module_.modules())
    assert not hasattr(sees, "seeing_")
    assert not hasattr(clf.set_params(seeing="network").fit(X, y), "seeing_")


def test_gaps_come_as_nan_and_rows_without_the_predominant_modality_are_the_classifier_s(
    X, y, quick
):
    rows = holed(X, "audio")
    clf = quick(seeing=BOOSTING, predominant="audio").fit(rows, y)
    alone = clone(BOOSTING).fit(np.asarray(rows), y).predict_proba(np.asarray(rows))
    at_0, at_1 = clf.beta_path(rows, [0, 1])
    lacking = ~rows.present["audio"]
    assert_allclose(at_0, alone, **EXACT)
    assert_allclose(at_1[lacking], alone[lacking], **EXACT)
    assert np.abs(at_1[~lacking] - alone[~lacking]).max() > 0.1
    assert_allclose(seen(clf, {"audio": None, "video": X["video"]})[lacking], alone[lacking])


def test_a_classifier_without_gaps_is_asked_at_beta_1_about_no_row_that_it_is_not_needed_for(
    X, y, quick
):
    clf = quick(seeing=LogisticRegression(), predominant="audio").fit(X, y)
    rows = holed(X, "video")
    assert np.isfinite(clf.predict_proba(rows)).all()
    with pytest.raises(ValueError, match=r"LogisticRegression.*'video' has NaN in 30 of 120 rows"):
        clf.beta_path(rows, [0.5])


def test_a_pipeline_that_fills_gaps_takes_them(X, y, quick):
    rows = holed(X, "video")
    pipeline = make_pipeline(SimpleImputer(), LogisticRegression())
    alone = clone(pipeline).fit(np.asarray(rows), y)
    clf = quick(seeing=pipeline).fit(rows, y)
    assert_allclose(seen(clf, rows), alone.predict_proba(np.asarray(rows)), **EXACT)


def test_one_modality_is_predicted_by_the_classifier_at_every_beta(X, y, quick):
    rows = {"audio": X["audio"]}
    clf = quick(seeing=BAYES).fit(rows, y)
    alone = clone(BAYES).fit(X["audio"], y).predict_proba(X["audio"])
    assert_allclose(clf.beta_path(rows, [0, 1]), [alone, alone], **EXACT)
    assert_allclose(clf.predict_proba(rows), alone, **EXACT)  # at beta=1


@pytest.mark.filterwarnings("ignore:.* beta is without effect")
def test_with_few_complete_rows_the_classifier_is_asked_at_every_beta(X, y, quick):
    boosting = HistGradientBoostingClassifier(max_iter=3)
    rows = holed(X, "video", every=1)
    rows["video"][:5] = X["video"][:5]
    clf = quick(seeing=boosting, early_stopping=False).fit(rows, y)
    assert_array_equal(clf.beta_path(rows, [1])[0], clf.beta_path(rows, [0])[0])
    with pytest.raises(ValueError, match="HistGradientBoostingClassifier, which can't be exported"):
        clf.to_torch(beta=1)


def test_a_stream_after_a_fit_needs_partial_fit_too(X, y, quick):
    clf = quick(seeing=LogisticRegression(), early_stopping=False).fit(X, y)
    with pytest.raises(ValueError, match="LogisticRegression has no partial_fit"):
        clf.partial_fit(X, y)


def test_with_an_observed_mediator_the_classifier_sees_too(X, y, quick):
    mediator = np.where(y == "bird", "high", "low")
    clf = quick(seeing=BAYES, early_stopping=False).fit(X, y, mediator=mediator)
    alone = clone(BAYES).fit(np.asarray(X), y).predict_proba(np.asarray(X))
    at_0, between, at_1 = clf.beta_path(X, [0, 0.5, 1])
    assert_allclose(at_0, alone, **EXACT)
    assert_allclose(between, (at_0 + at_1) / 2, rtol=1e-6)
    watched = quick(seeing=BAYES, early_stopping=True).fit(X, y, mediator=mediator)
    assert np.isfinite(watched.history_[:, "valid_loss"]).all()


def test_columns_keep_their_names(X, y, quick):
    frames = {
        name: pd.DataFrame(value, columns=[f"c{i}" for i in range(value.shape[1])])
        for name, value in X.items()
    }
    by_name = make_column_transformer((StandardScaler(), ["audio__c1", "video__c0"]))
    pipeline = make_pipeline(by_name, LogisticRegression())
    flat = MultiModalArray(frames).feature_names
    table = pd.DataFrame(np.asarray(X), columns=flat)
    alone = clone(pipeline).fit(table, y).predict_proba(table)
    for rows in (frames, table):
        clf = quick(seeing=pipeline).fit(rows, y)
        assert_allclose(seen(clf, rows), alone, **EXACT)
    assert_allclose(seen(quick(seeing=pipeline).fit(frames, y), X), alone, **EXACT)


def test_a_search_calls_the_columns_in_its_folds_as_in_its_refit(X, y, quick):
    table = pd.DataFrame(np.asarray(X), columns=[*"abcdefg"])[[*"eafbgcd"]]
    modalities = {"audio": [*"abcd"], "video": [*"efg"]}
    by_name = make_column_transformer((StandardScaler(), ["audio__b", "video__e"]))
    own = quick(seeing=make_pipeline(by_name, LogisticRegression()), modalities=modalities)
    own = {name: value for name, value in own.get_params(deep=False).items() if name != "beta"}
    search = FrontDoorMultiModalClassifierCV(**own, cv=2, betas=[0]).fit(table, y)
    alone = make_pipeline(StandardScaler(), LogisticRegression()).fit(table[["b", "e"]], y)
    assert_allclose(seen(search, table), alone.predict_proba(table[["b", "e"]]), **EXACT)


@pytest.mark.parametrize(
    "seeing", [BOOSTING, make_pipeline(StandardScaler(), LogisticRegression())]
)
def test_weights_of_rows_and_labels_are_handed_on(seeing, X, y, quick):
    weight = np.arange(len(y)) % 5 + 1.0
    alone, last = clone(seeing), getattr(seeing, "steps", [["", None]])[-1][0]
    argument = f"{last}__sample_weight".removeprefix("__")
    alone.fit(np.asarray(X), y, **{argument: weight})
    clf = quick(seeing=seeing).fit(X, y, sample_weight=weight)
    assert_allclose(seen(clf, X), alone.predict_proba(np.asarray(X)), rtol=1e-6)
    half = np.where(y == "car", 0.5, 1.25)  # their sum is the number of rows
    alone.fit(np.asarray(X), y, **{argument: half})
    clf = quick(seeing=seeing, class_weight={"car": 2, "bird": 5, "rain": 5}).fit(X, y)
    assert_allclose(seen(clf, X), alone.predict_proba(np.asarray(X)), rtol=1e-6)


def test_a_row_of_weight_0_and_a_label_that_only_such_rows_have_are_not_learned(X, y, quick):
    used = y != "rain"
    clf = quick(seeing=BAYES).fit(X, y, sample_weight=used)
    alone = clone(BAYES).fit(np.asarray(X)[used], y[used]).predict_proba(np.asarray(X))
    assert_allclose(seen(clf, X), np.column_stack([alone, np.zeros(len(y))]), **EXACT)
    assert np.isfinite(clf.log_beta_path(X, [0, 0.5])).all()


def test_the_seed_is_the_classifier_s_unless_it_has_its_own(X, y, quick):
    def proba(seed, **parameters):
        forest = clone(FOREST).set_params(**parameters)
        return seen(quick(seeing=forest, random_state=seed).fit(X, y), X)

    assert_array_equal(proba(0), proba(0))
    assert (proba(0) != proba(1)).any()
    assert_array_equal(proba(0, random_state=7), proba(1, random_state=7))
    alone = clone(FOREST).set_params(random_state=7).fit(np.asarray(X), y)
    assert_allclose(proba(1, random_state=7), alone.predict_proba(np.asarray(X)), atol=1e-15)


def test_parameters_of_the_classifier_are_parameters_of_the_whole(quick):
    clf = quick(seeing=BOOSTING)
    assert clf.get_params()["seeing__max_iter"] == 3
    other = clone(clf).set_params(seeing__max_iter=2)
    assert (other.seeing.max_iter, BOOSTING.max_iter) == (2, 3)
    assert "seeing=HistGradientBoostingClassifier(max_iter=3)" in re.sub(r"\s+", "", repr(clf))
    assert "HistGradientBoostingClassifier" in clf._repr_html_()


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_search_goes_over_classifiers_and_their_parameters(n_jobs, X, y, quick):
    never = DummyClassifier(strategy="constant", constant="car")
    grid = [
        {"seeing": [never, BAYES, "network"]},
        {"seeing": [BOOSTING], "seeing__max_iter": [1, 2]},
    ]
    search = GridSearchCV(quick(beta=0), grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert scores[0] == pytest.approx(1 / 3)
    assert search.best_score_ > 0.9
    folds = GridSearchCV(BAYES, {}, cv=2).fit(np.asarray(X), y).cv_results_["mean_test_score"]
    assert scores[1] == folds[0]


def test_the_library_s_own_search_does_too(X, y, quick):
    own = quick(seeing=BOOSTING).get_params(deep=False)
    del own["beta"]
    grid = {"seeing__max_iter": [1, 4]}
    search = FrontDoorMultiModalClassifierCV(**own, betas=[0], cv=2, param_grid=grid).fit(X, y)
    expected = GridSearchCV(BOOSTING, {"max_iter": [1, 4]}, cv=2).fit(np.asarray(X), y)
    scores = [found.cv_results_["mean_test_score"] for found in (search, expected)]
    assert_array_equal(*scores)
    assert search.seeing_.max_iter == search.best_params_["seeing__max_iter"]
    assert BOOSTING.max_iter == 3


def test_a_pickle_predicts_as_before(X, y, quick):
    clf = quick(seeing=BOOSTING, beta=0.5).fit(X, y)
    again = pickle.loads(pickle.dumps(clf))
    assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_early_stopping_keeps_its_rows_from_the_classifier(X, y, quick, inner_splits):
    clf = quick(seeing=BAYES, early_stopping=True).fit(X, y)
    train, held_out, _ = inner_splits[0]
    assert len(held_out)
    alone = clone(BAYES).fit(np.asarray(X)[train], y[train])
    assert_allclose(seen(clf, X), alone.predict_proba(np.asarray(X)), **EXACT)
    rows = holed(X, "audio")
    clf = quick(seeing=BOOSTING, predominant="audio", early_stopping=True).fit(rows, y)
    assert np.isfinite(clf.history_[:, "valid_loss"]).all()


def test_rows_without_the_predominant_modality_are_not_watched():
    network = FrontDoorNetwork(
        [5, 4],
        3,
        predominant=0,
        hidden_dim=8,
        knowledge_dim=4,
        context_dim=4,
        sees=False,
        generator=torch.Generator().manual_seed(0),
    )
    weights = dict.fromkeys(["knowledge_weight", "disentangle_weight", "label_weight"], 1.0)
    loss = FrontDoorLoss(**weights, temperature=0.1)
    xs = [torch.randn(6, d, generator=torch.Generator().manual_seed(d)) for d in (5, 4)]
    present = torch.tensor([[1.0, 1], [1, 0], [0, 1]] * 2)

    def watched(*y):
        batch = Batch(xs, torch.tensor(y), torch.ones(6), present)
        return loss.held_out_loss(network, batch).item()

    assert watched(0, 1, 2, 0, 1, 2) == watched(0, 1, 0, 0, 1, 1)
    assert watched(0, 1, 2, 0, 1, 2) != watched(0, 2, 2, 0, 1, 2)


@pytest.mark.parametrize("mediated", [False, True])
def test_rows_in_chunks_are_predicted_as_together(mediated, X, y, quick, monkeypatch):
    mediator = np.where(y == "bird", "high", "low") if mediated else None
    clf = quick(seeing=BAYES).fit(X, y, mediator=mediator)
    together = clf.beta_path(X, [0, 0.5, 1])
    monkeypatch.setattr(adjustment, "CHUNK_ELEMENTS", 500)
    assert_allclose(clf.beta_path(X, [0, 0.5, 1]), together, rtol=1e-5)


def test_a_classifier_that_is_worse_than_the_class_frequencies_is_told(X, y, quick):
    rng = np.random.default_rng(0)
    noise = {name: rng.normal(size=value.shape) for name, value in X.items()}
    near = KNeighborsClassifier(1)
    with pytest.warns(UserWarning, match=r"The log-loss of \d+ held-out rows at beta=0"):
        quick(seeing=near, beta=0, early_stopping=True, validation_fraction=0.5).fit(noise, y)
    quick(seeing=near, beta=0).fit(noise, y)  # without held-out rows there is nothing to tell


def test_calibration_leaves_the_classifier_as_it_is(X, y, quick):
    on, off = (quick(seeing=BAYES, calibrate=c).fit(X, y) for c in (True, False))
    assert_array_equal(on.beta_path(X, [0, 1]), off.beta_path(X, [0, 1]))


@pytest.mark.parametrize("seeing", [BAYES, SGDClassifier(loss="log_loss", random_state=0)])
def test_a_stream_is_learned_by_the_classifier_s_partial_fit(seeing, X, y, quick):
    clf, alone = quick(seeing=seeing), clone(seeing)
    first = None
    for rows in np.array_split(np.arange(len(y)), 3):
        clf.partial_fit(X[rows], y[rows], classes=np.unique(y))
        alone.partial_fit(np.asarray(X)[rows], y[rows], classes=np.unique(y))
        assert_allclose(seen(clf, X), alone.predict_proba(np.asarray(X)), **EXACT)
        first = first or (clf.seeing_, clf.seeing_.predict_proba(np.asarray(X)))
    assert_array_equal(first[0].predict_proba(np.asarray(X)), first[1])  # no call changes it


def test_a_stream_goes_on_from_a_fit(X, y, quick):
    clf, alone = quick(seeing=BAYES), clone(BAYES)
    clf.fit(X[:60], y[:60])
    alone.fit(np.asarray(X)[:60], y[:60])
    clf.partial_fit(X[60:], y[60:])
    alone.partial_fit(np.asarray(X)[60:], y[60:])
    assert_allclose(seen(clf, X), alone.predict_proba(np.asarray(X)), **EXACT)


def test_a_warm_start_fits_the_classifier_anew(X, y, quick):
    clf = quick(seeing=BAYES, warm_start=True).fit(X, y)
    before = clf.beta_path(X[:60], [1])
    clf.fit(X[:60], y[:60])
    alone = clone(BAYES).fit(np.asarray(X)[:60], y[:60])
    assert_allclose(seen(clf, X), alone.predict_proba(np.asarray(X)), **EXACT)
    assert (clf.beta_path(X[:60], [1]) != before).any()
    with pytest.raises(ValueError, match="seeing"):
        clf.set_params(seeing="network").fit(X, y)


def test_a_memory_tells_classifiers_apart(X, y, quick, tmp_path):
    memory = Memory(tmp_path, verbose=0)

    def proba(seeing):
        return seen(quick(seeing=seeing, memory=memory).fit(X, y), X)

    first, second = proba(BAYES), proba(GaussianNB(var_smoothing=1.0))
    assert (first != second).any()
    assert_array_equal(proba(clone(BAYES)), first)


class Counted(ClassifierMixin, BaseEstimator):
    """Counts its fits."""

    fits = 0

    def fit(self, X, y):
        type(self).fits += 1
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


def test_a_memory_fits_equal_classifiers_once(X, y, quick, tmp_path):
    before = Counted.fits
    for beta in (0, 1):
        quick(seeing=Counted(), memory=tmp_path, beta=beta).fit(X, y)
    assert Counted.fits == before + 1


@pytest.mark.parametrize("where", ["memory", "checkpoint_dir"])
def test_a_classifier_that_can_not_be_told_from_others_is_refused(where, X, y, quick, tmp_path):
    pipeline = make_pipeline(FunctionTransformer(lambda x: x), GaussianNB())
    with pytest.raises(ValueError, match=r"seeing=Pipeline can't be told .*memory"):
        quick(seeing=pipeline, **{where: tmp_path}).fit(X, y)


def test_checkpoints_know_the_classifier(X, y, quick, tmp_path):
    expected = quick(seeing=BAYES).fit(X, y).beta_path(X, [0, 1])
    clf = quick(seeing=BAYES, checkpoint_dir=tmp_path).fit(X, y)
    assert_allclose(clf.beta_path(X, [0, 1]), expected)
    assert not list(tmp_path.iterdir())


def test_a_stack_whose_probabilities_come_with_its_fit_is_taken(X, y, quick):
    stack = StackingClassifier([("bayes", GaussianNB())], cv=2)
    alone = clone(stack).fit(np.asarray(X), y)
    clf = quick(seeing=stack).fit(X, y)
    assert_allclose(seen(clf, X), alone.predict_proba(np.asarray(X)), **EXACT)


def test_beta_1_is_exported_and_nan_where_the_classifier_would_predict(X, y, quick):
    clf = quick(seeing=BOOSTING, predominant="audio").fit(X, y)
    rows = holed(X, "audio")
    feed = [torch.from_numpy(value) for value in clf.input_feed(rows).values()]
    proba = clf.to_torch(beta=1)(*feed)[0].numpy()
    having = rows.present["audio"]
    assert_allclose(proba[having], clf.predict_proba(rows)[having], atol=1e-6)
    assert np.isnan(proba[~having]).all()
