"""
One fit in several processes
============================

For whoever has several GPUs, or one network too slow for one process. With ``accelerate=True`` the
processes that a launcher has started train one network: each takes its share of every batch, and
the gradients are averaged. Started alone, as here, the same script trains in one process.
"""

# %%
# The script
# ----------
# Every process runs all of it, on the same rows. On GPUs it is started by::
#
#     accelerate launch --multi_gpu --num_processes 2 examples/plot_0620_data_parallel.py
#
# and on CPUs, where Accelerate's launcher would need MPI, by::
#
#     torchrun --nproc-per-node 2 examples/plot_0620_data_parallel.py

import os
import zlib

from sklearn.metrics import log_loss

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.datasets import confound, load_multiple_features

digits = load_multiple_features(("kar", "mor"))
data = confound(digits.data, digits.target, modality="kar", groups=digits.groups, random_state=0)
clf = FrontDoorMultiModalClassifier(accelerate=True, max_epochs=20, random_state=0)
clf.fit(data.train.X, data.train.y)

# %%
# What each process has learned
# -----------------------------
# The sum over the bytes of a network's first weights tells whether two are bitwise the same. Two
# processes print the same two lines, but for their numbers; and the scores of one process.

process = int(os.environ.get("RANK", 0)) + 1, int(os.environ.get("WORLD_SIZE", 1))
weights = next(clf.module_.parameters()).detach().cpu().numpy()
proba = clf.predict_proba(data.broken.X)
print("process {} of {}:".format(*process), "weights", zlib.crc32(weights.tobytes()))
print(
    f"under do, at beta 1: accuracy {clf.score(data.broken.X, data.broken.y):.4f}, "
    f"log-loss {log_loss(data.broken.y, proba, labels=clf.classes_):.4f}"
)

# %%
# What to know
# ------------
# - A batch has `batch_size` rows over all processes, so that the schedule stays that of one.
# - The losses that compare rows with each other gather the codes of the whole batch, so that
#   several processes learn what one does, up to rounding.
# - A step sends three messages. It can pay where a step is long: large batches, wide encoders.
