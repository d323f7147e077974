"""The health check at the end of a fit: each warning where it is due, and none elsewhere."""

import re
import sys
import warnings

import numpy as np
import pytest
from sklearn.metrics import log_loss

from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
)
from skbetafd._utils.exceptions import OverlapWarning

N = 300
RNG = np.random.default_rng(0)
Y = np.arange(N) % 3
X = {"a": RNG.normal(size=(N, 4)) + Y[:, None], "v": RNG.normal(size=(N, 3)) - Y[:, None]}
ALONG = np.linspace(0, 10, N)[:, None]
CURVE = {"a": np.hstack([ALONG, ALONG**2]), "v": ALONG}  # what is known decides the context
NOISE = {name: 10 * RNG.normal(size=(N, 60)) for name in X}
MORE_NOISE = {name: 10 * RNG.normal(size=(1000, 60)) for name in X}
MORE_RARE = (np.arange(1000) % 10 == 0).astype(int)
LEARNS_NOISE = {"standardize": False, "learning_rate": 0.03, "max_epochs": 1, "batch_size": 16}


RARE = (np.arange(N) % 10 == 0).astype(int)


def quick(cls=FrontDoorMultiModalClassifier, **parameters):
    return cls(**{"max_epochs": 2, "random_state": 0} | parameters)


def warned(act):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        act()
    assert all(w.filename == __file__ for w in seen)
    return [(w.category, str(w.message)) for w in seen]


def test_one_process_needs_no_accelerate(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)  # an import is an error
    quick().fit(X, Y)


def test_a_small_table_is_not_told():
    small = {name: x[:20] for name, x in X.items()}
    assert warned(lambda: quick(beta=0).fit(small, Y[:20])) == []


@pytest.mark.parametrize("refit", [True, False])
def test_a_search_tells_once_of_its_refit(refit):
    search = quick(FrontDoorMultiModalClassifierCV, cv=3, betas=[0], refit=refit, **LEARNS_NOISE)
    assert len(warned(lambda: search.fit(NOISE, RARE))) == refit


@pytest.mark.parametrize("parameters", [{"n_members": 2}, {"memory": None}, {}])
def test_each_fit_tells_once(parameters, tmp_path):
    own = {"memory": str(tmp_path)} if "memory" in parameters else parameters
    clf = quick(beta=0, **LEARNS_NOISE, **own)
    for _ in range(2):
        assert len(warned(lambda: clf.fit(NOISE, RARE))) == 1


def test_a_further_fit_has_no_rows_that_its_network_has_not_seen():
    warm = quick(beta=0, warm_start=True, **LEARNS_NOISE)
    assert [len(warned(lambda: warm.fit(NOISE, RARE))) for _ in range(2)] == [1, 0]
    assert warned(lambda: warm.partial_fit(NOISE, RARE)) == []


def test_no_support_for_beta_is_told_with_the_figure():
    parameters = {"max_epochs": 20, "calibrate": False}
    (category, message), *rest = warned(lambda: quick(**parameters).fit(CURVE, Y))
    assert category is OverlapWarning and "beta=1" in message and not rest
    assert "of 100 training rows have weak overlap" in message and "FAQ: No support" in message
    assert warned(lambda: quick(**parameters, beta=0).fit(CURVE, Y)) == []


def test_worse_than_the_class_frequencies_is_told_with_both_figures_of_unseen_rows():
    clf = quick(beta=0, max_epochs=30, lr_schedule="constant")
    (category, message), *rest = warned(lambda: clf.fit(NOISE, RARE))
    assert category is UserWarning and f"{N} held-out rows" in message and not rest
    own, frequencies = map(float, re.findall(r"is (\d\.\d+), .*ies (\d\.\d+)", message)[0])
    assert frequencies == pytest.approx(log_loss(RARE, np.full(N, 0.1)), abs=1e-3)
    assert own == pytest.approx(log_loss(MORE_RARE, clf.predict_proba(MORE_NOISE)), abs=0.05)
    assert log_loss(RARE, clf.predict_proba(NOISE)) < frequencies < own


@pytest.mark.parametrize(
    "rows, parameters",
    [(NOISE, {**LEARNS_NOISE, "calibrate": False}), (X, {}), (X, {"early_stopping": True})],
    ids=["nothing held out", "no worse", "no worse, stopping early"],
)
def test_without_a_reason_nothing_is_told(rows, parameters):
    assert warned(lambda: quick(beta=0, **{"max_epochs": 10} | parameters).fit(rows, RARE)) == []


def test_a_class_of_weight_0_has_no_part_in_the_comparison():
    clf = quick(early_stopping=True, class_weight={0: 0, 1: 1, 2: 1}, max_epochs=20)
    assert warned(lambda: clf.fit(X, Y)) == []


def test_too_few_held_out_rows_are_no_evidence():
    some = {name: x[:100] for name, x in NOISE.items()}
    assert (
        warned(lambda: quick(early_stopping=True, beta=0, **LEARNS_NOISE).fit(some, RARE[:100]))
        == []
    )
    few = {name: x[:29] for name, x in NOISE.items()}
    assert warned(lambda: quick(beta=0, **LEARNS_NOISE).fit(few, RARE[:29])) == []


def test_the_modality_that_keeps_all_rows_from_being_complete_is_named():
    rows = {**X, "w": np.where(np.arange(N)[:, None] < 20, 1.0, np.nan)}
    rows["v"] = np.where(np.arange(N)[:, None] < 20, np.nan, rows["v"])
    with pytest.raises(ValueError, match="without 'w', 280 rows have all"):
        quick().fit(rows, Y)
