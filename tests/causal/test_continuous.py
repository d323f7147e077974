import networkx as nx
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm
from sklearn.neural_network import MLPClassifier

from skbetafd.causal import ContinuousFrontDoorModel, check_criterion

KINDS = [(2, 2), (2, 3), (3, 2), (3, 3)]
N = 4000


def log_loss(proba, y):
    return -np.log(proba[np.arange(len(y)), y]).mean()


def both(model, rows):
    t, a = rows.X["predominant"], rows.X["auxiliary"]
    return model.proba_seeing(t, a), model.proba_doing(t, a)


def losses(model, regime, seed=0, n=N):
    rows = model.sample(n, regime=regime, random_state=seed)
    return [log_loss(proba, rows.y) for proba in both(model, rows)]


@pytest.mark.parametrize(("n_classes", "n_confounders"), KINDS)
@pytest.mark.parametrize("world", [0, *(pytest.param(w, marks=pytest.mark.slow) for w in (1, 2))])
def test_seeing_pays_on_iid_rows_and_doing_by_far_on_randomised_ones(
    n_classes, n_confounders, world
):
    model = ContinuousFrontDoorModel(n_classes=n_classes, n_confounders=n_confounders, world=world)
    seeing, doing = losses(model, "randomised", world)
    assert seeing >= 1.2 * doing
    seeing, doing = losses(model, "iid", world)
    assert doing >= 1.15 * seeing
    seeing, doing = losses(model, "flipped", world)
    assert seeing >= 1.5 * doing


def test_half_randomised_rows_are_served_best_by_the_mixture_and_a_shifted_confounder_by_neither():
    model = ContinuousFrontDoorModel()
    rows = model.sample(10_000, regime="half", random_state=0)
    seeing, doing = both(model, rows)
    losses_at = [log_loss((1 - b) * seeing + b * doing, rows.y) for b in (0, 0.25, 0.5, 0.75, 1)]
    assert np.argmin(losses_at) == 2
    rows = model.sample(20_000, regime="shifted", random_state=0)
    for proba in both(model, rows):
        assert miscalibration(proba, rows) > 5


def miscalibration(proba, rows):
    """Largest z of E[(1[Y = y] − proba) g(t, a)], 0 for every g if proba is P(y | t, a)."""
    t, a = rows.X["predominant"], rows.X["auxiliary"]
    functions = np.hstack([np.ones((len(t), 1)), np.tanh(t), np.tanh(a), proba, proba**2])
    error = np.eye(proba.shape[1])[rows.y] - proba
    products = error[:, :, None] * functions[:, None, :]
    return (np.abs(products.mean(axis=0)) / products.std(axis=0)).max() * np.sqrt(len(t))


@pytest.mark.parametrize(("n_classes", "n_confounders"), KINDS)
@pytest.mark.parametrize(("regime", "beta"), [("iid", 0), ("randomised", 1), ("half", 0.5)])
def test_the_mixture_is_the_posterior_where_a_share_beta_of_the_rows_is_randomised(
    n_classes, n_confounders, regime, beta
):
    model = ContinuousFrontDoorModel(n_classes=n_classes, n_confounders=n_confounders)
    rows = model.sample(6000, regime=regime, random_state=1)
    seeing, doing = both(model, rows)
    z = {b: miscalibration((1 - b) * seeing + b * doing, rows) for b in (0, 0.25, 0.5, 0.75, 1)}
    assert z.pop(beta) < 4
    assert min(z.values()) > 5


def test_the_integrals_are_those_of_the_formulas():
    model = ContinuousFrontDoorModel(n_classes=3, n_confounders=3)
    rows = model.sample(8, random_state=0)
    t, a = rows.X["predominant"], rows.X["auxiliary"]
    pairs = model.prior[:, None] * model._sibling
    pairs = pairs * np.exp(norm.logpdf(a[:, None], model._auxiliary).sum(axis=2))[:, None, :]
    given_a = pairs.sum(axis=2)
    pairs = pairs * np.exp(norm.logpdf(t[:, None, :4], model._content).sum(axis=2))[:, None, :]
    pairs = pairs * np.exp(norm.logpdf(t[:, None, 4:], model._style).sum(axis=2))[:, :, None]
    for found, weights in [
        (model.proba_doing(t, a), given_a),
        (model.proba_seeing(t, a), pairs.sum(axis=2)),
    ]:
        weights = weights / weights.sum(axis=1, keepdims=True)
        for i in range(8):
            mean = model.mediator_mean(t[i : i + 1], a[i : i + 1])[0]

            def integrand(m, y, i=i, mean=mean, weights=weights):
                label = model._label(np.array([[m]]), a[i : i + 1])[0, 0]
                return norm.pdf(m, mean, model.mediator_noise) * (weights[i] @ label[:, y])

            for y in range(3):
                expected = quad(integrand, mean - 9, mean + 9, args=(y,), limit=200)[0]
                assert found[i, y] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("noise", [0.1, 3])
def test_the_probabilities_are_a_distribution_at_any_noise(noise):
    model = ContinuousFrontDoorModel(mediator_noise=noise)
    for proba in both(model, model.sample(500, random_state=0)):
        assert proba.shape == (500, 2)
        assert proba.min() > 0
        np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-12)


def test_the_mediator_is_gaussian_around_its_mean_in_every_regime():
    model = ContinuousFrontDoorModel(mediator_noise=0.7)
    for regime in ("iid", "half", "randomised", "flipped", "shifted"):
        rows = model.sample(20_000, regime=regime, random_state=0)
        rest = rows.mediator - model.mediator_mean(rows.X["predominant"], rows.X["auxiliary"])
        assert rest.mean() == pytest.approx(0, abs=0.02)
        assert rest.std() == pytest.approx(0.7, abs=0.02)


def test_randomised_rows_keep_the_law_of_the_modalities_but_not_the_confounder_s_hold():
    model = ContinuousFrontDoorModel(sibling=0)
    rows = {r: model.sample(60_000, regime=r, random_state=2) for r in ("iid", "randomised")}
    flat = {regime: np.hstack([*r.X.values()]) for regime, r in rows.items()}
    np.testing.assert_allclose(*[x.mean(axis=0) for x in flat.values()], atol=0.04)
    np.testing.assert_allclose(*[np.cov(x.T) for x in flat.values()], atol=0.06)
    style = {regime: x[:, 4:8] for regime, x in flat.items()}
    apart = {
        regime: np.abs(style[regime][r.confounder == 0].mean(0) - style[regime].mean(0)).max()
        for regime, r in rows.items()
    }
    assert apart["iid"] > 0.4
    assert apart["randomised"] < 0.04
    assert rows["randomised"].randomised.all()
    assert not rows["iid"].randomised.any()


def test_half_the_rows_are_randomised_in_half():
    rows = ContinuousFrontDoorModel().sample(N, regime="half", random_state=0)
    assert rows.randomised.mean() == pytest.approx(0.5, abs=0.03)


def test_the_auxiliary_tells_of_the_confounder_by_its_sibling_alone():
    for sibling, expected in [(0.0, False), (0.5, True)]:
        model = ContinuousFrontDoorModel(sibling=sibling)
        rows = model.sample(40_000, random_state=0)
        a = rows.X["auxiliary"]
        gap = np.abs(a[rows.confounder == 0].mean(0) - a[rows.confounder == 1].mean(0)).max()
        assert (gap > 0.1) == expected


def test_without_confounding_seeing_is_doing():
    model = ContinuousFrontDoorModel(confounding=0)
    seeing, doing = both(model, model.sample(100, random_state=0))
    np.testing.assert_allclose(seeing, doing, rtol=1e-12)


def test_the_model_s_graph_satisfies_the_criterion():
    graph = nx.DiGraph(edge.split(">") for edge in "U>V U>T V>T V>A T>M A>M M>Y U>Y A>Y".split())
    nx.set_node_attributes(graph, {"U": True, "V": True}, "latent")
    report = check_criterion(graph, treatment="T", outcome="Y", mediator="M", auxiliary="A")
    assert report.satisfied
    assert not report.vacuous


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_small_network_learns_seeing_from_4000_rows(n_classes):
    model = ContinuousFrontDoorModel(n_classes=n_classes)
    train, test = (model.sample(N, random_state=seed) for seed in (0, 1))
    flat = [np.hstack([*rows.X.values()]) for rows in (train, test)]
    mlp = MLPClassifier(32, alpha=1, max_iter=40, random_state=0).fit(flat[0], train.y)
    learned, exact = mlp.predict_proba(flat[1]), both(model, test)[0]
    assert log_loss(learned, test.y) < log_loss(exact, test.y) + 0.05
    mediator = np.corrcoef(model.mediator_mean(*test.X.values()), test.mediator)[0, 1]
    assert mediator > 0.6


def test_equal_seeds_give_equal_rows_and_equal_worlds_equal_truths():
    rows, same, other = (
        ContinuousFrontDoorModel(world=1).sample(50, random_state=seed)
        for seed in (0, np.random.default_rng(0), 1)
    )
    np.testing.assert_array_equal(rows.X["predominant"], same.X["predominant"])
    assert (rows.X["predominant"] != other.X["predominant"]).any()
    first, second = (both(ContinuousFrontDoorModel(world=w), rows)[0] for w in (1, 2))
    assert np.abs(first - second).max() > 0.1
