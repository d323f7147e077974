import copy
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from skorch.callbacks import EpochTimer

from skbetafd import MultiModalArray
from skbetafd.fitting import fit as fitting
from skbetafd.fitting import fit_keys

BETAS = [0.0, 0.25, 0.5, 1.0]


@pytest.fixture
def fits(monkeypatch):
    """A list that is one longer after every fit that was not taken from a cache."""
    seen = []
    fit_all = fitting.fit_all

    def counted(requests):
        seen.extend(requests)
        return fit_all(requests)

    monkeypatch.setattr(fitting, "fit_all", counted)
    monkeypatch.setattr("skbetafd.estimators.front_door.fit_all", counted)
    return seen


MEMORIES = {
    "string": str,
    "path": Path,
    "joblib": lambda path: joblib.Memory(str(path), verbose=0),
}


@pytest.mark.parametrize("kind", MEMORIES)
def test_a_search_over_what_is_read_at_prediction_fits_once_a_fold(
    kind, X, y, quick, fits, tmp_path
):
    grid = {"beta": [0.0, 1.0], "effect": ["conditional", "population"]}

    def search(**parameters):
        return GridSearchCV(
            quick(**parameters), grid, cv=3, scoring="neg_log_loss", error_score="raise"
        ).fit(X, y)

    expected = search()
    del fits[:]
    found = search(memory=MEMORIES[kind](tmp_path))
    assert len(fits) == 3 + 1
    for name in ("mean_test_score", "std_test_score", "rank_test_score"):
        assert_array_equal(found.cv_results_[name], expected.cv_results_[name])
    assert found.best_params_ == expected.best_params_
    assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("kind", MEMORIES)
def test_an_equal_fit_is_taken_from_the_cache(kind, X, modalities, y, quick, fits, tmp_path):
    memory = MEMORIES[kind](tmp_path)
    first = quick(memory=memory).fit(X, y)
    for data in (X, MultiModalArray(modalities), modalities):
        again = quick(memory=memory).fit(data, list(y))
        assert_array_equal(again.predict_proba(X), first.predict_proba(X))
        assert again.history_[-1, "train_loss"] == first.history_[-1, "train_loss"]
        assert again.modality_scores_ == first.modality_scores_
        assert again.predominant_ == first.predominant_
        assert_array_equal(again.references_.log_mass, first.references_.log_mass)
    assert len(fits) == 1


FREE = {
    "beta": 0.0,
    "effect": "population",
    "predict_batch_size": 7,
    "verbose": 1,
    "modalities": {"audio": 4, "video": 3},
    "encoder_learning_rate": 1e-4,
    "memory": None,
    "device": "cpu",
    "warm_start": True,
}
COUNTED = {
    "encoders": "linear",
    "predominant": "video",
    "seeing": GaussianNB(),
    "hidden_dim": 9,
    "knowledge_dim": 8,
    "context_dim": 8,
    "n_references": 4,
    "n_mediator_samples": 4,
    "knowledge_weight": 0.0,
    "disentangle_weight": 0.0,
    "label_weight": 0.0,
    "temperature": 1.0,
    "dropout": 0.0,
    "standardize": False,
    "max_epochs": 1,
    "batch_size": 16,
    "calibrate": True,
    "learning_rate": 1e-3,
    "weight_decay": 1.0,
    "lr_schedule": "cosine",
    "max_grad_norm": 0.1,
    "class_weight": {"bird": 2.0},
    "early_stopping": True,
    "validation_fraction": 0.5,
    "n_iter_no_change": 3,
    "n_members": 2,
    "dtype": "float64",
    "random_state": 1,
}


def test_every_parameter_is_told_to_be_in_the_key_or_not(quick):
    never_kept = {
        "accelerate",
        "callbacks",
        "checkpoint_dir",
        "seeing",
    }  # the latter two in test_checkpoints.py and test_seeing.py
    assert FREE.keys() | COUNTED.keys() | never_kept == quick().get_params().keys()


@pytest.mark.parametrize("name", COUNTED)
def test_another_value_of_what_fit_uses_is_another_fit(name, X, y, quick, fits, tmp_path):
    memory = str(tmp_path)
    quick(memory=memory).fit(X, y)
    changed = {name: COUNTED[name]}
    found = quick(memory=memory, **changed).fit(X, y)
    assert len(fits) == 2
    assert_array_equal(found.predict_proba(X), quick(**changed).fit(X, y).predict_proba(X))


@pytest.mark.parametrize("name", FREE)
def test_another_value_of_what_fit_does_not_use_is_no_other_fit(
    name, X, y, quick, fits, tmp_path, capsys
):
    memory = str(tmp_path)
    quick(memory=memory, device="auto" if name != "device" else "cpu").fit(X, y)
    changed = {"memory": memory, name: FREE[name]}
    if name == "memory":
        changed["memory"] = joblib.Memory(str(tmp_path), verbose=0)
    found = quick(**changed).fit(X, y)
    assert len(fits) == 1
    expected = quick(**changed | {"memory": None}).fit(X, y)
    assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


def with_one_value_changed(modalities):
    video = modalities["video"].copy()
    video[117, 2] += 1e-3
    return {**modalities, "video": video}


def test_changed_data_labels_weights_or_mediators_are_another_fit(
    modalities, y, quick, fits, tmp_path
):
    reading = np.random.default_rng(0).normal(size=len(y))
    labels = y.copy()
    labels[5] = "bird" if y[5] != "bird" else "car"
    weight = np.ones(len(y))
    weight[3] = 2
    other_reading = reading.copy()
    other_reading[8] += 1e-3
    classifier = quick(memory=str(tmp_path), n_mediator_samples=4)
    many = [
        (modalities, y),
        (with_one_value_changed(modalities), y),
        (dict(reversed(modalities.items())), y),
        ({"sound": modalities["audio"], "video": modalities["video"]}, y),
        ({name: value[:-1] for name, value in modalities.items()}, y[:-1]),
        (modalities, labels),
        (modalities, y, weight),
        (modalities, y, None, reading),
        (modalities, y, None, other_reading),
        (modalities, y, None, (reading > 0).astype(int)),
        ({**modalities, "video": np.where(weight[:, None] > 1, np.nan, modalities["video"])}, y),
    ]
    for n, arguments in enumerate(many, start=1):
        found = clone(classifier).fit(*arguments)
        assert len(fits) == n
        expected = clone(classifier).set_params(memory=None).fit(*arguments)
        del fits[-1]
        X = arguments[0] if len(arguments[0]["video"]) == len(y) else modalities
        assert_array_equal(found.predict_proba(X), expected.predict_proba(X))


def test_labels_of_another_spelling_keep_their_names_in_a_cached_fit(X, y, quick, fits, tmp_path):
    classifier = quick(memory=str(tmp_path))
    by_name = clone(classifier).fit(X, y)
    by_number = clone(classifier).fit(X, np.unique(y, return_inverse=True)[1] * 10)
    assert by_name.classes_.tolist() == ["bird", "car", "rain"]
    assert by_number.classes_.tolist() == [0, 10, 20]
    assert_array_equal(by_name.predict_proba(X), by_number.predict_proba(X))


def test_weights_of_another_scale_are_the_same_fit(X, y, quick, fits, tmp_path):
    for scale in (1, 4):
        quick(memory=str(tmp_path)).fit(X, y, np.full(len(y), scale))
    assert len(fits) == 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"random_state": None},
        {"random_state": np.random.RandomState(0)},
        {"callbacks": [("own", EpochTimer())]},
    ],
)
def test_a_fit_that_can_not_be_repeated_is_not_kept(parameters, X, y, quick, fits, tmp_path):
    for _ in range(2):
        with pytest.warns(UserWarning, match="memory is not used: only a fit .* random_state="):
            quick(memory=str(tmp_path), **parameters).fit(X, y)
    assert len(fits) == 2
    assert not list(tmp_path.rglob("output.pkl"))


def test_numpy_integers_are_random_states_too(X, y, quick, fits, tmp_path):
    for _ in range(2):
        quick(memory=str(tmp_path), random_state=np.int64(3)).fit(X, y)
    assert len(fits) == 1


@pytest.mark.slow
def test_a_fit_of_another_process_is_taken(X, y, quick, fits, tmp_path):
    classifier = quick(memory=str(tmp_path / "cache"))
    with open(tmp_path / "task.pkl", "wb") as file:
        pickle.dump((classifier, np.asarray(X["audio"]), np.asarray(X["video"]), y), file)
    code = (
        "import pickle, sys, torch; torch.set_num_threads(1)\n"
        "clf, audio, video, y = pickle.load(open(sys.argv[1], 'rb'))\n"
        "clf.fit({'audio': audio, 'video': video}, y)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "task.pkl")], check=True)
    found = clone(classifier).fit(X, y)
    assert not fits
    assert_array_equal(found.predict_proba(X), quick().fit(X, y).predict_proba(X))


def test_another_version_of_the_library_is_another_fit(X, y, quick, fits, tmp_path, monkeypatch):
    for version in ("1", "2", "2"):
        monkeypatch.setattr(fit_keys, "version", lambda _, version=version: version)
        quick(memory=str(tmp_path)).fit(X, y)
    assert len(fits) == 2


def test_a_failed_fit_is_not_kept(X, y, quick, tmp_path):
    classifier = quick(memory=str(tmp_path), learning_rate=1e30)
    for _ in range(2):
        with pytest.raises(ValueError, match="diverged"):
            classifier.fit(X, y)
    assert not hasattr(classifier, "net_")


def test_what_one_estimator_does_to_a_cached_fit_no_other_sees(X, y, quick, tmp_path):
    first, second = (quick(memory=str(tmp_path)).fit(X, y) for _ in range(2))
    expected = second.predict_proba(X)
    next(first.module_.parameters()).data.zero_()
    assert_array_equal(second.predict_proba(X), expected)
    assert_array_equal(quick(memory=str(tmp_path)).fit(X, y).predict_proba(X), expected)


def test_a_classifier_with_a_memory_is_cloned_and_pickled(X, y, quick, tmp_path):
    for make_memory in MEMORIES.values():
        classifier = quick(memory=make_memory(tmp_path)).fit(X, y)
        for other in (pickle.loads(pickle.dumps(classifier)), clone(classifier).fit(X, y)):
            assert_array_equal(other.predict_proba(X), classifier.predict_proba(X))


def test_members_and_mediators_are_kept_whole(X, y, quick, fits, tmp_path):
    reading = np.random.default_rng(0).normal(size=len(y))
    many = {"memory": str(tmp_path), "n_members": 2, "n_mediator_samples": 4}
    first, second = (quick(**many).fit(X, y, mediator=reading) for _ in range(2))
    assert len(fits) == 1
    assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert len(second.members_) == 2


# Members

FOUR = {"dtype": "float64", "n_members": 4}


def of_one_member(classifier, member):
    single = copy.copy(classifier)
    single.members_ = [member]
    single.net_, single.references_ = member
    return single


@pytest.mark.parametrize("effect", ["conditional", "population"])
def test_the_probabilities_are_the_mean_of_the_members_(effect, X, y, quick):
    classifier = quick(n_members=3, effect=effect, dtype="float64").fit(X, y)
    path = classifier.beta_path(X, BETAS)
    own = [of_one_member(classifier, member).beta_path(X, BETAS) for member in classifier.members_]
    assert_allclose(path, np.mean(own, axis=0), atol=1e-12)
    log_proba = classifier.log_beta_path(X, BETAS)
    assert_allclose(log_proba, np.log(np.mean(own, axis=0)), atol=1e-12)
    assert_array_equal(classifier.predict(X), classifier.classes_[path[-1].argmax(axis=1)])


@pytest.mark.parametrize("case", ["plain", "gaps", "weights", "continuous", "categorical"])
def test_members_take_what_a_single_fit_takes_and_the_first_is_that_fit(
    case, X, modalities, y, quick
):
    draws = np.random.default_rng(0)
    reading, weight = (
        draws.normal(size=len(y)),
        draws.uniform(0, 3, len(y)) * (draws.random(len(y)) < 0.8),
    )
    gaps = MultiModalArray(modalities, present={"video": np.arange(len(y)) % 3 > 0})
    data, metadata = {
        "plain": (X, {}),
        "gaps": (gaps, {}),
        "weights": (X, {"sample_weight": weight}),
        "continuous": (X, {"mediator": reading}),
        "categorical": (X, {"mediator": reading > 0}),
    }[case]
    small = {"n_mediator_samples": 4, "dtype": "float64"}
    single, many = (quick(n_members=n, **small).fit(data, y, **metadata) for n in (1, 3))
    assert many.net_ is many.members_[0].net
    assert many.history_[-1, "train_loss"] == pytest.approx(single.history_[-1, "train_loss"])
    lacking = [{**modalities, name: None} for name in modalities]
    for rows in (data, *(lacking if case == "gaps" else [])):
        own = [of_one_member(many, member).beta_path(rows, BETAS) for member in many.members_]
        assert_allclose(own[0], single.beta_path(rows, BETAS), atol=1e-9)
        assert np.abs(own[0] - own[1]).max() > 1e-6
        assert_allclose(many.beta_path(rows, BETAS), np.mean(own, axis=0), atol=1e-12)


def test_more_members_leave_the_earlier_ones_as_they_were(X, y, quick):
    two, four = (quick(**FOUR | {"n_members": n}).fit(X, y) for n in (2, 4))
    for few, many in zip(two.members_, four.members_, strict=False):
        expected = of_one_member(two, few).beta_path(X, BETAS)
        assert_allclose(of_one_member(four, many).beta_path(X, BETAS), expected, atol=1e-9)


def test_members_of_equal_random_states_are_equal(X, y, quick):
    first, second = (quick(n_members=3).fit(X, y).predict_proba(X) for _ in range(2))
    assert_array_equal(first, second)
    state = np.random.RandomState(0)
    from_state = quick(n_members=3, random_state=state).fit(X, y).predict_proba(X)
    assert_array_equal(from_state, first)


def test_every_member_has_a_history_of_every_epoch(X, y, quick):
    classifier = quick(n_members=3, max_epochs=4).fit(X, y)
    histories = [member.net.history for member in classifier.members_]
    assert [len(history) for history in histories] == [4, 4, 4]
    assert len({history[-1, "train_loss"] for history in histories}) == 3
    assert all(history[-1, "dur"] >= 0 for history in histories)


def test_the_batch_of_a_prediction_makes_no_difference_with_a_mediator(X, y, quick):
    reading = np.random.default_rng(0).normal(size=len(y))
    classifier = quick(n_mediator_samples=4).fit(X, y, mediator=reading)
    expected = classifier.beta_path(X, BETAS)
    classifier.set_params(predict_batch_size=11)
    assert_allclose(classifier.beta_path(X, BETAS), expected, atol=1e-6)


def test_errors_name_the_row_in_the_user_s_data_whatever_the_batch(modalities, y, quick):
    classifier = quick(predict_batch_size=10).fit(modalities, y)

    def changed(name, index, value):
        array = modalities[name].copy()
        array[index] = value
        return array

    one_nan = {**modalities, "video": changed("video", (57, 1), np.nan)}
    with pytest.raises(ValueError, match="'video' contains NaN at row 57, column 1"):
        classifier.predict(one_nan)
    nothing = {name: changed(name, 83, np.nan) for name in modalities}
    with pytest.raises(ValueError, match="row 83 has no modality"):
        classifier.predict_proba(nothing)
    far = {**modalities, "audio": changed("audio", 94, 1e38)}
    with pytest.raises(ValueError, match="at row 94"):
        classifier.predict_proba(far)
