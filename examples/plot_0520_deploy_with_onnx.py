"""
Deploy with ONNX
================

For whoever deploys where neither Python packages nor torch are welcome. ``to_onnx`` writes the
adjusted predictor, with its standardisation, its references and β, as one ONNX model. It runs where
neither torch nor this library is.
"""

# %%
# Fit on two views of handwritten digits.
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
from sklearn.model_selection import train_test_split

import skbetafd
from skbetafd.datasets import load_multiple_features

X, y = load_multiple_features(return_X_y=True)
train, test = train_test_split(np.arange(len(y)), test_size=0.5, random_state=0, stratify=y)
X_train, X_test = X[train], X[test]
clf = skbetafd.FrontDoorMultiModalClassifier(max_epochs=10, random_state=0)
clf.fit(X_train, y[train])

# %%
# The inputs of the model are the modalities by name, in float32; ``input_feed`` makes them of
# whatever ``predict`` takes.
path = Path(tempfile.mkdtemp()) / "digits.onnx"
clf.to_onnx(path, beta=0.5)
session = onnxruntime.InferenceSession(path)
rows = clf.input_feed(X_test)
proba, label = session.run(["probabilities", "label"], rows)
print({name: value.shape for name, value in rows.items()})
print(session.get_modelmeta().custom_metadata_map)

# %%
# It says what the library says, also of a row that lacks a modality (NaN).
expected = clf.beta_path(rows, [0.5])[0]
print(f"largest difference of a probability: {np.abs(proba - expected).max():.1e}")
print(f"accuracy: {(label == y[test]).mean():.3f}")
first = next(iter(rows))
rows[first][:10] = np.nan
proba, _ = session.run(None, rows)
expected = clf.beta_path(rows, [0.5])[0]
print(f"with missing rows of {first!r}: {np.abs(proba - expected).max():.1e}")


# %%
# Time of a prediction, the median of 20, against the library's own. It pays for single rows; for a
# hundred the two are of the same order, and either may be ahead.
def milliseconds(call):
    """Time a call."""
    seconds = []
    for _ in range(20):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return 1000 * np.median(seconds)


clf.set_params(beta=0.5)
sizes, onnx, library = (1, 3, 10, 30, 100, 300), [], []
for n in sizes:
    some = {name: value[10 : 10 + n] for name, value in rows.items()}
    onnx.append(milliseconds(lambda some=some: session.run(None, some)))
    library.append(milliseconds(lambda some=some: clf.predict_proba(some)))
    print(f"{n:3} rows: ONNX takes {onnx[-1] / library[-1]:.0%} of the time of predict_proba")

# %%
import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(5.5, 4), layout="constrained")
ax.loglog(sizes, library, color="#E69F00", linestyle="--", marker="s", label="predict_proba")
ax.loglog(sizes, onnx, color="#0072B2", marker="o", label="ONNX")
ax.set(xlabel="rows in one call", ylabel="time of a prediction (ms)")
ax.grid(alpha=0.3)
ax.legend()
