"""Every public name has a complete numpydoc docstring, and type hints."""

import ast
import inspect
import re
from importlib import import_module
from importlib.resources import files

import numpy as np
import pytest
from numpydoc.docscrape import FunctionDoc, NumpyDocString
from numpydoc.validate import ERROR_MSGS, validate
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler

from skbetafd import (
    DiscreteFrontDoorClassifier,
    FrontDoorMultiModalClassifier,
    FrontDoorMultiModalClassifierCV,
    PerModality,
)
from skbetafd.baselines import FusionClassifier, LateFusionClassifier, UnimodalClassifier

ROOMS = ("baselines", "causal", "datasets", "plots")
PACKAGES = ("skbetafd", *(f"skbetafd.{room}" for room in ROOMS))
"""Packages whose names are public."""

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


def is_own(value):
    return getattr(value, "__module__", "").split(".")[0] == "skbetafd"


def public_objects():
    """Give classes and functions of all ``__all__`` by their shortest name."""
    found = {}
    for package in map(import_module, PACKAGES):
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


def is_record(value):
    """Tell a result, which users get from a function and do not make."""
    return hasattr(value, "__dataclass_fields__") or hasattr(value, "_fields")


def is_exception(value):
    return inspect.isclass(value) and issubclass(value, Exception)


def as_in(name):
    """Give the parameters without a type that are described elsewhere, and where."""
    for entry in docstring(name)["Parameters"]:
        said = re.match(r"As in `([\w.]+)`", " ".join(entry.desc))
        if said and not entry.type:
            yield re.split(r",\s*", entry.name), said.group(1)


def found(name, near):
    """Find what a docstring names: by its full name, or beside the name it stands near."""
    beside = near.rsplit(".", 1)[0]
    for candidate in (f"{beside}.{name}", f"{near}.{name}", f"skbetafd.{name}", name):
        if candidate in EVERYTHING:
            return candidate
    raise LookupError(f"{near} refers to {name!r}, which is no public name")


def described(name, *sections):
    """The names that sections of a docstring describe."""
    doc = docstring(name)
    entries = [entry for section in sections for entry in doc[section]]
    return {part.lstrip("*") for entry in entries for part in re.split(r",\s*", entry.name)}


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_docstring_is_complete(name):
    value = OBJECTS.get(name)
    checked = CHECKED if name in OBJECTS else CHECKED - IN_CLASSES_AND_FUNCTIONS
    if is_record(value):
        checked = checked - {"PR01", "EX01"}
    if is_exception(value):
        checked = checked - {"EX01"}  # it is raised, not made
    elsewhere = {part for parts, _ in as_in(name) for part in parts}
    errors = [
        f"{code}: {text}"
        for code, text in validate(name)["errors"]
        if code in checked and not (code == "PR04" and re.split('"', text)[1] in elsewhere)
    ]
    assert not errors


@pytest.mark.parametrize("name", [name for name in EVERYTHING if list(as_in(name))])
def test_parameters_that_are_described_elsewhere_are_there(name):
    for parts, other in as_in(name):
        there = described(found(other, name), "Parameters", "Other Parameters")
        assert {part.lstrip("*") for part in parts} <= there


@pytest.mark.parametrize("name", [name for name, cls in CLASSES.items() if is_record(cls)])
def test_a_record_describes_its_fields_and_what_gives_it(name):
    fields = getattr(CLASSES[name], "__dataclass_fields__", None) or CLASSES[name]._fields
    assert {f for f in fields if not f.startswith("_")} <= described(name, "Attributes")
    see_also = docstring(name)["See Also"]
    makers = [found(other, name) for entry in see_also for other, _ in entry[0]]
    assert any(docstring(maker)["Examples"] for maker in makers)


@pytest.mark.parametrize("name", [n for n in EVERYTHING if not is_exception(OBJECTS.get(n))])
def test_a_default_is_given_where_there_is_one(name):
    value = OBJECTS.get(name, METHODS.get(name))
    defaults = {
        p.name
        for p in inspect.signature(value).parameters.values()
        if p.default is not p.empty and not is_record(value)
    }
    for entry in docstring(name)["Parameters"]:
        if entry.type and entry.name in defaults:
            assert "default=" in entry.type or "optional" in entry.type, entry.name


@pytest.mark.parametrize("name", EVERYTHING)
def test_arrays_say_their_shape(name):
    doc = docstring(name)
    for section in SECTIONS:
        for entry in doc[section]:
            if ARRAYS.search(entry.type) and "matplotlib" not in entry.type:
                said = " ".join([entry.type, *entry.desc])
                assert re.search(r"shape|\d-D|\(n|axis", said), f"{section}: {entry.name}"


def raised_in(function):
    """Name the exceptions that a function's own lines raise."""
    source = inspect.getsource(function)
    if source[0].isspace():  # a method: no dedent, which a string at the margin would stop
        source = f"if True:\n{source}"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield ast.unparse(node.exc.func)


CONSTRUCTORS = {
    name: cls.__init__
    for name, cls in CLASSES.items()
    if is_own(cls.__init__) and not is_record(cls)
}


@pytest.mark.parametrize(("name", "function"), (FUNCTIONS | CONSTRUCTORS).items())
def test_what_a_function_or_constructor_raises_is_told(name, function):
    told = " ".join(entry.type or entry.name for entry in docstring(name)["Raises"])
    assert {error for error in raised_in(function) if error not in told} == set()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_have_type_hints(name):
    signature = inspect.signature(FUNCTIONS[name])
    hinted = [p.annotation for p in signature.parameters.values() if p.name not in ("self", "cls")]
    assert signature.empty not in [*hinted, signature.return_annotation]


def test_the_type_hints_are_shipped():
    assert files("skbetafd").joinpath("py.typed").is_file()


SMALL = {"max_epochs": 1, "hidden_dim": 4}
ESTIMATORS = [
    FrontDoorMultiModalClassifier(
        n_references=4, early_stopping=True, seeing=GaussianNB(), **SMALL
    ),
    FrontDoorMultiModalClassifierCV(
        n_references=4, cv=2, early_stopping=True, seeing=GaussianNB(), **SMALL
    ),
    DiscreteFrontDoorClassifier(beta=0),
    FusionClassifier(**SMALL),
    UnimodalClassifier(**SMALL),
    LateFusionClassifier(**SMALL),
    PerModality(StandardScaler()),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_every_fitted_attribute_is_described_and_every_one_described_is_there(estimator, X, y):
    fitted = estimator.fit({name: np.round(value) for name, value in X.items()}, y)
    there = {n for n in dir(fitted) if n.endswith("_") and not n.startswith("_")}
    told = described(next(k for k, c in CLASSES.items() if c is type(fitted)), "Attributes")
    if "..." in told:  # the search's are those of the classifier too
        told = told - {"..."} | described("skbetafd.FrontDoorMultiModalClassifier", "Attributes")
    assert there <= told
    assert told - there <= {"feature_names_in_"}  # X here has no column names
