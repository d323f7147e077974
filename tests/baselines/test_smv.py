from fractions import Fraction
from itertools import combinations, permutations, product
from math import ceil

import numpy as np
import pytest
import torch

from skbetafd.baselines._smv import SMV, n_copies, refill, shapley, subset_values
from skbetafd.nn.criterion import Batch
from skbetafd.nn.fusion_network import FusionNetwork
from skbetafd.training.batches import TrainingTensors


def values(right, n_modalities):
    """v(S) of one row that is right from the subsets in `right`."""
    sizes = range(n_modalities + 1)
    subsets = [s for size in sizes for s in combinations(range(n_modalities), size)]
    return {s: torch.tensor([float(len(s) * (s in right))], dtype=torch.float64) for s in subsets}


# right from the first alone, from the second alone, from both; φ and copies of both, by hand
TWO = [
    ((0, 0, 0), (0.0, 0.0), (2, 2)),
    ((1, 0, 0), (0.5, -0.5), (1, 3)),
    ((0, 1, 0), (-0.5, 0.5), (3, 1)),
    ((1, 1, 0), (0.0, 0.0), (2, 2)),
    ((0, 0, 1), (1.0, 1.0), (0, 0)),
    ((1, 0, 1), (1.5, 0.5), (0, 1)),
    ((0, 1, 1), (0.5, 1.5), (1, 0)),
    ((1, 1, 1), (1.0, 1.0), (0, 0)),
]


@pytest.mark.parametrize(("right", "phi", "copies"), TWO)
def test_two_modalities_follow_the_published_table(right, phi, copies):
    subsets = [s for s, is_right in zip([(0,), (1,), (0, 1)], right, strict=True) if is_right]
    found = shapley(values(subsets, 2), 2)
    assert found.tolist() == [list(phi)]
    assert n_copies(found).tolist() == [list(copies)]


THREE = [
    # right wherever the first is in: φ_0 = 1/3 + 2/6 + 2/6 + 3/3, φ_1 = φ_2 = 1/6 + 1/3
    ([(0,), (0, 1), (0, 2), (0, 1, 2)], (2.0, 0.5, 0.5), (0, 1, 1)),
    # right without the first, from both others alone or together, and wrong with it:
    # φ_0 = −1/6 − 1/6 − 2/3; φ_1 = 1/3 + 1/6
    ([(1,), (2,), (1, 2)], (-1.0, 0.5, 0.5), (3, 1, 1)),
    ([], (0.0, 0.0, 0.0), (2, 2, 2)),
    # right from the first and from all: φ_0 = 1/3 + 3/3, φ_1 = φ_2 = −1/6 + 3/3, a copy each
    ([(0,), (0, 1, 2)], (4 / 3, 5 / 6, 5 / 6), (0, 1, 1)),
    # each by itself as good as all: φ = 1/3 + 1/6 + 1/6 + 1/3
    ([(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)], (1.0, 1.0, 1.0), (0, 0, 0)),
]


@pytest.mark.parametrize(("right", "phi", "copies"), THREE)
def test_three_modalities_by_hand(right, phi, copies):
    found = shapley(values(right, 3), 3)
    np.testing.assert_allclose(found, [phi], atol=1e-12)
    assert n_copies(found).tolist() == [list(copies)]


@pytest.mark.parametrize("n_modalities", [2, 3])
def test_copies_are_exact_whatever_the_network_is_right_about(n_modalities):
    subsets = [s for s in values([], n_modalities) if s]
    orders = list(permutations(range(n_modalities)))
    for pattern in product((0, 1), repeat=len(subsets)):
        v = {(): 0} | {s: len(s) * p for s, p in zip(subsets, pattern, strict=True)}
        expected = []
        for m in range(n_modalities):
            # the mean, over the orders of arrival, of what m adds to those before it
            before = [tuple(sorted(order[: order.index(m)])) for order in orders]
            added = sum(v[tuple(sorted((*s, m)))] - v[s] for s in before)
            phi = Fraction(added, len(orders))
            expected.append(max(0, ceil(Fraction(6) * (1 - phi) / (n_modalities + 1))))
        right = [s for s, p in zip(subsets, pattern, strict=True) if p]
        assert n_copies(shapley(values(right, n_modalities), n_modalities)).tolist() == [expected]


def test_rounding_makes_no_copies():
    phi = torch.full((1, 4), 1 - 2**-52, dtype=torch.float64)  # as some sums of twelfths come out
    assert n_copies(phi).tolist() == [[0, 0, 0, 0]]


def toy_network():
    """Logits (0, z_0 + 2 z_1) with z = x, for positive x + bias: worked out below."""
    generator = torch.Generator().manual_seed(0)
    network = FusionNetwork([1, 1], 2, hidden_dim=2, code_dim=1, generator=generator)
    both = torch.tensor([[1.0], [-1.0]])
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for encoder in network.encoders:  # relu(x) − relu(−x) = x
            encoder.hidden.weight.copy_(both)
            encoder.code.weight.copy_(both.T)
        network.shares[0].weight.copy_(both)
        network.shares[1].weight.copy_(2 * both)
        network.out.weight[1].copy_(both[:, 0])
    return network


def test_subsets_are_valued_with_the_other_codes_zeroed():
    # logit of class 1 over class 0: x_0 alone, 2 x_1 alone, x_0 + 2 x_1; a tie reads class 0
    xs = [torch.tensor([[3.0], [1.0], [3.0]]), torch.tensor([[-1.0], [-1.0], [-2.0]])]
    rows = TrainingTensors(xs, torch.tensor([1, 1, 0]), torch.ones(3))
    found = subset_values(toy_network(), rows)
    assert found[()].tolist() == [0, 0, 0]
    assert found[(0,)].tolist() == [1, 1, 0]
    assert found[(1,)].tolist() == [0, 0, 1]
    assert found[(0, 1)].tolist() == [2, 0, 2]


def test_copies_stand_beside_their_rows_with_one_modality_left():
    xs = [torch.tensor([[10.0], [11.0], [12.0]]), torch.tensor([[20.0], [21.0], [22.0]])]
    source = TrainingTensors(xs, torch.tensor([0, 1, 2]), torch.tensor([0.5, 1.0, 1.5]))
    rows = TrainingTensors(source.xs, source.y, source.weight)
    refill(rows, source, torch.tensor([[0, 2], [0, 0], [1, 0]]))
    assert rows.xs[0][:, 0].tolist() == [10, 11, 12, 12, 10, 10]
    assert rows.xs[1][:, 0].tolist() == [20, 21, 22, 22, 20, 20]
    assert rows.y.tolist() == [0, 1, 2, 2, 0, 0]
    assert rows.present.tolist() == [[1, 1]] * 3 + [[1, 0]] + [[0, 1]] * 2
    # weights .5, 1, 1.5, 1.5, .5, .5 have mean 5.5 / 6
    expected = np.array([0.5, 1, 1.5, 1.5, 0.5, 0.5]) * 6 / 5.5
    np.testing.assert_allclose(rows.weight, expected, rtol=1e-6)
    assert len(source) == 3 and source.present is None


def test_a_copy_has_the_loss_and_gradient_of_its_modality_alone():
    network, rule = toy_network(), SMV()
    xs, y = [torch.tensor([[3.0]]), torch.tensor([[-1.0]])], torch.tensor([1])
    terms = rule(network, Batch(xs, y, torch.ones(1), torch.tensor([[1.0, 0.0]])))
    # logits 0 and 3: the loss is log(1 + e⁻³), its slope in z_0 −1 / (1 + e³)
    assert terms["loss"].item() == pytest.approx(np.log1p(np.exp(-3)), rel=1e-5)
    rule.backward(network, terms)
    slope = -1 / (1 + np.exp(3))
    assert network.encoders[0].code.bias.grad.item() == pytest.approx(slope, rel=1e-5)
    assert network.encoders[1].code.bias.grad.item() == 0


def test_every_epoch_values_anew_after_the_warmup(X, y, fitted, monkeypatch):
    sizes, begin = [], SMV.begin_epoch

    def watch(rule, network, epoch, trainer):
        begin(rule, network, epoch, trainer)
        sizes.append(len(rule.rows))
        n_added = 0
        if epoch >= 5:
            n_added = n_copies(shapley(subset_values(network, trainer.rows), 2)).sum()
        assert len(rule.rows) == len(trainer.rows) + n_added

    monkeypatch.setattr(SMV, "begin_epoch", watch)
    fitted(X, y, "smv", max_epochs=7, learning_rate=0.05)
    assert sizes[:5] == [len(y)] * 5
    assert min(sizes[5:]) > len(y)


def test_it_trains_plainly_until_the_warmup_ends(X, y, fitted, weights):
    for n_epochs, plainly in ((5, True), (7, False)):
        own, plain = (weights(fitted(X, y, b, max_epochs=n_epochs).module_) for b in ("smv", None))
        assert np.array_equal(own, plain) == plainly


def test_one_modality_is_trained_plainly(modalities, y, fitted, weights):
    X = [modalities["audio"]]
    own, plain = (weights(fitted(X, y, b, max_epochs=7).module_) for b in ("smv", None))
    np.testing.assert_array_equal(own, plain)


def test_no_training_rows_are_kept(X, y, fitted):
    assert not hasattr(fitted(X, y, "smv").parts_[0].rule, "rows")
