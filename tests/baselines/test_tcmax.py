from itertools import product

import numpy as np
import pytest
import torch

from skbetafd.baselines._tcmax import TCMax
from skbetafd.nn.criterion import Batch


def prepared(network, **parameters):
    rule = TCMax(**parameters)
    rule.prepare(network, torch.Generator().manual_seed(0), 1)
    return rule


def rows(n_modalities, n=4):
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(n, 2, generator=generator, dtype=torch.float64) for _ in range(n_modalities)]


def test_the_loss_is_the_softmax_over_all_pairs_and_classes(see_through):
    (a, v), y = rows(2), torch.tensor([0, 1, 1, 0])
    weight = torch.tensor([0.5, 1.5, 1.0, 1.0], dtype=torch.float64)
    network = see_through(2)
    loss = prepared(network)(network, Batch([a, v], y, weight))["loss"]
    total = sum(
        weight[j] * weight[k] * (a[j] + v[k]).exp().sum() for j, k in product(range(4), repeat=2)
    )
    expected = -(weight * ((a + v)[range(4), y] - total.log())).mean()
    assert loss.item() == pytest.approx(expected.item())


def test_of_three_modalities_each_pair_with_the_first_occurs_once(see_through):
    tuples = prepared(see_through(3))._tuples(3, 5).numpy()
    assert (tuples[:, :5] == np.arange(5)).all(), "the real rows come first"
    for m in (1, 2):
        assert len({*zip(tuples[0], tuples[m], strict=True)}) == 25
    assert not (tuples[1] == tuples[2]).all()


def test_mismatched_tuples_are_drawn_where_there_are_more_than_asked_for(see_through):
    rule = prepared(see_through(2), n_shifts=3)
    first, second = (rule._tuples(2, 50) for _ in range(2))
    assert first.shape == (2, 200)
    assert not torch.equal(first, second)
