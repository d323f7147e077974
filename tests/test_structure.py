"""The house that CONTRIBUTING.md describes, held against the code."""

import ast
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "skbetafd"
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_ENTRIES = 15
MOST_FLOORS = 10


def name_of(path):
    return path.relative_to(PACKAGE).as_posix()


def imported(path):
    """Yield each module, and each name from a module, that a file imports from elsewhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_below():
    """Give the rooms that each room imports from; the package's own face is no room."""
    below = {}
    for path in FILES:
        room, *inside = path.relative_to(PACKAGE).parts
        if room == "__init__.py":
            continue
        own = below.setdefault(room.removesuffix(".py"), set())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == len(inside) + 1:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                own |= {name.partition(".")[0] for name in names}
    return below


def floor_of(room, below, under=()):
    """Count the rooms one above another, from `room` down."""
    assert room not in under, f"a circle: {' -> '.join((*under, room))}"
    return 1 + max((floor_of(r, below, (*under, room)) for r in below[room]), default=0)


def test_the_contracts_of_the_layers_hold(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    broken = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert not broken, capsys.readouterr().out


def test_the_rooms_are_few_and_so_are_their_floors():
    entries = {path.name for path in PACKAGE.iterdir()} - {"__pycache__", "py.typed"}
    below = rooms_below()
    assert len(entries) <= MOST_ENTRIES
    assert max(floor_of(room, below) for room in below) <= MOST_FLOORS


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_scikit_learns_private_names_are_imported_in_one_file(path):
    private = {
        name
        for name in imported(path)
        if name.startswith("sklearn.") and any(part.startswith("_") for part in name.split("."))
    }
    assert not private or path.name == "sklearn_compat.py"
