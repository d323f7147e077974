"""Public names are known by where they are public, in pickles, reprs and joblib's memories."""

import doctest
import importlib
import inspect
import pickle

import pytest

import skbetafd

FACES = ("skbetafd", *(f"skbetafd.{name}" for name in ("baselines", "causal", "datasets", "plots")))
PUBLIC = [
    (face, name)
    for face in FACES
    for name in importlib.import_module(face).__all__
    if not name.startswith("__")
]


@pytest.mark.parametrize(("face", "name"), PUBLIC)
def test_a_public_name_says_where_it_is_public(face, name):
    value = getattr(importlib.import_module(face), name)
    assert value.__module__ == face
    assert pickle.loads(pickle.dumps(value)) is value


def test_a_pickled_estimator_is_found_by_its_public_name():
    assert b"skbetafd\x94\x8c\x1dFrontDoorMultiModalClassifier" in pickle.dumps(
        skbetafd.FrontDoorMultiModalClassifier()
    )


@pytest.mark.parametrize(("face", "name"), PUBLIC)
def test_examples_of_methods_run(face, name):
    """Those that pytest does not find, as their class is known by another file than theirs."""
    cls = getattr(importlib.import_module(face), name)
    if not inspect.isclass(cls):
        return
    examples = doctest.DocTestParser()
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for method in vars(cls).values():
        if inspect.isfunction(method) and ">>>" in (method.__doc__ or ""):
            runner.run(examples.get_doctest(method.__doc__, {}, name, None, None))
    assert not runner.summarize().failed
