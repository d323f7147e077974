"""partial_fit learns from a stream, warm_start goes on from an earlier fit."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GroupShuffleSplit

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.datasets import load_multiple_features
from skbetafd.fitting import incremental
from skbetafd.inputs.modality import face


def passes(clf, X, y, n_passes, n_parts, **parameters):
    rng = np.random.default_rng(0)
    for _ in range(n_passes):
        for part in np.array_split(rng.permutation(len(y)), n_parts):
            clf.partial_fit(X[part], y[part], classes=np.unique(y), **parameters)
    return clf


@pytest.mark.slow
def test_a_stream_reaches_what_a_fit_reaches_and_keeps_classes_that_stay_away():
    digits = load_multiple_features(("kar", "mor"))
    train, test = next(
        GroupShuffleSplit(1, test_size=0.3, random_state=0).split(
            digits.data, digits.target, digits.groups
        )
    )
    X, y = digits.data[train], digits.target[train]
    X_test, y_test = digits.data[test], digits.target[test]

    def accuracy(clf):
        return (clf.beta_path(X_test, [0, 1]).argmax(axis=2) == y_test).mean(axis=1)

    fitted = accuracy(FrontDoorMultiModalClassifier(random_state=0).fit(X, y))
    clf = FrontDoorMultiModalClassifier(random_state=0, learning_rate=2e-3, n_references=32)
    streamed = accuracy(passes(clf, X, y, 8, 4))
    assert (streamed > fitted - 0.04).all()
    few = y < 5
    for _ in range(5):
        clf.partial_fit(X[few], y[few])
    assert (np.bincount(clf.predict(X_test), minlength=10) > len(y_test) / 50).all()
    assert (accuracy(clf) > streamed - 0.12).all()


def test_each_call_is_one_epoch_at_a_constant_rate(X, y, quick):
    clf = quick(batch_size=32)
    for call in range(1, 4):
        clf.partial_fit(X, y, classes=np.unique(y))
        assert clf.n_iter_ == call == clf.history_[-1, "epoch"]
        state = clf.net_.optimizer_.state_dict()
        assert state["param_groups"][0]["lr"] == clf.learning_rate
        steps = 4 + 8 * (call - 1)  # from the second call on, with as many rows of the sample
        assert state["state"][0]["step"] == steps


def test_equal_streams_are_equal_and_no_call_repeats_the_draws_of_another(X, y, quick):
    one, two = (passes(quick(n_references=4), X, y, 2, 3) for _ in range(2))
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))
    orders, randperm = [], torch.randperm

    def recorded(*args, **kwargs):
        orders.append(randperm(*args, **kwargs))
        return orders[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "randperm", recorded)
        clf = quick(batch_size=60).partial_fit(X, y, classes=np.unique(y))
        for _ in range(2):
            clf.partial_fit(X, y)
    assert [len(order) for order in orders] == [120, 120, 240, 240, 240]
    assert not torch.equal(orders[0], orders[1]) and not torch.equal(orders[2], orders[4])


def test_a_call_may_hold_one_row_or_one_class(X, y, quick):
    clf = quick().partial_fit(X[:40], y[:40], classes=np.unique(y))
    clf.partial_fit(X[:1], y[:1])
    clf.partial_fit(X[y == "car"], y[y == "car"])
    assert_array_equal(clf.classes_, np.unique(y))
    assert np.isfinite(clf.predict_proba(X)).all()


def test_a_first_call_may_lack_classes(X, y, quick):
    few = y != "rain"
    clf = quick().partial_fit(X[few], y[few], classes=["rain", "car", "bird"])
    assert clf.predict_proba(X).shape == (120, 3)


def test_the_stream_goes_on_after_pickling(X, y, quick):
    clf = quick(n_members=2).partial_fit(X, y, classes=np.unique(y))
    again = pickle.loads(pickle.dumps(clf))
    for own in (clf, again):
        own.partial_fit(X, y)
    assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_earlier_rows_stay_among_the_references(X, y, quick):
    far = type(X)({"audio": np.asarray(X["audio"]) + 20, "video": X["video"]})
    clf = quick(n_references=500).partial_fit(far, y, classes=np.unique(y))
    for _ in range(2):
        clf.partial_fit(X, y)
    assert_allclose(clf.references_.log_mass.exp(), np.full(360, 1 / 360), rtol=1e-5)
    xs = clf._standardised(list(map(face, far.values())), clf._scalers, clf.module_)
    context = clf.module_.encode(xs).context.detach()
    assert_allclose(clf.references_.context[:120], context, rtol=1e-4, atol=1e-5)


def test_of_a_long_stream_a_uniform_sample_is_remembered(X, y, quick, monkeypatch):
    monkeypatch.setattr(incremental, "REMEMBERED_ROWS", 50)
    clf = passes(quick(), X, y, 4, 3)
    rows = clf._stream.sample.rows
    assert len(rows) == 50
    assert len(np.unique(rows.y)) == 3


def test_a_row_s_weight_is_its_mass_among_the_references(X, y, quick):
    clf = quick(n_references=500)
    clf.partial_fit(X, y, classes=np.unique(y), sample_weight=np.full(120, 3.0))
    clf.partial_fit(X, y, sample_weight=np.where(y == "car", 0.0, 1.0))
    mass = clf.references_.log_mass.exp().numpy()
    assert len(mass) == 120 + 80
    assert_allclose(mass[:120].sum(), 360 / 440, rtol=1e-5)


def test_after_a_fit_its_references_stay_with_the_mass_of_its_rows(X, y, quick):
    clf = quick(n_references=300).fit(X, y)
    kept = clf.references_
    clf.partial_fit(X[:60], y[:60])
    assert clf.n_iter_ == 3
    mass = clf.references_.log_mass.exp().numpy()
    assert_allclose(mass, np.full(180, 1 / 180), rtol=1e-5)
    assert torch.equal(clf.references_.context[60:], kept.context)


def test_rows_may_lack_modalities_after_the_first_call(modalities, y, quick):
    clf = quick().partial_fit(modalities, y, classes=np.unique(y))
    video = modalities["video"].copy()
    video[::2] = np.nan
    clf.partial_fit({**modalities, "video": video}, y)
    clf.partial_fit({**modalities, "video": np.full_like(video, np.nan)}, y)
    assert len(clf._stream.sample.rows) == 180
    assert np.isfinite(clf.predict_proba(modalities)).all()


def test_fit_after_a_stream_begins_anew(X, y, quick):
    clf = quick().partial_fit(X, y, classes=np.unique(y)).fit(X, y)
    assert_array_equal(clf.predict_proba(X), quick().fit(X, y).predict_proba(X))


def broken(X):
    audio = np.array(X["audio"])
    audio[7, 1] = np.nan
    return {"audio": audio, "video": X["video"]}


REFUSED = {
    "an unknown label": (lambda X, y: (X, np.where(y == "car", "dog", y)), {}, "label 'dog'"),
    "other classes": (lambda X, y: (X, y, ["bird", "dog"]), {}, r"classes=\['bird', 'dog'\]"),
    "NaN": (lambda X, y: (broken(X), y), {}, "NaN at row 7, column 1"),
    "another width": (
        lambda X, y: ([X["audio"][:, :2], X["video"]], y),
        {},
        "'audio' has rows of shape",
    ),
    "a missing modality": (lambda X, y: ({"audio": X["audio"]}, y), {}, "modalities 'audio', but"),
    "early stopping": (lambda X, y: (X, y), {"early_stopping": True}, "early_stopping"),
    "balanced": (lambda X, y: (X, y), {"class_weight": "balanced"}, "'balanced'"),
    "another width of the network": (lambda X, y: (X, y), {"hidden_dim": 9}, r"\[1, 9\]"),
    "other members": (lambda X, y: (X, y), {"n_members": 2}, "n_members=2"),
    "another predominant": (lambda X, y: (X, y), {"predominant": "video"}, "'audio'"),
    "another scaling": (lambda X, y: (X, y), {"standardize": False}, "standardize=False"),
    "divergence": (lambda X, y: (X, y), {"learning_rate": 1e30}, "diverged"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_call_that_fails_leaves_the_stream_as_it_was(case, X, y, quick):
    change, parameters, message = REFUSED[case]
    clf, twin = (
        quick(predominant="audio", batch_size=32).partial_fit(X, y, classes=np.unique(y))
        for _ in range(2)
    )
    good = {name: clf.get_params()[name] for name in parameters}
    with pytest.raises(ValueError, match=message):
        clf.set_params(**parameters).partial_fit(*change(X, y))
    for own in (clf.set_params(**good), twin):
        own.partial_fit(X, y)
    assert_array_equal(clf.predict_proba(X), twin.predict_proba(X))


def test_the_first_call_needs_the_classes(X, y, quick):
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        quick().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"at least 2 classes, got \['bird'\]"):
        quick().partial_fit(X, y, classes=["bird"])


def test_a_fit_with_a_mediator_can_t_go_on_by_partial_fit(X, y, quick):
    clf = quick().fit(X, y, mediator=y)
    with pytest.raises(ValueError, match="observed mediator"):
        clf.partial_fit(X, y)


def test_a_search_has_no_partial_fit():
    assert not hasattr(FrontDoorMultiModalClassifierCV(), "partial_fit")


def learned(quick):
    """Classifiers with steps enough to learn something."""
    return lambda **own: quick(max_epochs=20, batch_size=16, learning_rate=1e-2, **own)


def test_a_warm_start_goes_on_from_the_weights(X, y, quick):
    slow = {"learning_rate": 1e-7, "lr_schedule": "constant"}
    first = learned(quick)(warm_start=True).fit(X, y)
    before = {k: v.clone() for k, v in first.module_.state_dict().items()}
    again = first.set_params(max_epochs=1, **slow).fit(X, y)
    for name, value in again.module_.state_dict().items():
        assert_allclose(value, before[name], atol=1e-5)
    cold = quick(max_epochs=1, **slow).fit(X, y)
    assert again.history_[-1, "train_outcome_loss"] < cold.history_[-1, "train_outcome_loss"] / 2
    assert len(again.history_) == 1


def test_a_warm_start_keeps_scaling_and_predominant_modality(X, y, quick):
    clf = quick(warm_start=True).fit(X, y)
    means, predominant = clf._scalers[0].moments.mean.copy(), clf.predominant_
    shifted = type(X)({"audio": np.asarray(X["audio"]) + 5, "video": X["video"]})
    clf.fit(shifted, y)
    assert_array_equal(clf._scalers[0].moments.mean, means)
    assert clf.predominant_ == predominant


def test_a_first_fit_with_warm_start_is_a_fit(X, y, quick):
    warm = quick(warm_start=True).fit(X, y)
    assert_array_equal(warm.predict_proba(X), quick().fit(X, y).predict_proba(X))


@pytest.mark.parametrize("parameters", [{"n_members": 2}, {"early_stopping": True}])
def test_members_and_early_stopping_start_warm(parameters, X, y, quick):
    clf = learned(quick)(warm_start=True, **parameters).fit(X, y)
    before = clf.history_[0, "train_outcome_loss"]
    clf.fit(X, y)
    assert clf.history_[0, "train_outcome_loss"] < before / 2


WARM_REFUSED = {
    "classes": (lambda X, y: (X, np.where(y == "car", "dog", y)), {}, r"classes.*'dog'"),
    "fewer classes": (lambda X, y: (X, np.where(y == "car", "rain", y)), {}, "classes"),
    "modalities": (lambda X, y: ([X["audio"], X["video"]], y), {}, "modalities of the earlier"),
    "widths": (
        lambda X, y: ({"audio": X["audio"][:, :3], "video": X["video"]}, y),
        {},
        r"\(3,\)",
    ),
    "width of the network": (lambda X, y: (X, y), {"context_dim": 3}, "context"),
}


@pytest.mark.parametrize("case", WARM_REFUSED)
def test_a_warm_start_from_something_else_is_refused(case, X, y, quick):
    change, parameters, message = WARM_REFUSED[case]
    clf = quick(warm_start=True).fit(X, y)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        clf.set_params(**parameters).fit(*change(X, y))
    assert_array_equal(clf.predict_proba(X), before)


@pytest.mark.slow
def test_a_search_starts_its_refit_warm(X, y):
    search = FrontDoorMultiModalClassifierCV(
        betas=[0, 1],
        cv=2,
        max_epochs=20,
        batch_size=16,
        learning_rate=1e-2,
        hidden_dim=8,
        random_state=0,
        warm_start=True,
    ).fit(X, y)
    before = search.history_[0, "train_outcome_loss"]
    scores = search.scores_
    search.fit(X, y)
    assert search.history_[0, "train_outcome_loss"] < before / 2
    assert_array_equal(search.scores_, scores)


def test_classes_of_a_pandas_column_are_labels(quick, X, y):
    codes = np.unique(y, return_inverse=True)[1]
    clf = quick().partial_fit(X, codes, classes=np.array([0, 1, 2], dtype=object))
    assert clf.classes_.tolist() == [0, 1, 2]
