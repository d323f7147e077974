"""JTT, LfF and predominant-first against their equations."""

import numpy as np
import pytest
import torch

from skbetafd.baselines import FusionClassifier
from skbetafd.baselines._lff import LfF
from skbetafd.baselines._predominant_first import _Slowed
from skbetafd.baselines._rule import RuleTrainer
from skbetafd.datasets import confound, load_multiple_features
from skbetafd.nn.criterion import Batch
from skbetafd.nn.fusion_network import FusionNetwork


@pytest.fixture
def network():
    generator = torch.Generator().manual_seed(0)
    return FusionNetwork([2, 3], 2, hidden_dim=4, code_dim=2, generator=generator)


@pytest.fixture(scope="module")
def digits():
    bunch = load_multiple_features(("kar", "mor"))
    return confound(bunch.data, bunch.target, modality="kar", groups=bunch.groups, random_state=0)


def batch(n=3):
    generator = torch.Generator().manual_seed(1)
    xs = [torch.randn(n, width, generator=generator) for width in (2, 3)]
    return xs, torch.tensor([0, 1, 1])[:n], torch.tensor([1.0, 0.5, 1.5])[:n]


def proba_of_label(network, xs, y):
    return torch.softmax(network(xs), 1)[torch.arange(len(y)), y].detach().numpy()


def test_lff_has_the_losses_of_its_equation(network):
    rule = LfF(q=0.5, ema=0.6)
    rule.prepare(network, torch.Generator().manual_seed(2), 1)
    xs, y, weight = batch()
    with torch.no_grad():
        terms = rule(network, Batch(*batch()))
    w = weight.numpy()
    biased, main = (proba_of_label(net, xs, y) for net in (rule.biased, network))
    assert float(terms["biased"]) == pytest.approx(float(np.mean(w * (1 - biased**0.5) / 0.5)))
    loss_b, loss_m = -np.log(biased), -np.log(main)
    mean = {}
    for name, loss in (("b", loss_b), ("m", loss_m)):
        first, rest = loss[0], (0.5 * loss[1] + 1.5 * loss[2]) / 2.0
        mean[name] = np.array([first, rest, rest])
    scaled_b, scaled_m = loss_b / mean["b"], loss_m / mean["m"]
    difficulty = scaled_b / (scaled_b + scaled_m)
    assert float(terms["main"]) == pytest.approx(float(np.mean(w * difficulty * loss_m)), rel=1e-5)


def test_lff_s_means_move_by_their_decay_and_only_for_classes_in_the_batch(network):
    rule = LfF(ema=0.75)
    rule.prepare(network, torch.Generator().manual_seed(2), 1)
    xs, y, weight = batch()
    rule(network, Batch(*batch()))
    before = rule.mean.clone()
    rule(network, Batch([x[1:] for x in xs], y[1:], weight[1:] * 2))
    torch.testing.assert_close(rule.mean[:, 0], before[:, 0])
    torch.testing.assert_close(rule.mean[:, 1], before[:, 1])
    with torch.no_grad():
        network.out.bias += torch.tensor([3.0, 0.0])
    rule(network, Batch([x[1:] for x in xs], y[1:], weight[1:] * 2))
    now = -np.log(proba_of_label(network, [x[1:] for x in xs], y[1:]))
    now = (0.5 * now[0] + 1.5 * now[1]) / 2.0
    assert float(rule.mean[1, 1]) == pytest.approx(0.75 * float(before[1, 1]) + 0.25 * now)


def test_the_weight_of_the_main_loss_passes_no_gradient_to_the_biased_network(network):
    rule = LfF(q=1.0)
    rule.prepare(network, torch.Generator().manual_seed(2), 1)
    rule(network, Batch(*batch()))["main"].backward()
    assert all(p.grad is None for p in rule.biased.parameters())
    assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize(("coefficient", "takes_part"), [(0.0, False), (1.0, True)])
def test_a_slowed_encoder_gets_no_gradient_in_the_steps_it_skips(network, coefficient, takes_part):
    rule = _Slowed(0, coefficient)
    rule.prepare(network, torch.Generator().manual_seed(0), 1)
    rule.backward(network, rule(network, Batch(*batch())))
    predominant, auxiliary = network.encoders
    assert all(p.grad is not None for p in predominant.parameters())
    assert all((p.grad is not None) == takes_part for p in auxiliary.parameters())
    assert network.out.weight.grad is not None


def test_a_slowed_encoder_takes_part_in_its_share_of_the_steps(network):
    rule = _Slowed(1, 0.25)
    rule.prepare(network, torch.Generator().manual_seed(0), 1)
    parts = []
    for _ in range(400):
        network.zero_grad(set_to_none=True)
        rule.backward(network, rule(network, Batch(*batch())))
        parts.append(network.encoders[0].code.weight.grad is not None)
    assert np.mean(parts) == pytest.approx(0.25, abs=0.07)


def test_slowing_nothing_is_joint_training(digits):
    some = {"max_epochs": 5, "random_state": 0, "device": "cpu"}
    X, y = digits.train.X, digits.train.y
    kept = FusionClassifier(
        balancing="predominant-first", balancing_params={"coefficients": [1.0]}, **some
    ).fit(X, y)
    slowed = FusionClassifier(
        balancing="predominant-first", balancing_params={"coefficients": [0.0]}, **some
    ).fit(X, y)
    assert kept.parts_[0].rule.predominant == 0
    assert kept.parts_[0].rule.coefficient == 1.0
    codes = [clf.modality_codes(X)["mor"] for clf in (kept, slowed)]
    assert np.abs(codes[0] - codes[1]).max() > 0.1


def test_predominant_first_keeps_the_coefficient_of_the_lowest_inner_loss(digits):
    some = {"max_epochs": 8, "random_state": 0, "device": "cpu"}
    clf = FusionClassifier(balancing="predominant-first", **some)
    clf.fit(digits.train.X, digits.train.y)
    assert clf.parts_[0].rule.coefficient in (1.0, 0.5, 0.25, 0.1)


def test_jtt_weights_the_rows_that_the_first_training_got_wrong(digits, monkeypatch):
    trained, train = [], RuleTrainer.train

    def spy(self, rule, **more):
        net = train(self, rule, **more)
        logits = self.logits(rule, net.module_, self.rows)
        trained.append((more, (logits.argmax(1) != self.rows.y).numpy(), self.rows))
        return net

    monkeypatch.setattr(RuleTrainer, "train", spy)
    X, y = digits.train.X[:400], digits.train.y[:400]
    FusionClassifier(
        balancing="jtt",
        balancing_params={"epochs": 2, "up_weight": 20},
        max_epochs=4,
        random_state=0,
        device="cpu",
    ).fit(X, y)
    (first, wrong, rows), (second, _, _) = trained
    assert first["max_epochs"] == 2 and not first["early_stopping"]
    assert 0 < wrong.sum() < len(wrong) == 400
    weight = second["rows"].weight.numpy()
    assert np.allclose(weight[wrong] / weight[~wrong][0], 20)
    assert weight.mean() == pytest.approx(1, rel=1e-5)
    assert second["rows"].y is rows.y


def test_jtt_chooses_among_settings_on_rows_it_holds_out(digits):
    X, y = digits.train.X, digits.train.y
    some = {"max_epochs": 4, "random_state": 0, "device": "cpu"}
    several = FusionClassifier(
        balancing="jtt", balancing_params={"epochs": [1, 3], "up_weight": [5, 50]}, **some
    ).fit(X, y)
    single = FusionClassifier(
        balancing="jtt", balancing_params={"epochs": 3, "up_weight": 50}, **some
    ).fit(X, y)
    assert several.predict_proba(X).shape == single.predict_proba(X).shape
    assert np.abs(several.predict_proba(X) - single.predict_proba(X)).max() > 1e-3
