"""What every balancing rule has to do in a fit."""

import numpy as np
import pytest
import torch

from skbetafd.baselines import FusionClassifier
from skbetafd.baselines._fusion import RULES

every_rule = pytest.mark.parametrize("balancing", sorted(RULES))


def fitted(X, y, balancing, sample_weight=None, **parameters):
    small = {"max_epochs": 3, "hidden_dim": 8, "knowledge_dim": 4, "random_state": 0}
    clf = FusionClassifier(balancing=balancing, **(small | parameters))
    return clf.fit(X, y, sample_weight=sample_weight)


def encoders(clf):
    parameters = [p.detach().float().flatten() for p in clf.module_.encoders.parameters()]
    return torch.cat(parameters).numpy()


@every_rule
@pytest.mark.parametrize("setting", [("adamw", 3e-3), ("sgd", 0.1)])
def test_it_changes_the_encoders(X, y, balancing, setting):
    parameters = dict(zip(("optimizer", "learning_rate"), setting, strict=True))
    with_rule, without = (
        encoders(fitted(X, y, b, batch_size=16, max_epochs=7, **parameters))
        for b in (balancing, None)
    )
    assert np.isfinite(with_rule).all()
    assert np.abs(with_rule - without).max() > 1e-3 * np.abs(without).max()


@every_rule
@pytest.mark.parametrize("n_modalities", [1, 3])
@pytest.mark.slow
def test_it_learns_from_one_and_from_three_modalities(modalities, y, balancing, n_modalities):
    X = [*modalities.values(), modalities["audio"][:, :2]][:n_modalities]
    clf = fitted(X, y, balancing, max_epochs=20, learning_rate=0.02, batch_size=16)
    assert clf.score(X, y) > 0.8


@every_rule
def test_an_equal_seed_gives_an_equal_fit(X, y, balancing):
    first, second, other = (
        encoders(fitted(X, y, balancing, random_state=seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


@every_rule
def test_weights_matter_but_not_their_unit(X, y, balancing):
    weight = np.arange(len(y)) % 4 + 1.0
    plain, weighted, doubled = (
        encoders(fitted(X, y, balancing, sample_weight=w, dtype="float64"))
        for w in (None, weight, 2 * weight)
    )
    assert not np.allclose(plain, weighted)
    np.testing.assert_allclose(weighted, doubled)


@every_rule
def test_it_works_in_bfloat16_and_with_an_inner_split(X, y, balancing):
    clf = fitted(X, y, balancing, dtype="bfloat16", early_stopping=True, calibrate=True)
    assert np.isfinite(clf.predict_log_proba(X)).all()


@every_rule
def test_torch_s_modes_are_without_effect(X, y, balancing):
    plain = encoders(fitted(X, y, balancing, calibrate=True))
    for off in (torch.no_grad, torch.inference_mode, lambda: torch.autocast("cpu")):
        with off():
            clf = fitted(X, y, balancing, calibrate=True)
        np.testing.assert_array_equal(encoders(clf), plain)
