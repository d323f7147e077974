import pytest
import torch

from skbetafd.nn import adjustment
from skbetafd.nn.adjustment import (
    ReferenceSet,
    chunks_of_rows,
    log_proba_doing,
    log_proba_path,
    log_reference_weights,
    mix,
)
from skbetafd.nn.encoders import Encoding
from skbetafd.nn.front_door_network import Codes, FrontDoorNetwork


@pytest.fixture
def net():
    network = FrontDoorNetwork(
        [5, 4],
        3,
        predominant=0,
        hidden_dim=16,
        knowledge_dim=4,
        context_dim=2,
        generator=torch.Generator().manual_seed(0),
    ).double()
    for part in (network, network.seeing):
        torch.nn.init.normal_(part.missing, generator=torch.Generator().manual_seed(9))
    return network


@pytest.fixture
def xs():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(7, d, generator=generator, dtype=torch.float64) for d in (5, 4)]


@pytest.fixture
def references(net):
    generator = torch.Generator().manual_seed(2)
    rows = [torch.randn(5, d, generator=generator, dtype=torch.float64) for d in (5, 4)]
    codes = net.encode(rows)
    mass = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05], dtype=torch.float64)
    bandwidth = torch.tensor(0.3, dtype=torch.float64)
    return ReferenceSet(*(c.detach() for c in codes), mass.log(), bandwidth, bandwidth, bandwidth)


def by_hand(net, codes, references, effect):
    """The design's sums, one row, one reference at a time."""
    out = []
    for z, a in zip(codes.knowledge, codes.auxiliary, strict=True):
        distance = (a - references.auxiliary).square().sum(1)
        w = references.log_mass.exp() * torch.exp(-distance / (2 * references.bandwidth))
        w = w / w.sum() if effect == "conditional" else references.log_mass.exp()
        total = 0
        for k in range(len(w)):
            other = a if effect == "conditional" else references.auxiliary[k]
            triple = Codes(z[None], references.context[k][None], other[None])
            total = total + w[k] * torch.softmax(net.head(*triple), dim=1)[0]
        out.append(total)
    return torch.stack(out)


@pytest.mark.parametrize("effect", ["conditional", "population"])
def test_doing_is_the_weighted_mean_of_probabilities_over_references(net, xs, references, effect):
    codes = net.encode(xs)
    log_proba = log_proba_doing(net, codes, references, effect)
    torch.testing.assert_close(log_proba.exp(), by_hand(net, codes, references, effect))


@pytest.mark.parametrize("effect", ["conditional", "population"])
def test_the_path_is_linear_in_beta_and_sums_to_one(net, xs, references, effect):
    path = log_proba_path(net, xs, references, [0, 0.3, 1], effect).exp()
    torch.testing.assert_close(path[1], 0.7 * path[0] + 0.3 * path[2])
    torch.testing.assert_close(path.sum(2), torch.ones(3, 7, dtype=torch.float64))
    assert not torch.allclose(path[0], path[2])


@pytest.mark.parametrize("beta", [0, 1])
@pytest.mark.parametrize("lacking", [None, 0, 1])
def test_beta_zero_is_the_seeing_network_at_its_temperatures(net, xs, references, lacking, beta):
    net.seeing.temperature.copy_(torch.tensor([1.7, 0.6]))
    temperature = torch.full((7, 1), 1.7, dtype=torch.float64)
    present = torch.ones(7, 2, dtype=torch.float64)
    if lacking is not None:
        present[:3, lacking], temperature[:3] = 0, 0.6
    path = log_proba_path(net, xs, references, [0, beta], "conditional", present)
    codes = [
        torch.where(present[:, m, None] > 0, encoder(x), net.seeing.missing[m])
        for m, (encoder, x) in enumerate(zip(net.seeing.encoders, xs, strict=True))
    ]
    hidden = torch.relu(net.seeing.hidden(torch.relu(torch.cat(codes, dim=1))))
    expected = torch.softmax(net.seeing.out(hidden) / temperature, dim=1)
    torch.testing.assert_close(path[0].exp(), expected, rtol=1e-6, atol=1e-6)


def test_chunks_do_not_change_the_result(net, xs, references, monkeypatch):
    whole = log_proba_path(net, xs, references, [0, 0.5, 1], "conditional")
    monkeypatch.setattr(adjustment, "CHUNK_ELEMENTS", 1)
    torch.testing.assert_close(
        log_proba_path(net, xs, references, [0, 0.5, 1], "conditional"), whole
    )


@pytest.mark.parametrize("lacking", [False, True])
def test_a_chunk_bounds_the_hidden_activations_and_is_filled(
    lacking, net, xs, references, monkeypatch
):
    sizes = []

    def spy(head, hidden, *rest):
        sizes.append(hidden.numel())
        return average(head, hidden, *rest)

    average = adjustment.average_proba
    monkeypatch.setattr(adjustment, "average_proba", spy)
    monkeypatch.setattr(adjustment, "CHUNK_ELEMENTS", 16 * 5 * 3)
    present = torch.ones(7, 2, dtype=torch.float64)
    if lacking:
        present[:, 1] = 0
    log_proba_path(net, xs, references, [1], "conditional", present)
    assert sizes == [16 * 5 * 3, 16 * 5 * 3, 16 * 5]


def test_seeing_asks_for_no_reference(net, xs, references, monkeypatch):
    expected = log_proba_path(net, xs, references, [0, 1], "conditional")[:1]
    monkeypatch.delattr(adjustment, "log_proba_doing")
    torch.testing.assert_close(log_proba_path(net, xs, references, [0], "conditional"), expected)


def test_rows_whose_activations_exceed_a_chunk_come_one_by_one():
    rows = torch.empty(3)
    assert list(chunks_of_rows(rows, 2**21)) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    assert list(chunks_of_rows(rows, 2**19)) == [slice(0, 2), slice(2, 4)]


def test_chunks_are_64_times_larger_beside_a_cpu():
    rows = torch.empty(3, device="meta")
    assert list(chunks_of_rows(rows, 2**25)) == [slice(0, 2), slice(2, 4)]


def test_a_reference_set_moves_as_a_whole(references):
    moved = references.to(torch.device("meta"))
    assert isinstance(moved, ReferenceSet)
    assert {tensor.device.type for tensor in moved} == {"meta"}
    assert [tensor.shape for tensor in moved] == [tensor.shape for tensor in references]


@pytest.fixture
def alone():
    """A network of one modality, and references of it."""
    generator = torch.Generator().manual_seed(0)
    shared = {"predominant": 0, "hidden_dim": 16, "knowledge_dim": 4, "context_dim": 2}
    network = FrontDoorNetwork([5], 3, **shared, generator=generator).double()
    codes = network.encode([torch.randn(5, 5, generator=generator, dtype=torch.float64)])
    mass = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05], dtype=torch.float64)
    one = torch.tensor(1.0, dtype=torch.float64)
    return network, ReferenceSet(*(c.detach() for c in codes), mass.log(), one, one, one)


@pytest.mark.parametrize("effect", ["conditional", "population"])
def test_without_an_auxiliary_references_have_their_masses_and_the_path_is_seeing(
    alone, xs, effect
):
    network, references = alone
    codes = network.encode(xs[:1])
    log_proba = log_proba_doing(network, codes, references, effect)
    torch.testing.assert_close(log_proba.exp(), by_hand(network, codes, references, effect))
    path = log_proba_path(network, xs[:1], references, [0, 0.5, 1], effect)
    seeing = torch.log_softmax(network.seeing(xs[:1]), dim=1)
    torch.testing.assert_close(path, seeing.expand(3, -1, -1))


def test_the_kernel_narrows_by_the_share_that_a_row_shows_and_knowledge_joins_in_where_any_lacks(
    net, xs, references
):
    codes = net.encode(xs)
    references = references._replace(knowledge_bandwidth=torch.tensor(0.7, dtype=torch.float64))
    n_shown = [0, 1, 2, 3, 4, 1, 3]
    shown = (torch.arange(4) < torch.tensor(n_shown)[:, None]).double()
    weights = log_reference_weights(codes, references, shown).exp()
    for row, n in enumerate(n_shown):
        near = (codes.auxiliary[row] - references.auxiliary)[:, :n].square().sum(1)
        alike = (n < 4) * (codes.knowledge[row] - references.knowledge).square().sum(1)
        near = near / (2 * references.bandwidth * n / 4) if n else 0
        w = references.log_mass.exp() * torch.exp(-near - alike / (2 * 0.7))
        torch.testing.assert_close(weights[row], w / w.sum())


def test_mixing_survives_impossible_classes():
    impossible = torch.tensor([[0.0, -torch.inf]])
    even = torch.tensor([[0.5, 0.5]]).log()
    torch.testing.assert_close(mix(impossible, even, 0.5).exp(), torch.tensor([[0.75, 0.25]]))
    assert torch.equal(mix(impossible, even, 0.0), impossible)
    assert torch.equal(mix(even, impossible, 1.0), impossible)


def test_a_row_without_auxiliaries_is_adjusted_by_the_references_near_its_knowledge(
    net, xs, references
):
    present = torch.ones(7, 2, dtype=torch.float64)
    present[:3, 1] = 0
    seeing, doing = log_proba_path(net, xs, references, [0, 1], "conditional", present).exp()
    whole = log_proba_path(net, xs, references, [0, 1], "conditional").exp()
    torch.testing.assert_close(whole[0, 3:], seeing[3:])
    torch.testing.assert_close(whole[1, 3:], doing[3:])
    z = net.encode(xs).knowledge
    distance = torch.cdist(z[:3], references.knowledge).square()
    w = references.log_mass - distance / (2 * references.knowledge_bandwidth)
    w = torch.softmax(w, dim=1)
    head = net.head
    for i in range(3):
        own = head.knowledge(z[i]) + net.missing[0]
        logits = head.out(torch.relu(own + head.context(references.context)))
        torch.testing.assert_close(doing[i], w[i] @ torch.softmax(logits, dim=1))
    torch.testing.assert_close(seeing[:3], torch.softmax(net.seeing(xs, present)[:3], dim=1))


@pytest.mark.parametrize("column", [0, 1])
def test_what_an_absent_modality_holds_is_without_effect(net, xs, references, column):
    present = torch.ones(7, 2, dtype=torch.float64)
    present[:, column] = 0
    changed = [x + 100 * (i == column) for i, x in enumerate(xs)]
    found, expected = (
        log_proba_path(net, rows, references, [0, 0.5, 1], "conditional", present)
        for rows in (changed, xs)
    )
    torch.testing.assert_close(found, expected)


def test_without_the_predominant_modality_beta_is_without_effect(net, xs, references):
    present = torch.tensor([[0.0, 1.0]] * 7, dtype=torch.float64)
    for effect in ("conditional", "population"):
        path = log_proba_path(net, xs, references, [0, 0.5, 1], effect, present)
        torch.testing.assert_close(path[0], path[2])


def test_a_row_that_lacks_some_auxiliaries_is_weighed_by_the_others_and_its_knowledge():
    generator = torch.Generator().manual_seed(3)
    widths = (5, 4, 3)
    net = FrontDoorNetwork(
        widths,
        3,
        predominant=1,
        hidden_dim=16,
        knowledge_dim=4,
        context_dim=2,
        generator=generator,
    ).double()
    torch.nn.init.normal_(net.missing, generator=generator)
    xs, rows = (
        [torch.randn(n, d, generator=generator, dtype=torch.float64) for d in widths]
        for n in (3, 5)
    )
    mass = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05], dtype=torch.float64)
    kernels = torch.tensor([0.3, 0.7, 1.0], dtype=torch.float64)
    references = ReferenceSet(*(c.detach() for c in net.encode(rows)), mass.log(), *kernels)
    present = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]).double()
    codes, head = net.encode(xs), net.head
    doing = log_proba_path(net, xs, references, [1], "conditional", present)[0].exp()
    population = log_proba_path(net, xs, references, [1], "population", present)[0].exp()
    whole = log_proba_path(net, xs, references, [1], "population")[0].exp()
    torch.testing.assert_close(doing[:1], by_hand(net, codes, references, "conditional")[:1])
    torch.testing.assert_close(population, whole)
    for row, there in ((1, 1), (2, 0)):  # the one auxiliary that is there
        columns = slice(4 * there, 4 * there + 4)
        near = (codes.auxiliary[row] - references.auxiliary)[:, columns].square().sum(1)
        alike = (codes.knowledge[row] - references.knowledge).square().sum(1)
        w = mass * torch.exp(-near / (2 * 0.3 * 0.5) - alike / (2 * 0.7))
        own = head.knowledge(codes.knowledge[row]) + net.missing[1 - there]
        own = own + head.auxiliary.weight[:, columns] @ codes.auxiliary[row, columns]
        hidden = own + head.context(references.context)
        expected = (w / w.sum()) @ torch.softmax(head.out(torch.relu(hidden)), dim=1)
        torch.testing.assert_close(doing[row], expected)


@pytest.mark.parametrize(
    ("encoding", "sizes"), [(Encoding("conv1d", (500, 1)), [10, 10, 5]), (500, [25])]
)
def test_rows_of_wide_activations_are_encoded_few_at_once(encoding, sizes, monkeypatch):
    network = FrontDoorNetwork(
        [encoding, 4],
        3,
        predominant=0,
        hidden_dim=4,
        knowledge_dim=32,
        context_dim=32,
        generator=torch.Generator().manual_seed(0),
    )
    references = ReferenceSet(*[torch.zeros(1, 32)] * 3, torch.zeros(1), *torch.ones(3))
    seen = {}

    def spied(part):
        encode, seen[part] = part.encode, []
        return lambda xs, *more: seen[part].append(len(xs[0])) or encode(xs, *more)

    for part in (network, network.seeing):
        monkeypatch.setattr(part, "encode", spied(part))
    monkeypatch.setattr(adjustment, "CHUNK_ELEMENTS", 8 * 500 * 10)
    rows = [torch.zeros(25, 500), torch.zeros(25, 4)]
    log_proba_path(network, rows, references, [0, 1], "conditional")
    assert list(seen.values()) == [sizes, sizes]
    log_proba_path(network, rows, references, [1], "conditional")
    assert list(seen.values()) == [2 * sizes, sizes]  # what sees has no part in P_1
