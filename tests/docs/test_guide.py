"""The Python blocks of the documentation's pages run, and print what the pages say."""

import re
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NAMES = ["quickstart", "why_and_when", "comparison"]
PAGES = [DOCS / f"{name}.md" for name in NAMES] + sorted((DOCS / "user_guide").glob("*.md"))
SLOW = "quickstart choosing_beta saving_and_deploying mediator_and_criterion explaining".split()
MARKED = [
    pytest.param(page, id=page.stem, marks=[pytest.mark.slow] * (page.stem in SLOW))
    for page in PAGES
]
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
AS_PRINTED = ELLIPSIS | NORMALIZE_WHITESPACE


def run(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, namespace = page.read_text(), {"__name__": page.stem}
    for block in BLOCK.finditer(text):
        lines_before = "\n" * text.count("\n", 0, block.start(1))  # errors name the page's line
        exec(compile(lines_before + block[1], page.name, "exec"), namespace)
        said, told = capsys.readouterr().out, block[2] or ""
        assert OutputChecker().check_output(told, said, AS_PRINTED), f"{block[1]}\nprints\n{said}"


@pytest.mark.parametrize("page", MARKED)
def test_the_python_blocks_run_and_print_what_follows_them(page, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # what they save
    run(page, capsys)


def test_a_block_that_prints_something_else_is_found(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("```python\nprint(1)\n```\n\n```text\n2\n```\n")
    with pytest.raises(AssertionError, match="prints"):
        run(page, capsys)
    page.write_text("```python\nprint(1)\n```\n")
    with pytest.raises(AssertionError, match="prints"):
        run(page, capsys)
