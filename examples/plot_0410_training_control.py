"""
Training control on imbalanced data
===================================

For whoever has rare classes, or a training that should stop in time or does not converge.
Bird strikes on aircraft, by their effect on the flight: every other one led to a precautionary
landing, one in seventeen to an engine shut down. The flight, the remarks and the surroundings
are three modalities; some strikes lack the remarks. This example weighs the classes, stops
early, compares schedules, clips gradients and shows what a diverging fit says. The figures are
those of this run.
"""

# %%
# The data
# --------
# From the repository's benchmarks: text and tables, turned into numbers on the training rows.
# The strikes are split as they come: none is an exact copy of another, else ``groups`` would
# have to keep copies together.

import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import balanced_accuracy_score, recall_score
from sklearn.model_selection import train_test_split

here = Path(__file__).parents[1] if "__file__" in globals() else Path.cwd()
sys.path.insert(0, str(here / "benchmarks"))
from data.real_set import prepare
from data.sets import load_set

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.plots import TrainingHistoryDisplay

strikes = load_set("bird_strikes")
train, test = train_test_split(
    np.arange(len(strikes.y)), test_size=0.3, stratify=strikes.y, random_state=0
)
X, X_test = prepare(strikes, train, test)
y, y_test = strikes.y[train], strikes.y[test]
print(X)
for label, count in zip(*np.unique(y, return_counts=True), strict=True):
    print(f"{label}: {count} training rows")

# %%
# Class weights
# -------------
# ``"balanced"`` gives every class the same total weight; a dict weighs single labels. They
# multiply ``sample_weight``.


def fitted(**parameters):
    """Fit with few settings of one's own, and tell what the test rows say."""
    clf = FrontDoorMultiModalClassifier(beta=0, predominant="flight", random_state=0)
    clf.set_params(**parameters).fit(X, y)
    found = clf.predict(X_test)
    print(
        f"{parameters}: accuracy {np.mean(found == y_test):.3f}, "
        f"balanced {balanced_accuracy_score(y_test, found):.3f}, "
        f"log-loss {-np.mean(own_log_proba(clf)):.3f}, {clf.n_iter_} epochs"
    )
    return clf


def own_log_proba(clf):
    """Log-probability of each test row's own label."""
    return clf.predict_log_proba(X_test)[
        np.arange(len(y_test)), np.searchsorted(clf.classes_, y_test)
    ]


plain = fitted()
weighted = fitted(class_weight="balanced")
for name, clf in (("plain", plain), ("balanced", weighted)):
    recalls = recall_score(y_test, clf.predict(X_test), average=None)
    print(name, dict(zip(clf.classes_.tolist(), recalls.round(2).tolist(), strict=True)))

# %%
# Early stopping
# --------------
# A fifth of the training rows is held out, stratified (and groups kept together, where ``fit`` is
# given any). After each epoch the log-loss of P(y | t, a) is taken there (a strike without
# remarks counts by what it has), and the best epoch is kept.

stopped = fitted(early_stopping=True, n_iter_no_change=5)
print("kept epoch", stopped.best_epoch_, "of", stopped.n_iter_)
display = TrainingHistoryDisplay.from_estimator(stopped)

# %%
# Schedules and clipping
# ----------------------
# The default is one cycle; "cosine" falls from the peak, "constant" stays there.
# ``max_grad_norm`` scales down the gradients of each network whose norm is larger.

for lr_schedule in ("one-cycle", "cosine", "constant"):
    fitted(lr_schedule=lr_schedule, max_epochs=15)
fitted(lr_schedule="constant", max_epochs=15, max_grad_norm=1.0)

# %%
# A fit that diverges
# -------------------
# It ends with the epoch, the loss that was the first to be no longer finite, and the likely
# cause. The estimator stays as it was.

try:
    fitted(learning_rate=1e15, lr_schedule="constant", max_epochs=3)
except ValueError as error:
    print(error)
