import pytest
import torch

from skbetafd.nn.front_door_network import FrontDoorNetwork


def make(input_dims=(5, 4, 3), predominant=1, seed=0):
    return FrontDoorNetwork(
        list(input_dims),
        3,
        predominant=predominant,
        hidden_dim=8,
        knowledge_dim=4,
        context_dim=2,
        generator=torch.Generator().manual_seed(seed),
    )


def rows(n=6, input_dims=(5, 4, 3)):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(n, d, generator=generator) for d in input_dims]


def test_equal_generators_make_equal_networks_and_leave_the_global_one_alone():
    before = torch.get_rng_state()
    first, second = make(), make()
    assert torch.equal(before, torch.get_rng_state())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    other = make(seed=1)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_initial_weights_have_torch_s_own_spread():
    weight = make(input_dims=(400, 4), predominant=0).knowledge.hidden.weight.detach()
    assert weight.abs().max() <= 1 / 20
    assert weight.std() == pytest.approx(1 / 20 / 3**0.5, rel=0.1)


def test_codes_have_their_widths_and_only_the_predominant_feeds_knowledge_and_context():
    net, xs = make(), rows()
    codes = net.encode(xs)
    assert [c.shape for c in codes] == [(6, 4), (6, 2), (6, 8)]
    changed = net.encode([xs[0] + 1, xs[1], xs[2]])
    assert torch.equal(codes.knowledge, changed.knowledge)
    assert torch.equal(codes.context, changed.context)
    assert not torch.equal(codes.auxiliary, changed.auxiliary)


def test_the_head_s_first_layer_adds_the_shares_of_knowledge_context_and_auxiliary():
    net, xs = make(), rows()
    logits, codes = net(xs)
    head = net.head
    hidden = head.own_part(codes.knowledge, codes.auxiliary) + head.context(codes.context)
    torch.testing.assert_close(logits, head.out(torch.relu(hidden)))


def test_every_mask_silences_its_own_layer():
    net, xs = make(), rows()
    masks = [torch.ones(6, d) for d in net.mask_dims]
    full, _ = net(xs, masks)
    torch.testing.assert_close(full, net(xs)[0])
    for i in range(len(masks)):
        silenced = [m * (j != i) for j, m in enumerate(masks)]
        assert not torch.allclose(net(xs, silenced)[0], full)


def test_one_modality_has_an_empty_auxiliary_code():
    net = make(input_dims=(5,), predominant=0)
    logits, codes = net(rows(input_dims=(5,)))
    assert codes.auxiliary.shape == (6, 0)
    assert logits.shape == (6, 3)


def test_the_partial_network_ignores_what_is_absent():
    net, xs = make(), rows()
    xs = [xs[m] for m in net.order]
    shown = torch.ones(6, 3)
    everything = net.partial(xs, shown)
    other = [xs[0], xs[1], xs[2] + 1]
    assert not torch.allclose(everything, net.partial(other, shown))
    shown[:, 2] = 0
    torch.testing.assert_close(net.partial(xs, shown), net.partial(other, shown))
    assert not torch.allclose(everything, net.partial(xs, shown))
