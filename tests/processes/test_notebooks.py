"""Classes that are defined in a notebook, which joblib's other processes can't import."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_a_search_in_other_processes_takes_modules_and_callbacks_of_a_notebook():
    cells = (Path(__file__).parent / "notebook.py").read_text("utf-8")
    run = [sys.executable, "-W", "error", "-", "cpu"]
    done = subprocess.run(run, input=cells, capture_output=True, text=True)
    assert done.stdout.endswith("done\n"), done.stderr
