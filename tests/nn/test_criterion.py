import pytest
import torch

from skbetafd.nn.criterion import Criterion


class Squares(Criterion):
    """A criterion that says what it was called with."""

    def forward(self, network, xs, y, weight, present, masks):
        assert masks is None
        self.called = xs, y, present
        return {"loss": (weight * (network * xs[0] - y).square()).mean(), "other": y.sum()}


@pytest.fixture
def batch():
    return [torch.arange(4.0)], torch.ones(4), torch.tensor([1.0, 2.0, 0.5, 0.5])


def test_the_held_out_loss_is_by_default_the_whole_loss_without_dropout(batch):
    xs, y, weight = batch
    present = torch.ones(4, 1)
    criterion = Squares()
    loss = criterion.held_out_loss(torch.tensor(2.0), xs, y, weight, present)
    assert loss == (1 * 1 + 2 * 1 + 0.5 * 9 + 0.5 * 25) / 4
    assert all(a is b for a, b in zip(criterion.called, (xs, y, present), strict=True))


def test_the_gradients_are_by_default_those_of_the_loss_alone(batch):
    xs, y, weight = batch
    network = torch.tensor(2.0, requires_grad=True)
    criterion = Squares()
    criterion.backward(network, criterion(network, xs, y, weight, None, None))
    slope = 2 * (2 * xs[0] - y) * xs[0] * weight
    assert network.grad == slope.mean()


def test_a_batch_is_whole_and_epochs_change_nothing_unless_a_criterion_says_so(batch):
    criterion = Squares()
    assert criterion.whole_batch(*batch[1:]) == batch[1:]
    before = dict(vars(criterion))
    criterion.set_epoch(3, 4)
    assert vars(criterion) == before


def test_a_criterion_without_logits_of_its_own_says_so():
    with pytest.raises(NotImplementedError):
        Squares().held_out_logits(None, [], None)
