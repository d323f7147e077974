"""What every balancing rule has to do in a fit."""

import numpy as np
import pytest
import torch

from skbetafd.baselines._fusion import RULES

every_rule = pytest.mark.parametrize("balancing", sorted(RULES))


@every_rule
@pytest.mark.parametrize("setting", [("adamw", 3e-3), ("sgd", 0.1)])
def test_it_changes_the_encoders(X, y, balancing, setting, fitted, weights):
    parameters = dict(zip(("optimizer", "learning_rate"), setting, strict=True))
    with_rule, without = (
        weights(fitted(X, y, b, batch_size=16, max_epochs=7, **parameters).module_.encoders)
        for b in (balancing, None)
    )
    assert np.isfinite(with_rule).all()
    assert np.abs(with_rule - without).max() > 1e-3 * np.abs(without).max()


@every_rule
@pytest.mark.parametrize("n_modalities", [1, 3])
@pytest.mark.slow
def test_it_learns_from_one_and_from_three_modalities(
    modalities, y, balancing, n_modalities, fitted
):
    X = [*modalities.values(), modalities["audio"][:, :2]][:n_modalities]
    clf = fitted(X, y, balancing, max_epochs=20, learning_rate=0.02, batch_size=16)
    assert clf.score(X, y) > 0.8


@every_rule
def test_an_equal_seed_gives_an_equal_fit(X, y, balancing, fitted, weights):
    first, second, other = (
        weights(fitted(X, y, balancing, random_state=seed).module_) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@every_rule
def test_weights_matter_but_not_their_unit(X, y, balancing, fitted, weights):
    weight = np.arange(len(y)) % 4 + 1.0
    plain, weighted, doubled = (
        weights(fitted(X, y, balancing, sample_weight=w, dtype="float64").module_)
        for w in (None, weight, 2 * weight)
    )
    assert not np.allclose(plain, weighted)
    np.testing.assert_allclose(weighted, doubled)


@every_rule
def test_it_works_in_bfloat16_and_with_an_inner_split(X, y, balancing, fitted):
    clf = fitted(X, y, balancing, dtype="bfloat16", early_stopping=True, calibrate=True)
    assert np.isfinite(clf.predict_log_proba(X)).all()


@every_rule
def test_torch_s_modes_are_without_effect(X, y, balancing, fitted, weights):
    plain = weights(fitted(X, y, balancing, calibrate=True).module_)
    for off in (torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")):
        with off():
            clf = fitted(X, y, balancing, calibrate=True)
        np.testing.assert_array_equal(weights(clf.module_), plain)
