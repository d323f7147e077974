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
    values, others = first.state_dict(), make(seed=1).state_dict()
    same = {name for name, value in values.items() if torch.equal(value, others[name])}
    unseen = {"missing", "seeing.missing", "seeing.temperature", "intervenes"}
    assert same == unseen | {"knowledge_label.weight", "knowledge_label.bias"}


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
    codes, head = net.encode(xs), net.head
    hidden = head.own_part(codes.knowledge, codes.auxiliary) + head.context(codes.context)
    torch.testing.assert_close(net.outcome(codes, None), head.out(torch.relu(hidden)))


def test_every_mask_silences_its_own_layer():
    net, xs = make(), rows()

    def logits(masks):
        return net.outcome(net.encode(xs, masks), None, masks[-1])

    masks = [torch.ones(6, d) for d in net.mask_dims]
    full = logits(masks)
    torch.testing.assert_close(full, net.outcome(net.encode(xs), None))
    for i in range(len(masks)):
        silenced = [m * (j != i) for j, m in enumerate(masks)]
        assert not torch.allclose(logits(silenced), full)


def test_one_modality_has_an_empty_auxiliary_code():
    net = make(input_dims=(5,), predominant=0)
    xs = rows(input_dims=(5,))
    codes = net.encode(xs)
    assert codes.auxiliary.shape == (6, 0)
    assert net.outcome(codes, torch.ones(6, 0)).shape == net.seeing(xs).shape == (6, 3)


def test_a_learned_vector_stands_for_the_share_of_an_auxiliary_that_a_row_lacks():
    net, xs = make(), rows()
    torch.nn.init.normal_(net.missing, generator=torch.Generator().manual_seed(2))
    z, s, a = codes = net.encode(xs)
    shown = torch.ones(6, 2)
    torch.testing.assert_close(net.outcome(codes, shown), net.outcome(codes, None))
    shown[:, 1] = 0  # the second auxiliary: the last four columns
    own = net.head.own_part(z, torch.cat([a[:, :4], torch.zeros(6, 4)], dim=1)) + net.missing[1]
    expected = net.head.out(torch.relu(own + net.head.context(s)))
    torch.testing.assert_close(net.outcome(codes, shown), expected)
    other = net.encode([xs[0], xs[1], xs[2] + 1])
    torch.testing.assert_close(net.outcome(other, shown), expected)
    assert not torch.allclose(net.outcome(other, None), net.outcome(codes, None))


def test_seeing_shares_nothing_with_the_rest():
    net = make()
    own = {id(p) for p in net.seeing.parameters()}
    rest = {id(p) for name, p in net.named_parameters() if not name.startswith("seeing.")}
    assert own and rest and not own & rest
