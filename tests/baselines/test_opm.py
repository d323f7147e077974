import numpy as np
import pytest
import torch

from skbetafd.baselines._opm import OPM
from skbetafd.nn.criterion import Batch

N = 10_000


def step(rule, network, xs, weight):
    y = torch.zeros(len(weight), dtype=torch.int64)
    terms = rule(network, Batch(xs, y, weight))
    rule.backward(network, terms)
    return terms["loss"].item()


def prepared(network, **parameters):
    rule = OPM(**parameters)
    rule.prepare(network, torch.Generator().manual_seed(0), 1)
    return rule


def two_modalities(showing):
    """Weighted scores 1.5·.9 + .5·.5 = 1.6 and 1.5·.6 + .5·.8 = 1.3; unweighted they are equal."""
    xs = [showing(*[0.9, 0.5] * N), showing(*[0.6, 0.8] * N)]
    return xs, torch.tensor([1.5, 0.5] * N, dtype=torch.float64)


def test_the_stronger_modality_is_left_out_by_rows_at_the_rate_of_its_lead(see_through, showing):
    network, (xs, weight) = see_through(2), two_modalities(showing)
    step(prepared(network, p_exe=1.0), network, xs, weight)
    left_out = (xs[0].grad == 0).all(1)
    # ρ = 16/13, tanh(3/13) = .22676, q = .5 (1 + .5 · .22676) = .55669; 4 sd of a share are .014
    assert float(left_out.double().mean()) == pytest.approx(0.55669, abs=0.014)
    assert not (xs[1].grad == 0).any()


def test_the_codes_left_are_rescaled_by_the_mean_rate_of_all_dimensions(see_through, showing):
    network, (xs, weight) = see_through(2), two_modalities(showing)
    loss = step(prepared(network, p_exe=1.0), network, xs, weight)
    left_out = (xs[0].grad == 0).all(1, keepdim=True).numpy()
    first, second = (x.detach().numpy() for x in xs)
    scale = 1 / (1 - 0.55669 / 2)
    logits = scale * (np.where(left_out, 0, first) + second)
    p = 1 / (1 + np.exp(logits[:, 1] - logits[:, 0]))
    assert loss == pytest.approx(float((weight.numpy() * -np.log(p)).mean()), rel=1e-5)
    gradient = scale * weight.numpy()[:, None] * np.stack([p - 1, 1 - p], 1) / len(p)
    np.testing.assert_allclose(xs[1].grad, gradient, rtol=1e-4)
    np.testing.assert_allclose(xs[0].grad, np.where(left_out, 0, gradient), rtol=1e-4)


def test_of_three_modalities_those_ahead_of_the_others_mean_are_left_out(see_through, showing):
    network, xs = see_through(3), [showing(*[p] * N) for p in (0.9, 0.5, 0.3)]
    step(prepared(network, p_exe=1.0), network, xs, torch.ones(N, dtype=torch.float64))
    left_out = [float((x.grad == 0).all(1).double().mean()) for x in xs]
    # ρ = .9/.4, q = .5 (1 + .5 tanh 1.25) = .71207
    assert left_out == pytest.approx([0.71207, 0, 0], abs=0.02)
    kept = (xs[0].grad != 0).all(1)
    joint = torch.tensor(0.9 / 0.1 * 0.5 / 0.5 * 0.3 / 0.7).log() / (1 - 0.71207 / 3)
    p = float(joint.sigmoid())
    # the gradient of a code: (p − 1) / n, times the scale
    expected = (p - 1) / N / (1 - 0.71207 / 3)
    assert float(xs[0].grad[kept][0, 0]) == pytest.approx(expected, rel=1e-4)


def test_a_rate_is_a_probability(see_through, showing):
    network, (xs, weight) = see_through(2), two_modalities(showing)
    loss = step(prepared(network, q0=0.9, lam=5.0, p_exe=1.0), network, xs, weight)
    assert not xs[0].grad.any()  # .9 (1 + 5 · .227) > 1
    logits = 2 * xs[1].detach()
    expected = torch.nn.functional.cross_entropy(
        logits, torch.zeros(2 * N, dtype=torch.int64), reduction="none"
    )
    assert loss == pytest.approx(float((weight * expected).mean()))


def test_it_acts_in_the_given_share_of_the_batches(see_through, showing):
    network = see_through(2)
    xs, weight = [showing(*[0.9] * 50), showing(*[0.6] * 50)], torch.ones(50, dtype=torch.float64)
    rule, plain = prepared(network), -np.log(0.9 * 0.6 / (0.9 * 0.6 + 0.1 * 0.4))
    acted = [not np.isclose(step(rule, network, xs, weight), plain) for _ in range(1000)]
    assert np.mean(acted) == pytest.approx(0.7, abs=0.06)  # 4 sd
