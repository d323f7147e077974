"""Whatever is done to a classifier, in any order: it is unfitted, or wholly fitted and no liar."""

import copy
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skbetafd import FrontDoorMultiModalClassifier, load

pytestmark = pytest.mark.slow

N = 24
RNG = np.random.default_rng(0)
LABEL = np.arange(N) % 3
X = {
    "a": RNG.normal(size=(N, 3)) + LABEL[:, None],
    "b": RNG.normal(size=(N, 2)) - LABEL[:, None],
}
LABELS = {"strings": np.array(["u", "v", "w"])[LABEL], "numbers": LABEL}
SETTINGS = {
    "beta": [0.0, 0.3, 1.0],
    "effect": ["conditional", "population"],
    "hidden_dim": [4, 5],
    "n_references": [4, 40],
    "n_members": [1, 2],
    "warm_start": [False, True],
    "early_stopping": [False, True],
    "dtype": ["float32", "float64"],
    "standardize": [True, False],
    "predominant": ["auto", "b"],
}
BAD_SETTINGS = {"beta": 1.5, "effect": "total", "hidden_dim": 0, "dtype": "int8", "n_members": 0}
BAD_DATA = {
    "NaN": ({"a": np.where(np.eye(N, 3, dtype=bool), np.nan, X["a"]), "b": X["b"]}, None),
    "other rows": ({"a": X["a"][1:], "b": X["b"]}, None),
    "no modality": ({}, None),
    "one class": (X, np.zeros(N)),
    "too few labels": (X, LABEL[1:]),
    "no labels": (X, np.full(N, np.nan)),
}
READ_AT_PREDICTION = ("beta", "effect")
OF_THE_FIT = ("hidden_dim", "n_members", "dtype")

keys_and_values = st.sampled_from([(key, v) for key, values in SETTINGS.items() for v in values])


def make(**parameters):
    small = {"max_epochs": 1, "hidden_dim": 4, "knowledge_dim": 3, "context_dim": 2}
    small |= {"calibrate": False}
    small |= {"batch_size": 6, "learning_rate": 0.1}  # one epoch tells the classes apart
    return FrontDoorMultiModalClassifier(
        **(small | {"n_references": 4, "random_state": 0, "device": "cpu"} | parameters)
    )


def assert_unfitted(classifier):
    assert not [name for name in vars(classifier) if name.endswith("_")]
    for act in (classifier.predict, classifier.predict_proba):
        with pytest.raises(NotFittedError):
            act(X)


class EstimatorStates(RuleBasedStateMachine):
    """A classifier, and what is known of it from outside."""

    @initialize(labels=st.sampled_from(sorted(LABELS)))
    def begin(self, labels):
        self.classifier = make()
        self.y = LABELS[labels]
        self.fitted = False
        self.path = None
        """P at β = 0 and 1 under both effects, since the last fit that succeeded."""

    def measured(self, classifier=None):
        """Predict at both ends under both effects, with what is read at prediction set aside."""
        other = copy.copy(self.classifier if classifier is None else classifier)
        paths = [other.set_params(effect=e).beta_path(X, [0, 1]) for e in SETTINGS["effect"]]
        return np.stack(paths)

    def attempt(self, act):
        """Learn; where that is refused, all must be as before, and the error a plain one."""
        before = dict(vars(self.classifier))
        try:
            act()
        except ValueError:
            after = vars(self.classifier)
            assert after.keys() == before.keys()
            assert all(after[name] is value for name, value in before.items())
            return
        self.remember()

    def remember(self):
        self.fitted, self.path = True, self.measured()
        self.learned = {name: getattr(self.classifier, name) for name in OF_THE_FIT}

    @rule()
    def fit(self):
        self.attempt(lambda: self.classifier.fit(X, self.y))

    @rule()
    def fit_afresh(self):
        """Without a warm start a fit depends on nothing that went before."""
        self.classifier.set_params(warm_start=False).fit(X, self.y)
        self.remember()
        assert_array_equal(self.measured(clone(self.classifier).fit(X, self.y)), self.path)

    @rule()
    def partial_fit(self):
        first = slice(0, N // 2)
        some = {name: value[first] for name, value in X.items()}
        classes = np.unique(self.y)
        self.attempt(lambda: self.classifier.partial_fit(some, self.y[first], classes=classes))

    @rule(bad=st.sampled_from(sorted(BAD_DATA)), stream=st.booleans())
    def learn_from_bad_data(self, bad, stream):
        rows, y = BAD_DATA[bad]
        y = self.y if y is None else y
        if stream and bad == "one class":
            y = np.full(N, "no such class")
        before = dict(vars(self.classifier))
        with pytest.raises(ValueError):
            if stream:
                self.classifier.partial_fit(rows, y, classes=np.unique(self.y))
            else:
                self.classifier.fit(rows, y)
        assert vars(self.classifier) == before

    @rule(name=st.sampled_from(sorted(BAD_SETTINGS)), stream=st.booleans())
    def learn_with_a_bad_parameter(self, name, stream):
        good = getattr(self.classifier, name)
        self.classifier.set_params(**{name: BAD_SETTINGS[name]})
        before = dict(vars(self.classifier))
        with pytest.raises(ValueError, match=f"'{name}'.*{BAD_SETTINGS[name]!r}"):
            if stream:
                self.classifier.partial_fit(X, self.y, classes=np.unique(self.y))
            else:
                self.classifier.fit(X, self.y)
        assert vars(self.classifier) == before
        if self.fitted and name in READ_AT_PREDICTION:
            with pytest.raises(ValueError, match=f"'{name}'.*{BAD_SETTINGS[name]!r}"):
                self.classifier.predict(X)
        self.classifier.set_params(**{name: good})

    @rule(setting=keys_and_values)
    def set_a_parameter(self, setting):
        name, value = setting
        self.classifier.set_params(**{name: value})
        assert self.classifier.get_params()[name] == value

    @rule()
    def clone(self):
        other = clone(self.classifier)
        assert other.get_params() == self.classifier.get_params()
        assert_unfitted(other)

    @rule(how=st.sampled_from(["pickle", "deepcopy"]))
    def go_on_with_a_copy(self, how):
        if how == "pickle":
            self.classifier = pickle.loads(pickle.dumps(self.classifier))
        else:
            self.classifier = copy.deepcopy(self.classifier)

    @rule(width=st.sampled_from([None, 4, 5]))
    @precondition(lambda self: self.fitted)
    def go_on_with_what_was_saved(self, width):
        if width is not None:
            self.classifier.set_params(hidden_dim=width)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model"
            before = dict(vars(self.classifier))
            try:
                self.classifier.save(path)
            except ValueError as error:
                changed = {
                    n: v for n, v in self.learned.items() if getattr(self.classifier, n) != v
                }
                assert any(f"{name}={value!r}" in str(error) for name, value in changed.items())
                assert not list(Path(folder).iterdir())
                return
            finally:
                assert vars(self.classifier) == before
            loaded = load(path, device="cpu")
        assert {**loaded.get_params(), "device": "cpu"} == self.classifier.get_params()
        assert loaded.predict_proba(X).dtype == self.classifier.predict_proba(X).dtype
        self.classifier = loaded

    @invariant()
    def unfitted_or_wholly_fitted(self):
        if not self.fitted:
            assert_unfitted(self.classifier)
            return
        classifier = self.classifier
        proba = classifier.predict_proba(X)
        assert_array_equal(classifier.classes_, np.unique(self.y))
        assert proba.shape == (N, len(classifier.classes_))
        assert ((proba >= 0) & (proba <= 1)).all()
        assert_allclose(proba.sum(axis=1), 1, rtol=1e-6)
        log_proba = classifier.predict_log_proba(X)
        assert_array_equal(classifier.predict(X), classifier.classes_[log_proba.argmax(axis=1)])
        assert_allclose(np.exp(log_proba), proba, rtol=1e-4)
        assert classifier.module_ is classifier.net_.module_ is classifier.members_[0].net.module_
        assert classifier.references_ is classifier.members_[0].references
        assert classifier.n_iter_ == len(classifier.history_)
        assert classifier.predominant_ in classifier.modality_names_ == list(X)
        assert classifier.n_features_in_ == 5
        assert len(classifier.members_) == self.learned["n_members"]
        assert proba.dtype == self.learned["dtype"]
        for member in classifier.members_:
            assert member.net.module_.hidden_dim == self.learned["hidden_dim"]
            assert_allclose(member.references.log_mass.exp().sum(), 1, rtol=1e-5)
        if hasattr(classifier, "best_epoch_"):
            assert 1 <= classifier.best_epoch_ <= classifier.n_iter_

    @invariant()
    def what_was_learned_changes_by_a_fit_alone_and_beta_is_read_at_prediction(self):
        if not self.fitted:
            return
        assert_array_equal(self.measured(), self.path)
        (seeing, doing), beta = (
            self.path[SETTINGS["effect"].index(self.classifier.effect)],
            (self.classifier.beta),
        )
        expected = (1 - beta) * seeing + beta * doing
        assert_allclose(self.classifier.predict_proba(X), expected, rtol=1e-4, atol=1e-6)


TestEstimatorStates = EstimatorStates.TestCase
TestEstimatorStates.settings = settings(max_examples=25, stateful_step_count=10)
