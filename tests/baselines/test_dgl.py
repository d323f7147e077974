import pytest
import torch

from skbetafd.baselines._dgl import DGL
from skbetafd.nn.criterion import Batch
from skbetafd.nn.fusion_network import FusionNetwork


@pytest.fixture
def network():
    generator = torch.Generator().manual_seed(0)
    return FusionNetwork([3, 4], 2, hidden_dim=5, code_dim=4, generator=generator).double()


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    xs = [torch.randn(6, width, generator=generator, dtype=torch.float64) for width in (3, 4)]
    return Batch(xs, torch.tensor([0, 1, 1, 0, 1, 0]), torch.ones(6, dtype=torch.float64))


def gradients(part, loss):
    """Of a loss for the parameters of a part."""
    return torch.autograd.grad(loss, list(part.parameters()), retain_graph=True)


def test_encoders_follow_their_modality_alone_and_the_head_the_joint_loss(network, batch):
    rule = DGL(alpha=2.0)
    rule.backward(network, rule(network, batch))
    codes = network.encode(batch.xs)
    for m, encoder in enumerate(network.encoders):
        alone = 2 * torch.nn.functional.cross_entropy(network.alone(codes, m), batch.y)
        for p, expected in zip(encoder.parameters(), gradients(encoder, alone), strict=True):
            torch.testing.assert_close(p.grad, expected)
    joint = torch.nn.functional.cross_entropy(network(batch.xs), batch.y)
    for part in (network.shares, network.out):
        for p, expected in zip(part.parameters(), gradients(part, joint), strict=True):
            torch.testing.assert_close(p.grad, expected)


def test_the_loss_is_the_joint_one_and_those_alone(network, batch):
    terms = DGL(alpha=3.0)(network, batch)
    codes = network.encode(batch.xs)
    alone = [torch.nn.functional.cross_entropy(network.alone(codes, m), batch.y) for m in (0, 1)]
    joint = torch.nn.functional.cross_entropy(network(batch.xs), batch.y)
    assert terms["loss"].item() == pytest.approx((joint + 3 * sum(alone)).item())
