"""
Tables with categories, free text and gaps
==========================================

For whoever has tables as they come from people.
Most are not numbers: states, weather, remarks, and cells that nobody filled in. This
example takes 1973 reports of birds that struck aircraft, as they were recorded, and predicts the
strike's effect on the flight. The flight, the remarks and the surroundings are three modalities;
each goes through scikit-learn's own encoders, inside cross-validation, and β is searched along.
"""

# %%
# The table as it is
# ------------------
# The reader of the benchmarks gives pandas frames of mixed columns and an array of text, with the
# rows whose remarks are missing. (It fetches a pinned package the first time.)

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

here = Path(__file__).parents[1] if "__file__" in globals() else Path.cwd()
sys.path.insert(0, str(here / "benchmarks"))
from data.tables import bird_strikes

strikes = bird_strikes()
print(strikes.X)
print(strikes.X["surroundings"].head(3).to_string())
print(pd.Series(strikes.y).value_counts().to_string())

# %%
# A modality of text or categories is no numbers, and the classifier says so rather than guess.

from skbetafd import FrontDoorMultiModalClassifier, MultiModalArray, PerModality

try:
    FrontDoorMultiModalClassifier().fit(strikes.X, strikes.y)
except ValueError as error:
    print(error)

# %%
# An encoder for each modality
# ----------------------------
# Within the flight, a ColumnTransformer treats numbers and the phase apart. The surroundings have
# many categories, some rare: TargetEncoder puts in the share of each class among a category's
# rows, cross-fitted, so that no row reads its own label. A vectorizer gets the one column of
# remarks as documents. Rows that lack a modality (every cell null) pass the encoders by, and the
# classifier predicts them from what they have.

from sklearn.compose import make_column_transformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

flight = make_column_transformer(
    (SimpleImputer(strategy="median"), ["ac_mass", "num_engs", "height", "speed"]),
    (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["phase_of_flt"]),
    verbose_feature_names_out=False,
)
words = make_pipeline(TfidfVectorizer(min_df=5), TruncatedSVD(16, random_state=0))
encode = PerModality(
    {
        "flight": flight,
        "remarks": words,
        "surroundings": TargetEncoder(cv=StratifiedKFold(5, shuffle=True, random_state=0)),
    }
)
numbers = encode.fit_transform(strikes.X, strikes.y)
print(numbers)

# %%
# Frames out
# ----------
# With scikit-learn's ``transform_output`` every modality comes back as a frame, with names to read;
# the strikes without remarks are rows of nulls. (``encode.set_output(transform="polars")`` does the
# same where every inner transformer has a ``set_output``; a vectorizer has none, and says so.)

from sklearn import config_context

with config_context(transform_output="polars"):
    frames = encode.fit_transform(strikes.X, strikes.y)
print(frames["flight"].head(3))

# %%
# Encoders inside the search
# --------------------------
# The container is one object to scikit-learn: encoders and classifier are fitted on the training
# part of each fold, and the encoder of a modality is searched like any other parameter.

model = make_pipeline(
    encode,
    FrontDoorMultiModalClassifier(
        predominant="flight", max_epochs=10, calibrate=False, random_state=0
    ),
)
grid = {
    "frontdoormultimodalclassifier__beta": [0.0, 0.5, 1.0],
    "permodality__surroundings": [
        encode.transformer["surroundings"],
        OneHotEncoder(
            handle_unknown="infrequent_if_exist", min_frequency=0.02, sparse_output=False
        ),
    ],
}
search = GridSearchCV(model, grid, cv=2, scoring="neg_log_loss", refit=False)
search.fit(strikes.X, strikes.y)
table = pd.DataFrame(search.cv_results_["params"])
table.columns = ["β", "surroundings"]
table["surroundings"] = [type(encoder).__name__ for encoder in table["surroundings"]]
table["log-loss"] = -search.cv_results_["mean_test_score"]
table["sd of folds"] = search.cv_results_["std_test_score"]
print(table.round(3).to_string(index=False))
share = np.bincount(np.unique(strikes.y, return_inverse=True)[1]) / len(strikes.y)
prior = -(share * np.log(share)).sum()
print(f"log-loss of the classes' shares alone: {prior:.3f}")

# %%
# The bands are one sd of the folds.

from skbetafd.plots import BetaPathDisplay

lines = dict(list(table.groupby("surroundings")))
display = BetaPathDisplay(
    betas=np.array([0, 0.5, 1]),
    scores=np.array([line["log-loss"] for line in lines.values()]),
    spread=np.array([line["sd of folds"] for line in lines.values()]),
    names=list(lines),
    score_name="log-loss (nats)",
    greater_is_better=False,
).plot()
display.ax_.axhline(prior, color="grey", linestyle=":")
display.ax_.annotate("the classes' shares alone", (0, prior), (2, -12), textcoords="offset points")

# %%
# All of them tell far more than the classes' shares. The encoders and the values of β differ by
# about as much as the folds do: two folds of a thousand reports do not tell them apart. Such folds
# are i.i.d.; whoever fears that flights will be recorded otherwise has to split by what changes.
#
# pandas or polars
# ----------------
# The same reports as polars frames, null where pandas has NaN, give the same model.


def to_polars(table):
    """Make a polars frame with nulls of a pandas frame with NaN."""
    return pl.DataFrame(
        {name: [None if pd.isna(v) else v for v in column] for name, column in table.items()}
    )


in_polars = MultiModalArray(
    {
        "flight": to_polars(strikes.X["flight"]),
        "remarks": to_polars(pd.DataFrame(strikes.X["remarks"], columns=["remark"])),
        "surroundings": to_polars(strikes.X["surroundings"]),
    }
)
print(in_polars["surroundings"].head(3))
by_pandas = model.fit(strikes.X, strikes.y).predict_proba(strikes.X)
by_polars = model.fit(in_polars, strikes.y).predict_proba(in_polars)
print(f"largest difference in probability: {np.abs(by_pandas - by_polars).max():.1e}")

# %%
# Embeddings that exist already
# -----------------------------
# What a language model made of the remarks elsewhere is a modality as it is: an array of shape
# (n, width), with rows of NaN where there is no remark. The vectorizer's numbers stand for it here.

embedded = MultiModalArray({"flight": numbers["flight"], "remarks": numbers["remarks"]})
print(embedded)
clf = FrontDoorMultiModalClassifier(predominant="flight", max_epochs=10, random_state=0)
print(f"accuracy in training: {clf.fit(embedded, strikes.y).score(embedded, strikes.y):.3f}")
