"""
Save a classifier, load it elsewhere
====================================

For whoever trains here and predicts elsewhere. ``save`` writes a fitted classifier to one file
without pickle, and :func:`skbetafd.load` reads it: no code in the file is run, and a file that was
edited is refused.
"""

# %%
# Fit on two views of handwritten digits, and save.
import os
import tempfile
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

import skbetafd
from skbetafd.datasets import load_multiple_features

X, y = load_multiple_features(return_X_y=True)
train, test = train_test_split(np.arange(len(y)), test_size=0.5, random_state=0, stratify=y)
X_train, X_test = X[train], X[test]
clf = skbetafd.FrontDoorMultiModalClassifier(max_epochs=10, random_state=0)
clf.fit(X_train, y[train])

path = Path(tempfile.mkdtemp()) / "digits.safetensors"
clf.save(path)
print(f"{os.path.getsize(path) / 2**20:.2f} MiB")

# %%
# What was loaded predicts the same, at every β.
loaded = skbetafd.load(path, device="cpu")
betas = [0, 0.5, 1]
difference = np.abs(loaded.beta_path(X_test, betas) - clf.beta_path(X_test, betas)).max()
print(f"largest difference of a probability: {difference}")
print(f"accuracy at β = {loaded.beta}: {loaded.score(X_test, y[test]):.3f}")

# %%
# Both along the whole of β, the loaded one as a thin line within the fitted one:
from skbetafd.plots import BetaPathDisplay

display = BetaPathDisplay.from_estimator(
    clf, X_test, y[test], scoring="neg_log_loss", linewidth=9, alpha=0.3, marker=""
)
fitted = display.lines_[0]
display = BetaPathDisplay.from_estimator(
    loaded, X_test, y[test], scoring="neg_log_loss", ax=display.ax_
)
display.ax_.legend([fitted, display.lines_[0]], ["fitted", "loaded"])

# %%
# One bit of the file changed:
data = bytearray(path.read_bytes())
data[-100] ^= 1
broken = path.with_name("broken.safetensors")
broken.write_bytes(data)
try:
    skbetafd.load(broken)
except skbetafd.ModelFileError as error:
    print(str(error).replace(str(path.parent), "..."))
