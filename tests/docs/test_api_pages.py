import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
API = (ROOT / "docs" / "api" / "index.md").read_text()
ROOMS = ("baselines", "causal", "datasets", "plots")
MODULES = ("skbetafd", *(f"skbetafd.{room}" for room in ROOMS))


def listed(module):
    """The names that the API page's tables list under a module."""
    tables = re.findall(rf"currentmodule:: {re.escape(module)}\n(.*?)```", API, flags=re.DOTALL)
    return re.findall(r"^   (\w+)$", "\n".join(tables), flags=re.MULTILINE)


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_has_its_page_and_no_other_name_has(module):
    public = {name for name in importlib.import_module(module).__all__ if name != "__version__"}
    assert public
    assert sorted(listed(module)) == sorted(public)
