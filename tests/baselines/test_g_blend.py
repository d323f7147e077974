from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skbetafd.baselines._g_blend import GBlend, OneLoss, blend_weights
from skbetafd.baselines._rule import RuleTrainer
from skbetafd.nn.criterion import Batch
from skbetafd.nn.fusion_network import FusionNetwork


@pytest.fixture
def network():
    generator = torch.Generator().manual_seed(0)
    return FusionNetwork([3, 2], 2, hidden_dim=4, code_dim=2, generator=generator)


@pytest.fixture
def rule(network):
    rule = GBlend(period=2)
    rule.prepare(network, torch.Generator().manual_seed(1), 1)
    return rule


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(2)
    xs = [torch.randn(4, width, generator=generator) for width in (3, 2)]
    return xs, torch.tensor([0, 1, 1, 0]), torch.tensor([0.5, 1.5, 2.0, 0.0])


def parameters_of(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


def test_weights_are_generalisation_over_squared_overfitting():
    before = torch.tensor([[1.0, 1.2], [1.0, 1.0], [2.0, 2.5]])
    after = torch.tensor([[0.4, 0.8], [0.8, 0.9], [1.2, 2.2]])
    # ΔG = −.4, −.1, −.3; gaps .2 → .4, 0 → .1, .5 → 1: ΔO = .2, .1, .5; ratios 10, 10, 1.2
    expected = np.array([10, 10, 1.2]) / 21.2
    np.testing.assert_allclose(blend_weights(before, after, 0.01), expected, rtol=1e-5)


def test_a_gap_that_stays_is_taken_as_the_floor():
    before = torch.tensor([[1.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    after = torch.tensor([[0.5, 0.5], [0.5, 0.7]], dtype=torch.float64)
    # ΔG = −.5, −.3; ΔO = 0, taken as .1, and .2; ratios 50 and 7.5
    np.testing.assert_allclose(blend_weights(before, after, 0.1), [50 / 57.5, 7.5 / 57.5])


def test_losses_that_stand_still_are_weighted_equally():
    losses = torch.ones(4, 2)
    assert blend_weights(losses, losses, 0.01).tolist() == [0.25] * 4


def test_the_loss_is_the_weighted_sum_of_own_and_joint_losses(network, rule, batch):
    xs, y, weight = batch
    rule.weights.copy_(torch.tensor([0.5, 0.2, 0.3]))
    codes = network.encode(xs)
    logits = [h(c) for h, c in zip(rule.heads, codes, strict=True)] + [network.head(codes)]

    def loss(scores):
        scores = scores.detach().double().numpy()
        log_proba = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        return -(weight.numpy() * log_proba[np.arange(4), y.numpy()]).mean()

    first, second, joint = (loss(s) for s in logits)
    expected = 0.5 * first + 0.2 * second + 0.3 * joint
    assert rule(network, Batch(*batch))["loss"].item() == pytest.approx(expected, rel=1e-5)


def test_a_weight_scales_the_gradient_of_its_loss(network, rule, batch):
    gradients = []
    for weights in ([1.0, 0.0, 0.0], [0.25, 0.0, 0.0]):
        rule.weights.copy_(torch.tensor(weights))
        network.zero_grad()
        rule.backward(network, rule(network, Batch(*batch)))
        gradients.append(network.encoders[0].hidden.weight.grad.clone())
        assert not network.encoders[1].hidden.weight.grad.any()
        assert not network.out.weight.grad.any()
    assert gradients[0].any()
    torch.testing.assert_close(gradients[1], 0.25 * gradients[0])


class ScriptedTrainer:
    """Gives losses that are set beforehand; a run only turns "before" into "after"."""

    aside = RuleTrainer.aside

    def __init__(self, max_epochs):
        self.parameters, self.rows, self.verbose = {"max_epochs": max_epochs}, "training", 2
        self.generator, self.lengths = torch.Generator().manual_seed(3), []

    def loss(self, rule, network, rows=None):
        k = 2 if rule.head is None else rule.modality
        after = getattr(rule, "trained", False)
        train, held = [[(1.0, 1.2), (0.4, 0.8)], [(1, 1), (0.8, 0.9)], [(2, 2.5), (1.2, 2.2)]][k][
            after
        ]
        return train if rows == "training" else held

    def train(self, rule, *, network, max_epochs, early_stopping):
        assert self.verbose == 0 and not self.parameters["callbacks"] and not early_stopping
        rule.trained = True
        self.lengths.append(max_epochs)
        torch.rand(5, generator=self.generator)
        return SimpleNamespace(history=[{}] * max_epochs)


def test_each_period_begins_by_weighing_every_loss(network, rule):
    trainer = ScriptedTrainer(max_epochs=5)
    draws = trainer.generator.get_state()
    for epoch in range(5):
        rule.weights.fill_(0.5)
        rule.begin_epoch(network, epoch, trainer)
        expected = [0.5] * 3 if epoch % 2 else np.array([10, 10, 1.2]) / 21.2
        np.testing.assert_allclose(rule.weights, expected, rtol=1e-5)
    assert trainer.lengths == [2] * 3 + [2] * 3 + [1] * 3
    assert torch.equal(trainer.generator.get_state(), draws)


def test_a_copy_is_trained_on_its_modality_alone(network, rule, batch):
    for m in range(2):
        own = OneLoss(rule.heads[m], m)
        network.zero_grad()
        own.backward(network, own(network, Batch(*batch)))
        assert network.encoders[m].hidden.weight.grad.any()
        assert network.encoders[1 - m].hidden.weight.grad is None
        expected = rule.heads[m](network.encode(batch[0])[m])
        torch.testing.assert_close(own.logits(network, batch[0]), expected)


def test_copies_leave_the_network_and_its_random_stream_alone(X, y, fitted, monkeypatch):
    seen, weigh = [], GBlend.begin_epoch

    def watch(rule, network, epoch, trainer):
        before = parameters_of(network), parameters_of(rule.heads), trainer.generator.get_state()
        weigh(rule, network, epoch, trainer)
        after = parameters_of(network), parameters_of(rule.heads), trainer.generator.get_state()
        seen.append(all(torch.equal(a, b) for a, b in zip(before, after, strict=True)))

    monkeypatch.setattr(GBlend, "begin_epoch", watch)
    own = {"knowledge_dim": 32, "learning_rate": 0.05, "balancing_params": {"period": 2}}
    rule = fitted(X, y, "g-blend", calibrate=True, **own).parts_[0].rule
    assert seen == [True] * 3
    assert rule.weights.sum().item() == pytest.approx(1)
    assert len(set(rule.weights.tolist())) == 3


def test_an_interrupt_in_a_copy_ends_the_fit(X, y, fitted, monkeypatch):
    forward = OneLoss.forward

    def interrupted(rule, *arguments):
        if torch.is_grad_enabled():
            raise KeyboardInterrupt
        return forward(rule, *arguments)

    monkeypatch.setattr(OneLoss, "forward", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fitted(X, y, "g-blend")
