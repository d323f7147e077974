import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from skbetafd import FrontDoorMultiModalClassifier


@pytest.mark.parametrize("members", [1, 2])
def test_the_predominant_modality_s_code_is_the_knowledge_and_the_others_are_auxiliary(
    members, X, y, quick
):
    clf = quick(predominant="video", knowledge_dim=5, n_members=members).fit(X, y)
    codes = clf.modality_codes(X)
    assert list(codes) == ["audio", "video"]
    with torch.no_grad():
        xs = clf._standardised(list(X.values()), clf._scalers, clf.module_)
        expected = clf.module_.encode(xs)
    np.testing.assert_array_equal(codes["video"], expected.knowledge.numpy())
    np.testing.assert_array_equal(codes["audio"], expected.auxiliary.numpy())
    assert codes["audio"].shape == (120, 5)


def test_auxiliary_codes_go_by_name_whatever_the_order(y, modalities, quick):
    three = {"first": modalities["audio"], **modalities}
    clf = quick(predominant="audio", knowledge_dim=3).fit(three, y)
    codes = clf.modality_codes(three)
    with torch.no_grad():
        xs = clf._standardised(list(three.values()), clf._scalers, clf.module_)
        auxiliary = clf.module_.encode(xs).auxiliary.numpy()
    np.testing.assert_array_equal(np.hstack([codes["first"], codes["video"]]), auxiliary)


def test_an_observed_mediator_changes_nothing_in_the_form(X, y, quick):
    clf = quick().fit(X, y, mediator=y)
    assert {name: code.shape for name, code in clf.modality_codes(X).items()} == {
        "audio": (120, 32),
        "video": (120, 32),
    }


def test_codes_need_a_fit(X):
    with pytest.raises(NotFittedError):
        FrontDoorMultiModalClassifier().modality_codes(X)
