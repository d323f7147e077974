"""
Long trainings: checkpoints, warm starts, streams
=================================================

For whoever trains for hours, or on data that keep coming. A fit that takes hours should survive a
power cut, a further fit should not begin from nothing, and data that arrive bit by bit should be
learned as they come. Two views of handwritten digits stand for all three.
"""

# %%
# A fit that is killed
# --------------------
# With ``checkpoint_dir`` the whole state of the training is written after each epoch: weights,
# optimizer, schedule, generators, history. Another process begins this fit, and is killed in the
# middle of an epoch, as by a power cut.

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.model_selection import GroupShuffleSplit

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.datasets import load_multiple_features

SCRIPT = """
import os, signal, sys
from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.datasets import load_multiple_features
from skbetafd.training.net import FrontDoorNet

steps = 0
def take_step(self, batch, step=FrontDoorNet.train_step_single, **params):
    global steps
    steps += 1
    if steps == 100:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, batch, **params)
FrontDoorNet.train_step_single = take_step

digits = load_multiple_features(("kar", "mor"))
clf = FrontDoorMultiModalClassifier(max_epochs=20, random_state=0, checkpoint_dir=sys.argv[1])
clf.fit(digits.data, digits.target)
"""

digits = load_multiple_features(("kar", "mor"))
directory = Path(tempfile.mkdtemp())
killed = subprocess.run([sys.executable, "-c", SCRIPT, str(directory)], check=False)
print("ended by", signal.Signals(-killed.returncode).name)
for path in directory.iterdir():
    print(path.name, f"{path.stat().st_size / 1024:.0f} KB")

# %%
# The same fit again goes on from the last complete epoch, and ends where it would have ended:
# bitwise, on a CPU. The checkpoint is removed then.

clf = FrontDoorMultiModalClassifier(max_epochs=20, random_state=0, checkpoint_dir=directory)
clf.fit(digits.data, digits.target)
uninterrupted = FrontDoorMultiModalClassifier(max_epochs=20, random_state=0)
uninterrupted.fit(digits.data, digits.target)
same = np.array_equal(clf.predict_proba(digits.data), uninterrupted.predict_proba(digits.data))
print("bitwise equal predictions:", same, "| files left:", os.listdir(directory))

# %%
# The checkpoint of another fit, or a broken file, is refused by its name, and left alone.

(directory / "network-0.pt").write_bytes(b"half a file")
try:
    clf.fit(digits.data, digits.target)
except ValueError as error:
    print(str(error).replace(str(directory), "..."))
(directory / "network-0.pt").unlink()

# %%
# Warm start
# ----------
# A further fit, here on more rows, begins with the weights that are there. Compare the loss of
# its first epoch with that of a fit that begins from nothing.

split = GroupShuffleSplit(1, test_size=0.3, random_state=0)
train, test = next(split.split(digits.data, digits.target, digits.groups))
X, y = digits.data[train], digits.target[train]
X_test, y_test = digits.data[test], digits.target[test]

warm = FrontDoorMultiModalClassifier(warm_start=True, random_state=0).fit(X[::2], y[::2])
print(f"half of the rows: accuracy {warm.score(X_test, y_test):.3f}")
warm.set_params(max_epochs=10).fit(X, y)
cold = FrontDoorMultiModalClassifier(max_epochs=10, random_state=0).fit(X, y)
for name, fit in (("warm", warm), ("cold", cold)):
    first = fit.history_[0, "train_outcome_loss"]
    print(f"{name}: first epoch {first:.3f}, accuracy {fit.score(X_test, y_test):.3f}")

# %%
# A stream
# --------
# ``partial_fit`` passes once over the rows of a call at a constant learning rate. Scaling and
# the predominant modality are those of the first call. A sample of the rows so far is replayed
# and makes the reference set, so that a class that stays away is not forgotten.

days = range(8)
accuracies = []
stream = FrontDoorMultiModalClassifier(learning_rate=2e-3, n_references=64, random_state=0)
rng = np.random.default_rng(0)
for _ in days:
    for part in np.array_split(rng.permutation(len(y)), 4):
        stream.partial_fit(X[part], y[part], classes=np.unique(y))
    accuracies.append(stream.score(X_test, y_test))
print("accuracy, day by day:", np.round(accuracies, 3))

few = y < 5
for _ in range(5):
    stream.partial_fit(X[few], y[few])
recall = np.mean(stream.predict(X_test)[y_test >= 5] == y_test[y_test >= 5])
print(f"after five calls of 0 to 4 alone: {recall:.3f} of the 5 to 9 are still right")

# %%
# The stream, day by day, beside the fits on all rows at once.

import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
ax.plot(days, accuracies, "o-", color="#0072B2", label="partial_fit, one pass a day")
for (name, fit), line in zip((("warm", warm), ("cold", cold)), ("--", ":"), strict=True):
    ax.axhline(
        fit.score(X_test, y_test), color="black", linestyle=line, label=f"fit on all, {name} start"
    )
ax.set(xlabel="day", ylabel="accuracy (share of test rows)")
ax.legend()
