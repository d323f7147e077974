"""The network that sees: every subset of the modalities, and nothing of what is absent."""

from itertools import combinations

import pytest
import torch

from skbetafd.nn.criterion import Batch
from skbetafd.nn.seeing_network import SeeingLoss, SeeingNetwork

DIMS = (5, 4, 3)


def make(input_dims=DIMS, seed=0):
    generator = torch.Generator().manual_seed(seed)
    network = SeeingNetwork(list(input_dims), 3, hidden_dim=8, generator=generator)
    torch.nn.init.normal_(network.missing, generator=generator)
    return network


def rows(n=16, input_dims=DIMS):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(n, d, generator=generator) for d in input_dims]


def some_present():
    present = torch.ones(16, 3)
    present[:4, 1] = present[2:6, 2] = present[6:8, 0] = 0
    return present


def cross_entropy(logits, y):
    return torch.nn.functional.cross_entropy(logits, y, reduction="none")


def by_hand(network, xs, present):
    """Logits, row by row."""
    logits = []
    for i, there in enumerate(present):
        codes = [
            network.encoders[m](xs[m][i : i + 1])[0] if there[m] else network.missing[m]
            for m in range(len(xs))
        ]
        hidden = torch.relu(network.hidden(torch.relu(torch.cat(codes))))
        logits.append(network.out(hidden))
    return torch.stack(logits)


def test_a_learned_vector_stands_for_what_is_absent_and_complete_rows_have_their_temperature():
    network, xs, present = make(), rows(), some_present()
    network.temperature.copy_(torch.tensor([2.5, 0.5]))
    temperature = torch.where(present.prod(1, keepdim=True) > 0, 2.5, 0.5)
    torch.testing.assert_close(network(xs, present), by_hand(network, xs, present) / temperature)
    whole = by_hand(network, xs, torch.ones(16, 3)) / 2.5
    torch.testing.assert_close(network(xs), whole)
    torch.testing.assert_close(network(xs, torch.ones(16, 3)), whole)


@pytest.mark.parametrize("m", range(3))
def test_what_an_absent_modality_holds_is_without_effect(m):
    network, xs, present = make(), rows(), torch.ones(16, 3)
    changed = [x + 100 * (i == m) for i, x in enumerate(xs)]
    assert not torch.allclose(network(changed, present), network(xs, present))
    present[:, m] = 0
    assert torch.equal(network(changed, present), network(xs, present))
    assert not torch.allclose(network(xs, present), network(xs))


@pytest.mark.parametrize("n_modalities", [2, 3, 4, 6])
def test_a_batch_shows_proper_subsets_in_turn(n_modalities):
    network = make([2] * n_modalities)
    shown = network.subset(None, torch.zeros(200, 8))
    assert shown.shape == (200, n_modalities)
    found = {tuple(row.nonzero()[:, 0].tolist()) for row in shown}
    sizes = range(1, n_modalities) if n_modalities <= 4 else (1, n_modalities - 1)
    assert found == {some for size in sizes for some in combinations(range(n_modalities), size)}
    times = torch.unique(shown, dim=0, return_counts=True)[1]
    assert times.max() - times.min() <= 1


def test_what_is_shown_of_a_row_is_there():
    present = some_present()
    shown = make().subset(present, torch.zeros(16, 8))
    assert (shown <= present).all()
    assert (shown.sum(1) > 0).all()
    complete = present.prod(1) > 0
    assert (shown[complete].sum(1) < 3).all()


@pytest.mark.parametrize("lacking", [False, True])
def test_the_loss_is_of_all_that_a_row_has_and_of_a_subset_of_it(lacking):
    network, xs = make(), rows()
    weight = torch.arange(16) / 7.5
    present = some_present() if lacking else None
    batch = Batch(xs, torch.arange(16) % 3, weight, present)
    network.temperature.fill_(3)  # is no part of the training
    terms = SeeingLoss()(network, batch)
    there = torch.ones(16, 3) if present is None else present
    shown = network.subset(present, xs[0])
    for name, some in {"seeing": there, "partial": shown}.items():
        expected = (weight * cross_entropy(by_hand(network, xs, some), batch.y)).mean()
        torch.testing.assert_close(terms[name], expected)
    torch.testing.assert_close(terms["loss"], terms["seeing"] + terms["partial"])
    assert list(terms) == ["loss", "seeing", "partial"]
    held_out = SeeingLoss().held_out_logits(network, batch)
    torch.testing.assert_close(held_out, by_hand(network, xs, there) / 3)


def test_one_modality_has_no_subset():
    batch = Batch(rows(input_dims=(5,)), torch.arange(16) % 3, torch.ones(16))
    assert set(SeeingLoss()(make((5,)), batch)) == {"loss", "seeing"}


def test_every_mask_silences_its_own_layer():
    network, xs, y = make(), rows(), torch.arange(16) % 3

    def loss(masks):
        return SeeingLoss()(network, Batch(xs, y, torch.ones(16), masks=masks))["loss"]

    masks = [torch.ones(16, d) for d in network.mask_dims]
    torch.testing.assert_close(loss(masks), loss(None))
    for i in range(len(masks)):
        assert not torch.allclose(loss([m * (j != i) for j, m in enumerate(masks)]), loss(None))


def test_another_of_its_shape_has_values_of_its_own():
    network = make().double()
    other = network.like(torch.Generator().manual_seed(1))
    own, others = network.state_dict(), other.state_dict()
    assert list(own) == list(others)
    assert {name: v.shape for name, v in own.items()} == {n: v.shape for n, v in others.items()}
    assert {value.dtype for value in others.values()} == {torch.float64}
    assert not torch.equal(network.out.weight, other.out.weight)
    assert other(
        [x.double() for x in rows()],
    ).shape == (16, 3)
