"""
Weights, mediators and groups through scikit-learn
==================================================

For whoever has sample weights, groups or a measured mediator, and wants them to arrive where they
belong through pipelines and searches. Rows often come with more than features and a label: how many
rows each stands for, what an annotator read off it, which case it belongs to. scikit-learn's
metadata routing carries such things through pipelines, searches and cross-validation, to those that
ask for them and to nobody else. A simulator with known truth shows that they arrive, and what they
are worth.
"""

# %%
# Cases with known truth
# ----------------------
# In this world the label depends on the predominant modality through a mediator alone, beside a
# hidden confounder, and both P(y | t, a) and P(y | do t, a) are exact. Every case is recorded
# twice (the group), and of the cases with label 0 only one in four was kept (the weight says so).

import numpy as np
import sklearn
from sklearn.metrics import log_loss, make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skbetafd import (
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    MultiModalArray,
    PerModality,
)
from skbetafd.causal import ContinuousFrontDoorModel

sklearn.set_config(enable_metadata_routing=True)

world = ContinuousFrontDoorModel(world=1)
cases = world.sample(1200, random_state=0)
rng = np.random.default_rng(0)
kept = np.flatnonzero((cases.y == 1) | (rng.random(len(cases.y)) < 0.25))
case = np.repeat(kept, 2)  # two recordings each
X = MultiModalArray(
    {
        name: array[case] + rng.normal(0, 0.05, (len(case), array.shape[1]))
        for name, array in cases.X.items()
    }
)
y, reading = cases.y[case], cases.mediator[case]
weight = np.where(y == 0, 4.0, 1.0)
print(X)
print(f"share of label 1: {y.mean():.2f}, weighted {np.average(y, weights=weight):.2f}")

# %%
# Who asks for what
# -----------------
# Every consumer states what it wants; PerModality hands it on to the transformer of each modality.
# What is passed and nobody has spoken for is an error, not silence.

unset = make_pipeline(PerModality(StandardScaler()), FrontDoorMultiModalClassifier())
try:
    unset.fit(X, y, sample_weight=weight)
except ValueError as error:
    print(error)

# %%

settings = {
    "predominant": "predominant",
    "max_epochs": 15,
    "n_references": 64,
    "n_mediator_samples": 16,
    "random_state": 0,
}


def model(*, weighted, mediated):
    """Make a pipeline whose steps ask for weights and mediator, or decline them."""
    scaler = StandardScaler().set_fit_request(sample_weight=weighted)
    clf = FrontDoorMultiModalClassifier(**settings)
    clf.set_fit_request(sample_weight=weighted, mediator=mediated)
    return make_pipeline(PerModality(scaler), clf)


# %%
# What they are worth
# -------------------
# The yardstick is a new sample in which the predominant modality is randomised, with all labels
# kept; no log-loss is expected to be below that of the exact P(y | do t, a) there.

new = world.sample(2000, regime="randomised", random_state=1)


def report(proba):
    """Spell the log-loss, and the distance from the exact P(y | do t, a)."""
    distance = np.abs(proba - truth).sum(axis=1).mean() / 2
    return f"log-loss {log_loss(new.y, proba):.3f}, distance from the truth {distance:.3f}"


truth = world.proba_doing(new.X["predominant"], new.X["auxiliary"])
print(f"{'exact P(y | do t, a)':32}{report(truth)}")
for weighted in (False, True):
    for mediated in (False, True):
        pipeline = model(weighted=weighted, mediated=mediated)
        asked = {"sample_weight": weight} if weighted else {}
        asked |= {"mediator": reading} if mediated else {}
        pipeline.fit(X, y, **asked)
        name = f"weights: {weighted}, mediator: {mediated}"
        print(f"{name:32}{report(pipeline.predict_proba(new.X))}")

# %%
# Each of them lowers the log-loss; the two together lower it most, and come nearest to the truth.
#
# Through cross-validation
# ------------------------
# ``params`` are cut to the folds and routed: weights to the scalers, the classifier and the scorer,
# the mediator to the classifier, the cases to the splitter.

scorer = make_scorer(log_loss, greater_is_better=False, response_method="predict_proba")
scorer.set_score_request(sample_weight=True)
metadata = {"sample_weight": weight, "mediator": reading}
pipeline = model(weighted=True, mediated=True)
apart = cross_validate(
    pipeline, X, y, cv=GroupKFold(2), scoring=scorer, params={**metadata, "groups": case}
)
mixed = cross_validate(
    pipeline, X, y, cv=KFold(2, shuffle=True, random_state=0), scoring=scorer, params=metadata
)
print(f"weighted log-loss, cases kept together: {-apart['test_score'].mean():.3f}")
print(f"weighted log-loss, recordings mixed:    {-mixed['test_score'].mean():.3f}")

# %%
# Through a search
# ----------------
# GridSearchCV routes the same way. :class:`~skbetafd.FrontDoorMultiModalClassifierCV` does it for
# every β at the price of a fit a fold, and can be the last step of a pipeline itself.

search = GridSearchCV(
    pipeline,
    {"frontdoormultimodalclassifier__beta": [0, 0.5, 1]},
    cv=GroupKFold(2),
    scoring=scorer,
    refit=False,
)
search.fit(X, y, **metadata, groups=case)
print("GridSearchCV:", (-search.cv_results_["mean_test_score"]).round(3))

inner = FrontDoorMultiModalClassifierCV(
    betas=(0, 0.5, 1), cv=GroupKFold(2), scoring=scorer, refit=True, **settings
)
inner.set_fit_request(sample_weight=True, mediator=True)
scaler = StandardScaler().set_fit_request(sample_weight=True)
nested = make_pipeline(PerModality(scaler), inner)
nested.fit(X, y, **metadata, groups=case)
print("FrontDoorMultiModalClassifierCV:", (-nested[-1].scores_.mean(axis=0)).round(3))

from skbetafd.plots import BetaPathDisplay

display = BetaPathDisplay.from_search(nested[-1])
display.ax_.set_ylabel("minus weighted log-loss (nats)")

# %%
# The scores are the same, and these i.i.d. folds rightly prefer β = 0: the confounder still holds
# in them. The randomised sample above is what β = 1, the default, is for.

sklearn.set_config(enable_metadata_routing=False)
