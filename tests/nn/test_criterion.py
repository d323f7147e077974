import pytest
import torch

from skbetafd.nn.criterion import Batch, Criterion


class Squares(Criterion):
    """A criterion that notes what it was called with."""

    def forward(self, network, batch):
        self.called = batch
        squares = (network * batch.xs[0] - batch.y).square()
        return {"loss": (batch.weight * squares).mean(), "other": batch.y.sum()}


@pytest.fixture
def batch():
    return Batch([torch.arange(4.0)], torch.ones(4), torch.tensor([1.0, 2.0, 0.5, 0.5]))


def test_the_held_out_loss_is_by_default_the_whole_loss(batch):
    criterion = Squares()
    loss = criterion.held_out_loss(torch.tensor(2.0), batch)
    assert loss == (1 * 1 + 2 * 1 + 0.5 * 9 + 0.5 * 25) / 4
    assert criterion.called is batch


def test_the_gradients_are_by_default_those_of_the_loss_alone(batch):
    network = torch.tensor(2.0, requires_grad=True)
    criterion = Squares()
    criterion.backward(network, criterion(network, batch))
    x, y, weight = batch.xs[0], batch.y, batch.weight
    assert network.grad == (2 * (2 * x - y) * x * weight).mean()


def test_a_batch_is_whole_and_epochs_change_nothing_unless_a_criterion_overrides_it(batch):
    criterion = Squares()
    rows = batch.y, batch.weight
    assert criterion.whole_batch(*rows) == rows
    before = dict(vars(criterion))
    criterion.set_epoch(3, 4)
    assert vars(criterion) == before


def test_the_head_s_mask_is_the_last_if_any(batch):
    assert batch.head_mask is None
    masks = [torch.zeros(4, 2), torch.ones(4, 3)]
    assert Batch(batch.xs, batch.y, batch.weight, masks=masks).head_mask is masks[-1]
