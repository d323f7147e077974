"""The health check at the end of a fit: each warning where it is due, and none elsewhere."""

import warnings

import numpy as np
import pytest

from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
)
from skbetafd._utils.exceptions import OverlapWarning

N = 300
RNG = np.random.default_rng(0)
Y = np.arange(N) % 3
X = {"a": RNG.normal(size=(N, 4)) + Y[:, None], "v": RNG.normal(size=(N, 3)) - Y[:, None]}
ALONG = np.linspace(0, 10, N)[:, None]
CURVE = {"a": np.hstack([ALONG, ALONG**2]), "v": ALONG}  # what is known decides the context
NOISE = {name: 10 * RNG.normal(size=(N, 60)) for name in X}
LEARNS_NOISE = {"standardize": False, "learning_rate": 0.03, "max_epochs": 1, "batch_size": 16}


def gaps(n_complete):
    has_a = (np.arange(N) % 2 == 0) | (np.arange(N) < n_complete)
    has_v = (np.arange(N) % 2 == 1) | (np.arange(N) < n_complete)
    return MultiModalArray(X, present={"a": has_a, "v": has_v})


def quick(cls=FrontDoorMultiModalClassifier, **parameters):
    return cls(**{"max_epochs": 2, "random_state": 0} | parameters)


def warned(act):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        act()
    assert all(w.filename == __file__ for w in seen)
    return [(w.category, str(w.message)) for w in seen]


def shuffled(n_complete):
    order = np.random.default_rng(1).permutation(N)
    return gaps(n_complete)[order], Y[order]


@pytest.mark.parametrize("beta", [0, 1])
@pytest.mark.parametrize("n_complete, told", [(1, 1), (29, 1), (30, 0), (N, 0)])
def test_few_complete_rows_are_told_with_their_number(n_complete, told, beta):
    said = warned(lambda: quick(beta=beta).fit(gaps(n_complete), Y))
    assert len(said) == told
    for category, message in said:
        assert category is UserWarning
        assert f"{n_complete} of {N} training rows" in message and "guide: Missing" in message


def test_rows_of_weight_0_are_not_counted_as_complete():
    weight = np.where(np.arange(N) < 40, 0, 1)
    (_, message), *rest = warned(lambda: quick().fit(gaps(50), Y, sample_weight=weight))
    assert message.startswith("10 of 260 training rows") and not rest


def test_a_small_table_without_gaps_is_not_told():
    small = {name: x[:20] for name, x in X.items()}
    assert warned(lambda: quick(beta=0).fit(small, Y[:20])) == []


@pytest.mark.parametrize("refit", [True, False])
def test_a_search_tells_once_of_its_refit(refit):
    rows, y = shuffled(24)
    search = quick(FrontDoorMultiModalClassifierCV, cv=3, betas=[0, 1], refit=refit)
    assert len(warned(lambda: search.fit(rows, y))) == refit


def test_a_stream_tells_at_its_first_call_alone():
    clf = quick()
    parts = [shuffled(24)[0][i::2] for i in range(2)], [shuffled(24)[1][i::2] for i in range(2)]
    said = [
        len(warned(lambda part=part, y=y: clf.partial_fit(part, y, classes=[0, 1, 2])))
        for part, y in zip(*parts, strict=True)
    ]
    assert said == [1, 0]


@pytest.mark.parametrize("parameters", [{"warm_start": True}, {"n_members": 2}, {"memory": None}])
def test_each_fit_tells_once(parameters, tmp_path):
    clf = quick(**{**parameters, **({"memory": str(tmp_path)} if "memory" in parameters else {})})
    for _ in range(2):
        assert len(warned(lambda: clf.fit(gaps(3), Y))) == 1


def test_no_support_for_beta_is_told_with_the_figure():
    (category, message), *rest = warned(lambda: quick(max_epochs=20).fit(CURVE, Y))
    assert category is OverlapWarning and "beta=1" in message and not rest
    assert "of 100 training rows have weak overlap" in message and "FAQ: No support" in message
    assert warned(lambda: quick(max_epochs=20, beta=0).fit(CURVE, Y)) == []


def test_worse_than_the_class_frequencies_is_told_with_both_figures():
    clf = quick(early_stopping=True, beta=0, **LEARNS_NOISE)
    (category, message), *rest = warned(lambda: clf.fit(NOISE, Y))
    assert category is UserWarning and "60 held-out rows" in message and not rest
    assert f"{clf.history_[0, 'valid_loss']:.3f}" in message and f"{np.log(3):.3f}" in message


@pytest.mark.parametrize(
    "rows, parameters",
    [(NOISE, {**LEARNS_NOISE, "early_stopping": False}), (X, {"early_stopping": True})],
    ids=["nothing held out", "no worse"],
)
def test_without_a_reason_nothing_is_told(rows, parameters):
    assert warned(lambda: quick(beta=0, **{"max_epochs": 10} | parameters).fit(rows, Y)) == []


def test_a_class_of_weight_0_has_no_part_in_the_comparison():
    clf = quick(early_stopping=True, class_weight={0: 0, 1: 1, 2: 1}, max_epochs=20)
    assert warned(lambda: clf.fit(X, Y)) == []


def test_too_few_held_out_rows_are_no_evidence():
    some = {name: x[:100] for name, x in NOISE.items()}
    clf = quick(early_stopping=True, beta=0, **LEARNS_NOISE)
    assert warned(lambda: clf.fit(some, Y[:100])) == []


def test_the_modality_that_keeps_all_rows_from_being_complete_is_named():
    rows = {**X, "w": np.where(np.arange(N)[:, None] < 20, 1.0, np.nan)}
    rows["v"] = np.where(np.arange(N)[:, None] < 20, np.nan, rows["v"])
    with pytest.raises(ValueError, match="without 'w', 280 rows have all"):
        quick().fit(rows, Y)
