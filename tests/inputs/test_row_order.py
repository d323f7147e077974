"""Rows go by position; the index of pandas is heard where it says another order."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    PerModality,
    diagnose,
    modality_contributions,
)
from skbetafd.baselines import FusionClassifier

N = 60
RNG = np.random.default_rng(0)
Y = np.arange(N) % 2
A = pd.DataFrame(RNG.normal(size=(N, 2)) + Y[:, None], columns=["p", "q"])
B = pd.DataFrame(RNG.normal(size=(N, 2)) - Y[:, None], columns=["r", "s"])
SORTED = B.sort_values("r")
LABELS = pd.Series(Y).sample(frac=1, random_state=0)
X = {"a": A, "b": B}
BAD = {"a": A, "b": SORTED}
QUICK = {"max_epochs": 1, "n_references": 4, "hidden_dim": 8, "random_state": 0}
NAMES = pd.Index([f"case {i}" for i in range(N)])


def quick(**parameters):
    return FrontDoorMultiModalClassifier(**QUICK, **parameters)


def search():
    return FrontDoorMultiModalClassifierCV(**QUICK, cv=2, betas=[0, 1])


def heard(act):
    """The warnings of an act that are about the order of rows."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        act()
    return [w for w in caught if "another order" in str(w.message)]


FITTED = quick().fit({"a": A.to_numpy(), "b": B.to_numpy()}, Y)
SCALE = PerModality(StandardScaler()).fit(X)
WARNED = {
    "container": (lambda: MultiModalArray(BAD), "modality 'b'"),
    "list": (lambda: MultiModalArray([A, SORTED]), "modality 'modality1'"),
    "text": (lambda: MultiModalArray({"a": A, "b": SORTED["r"].astype(str)}), "modality 'b'"),
    "present": (lambda: MultiModalArray(X, present={"b": LABELS > -1}), "present['b']"),
    "fit": (lambda: quick().fit(BAD, Y), "modality 'b'"),
    "fit with labels": (lambda: quick().fit(BAD, pd.Series(Y)), "modality 'b'"),
    "labels": (lambda: quick().fit(X, LABELS), "y"),
    "labels of one table": (lambda: quick(modalities=[1, 1]).fit(A, LABELS), "y"),
    "labels of text": (
        lambda: PerModality("passthrough").fit({"a": A["p"].astype(str)}, LABELS),
        "y",
    ),
    "labels and weights": (
        lambda: quick().fit(X, LABELS, sample_weight=LABELS + 1),
        "y and sample_weight",
    ),
    "weights": (lambda: quick().fit(X, Y, sample_weight=LABELS + 1), "sample_weight"),
    "mediator": (lambda: quick().fit(X, Y, mediator=LABELS.to_frame()), "mediator"),
    "groups": (lambda: quick().fit(X, Y, groups=LABELS), "groups"),
    "partial_fit": (lambda: quick().partial_fit(X, LABELS, classes=[0, 1]), "y"),
    "search": (lambda: search().fit(BAD, Y), "modality 'b'"),
    "labels of a search": (lambda: search().fit(X, LABELS), "y"),
    "groups of a search": (lambda: search().fit(X, Y, groups=LABELS), "groups"),
    "groups of a search that holds out": (
        lambda: search().set_params(early_stopping=True).fit(X, Y, groups=LABELS),
        "groups",
    ),
    "mediator of a search": (lambda: search().fit(X, Y, mediator=LABELS.to_frame()), "mediator"),
    "predict": (lambda: FITTED.predict(BAD), "modality 'b'"),
    "modality that is nowhere": (lambda: FITTED.predict({"a": A, "b": None}), None),
    "score": (lambda: FITTED.score(X, LABELS), "y"),
    "PerModality": (lambda: SCALE.transform(BAD), "modality 'b'"),
    "what passes through": (lambda: PerModality({}).fit_transform(BAD), "modality 'b'"),
    "labels of a Pipeline": (
        lambda: make_pipeline(PerModality(StandardScaler()), quick()).fit(X, LABELS),
        "y",
    ),
    "counting": (
        lambda: DiscreteFrontDoorClassifier(beta=0).fit([A > 0, SORTED > 0], Y),
        "modality 'modality1'",
    ),
    "baseline": (
        lambda: FusionClassifier(max_epochs=1).fit(X, Y, sample_weight=LABELS + 1),
        "sample_weight",
    ),
    "diagnosis": (lambda: modality_contributions(FITTED, X, LABELS, random_state=0), "y"),
    "labels of diagnose": (
        lambda: diagnose(X, LABELS, cv=2, n_repeats=1, network_params={"max_epochs": 1}),
        "y",
    ),
}


@pytest.mark.parametrize("case", WARNED)
def test_the_same_labels_in_another_order_are_warned_of_once(case):
    act, name = WARNED[case]
    caught = heard(act)
    assert [w.filename for w in caught] == ([] if name is None else [__file__])
    for warning in caught:
        said = str(warning.message)
        assert f"but {name} ha" in said
        assert f"of {N} rows differ" in said


def test_the_warning_counts_the_rows_and_what_it_advises_ends_it():
    swapped = B.iloc[[1, 0, *range(2, N)]]
    (warning,) = heard(lambda: MultiModalArray({"a": A, "b": swapped}))
    assert "modality 'a' in another order (2 of 60 rows differ)" in str(warning.message)
    assert not heard(lambda: MultiModalArray({"a": A, "b": swapped.loc[A.index]}))
    bare = {"a": A.reset_index(drop=True), "b": swapped.reset_index(drop=True)}
    assert not heard(lambda: MultiModalArray(bare))


SILENT = {
    "same order": lambda: quick().fit(X, pd.Series(Y), sample_weight=pd.Series(Y + 1.0)),
    "rows that were drawn, labels that were not": lambda: quick().fit(
        {"a": A.iloc[::3], "b": B.iloc[::3]}, pd.Series(Y[::3])
    ),
    "labels that are not unique": lambda: MultiModalArray(
        {"a": A.set_axis(np.repeat(range(30), 2), axis=0), "b": SORTED.set_axis(Y, axis=0)}
    ),
    "arrays beside a frame": lambda: quick().fit({"a": SORTED, "b": B.to_numpy()}, Y),
    "polars": lambda: MultiModalArray({"a": pl.from_pandas(A), "b": pl.from_pandas(SORTED)}),
    "lists, which have an index too": lambda: quick().fit([A.values.tolist(), SORTED], list(Y)),
    "other kinds of labels": lambda: MultiModalArray({"a": A, "b": B.set_axis(NAMES, axis=0)}),
    "several levels": lambda: MultiModalArray(
        {"a": A, "b": B.set_axis(pd.MultiIndex.from_arrays([NAMES, Y]), axis=0)}
    ),
    "folds": lambda: cross_val_score(
        quick(), MultiModalArray(X), pd.Series(Y), cv=2, error_score="raise"
    ),
    "dates beside numbers": lambda: MultiModalArray(
        {"a": A, "b": B.set_axis(pd.date_range("2024-01-01", periods=N, tz="UTC"), axis=0)}
    ),
}


@pytest.mark.parametrize("case", SILENT)
def test_nothing_is_said_where_labels_do_not_tell_another_order(case):
    assert not heard(SILENT[case])


def test_labels_of_several_levels_are_compared():
    levels = pd.MultiIndex.from_arrays([NAMES, Y])
    other = B.set_axis(levels, axis=0).iloc[::-1]
    (warning,) = heard(lambda: MultiModalArray({"a": A.set_axis(levels, axis=0), "b": other}))
    assert f"{N} of {N} rows differ" in str(warning.message)
