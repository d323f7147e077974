"""
Seeing and doing with two modalities
====================================

Two views of the same handwritten digits predict one label. A hidden confounder moves 40 % of
the labels, and its tint is on the stronger view: whoever learns from both views jointly learns
to read the tint. That pays as long as the tint tells the confounder, and fails once the
recording conditions change.
"""

# %%
# The data
# --------
# :func:`~skbetafd.datasets.confound` plants the confounder in real features and gives three
# tests of the same rows: as in training, half broken, and broken (the tint is set from outside).

from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.datasets import confound, load_multiple_features

digits = load_multiple_features(("kar", "mor"))
data = confound(digits.data, digits.target, modality="kar", groups=digits.groups, random_state=0)
print(data.train.X)

# %%
# Fit once, predict for every β
# -----------------------------
# A plain list of arrays is enough. The predominant modality is found by itself, and β is read
# at prediction, so that one fit serves every value.

X_kar, X_mor = data.train.X["kar"], data.train.X["mor"]
clf = FrontDoorMultiModalClassifier(random_state=0).fit([X_kar, X_mor], data.train.y)
print("predominant:", clf.predominant_, clf.modality_scores_)
for beta in (0, 0.5, 1):
    clf.set_params(beta=beta)
    as_trained = clf.score([data.iid.X["kar"], data.iid.X["mor"]], data.iid.y)
    broken = clf.score([data.broken.X["kar"], data.broken.X["mor"]], data.broken.y)
    print(f"beta {beta}: i.i.d. {as_trained:.3f}, under do {broken:.3f}")

# %%
# The whole comparison
# --------------------
# ``python -m skbetafd`` does the same beside three scikit-learn classifiers on the very same
# object, and saves the β curve: i.i.d. data are served best by β = 0 (seeing), a broken test by
# β = 1 (doing), a half-broken one by something between.

from skbetafd.__main__ import main

main()
