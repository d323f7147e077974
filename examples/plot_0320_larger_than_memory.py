"""
Larger than memory
==================

For whoever has more rows than fit in memory. Memory maps, zarr arrays and torch Datasets are read
where rows are needed: in parts for checks, scaling and prediction, batch by batch in training.
Nothing of them is ever whole in memory.
"""

# %%
# Data on disk
# ------------
# Small here; the same lines serve a file of any size.
import tempfile
from pathlib import Path

import numpy as np
import torch
import zarr
from sklearn.model_selection import train_test_split
from torch.utils.data import Dataset

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray
from skbetafd.datasets import load_multiple_features

digits = load_multiple_features()
arrays = {name: np.asarray(digits.data[name], dtype=np.float32) for name in ("kar", "mor")}
y = np.asarray(digits.target)
folder = Path(tempfile.mkdtemp())
maps, stores = {}, {}
for name, values in arrays.items():
    np.save(folder / f"{name}.npy", values)
    maps[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
    stores[name] = zarr.create_array(
        store=folder / f"{name}.zarr", data=values, chunks=(100, values.shape[1])
    )
train, test = train_test_split(np.arange(len(y)), stratify=y, random_state=0)


def model():
    """Make an unfitted classifier."""
    return FrontDoorMultiModalClassifier(beta=0, max_epochs=10, random_state=0)


# %%
# Memory maps
# -----------
# Rows are gathered as the shuffle asks for them. Rows of a container are a view, so that
# scikit-learn's splitters read nothing; the fit is bit by bit that of the arrays.
X = MultiModalArray(maps)
print(X[train]["kar"])
from_maps = model().fit(X[train], y[train])
in_memory = model().fit(MultiModalArray(arrays)[train], y[train])
print(f"memory map {from_maps.score(X[test], y[test]):.3f}")
print(f"arrays     {in_memory.score(X[test], y[test]):.3f}")
print("equal:", np.array_equal(from_maps.predict_proba(X), in_memory.predict_proba(X)))

# %%
# zarr
# ----
# A store of compressed chunks has no cheap access to single rows. Its chunks are read in random
# order, many at a time, and the rows of these are shuffled together: each row once an epoch, in
# another order than above, so that the result is not the same to the bit.
X = MultiModalArray(stores)
from_stores = model().fit(X[train], y[train])
print(f"zarr       {from_stores.score(X[test], y[test]):.3f}")


# %%
# A Dataset
# ---------
# Items are ``((x_1, …, x_m), y)`` or ``({name: x}, y)``. Of a DataLoader the dataset is taken.
class Digits(Dataset):
    """Some rows, item by item."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        row = self.rows[i]
        return {name: torch.from_numpy(values[row]) for name, values in arrays.items()}, y[row]


from_items = model().fit(Digits(train))
print(f"Dataset    {from_items.score(Digits(test), y[test]):.3f}")

# %%
# Epoch by epoch
# --------------
# The losses of the memory map and of the Dataset lie on those of the arrays; those of zarr, which
# is shuffled otherwise, beside them.
from skbetafd.plots import TrainingHistoryDisplay

fits = {
    "arrays": in_memory,
    "memory map": from_maps,
    "zarr": from_stores,
    "Dataset": from_items,
}
losses = {name: clf.history_[:, "train_loss"] for name, clf in fits.items()}
display = TrainingHistoryDisplay(losses=losses).plot()
display.lines_["arrays"].set(linewidth=6, alpha=0.4, marker="")
display.ax_.legend()
