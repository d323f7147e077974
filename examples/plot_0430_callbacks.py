"""
Callbacks: watching a training
==============================

For whoever wants to see how a training goes, or to act on it. A fit speaks to three kinds of
listeners: a bar of its own (``verbose=1``), scikit-learn's callbacks (experimental there) through
``set_callbacks``, and skorch's through ``callbacks=``.
"""

# %%
# scikit-learn's callbacks
# ------------------------
# Each epoch is a task, at whose end the callback may ask for an estimator that predicts as if
# the fit had stopped there: ``ScoringMonitor`` scores it on the training rows.

import tempfile
from pathlib import Path

from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Checkpoint, EpochScoring, TensorBoard

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.datasets import load_multiple_features
from skbetafd.plots import TrainingHistoryDisplay

digits = load_multiple_features(("kar", "mor"))
X, y = digits.data, digits.target

monitor = ScoringMonitor(scoring="neg_log_loss")
clf = FrontDoorMultiModalClassifier(max_epochs=6, random_state=0).set_callbacks(monitor)
clf.fit(X, y)
for row in monitor.get_logs().data:
    print(row["task_name"], row["task_id"], f"{row['neg_log_loss']:.3f}")

# %%
# Set on a search, a progress bar goes on to the fits in it.

search = GridSearchCV(
    FrontDoorMultiModalClassifier(max_epochs=4, random_state=0), {"label_weight": [1, 3]}, cv=2
)
search.set_callbacks(ProgressBar()).fit(X, y)
print(search.best_params_)

# %%
# skorch's callbacks
# ------------------
# With ``early_stopping`` there are held-out rows: ``EpochScoring`` scores them, and
# ``Checkpoint`` keeps the best epoch in files. ``TensorBoard`` gets every loss of the criterion.

from torch.utils.tensorboard import SummaryWriter

directory = Path(tempfile.mkdtemp())
writer = SummaryWriter(directory / "runs")
clf = FrontDoorMultiModalClassifier(
    max_epochs=8,
    early_stopping=True,
    callbacks=[
        EpochScoring("accuracy", name="valid_accuracy"),
        Checkpoint(dirname=directory / "best"),
        TensorBoard(writer),
    ],
    random_state=0,
).fit(X, y)
for entry in clf.history_:
    print(
        f"epoch {entry['epoch']}: valid_loss {entry['valid_loss']:.3f}, "
        f"valid_accuracy {entry['valid_accuracy']:.3f}"
    )
print("kept epoch", clf.best_epoch_)
display = TrainingHistoryDisplay.from_estimator(clf)

# %%
# What ``Checkpoint`` has left on disk:

print(sorted(path.name for path in (directory / "best").iterdir()))

# %%
# What can't work is told before the training begins.

for callbacks in ([Checkpoint()], [EpochScoring("accuracy")]):
    try:
        FrontDoorMultiModalClassifier(callbacks=callbacks).fit(X, y)
    except ValueError as error:
        print(error)
