"""
A search on a Dask cluster, one worker of which is killed
=========================================================

For whoever has several machines, and searches that outlive some of them. A search is many fits that
know nothing of each other. scikit-learn and this library share them out by joblib, and joblib can
hand them to a Dask cluster: more machines, no other code.
"""

# %%
# A cluster
# ---------
# Two worker processes on this machine stand for it. On a real one, ``Client("scheduler:8786")``
# is all that changes.

import os
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
from distributed import Client, SubprocessCluster
from joblib import parallel_config
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from skorch.callbacks import Callback

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV, dask_backend
from skbetafd.datasets import confound, load_multiple_features

one_thread = {"nthreads": 1}
cluster = SubprocessCluster(n_workers=2, worker_kwargs=one_thread)
client = Client(cluster)
client.wait_for_workers(2)
print("workers:", len(client.scheduler_info()["workers"]))

# %%
# The search
# ----------
# Rows are i.i.d. here, so that a small β is rightly chosen. With ``dask_backend`` the scheduler
# keeps the rows for as long as the search runs; joblib's own ``parallel_config("dask")`` keeps them
# on a worker, and a search ends with an error when that one dies.

digits = load_multiple_features(("kar", "mor"))
train = confound(
    digits.data, digits.target, modality="kar", groups=digits.groups, random_state=0
).train
clf = FrontDoorMultiModalClassifier(max_epochs=5, random_state=0)
grid = {"beta": [0, 1]}
cv = StratifiedKFold(3, shuffle=True, random_state=0)

here = GridSearchCV(clf, grid, cv=cv, refit=False).fit(train.X, train.y)
with parallel_config(backend=dask_backend(client)):
    there = GridSearchCV(clf, grid, cv=cv, refit=False).fit(train.X, train.y)
print("here: ", here.best_params_, here.cv_results_["mean_test_score"].round(3))
print("there:", there.best_params_, there.cv_results_["mean_test_score"].round(3))
largest = np.abs(here.cv_results_["mean_test_score"] - there.cv_results_["mean_test_score"]).max()
print("largest difference of the scores:", largest)

# %%
# A worker dies
# -------------
# The first fit to end an epoch takes its whole process with it. Dask gives the fit to another
# worker. The search by :class:`~skbetafd.FrontDoorMultiModalClassifierCV` fits once a fold for
# every β, and takes this backend by itself.


class DiesOnce(Callback):
    """Kills the process that trains, in the first epoch to end; writes down each epoch's time."""

    def __init__(self, folder):
        self.folder = folder

    def on_epoch_end(self, net, **kwargs):
        """Write the process and the time, and kill it the first time."""
        with open(self.folder / "epochs", "a") as file:
            file.write(f"{os.getpid()} {time.time()}\n")
        died = self.folder / "died"
        if not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)


search = FrontDoorMultiModalClassifierCV(
    betas=[0, 1], cv=cv, refit=False, max_epochs=5, random_state=0
)
with parallel_config("dask"), tempfile.TemporaryDirectory() as folder:
    undisturbed = search.fit(train.X, train.y).scores_
    callbacks = [DiesOnce(Path(folder))]
    disturbed = search.set_params(callbacks=callbacks).fit(train.X, train.y).scores_
    print("a worker died:", Path(folder, "died").exists())
    epochs = np.loadtxt(Path(folder, "epochs"))
print("the same scores:", np.array_equal(undisturbed, disturbed))
print(disturbed.round(3))

client.close()
cluster.close()

# %%
# Who trained when
# ----------------
# Each point is an epoch of one of the three fits. Dask starts another worker for the one that
# died.

import matplotlib.pyplot as plt

dead = epochs[0, 0]
processes = list(dict.fromkeys(epochs[:, 0]))
figure, ax = plt.subplots(figsize=(7, 2.4), layout="constrained")
for place, process in enumerate(processes):
    seconds = epochs[epochs[:, 0] == process, 1] - epochs[0, 1]
    ax.plot(seconds, [place] * len(seconds), "o", color="#0072B2")
ax.plot(0, processes.index(dead), "X", color="#D55E00", markersize=12, label="killed")
ax.set_yticks(range(len(processes)), [f"worker {place + 1}" for place in range(len(processes))])
ax.set(xlabel="seconds after the first epoch", ylim=(len(processes) - 0.5, -0.5))
ax.grid(axis="x", alpha=0.3)
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
