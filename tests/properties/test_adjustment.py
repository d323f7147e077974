"""The adjustment of random networks over random references: what must hold whatever they are."""

import copy
import math
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skbetafd.nn import adjustment
from skbetafd.nn.adjustment import ReferenceSet, log_proba_path, log_reference_weights
from skbetafd.nn.front_door_network import FrontDoorNetwork
from skbetafd.nn.mediator import MediatorNetwork, mediated_log_proba_path

BETAS = (0.0, 0.5, 1.0)
EFFECTS = ("conditional", "population")
KINDS = ("learned", "lacking", "categorical", "gaussian")
EXAMPLES = settings(max_examples=12)


def of_every_kind(**drawn):
    """Run a test on examples of each kind, with `data` and what else is drawn."""

    def decorate(test):
        return pytest.mark.parametrize("kind", KINDS)(
            EXAMPLES(given(data=st.data(), **drawn)(test))
        )

    return decorate


pytestmark = pytest.mark.usefixtures("without_gradients")


@pytest.fixture(scope="module")
def without_gradients():
    with torch.no_grad():
        yield


@dataclass(frozen=True)
class Case:
    network: FrontDoorNetwork | MediatorNetwork
    xs: list[torch.Tensor]
    references: ReferenceSet
    present: torch.Tensor | None = None
    """Of a learned network, the predominant modality first."""

    def path(self, betas=BETAS, effects=EFFECTS):
        """P_β under each effect, shape (n_effects, n_betas, n, n_classes)."""
        return torch.stack([self._path(betas, effect) for effect in effects]).exp()

    def _path(self, betas, effect):
        arguments = (self.network, self.xs, self.references, betas, effect)
        if isinstance(self.network, MediatorNetwork):
            return mediated_log_proba_path(*arguments)
        return log_proba_path(*arguments, self.present)


def randn(generator, *shape):
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def make_network(kind, widths, predominant, n_classes, generator):
    shared = {"predominant": predominant, "hidden_dim": 6, "knowledge_dim": 3, "context_dim": 2}
    if kind in ("learned", "lacking"):
        return FrontDoorNetwork(widths, n_classes, **shared, generator=generator).double()
    width, points = {"categorical": (3, None), "gaussian": (2, 4)}[kind]
    return MediatorNetwork(
        widths,
        n_classes,
        **shared,
        mediator_dim=width,
        n_mediator_samples=points,
        generator=generator,
    ).double()


def random_references(network, widths, n, sharpness, bandwidth, generator):
    """Codes of random rows, with masses from even to all but one nearly 0."""
    codes = network.encode([randn(generator, n, width) for width in widths])
    log_mass = torch.log_softmax(sharpness * randn(generator, n), dim=0)
    radius = torch.tensor(1.0, dtype=torch.float64)
    return ReferenceSet(*codes, log_mass, bandwidth * radius, bandwidth * radius, radius)


def random_presence(n, n_modalities, generator):
    """Each row has one modality at least."""
    present = (torch.rand(n, n_modalities, generator=generator) < 0.6).double()
    present[torch.arange(n), torch.randint(n_modalities, (n,), generator=generator)] = 1.0
    return present


@st.composite
def cases(draw, kind, n_modalities=(1, 4), n_rows=(1, 4)):
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31 - 1)))
    m = draw(st.integers(max(n_modalities[0], 1 + (kind == "lacking")), n_modalities[1]))
    widths = draw(st.lists(st.integers(1, 3), min_size=m, max_size=m))
    predominant = draw(st.integers(0, m - 1))
    network = make_network(kind, widths, predominant, draw(st.integers(2, 4)), generator)
    scale = draw(st.sampled_from([0.3, 1.0, 5.0]))
    for parameter in network.parameters():
        parameter.copy_(scale * randn(generator, *parameter.shape))
    network.seeing.temperature.fill_(draw(st.sampled_from([0.5, 1.0, 20.0])))
    references = random_references(
        network,
        widths,
        draw(st.integers(1, 5)),
        draw(st.sampled_from([0.0, 1.0, 30.0])),
        draw(st.sampled_from([1e-2, 1.0, 1e4])),
        generator,
    )
    n = draw(st.integers(*n_rows))
    xs = [draw(st.sampled_from([1.0, 30.0])) * randn(generator, n, width) for width in widths]
    present = random_presence(n, m, generator) if kind == "lacking" else None
    return Case(network, xs, references, present)


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-7, atol=1e-9)


@of_every_kind(betas=st.lists(st.floats(0, 1), min_size=1, max_size=4))
def test_at_every_beta_there_is_a_distribution(kind, data, betas):
    case = data.draw(cases(kind))
    path = case.path(betas)
    n_classes = case.network.n_classes
    assert path.shape == (2, len(betas), len(case.xs[0]), n_classes)
    assert (path >= 0).all()
    assert (path <= 1 + 1e-12).all()
    assert_same(path.sum(3), torch.ones(path.shape[:3], dtype=torch.float64))


@of_every_kind(beta=st.floats(0, 1))
def test_the_path_is_linear_in_beta_and_its_points_do_not_depend_on_each_other(kind, data, beta):
    case = data.draw(cases(kind))
    seeing, mixed, doing = case.path([0.0, beta, 1.0]).unbind(1)
    assert_same(mixed, (1 - beta) * seeing + beta * doing)
    assert_same(case.path([beta])[:, 0], mixed)


@of_every_kind()
def test_a_row_is_predicted_by_itself_in_whatever_order_and_company(kind, data):
    case = data.draw(cases(kind))
    n = len(case.xs[0])
    rows = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=2 * n))
    present = None if case.present is None else case.present[rows]
    some = replace(case, xs=[x[rows] for x in case.xs], present=present)
    assert_same(some.path(), case.path()[:, :, rows])


def of_references(case, rows, log_mass):
    codes = (code[rows] for code in case.references[:3])
    return replace(case, references=ReferenceSet(*codes, log_mass, *case.references[4:]))


@of_every_kind()
def test_the_order_of_the_references_is_without_effect(kind, data):
    case = data.draw(cases(kind))
    order = data.draw(st.permutations(range(len(case.references.log_mass))))
    assert_same(of_references(case, order, case.references.log_mass[order]).path(), case.path())


@of_every_kind(share=st.floats(0.01, 0.99))
def test_a_reference_split_in_two_that_share_its_mass_changes_nothing(kind, data, share):
    case = data.draw(cases(kind))
    k = len(case.references.log_mass)
    which = data.draw(st.integers(0, k - 1))
    log_mass = torch.cat([case.references.log_mass, case.references.log_mass[[which]]])
    log_mass[which] += math.log(share)
    log_mass[k] += math.log1p(-share)
    assert_same(of_references(case, [*range(k), which], log_mass).path(), case.path())


@of_every_kind()
def test_renamed_labels_have_the_probabilities_that_they_had(kind, data):
    case = data.draw(cases(kind))
    network = copy.deepcopy(case.network)
    order = data.draw(st.permutations(range(network.n_classes)))
    outs = [network.head.out, network.seeing.out]
    outs += [network.knowledge_label] if isinstance(network, FrontDoorNetwork) else []
    for out in outs:
        out.weight.copy_(out.weight[order].clone())
        out.bias.copy_(out.bias[order].clone())
    assert_same(replace(case, network=network).path(), case.path()[..., order])


def reordered(case, order):
    """Give the same network and rows, with the modalities in another order."""
    old = case.network
    arguments = old.arguments()
    arguments["inputs"] = [old.inputs[m] for m in order]
    arguments["predominant"] = order.index(old.predominant)
    new = type(old)(**arguments, generator=torch.Generator().manual_seed(0)).double()
    auxiliary = [old.auxiliaries.index(m) for m in order if m != old.predominant]
    views = [0, *(1 + i for i in auxiliary)]
    columns = blocks(auxiliary, old.knowledge_dim)
    state = old.state_dict()
    new.load_state_dict({name: rearranged(old, state, name, auxiliary, views) for name in state})
    return replace(
        case,
        network=new,
        xs=[case.xs[m] for m in order],
        references=case.references._replace(auxiliary=case.references.auxiliary[:, columns]),
        present=None if case.present is None else case.present[:, views],
    )


def blocks(places, width):
    return [place * width + column for place in places for column in range(width)]


def rearranged(old, state, name, auxiliary, views):
    """Take the parameter of that name after the auxiliaries have changed their places."""
    for prefix, positions in (("auxiliary.", auxiliary), ("seeing.encoders.", views)):
        if name.startswith(prefix):
            position, rest = name.removeprefix(prefix).split(".", 1)
            return state[f"{prefix}{positions[int(position)]}.{rest}"]
    if name in ("head.auxiliary.weight", "reading.auxiliary.weight", "project_auxiliary.weight"):
        return state[name][:, blocks(auxiliary, old.knowledge_dim)]
    if name == "seeing.hidden.weight":
        return state[name][:, blocks(views, old.hidden_dim)]
    rows = {"missing": auxiliary, "seeing.missing": views}
    return state[name][rows[name]] if name in rows else state[name]


@of_every_kind()
def test_the_order_of_the_modalities_is_without_effect(kind, data):
    case = data.draw(cases(kind, n_modalities=(2, 4)))
    order = data.draw(st.permutations(range(len(case.xs))))
    assert_same(reordered(case, order).path(), case.path())


@of_every_kind(shift=st.sampled_from([-50.0, 1.0]))
def test_the_population_effect_does_not_look_at_the_row_s_own_auxiliaries(kind, data, shift):
    case = data.draw(cases(kind, n_modalities=(2, 4)))
    predominant = case.network.predominant
    xs = [x if m == predominant else x + shift for m, x in enumerate(case.xs)]
    having = slice(None) if case.present is None else case.present[:, 0] > 0
    paths = [c.path([1.0], ["population"])[0, 0, having] for c in (case, replace(case, xs=xs))]
    assert_same(*paths)


@of_every_kind(elements=st.sampled_from([1, 7, 24]))
def test_chunks_do_not_change_the_result(kind, data, elements):
    case = data.draw(cases(kind, n_rows=(2, 4)))
    whole = case.path()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adjustment, "CHUNK_ELEMENTS", elements)
        assert_same(case.path(), whole)


@EXAMPLES
@given(case=cases("lacking"))
def test_what_an_absent_modality_holds_is_without_effect_and_complete_rows_are_as_ever(case):
    path = case.path()
    complete = case.present.bool().all(1)
    assert_same(path[:, :, complete], replace(case, present=None).path()[:, :, complete])
    xs = list(case.xs)
    for column, m in enumerate(case.network.order):
        xs[m] = torch.where(case.present[:, [column]] > 0, xs[m], 7.0)
    assert_same(replace(case, xs=xs).path(), path)


@EXAMPLES
@given(lacking=cases("lacking"), alone=cases("learned", n_modalities=(1, 1)))
def test_without_the_predominant_modality_or_any_other_beta_is_without_effect(lacking, alone):
    present = lacking.present.clone()
    present[:, 0] = 0.0
    present[present.sum(1) == 0, 1] = 1.0
    for case in (replace(lacking, present=present), alone):
        seeing, half, doing = case.path().unbind(1)
        assert_same(doing, seeing)
        assert_same(half, seeing)


@pytest.mark.parametrize("kind", ["learned", "categorical", "gaussian"])
@EXAMPLES
@given(data=st.data())
def test_where_all_references_have_the_row_s_own_context_doing_is_the_outcome_model(kind, data):
    case = data.draw(cases(kind, n_rows=(1, 1)))
    network, (z, s, a) = case.network, case.network.encode(case.xs)
    context = s.expand_as(case.references.context)
    same = replace(case, references=case.references._replace(context=context))
    log_weights = torch.zeros(1, dtype=torch.float64)
    if isinstance(network, FrontDoorNetwork):
        logits = network.outcome(network.encode(case.xs), None)
    else:
        nodes, log_weights = (x[0] for x in network.mediator.nodes(network.reading.read(z, a)))
        logits = network.head(nodes, *(c.expand(len(nodes), -1) for c in (s, a)))
    own = torch.softmax(logits, dim=1)
    beta = float(kind != "learned" or bool(network.auxiliaries))  # alone, there is P_0 only
    expected = log_weights.exp() @ own if beta else same.path([0.0], ["conditional"])[0, 0, 0]
    assert_same(same.path([1.0], ["conditional"])[0, 0, 0], expected)


@of_every_kind()
def test_reference_weights_are_the_kernels_of_the_codes_that_are_there(kind, data):
    case = data.draw(cases(kind, n_modalities=(2, 4)))
    codes, references = case.network.encode(case.xs), case.references
    squared = (codes.auxiliary[:, None] - references.auxiliary).square()
    exponent, shown = squared.sum(2) / references.bandwidth, None
    if case.present is not None:
        shown = case.present[:, 1:].repeat_interleave(case.network.knowledge_dim, dim=1)
        own = (squared * shown[:, None]).sum(2) / (references.bandwidth * shown.mean(1))[:, None]
        own[shown.sum(1) == 0] = 0.0
        near = (codes.knowledge[:, None] - references.knowledge).square().sum(2)
        near[shown.all(1)] = 0.0
        exponent = own + near / references.knowledge_bandwidth
    expected = torch.softmax(references.log_mass - exponent / 2, dim=1)
    found = log_reference_weights(codes, references, shown).exp()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
