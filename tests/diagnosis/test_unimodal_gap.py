import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from torch import nn

from skbetafd import FrontDoorMultiModalClassifierCV, MultiModalArray, unimodal_gap
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier


def small(**parameters):
    return FusionClassifier(**{"max_epochs": 3, "hidden_dim": 16, "random_state": 0, **parameters})


def test_the_gap_is_what_alone_has_over_the_probe_and_competition_over_joint_training(X, y):
    found = unimodal_gap(small(), X, y, cv=3, random_state=0)
    assert found.names == ("audio", "video")
    np.testing.assert_allclose(found.alone, found.by_fold["alone"].mean(axis=0))
    np.testing.assert_allclose(found.probe, found.by_fold["probe"].mean(axis=0))
    np.testing.assert_allclose(found.gap, found.alone - found.probe)
    assert found.joint == pytest.approx(found.by_fold["joint"].mean())
    assert found.competition == pytest.approx(found.alone.max() - found.joint)
    assert found.by_fold["alone"].shape == (3, 2)
    assert "competition" in str(found)


def test_a_fold_is_what_fitting_by_hand_gives(X, y):
    train, test = np.arange(80), np.arange(80, 120)
    found = unimodal_gap(small(), X, y, cv=[(train, test)])
    joint = small().fit(X[train], y[train])
    assert found.joint == joint.score(X[test], y[test])
    audio = small().fit([X["audio"][train]], y[train])
    assert found.alone[0] == audio.score([X["audio"][test]], y[test])
    codes, codes_test = (joint.modality_codes(X[rows])["video"] for rows in (train, test))
    scale = codes.mean(axis=0), codes.std(axis=0)
    probe = LogisticRegression(max_iter=1000).fit((codes - scale[0]) / scale[1], y[train])
    expected = probe.score((codes_test - scale[0]) / scale[1], y[test])
    assert found.probe[1] == pytest.approx(expected, abs=0.03)


def test_a_modality_that_joint_training_does_not_see_has_a_gap():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    strong = rng.normal(8.0 * y[:, None], 1.0, (200, 2))
    weak = rng.normal(1.0 * y[:, None], 1.0, (200, 8))

    class Blinded(FusionClassifier):
        def modality_codes(self, X):
            codes = super().modality_codes(X)
            return codes | {"weak": np.zeros_like(codes["weak"])}

    clf = Blinded(max_epochs=5, random_state=0)
    found = unimodal_gap(clf, {"strong": strong, "weak": weak}, y, cv=3, random_state=0)
    assert abs(found.gap[0]) < 0.05
    assert found.gap[1] > 0.2


def test_competition_compares_the_rows_that_have_the_best_modality():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    strong = rng.normal(3.0 * y[:, None], 1.0, (400, 2))
    strong[::2] = np.nan
    weak = rng.normal(0.3 * y[:, None], 1.0, (400, 2))
    found = unimodal_gap(small(max_epochs=60), {"strong": strong, "weak": weak}, y, cv=2)
    there = found.by_fold["joint_there"]
    assert found.competition == pytest.approx(found.alone[0] - there[:, 0].mean())
    assert abs(found.competition) < 0.05 < 0.15 < found.alone[0] - found.joint
    np.testing.assert_allclose(there[:, 1], found.by_fold["joint"])
    assert repr(found) == str(found)


@pytest.mark.parametrize("key", ["video", 1])
def test_alone_a_modality_is_read_by_its_own_encoder(X, y, key):
    module = nn.Linear(X["video"].shape[1], 5)
    own = small(encoders={key: module}, encoder_learning_rate={"video": 0.1})
    found = unimodal_gap(own, X, y, cv=3, random_state=0)
    expected = unimodal_gap(small(), X, y, cv=3, random_state=0)
    assert found.alone[0] == expected.alone[0]
    rows = np.arange(80), np.arange(80, 120)
    found = unimodal_gap(own, X, y, cv=[rows])
    video = small(encoders={0: module}, encoder_learning_rate=0.1)
    video.fit([X["video"][rows[0]]], y[rows[0]])
    assert found.alone[1] == video.score([X["video"][rows[1]]], y[rows[1]])


@pytest.mark.slow
@pytest.mark.parametrize(
    "grid",
    [
        {"encoders": [{"video": "linear"}, "mlp"], "predominant": ["audio", "video"]},
        [{"encoders": [{1: "linear"}]}, {"hidden_dim": [4, 8]}],
        {"predominant": ["audio", "video"]},
    ],
    ids=["names", "grids", "nothing left"],
)
def test_a_grid_that_goes_by_modality_is_each_modality_s_own(X, y, grid):
    search = FrontDoorMultiModalClassifierCV(
        betas=[0, 1], cv=2, param_grid=grid, max_epochs=1, hidden_dim=8, random_state=0
    )
    assert unimodal_gap(search, X, y, cv=2).alone.shape == (2,)


def test_alone_a_modality_is_trained_without_balancing(X, y):
    ruled = small(balancing="ogm-ge", balancing_params={"alpha": 0.5})
    found, plain = (unimodal_gap(c, X, y, cv=2, random_state=0) for c in (ruled, small()))
    np.testing.assert_array_equal(found.alone, plain.alone)
    assert found.joint != plain.joint


def test_late_fusion_has_its_networks_probed(X, y):
    clf = LateFusionClassifier(max_epochs=5, random_state=0)
    assert (unimodal_gap(clf, X, y, cv=2, random_state=0).probe > 0.5).all()


@pytest.mark.parametrize("predominant", ["auto", "video", 1])
def test_a_predominant_modality_that_is_named_is_no_obstacle_alone(predominant, X, y, quick):
    clf = quick(predominant=predominant, max_epochs=4)
    assert unimodal_gap(clf, X, y, cv=2, random_state=0).alone.shape == (2,)


def test_a_search_over_beta_works_too(X, y):
    clf = FrontDoorMultiModalClassifierCV(betas=(0, 1), max_epochs=1, cv=2, random_state=0)
    assert unimodal_gap(clf, X, y, cv=2, random_state=0).gap.shape == (2,)


def test_a_table_is_cut_by_the_estimator(X, flat, y):
    cut = unimodal_gap(small(modalities={"audio": 4, "video": 3}), flat, y, cv=2, random_state=0)
    whole = unimodal_gap(small(), X, y, cv=2, random_state=0)
    np.testing.assert_array_equal(cut.alone, whole.alone)


def test_rows_that_lack_a_modality_do_not_count_for_it(X, y):
    present = np.arange(len(y)) % 4 > 0
    lacking = MultiModalArray(X, present={"video": present})
    train, test = np.arange(80), np.arange(80, 120)
    found = unimodal_gap(small(), lacking, y, cv=[(train, test)])
    some = [rows[present[rows]] for rows in (train, test)]
    expected = unimodal_gap(small(), {"video": X["video"]}, y, cv=[tuple(some)])
    assert found.alone[1] == expected.alone[0]


def test_a_modality_that_no_test_row_has_is_measured_by_the_other_folds(X, y):
    present = np.arange(len(y)) >= 40
    lacking = MultiModalArray(X, present={"video": present})
    folds = [(np.arange(40, 120), np.arange(40)), (np.arange(80), np.arange(80, 120))]
    both, second = (unimodal_gap(small(), lacking, y, cv=cv) for cv in (folds, folds[1:]))
    assert both.alone[1] == second.alone[1]
    assert both.probe[1] == second.probe[1]
    with pytest.raises(ValueError, match="'video' is NaN in every test row"):
        unimodal_gap(small(), lacking, y, cv=folds[:1])


def test_groups_stay_on_one_side(X, y):
    groups = np.arange(len(y)) // 6
    seen = []

    class Watching(FusionClassifier):
        def fit(self, X, y, groups=None):
            seen.append(X)
            return super().fit(X, y, groups=groups)

    unimodal_gap(Watching(max_epochs=1, random_state=0), X, y, cv=2, groups=groups, random_state=0)
    flat, joint = np.asarray(X), [np.asarray(part) for part in seen if part.shape[1] == 7]
    rows = [{int(np.flatnonzero((flat == row).all(axis=1))[0]) for row in part} for part in joint]
    for part in rows:
        assert {groups[i] for i in part}.isdisjoint(groups[i] for i in set(range(120)) - part)


def test_groups_stay_on_one_side_of_inner_splits_too(X, y, inner_splits):
    groups = np.arange(len(y)) // 3
    clf = small(early_stopping=True)
    unimodal_gap(clf, X, y, cv=2, groups=groups, random_state=0)
    assert len(inner_splits) == 6
    assert all(set(own[fit]).isdisjoint(own[held]) for fit, held, own in inner_splits)


def test_modalities_may_be_frames(X, y):
    frames = {name: pd.DataFrame(X[name]).add_prefix("c") for name in X.names}
    found, plain = (unimodal_gap(small(), Z, y, cv=2, random_state=0) for Z in (frames, X))
    np.testing.assert_array_equal(found.alone, plain.alone)
    np.testing.assert_array_equal(found.probe, plain.probe)


def test_splitters_are_taken_as_they_are(X, y):
    found = unimodal_gap(small(), X, y, cv=KFold(4))
    assert len(found.by_fold["joint"]) == 4


def test_bad_input_is_named(X, y):
    with pytest.raises(ValueError, match="does not read 'video'"):
        unimodal_gap(UnimodalClassifier(max_epochs=1), X, y, cv=2)
    with pytest.raises(ValueError, match=r"cv=\[\] gives no split"):
        unimodal_gap(small(), X, y, cv=[])
    lacking = MultiModalArray(X, present={"video": np.arange(120) < 80})
    with pytest.raises(ValueError, match="'video' is NaN in every test row"):
        unimodal_gap(small(), lacking, y, cv=[(np.arange(80), np.arange(80, 120))])
    of_one_class = MultiModalArray(X, present={"video": np.asarray(y) == y[0]})
    with pytest.raises(ValueError, match="fold 0: modality 'video': y has one class"):
        unimodal_gap(small(), of_one_class, y, cv=2)
