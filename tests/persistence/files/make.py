"""Write the files beside this one, and what they predict: once for each format, by its code."""

from pathlib import Path

import numpy as np
from scipy import sparse

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV

HERE = Path(__file__).parent
BETAS = [0, 0.3, 1]
SMALL = {"max_epochs": 3, "hidden_dim": 8, "knowledge_dim": 4, "context_dim": 4}
SMALL |= {"n_references": 8, "random_state": 0, "device": "cpu"}
LABELS = np.array(["bird", "car", "rain"])
LABEL = np.arange(60) % 3
RNG = np.random.default_rng(0)


def shifted(*shape):
    """Rows of a shape that their label shifts."""
    shift = RNG.normal(size=(3, *shape))[LABEL]
    return (shift + RNG.normal(size=(60, *shape))).round(2)


def cases():
    """Each file's classifier, rows and mediator."""
    plain = FrontDoorMultiModalClassifier(**SMALL)
    X = {"audio": shifted(4), "video": shifted(3)}
    yield "plain", FrontDoorMultiModalClassifier(**SMALL, beta=0.25), X, None
    yield "mediator_categorical", plain, X, LABEL
    yield "mediator_continuous", plain, X, shifted(1)
    video = X["video"].copy()
    video[::5] = np.nan
    members = FrontDoorMultiModalClassifier(**SMALL, n_members=2)
    yield "members_and_gaps", members, {**X, "video": video}, None
    sequence = shifted(5, 3)
    sequence[::2, 4] = np.nan
    yield "pictures_and_sequences", plain, {"picture": shifted(6, 6), "sequence": sequence}, None
    search = FrontDoorMultiModalClassifierCV(betas=[0, 0.5, 1], cv=2, **SMALL)
    yield "search", search, X, None
    words = np.maximum(shifted(10), 0)
    yield "sparse", plain, {"words": words, "video": X["video"]}, None


if __name__ == "__main__":
    stored = {}
    for name, clf, X, mediator in cases():
        given = {**X, "words": sparse.csr_array(X["words"])} if name == "sparse" else X
        clf.fit(given, LABELS[LABEL], mediator=mediator).save(HERE / f"{name}.safetensors")
        stored |= {f"{name}.X.{modality}": rows for modality, rows in X.items()}
        stored[f"{name}.path"] = clf.beta_path(given, BETAS)
    np.savez_compressed(HERE / "predictions.npz", **stored)
