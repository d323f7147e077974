from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skbetafd.baselines._pmr import PMR
from skbetafd.nn.criterion import Batch
from skbetafd.training.batches import TrainingTensors

Y = torch.tensor([0, 0, 1, 1])
FIRST = torch.tensor([[3.0, 1], [1, 1], [1, 4], [1, 2]]).double()
SECOND = torch.tensor([[2.0, 1], [2, 1], [2, 3], [2, 3]]).double()
ROW_WEIGHT = torch.tensor([1.5, 0.5, 0.5, 1.5]).double()
PROTOTYPES = [np.array([[2.5, 1], [1, 2.5]]), np.array([[2.0, 1], [2, 3]])]  # by hand


def trainer(y=Y, xs=(FIRST, SECOND), weight=ROW_WEIGHT):
    return SimpleNamespace(rows=TrainingTensors(xs, y, weight))


def prepared(network, epochs=(0,), **parameters):
    rule = PMR(**({"share": 1.0} | parameters))
    rule.prepare(network, torch.Generator().manual_seed(0), 1)
    for epoch in epochs:
        rule.begin_epoch(network, epoch, trainer())
    return rule


def batch():
    """By weight the second modality is slower (.55 against .89), by count the first would be."""
    first = torch.tensor([[2.5, 1.1], [2.5, 1.1]]).double().requires_grad_()
    second = torch.tensor([[2.1, 1.9], [2.1, 2.9]]).double().requires_grad_()
    return [first, second], torch.tensor([0, 1]), torch.tensor([1.8, 0.2]).double()


def softmax(logits):
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def plain(xs, y, weight):
    """Loss of the see-through network and its gradient by either code."""
    p = softmax(sum(x.detach().numpy() for x in xs))
    w = weight.numpy() / len(y)
    return (w * -np.log(p[range(len(y)), y])).sum(), w[:, None] * (p - np.eye(2)[y])


def pulled(z, prototypes, y, weight):
    """Loss CE(−distance) of codes, its gradient by them, and the score."""
    z, w = z.detach().numpy(), weight.numpy() / len(y)
    apart = z[:, None] - prototypes
    distance = np.sqrt((apart**2).sum(2))
    p = softmax(-distance)
    own = p[range(len(y)), y]
    slope = -(p - np.eye(2)[y])[:, :, None] * apart / distance[:, :, None]
    return (w * -np.log(own)).sum(), w[:, None] * slope.sum(1), (w * own).sum()


def check(rule, network, slower, prototypes, alpha):
    xs, y, weight = batch()
    terms = rule(network, Batch(xs, y, weight))
    rule.backward(network, terms)
    joint, slope = plain(xs, y, weight)
    parts = [pulled(x, p, y, weight) for x, p in zip(xs, prototypes, strict=True)]
    assert slower == int(np.argmin([part[2] for part in parts]))
    assert terms["loss"].item() == pytest.approx(joint + alpha * parts[slower][0])
    assert terms["joint"].item() == pytest.approx(joint)
    for m, x in enumerate(xs):
        extra = alpha * parts[m][1] if m == slower else 0
        np.testing.assert_allclose(x.grad, slope + extra, rtol=1e-6)


@pytest.mark.parametrize("alpha", [1.0, 3.0])
def test_only_the_slower_modality_is_pulled_to_its_prototypes(see_through, alpha):
    network = see_through(2)
    check(prepared(network, alpha=alpha), network, 1, PROTOTYPES, alpha)


def test_the_score_by_prototypes_tells_which_is_slower(see_through):
    """With the prototypes of the first modality swapped, it is the slower one."""
    network = see_through(2)
    rule = prepared(network, epochs=())
    swapped = FIRST[[2, 3, 0, 1]]
    rule.begin_epoch(network, 0, trainer(xs=(swapped, SECOND), weight=ROW_WEIGHT[[2, 3, 0, 1]]))
    check(rule, network, 0, [PROTOTYPES[0][::-1], PROTOTYPES[1]], 1.0)


def test_of_three_modalities_the_slowest_is_pulled(see_through):
    network = see_through(3)
    rule = prepared(network, epochs=())
    rule.begin_epoch(network, 0, trainer(xs=(FIRST, SECOND, SECOND)))
    (first, second), y, weight = batch()
    third = (second.detach() + torch.tensor([0.0, 0.5])).requires_grad_()  # further from class 0
    xs = [first, second, third]
    terms = rule(network, Batch(xs, y, weight))
    rule.backward(network, terms)
    joint, slope = plain(xs, y, weight)
    pull, pull_slope, _ = pulled(third, PROTOTYPES[1], y, weight)
    assert terms["loss"].item() == pytest.approx(joint + pull)
    np.testing.assert_allclose(third.grad, slope + pull_slope, rtol=1e-6)
    for x in (first, second):
        np.testing.assert_allclose(x.grad, slope, rtol=1e-6)


@pytest.mark.parametrize(("momentum", "slower"), [(0.5, 0), (0.75, 1)])
def test_prototypes_follow_the_codes_with_momentum(see_through, momentum, slower):
    network = see_through(2)
    rule = prepared(network, momentum=momentum)
    for encoder in network.encoders:
        encoder.code.weight.data *= 2  # the codes double
    rule.begin_epoch(network, 1, trainer())
    for encoder in network.encoders:
        encoder.code.weight.data /= 2
    blend = momentum + 2 * (1 - momentum)
    check(rule, network, slower, [blend * p for p in PROTOTYPES], 1.0)


def test_an_epoch_leaves_no_trace_of_an_earlier_training(see_through):
    network = see_through(2)
    rule = prepared(network)
    rule.prepare(network, torch.Generator().manual_seed(0), 1)
    rule.begin_epoch(network, 0, trainer(xs=(2 * FIRST, 2 * SECOND)))
    for found, expected in zip(rule.prototypes, PROTOTYPES, strict=True):
        np.testing.assert_allclose(found, 2 * expected)


@pytest.mark.parametrize(("epoch", "acts"), [(0, True), (69, True), (70, False)])
def test_it_acts_until_its_last_epoch(see_through, epoch, acts):
    network = see_through(2)
    rule = prepared(network, epochs=(epoch,))
    xs, y, weight = batch()
    terms = rule(network, Batch(xs, y, weight))
    assert (terms["loss"].item() != pytest.approx(plain(xs, y, weight)[0])) == acts


def test_an_only_modality_is_trained_plainly(see_through):
    network = see_through(1)
    rule = prepared(network, epochs=())
    rule.begin_epoch(network, 0, trainer(xs=(FIRST,)))
    xs, y, weight = batch()
    terms = rule(network, Batch(xs[:1], y, weight))
    assert terms["loss"].item() == pytest.approx(plain(xs[:1], y, weight)[0])


def test_a_tenth_of_each_class_makes_its_prototype_and_at_least_a_row(see_through):
    """Row values are powers of 2, so that a sum tells its rows: 2 of 20, and 1 of 3."""
    network = see_through(2)
    rows = torch.tensor([[2.0**i, 1.0] for i in range(23)], dtype=torch.float64)
    y = torch.tensor([0] * 20 + [1] * 3)
    rule = prepared(network, epochs=(), share=0.1)
    drawn = set()
    for epoch in range(20):
        rule.prototypes = None
        rule.begin_epoch(network, epoch, trainer(y, (rows, rows), torch.ones(23).double()))
        large, small = (int(v) for v in 2 * rule.prototypes[0][:, 0])
        assert large.bit_count() == 2 and large < 2**20
        assert small.bit_count() == 1 and 2**21 <= small < 2**24
        drawn.add(large)
    assert len(drawn) > 10  # anew each epoch
