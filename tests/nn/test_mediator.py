import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from skbetafd.nn import adjustment
from skbetafd.nn.adjustment import ReferenceSet
from skbetafd.nn.criterion import Batch
from skbetafd.nn.mediator import MediatorLoss, MediatorNetwork, mediated_log_proba_path

DIMS = (5, 4, 3)
N_CLASSES, N_LEVELS, N_POINTS = 3, 4, 6
KINDS = {"categorical": (N_LEVELS, None), "one column": (1, N_POINTS), "two columns": (2, N_POINTS)}
kinds = pytest.mark.parametrize("kind", KINDS)
effects = pytest.mark.parametrize("effect", ["conditional", "population"])


def make(kind, seed=0, input_dims=DIMS, predominant=1, n_points=None):
    width, points = KINDS[kind]
    return MediatorNetwork(
        list(input_dims),
        N_CLASSES,
        predominant=predominant,
        hidden_dim=16,
        knowledge_dim=4,
        context_dim=2,
        mediator_dim=width,
        n_mediator_samples=points and (n_points or points),
        generator=torch.Generator().manual_seed(seed),
    )


def rows(n=7, seed=1, input_dims=DIMS):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, d, generator=generator, dtype=torch.float64) for d in input_dims]


def references_of(net, input_dims=DIMS):
    codes = net.encode(rows(5, seed=2, input_dims=input_dims))
    mass = torch.tensor([0.4, 0.3, 0.15, 0.1, 0.05], dtype=torch.float64)
    bandwidth = torch.tensor(0.3, dtype=torch.float64)
    return ReferenceSet(*(c.detach() for c in codes), mass.log(), *[bandwidth] * 3)


def observed(kind, n=7):
    """Mediators of n rows, as the loss takes them."""
    width, points = KINDS[kind]
    if points is None:
        return torch.eye(width, dtype=torch.float64)[torch.arange(n) % width]
    generator = torch.Generator().manual_seed(3)
    return torch.randn(n, width, generator=generator, dtype=torch.float64)


def read(net, z, a):
    """Parameters of P(m | t, a) of one row."""
    return net.reading.read(z[None], a[None])[0]


def mean_and_factor(parameters, width):
    """The mean and the Cholesky factor, entry by entry."""
    factor = torch.zeros(width, width, dtype=torch.float64)
    entries = iter(parameters[width:])
    for i in range(width):
        for j in range(i + 1):
            entry = next(entries)
            factor[i, j] = entry if j < i else math.log1p(math.exp(entry)) + 0.01
    return parameters[:width], factor


def nodes_by_hand(net, kind, z, a):
    """Pairs of P(m | t, a) and the code of m, for every level or point."""
    parameters = read(net, z, a)
    width, points = KINDS[kind]
    if points is None:
        proba = parameters.exp() / parameters.exp().sum()
        one_hot = torch.eye(width, dtype=torch.float64)
        return [(proba[m], net.mediator.code(one_hot[m][None])[0]) for m in range(width)]
    mean, factor = mean_and_factor(parameters, width)
    values = [mean + factor @ point for point in net.mediator.points]
    return [(1 / len(values), net.mediator.code(value[None])[0]) for value in values]


def outcome(net, m, s, a):
    return torch.softmax(net.head(m[None], s[None], a[None]), dim=1)[0]


def by_hand(net, kind, xs, references, effect):
    """P_1: the design's sums, one row, one reference, one node at a time."""
    doing = []
    for z, _, a in zip(*net.encode(xs), strict=True):
        w = references.log_mass.exp()
        if effect == "conditional":
            distance = (a - references.auxiliary).square().sum(1)
            w = w * torch.exp(-distance / (2 * references.bandwidth))
            w = w / w.sum()
        total = 0
        for k in range(len(w)):
            a_k = a if effect == "conditional" else references.auxiliary[k]
            for p, m in nodes_by_hand(net, kind, z, a_k):
                total = total + w[k] * p * outcome(net, m, references.context[k], a_k)
        doing.append(total)
    return torch.stack(doing)


@pytest.mark.parametrize(("input_dims", "predominant"), [(DIMS, 1), ((5,), 0)])
@effects
@kinds
@torch.no_grad()
def test_seeing_is_its_network_and_doing_the_design_s_sums_over_mediators_and_references(
    kind, effect, input_dims, predominant
):
    net = make(kind, input_dims=input_dims, predominant=predominant).double()
    xs, references = rows(input_dims=input_dims), references_of(net, input_dims)
    path = mediated_log_proba_path(net, xs, references, [0, 0.3, 1], effect).exp()
    seeing = torch.softmax(net.seeing([xs[m] for m in net.order]), dim=1)
    doing = by_hand(net, kind, xs, references, effect)
    torch.testing.assert_close(path, torch.stack([seeing, 0.7 * seeing + 0.3 * doing, doing]))
    assert not torch.allclose(seeing, doing)


@effects
@kinds
@torch.no_grad()
def test_chunks_do_not_change_the_result(kind, effect, monkeypatch):
    net = make(kind).double()
    references = references_of(net)
    whole = mediated_log_proba_path(net, rows(), references, [0, 0.5, 1], effect)
    monkeypatch.setattr(adjustment, "CHUNK_ELEMENTS", 1)
    encoded = []
    monkeypatch.setattr(net, "encode", lambda xs: encoded.append(len(xs[0])) or one_row(xs))
    one_row = type(net).encode.__get__(net)
    chunked = mediated_log_proba_path(net, rows(), references, [0, 0.5, 1], effect)
    torch.testing.assert_close(chunked, whole)
    assert encoded == [1] * 7


@kinds
@torch.no_grad()
def test_beta_zero_alone_asks_for_no_reference(kind):
    net = make(kind).double()
    references = references_of(net)
    nothing = references._replace(context=torch.full_like(references.context, torch.nan))
    path = mediated_log_proba_path(net, rows(), nothing, [0], "conditional")
    expected = mediated_log_proba_path(net, rows(), references, [0, 1], "conditional")[:1]
    torch.testing.assert_close(path, expected)


@pytest.mark.parametrize("width", [1, 2])
@torch.no_grad()
def test_the_gaussian_log_density_is_scipy_s(width):
    kind = {1: "one column", 2: "two columns"}[width]
    net = make(kind).double()
    generator = torch.Generator().manual_seed(4)
    parameters = torch.randn(7, net.mediator.n_parameters, generator=generator, dtype=torch.float64)
    values = observed(kind)
    log_proba = net.mediator.log_proba(parameters, values)
    assert log_proba.shape == (7,)
    for ours, theirs, value in zip(log_proba, parameters, values, strict=True):
        mean, factor = mean_and_factor(theirs, width)
        expected = multivariate_normal(mean.numpy(), (factor @ factor.T).numpy())
        assert float(ours) == pytest.approx(expected.logpdf(value.numpy()), rel=1e-9)


def test_the_categorical_log_probability_is_that_of_the_row_s_level():
    net = make("categorical").double()
    parameters = torch.arange(28, dtype=torch.float64).reshape(7, 4).sin()
    log_proba = net.mediator.log_proba(parameters, observed("categorical"))
    for i in range(7):
        proba = parameters[i].exp() / parameters[i].exp().sum()
        torch.testing.assert_close(log_proba[i].exp(), proba[i % 4])


def test_a_gaussian_s_spread_never_vanishes():
    net = make("two columns").double()
    parameters = torch.full((1, net.mediator.n_parameters), -1e3, dtype=torch.float64)
    diagonal = torch.diagonal(net.mediator.distribution(parameters).scale_tril[0])
    assert (diagonal >= 0.01).all()
    assert torch.isfinite(net.mediator.log_proba(parameters, observed("two columns", 1))).all()


@pytest.mark.parametrize("kind", ["one column", "two columns"])
def test_the_points_are_those_of_a_standard_normal(kind):
    points = make(kind, n_points=512).mediator.points.double().numpy()
    assert points.shape == (512, KINDS[kind][0])
    assert np.isfinite(points).all()
    np.testing.assert_allclose(points.mean(0), 0, atol=0.02)
    np.testing.assert_allclose(
        np.cov(points.T).reshape(-1), np.eye(points.shape[1]).ravel(), atol=0.03
    )
    np.testing.assert_allclose((points**3).mean(0), 0, atol=0.1)
    np.testing.assert_allclose((points**4).mean(0), 3, atol=0.25)


@pytest.mark.parametrize("n_points", [1, 3, 100])
@torch.no_grad()
def test_any_number_of_points_gives_probabilities(n_points):
    net = make("two columns", n_points=n_points).double()
    assert net.mediator.points.shape == (n_points, 2)
    path = mediated_log_proba_path(net, rows(), references_of(net), [0, 1], "conditional")
    torch.testing.assert_close(path.exp().sum(2), torch.ones(2, 7, dtype=torch.float64))


@kinds
def test_equal_generators_make_equal_networks_and_leave_the_global_one_alone(kind):
    before = torch.get_rng_state()
    first, second, other = make(kind), make(kind), make(kind, seed=1)
    assert torch.equal(before, torch.get_rng_state())
    assert list(first.state_dict()) == list(second.state_dict())
    values, others = first.state_dict(), other.state_dict()
    for name, value in values.items():
        assert torch.equal(value, second.state_dict()[name])
    same = {n for n, value in values.items() if value.numel() and torch.equal(value, others[n])}
    assert same == {"seeing.missing", "seeing.temperature"}


@kinds
def test_global_dtype_and_device_are_without_effect(kind):
    plain = make(kind)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            made = make(kind)
    finally:
        torch.set_default_dtype(torch.float32)
    for name, value in plain.state_dict().items():
        other = made.state_dict()[name]
        assert (other.dtype, other.device.type) == (torch.float32, "cpu")
        assert torch.equal(value, other)
    net, xs = plain.double(), rows()
    references = references_of(net)
    expected = mediated_log_proba_path(net, xs, references, [0, 1], "population")
    with torch.device("meta"):
        path = mediated_log_proba_path(net, xs, references, [0, 1], "population")
    torch.testing.assert_close(path, expected)


def losses(net, kind, weight, masks=None):
    xs = [*rows(), observed(kind)]
    batch = Batch(xs, torch.arange(7) % N_CLASSES, weight, masks=masks)
    return MediatorLoss()(net, batch)


@kinds
def test_the_loss_is_that_of_seeing_and_the_outcome_s_and_the_mediator_s_log_likelihood(kind):
    net, weight = make(kind).double(), torch.arange(7, dtype=torch.float64)
    terms = losses(net, kind, weight)
    assert list(terms) == ["loss", "seeing", "partial", "outcome", "mediator"]
    torch.testing.assert_close(terms["loss"], sum(list(terms.values())[1:]))
    logits = net.seeing([rows()[m] for m in net.order])
    y = torch.arange(7) % N_CLASSES
    entropies = torch.nn.functional.cross_entropy(logits, y, reduction="none")
    torch.testing.assert_close(terms["seeing"], (weight * entropies).mean())
    mediators, total, reading = observed(kind), 0, 0
    for i, (z, s, a) in enumerate(zip(*net.encode(rows()), strict=True)):
        code = net.mediator.code(mediators[i][None])[0]
        total = total - weight[i] * outcome(net, code, s, a)[i % N_CLASSES].log()
        parameters = read(net, z, a)[None]
        reading = reading - weight[i] * net.mediator.log_proba(parameters, mediators[i][None])[0]
    torch.testing.assert_close(terms["outcome"], total / 7)
    torch.testing.assert_close(terms["mediator"], reading / 7)


@kinds
def test_each_part_of_the_network_is_moved_by_its_own_term(kind):
    def moved(term):
        net = make(kind).double()
        losses(net, kind, torch.ones(7, dtype=torch.float64))[term].backward()
        names = (name for name, p in net.named_parameters() if p.grad is not None and p.grad.any())
        return {name.split(".")[0] for name in names}

    assert moved("outcome") == {"context", "auxiliary", "mediator", "head"}
    assert moved("mediator") == {"knowledge", "auxiliary", "reading"}
    assert moved("seeing") == moved("partial") == {"seeing"}


@kinds
def test_masks_of_ones_change_nothing_and_each_mask_counts(kind):
    net, weight = make(kind).double(), torch.ones(7, dtype=torch.float64)
    masks = [torch.ones(7, d, dtype=torch.float64) for d in net.mask_dims]
    plain = losses(net, kind, weight)["loss"]
    torch.testing.assert_close(losses(net, kind, weight, masks)["loss"], plain)
    for i in range(len(masks)):
        silenced = [mask * (j != i) for j, mask in enumerate(masks)]
        assert not torch.allclose(losses(net, kind, weight, silenced)["loss"], plain)
