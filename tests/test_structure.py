"""The layout that CONTRIBUTING.md states, held against the code."""

import ast
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skbetafd"
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 320
LONGER = {
    "_classifier.py": "one estimator: half of it is its manual, and scikit-learn wants each of "
    "the 38 parameters in the signature and assigned",
    "_classifier_cv.py": "one estimator; a third of it repeats those parameters, as scikit-learn "
    "wants",
    "_per_modality.py": "one transformer: half of it is docstrings",
    "causal/continuous.py": "one model: half of it is docstrings with the mathematics",
    "causal/scm.py": "one simulator: half of it is docstrings",
    "datasets/_confound.py": "one function and what it returns: half of it is docstrings",
    "plots/_beta_path.py": "one display, made from four kinds of input, each a documented method",
}
"""Files with more lines, each with the reason why it is not split."""


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


def imported(path):
    """Yield each module, and each name from a module, that a file imports from elsewhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_contracts_of_the_layers_hold(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    broken = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert not broken, capsys.readouterr().out


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_scikit_learns_private_names_are_imported_in_one_file(path):
    private = {
        name
        for name in imported(path)
        if name.startswith("sklearn.") and any(part.startswith("_") for part in name.split("."))
    }
    assert not private or path.name == "sklearn_compat.py"


def test_files_are_short_save_those_that_say_why():
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name for name, n in lengths.items() if n > MOST_LINES} == set(LONGER)
    assert all(LONGER.values())
