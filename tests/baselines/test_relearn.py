from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skbetafd.baselines._relearn import Relearn, purities, purity
from skbetafd.nn.fusion_network import FusionNetwork
from skbetafd.training.batches import TrainingTensors


def make_network():
    generator = torch.Generator().manual_seed(0)
    return FusionNetwork([1, 1], 2, hidden_dim=2, code_dim=1, generator=generator)


def identity_encoders(network):
    """Make both codes the inputs, times 2: relu(x) − relu(−x) = x."""
    both = torch.tensor([[1.0], [-1.0]])
    with torch.no_grad():
        for encoder in network.encoders:
            encoder.hidden.weight.copy_(both)
            encoder.code.weight.copy_(2 * both.T)
            encoder.hidden.bias.zero_()
            encoder.code.bias.zero_()


def column(*values):
    return torch.tensor([[float(v)] for v in values])


def toy_trainer():
    """Modality 0 is pure in training, half so in the held-out rows; modality 1 is pure in both."""
    train = TrainingTensors(
        [column(-5, -5.1, 5, 5.1), column(-1, -1.1, 1, 1.1)],
        torch.tensor([0, 0, 1, 1]),
        torch.ones(4),
    )
    held = TrainingTensors(
        [column(-5, 5, -5, 5), column(-1, -1, 1, 1)], torch.tensor([0, 0, 1, 1]), torch.ones(4)
    )
    return SimpleNamespace(rows=train, held_out=held)


def values(network):
    return [[p.detach().clone() for p in e.parameters()] for e in network.encoders]


def test_purity_is_the_weighted_share_of_the_commonest_classes():
    cluster, y = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 2, 1])
    assert purity(cluster, y, np.ones(5)) == pytest.approx((2 + 1) / 5)
    # cluster 0: class 0 has 1, class 1 has 3; cluster 1: class 2 has 1, class 1 has .5
    weight = np.array([0.5, 0.5, 3.0, 1.0, 0.5])
    assert purity(cluster, y, weight) == pytest.approx((3 + 1) / 5.5)


def test_clusters_are_found_on_scaled_codes():
    # unscaled, the first dimension's spread of ±100 would hide the two classes of the second
    noise = torch.linspace(-100, 100, 40)
    label = torch.arange(40) % 2
    code = torch.stack([noise, 0.1 * (2 * label - 1.0)], dim=1)
    code[:, 0] *= 0.5 + 0.5 * (noise.abs() > 95)
    rows = TrainingTensors([code], label, torch.ones(40))
    assert purities(code, code, rows, rows, 2, 0) == (1.0, 1.0)


def test_weights_count_in_the_held_out_purity():
    code, held_code = column(-1, -1, 1, 1), column(-1, -1, 1, 1)
    train = TrainingTensors([code], torch.tensor([0, 0, 1, 1]), torch.ones(4))
    held = TrainingTensors(
        [held_code], torch.tensor([0, 1, 1, 1]), torch.tensor([1.5, 0.5, 1.0, 1.0])
    )
    assert purities(code, held_code, train, held, 2, 0) == (1.0, 3.5 / 4)


def test_an_encoder_is_drawn_back_by_its_purity_gap():
    network, rule = make_network(), Relearn()
    rule.prepare(network, torch.Generator().manual_seed(1), 1)
    initial = values(network)
    identity_encoders(network)
    trained = values(network)
    rule.begin_epoch(network, 20, toy_trainer())
    w = 0.9051482536  # tanh(3 · |1 − .5|)
    found = values(network)
    for parameter, first, last in zip(found[0], initial[0], trained[0], strict=True):
        torch.testing.assert_close(parameter, w * first + (1 - w) * last)
    for parameter, last in zip(found[1], trained[1], strict=True):
        assert torch.equal(parameter, last)


def test_it_acts_at_the_published_epochs_only():
    network, rule = make_network(), Relearn()
    rule.prepare(network, torch.Generator().manual_seed(1), 1)
    acted = []
    for epoch in range(101):
        identity_encoders(network)
        before = values(network)[0][0]
        rule.begin_epoch(network, epoch, toy_trainer())
        if not torch.equal(values(network)[0][0], before):
            acted.append(epoch)
    assert acted == [20, 40, 60]


def test_the_head_and_the_random_stream_stay(X, y, fitted, weights):
    late = fitted(X, y, "relearn", calibrate=True, balancing_params={"period": 3})
    plain = fitted(X, y, None, calibrate=True)
    np.testing.assert_array_equal(weights(late.module_), weights(plain.module_))


def test_codes_of_one_point_are_clustered_without_a_warning():
    code = torch.zeros(6, 2)
    rows = TrainingTensors([code], torch.arange(6) % 3, torch.ones(6))
    assert purities(code, code, rows, rows, 3, 0) == pytest.approx((1 / 3, 1 / 3))


def test_initial_values_are_not_kept(X, y, fitted):
    assert fitted(X, y, "relearn").parts_[0].rule.initial == []
