from itertools import permutations
from math import exp, log

import numpy as np
import pytest
import torch

from skbetafd.baselines._agm import AGM
from skbetafd.nn.criterion import Batch
from skbetafd.nn.fusion_network import FusionNetwork

WEIGHT = torch.tensor([1.5, 0.5], dtype=torch.float64)


def prepared(network, **parameters):
    rule = AGM(**parameters)
    rule.prepare(network, torch.Generator().manual_seed(0), 1)
    return rule


def gradients(rule, network, xs, weight):
    """Gradients of the rows, after a step on rows of the first class."""
    terms = rule(network, Batch(xs, torch.zeros(len(weight), dtype=torch.int64), weight))
    rule.backward(network, terms)
    return [x.grad for x in xs]


def plain(xs, weight):
    """Gradient of the joint loss by each code of the see-through network."""
    p = torch.softmax(sum(x.detach() for x in xs), 1)
    return weight[:, None] * (p - torch.tensor([1.0, 0.0])) / len(p)


def test_the_first_step_is_plain(see_through, showing):
    network, xs = see_through(2), [showing(0.8, 0.7), showing(0.4, 0.2)]
    for gradient in gradients(prepared(network), network, xs, WEIGHT):
        torch.testing.assert_close(gradient, plain(xs, WEIGHT))


def test_a_share_is_scaled_by_its_lead_against_its_usual_lead(see_through, showing):
    network = see_through(2)
    rule = prepared(network, alpha=1.5)
    gradients(rule, network, [showing(0.8), showing(0.4)], WEIGHT[:1] / 1.5)
    xs = [showing(0.5), showing(0.5)]
    first, second = gradients(rule, network, xs, WEIGHT[:1] / 1.5)
    # r = (.8/.4, .4/.8), then (1, 1); c̄ − c_m halves on average: r* = (√2, 1/√2)
    step = plain(xs, WEIGHT[:1] / 1.5)
    torch.testing.assert_close(first, exp(1.5 * (2**0.5 - 1)) * step)
    torch.testing.assert_close(second, exp(1.5 * (0.5**0.5 - 1)) * step)


def test_the_costs_are_weighted(see_through, showing):
    network = see_through(2)
    rule = prepared(network, alpha=2.0)
    gradients(rule, network, [showing(0.8, 0.1), showing(0.4, 0.9)], WEIGHT)
    xs = [showing(0.5, 0.5), showing(0.5, 0.5)]
    first, _ = gradients(rule, network, xs, WEIGHT)
    usual = (0.75 * log(0.8 / 0.4) + 0.25 * log(0.1 / 0.9)) / 2  # of c_second − c_first
    torch.testing.assert_close(first, exp(2.0 * (exp(usual) - 1)) * plain(xs, WEIGHT))


@pytest.mark.parametrize(("n_modalities", "cap"), [(2, 10.0), (3, 7.0), (4, 7.0)])
def test_a_lead_is_capped(see_through, showing, n_modalities, cap):
    network, one = see_through(n_modalities), torch.ones(1, dtype=torch.float64)
    rule = prepared(network, alpha=1.5)
    others = [0.01] * (n_modalities - 1)
    for _ in range(19):
        gradients(rule, network, [showing(p) for p in (0.99, *others)], one)
    xs = [showing(0.01), *(showing(0.99) for _ in others)]
    first = gradients(rule, network, xs, one)[0]
    # r* = 99^.9 = 62.5 and r = 1/99
    torch.testing.assert_close(first, exp(1.5 * cap) * plain(xs, one))


def test_a_large_coefficient_leaves_the_loss_as_it_is(see_through, showing):
    network, one = see_through(2).float(), torch.ones(1)
    rule = prepared(network, alpha=4.0, cap=10.0)
    y = torch.zeros(1, dtype=torch.int64)
    for p in [0.99] * 19 + [0.01]:
        loss = rule(network, Batch([showing(p).float(), showing(1 - p).float()], y, one))
    assert loss["loss"].item() == pytest.approx(log(2), rel=1e-5)  # .01/.99 · .99/.01 = 1


def shares_by_orderings(network, codes):
    """Mean gain of a modality over all orders in which the modalities arrive; v(nothing) = 0."""
    n = len(codes)
    shares, orders = [0.0] * n, list(permutations(range(n)))
    for order in orders:
        before = torch.zeros(len(codes[0]), network.n_classes)
        for position, m in enumerate(order):
            arrived = order[: position + 1]
            inputs = [c if k in arrived else torch.zeros_like(c) for k, c in enumerate(codes)]
            value = network.head(inputs)
            shares[m] = shares[m] + (value - before) / len(orders)
            before = value
    return shares


@pytest.mark.parametrize("n_modalities", [1, 2, 3])
def test_the_shares_are_shapley_values(n_modalities):
    """On a curved head, all parameters get Σ_m k_m ∂s_m/∂θ · ∂L/∂s, with k from both steps."""
    draw = torch.Generator().manual_seed(3)
    network = FusionNetwork(
        [4] * n_modalities, 3, hidden_dim=6, code_dim=5, generator=draw
    ).double()
    y, weight = torch.tensor([0, 1, 2, 1]), torch.tensor([2.0, 1, 0.5, 0.5]).double()
    rule, costs = prepared(network, alpha=1.5), []
    for _ in range(2):
        network.zero_grad()
        xs = [
            3 * torch.randn(4, 4, generator=draw, dtype=torch.float64) for _ in range(n_modalities)
        ]
        rule.backward(network, rule(network, Batch(xs, y, weight)))
        shares = shares_by_orderings(network, network.encode(xs))
        p = [torch.softmax(s, 1).detach().numpy()[range(4), y] for s in shares]
        costs.append([-np.average(np.log(q), weights=weight) for q in p])
    coefficients = [
        exp(1.5 * (lead(np.mean(costs, 0), m) - lead(costs[1], m))) for m in range(n_modalities)
    ]
    found = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    logits = network(xs)
    residual = torch.softmax(logits, 1) - torch.nn.functional.one_hot(y, 3)
    slope = (weight[:, None] * residual / 4).detach()
    sum((k * slope * s).sum() for k, s in zip(coefficients, shares, strict=True)).backward()
    for gradient, parameter in zip(found, network.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
    assert n_modalities == 1 or max(coefficients) > 1.1


def lead(costs, m):
    others = np.delete(costs, m)
    return exp(others.mean() - costs[m]) if len(others) else 1.0
