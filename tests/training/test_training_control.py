"""Class weights, early stopping, schedules, clipping, and what is said of a diverging fit."""

from copy import copy

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.model_selection import GroupKFold, StratifiedKFold, cross_val_score
from sklearn.utils.class_weight import compute_sample_weight

from skbetafd import FrontDoorMultiModalClassifierCV, MultiModalArray


@pytest.fixture
def rare(y):
    """Labels of which one is rare."""
    return np.where((y == "rain") & (np.arange(120) > 30), "car", y)


@pytest.mark.parametrize("class_weight", ["balanced", {"rain": 5.0, "bird": 0.5}])
def test_a_class_weight_multiplies_the_rows_weights(class_weight, X, rare, quick):
    weight = np.linspace(1, 2, 120)
    expected = weight * compute_sample_weight(class_weight, rare)
    if class_weight == "balanced":  # what a label weighs, not how many rows it has
        totals = {label: weight[rare == label].sum() for label in np.unique(rare)}
        expected = weight * np.array([weight.sum() / 3 / totals[label] for label in rare])
    found = quick(class_weight=class_weight).fit(X, rare, sample_weight=weight)
    by_hand = quick().fit(X, rare, sample_weight=expected)
    assert_allclose(found.predict_proba(X), by_hand.predict_proba(X), rtol=1e-4)


def test_a_class_of_weight_0_is_left_out(X, y, quick):
    found = quick(class_weight={"car": 0}).fit(X, y)
    by_hand = quick().fit(X, y, sample_weight=(y != "car"))
    assert_array_equal(found.predict_proba(X), by_hand.predict_proba(X))
    assert "car" in found.classes_


def test_balanced_counts_a_row_of_weight_0_nowhere(X, rare, quick):
    used = np.arange(120) % 4 > 0
    found = quick(class_weight="balanced").fit(X, rare, sample_weight=used)
    by_hand = quick(class_weight="balanced").fit(X[used], rare[used])
    assert_allclose(found.predict_proba(X), by_hand.predict_proba(X), rtol=1e-5)


STOPPING = {"early_stopping": True, "max_epochs": 12, "learning_rate": 0.05, "batch_size": 16}


@pytest.mark.parametrize("parameters", [{}, {"n_members": 2}, {"max_grad_norm": 1.0}])
def test_the_best_epoch_is_kept(parameters, X, y, quick, inner_splits):
    clf = quick(**STOPPING, n_iter_no_change=3, **parameters).fit(X, y)
    held = inner_splits[0][1]
    index = np.searchsorted(clf.classes_, y)[held]
    for member in clf.members_:
        losses = member.net.history[:, "valid_loss"]
        best = int(np.argmin(losses))
        assert len(losses) in (12, best + 1 + 3)
        alone = copy(clf)
        alone.members_ = [member]
        log_proba = alone.log_beta_path(X[held], [0])[0]
        assert_allclose(-log_proba[range(24), index].mean(), losses[best], rtol=1e-4)
    assert clf.best_epoch_ == 1 + np.argmin(clf.history_[:, "valid_loss"])
    assert clf.history_[clf.best_epoch_ - 1, "valid_loss_best"]


def test_members_stop_one_by_one(X, y, quick):
    clf = quick(**STOPPING | {"max_epochs": 30}, n_iter_no_change=2, n_members=4).fit(X, y)
    assert len({len(member.net.history) for member in clf.members_}) > 1


def test_the_held_out_rows_move_nothing(X, y, quick, inner_splits):
    clf = quick(early_stopping=True, n_references=500, n_iter_no_change=9).fit(X, y)
    fit, held, _ = inner_splits[0]
    assert len(clf.references_.log_mass) == len(fit) == 96
    changed = MultiModalArray({n: np.array(v) for n, v in X.items()})
    changed["audio"][held] += 3
    again = quick(early_stopping=True, n_references=500, n_iter_no_change=9).fit(changed, y)
    if again.best_epoch_ == clf.best_epoch_:
        assert_array_equal(again.predict_proba(X), clf.predict_proba(X))
    assert again.history_[:, "train_loss"] == clf.history_[:, "train_loss"]


def test_the_inner_split_is_stratified_and_keeps_groups_together(X, y, quick, inner_splits):
    groups = np.arange(120) // 6
    quick(early_stopping=True, validation_fraction=0.25).fit(X, y, groups=groups)
    fit, held, _ = inner_splits[0]
    assert not set(groups[fit]) & set(groups[held])
    quick(early_stopping=True, validation_fraction=0.25).fit(X, y)
    assert np.unique(y[inner_splits[1][1]], return_counts=True)[1].tolist() == [10, 10, 10]


def test_a_search_cuts_its_groups_to_every_fold(X, y, inner_splits):
    groups = np.arange(120) // 6
    FrontDoorMultiModalClassifierCV(
        cv=GroupKFold(2), early_stopping=True, max_epochs=2, hidden_dim=8, random_state=0
    ).fit(X, y, groups=groups)
    assert len(inner_splits) == 3
    for fit, held, own in inner_splits:
        assert own is not None and not set(own[fit]) & set(own[held])


def test_groups_are_routed_to_the_inner_split(X, y, quick, inner_splits):
    groups = np.arange(120) // 6
    clf = quick(early_stopping=True)
    with config_context(enable_metadata_routing=True):
        cross_val_score(clf, X, y, cv=GroupKFold(2), params={"groups": groups})
        cross_val_score(clf, X, y, cv=StratifiedKFold(2), params={"groups": groups})
        FrontDoorMultiModalClassifierCV(
            cv=2, early_stopping=True, max_epochs=2, hidden_dim=8, random_state=0
        ).fit(X, y, groups=groups)
    assert len(inner_splits) == 2 + 2 + 3
    for fit, held, own in inner_splits:
        assert own is not None and not set(own[fit]) & set(own[held])


def test_early_stopping_with_missing_modalities_watches_what_rows_have(
    modalities, y, quick, inner_splits
):
    video = modalities["video"].copy()
    video[::2] = np.nan
    data = MultiModalArray({**modalities, "video": video})
    clf = quick(**STOPPING, predominant="audio").fit(data, y)
    held = inner_splits[0][1]
    index = np.searchsorted(clf.classes_, y)[held]
    log_proba = clf.log_beta_path(data[held], [0])[0]
    least = min(clf.history_[:, "valid_loss"])
    assert_allclose(-log_proba[range(24), index].mean(), least, rtol=1e-4)


def test_early_stopping_with_a_mediator_watches_its_whole_loss(X, y, quick):
    clf = quick(**STOPPING).fit(X, y, mediator=y)
    assert clf.best_epoch_ == 1 + np.argmin(clf.history_[:, "valid_loss"])


def test_without_early_stopping_there_is_no_best_epoch(X, y, quick):
    clf = quick(early_stopping=True).fit(X, y)
    clf.set_params(early_stopping=False).fit(X, y)
    assert not hasattr(clf, "best_epoch_")
    assert "valid_loss" not in clf.history_[-1]


@pytest.mark.filterwarnings("ignore:.* training rows have all modalities")
def test_a_split_that_leaves_no_complete_row_is_refused(modalities, y, quick):
    video = np.full_like(modalities["video"], np.nan)
    groups = np.arange(120) // 3 % 5
    messages = set()
    for group in range(5):
        rows = groups == group
        part = video.copy()
        part[rows] = modalities["video"][rows]
        try:
            quick(early_stopping=True).fit({**modalities, "video": part}, y, groups=groups)
        except ValueError as error:
            messages.add(str(error))
    assert len(messages) == 1
    assert "'video' is absent in all" in messages.pop()


def rates(clf, X, y):
    """Learning rates of the batches, by a callback that reads them."""
    from skorch.callbacks import Callback

    seen = []

    class Rates(Callback):
        def on_batch_begin(self, net, **kwargs):
            seen.append(net.optimizer_.param_groups[0]["lr"])

    clf.set_params(callbacks=[Rates()]).fit(X, y)
    return np.array(seen)


def test_schedules_have_their_shapes(X, y, quick):
    make = {"batch_size": 30, "max_epochs": 5, "learning_rate": 0.01}
    constant, cosine, cycle = (
        rates(quick(lr_schedule=name, **make), X, y) for name in ("constant", "cosine", "one-cycle")
    )
    assert_allclose(constant, np.full(20, 0.01))
    assert_allclose(cosine, 0.005 * (1 + np.cos(np.pi * np.arange(20) / 20)))
    assert cycle[0] < 0.001 and cycle[-1] < 1e-5
    assert_allclose(cycle.max(), 0.01, rtol=0.02)


@pytest.mark.parametrize("n_members", [1, 2])
def test_the_term_that_broke_first_is_named(n_members, X, y, quick, monkeypatch):
    from skbetafd.nn import losses

    calls = []

    def broken(left, right, weight, temperature):
        calls.append(None)
        value = info_nce(left, right, weight, temperature)
        return value * torch.inf if len(calls) == 3 else value

    info_nce = losses.info_nce
    monkeypatch.setattr(losses, "info_nce", broken)
    with pytest.raises(ValueError, match="epoch 1: its knowledge loss is not finite"):
        quick(batch_size=20, n_members=n_members).fit(X, y)
