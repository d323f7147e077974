import pytest
import torch

from skbetafd.nn.front_door_network import Codes
from skbetafd.training.references import build_references


def codes(n=600):
    generator = torch.Generator().manual_seed(0)
    context = torch.randint(0, 3, (n, 1), generator=generator) * 10.0
    auxiliary = torch.randint(0, 4, (n, 1), generator=generator) * 1000.0
    noise = torch.randn(n, 2, generator=generator) * 0.01
    return Codes(context + auxiliary, context + noise[:, :1], auxiliary + noise[:, 1:])


def test_few_rows_are_kept_as_they_are():
    few = codes(50)
    references = build_references(few, torch.ones(50), n_references=50, seed=0)
    assert torch.equal(references.context, few.context)
    torch.testing.assert_close(references.log_mass.exp(), torch.full((50,), 0.02))


def test_clusters_find_each_pair_whatever_the_scale_of_the_codes():
    references = build_references(codes(), torch.ones(600), n_references=24, seed=0)
    assert references.log_mass.exp().sum().item() == pytest.approx(1, abs=1e-5)
    pairs = {
        (round(s.item() / 10), round(a.item() / 1000))
        for s, a in zip(references.context, references.auxiliary, strict=True)
    }
    assert pairs == {(s, a) for s in range(3) for a in range(4)}
    assert (references.context / 10 - (references.context / 10).round()).abs().max() < 0.01


def test_masses_and_centres_are_those_of_the_weighted_rows():
    weight = torch.rand(600, generator=torch.Generator().manual_seed(1)) + 0.1
    rows = codes()
    references = build_references(rows, weight, n_references=30, seed=0)
    mass = references.log_mass.exp()
    torch.testing.assert_close(mass @ references.context, weight @ rows.context / weight.sum())


def test_the_kernel_is_as_wide_as_the_population_where_context_does_not_depend_on_a():
    rows = codes()
    references = build_references(rows, torch.ones(600), n_references=30, seed=0, mediated=True)
    assert references.bandwidth > 1000 * torch.cdist(rows.auxiliary, rows.auxiliary).square().mean()


def test_the_kernel_is_narrow_where_context_follows_a():
    a = torch.linspace(-3, 3, 600)[:, None]
    noise = torch.randn(600, 1, generator=torch.Generator().manual_seed(0))
    follows = Codes(torch.ones(600, 1), torch.sin(3 * a) + 0.1 * noise, a)
    references = build_references(follows, torch.ones(600), n_references=30, seed=0, mediated=True)
    assert references.bandwidth < 0.1 * torch.cdist(a, a).square().mean()


def test_copies_of_a_row_do_not_narrow_the_kernel():
    rows = codes()
    copied = Codes(*(code.repeat(2, 1) for code in rows))
    once = build_references(rows, torch.ones(600), 30, seed=0, mediated=True).bandwidth
    torch.testing.assert_close(
        build_references(copied, torch.ones(1200), 30, 0, mediated=True).bandwidth, once
    )


def test_constant_codes_leave_every_weight_finite():
    same = Codes(torch.zeros(40, 1), torch.ones(40, 2), torch.ones(40, 2))
    references = build_references(same, torch.ones(40), n_references=8, seed=0)
    assert all(torch.isfinite(tensor).all() for tensor in references)
    assert references.bandwidth > 0


def test_equal_seeds_give_equal_references():
    first, second = (build_references(codes(), torch.ones(600), 16, seed=3) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
