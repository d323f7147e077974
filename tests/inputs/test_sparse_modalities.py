from __future__ import annotations

import copy
import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.model_selection import cross_val_predict

from skbetafd import (
    MultiModalArray,
    auxiliary_masking_curve,
    conditional_utilisation,
    diagnose,
    modality_contributions,
    overlap,
)
from skbetafd.baselines import FusionClassifier, UnimodalClassifier
from skbetafd.baselines._fusion import RULES
from skbetafd.fitting.scaling import ModalityScaler
from skbetafd.inputs.numeric import numeric_rows
from skbetafd.nn.encoders import Encoding

N = 120
RNG = np.random.default_rng(0)
Y = RNG.integers(0, 3, N)
TEXT = np.where(RNG.random((N, 40)) < 0.1, RNG.random((N, 40)), 0.0)
TEXT[np.arange(N), Y] = 1.0
TEXT[5] = 0.0
TEXT[:, 39] = 0.0
TABLE = RNG.normal(size=(N, 4)) + Y[:, None]
PRESENT = np.arange(N) % 7 != 3


def as_sparse(kind=sparse.csr_array, present=None):
    present = None if present is None else {"text": present}
    return MultiModalArray({"text": kind(TEXT), "table": TABLE}, present=present)


@pytest.fixture
def no_dense(monkeypatch):
    """Refuse to make more than 50 rows of text dense at once."""
    toarray = sparse.csr_array.toarray

    def few(self, *args, **kwargs):
        assert self.shape[0] <= 50, self.shape
        return toarray(self, *args, **kwargs)

    monkeypatch.setattr(sparse.csr_array, "toarray", few)
    monkeypatch.setattr("skbetafd.training.batches.AHEAD_VALUES", 50 * 40)
    monkeypatch.setattr("skbetafd.inputs.row_sources.VALUES_AT_ONCE", 50 * 40)


def test_text_is_dense_only_batch_by_batch(quick, no_dense):
    X = as_sparse()
    model = quick(predominant="text", batch_size=16, early_stopping=True).fit(X, Y)
    assert model.predict_proba(X).shape == (N, 3)
    assert model.beta_path(X, [0, 1]).shape == (2, N, 3)


def words(told, density=0.02, width=600):
    """Rows of few entries, of which three columns tell the label if `told`."""
    rng = np.random.default_rng(1)
    rows = np.where(rng.random((N, width)) < density, rng.random((N, width)), 0.0)
    rows[np.arange(N), Y] = told
    return rows


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("density", [0.02, 0.5])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8])
def test_auto_takes_the_sparse_modality_that_tells(kind, density, dtype, quick):
    noise, told = (kind(words(t, density)).astype(dtype) for t in (0.0, 9.0))
    model = quick().fit({"noise": noise, "told": told}, Y)
    assert model.predominant_ == "told"
    assert model.modality_scores_["told"] > 0.9 > 0.6 > model.modality_scores_["noise"]


def test_auto_makes_no_more_rows_dense_than_a_batch_has(quick, monkeypatch):
    seen, toarray = [], sparse.csr_array.toarray

    def watched(self, *args, **kwargs):
        seen.append(self.shape)
        return toarray(self, *args, **kwargs)

    monkeypatch.setattr(sparse.csr_array, "toarray", watched)
    monkeypatch.setattr("skbetafd.training.batches.AHEAD_VALUES", 600 * 8)
    monkeypatch.setattr("skbetafd.inputs.row_sources.VALUES_AT_ONCE", 600 * 8)
    X = {"text": sparse.csr_array(words(1.0)), "table": TABLE}
    quick(batch_size=16).fit(X, Y).predict_proba(X)
    assert max(n_rows for n_rows, width in seen if width == 600) <= 16


@pytest.mark.parametrize("rows", [np.zeros((N, 600)), words(1.0) * 1e140, words(1.0) * 1e-140])
def test_auto_takes_sparse_rows_of_any_size(rows, quick):
    model = quick(dtype="float64").fit({"text": sparse.csr_array(rows), "table": TABLE}, Y)
    assert np.isfinite(list(model.modality_scores_.values())).all()


def test_a_fit_without_scaling_is_that_of_the_dense_array(quick):
    kwargs = {"standardize": False, "random_state": 0, "batch_size": 16}
    X = as_sparse()
    dense = {"text": TEXT, "table": TABLE}
    one = quick(**kwargs).fit(X, Y)
    two = quick(**kwargs).fit(dense, Y)
    assert one.predominant_ == two.predominant_
    assert_array_equal(one.predict_proba(X), two.predict_proba(dense))
    assert_allclose(one.predict_proba(dense), two.predict_proba(dense), atol=1e-6)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_any_sparse_kind_and_dtype_fits_alike(kind, quick):
    expected = quick(random_state=0).fit(as_sparse(), Y).predict_proba(as_sparse())
    X = as_sparse(kind)
    assert_array_equal(quick(random_state=0).fit(X, Y).predict_proba(X), expected)
    counts = MultiModalArray({"text": kind((TEXT > 0).astype(int)), "table": TABLE})
    assert quick().fit(counts, Y).predict(counts).shape == (N,)


def fitted_scaler(rows, weight):
    return ModalityScaler.fit(rows, weight, Encoding("mlp", (40,)), standardize=True)


def test_all_columns_have_one_scale_their_root_mean_square_and_stay_sparse():
    (rows, _) = numeric_rows(as_sparse(), "float32").arrays
    weight = np.linspace(0.5, 1.5, N)
    scaler = fitted_scaler(rows, weight)
    expected = np.sqrt(np.average(TEXT**2, axis=0, weights=weight).mean())
    assert_allclose(scaler.transform(TEXT), TEXT / expected)
    assert not scaler.transform(np.zeros((1, 40))).any()


def test_a_row_of_zeros_is_there_and_one_that_is_not_present_is_missing(quick):
    X = as_sparse(present=PRESENT)
    rows, _ = numeric_rows(X, "float32").arrays
    assert_array_equal(rows.present, PRESENT)
    assert rows.present[5] and not np.asarray(rows[[5]]).any()
    assert X["text"].nnz <= sparse.csr_array(TEXT).nnz + (~PRESENT).sum()
    assert_array_equal(np.isnan(np.asarray(X)[:, :40]).all(axis=1), ~PRESENT)
    dense = MultiModalArray({"text": TEXT, "table": TABLE}, present={"text": PRESENT})
    kwargs = {"standardize": False, "random_state": 0}
    assert_array_equal(
        quick(**kwargs).fit(X, Y).predict_proba(X),
        quick(**kwargs).fit(dense, Y).predict_proba(dense),
    )


def test_absence_outlives_row_selection_and_pickling():
    X = pickle.loads(pickle.dumps(as_sparse(present=PRESENT)[20:]))[[3, 4, 5]]
    assert_array_equal(numeric_rows(X, "float32").arrays[0].present, PRESENT[23:26])


def test_missing_rows_weigh_nothing_in_the_scale():
    rows, _ = numeric_rows(as_sparse(present=PRESENT), "float32").arrays
    scaler = fitted_scaler(rows, np.ones(N))
    assert_allclose(scaler.transform(TEXT), TEXT / np.sqrt((TEXT[PRESENT] ** 2).mean()))


def test_cross_validation_keeps_text_sparse(quick):
    X = as_sparse(present=PRESENT)
    assert cross_val_predict(quick(), X, Y, cv=2).shape == (N,)


@pytest.mark.parametrize("balancing", [None, *sorted(RULES)])
def test_every_baseline_reads_sparse_text(balancing):
    X = as_sparse()
    model = FusionClassifier(balancing=balancing, max_epochs=2, hidden_dim=8).fit(X, Y)
    assert model.predict_proba(X).shape == (N, 3)


def test_a_baseline_on_text_alone_and_partial_fit_read_it(quick):
    alone = UnimodalClassifier(modality="text", max_epochs=2, hidden_dim=8).fit(as_sparse(), Y)
    assert alone.predict(as_sparse()).shape == (N,)
    model = quick().partial_fit(as_sparse()[:60], Y[:60], classes=[0, 1, 2])
    assert model.partial_fit(as_sparse()[60:], Y[60:]).predict(as_sparse()).shape == (N,)


@pytest.mark.slow
def test_diagnosis_overlap_and_codes_read_it(quick):
    X = as_sparse()
    model = quick().fit(X, Y)
    assert model.modality_codes(X)["text"].shape[0] == N
    assert overlap(model, X) is not None
    assert modality_contributions(model, X, Y) is not None
    assert diagnose(X, Y) is not None


@pytest.mark.parametrize("form", [as_sparse, lambda: dict(as_sparse().items())], ids=["X", "dict"])
@pytest.mark.parametrize("predominant", ["text", "table"])
def test_sparse_text_can_be_taken_out_as_missing(form, predominant, quick):
    clf = quick(predominant=predominant).fit(as_sparse(), Y)
    found = modality_contributions(clf, form(), Y, method="missing", n_bootstrap=5)
    dense = {"text": TEXT, "table": TABLE}
    expected = modality_contributions(clf, dense, Y, method="missing", n_bootstrap=5)
    assert found.subset_scores == expected.subset_scores
    assert found.score_without_any == np.bincount(Y).max() / N
    assert conditional_utilisation(clf, form(), Y, method="missing").keys() == {"text", "table"}


def test_codes_of_rows_that_lack_sparse_text_are_not_masked(quick):
    clf = quick(predominant="table").fit(as_sparse(), Y)
    auxiliary_masking_curve(clf, dict(as_sparse().items()), Y, shares=[0, 1], n_repeats=1)
    with pytest.warns(UserWarning, match=r"rows lack a modality .row 3 'text'"):
        auxiliary_masking_curve(clf, as_sparse(present=PRESENT), Y, shares=[0, 1])


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix, sparse.csc_array])
def test_entries_of_one_cell_are_their_sum(kind, quick):
    once = kind(TEXT)
    halves = np.repeat(once.data / 2, 2), np.repeat(once.indices, 2), once.indptr * 2
    twice = kind(halves, shape=once.shape)
    fits = [quick().fit({"text": x, "table": TABLE}, Y) for x in (once, twice)]
    assert twice.nnz == 2 * once.nnz
    expected = fits[0].predict_proba({"text": once, "table": TABLE})
    for clf in fits:
        assert_array_equal(clf.predict_proba({"text": twice, "table": TABLE}), expected)


ENTRIES = sparse.csr_array(TEXT)


def twice(kind):
    """Each entry as two of half its value."""
    data, indices = np.repeat(ENTRIES.data / 2, 2), np.repeat(ENTRIES.indices, 2)
    halves = sparse.csr_array((data, indices, ENTRIES.indptr * 2), shape=ENTRIES.shape)
    if kind is sparse.coo_array:
        rows = np.repeat(np.arange(N), np.diff(halves.indptr))
        return kind((data, (rows, indices)), shape=ENTRIES.shape)
    if kind is sparse.csc_array:
        by_column = sparse.csc_array(TEXT)
        parts = (np.repeat(by_column.data / 2, 2), np.repeat(by_column.indices, 2))
        return kind((*parts, by_column.indptr * 2), shape=by_column.shape)
    return kind(halves)


def reversed_rows():
    order = np.concatenate(
        [np.arange(*ends)[::-1] for ends in zip(ENTRIES.indptr, ENTRIES.indptr[1:], strict=False)]
    )
    parts = (ENTRIES.data[order], ENTRIES.indices[order], ENTRIES.indptr)
    return sparse.csr_array(parts, shape=ENTRIES.shape)


def with_zeros():
    columns, ends = np.tile(np.arange(40), N), np.arange(0, N * 40 + 1, 40)
    return sparse.csr_array((TEXT.ravel(), columns, ends), shape=TEXT.shape)


def with_long_indices():
    long = ENTRIES.copy()
    long.indices, long.indptr = long.indices.astype(np.int64), long.indptr.astype(np.int64)
    return long


def from_a_memory_map(rows, folder):
    joblib.dump(rows, folder / "rows")
    return joblib.load(folder / "rows", mmap_mode="r")


FORMS = {
    "CSR array, twice": lambda folder: twice(sparse.csr_array),
    "CSR matrix, twice": lambda folder: twice(sparse.csr_matrix),
    "CSC, twice": lambda folder: twice(sparse.csc_array),
    "COO, twice": lambda folder: twice(sparse.coo_array),
    "read-only, twice": lambda folder: from_a_memory_map(twice(sparse.csr_array), folder),
    "read-only, unsorted": lambda folder: from_a_memory_map(reversed_rows(), folder),
    "unsorted": lambda folder: reversed_rows(),
    "zeros that are stored": lambda folder: with_zeros(),
    "64-bit indices": lambda folder: with_long_indices(),
}


@pytest.mark.parametrize("form", FORMS)
def test_entries_count_by_their_cells_and_stay_as_they_are(form, quick, tmp_path):
    rows = FORMS[form](tmp_path)
    before = copy.deepcopy(rows)
    model = quick().fit({"text": rows, "table": TABLE}, Y)
    proba = model.predict_proba({"text": rows, "table": TABLE})
    assert_array_equal(proba, quick().fit(as_sparse(), Y).predict_proba(as_sparse()))
    for name in {"data", "indices", "indptr", "coords"} & set(vars(before)):
        assert_array_equal(getattr(rows, name), getattr(before, name))
