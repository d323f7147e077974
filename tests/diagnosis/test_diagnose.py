import numpy as np
import pytest

from skbetafd import MultiModalArray, diagnose
from skbetafd._utils.sklearn_compat import StrOptions
from skbetafd.baselines import FusionClassifier, UnimodalClassifier, _fusion
from skbetafd.baselines._rule import Rule
from skbetafd.datasets import load_multiple_features
from skbetafd.diagnosis import _diagnose as module
from skbetafd.diagnosis._accuracy_alone import PROBE_BELOW
from skbetafd.diagnosis._folds import Fold

QUICK = {"cv": 3, "n_repeats": 1, "network_params": {"max_epochs": 3}, "random_state": 0}


def planted(noises, n=240, n_classes=3):
    """One modality a noise level, around the same class means."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_classes, n)
    means = 2 * rng.normal(size=(n_classes, 4))
    return {name: rng.normal(means[y], noise) for name, noise in noises.items()}, y


def test_pure_noise_beside_a_strong_modality_is_an_imbalance():
    X, y = planted({"noise": 500.0, "strong": 1.0})
    found = diagnose(X, y, **QUICK)
    assert (found.predominant, found.runner_up, found.weakest) == ("strong", "noise", "noise")
    assert found.imbalanced
    assert found.predominant_ci[0] > 0.3
    assert found.predominant_ci[0] < found.predominant_lead < found.predominant_ci[1]
    assert found.alone["strong"] - found.alone["noise"] == pytest.approx(found.spread)


@pytest.mark.slow
def test_level_modalities_are_balanced_and_nothing_is_recommended():
    X, y = planted({"one": 1.5, "two": 1.5})
    found = diagnose(X, y, **{**QUICK, "network_params": None})
    assert not found.imbalanced
    assert found.predominant_ci[0] < 0 < found.predominant_ci[1]
    assert (found.recommendation, found.rule) == ("nothing", None)
    assert "may well be level" in str(found)
    assert "no clear imbalance" in str(found)
    assert "Recommendation: nothing" in str(found)


def test_of_three_modalities_the_lead_is_over_the_second_and_the_spread_over_the_third():
    X, y = planted({"weak": 8.0, "first": 1.0, "second": 2.5})
    found = diagnose(X, y, **QUICK)
    assert (found.predominant, found.runner_up, found.weakest) == ("first", "second", "weak")
    assert found.predominant_lead < found.spread


@pytest.mark.parametrize("n", [PROBE_BELOW - 1, PROBE_BELOW])
def test_probe_and_network_name_the_modality_that_is_best_on_held_out_rows(n):
    X, y = load_multiple_features(("mor", "kar"), return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(y))
    train, test = rows[:n], rows[n:]
    held = [
        UnimodalClassifier(modality=m, max_epochs=5, random_state=0)
        .fit(X[train], y[train])
        .score(X[test], y[test])
        for m in range(2)
    ]
    found = diagnose(X[train], y[train], **QUICK)
    assert found.predominant == X.names[np.argmax(held)]


class Helping(Rule):
    """Stands for a rule that helps: it forgets nothing."""


class Harming(Rule):
    """Flips what joint training would predict."""

    def logits(self, network, xs):
        return -network(xs)


@pytest.fixture
def joint_training_that_fails(monkeypatch):
    """Plain joint training is replaced by one that is usually wrong; a rule repairs it."""
    plain = FusionClassifier._make_rule
    monkeypatch.setattr(
        FusionClassifier,
        "_make_rule",
        lambda self: Harming() if self.balancing is None else plain(self),
    )


@pytest.mark.usefixtures("joint_training_that_fails")
def test_a_rule_that_helps_is_recommended():
    X, y = planted({"one": 1.0, "two": 1.0})
    found = diagnose(X, y, **{**QUICK, "network_params": {"max_epochs": 15}})
    assert found.recommendation == "balance"
    assert found.rule == max(found.gains, key=found.gains.get)
    assert found.p_values[found.rule] < 0.05
    assert found.competition > 0.3
    assert "Recommendation: balance" in str(found)
    assert "Joint training fails" in str(found)


@pytest.mark.usefixtures("joint_training_that_fails")
def test_the_predominant_first_rule_is_used_once_it_is_registered(monkeypatch):
    monkeypatch.setitem(_fusion.RULES, "predominant-first", Helping)
    monkeypatch.setitem(_fusion.RULES, "uniform", Harming)
    monkeypatch.setitem(_fusion.RULES, "ogm-ge", Harming)
    constraints = {
        **FusionClassifier._parameter_constraints,
        "balancing": [None, StrOptions(set(_fusion.RULES))],
    }
    monkeypatch.setattr(FusionClassifier, "_parameter_constraints", constraints)
    X, y = planted({"one": 1.0, "two": 1.0})
    found = diagnose(X, y, **{**QUICK, "network_params": {"max_epochs": 15}})
    assert (found.recommendation, found.rule) == ("predominant-first", "predominant-first")


N_ROWS = 1000
REPEATS = [
    [
        Fold(np.setdiff1d(np.arange(N_ROWS), test), test, 0, "")
        for test in np.array_split(np.random.default_rng(i).permutation(N_ROWS), 5)
    ]
    for i in range(2)
]


def trial(*won_and_lost, repeats=REPEATS):
    """Plain joint training has half of the rows right, each rule wins some and loses others."""
    order, columns = np.random.default_rng(7).permutation(N_ROWS), [np.arange(N_ROWS) % 2 == 0]
    for won, lost in won_and_lost:
        column = columns[0].copy()
        column[[i for i in order if i % 2][:won]] = True
        column[[i for i in order if not i % 2][:lost]] = False
        columns.append(column)
    right = np.repeat(np.column_stack(columns)[None], len(repeats), axis=0)
    return module._trial(right, ["uniform", "ogm-ge"][: len(won_and_lost)], repeats, 0.05)


def test_a_gain_that_is_not_significant_or_too_small_is_no_reason():
    assert trial((40, 0))["recommendation"] == "balance"
    assert trial((240, 200))["recommendation"] == "nothing"
    assert trial((4, 0))["recommendation"] == "nothing"
    assert trial((0, 40))["recommendation"] == "nothing"


def test_more_rules_ask_for_more_evidence():
    one = trial((40, 10))["p_values"]["uniform"]
    assert trial((40, 10), (5, 5))["p_values"]["uniform"] == pytest.approx(2 * one)


def test_three_folds_that_happen_to_gain_alike_are_no_evidence():
    thirds = np.array_split(np.arange(999), 3)
    folds = [Fold(np.setdiff1d(np.arange(999), test), test, 0, "") for test in thirds]
    plain = np.arange(999) % 2 == 0
    rule = plain.copy()
    rule[[1, 335, 667]] = True  # one row more in each fold: a gain without any variance
    found = module._trial(np.stack([plain, rule], axis=1)[None], ["uniform"], [folds], 0.05)
    assert found["gains"]["uniform"] == pytest.approx(3 / 999)
    assert found["p_values"]["uniform"] == pytest.approx(1 / 8)


def test_a_constant_modality_is_the_weakest():
    X, y = planted({"strong": 1.0})
    found = diagnose(X | {"constant": np.ones((len(y), 2))}, y, **QUICK)
    assert found.predominant == "strong"
    assert found.alone["constant"] < 0.5


def test_missing_modalities_count_where_they_are():
    X, y = planted({"strong": 1.0, "weak": 6.0})
    present = np.arange(len(y)) % 5 == 0
    found = diagnose(MultiModalArray(X, present={"strong": present}), y, **QUICK)
    assert found.predominant == "strong"
    assert found.alone["strong"] > 0.8


def test_competition_compares_the_rows_that_have_the_predominant_modality():
    X, y = planted({"strong": 1.0, "weak": 6.0})
    whole = diagnose(X, y, **QUICK)
    present = np.arange(len(y)) % 2 == 0
    found = diagnose(MultiModalArray(X, present={"strong": present}), y, **QUICK)
    assert found.alone["strong"] - found.scores["joint"] > 0.15, "most other rows are guessed"
    assert abs(found.competition - whole.competition) < 0.07
    assert repr(found) == str(found)


def test_two_classes_and_a_class_of_one_row_are_fine():
    X, y = planted({"strong": 1.0, "weak": 6.0}, n_classes=2)
    assert diagnose(X, y, **QUICK).predominant == "strong"
    rare = y.copy()
    rare[0] = 7
    assert diagnose(X, rare, **QUICK).predominant == "strong"


def test_a_rule_that_needs_rows_of_every_class_to_decide_on_is_skipped_without(monkeypatch):
    monkeypatch.setattr(module.RULES["uniform"], "needs_validation", True)
    X, y = planted({"strong": 1.0, "weak": 6.0})
    y[0] = 7
    found = diagnose(X, y, **QUICK)
    assert set(found.skipped) == {"uniform", "predominant-first"}
    assert list(found.gains) == ["ogm-ge"]
    assert "uniform: not tried" in str(found)


def test_a_handful_of_rows_recommends_nothing():
    X, y = planted({"strong": 1.0, "weak": 6.0}, n=12, n_classes=2)
    assert diagnose(X, y, **QUICK).recommendation == "nothing"


def test_input_forms_groups_and_seeds_agree():
    X, y = planted({"strong": 1.0, "weak": 6.0})
    flat = np.hstack(list(X.values()))
    one = diagnose(X, y, groups=np.arange(len(y)) // 2, **QUICK)
    two = diagnose(
        flat, y, modalities={"strong": 4, "weak": 4}, groups=np.arange(len(y)) // 2, **QUICK
    )
    assert str(one) == str(two)
    assert str(one) != str(diagnose(X, y, **QUICK))


def test_bad_input_is_named():
    X, y = planted({"strong": 1.0, "weak": 6.0})
    with pytest.raises(ValueError, match="'strong' contains NaN at row 1, column 2"):
        broken = X["strong"].copy()
        broken[1, 2] = np.nan
        diagnose({**X, "strong": broken}, y)
    with pytest.raises(ValueError, match=r"^row 100 has no modality"):
        gone = np.arange(len(y)) != 100
        diagnose(MultiModalArray(X, present={"strong": gone, "weak": gone}), y)


def test_the_bar_counts_every_fit_and_says_which_one_is_made(capsys):
    X, y = planted({"strong": 1.0, "weak": 6.0})
    small = {**QUICK, "network_params": {"max_epochs": 1, "hidden_dim": 8}}
    silent = diagnose(X, y, **small)
    assert capsys.readouterr().err == ""
    told = diagnose(X, y, verbose=1, **small)
    bar = capsys.readouterr().err
    assert f"{3 * 2 + 3 * 4}/{3 * 2 + 3 * 4}" in bar
    assert "repeat 0, fold 2, predominant-first" in bar
    assert str(told) == str(silent)


@pytest.mark.parametrize("n", [240, PROBE_BELOW])
def test_groups_stay_on_one_side_of_inner_splits_too(n, inner_splits):
    X, y = planted({"strong": 1.0, "weak": 6.0}, n=n)
    groups = np.arange(n) // 5
    network_params = {"max_epochs": 1, "hidden_dim": 8, "early_stopping": True}
    diagnose(X, y, groups=groups, **{**QUICK, "cv": 2, "network_params": network_params})
    assert inner_splits
    assert all(set(own[fit]).isdisjoint(own[held]) for fit, held, own in inner_splits)


def test_a_rule_that_needs_rows_to_decide_on_is_skipped_where_training_is_one_group():
    X, y = planted({"strong": 1.0, "weak": 6.0})
    found = diagnose(X, y, groups=np.arange(len(y)) % 2, **{**QUICK, "cv": 2})
    assert "a training part is one group" in found.skipped["predominant-first"]
