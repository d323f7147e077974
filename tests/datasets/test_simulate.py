import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from skbetafd.datasets import make_confounded_modalities


def losses(**arguments):
    data = make_confounded_modalities(4000, random_state=1, **arguments)
    labels = np.arange(data.proba_doing.shape[1])
    seeing = log_loss(data.y, data.proba_seeing, labels=labels)
    return seeing, log_loss(data.y, data.proba_doing, labels=labels)


def frequencies_match(proba, y):
    """Tell whether, among rows given about p, a share of about p has the label."""
    hits = np.eye(proba.shape[1])[y]
    bins = np.minimum((proba * 5).astype(int), 4)
    filled = [b for b in range(5) if (bins == b).sum() > 200]
    return all(abs(proba[bins == b].mean() - hits[bins == b].mean()) < 0.03 for b in filled)


@pytest.mark.parametrize("world", range(4))
def test_seeing_wins_under_the_training_law_and_doing_once_the_context_is_broken(world):
    seeing, doing = losses(world=world)
    assert doing >= 1.2 * seeing
    seeing, doing = losses(world=world, broken=1.0)
    assert seeing >= 1.2 * doing


def test_seeing_is_calibrated_under_the_training_law_only():
    iid = make_confounded_modalities(20_000, world=3, random_state=0)
    broken = make_confounded_modalities(20_000, world=3, broken=1.0, random_state=0)
    assert frequencies_match(iid.proba_seeing, iid.y)
    assert not frequencies_match(broken.proba_seeing, broken.y)


def test_doing_is_calibrated_under_the_intervention():
    broken = make_confounded_modalities(20_000, world=3, broken=1.0, random_state=0)
    assert frequencies_match(broken.proba_doing, broken.y)


@pytest.mark.parametrize("broken", [0.0, 1.0])
def test_exact_posterior_is_as_good_as_the_best_classifier_fitted_on_its_own_law(broken):
    law = {"n_classes": 2, "prior": (0.7, 0.3), "broken": broken, "world": 1}
    train = make_confounded_modalities(20_000, **law, random_state=0)
    test = make_confounded_modalities(20_000, **law, random_state=1)

    def cross(data):
        flat = np.asarray(data.X)
        content, context = np.delete(flat, [4, 5, 6], axis=1), flat[:, 4:7]
        odds = LinearDiscriminantAnalysis().fit(content, data.content).decision_function(content)
        return np.column_stack([np.tanh(odds / 2)[:, None] * np.tanh(context), np.tanh(odds / 2)])

    model = LogisticRegression().fit(cross(train), train.y)
    fitted = log_loss(test.y, model.predict_proba(cross(test)))
    exact = log_loss(test.y, test.proba_seeing if broken == 0 else test.proba_doing)
    assert exact < fitted + 0.005


def test_no_confounding_makes_seeing_and_doing_the_same():
    data = make_confounded_modalities(prior=None, random_state=0)
    assert (data.y == data.content).all()
    assert np.allclose(data.proba_seeing, data.proba_doing)


def test_context_that_tells_nothing_makes_seeing_and_doing_the_same():
    data = make_confounded_modalities(context_sep=0.0, random_state=0)
    assert np.allclose(data.proba_seeing, data.proba_doing)


def test_auxiliary_tells_the_class_where_the_content_does_not():
    blind, _ = losses(content_sep=0.0, auxiliary_sep=0.0, prior=None)
    seen, doing = losses(content_sep=0.0, auxiliary_sep=2.0, prior=None)
    assert blind == pytest.approx(np.log(4))
    assert doing == pytest.approx(seen)
    assert seen < 0.4


def test_probabilities_sum_to_one_even_far_from_every_mean():
    data = make_confounded_modalities(
        500, content_sep=200.0, context_sep=200.0, prior=(0.5, 0.5, 0.0), random_state=0
    )
    for proba in (data.proba_seeing, data.proba_doing):
        assert np.allclose(proba.sum(axis=1), 1)
    assert (data.proba_seeing.argmax(axis=1) == data.y).all()


@pytest.mark.parametrize("n_classes", [2, 4])
def test_label_is_content_shifted_by_the_confounder(n_classes):
    data = make_confounded_modalities(n_classes=n_classes, random_state=0)
    shift = np.minimum(data.confounder, 1) if n_classes == 2 else data.confounder
    assert (data.y == (data.content + shift) % n_classes).all()


def test_context_shows_the_confounder_unless_broken():
    natural = make_confounded_modalities(random_state=0)
    assert (natural.context == natural.confounder).all()
    half = make_confounded_modalities(20_000, broken=0.5, random_state=0)
    assert abs((half.context != half.confounder).mean() - 0.5 * 2 / 3) < 0.02


def test_calls_share_the_world_whatever_they_draw():
    first = make_confounded_modalities(20_000, random_state=0)
    second = make_confounded_modalities(20_000, broken=1.0, random_state=1)
    other = make_confounded_modalities(20_000, world=1, random_state=0)

    def means(data):
        flat = np.asarray(data.X)
        return np.array([flat[data.content == d][:, :4].mean(axis=0) for d in range(4)])

    assert np.allclose(means(first), means(second), atol=0.1)
    assert not np.allclose(means(first), means(other), atol=0.5)


def test_sizes_set_the_columns_of_each_part():
    data = make_confounded_modalities(10, n_content=5, n_context=2, n_auxiliary=1)
    assert data.X["predominant"].shape == (10, 7)
    assert data.X["auxiliary"].shape == (10, 1)


def test_same_random_state_gives_the_same_rows():
    first, second, other = (make_confounded_modalities(random_state=seed) for seed in (0, 0, 1))
    assert (np.asarray(first.X) == np.asarray(second.X)).all()
    assert not np.array_equal(np.asarray(first.X), np.asarray(other.X))
