"""A fit that fails leaves the estimator as it was; what is odd but sound is read."""

import re
from collections import Counter
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_array_equal
from skorch.callbacks import Callback

from .good import AUDIO, LABEL, VIDEO, N, X, changed, fitted, unfitted, video
from .of_classifiers import OUT_OF_RANGE


class Failing(Callback):
    """Raises in a fit's first epoch."""

    def __init__(self, error):
        self.error = error

    def on_batch_begin(self, net, **kwargs):
        raise self.error("from the callback")


def test_every_parameter_is_tried_out_of_its_range():
    assert set(unfitted().get_params()) == set(OUT_OF_RANGE)


@pytest.mark.parametrize("make", [unfitted, partial(fitted, unfitted)], ids=["new", "fitted"])
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, MemoryError])
def test_a_fit_that_fails_leaves_the_estimator_as_it_was(make, error):
    clf = make().set_params(callbacks=[Failing(error)])
    before = dict(vars(clf))
    with pytest.raises(error):
        clf.fit(X, LABEL)
    assert vars(clf) == before
    if "net_" in before:
        assert_array_equal(clf.predict_proba(X), fitted(unfitted).predict_proba(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("standardize", [False, True])
def test_a_value_whose_square_overflows_is_refused(dtype, standardize):
    value = 1e38 if dtype == "float32" else 1e300
    clf = unfitted(dtype=dtype, standardize=standardize)
    with pytest.raises(ValueError, match=r"'video'.* row 7"):
        clf.fit(video(changed(VIDEO, (7, 2), value)), LABEL)


def test_rows_that_overflow_are_refused_at_every_beta_and_by_their_codes(quick, modalities, y):
    rng = np.random.default_rng(0)
    clf = quick().fit({name: 1e-25 * array for name, array in modalities.items()}, y)
    far = {name: rng.normal(size=array.shape) for name, array in modalities.items()}
    refused = Counter()
    path = partial(clf.beta_path, betas=[0, 1])
    for scale in np.logspace(11, 14, 16):
        rows = {name: scale * array for name, array in far.items()}
        for ask in (path, clf.codes, clf.modality_codes):
            try:
                found = ask(rows)
            except ValueError as error:
                assert re.match(r"X is too far .* at row [0-9]+", str(error))
                refused[ask] += 1
            else:
                parts = found.values() if isinstance(found, dict) else [found]
                assert all(np.isfinite(part).all() for part in parts)
    assert len(refused) == 3


@pytest.mark.parametrize("y", [LABEL, LABEL.tolist(), pd.Series(LABEL), LABEL.astype(str), None])
def test_labels_in_the_place_of_the_modalities_are_refused(y):
    for call in (unfitted().fit, partial(unfitted().partial_fit, classes=[0, 1, 2])):
        with pytest.raises(ValueError, match=r"Expected (2D array|a 2-dimensional)"):
            call(y, X)


def test_tensors_with_a_gradient_and_masked_arrays_with_nothing_masked_are_read_as_arrays():
    expected = fitted(unfitted).predict_proba(X)
    graded = partial(torch.tensor, dtype=torch.float64, requires_grad=True)
    for kind in (graded, np.ma.MaskedArray):
        rows = {name: kind(value) for name, value in X.items()}
        clf = unfitted().fit(rows, kind(LABEL), sample_weight=kind(np.ones(N)))
        assert_array_equal(clf.predict_proba(rows), expected)
        assert clf.score(X, kind(LABEL)) == clf.score(X, LABEL)


def test_nan_under_a_mask_is_what_it_is_without():
    holed = changed(AUDIO, (7, slice(None)), np.nan)
    masked = {"audio": np.ma.masked_invalid(holed), "video": VIDEO}
    clf = fitted(unfitted)
    assert_array_equal(
        clf.predict_proba(masked), clf.predict_proba({"audio": holed, "video": VIDEO})
    )


def test_harmless_oddities_are_no_errors():
    assert unfitted(batch_size=10**9, n_references=10**9).fit(X, LABEL).n_iter_ == 1
    constant = video(np.ones((N, 2)))
    assert np.isfinite(unfitted().fit(constant, LABEL).predict_proba(constant)).all()
    two_rows = unfitted().fit({name: a[:2] for name, a in X.items()}, ["bird", "rain"])
    assert np.isfinite(two_rows.predict_proba(X)).all()
    alone = unfitted(calibrate=False).fit(X, np.arange(N) == 0)
    assert np.isfinite(alone.predict_proba(X)).all()
    assert unfitted().fit(video(VIDEO > 0), LABEL).predict(video(VIDEO > 0)).shape == (N,)
    for name in ("auto", "a.b", "", "__x"):
        assert unfitted().fit({name: AUDIO, "video": VIDEO}, LABEL).modality_names_[0] == name


def test_a_score_is_the_share_of_the_rows_or_of_their_weight_that_is_right():
    clf, weight = fitted(unfitted), np.arange(N)
    right = clf.predict(X) == LABEL
    assert clf.score(X, LABEL) == pytest.approx(right.mean())
    weighted = clf.score(X, LABEL, sample_weight=weight)
    assert weighted == pytest.approx(np.average(right, weights=weight))
