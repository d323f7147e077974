import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from skbetafd import FrontDoorMultiModalClassifier, FrontDoorMultiModalClassifierCV
from skbetafd.inputs.modality import face


@pytest.mark.parametrize("members", [1, 2])
def test_the_predominant_modality_s_code_is_the_knowledge_and_the_others_are_auxiliary(
    members, X, y, quick
):
    clf = quick(predominant="video", knowledge_dim=5, n_members=members).fit(X, y)
    codes = clf.modality_codes(X)
    assert list(codes) == ["audio", "video"]
    with torch.no_grad():
        xs = clf._standardised(list(map(face, X.values())), clf._scalers, clf.module_)
        expected = clf.module_.encode(xs)
    np.testing.assert_array_equal(codes["video"], expected.knowledge.numpy())
    np.testing.assert_array_equal(codes["audio"], expected.auxiliary.numpy())
    assert codes["audio"].shape == (120, 5)


def test_auxiliary_codes_go_by_name_whatever_the_order(y, modalities, quick):
    three = {"first": modalities["audio"], **modalities}
    clf = quick(predominant="audio", knowledge_dim=3).fit(three, y)
    codes = clf.modality_codes(three)
    with torch.no_grad():
        xs = clf._standardised(list(map(face, three.values())), clf._scalers, clf.module_)
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


@pytest.mark.parametrize("members", [1, 2])
def test_knowledge_context_and_auxiliary_are_the_first_network_s_codes(members, X, y, quick):
    clf = quick(predominant="video", knowledge_dim=5, context_dim=3, n_members=members).fit(X, y)
    codes, by_modality = clf.codes(X), clf.modality_codes(X)
    assert {name: code.shape[1] for name, code in codes.items()} == {
        "knowledge": 5,
        "context": 3,
        "auxiliary": 5,
    }
    np.testing.assert_array_equal(codes["knowledge"], by_modality["video"])
    np.testing.assert_array_equal(codes["auxiliary"], by_modality["audio"])
    with torch.no_grad():
        xs = clf._standardised(list(map(face, X.values())), clf._scalers, clf.module_)
        context = clf.module_.context(xs[1]).numpy()
    np.testing.assert_array_equal(codes["context"], context)


def test_codes_are_made_batch_by_batch_and_do_not_depend_on_it(X, y, quick):
    clf = quick().fit(X, y)
    whole = clf.codes(X)
    sizes = []
    clf.module_.context.register_forward_pre_hook(lambda module, args: sizes.append(len(args[0])))
    for name, code in clf.set_params(predict_batch_size=50).codes(X).items():
        np.testing.assert_allclose(code, whole[name], rtol=1e-5, atol=1e-6)
    assert sizes == [50, 50, 20]


def test_a_search_over_beta_has_the_codes_of_its_refit(X, y, quick):
    small = {"max_epochs": 2, "hidden_dim": 8, "n_references": 8, "random_state": 0}
    search = FrontDoorMultiModalClassifierCV(betas=[0, 1], cv=2, **small).fit(X, y)
    np.testing.assert_array_equal(search.codes(X)["context"], quick().fit(X, y).codes(X)["context"])


def test_pictures_and_frozen_modules_are_read_as_in_fit(X, y, quick):
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(120, 8, 8)) + np.arange(120)[:, None, None] % 3
    frozen = torch.nn.Linear(4, 6).requires_grad_(False)
    data = {"picture": pictures, "audio": X["audio"]}
    clf = quick(predominant="audio", encoders={"audio": frozen}).fit(data, y)
    codes = clf.codes(data)
    np.testing.assert_array_equal(codes["auxiliary"], clf.modality_codes(data)["picture"])
    assert codes["knowledge"].shape == codes["context"].shape == (120, 32)
    turned = clf.codes({**data, "audio": X["audio"][::-1]})
    np.testing.assert_allclose(turned["context"], codes["context"][::-1], rtol=1e-4, atol=1e-6)


def test_where_a_modality_is_missing_its_codes_are_those_of_the_training_mean(X, y, quick):
    clf = quick(predominant="audio").fit(X, y)
    means = {name: np.tile(rows.mean(axis=0), (120, 1)) for name, rows in X.items()}
    known, mean = clf.codes(X), clf.codes(means)
    absent = clf.codes({"audio": None, "video": X["video"]})
    for name in ("knowledge", "context"):
        np.testing.assert_allclose(absent[name], mean[name], rtol=1e-3, atol=1e-5)
    np.testing.assert_array_equal(absent["auxiliary"], known["auxiliary"])


def test_without_anything_that_tells_knowledge_from_context_there_are_no_codes(X, y, quick):
    with pytest.raises(ValueError, match="observed mediator, which stands in the place"):
        quick().fit(X, y, mediator=y).codes(X)
    with pytest.raises(ValueError, match="'audio' is the only modality"):
        quick(beta=0).fit({"audio": X["audio"]}, y).codes({"audio": X["audio"]})
    with pytest.raises(NotFittedError):
        FrontDoorMultiModalClassifier().codes(X)
