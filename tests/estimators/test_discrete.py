import copy
import itertools
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from skbetafd import DiscreteFrontDoorClassifier, MultiModalArray, VacuousAdjustmentWarning
from skbetafd.causal import StructuralCausalModel, front_door_adjustment

PARENTS = {"U": [], "A": [], "T": ["U", "A"], "Z": ["T", "A"], "Y": ["Z", "U", "A"]}
GRID = np.indices((2, 2)).reshape(2, -1, 1)  # every t with every a


@pytest.fixture(scope="module")
def model():
    return StructuralCausalModel(PARENTS, 2, random_state=0)


@pytest.fixture(scope="module")
def rows(model):
    return model.sample(500, random_state=0)


def modalities(rows):
    return {"t": rows["T"][:, None], "a": rows["A"][:, None]}


def fit(rows, **parameters):
    clf = DiscreteFrontDoorClassifier(**parameters)
    return clf.fit(modalities(rows), rows["Y"], mediator=rows["Z"])


def truth(model):
    """P(y | t, a), P(y | do t, a) and P(y | do t), each for every t with every a."""
    population = np.repeat(model.interventional("Y", treatment="T"), 2, axis=0)
    seeing = model.interventional("Y", given=["T", "A"])
    doing = model.interventional("Y", treatment="T", given="A")
    return seeing.reshape(4, -1), doing.reshape(4, -1), population


@pytest.mark.slow
def test_with_many_rows_the_prediction_is_the_exact_mixture(model):
    clf = fit(model.sample(300_000, random_state=0))
    seeing, doing, population = truth(model)
    path = clf.beta_path(list(GRID), [0, 0.5, 1])
    for found, expected in zip(path, [seeing, (seeing + doing) / 2, doing], strict=True):
        np.testing.assert_allclose(found, expected, atol=0.01)
    assert np.abs(seeing - doing).max() > 0.05
    clf.set_params(effect="population")
    np.testing.assert_allclose(clf.predict_proba(list(GRID)), population, atol=0.01)


@pytest.mark.slow
def test_the_error_falls_as_the_square_root_of_the_number_of_rows():
    sizes = [100, 1000, 10_000, 100_000]
    errors = np.zeros((8, len(sizes)))
    for seed in range(8):
        model = StructuralCausalModel(PARENTS, 2, random_state=seed)
        mass = model.joint(["T", "A"]).ravel()
        for i, n in enumerate(sizes):
            clf = fit(model.sample(n, random_state=seed))
            gap = np.abs(clf.predict_proba(list(GRID)) - truth(model)[1]).mean(axis=1)
            errors[seed, i] = mass @ gap
    slope = np.polyfit(np.log(sizes), np.log(errors.mean(axis=0)), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.1)


def counted_by_hand(rows, beta, s=1.0):
    """P_β(y | t, a) for every t with every a, by the formulas of the docstring."""
    joint = np.zeros((2, 2, 2, 2))
    np.add.at(joint, tuple(rows[v] for v in "TAZY"), 1)
    out = np.zeros((2, 2, 2))
    for t, a, y, z, other in itertools.product(range(2), repeat=5):
        n_ta, n_a = joint[t, a].sum(), joint[:, a].sum()
        p_z = (joint[t, a, z].sum() + s) / (n_ta + 2 * s)
        p_y = (joint[other, a, z, y] + s) / (joint[other, a, z].sum() + 2 * s)
        p_t = (joint[other, a].sum() + s) / (n_a + 2 * s)
        out[t, a, y] += p_z * p_y * ((1 - beta) * (other == t) + beta * p_t)
    return out.reshape(4, 2)


@pytest.mark.parametrize("beta", [0, 0.3, 1])
@pytest.mark.parametrize("smoothing", [1.0, 0.01])
def test_small_counts_are_smoothed_by_the_documented_formulas(rows, beta, smoothing):
    few = {name: column[:30] for name, column in rows.items()}
    clf = fit(few, beta=beta, smoothing=smoothing)
    expected = counted_by_hand(few, beta, smoothing)
    np.testing.assert_allclose(clf.predict_proba(list(GRID)), expected, rtol=1e-10)


def test_the_joint_table_is_a_distribution_for_the_causal_functions(rows):
    clf = fit(rows, beta=0.4)
    assert clf.joint_.shape == (2, 2, 2, 2)
    assert clf.joint_.sum() == pytest.approx(1)
    levels = [clf.predominant_levels_, clf.auxiliary_levels_]
    t, a = ([values.index((v,)) for v in (0, 1)] for values in levels)
    table = front_door_adjustment(clf.joint_, 0.4)[np.ix_(t, a)].reshape(4, 2)
    np.testing.assert_allclose(clf.predict_proba(list(GRID)), table, rtol=1e-12)
    assert sorted(clf.mediator_levels_) == [(0,), (1,)]


def test_beta_and_effect_are_read_at_prediction(rows):
    clf = fit(rows)
    path = clf.beta_path(list(GRID), [0, 0.25, 1])
    for beta, expected in zip([0, 0.25, 1], path, strict=True):
        clf.set_params(beta=beta)
        np.testing.assert_array_equal(clf.predict_proba(list(GRID)), expected)
        np.testing.assert_allclose(np.exp(clf.predict_log_proba(list(GRID))), expected)
        np.testing.assert_array_equal(clf.predict(list(GRID)), expected.argmax(axis=1))
    population = clf.set_params(effect="population").predict_proba(list(GRID))
    np.testing.assert_allclose(population[0], population[1], rtol=1e-12)
    assert np.abs(population - path[2]).max() > 1e-3


def test_which_modality_predominates_matters(rows):
    X, swapped = modalities(rows), dict(reversed(modalities(rows).items()))
    first = fit(rows)
    by_name, by_position, other = (
        DiscreteFrontDoorClassifier(predominant=p).fit(x, rows["Y"], mediator=rows["Z"])
        for p, x in [("t", swapped), (1, swapped), ("a", X)]
    )
    assert [clf.predominant_ for clf in (first, by_name, by_position, other)] == list("ttta")
    expected = first.predict_proba(X)
    np.testing.assert_array_equal(by_name.predict_proba(X), expected)
    np.testing.assert_array_equal(by_position.predict_proba(X), expected)
    assert np.abs(other.predict_proba(X) - expected).max() > 1e-3


def test_without_a_mediator_beta_is_without_effect_and_fit_says_so(rows):
    X, y = modalities(rows), rows["Y"]
    with pytest.warns(VacuousAdjustmentWarning, match=r"beta=0.5 is without effect"):
        clf = DiscreteFrontDoorClassifier(beta=0.5).fit(X, y)
    assert clf.mediator_levels_ is None
    for effect in ("conditional", "population"):
        path = clf.set_params(effect=effect).beta_path(X, [0, 1])
        np.testing.assert_array_equal(path[0], path[1])
    case = (rows["T"] == 0) & (rows["A"] == 1)
    expected = (np.bincount(y[case], minlength=2) + 1) / (case.sum() + 2)
    np.testing.assert_allclose(clf.predict_proba([[[0]], [[1]]])[0], expected, rtol=1e-12)
    DiscreteFrontDoorClassifier(beta=0).fit(X, y)  # does not warn


def test_unknown_levels_fall_back_to_the_smoothed_marginal(rows):
    clf = fit(rows)
    y, a = rows["Y"], rows["A"]
    without_auxiliary = DiscreteFrontDoorClassifier().fit(rows["T"][:, None], y, mediator=rows["Z"])
    for beta in (0, 1):
        clf.set_params(beta=beta)
        found = clf.predict_proba([[[0], [7], [7]], [[9], [1], [9]]])
        expected = without_auxiliary.set_params(beta=beta).predict_proba([[0]])[0]
        np.testing.assert_allclose(found[0], expected, rtol=1e-12)
        given_a = (np.bincount(y[a == 1], minlength=2) + 1) / ((a == 1).sum() + 2)
        np.testing.assert_allclose(found[1], given_a, rtol=1e-12)
        marginal = (np.bincount(y, minlength=2) + 1) / (len(y) + 2)
        np.testing.assert_allclose(found[2], marginal, rtol=1e-12)


def column(values, dtype=None):
    return np.asarray(values, dtype=dtype)[:, None]


BITS = np.arange(30) % 2
WORDS = BITS.astype(str)
ENUM = pl.Series(WORDS.tolist(), dtype=pl.Enum(["0", "1"]))
SAME = {
    "float32, float64": (column(BITS * 1.5, "f4"), column(BITS * 1.5)),
    "integers, floats": (column(BITS), column(BITS, float)),
    "floats, booleans": (column(BITS, float), column(BITS, bool)),
    "integers, objects": (column(BITS, "i1"), column(BITS, object)),
    "longer strings": (column(WORDS, "U1"), column(WORDS, "U9")),
    "strings, pandas": (column(WORDS), pd.DataFrame({"b": pd.Series(WORDS, dtype="string")})),
    "strings, a category": (column(WORDS), pd.DataFrame({"b": pd.Categorical(WORDS)})),
    "strings, a polars Enum": (column(WORDS), pl.DataFrame({"b": ENUM})),
    "nullable, integers": (pd.DataFrame({"b": pd.Series(BITS, dtype="Int64")}), column(BITS)),
}
OTHER = {
    "float32, float64": (column(BITS * 0.1, "f4"), column(BITS * 0.1), ValueError, "0.1 "),
    "float64, float32": (column(BITS * 0.1), column(BITS * 0.1, "f4"), ValueError, "0.1000000"),
    "polars Float32, floats": (
        pl.DataFrame({"b": pl.Series(BITS * 0.1, dtype=pl.Float32)}),
        column(BITS * 0.1),
        ValueError,
        "0.1 ",
    ),
    "sums": (column(BITS * 0.3), column(BITS * (0.1 + 0.2)), ValueError, "0.30000000000000004"),
    "integers, strings": (column(BITS), column(WORDS), TypeError, r"'0' \(str\).* \(int\)"),
    "strings, integers": (column(WORDS), column(BITS), TypeError, r"0 \(int\).* \(str\)"),
    "strings, bytes": (column(WORDS), column(WORDS, "S"), TypeError, "b'0'.*astype\\(str"),
    "bytes, strings": (column(WORDS, "S"), column(WORDS), TypeError, "'0'.*astype\\(bytes"),
    "strings, a category of integers": (
        column(WORDS),
        pd.DataFrame({"b": pd.Categorical(BITS)}),
        TypeError,
        r"0 \(int\)",
    ),
}


def of_bits(values, predominant=0):
    """Fit on values that tell the label, beside a modality that is the same in all rows."""
    clf = DiscreteFrontDoorClassifier(beta=0, predominant=predominant)
    return clf.fit({"bits": values, "same": column(0 * BITS)}, BITS)


@pytest.mark.parametrize("predominant", ["bits", "same"])
@pytest.mark.parametrize(("fitted", "asked"), SAME.values(), ids=SAME)
def test_levels_are_equal_by_value_whatever_their_type(fitted, asked, predominant):
    clf = of_bits(fitted, predominant)
    assert clf.score({"bits": asked, "same": column(0 * BITS)}, BITS) == 1


@pytest.mark.parametrize("predominant", ["bits", "same"])
@pytest.mark.parametrize(("fitted", "asked", "kind", "said"), OTHER.values(), ids=OTHER)
def test_values_that_no_level_can_equal_are_named(fitted, asked, kind, said, predominant):
    clf = of_bits(fitted, predominant)
    row = int(kind is ValueError)
    place = rf"^modality 'bits', row {row}, column 0(?: \('b'\))? is {said}"
    with pytest.raises(kind, match=place) as caught:
        clf.predict({"bits": asked, "same": column(0 * BITS)})
    (dtype,) = re.findall(r"astype\((?:np\.)?(\w+)\)", str(caught.value))
    both = [np.asarray(values).astype(dtype) for values in (fitted, asked)]
    clf = of_bits(both[0], predominant)  # what the message says can be done
    assert clf.score({"bits": both[1], "same": column(0 * BITS)}, BITS) == 1


@pytest.mark.parametrize("asked", [column(BITS + 7), column(BITS + 0.5), column(BITS * 0.1, "f2")])
def test_levels_none_of_which_fit_has_seen_are_warned_of(asked):
    clf = of_bits(column(BITS + 2))
    with pytest.warns(UserWarning, match="none of 30 rows has a level of 'bits' that fit has"):
        clf.predict({"bits": asked, "same": column(0 * BITS)})
    clf.predict({"bits": np.where(BITS[:, None], asked, 2), "same": column(0 * BITS)})


def test_strings_integers_and_floats_are_categories(rows):
    as_words = np.array(["low", "high"])
    X = {"t": as_words[rows["T"]][:, None], "a": rows["A"][:, None] * 1.0}
    words = DiscreteFrontDoorClassifier().fit(X, rows["Y"], mediator=as_words[rows["Z"]])
    expected = fit(rows).predict_proba(modalities(rows))
    np.testing.assert_array_equal(words.predict_proba(X), expected)
    integers = {"t": X["t"], "a": rows["A"][:, None]}
    np.testing.assert_array_equal(words.predict_proba(integers), expected)
    assert set(words.predominant_levels_) == {("low",), ("high",)}


def test_a_modality_of_several_columns_is_one_variable(rows):
    pairs = np.column_stack([rows["T"], 1 - rows["T"], rows["T"] * 3])
    wide = {"t": pairs, "a": rows["A"][:, None]}
    mediator = np.column_stack([rows["Z"], rows["Z"]])
    clf = DiscreteFrontDoorClassifier().fit(wide, rows["Y"], mediator=mediator)
    assert set(clf.predominant_levels_) == {(0, 1, 0), (1, 0, 3)}
    expected = fit(rows).predict_proba(modalities(rows))
    np.testing.assert_array_equal(clf.predict_proba(wide), expected)


def test_all_other_modalities_are_the_auxiliary_jointly(model):
    rows = model.sample(200, random_state=1)
    X = [rows["T"][:, None], rows["A"][:, None], np.arange(200)[:, None] % 3]
    clf = DiscreteFrontDoorClassifier().fit(X, rows["Y"], mediator=rows["Z"])
    assert sorted(clf.auxiliary_levels_) == list(itertools.product(range(2), range(3)))


@pytest.mark.parametrize("form", ["container", "frame", "flat", "list"])
def test_every_form_of_input_predicts_the_same(rows, form):
    X = modalities(rows)
    forms = {
        "container": MultiModalArray(X),
        "frame": pd.DataFrame({f"{name}__v": column[:, 0] for name, column in X.items()}),
        "flat": np.hstack([*X.values()]),
        "list": list(X.values()),
    }
    parameters = {"modalities": [1, 1]} if form == "flat" else {}
    clf = DiscreteFrontDoorClassifier(**parameters)
    clf.fit(forms[form], rows["Y"], mediator=pd.Series(rows["Z"]))
    expected = fit(rows).predict_proba(X)
    np.testing.assert_array_equal(clf.predict_proba(forms[form]), expected)


def test_a_row_of_weight_two_counts_as_two_rows_and_one_of_zero_as_none(rows):
    X, y, z = modalities(rows), rows["Y"], rows["Z"]
    repeats = np.arange(len(y)) % 3
    weighted = DiscreteFrontDoorClassifier().fit(X, y, repeats, mediator=z)
    repeated = DiscreteFrontDoorClassifier().fit(
        {name: np.repeat(column, repeats, axis=0) for name, column in X.items()},
        np.repeat(y, repeats),
        mediator=np.repeat(z, repeats),
    )
    expected = repeated.predict_proba(X)
    np.testing.assert_allclose(weighted.predict_proba(X), expected, rtol=1e-12)
    assert np.abs(fit(rows).predict_proba(X) - expected).max() > 1e-3
    assert weighted.score(X, y, sample_weight=y) != weighted.score(X, y)


def test_a_level_of_weight_zero_alone_is_unknown(rows):
    X, y = modalities(rows), rows["Y"]
    X["t"] = X["t"].copy()
    X["t"][:5] = 8
    weight = np.where(np.arange(len(y)) < 5, 0, 1)
    clf = DiscreteFrontDoorClassifier().fit(X, y, weight, mediator=rows["Z"])
    assert sorted(clf.predominant_levels_) == [(0,), (1,)]


def test_metadata_routing_brings_the_mediator(rows):
    X, y = MultiModalArray(modalities(rows)), rows["Y"]
    with config_context(enable_metadata_routing=True):
        clf = DiscreteFrontDoorClassifier().set_fit_request(mediator=True, sample_weight=False)
        search = GridSearchCV(clf, {"beta": [0, 1]}, cv=3).fit(X, y, mediator=rows["Z"])
        assert search.best_estimator_.mediator_levels_ is not None
        scores = cross_val_score(clf, X, y, cv=3, params={"mediator": rows["Z"]})
    assert scores.min() > 0.4


def test_refitting_on_other_data_forgets_the_old(rows):
    clf = fit(rows).fit([rows["A"][:, None]], rows["Y"], mediator=rows["T"])
    assert clf.modality_names_ == ["modality0"]
    assert clf.auxiliary_levels_ == [()]
    assert clf.predict_proba([[[0], [1]]]).shape == (2, 2)


def with_entry(column, value):
    column = column.astype(object)
    column[3] = value
    return column


BAD = {
    "NaN in a modality": (
        ValueError,
        lambda r: {"X": [r["T"][:, None], with_entry(r["A"], np.nan)[:, None]]},
        "modality 'modality1' contains NaN at row 3, column 0",
    ),
    "infinity in a modality": (
        ValueError,
        lambda r: {"X": [with_entry(r["T"], np.inf).astype(float)[:, None]]},
        "modality 'modality0' contains infinity at row 3, column 0",
    ),
    "None in a modality": (
        ValueError,
        lambda r: {"X": [with_entry(r["T"], None)[:, None]]},
        "'modality0' contains None at row 3, column 0",
    ),
    "a list in a modality": (
        TypeError,
        lambda r: {"X": [with_entry(r["T"], {1})[:, None]]},
        r"'modality0', row 3, column 0: .* got {1}",
    ),
    "a sparse modality": (
        TypeError,
        lambda r: {"X": [sparse.csr_array(r["T"][:, None])]},
        "modality 'modality0' is a sparse matrix",
    ),
    "a modality without columns": (
        ValueError,
        lambda r: {"X": [r["T"][:, None], np.empty((500, 0))]},
        "modality 'modality1' has 0 features",
    ),
    "no rows": (
        ValueError,
        lambda r: {"X": [np.empty((0, 2))], "y": [], "mediator": []},
        "modality 'modality0' has 0 samples",
    ),
    "NaN in the mediator": (
        ValueError,
        lambda r: {"mediator": with_entry(r["Z"], np.nan)},
        "mediator contains NaN at row 3, column 0",
    ),
    "too many cells": (
        ValueError,
        lambda r: {"X": [np.arange(500)[:, None]] * 2, "mediator": np.arange(500)},
        r"500 × 500 × 500 × 2 cells .* is too large",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_its_culprit_and_changes_nothing(rows, name):
    error, change, words = BAD[name]
    arguments = {"X": modalities(rows), "y": rows["Y"], "mediator": rows["Z"]} | change(rows)
    data = {key: arguments.pop(key) for key in ("X", "y", "mediator")}
    for clf in (DiscreteFrontDoorClassifier(), fit(rows)):
        clf = copy.deepcopy(clf).set_params(**arguments)
        before = dict(vars(clf))
        with pytest.raises(error, match=words):
            clf.fit(**data)
        assert vars(clf).keys() == before.keys()
        assert all(vars(clf)[key] is value for key, value in before.items())


def test_bad_questions_are_refused(rows):
    clf = fit(rows)
    with pytest.raises(ValueError, match="Got 2"):
        clf.beta_path(list(GRID), [0, 2])
    with pytest.raises(ValueError, match="contains NaN at row 1"):
        clf.predict([np.array([[0.0], [np.nan]]), np.zeros((2, 1))])
    with pytest.raises(ValueError, match="effect"):
        clone(clf).set_params(effect="total").fit(modalities(rows), rows["Y"], mediator=rows["Z"])


@pytest.mark.filterwarnings("ignore:none of")
def test_many_levels_that_fit_has_not_seen_are_compared_with_few():
    class Name(str):
        compared = 0
        __hash__ = str.__hash__

        def __eq__(self, other):
            Name.compared += 1
            return str.__eq__(self, other)

    n, kind = 300, np.zeros((300, 1), dtype=int)
    ids = np.array([Name(f"id {i}") for i in range(2 * n)], dtype=object)[:, None]
    clf = DiscreteFrontDoorClassifier(beta=0).fit([ids[:n], kind], kind[:, 0] + [0, 1] * 150)
    Name.compared = 0
    clf.predict_proba([ids[n:], kind])
    assert Name.compared < 10 * n
