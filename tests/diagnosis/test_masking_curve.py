from itertools import pairwise

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import MultiModalArray, PerModality, auxiliary_masking_curve
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier
from skbetafd.inputs.modality import face


@pytest.fixture(scope="module")
def rows():
    """A strong and a weak modality of four classes."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 200)
    means = rng.normal(size=(4, 6))
    strong, weak = rng.normal(means[y], 0.7), rng.normal(means[y], 1.5)
    return MultiModalArray({"strong": strong, "weak": weak}), y


def estimators(quick):
    return [
        FusionClassifier(max_epochs=3, random_state=0),
        LateFusionClassifier(max_epochs=3, random_state=0),
        quick(n_members=2),
        quick(effect="population"),
        make_pipeline(PerModality(StandardScaler()), quick()),
        GridSearchCV(quick(), {"beta": [0.0, 1.0]}, cv=2),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ]


@pytest.mark.parametrize("number", range(7))
def test_nothing_masked_is_the_plain_score_and_all_masked_is_level_over_the_orders(
    number, quick, rows
):
    X, y = rows
    clf = estimators(quick)[number].fit(X, y)
    before = clf.predict_proba(X)
    curve = auxiliary_masking_curve(clf, X, y, shares=[0, 0.5, 1], n_repeats=3, random_state=0)
    np.testing.assert_allclose(curve.scores[:, 0], np.mean(clf.predict(X) == y))
    assert np.ptp(curve.scores[:, 2]) == 0
    assert curve.predominant == "strong"
    assert curve.masked == ("inputs" if number == 6 else "codes")
    assert curve.scores.shape == (3, 3)
    np.testing.assert_array_equal(clf.predict_proba(X), before)  # no hook is left behind


def test_codes_are_masked_by_their_means(rows):
    X, y = rows
    clf = FusionClassifier(max_epochs=10, random_state=0).fit(X, y)
    curve = auxiliary_masking_curve(clf, X, y, shares=[1], n_repeats=1, scoring="neg_log_loss")
    code = clf.modality_codes(X)["weak"].mean(axis=0)
    module = clf.module_
    encoded = module.encode(
        clf._standardised(list(map(face, X.values())), clf.parts_[0].scalers, module)
    )
    encoded[1] = module.encoders[1].code.bias.new_tensor(code).expand(len(y), -1)
    log_proba = module.head(encoded).log_softmax(1).detach().numpy()
    assert curve.scores[0, 0] == pytest.approx(log_proba[np.arange(len(y)), y].mean(), rel=1e-4)
    assert curve.n_dimensions == clf.knowledge_dim


def test_inputs_are_masked_by_their_means(rows):
    X, y = rows
    clf = LogisticRegression().fit(X, y)
    curve = auxiliary_masking_curve(clf, X, y, shares=[1], predominant="weak", n_repeats=1)
    mean = np.broadcast_to(X["strong"].mean(axis=0), (len(y), 6))
    expected = clf.score(MultiModalArray({"strong": mean, "weak": X["weak"]}), y)
    assert curve.scores[0, 0] == expected
    assert (curve.masked, curve.n_dimensions) == ("inputs", 6)


def test_the_score_falls_where_the_auxiliary_is_needed_and_stays_where_it_is_noise():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 300)
    halves = {"tens": y // 2, "ones": y % 2}
    X = {name: rng.normal(4.0 * half[:, None], 1.0, (300, 3)) for name, half in halves.items()}
    noise = {"label": rng.normal(4.0 * np.eye(4)[y], 1.0), "noise": rng.normal(size=(300, 3))}
    clf = FusionClassifier(max_epochs=10, random_state=0)
    needed = auxiliary_masking_curve(clf.fit(X, y), X, y, predominant="tens", random_state=0)
    idle = auxiliary_masking_curve(clf.fit(noise, y), noise, y, random_state=0)
    assert needed.scores[:, 0].mean() > 0.9
    assert needed.scores[:, -1].mean() < 0.6
    assert idle.scores[:, -1].mean() > idle.scores[:, 0].mean() - 0.05


def test_a_larger_share_masks_all_that_a_smaller_one_did(rows):
    X, y = rows
    seen = []

    class Watching(LogisticRegression):
        def predict(self, X):
            seen.append(np.asarray(X["weak"]))
            return super().predict(X)

    clf = Watching().fit(X, y)
    auxiliary_masking_curve(clf, X, y, predominant="strong", n_repeats=1, random_state=0)
    masked = [(part == part[0]).all(axis=0) for part in seen]
    assert [int(mask.sum()) for mask in masked] == [0, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6]
    assert all((small <= large).all() for small, large in pairwise(masked))


def test_another_score_and_the_report(rows):
    X, y = rows
    clf = FusionClassifier(max_epochs=2, random_state=0).fit(X, y)
    curve = auxiliary_masking_curve(clf, X, y, scoring="balanced_accuracy", random_state=0)
    assert curve.scores[0, 0] == pytest.approx(balanced_accuracy_score(y, clf.predict(X)))
    assert str(curve).count("\n") == 11
    assert "codes" in str(curve)


def test_bad_input_is_named(rows, quick):
    X, y = rows
    clf = quick(predominant="strong").fit(X, y)
    with pytest.raises(ValueError, match=r"predominant='weak', but .* fitted with 'strong'"):
        auxiliary_masking_curve(clf, X, y, predominant="weak")
    one = UnimodalClassifier(max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="reads no modality beside 'strong'"):
        auxiliary_masking_curve(one, X, y)


def test_a_prediction_that_fails_leaves_no_hook(rows):
    X, y = rows
    clf = FusionClassifier(max_epochs=1, random_state=0).fit(X, y)
    before = clf.predict_proba(X)

    def failing(estimator, X, y):
        raise RuntimeError("no score")

    with pytest.raises(RuntimeError, match="no score"):
        auxiliary_masking_curve(clf, X, y, scoring=failing)
    np.testing.assert_array_equal(clf.predict_proba(X), before)
    assert not any(encoder._forward_hooks for encoder in clf.module_.encoders)
