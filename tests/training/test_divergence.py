"""A loss that is no longer finite is an error by epoch and term, and changes nothing."""

import copy
import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier

SMALL = {"max_epochs": 3, "batch_size": 32, "hidden_dim": 8, "random_state": 0}
SMALL |= {"calibrate": False}
ESTIMATORS = {
    "alone": lambda: FrontDoorMultiModalClassifier(**SMALL),
    "a stack of members": lambda: FrontDoorMultiModalClassifier(**SMALL, n_members=2),
    "a search": lambda: FrontDoorMultiModalClassifierCV(**SMALL, cv=2),
    "joint": lambda: FusionClassifier(**SMALL),
    "one modality": lambda: UnimodalClassifier(**SMALL),
    "late fusion": lambda: LateFusionClassifier(**SMALL),
}
WILD = {"learning_rate": 1e30}


def state(estimator):
    """Give what an estimator holds, without addresses."""
    own = dict(vars(estimator))
    for name in ("learning_rate", "max_epochs", "batch_size", "early_stopping"):
        own.pop(name, None)
    if "parts_" in own:
        own["parts_"] = [(p.network.state_dict(), p.history.to_list()) for p in own["parts_"]]
    return {name: pickle.dumps(value) for name, value in own.items()}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_training_loss_names_epoch_and_term_and_leaves_the_estimator(name, X, y):
    clf = ESTIMATORS[name]().fit(X, y)
    before, expected = state(clf), clf.predict_proba(X)
    with pytest.raises(ValueError, match=r"Training diverged in epoch 1: its .*loss.* 1e\+30"):
        clf.set_params(**WILD).fit(X, y)
    assert state(clf) == before
    assert_array_equal(clf.predict_proba(X), expected)


@pytest.mark.parametrize("rate", [1e10, 1e20, 1e30])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_the_last_step_of_all_may_break_it_too(name, rate, X, y):
    one_step = {"max_epochs": 1, "batch_size": -1, "learning_rate": rate}
    clf = ESTIMATORS[name]().set_params(**one_step)
    try:
        clf.fit(X, y)
    except ValueError as error:
        assert "Training diverged in epoch 1: the " in str(error)
        assert not hasattr(clf, "classes_")
    else:  # a fit predicts
        assert np.isfinite(clf.predict_proba(X)).all()


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_validation_loss_is_named(name, X, y):
    clf = ESTIMATORS[name]().set_params(early_stopping=True).fit(X, y)
    before = state(clf)
    # one step an epoch, whose own loss is of before
    clf.set_params(batch_size=-1, learning_rate=1e30)
    with pytest.raises(ValueError, match="diverged in epoch 1: its validation loss is not finite"):
        clf.fit(X, y)
    assert state(clf) == before


def test_partial_fit_goes_on_after_it_as_if_it_had_not_been(X, y):
    clf = FrontDoorMultiModalClassifier(**SMALL).partial_fit(X, y, classes=np.unique(y))
    expected = copy.deepcopy(clf).partial_fit(X, y).predict_proba(X)
    rate, before = clf.learning_rate, state(clf)
    with pytest.raises(ValueError, match="diverged in epoch 2: its"):
        clf.set_params(learning_rate=1e30).partial_fit(X, y)
    assert state(clf) == before
    assert_array_equal(
        clf.set_params(learning_rate=rate).partial_fit(X, y).predict_proba(X), expected
    )


def test_scikit_learn_s_search_gives_such_a_fit_its_error_score(X, y):
    search = GridSearchCV(
        FrontDoorMultiModalClassifier(**SMALL), {"learning_rate": [1e-2, 1e30]}, cv=2
    )
    with (
        pytest.warns(FitFailedWarning, match="Training diverged in epoch 1"),
        pytest.warns(UserWarning, match="non-finite"),
    ):
        search.fit(X, y)
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False, True]
    assert search.best_params_ == {"learning_rate": 1e-2}


def test_the_own_search_ends_and_names_the_fold_and_the_setting(X, y):
    search = FrontDoorMultiModalClassifierCV(
        **SMALL, cv=2, param_grid={"learning_rate": [1e-2, 1e30]}
    )
    with pytest.raises(ValueError, match=r"fold 0 .*'learning_rate': 1e\+30.*: Training diverged"):
        search.fit(X, y)
    assert not hasattr(search, "scores_")


class Breaks(torch.nn.Module):
    """A user's module that breaks in its third epoch of four batches."""

    def __init__(self):
        super().__init__()
        self.layer, self.calls = torch.nn.Linear(4, 8), 0

    def forward(self, x):
        self.calls += self.training
        return self.layer(x) * (float("nan") if self.calls > 8 else 1)


def test_the_checkpoint_is_that_of_the_last_finite_epoch(X, y, tmp_path):
    clf = FrontDoorMultiModalClassifier(
        **SMALL, encoders={"audio": Breaks()}, predominant="video", checkpoint_dir=tmp_path
    )
    with pytest.raises(ValueError, match="diverged in epoch 3"):
        clf.fit(X, y)
    kept = torch.load(tmp_path / "network-0.pt", weights_only=True)
    assert len(kept["state"]["history"]) == 2 and not kept["complete"]
    assert all(value.isfinite().all() for value in kept["state"]["network"].values())
