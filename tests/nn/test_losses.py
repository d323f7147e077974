from dataclasses import replace

import numpy as np
import pytest
import torch

from skbetafd.nn.criterion import Batch
from skbetafd.nn.dependence import directed_hsic, info_nce
from skbetafd.nn.front_door_network import Codes, FrontDoorNetwork
from skbetafd.nn.losses import FrontDoorLoss
from skbetafd.nn.seeing_network import SeeingLoss, weighted_entropy


@pytest.fixture
def codes():
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(20, d, generator=generator, dtype=torch.float64) for d in (5, 3)]


def ones(n):
    return torch.ones(n, dtype=torch.float64)


def hsic(left, right, weight):
    return directed_hsic([left, right], [weight, weight], [(0, 1, 1.0)])


def test_info_nce_is_the_mean_cross_entropy_of_finding_the_own_pair():
    left = torch.randn(6, 4, dtype=torch.float64)
    right = torch.randn(6, 4, dtype=torch.float64)
    a, b = (x / x.norm(dim=1, keepdim=True) for x in (left, right))
    similarity = (a @ b.T / 0.2).exp()
    rows = -(similarity.diagonal() / similarity.sum(1)).log().mean()
    columns = -(similarity.diagonal() / similarity.sum(0)).log().mean()
    torch.testing.assert_close(info_nce(left, right, ones(6), 0.2), (rows + columns) / 2)


def test_hsic_is_the_trace_formula_at_the_trial_batch_size(codes):
    def kernel(x):
        x = x.numpy()
        x = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-8)
        distance = ((x[:, None] - x) ** 2).sum(2)
        return np.exp(-distance / (2 * x.shape[1]))

    n = 20
    centring = np.eye(n) - 1 / n
    k, m = (kernel(c) for c in codes)
    expected = 64 * np.trace(k @ centring @ m @ centring) / n**2
    assert float(hsic(*codes, ones(n))) == pytest.approx(expected, rel=1e-10)


def test_hsic_is_finite_on_one_row_and_on_constant_codes():
    assert torch.isfinite(hsic(torch.ones(1, 3), torch.ones(1, 2), torch.ones(1)))
    constant = torch.ones(8, 3, requires_grad=True)
    value = hsic(constant, torch.randn(8, 2), torch.ones(8))
    value.backward()
    assert torch.isfinite(constant.grad).all()


@pytest.mark.parametrize("loss", [hsic, lambda a, b, w: info_nce(a, b, w, 0.1)])
def test_a_row_of_weight_two_counts_as_two_rows(loss, codes):
    left, right = codes[0], torch.cat([codes[1], codes[1][:, :2]], dim=1)
    repeats = torch.tensor([1, 2] * 10)
    weight = repeats.double() / repeats.double().mean()
    repeated = loss(
        left.repeat_interleave(repeats, 0), right.repeat_interleave(repeats, 0), ones(30)
    )
    weighted = loss(left, right, weight)
    if loss is not hsic:  # scaling all weights moves InfoNCE by a constant
        weighted = weighted - torch.log(20 / repeats.double().sum())
    torch.testing.assert_close(weighted, repeated)


def network(input_dims):
    return FrontDoorNetwork(
        input_dims,
        3,
        predominant=0,
        hidden_dim=8,
        knowledge_dim=4,
        context_dim=4,
        generator=torch.Generator().manual_seed(0),
    )


def rows(input_dims=(5, 4), present=None):
    xs = [torch.randn(16, d, generator=torch.Generator().manual_seed(2)) for d in input_dims]
    return Batch(xs, torch.arange(16) % 3, torch.ones(16), present)


def make_loss(**weights):
    settings = {"knowledge_weight": 3, "disentangle_weight": 2, "label_weight": 1} | weights
    return FrontDoorLoss(**settings, temperature=0.1)


def evaluate(input_dims=(5, 4), present=None, **weights):
    return make_loss(**weights)(network(input_dims), rows(input_dims, present))


@pytest.mark.parametrize("name", ["knowledge", "disentangle", "label"])
def test_a_term_of_weight_zero_is_left_out(name):
    terms = evaluate(**{f"{name}_weight": 0})
    assert name not in terms
    assert ("witness" in terms) == (name != "label")
    assert len(terms) == (9 if name != "label" else 8)


def test_without_an_auxiliary_there_is_nothing_to_share_or_to_disentangle():
    assert set(evaluate(input_dims=(5,))) == {"loss", "seeing", "outcome", "label"}


def gradients(present, term):
    net = network((5, 4))
    make_loss()(net, rows(present=present))[term].backward()
    return {name for name, p in net.named_parameters() if p.grad is not None and p.grad.any()}


def test_what_a_dependence_is_measured_against_is_held_fixed(codes):
    free, fixed = (code.clone().requires_grad_() for code in codes)
    hsic(free, fixed, ones(20)).backward()
    assert free.grad.any()
    assert fixed.grad is None


def test_linked_dependences_add_up_by_their_scales_and_the_weights_of_the_fixed_code(codes):
    codes = [*codes, codes[0].square()]
    some = torch.arange(20).double() / 9.5
    weights = [ones(20), ones(20), some]
    one, two = (codes[0].clone().requires_grad_() for _ in range(2))
    links = [(0, 1, 1.0), (0, 2, 0.5), (1, 2, torch.tensor(2.0))]
    value = directed_hsic([one, *codes[1:]], weights, links)

    def alone(left, right, weight):
        return directed_hsic([left, right], [ones(20), weight], [(0, 1, 1.0)])

    apart = alone(two, codes[1], ones(20)) + 0.5 * alone(two, codes[2], some)
    apart = apart + 2 * alone(codes[1], codes[2], some)
    torch.testing.assert_close(value, apart)
    value.backward()
    apart.backward()
    torch.testing.assert_close(one.grad, two.grad)


def test_disentangling_moves_the_codes_of_the_predominant_modality_alone():
    moved = gradients(None, "disentangle")
    assert {name.split(".")[0] for name in moved} == {"knowledge", "context"}


def test_the_context_is_parted_from_auxiliaries_and_from_what_knowledge_says_of_the_label():
    net = network((5, 4))
    codes, weight = net.encode(rows().xs), torch.ones(16)
    opinion = net.knowledge_label(codes.knowledge).softmax(-1)
    both = hsic(codes.knowledge, codes.context, weight)
    both = both + hsic(codes.context, codes.auxiliary, weight)
    torch.testing.assert_close(evaluate(label_weight=0)["disentangle"], both)
    expected = both + hsic(codes.context, opinion, weight)
    torch.testing.assert_close(evaluate()["disentangle"], expected)


def trust(opinion, y):
    return (opinion[torch.arange(len(y)), y] / opinion.max(1).values).detach()


def test_the_label_counts_as_far_as_knowledge_and_auxiliaries_together_hold_it_for_likely():
    net, batch = network((5, 4)), rows()
    y = batch.y
    torch.nn.init.normal_(net.knowledge_label.weight, generator=torch.Generator().manual_seed(8))
    codes = net.encode(batch.xs)
    label, witness = net.knowledge_label(codes.knowledge), net.auxiliary_label(codes.auxiliary)
    trusted = trust(label.softmax(-1) * witness.softmax(-1), y)
    assert trusted.min() < 0.9
    expected = (trusted * cross_entropy(label, y)).mean()
    found = make_loss()(net, batch)["label"]
    torch.testing.assert_close(found, expected)
    wanted, own = (torch.autograd.grad(v, net.knowledge_label.weight)[0] for v in (expected, found))
    torch.testing.assert_close(own, wanted)


def test_a_label_which_the_auxiliaries_contradict_moves_no_knowledge_and_one_of_many_does():
    many = FrontDoorNetwork(
        (5, 4),
        30,
        predominant=0,
        hidden_dim=8,
        knowledge_dim=4,
        context_dim=4,
        generator=torch.Generator().manual_seed(0),
    )
    batch = rows()
    weight = many.knowledge_label.weight
    at_the_start = make_loss()(many, batch)["label"]
    assert torch.autograd.grad(at_the_start, weight)[0].norm() > 0.01
    with torch.no_grad():
        many.auxiliary_label.bias[3] = 20.0  # no row's label
    contradicted = make_loss()(many, batch)["label"]
    assert torch.autograd.grad(contradicted, weight)[0].norm() < 1e-6


@pytest.mark.parametrize("lacking", [slice(0), slice(8)])
def test_each_network_is_moved_by_its_own_terms_and_withholding_moves_no_code(lacking):
    present = torch.ones(16, 2)
    present[lacking, 1] = 0
    head = {"head.knowledge", "head.context", "head.auxiliary", "head.out"}
    for term in ("seeing", "partial"):
        assert all(name.startswith("seeing.") for name in gradients(present, term))
    moved = gradients(present, "withheld")
    assert {name.rsplit(".", 1)[0] for name in moved - {"missing"}} == head
    assert "missing" in moved
    moved = gradients(present, "reconstruction")
    assert {name.split(".")[0] for name in moved} == {"context", "reconstruct"}
    moved = gradients(present, "outcome")
    assert not any(name.startswith("knowledge") for name in moved)
    assert {"context.code.weight", "auxiliary.0.code.weight", "head.out.weight"} < moved
    assert ("missing" in moved) == (lacking == slice(8))
    assert not any(name.startswith("seeing.") for name in moved)


@pytest.mark.parametrize("loss", [hsic, lambda a, b, w: info_nce(a, b, w, 0.1)])
def test_gradients_are_those_of_finite_differences(loss, codes):
    left = codes[0].requires_grad_()
    right = torch.cat([codes[1], codes[1][:, :2].square()], dim=1)
    weight = torch.rand(20, generator=torch.Generator().manual_seed(3), dtype=torch.float64) + 0.1
    weight /= weight.mean()
    assert torch.autograd.gradcheck(lambda a: loss(a, right, weight), left)
    if loss is not hsic:  # which holds its second code fixed
        right.requires_grad_()
        assert torch.autograd.gradcheck(lambda a, b: loss(a, b, weight), (left, right))


def test_batches_without_a_complete_row_leave_every_term_finite():
    for column in (0, 1):
        present = torch.ones(16, 2)
        present[:, column] = 0
        terms = evaluate(present=present)
        assert all(torch.isfinite(term) for term in terms.values())
        assert terms["knowledge"] == 0
        assert (terms["outcome"] == 0) == (terms["withheld"] == 0) == (column == 0)
        assert terms["seeing"] > 0


@pytest.fixture
def batch():
    """Weighted rows of three modalities, of which some lack one."""
    generator = torch.Generator().manual_seed(4)
    xs = [torch.randn(16, d, generator=generator) for d in (5, 4, 3)]
    weight = torch.rand(16, generator=generator) + 0.5
    present = torch.ones(16, 3)
    present[:4, 1] = present[2:6, 2] = present[6:8, 0] = 0
    return Batch(xs, torch.arange(16) % 3, weight / weight.mean(), present)


@pytest.fixture
def complete(batch):
    return replace(batch, present=None)


@pytest.fixture
def net():
    return network((5, 4, 3))


def cross_entropy(logits, y):
    return torch.nn.functional.cross_entropy(logits, y, reduction="none")


def test_each_term_counts_the_rows_that_have_what_it_needs_by_their_weights(batch, net):
    y, weight, present = batch.y, batch.weight, batch.present
    for part in (net, net.seeing):
        torch.nn.init.normal_(part.missing, generator=torch.Generator().manual_seed(8))
    z, s, a = codes = net.encode(batch.xs)
    complete, predominant = weight * present.prod(1), weight * present[:, 0]
    label = net.knowledge_label(z)
    opinion = label.softmax(-1)
    witness = net.witness(codes, present[:, 1:])
    trusted = trust(opinion * witness.softmax(-1), y)
    some = net.subset(present, z)[:, 1:]
    both = net.reconstruct(torch.cat([z, s], dim=1))
    error = (predominant * (both - batch.xs[0]).square().mean(1)).sum()
    expected = {
        **{name: SeeingLoss()(net.seeing, batch)[name] for name in ("seeing", "partial")},
        "outcome": (predominant * cross_entropy(net.outcome(codes, present[:, 1:]), y)).mean(),
        "withheld": (predominant * cross_entropy(net.outcome(codes, some), y)).mean(),
        "witness": (weight * cross_entropy(witness, y)).mean(),
        "label": (predominant * trusted * cross_entropy(label, y)).mean(),
        "knowledge": info_nce(net.project_knowledge(z), net.project_auxiliary(a), complete, 0.1),
        "disentangle": hsic(z, s, predominant)
        + directed_hsic([s, a], [predominant, complete], [(0, 1, 1.0)])
        + hsic(s, opinion, predominant),
        "reconstruction": error / (predominant * batch.xs[0].square().mean(1)).sum(),
    }
    terms = make_loss(label_weight=1.5)(net, batch)
    scales = {"label": 1.5, "knowledge": 3, "disentangle": 2}
    whole = sum(scales.get(name, 1) * term for name, term in expected.items())
    assert list(terms) == ["loss", *expected]
    for name, value in {**expected, "loss": whole}.items():
        torch.testing.assert_close(terms[name], value, msg=name)


def test_dropout_masks_reach_the_encoders_both_heads_and_the_seeing_network(complete, net):
    y, weight = complete.y, complete.weight
    generator = torch.Generator().manual_seed(5)
    masks = [2 * (torch.rand(16, d, generator=generator) < 0.5).float() for d in net.mask_dims]
    codes = net.encode(complete.xs, masks)
    terms = make_loss()(net, replace(complete, masks=masks))
    some = net.subset(None, codes.knowledge)[:, 1:]
    for name, shown in {"outcome": None, "withheld": some}.items():
        entropies = cross_entropy(net.outcome(codes, shown, masks[-1]), y)
        torch.testing.assert_close(terms[name], (weight * entropies).mean())
    own = SeeingLoss()(net.seeing, replace(complete, masks=masks[1:]))
    for name in ("seeing", "partial"):
        torch.testing.assert_close(terms[name], own[name])


def test_held_out_rows_are_scored_by_seeing_what_they_have(batch, complete, net):
    loss = make_loss()
    torch.nn.init.normal_(net.seeing.missing, generator=torch.Generator().manual_seed(8))
    net.seeing.temperature.fill_(1.5)
    for given in (batch, complete):
        logits = net.seeing(given.xs, given.present)
        torch.testing.assert_close(loss.held_out_logits(net, given), logits)
        expected = (batch.weight * cross_entropy(logits, batch.y)).mean()
        torch.testing.assert_close(loss.held_out_loss(net, given), expected)


@pytest.mark.parametrize("name", ["knowledge", "disentangle", "label"])
def test_of_stacked_models_a_term_is_left_out_where_none_has_it(name):
    def active(*values):
        weights = {f"{n}_weight": torch.ones(2) for n in ("knowledge", "disentangle", "label")}
        weights[f"{name}_weight"] = torch.tensor(values)
        return FrontDoorLoss(**weights, temperature=0.1).active

    every = {"label", "knowledge", "disentangle"}
    assert active(0.0, 1.0) == every
    assert active(0.0, 0.0) == every - {name}


def test_of_stacked_models_those_without_a_label_weight_take_no_part_of_the_opinion():
    generator = torch.Generator().manual_seed(6)
    codes = [torch.randn(2, 20, d, generator=generator) for d in (4, 2, 3)]
    opinion, weight = torch.randn(2, 20, 3, generator=generator), torch.ones(2, 20)
    loss = FrontDoorLoss(
        knowledge_weight=1,
        disentangle_weight=1,
        label_weight=torch.tensor([0.0, 3.0]),
        temperature=1,
    )
    without = loss._disentangle(Codes(*codes), None, weight, weight)
    found = loss._disentangle(Codes(*codes), opinion, weight, weight)
    more = hsic(codes[1], opinion.softmax(-1), weight)
    torch.testing.assert_close(found, without + torch.tensor([0.0, 1.0]) * more)


def test_rows_that_processes_share_are_compared_as_a_whole_batch(complete, net):
    loss = make_loss()
    whole = loss(net, complete)

    def twice(*tensors):
        return tuple(torch.cat([tensor, tensor.flip(0)], dim=0) for tensor in tensors)

    loss.whole_batch = twice
    terms = loss(net, complete)
    codes = net.encode(complete.xs)
    left, right = net.project_knowledge(codes.knowledge), net.project_auxiliary(codes.auxiliary)
    compared = twice(left, right, complete.weight)
    torch.testing.assert_close(terms["knowledge"], info_nce(*compared, 0.1))
    torch.testing.assert_close(terms["disentangle"], whole["disentangle"])  # a mean over pairs
    torch.testing.assert_close(terms["outcome"], whole["outcome"])


@pytest.mark.parametrize("lacking", [False, True])
def test_each_of_stacked_models_has_the_terms_that_it_has_alone(batch, complete, net, lacking):
    one = batch if lacking else complete
    two, together = network((5, 4, 3)), network((5, 4, 3))
    for parameter in two.parameters():
        parameter.data.mul_(1.5)
    pairs = zip(net.parameters(), two.parameters(), strict=True)
    for parameter, pair in zip(together.parameters(), pairs, strict=True):
        parameter.data = torch.stack(pair).detach()
    flipped = one.rows(torch.arange(15, -1, -1))

    def stacked(name):
        return torch.stack([getattr(one, name), getattr(flipped, name)])

    xs = [torch.stack(pair) for pair in zip(one.xs, flipped.xs, strict=True)]
    present = stacked("present") if lacking else None
    found = make_loss()(together, Batch(xs, stacked("y"), stacked("weight"), present))
    for i, (model, own) in enumerate(((net, one), (two, flipped))):
        expected = make_loss()(model, own)
        assert list(found) == list(expected)
        for name, value in expected.items():
            torch.testing.assert_close(found[name][i], value, msg=name)


def test_losses_are_taken_in_the_precision_of_the_weights():
    logits = torch.randn(1, 6, 3, generator=torch.Generator().manual_seed(7)).bfloat16()
    y, weight = torch.arange(6) % 3, torch.ones(1, 6)
    found = weighted_entropy(logits, Batch([], y[None], weight))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found[0], cross_entropy(logits[0].float(), y).mean())
