"""Every public name has a complete numpydoc docstring, and type hints."""

import ast
import inspect
import pkgutil
import re
import textwrap
from importlib import import_module
from importlib.resources import files

import numpy as np
import pytest
from numpydoc.docscrape import FunctionDoc, NumpyDocString
from numpydoc.validate import ERROR_MSGS, validate
from sklearn.preprocessing import StandardScaler

import skbetafd
from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    PerModality,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier

INNER = {"nn", "training"}
"""Packages whose names are the library's own, and may change."""

NOT_CHECKED = {
    "ES01": "where a line says all, a second paragraph only repeats it",
    "SA01": "a See Also is for what is natural to look at next",
    "GL01": "the text begins behind the quotes",
    "SS05": "it takes every first word that ends in s for a verb: Class, Names",
    "GL02": "closing quotes of a single line stand in it",
}
CHECKED = set(ERROR_MSGS) - set(NOT_CHECKED)
IN_CLASSES_AND_FUNCTIONS = {"EX01"}
"""A method's use is shown by the examples of its class."""

ARRAYS = re.compile(r"\b(ndarray|array-like|Tensor|matrix)\b")
SECTIONS = ("Parameters", "Other Parameters", "Attributes", "Returns", "Yields")


def packages():
    """Yield every package whose names are public."""
    yield skbetafd
    for found in pkgutil.iter_modules(skbetafd.__path__):
        if found.ispkg and found.name not in INNER:
            yield import_module(f"skbetafd.{found.name}")


def is_own(value):
    return getattr(value, "__module__", "").split(".")[0] == "skbetafd"


def public_objects():
    """Give classes and functions of all ``__all__`` by their shortest name."""
    found = {}
    for package in packages():
        for name in package.__all__:
            value = getattr(package, name)
            if callable(value) and value not in found.values():
                found[f"{package.__name__}.{name}"] = value
    return found


def own_members(cls):
    """Yield public methods and properties that a class, or a base of this library, defines.

    What scikit-learn defines is described by scikit-learn.
    """
    for name in dir(cls):
        if name.startswith("_"):
            continue
        owner = next(base for base in cls.__mro__ if name in vars(base))
        if is_own(owner):
            yield name, inspect.getattr_static(cls, name)


def plain_function(member):
    member = getattr(member, "__func__", member)
    return inspect.unwrap(member) if inspect.isfunction(member) else None


OBJECTS = public_objects()
CLASSES = {name: value for name, value in OBJECTS.items() if inspect.isclass(value)}
METHODS = {
    f"{name}.{method}": plain_function(member)
    for name, cls in CLASSES.items()
    for method, member in own_members(cls)
    if plain_function(member)
}
FUNCTIONS = {name: f for name, f in OBJECTS.items() if name not in CLASSES} | METHODS
EVERYTHING = [*OBJECTS, *METHODS]
"""Their full names."""


def docstring(name):
    value = OBJECTS.get(name, METHODS.get(name))
    text = inspect.getdoc(value) or ""
    return NumpyDocString(text) if inspect.isclass(value) else FunctionDoc(value, doc=text)


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_docstring_is_complete(name):
    checked = CHECKED if name in OBJECTS else CHECKED - IN_CLASSES_AND_FUNCTIONS
    errors = [f"{code}: {text}" for code, text in validate(name)["errors"] if code in checked]
    assert not errors
