"""Cells of a notebook: classes that no process but this one can import, and searches with them.

Reads the device as its argument. The text is to be run from the standard input: then, as in a
notebook, joblib's processes can't import what is defined here.
"""

import pickle
import sys

import cloudpickle
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import cross_validate
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback
from torch import nn

from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    PerModality,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier


class Encoder(nn.Module):
    """A module of the user's."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 8)

    def forward(self, x):
        return self.layer(x)


class Note(Callback):
    """A callback of the user's, which keeps something of its own."""

    def on_epoch_end(self, net, **kwargs):
        self.last = Encoder()


class Half(TransformerMixin, BaseEstimator):
    """A transformer of the user's, with a lambda in its state."""

    def fit(self, X, y=None):
        self.half_ = lambda x: x / 2
        return self

    def transform(self, X):
        return self.half_(X)


def accuracy(estimator, X, y):
    return float(estimator.score(X, y))


def folds(estimator, X, y):
    """Fit in two other processes, and score here what comes back."""
    how = {"cv": 2, "n_jobs": 2, "scoring": accuracy, "error_score": "raise"}
    found = cross_validate(estimator, X, y, return_estimator=True, **how)
    return [fitted.score(X, y) for fitted in found["estimator"]]


def main(device):
    small = {"max_epochs": 2, "hidden_dim": 8, "random_state": 0, "device": device}
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = MultiModalArray([rng.normal(size=(90, 6)), rng.normal(size=(90, 4))])
    for encoder in (Encoder(), Encoder().requires_grad_(False), Encoder, lambda: Encoder()):
        own = {**small, "encoders": {0: encoder}, "callbacks": [Note()]}
        clf = FrontDoorMultiModalClassifier(**own)
        folds(clf, X, y)
        search = FrontDoorMultiModalClassifierCV(
            betas=[0, 1], cv=2, n_jobs=2, scoring=accuracy, n_members=2, **own
        )
        assert search.fit(X, y).score(X, y) > 0
        clf.set_params(modalities=[6, 4])
        bag = BaggingClassifier(clf, n_estimators=2, n_jobs=2).fit(np.asarray(X), y)
        bag.predict(np.asarray(X))
        fitted = clf.set_params(modalities=None).fit(X, y)
        copy = pickle.loads(cloudpickle.dumps(fitted))
        np.testing.assert_array_equal(copy.predict_proba(X), fitted.predict_proba(X))
        for joint in (FusionClassifier, LateFusionClassifier):
            folds(joint(**small, encoders={0: encoder}), X, y)
    folds(make_pipeline(PerModality(Half()), FrontDoorMultiModalClassifier(**small)), X, y)
    print("done")


if __name__ == "__main__":
    main(sys.argv[1])
