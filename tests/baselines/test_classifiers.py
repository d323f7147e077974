import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier
from skbetafd.training.stopping import best_epoch

CLASSES = [FusionClassifier, UnimodalClassifier, LateFusionClassifier]
SMALL = {"hidden_dim": 16, "knowledge_dim": 8, "max_epochs": 20, "random_state": 0, "device": "cpu"}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 240)
    strong, weak = rng.normal(size=(2, 3, 4))
    X = {"audio": rng.normal(3 * strong[y], 1.0), "video": rng.normal(0.4 * weak[y], 1.0)}
    return MultiModalArray(X), y


def test_the_shared_parameters_have_the_front_door_estimator_s_names_and_defaults():
    front_door = FrontDoorMultiModalClassifier().get_params()
    own = {"optimizer", "early_stopping", "validation_fraction", "n_iter_no_change", "calibrate"}
    own |= {"refit"}
    for kind in CLASSES:
        more = {"balancing", "balancing_params", "modality"} | own
        shared = {k: v for k, v in kind().get_params().items() if k not in more}
        assert shared == {name: front_door[name] for name in shared}
        assert set(shared) >= {"hidden_dim", "knowledge_dim", "dropout", "max_epochs", "dtype"}


def test_a_class_weight_multiplies_the_rows_weights(data):
    X, y = data
    weighted = FusionClassifier(class_weight={0: 3.0}, **SMALL).fit(X, y)
    by_hand = FusionClassifier(**SMALL).fit(X, y, sample_weight=np.where(y == 0, 3.0, 1.0))
    np.testing.assert_array_equal(weighted.predict_proba(X), by_hand.predict_proba(X))


def test_one_modality_alone_is_what_it_says(data):
    X, y = data
    alone = UnimodalClassifier(modality="audio", **SMALL).fit(X, y)
    other = {"audio": X["audio"], "video": X["video"][::-1]}
    np.testing.assert_array_equal(alone.predict_proba(X), alone.predict_proba(other))
    by_hand = FusionClassifier(**SMALL).fit({"audio": X["audio"]}, y)
    np.testing.assert_array_equal(
        alone.predict_proba(X), by_hand.predict_proba({"audio": X["audio"]})
    )
    weak = UnimodalClassifier(modality=1, **SMALL).fit(X, y)
    assert alone.score(X, y) > weak.score(X, y) + 0.1


def test_an_unknown_modality_is_refused_with_those_there_are(data):
    X, y = data
    with pytest.raises(ValueError, match=r"modality='smell'.*'audio'.*'video'"):
        UnimodalClassifier(modality="smell", **SMALL).fit(X, y)


def test_late_fusion_averages_the_probabilities_of_each_alone(data):
    X, y = data
    late = LateFusionClassifier(**SMALL).fit(X, y)
    alone = [UnimodalClassifier(modality=m, **SMALL).fit(X, y).predict_proba(X) for m in (0, 1)]
    np.testing.assert_allclose(late.predict_proba(X), np.mean(alone, axis=0), atol=1e-6)


def test_late_fusion_reads_only_what_a_row_has(data):
    X, y = data
    late = LateFusionClassifier(**SMALL).fit(X, y)
    audio = UnimodalClassifier(modality="audio", **SMALL).fit(X, y).predict_proba(X)
    without = {"audio": X["audio"], "video": None}
    np.testing.assert_allclose(late.predict_proba(without), audio, atol=1e-6)


def test_joint_training_reads_a_missing_modality_as_its_training_mean(data):
    X, y = data
    joint = FusionClassifier(**SMALL).fit(X, y)
    mean = np.broadcast_to(X["video"].mean(axis=0), X["video"].shape)
    np.testing.assert_allclose(
        joint.predict_proba({"audio": X["audio"], "video": None}),
        joint.predict_proba({"audio": X["audio"], "video": mean}),
        atol=1e-5,
    )


def test_rows_without_the_modality_are_left_out_of_its_training(data):
    X, y = data
    present = np.arange(len(y)) % 3 > 0
    holes = MultiModalArray(dict(X.items()), present={"audio": present})
    alone = UnimodalClassifier(modality="audio", **SMALL).fit(holes, y)
    less = UnimodalClassifier(modality="audio", **SMALL).fit(X[present], y[present])
    np.testing.assert_array_equal(alone.predict_proba(X), less.predict_proba(X))


class _StopAfter(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) > self.epoch:
            raise KeyboardInterrupt


def test_early_stopping_keeps_the_epoch_of_the_lowest_validation_loss(data):
    X, y = data
    stopping = {**SMALL, "max_epochs": 60, "n_iter_no_change": 3, "early_stopping": True}
    rng = np.random.default_rng(1)
    noisy = np.where(rng.random(len(y)) < 0.4, rng.integers(0, 3, len(y)), y)
    clf = FusionClassifier(dropout=0, learning_rate=0.03, **stopping).fit(X, noisy)
    losses = clf.history_[:, "valid_loss"]
    assert clf.n_iter_ == len(losses) < 60
    assert np.argmin(losses) == len(losses) - 4
    full = FusionClassifier(dropout=0, learning_rate=0.03, **{**stopping, "n_iter_no_change": 60})
    full.fit(X, noisy)
    at_best = np.argmin(full.history_[:, "valid_loss"])
    assert at_best < 59
    trainer_loss = np.array(full.history_[:, "valid_loss"])
    shorter = FusionClassifier(
        dropout=0, learning_rate=0.03, callbacks=[_StopAfter(at_best)], **SMALL | {"max_epochs": 60}
    ).set_params(early_stopping=True, n_iter_no_change=60)
    np.testing.assert_array_equal(shorter.fit(X, noisy).predict_proba(X), full.predict_proba(X))
    assert np.array(shorter.history_[:, "valid_loss"])[-1] == trainer_loss.min()


def test_a_temperature_mends_overconfidence(data):
    X, y = data
    rng = np.random.default_rng(1)
    noisy = np.where(rng.random(len(y)) < 0.4, rng.integers(0, 3, len(y)), y)
    X, other, y, y_other = X[:160], X[160:], noisy[:160], noisy[160:]
    over = {**SMALL, "max_epochs": 60, "dropout": 0, "learning_rate": 0.03}
    plain = FusionClassifier(**over).fit(X, y)
    calibrated = FusionClassifier(calibrate=True, **over).fit(X, y)
    assert calibrated.parts_[0].temperature > 1
    losses = [log_loss(y_other, clf.predict_proba(other)) for clf in (calibrated, plain)]
    assert losses[0] < losses[1]


STOPS = {"early_stopping": True, "calibrate": True, "n_iter_no_change": 2}


@pytest.mark.parametrize("kind", [FusionClassifier, LateFusionClassifier])
def test_a_refit_trains_on_all_rows_for_the_epochs_found_and_keeps_the_temperature(data, kind):
    X, y = data
    over = {**SMALL, "max_epochs": 30, "dropout": 0, "learning_rate": 0.03}
    first = kind(**STOPS, **over).fit(X, y)
    again = kind(refit=True, **STOPS, **over).fit(X, y)
    for stopped, refitted in zip(first.parts_, again.parts_, strict=True):
        n_epochs = best_epoch(stopped.history)
        assert len(refitted.history) == n_epochs < len(stopped.history)
        assert refitted.temperature == stopped.temperature != 1
        if kind is FusionClassifier:
            plain = kind(**over | {"max_epochs": n_epochs}).fit(X, y)
            logits = np.log(plain.predict_proba(X)) / stopped.temperature
            expected = softmax(logits, axis=1)
            np.testing.assert_allclose(again.predict_proba(X), expected, rtol=1e-4, atol=1e-30)


def test_without_an_inner_split_a_refit_changes_nothing(data):
    plain, refitted = (FusionClassifier(refit=on, **SMALL).fit(*data) for on in (False, True))
    np.testing.assert_array_equal(plain.predict_proba(data[0]), refitted.predict_proba(data[0]))


@pytest.mark.parametrize(
    ("balancing", "changes"),
    [("jtt", True), ("predominant-first", True), ("g-blend", False), ("relearn", False)],
)
def test_what_held_out_rows_decided_is_kept_in_a_refit(data, balancing, changes):
    X, y = data
    first, again = (
        FusionClassifier(balancing=balancing, refit=on, **SMALL).fit(X, y) for on in (False, True)
    )
    rules = [clf.parts_[0].rule for clf in (first, again)]
    assert np.array_equal(first.predict_proba(X), again.predict_proba(X)) is not changes
    if balancing == "predominant-first":
        assert rules[0].predominant == rules[1].predominant
        assert rules[0].coefficient == rules[1].coefficient


def test_groups_stay_on_one_side_of_the_inner_split(data, inner_splits):
    X, y = data
    groups = np.arange(len(y)) // 4
    FusionClassifier(early_stopping=True, **SMALL).fit(X, y, groups=groups)
    fit, held, _ = inner_splits[0]
    assert not set(groups[fit]) & set(groups[held])
    assert len(fit) + len(held) == len(y)
    with pytest.raises(ValueError, match="groups has 3 entries for 240 rows"):
        FusionClassifier(**SMALL).fit(X, y, groups=[1, 2, 3])


def test_a_class_without_weight_is_no_obstacle_to_an_inner_split(data):
    X, y = data
    clf = FusionClassifier(early_stopping=True, **SMALL | {"max_epochs": 2})
    clf.fit(X, y, sample_weight=y != 1)
    np.testing.assert_array_equal(clf.classes_, [0, 1, 2])


def test_a_modality_that_some_classes_lack_is_no_obstacle_to_an_inner_split(data):
    X, y = data
    holes = MultiModalArray(dict(X.items()), present={"video": y > 0})
    clf = LateFusionClassifier(early_stopping=True, **SMALL | {"max_epochs": 2}).fit(holes, y)
    assert clf.predict_proba(holes).shape == (240, 3)


def test_one_weight_for_all_rows_goes_with_groups(data):
    X, y = data
    clf = FusionClassifier(early_stopping=True, **SMALL | {"max_epochs": 2})
    groups = np.arange(len(y)) // 4
    scalar = clf.fit(X, y, sample_weight=2.0, groups=groups).predict_proba(X)
    np.testing.assert_array_equal(scalar, clf.fit(X, y, groups=groups).predict_proba(X))


def test_codes_come_under_the_modalities_names(data):
    X, y = data
    codes = FusionClassifier(**SMALL).fit(X, y).modality_codes(X)
    assert {name: code.shape for name, code in codes.items()} == {
        "audio": (240, 8),
        "video": (240, 8),
    }
    probe = LogisticRegression(max_iter=1000)
    scores = [probe.fit(code, y).score(code, y) for code in codes.values()]
    assert scores[0] > scores[1]


def test_a_search_over_rules_works(data):
    X, y = data
    grid = {"balancing": [None, "uniform"]}
    search = GridSearchCV(FusionClassifier(**SMALL), grid, cv=2).fit(X, y)
    assert search.best_params_["balancing"] in (None, "uniform")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"balancing": "ogm"}, "The 'balancing' parameter of FusionClassifier.*'ogm'"),
        ({"balancing_params": {"alpha": 1}}, "balancing_params={'alpha': 1}, but balancing is"),
        ({"balancing": "ogm-ge", "balancing_params": {"beta": 1}}, "'beta'.*'ogm-ge'.*beta"),
        ({"balancing": "lff", "balancing_params": {"q": 0}}, "'lff'.*'q' parameter.* Got 0"),
        ({"balancing": "jtt", "balancing_params": {"epochs": 0}}, "epochs must be positive.*got 0"),
        (
            {"balancing": "predominant-first", "balancing_params": {"coefficients": [2]}},
            r"coefficients must be.*got \[2\]",
        ),
        *(
            (
                {"balancing": rule, "balancing_params": {name: value}},
                f"balancing='{rule}'.*'{name}' parameter.* Got {value!r}",
            )
            for rule, name, value in [
                ("agm", "alpha", float("nan")),
                ("agm", "cap", -1),
                ("g-blend", "period", 0),
                ("g-blend", "period", 1.5),
                ("g-blend", "floor", 0),
                ("lff", "ema", 1),
                ("mmpareto", "gamma", 0),
                ("ogm-ge", "alpha", "much"),
                ("ogm-ge", "last_epoch", 2.5),
                ("ogm-ge", "noise", "no"),
                ("opm", "q0", 5),
                ("opm", "p_exe", -1),
                ("opm", "lam", None),
                ("pmr", "share", 0),
                ("pmr", "momentum", 1),
                ("relearn", "period", 0),
                ("relearn", "times", -1),
                ("relearn", "scale", "much"),
                ("smv", "warmup", -1),
            ]
        ),
        ({"balancing": "jtt", "balancing_params": {"epochs": 2.5}}, "epochs must be .* got 2.5"),
        (
            {"balancing": "jtt", "balancing_params": {"up_weight": float("inf")}},
            "up_weight must be positive.*got inf",
        ),
        ({"optimizer": "adam"}, "The 'optimizer' parameter of FusionClassifier"),
    ],
)
def test_bad_parameters_are_refused_and_leave_nothing_behind(parameters, words, data):
    X, y = data
    clf = FusionClassifier(**{**SMALL, **parameters})
    with pytest.raises(ValueError, match=words):
        clf.fit(X, y)
    assert not [name for name in vars(clf) if name.endswith("_")]


def test_an_inner_split_that_leaves_no_row_with_a_modality_names_it():
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(40, 7, 7))
    pictures[1:] = np.nan
    X, y = {"picture": pictures, "table": rng.normal(size=(40, 3))}, np.arange(40) % 2
    outcomes = set()
    for seed in range(12):
        clf = FusionClassifier(early_stopping=True, max_epochs=1, random_state=seed)
        try:
            clf.fit(X, y)
            outcomes.add("fitted")
        except ValueError as error:
            outcomes.add(str(error).split(" rows")[0])
    assert outcomes == {"fitted", "modality 'picture' is absent in all 32"}
