import numpy as np
import pytest
import torch

from skbetafd.baselines._mla import MLA
from skbetafd.baselines._rule import RuleTrainer
from skbetafd.nn.criterion import Batch
from skbetafd.nn.fusion_network import FusionNetwork

CODES = [np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[0.0, 1.0], [2.0, -1.0]])]
HEAD = np.array([[0.5, -0.5], [-0.2, 0.3]])
BIAS = np.array([0.1, -0.1])
Y, WEIGHT = np.array([0, 1]), np.array([0.5, 1.5])


class Coded(FusionNetwork):
    """A network whose codes are its inputs, shifted by the bias of an encoder's code layer."""

    def encode(self, xs, masks=None):
        return [x + e.code.bias for x, e in zip(xs, self.encoders, strict=True)]


@pytest.fixture
def network():
    generator = torch.Generator().manual_seed(0)
    network = Coded([2, 2], 2, hidden_dim=3, code_dim=2, generator=generator).double()
    with torch.no_grad():
        for encoder in network.encoders:
            encoder.code.bias.zero_()
    return network


@pytest.fixture
def rule(network):
    rule = MLA()
    rule.prepare(network, torch.Generator().manual_seed(1), 2)
    with torch.no_grad():
        rule.head.weight.copy_(torch.tensor(HEAD))
        rule.head.bias.copy_(torch.tensor(BIAS))
    return rule


def step(rule, network):
    rule.zero_grad()
    network.zero_grad()
    batch = Batch([torch.tensor(c) for c in CODES], torch.tensor(Y), torch.tensor(WEIGHT))
    terms = rule(network, batch)
    rule.backward(network, terms)
    return terms


def softmax(scores):
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def slopes(code):
    """d loss / d logits of each row: weight (p − 1_y) / n."""
    return WEIGHT[:, None] * (softmax(code @ HEAD.T + BIAS) - np.eye(2)[Y]) / 2


def protected(P, r, damping):
    return P - np.outer(P @ r, P @ r) / (damping + r @ P @ r)


def test_the_head_s_gradients_are_projected_in_turn(network, rule):
    # weighted mean codes: (.5 · (1, 2) + 1.5 · (3, 0)) / 2 and so on
    r = [np.array([2.5, 0.5]), np.array([1.5, -0.5])]
    # I − r rᵀ / (.1 + rᵀr), rᵀr = 6.5
    after_first = np.array([[1 - 6.25 / 6.6, -1.25 / 6.6], [-1.25 / 6.6, 1 - 0.25 / 6.6]])
    expected = slopes(CODES[0]).T @ CODES[0] + slopes(CODES[1]).T @ CODES[1] @ after_first
    step(rule, network)
    np.testing.assert_allclose(rule.head.weight.grad, expected, atol=1e-12)
    P = protected(after_first, r[1], 0.1)
    np.testing.assert_allclose(rule.projector, P, atol=1e-12)

    # the second of two batches: λ = .1^1.5, P as the first has left it
    expected = slopes(CODES[0]).T @ CODES[0] @ P
    P = protected(P, r[0], 0.0316227766)
    expected += slopes(CODES[1]).T @ CODES[1] @ P
    step(rule, network)
    np.testing.assert_allclose(rule.head.weight.grad, expected, atol=1e-9)
    np.testing.assert_allclose(rule.projector, protected(P, r[1], 0.0316227766), atol=1e-9)


def test_a_later_modality_hardly_moves_the_answer_to_the_mean_code(network, rule):
    step(rule, network)
    own = rule.head.weight.grad.numpy() - slopes(CODES[0]).T @ CODES[0]
    r = np.array([2.5, 0.5])
    plain = slopes(CODES[1]).T @ CODES[1] @ r
    # P r = r λ / (λ + rᵀr)
    np.testing.assert_allclose(own @ r, plain * 0.1 / 6.6, atol=1e-12)


def test_encoders_get_the_gradient_of_their_own_loss(network, rule):
    terms = step(rule, network)
    for encoder, code in zip(network.encoders, CODES, strict=True):
        expected = (slopes(code) @ HEAD).sum(0)
        np.testing.assert_allclose(encoder.code.bias.grad, expected, atol=1e-12)
    bias = sum(slopes(c).sum(0) for c in CODES)
    np.testing.assert_allclose(rule.head.bias.grad, bias, atol=1e-12)
    losses = [-(WEIGHT * np.log(softmax(c @ HEAD.T + BIAS)[[0, 1], Y])).mean() for c in CODES]
    assert terms["own_0"].item() == pytest.approx(losses[0])
    assert terms["loss"].item() == pytest.approx(sum(losses))
    assert network.out.weight.grad is None


def test_an_epoch_starts_from_the_identity(network, rule):
    step(rule, network)
    first = rule.head.weight.grad.clone()
    step(rule, network)
    assert not torch.allclose(rule.head.weight.grad, first)
    rule.begin_epoch(network, 1, None)
    assert torch.equal(rule.projector, torch.eye(2, dtype=torch.float64))
    step(rule, network)
    torch.testing.assert_close(rule.head.weight.grad, first)


def test_a_prediction_is_weighted_by_certainty(network, rule):
    with torch.no_grad():
        rule.head.weight.copy_(torch.eye(2))
        rule.head.bias.zero_()
    # softmax (.9, .1) with entropy .325083, and (.5, .5) with entropy .693147
    xs = [torch.tensor(np.log([[0.9, 0.1]])), torch.zeros(1, 2, dtype=torch.float64)]
    # weights ∝ exp(.693147 − .325083) = 1.444934 and 1
    first = 1.444934 / 2.444934
    expected = [first * 0.9 + (1 - first) * 0.5, first * 0.1 + (1 - first) * 0.5]
    logits = rule.logits(network, xs).detach()
    np.testing.assert_allclose(torch.exp(logits), [expected], rtol=1e-5)


def test_head_and_projector_are_what_early_stopping_restores(network, rule):
    step(rule, network)
    other = MLA()
    other.prepare(network, torch.Generator().manual_seed(2), 2)
    assert set(rule.state_dict()) == {"head.weight", "head.bias", "projector"}
    other.load_state_dict(rule.state_dict())
    xs = [torch.tensor(c) for c in CODES]
    assert torch.equal(rule.logits(network, xs), other.logits(network, xs))


def test_early_stopping_keeps_the_best_epoch_s_head(X, y, fitted, monkeypatch):
    trainers, train = [], RuleTrainer.train

    def watched(trainer, rule, **more):
        trainers.append(trainer)
        return train(trainer, rule, **more)

    monkeypatch.setattr(RuleTrainer, "train", watched)
    stopping = {"early_stopping": True, "n_iter_no_change": 3, "max_epochs": 20}
    clf = fitted(X, y, "mla", learning_rate=0.3, **stopping)
    losses, (part,) = clf.history_[:, "valid_loss"], clf.parts_
    assert losses[-1] > min(losses)
    assert trainers[0].loss(part.rule, part.network) == pytest.approx(min(losses))


def test_it_leaves_the_joint_head_alone(X, y, fitted, weights):
    heads = [
        weights(fitted(X, y, balancing, max_epochs=n).module_.out)
        for balancing in ("mla", None)
        for n in (1, 3)
    ]
    np.testing.assert_array_equal(heads[0], heads[1])
    assert not np.array_equal(heads[2], heads[3])
