"""Files that earlier states of the library have saved are read, and predict what they did.

One for each kind of estimator, of format 2, written by ``files/make.py`` with what it predicted.
"""

from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from skbetafd import load

FILES = Path(__file__).parent / "files"
NAMES = sorted(path.stem for path in FILES.glob("*.safetensors"))


@pytest.mark.parametrize("name", NAMES)
def test_an_earlier_file_predicts_what_it_did(name):
    clf = load(FILES / f"{name}.safetensors", device="cpu")
    with np.load(FILES / "predictions.npz") as stored:
        X = {modality: stored[f"{name}.X.{modality}"] for modality in clf.modality_names_}
        expected = stored[f"{name}.path"]
    if name == "sparse":
        X["words"] = sparse.csr_array(X["words"])
    np.testing.assert_allclose(clf.beta_path(X, [0, 0.3, 1]), expected, atol=1e-5)


def test_each_kind_of_estimator_has_a_file():
    kinds = {type(load(FILES / f"{name}.safetensors", device="cpu")).__name__ for name in NAMES}
    assert kinds == {"FrontDoorMultiModalClassifier", "FrontDoorMultiModalClassifierCV"}
