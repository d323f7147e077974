import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar

from skbetafd.baselines._mmpareto import MMPareto
from skbetafd.nn.criterion import Batch
from skbetafd.nn.fusion_network import FusionNetwork


def make_network(n_modalities=2):
    draw = torch.Generator().manual_seed(1)
    return FusionNetwork([2] * n_modalities, 3, hidden_dim=4, code_dim=3, generator=draw).double()


def prepared(network, **parameters):
    rule = MMPareto(**parameters)
    rule.prepare(network, torch.Generator().manual_seed(2), 1)
    return rule


def linear_terms(network, rule, joint, own):
    """Losses with chosen gradients: of two tensors of the first encoder, of the heads 1 and 2."""
    encoder = network.encoders[0]
    tensors = [encoder.hidden.weight[0], encoder.code.bias]  # 2 and 3 numbers

    def loss(gradients):
        pairs = zip(tensors, gradients, strict=True)
        return sum((t * torch.tensor(g, dtype=torch.float64)).sum() for t, g in pairs)

    everything = sum(0 * p.sum() for p in (*network.parameters(), *rule.parameters()))
    return {
        "joint": loss(joint) + everything + network.out.bias.sum(),
        "own_0": loss(own) + everything + 2 * rule.heads[0].bias.sum(),
        "own_1": everything + 2 * rule.heads[1].bias.sum(),
    }


CASES = {
    # ⟨a, b⟩ = 1 > 0: a + b
    "agreement": (([1, 1], [0, 0, 0]), ([1, 0], [0, 0, 0]), ([2, 1], [0, 0, 0])),
    # a = (3, 0), b = (−1, 1): λ = 5/17, h = (6, 24)/17, of length √(36/17), less than √5
    "conflict": (
        ([3, 0], [0, 0, 0]),
        ([-1, 1], [0, 0, 0]),
        (np.sqrt(5 / 17) * np.array([1, 4]), [0, 0, 0]),
    ),
    # ⟨a, b⟩ = −2 + 1 over both tensors, though the second agrees: λ = 4/10, h = .8a + 1.2b =
    # (.4, 0 | 2, 1.2, 0); the first is shorter than a + b = (1, 0), the second longer, (2, 1, 0)
    "conflict of the whole": (
        ([2, 0], [1, 0, 0]),
        ([-1, 0], [1, 1, 0]),
        ([1, 0], [2, 1.2, 0]),
    ),
    # λ = 1/5, h = (−1.6, .8), of length √3.2, less than √5
    "orthogonal": (([0, 2], [0, 0, 0]), ([-1, 0], [0, 0, 0]), ([-2, 1], [0, 0, 0])),
}


def by_definition(a, b):
    """h from the shortest λa + (1−λ)b, found by search."""
    flat_a, flat_b = np.concatenate(a), np.concatenate(b)
    if flat_a @ flat_b > 0:
        share = 0.5
    else:
        share = minimize_scalar(
            lambda x: ((x * flat_a + (1 - x) * flat_b) ** 2).sum(),
            bounds=(0, 1),
            method="bounded",
            options={"xatol": 1e-10},
        ).x
    found = []
    for x, y in zip(a, b, strict=True):
        h, plain = 2 * share * x + 2 * (1 - share) * y, np.linalg.norm(x + y)
        length = np.linalg.norm(h)
        found.append(h * plain / length if 0 < length < plain else h)
    return found


@pytest.mark.parametrize("case", CASES)
def test_an_encoder_gets_the_common_direction(case):
    network = make_network()
    rule = prepared(network)
    joint, own, expected = CASES[case]
    rule.backward(network, linear_terms(network, rule, joint, own))
    encoder = network.encoders[0]
    np.testing.assert_allclose(
        encoder.hidden.weight.grad[0], 1.5 * np.array(expected[0]), atol=1e-7, rtol=1e-6
    )
    np.testing.assert_allclose(
        encoder.code.bias.grad, 1.5 * np.array(expected[1]), atol=1e-7, rtol=1e-6
    )


def test_heads_get_their_plain_gradients_and_untouched_tensors_zeros():
    network = make_network()
    rule = prepared(network)
    joint, own, _ = CASES["conflict"]
    rule.backward(network, linear_terms(network, rule, joint, own))
    assert network.out.bias.grad.tolist() == [1, 1, 1]
    assert [head.bias.grad.tolist() for head in rule.heads] == [[2, 2, 2]] * 2
    for p in network.encoders[1].parameters():
        assert not p.grad.any()  # a = b = 0: no division by it


def test_opposite_gradients_cancel():
    network = make_network()
    rule = prepared(network)
    terms = linear_terms(network, rule, ([1, 2], [3, 0, 0]), ([-1, -2], [-3, 0, 0]))
    rule.backward(network, terms)
    assert all(not p.grad.any() for p in network.encoders[0].parameters())


def rows(n_modalities):
    draw = torch.Generator().manual_seed(4)
    xs = [torch.randn(5, 2, generator=draw, dtype=torch.float64) for _ in range(n_modalities)]
    return xs, torch.tensor([0, 1, 2, 1, 0]), torch.tensor([2.0, 1, 1, 0.75, 0.25]).double()


def losses(network, heads, xs, y, weight):
    """Weighted joint and own losses, without the rule."""
    codes = network.encode(xs)
    logits = [network.head(codes), *(h(c) for h, c in zip(heads, codes, strict=True))]
    return [-(weight * torch.log_softmax(s, 1)[range(5), y]).mean() for s in logits]


@pytest.mark.parametrize("n_modalities", [1, 2, 3])
@pytest.mark.parametrize("towards", [1.0, -1.0, -0.05, -20.0])
def test_every_parameter_gets_its_gradient(n_modalities, towards):
    """Own heads along and against the joint head: agreement, conflict, and λ near both ends."""
    network = make_network(n_modalities)
    rule = prepared(network)
    with torch.no_grad():
        for head, share in zip(rule.heads, network.shares, strict=True):
            head.weight.copy_(towards * network.out.weight @ share.weight)
    batch = rows(n_modalities)
    for _ in range(2):  # written, not added to what is there
        terms = rule(network, Batch(*batch))
        rule.backward(network, terms)
    found = {p: p.grad.numpy() for p in (*network.parameters(), *rule.parameters())}
    joint, *own = losses(network, rule.heads, *batch)
    assert terms["loss"].item() == pytest.approx((joint + sum(own)).item())
    whole = torch.autograd.grad(joint, list(network.parameters()), retain_graph=True)
    whole = dict(zip(network.parameters(), (g.numpy() for g in whole), strict=True))
    for encoder, head, loss in zip(network.encoders, rule.heads, own, strict=True):
        ps = list(encoder.parameters())
        alone = [g.numpy() for g in torch.autograd.grad(loss, [*ps, *head.parameters()])]
        flat = ([whole.pop(p).ravel() for p in ps], [g.ravel() for g in alone[: len(ps)]])
        for p, h in zip(ps, by_definition(*flat), strict=True):
            np.testing.assert_allclose(found[p].ravel(), 1.5 * h, atol=1e-6)
        for p, g in zip(head.parameters(), alone[len(ps) :], strict=True):
            np.testing.assert_allclose(found[p], g)
    for p, g in whole.items():  # the joint head
        np.testing.assert_allclose(found[p], g)


def test_gamma_scales_the_encoders():
    network = make_network()
    batch, gradients = rows(2), []
    for gamma in (1.0, 2.0):
        rule = prepared(network, gamma=gamma)
        rule.backward(network, rule(network, Batch(*batch)))
        gradients.append([p.grad for p in network.encoders.parameters()])
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(2 * one, two)
