import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
@pytest.mark.slow
def test_the_python_blocks_run_one_after_another(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    namespace = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)
    predominant, doing, seeing, search, *explained = capsys.readouterr().out.splitlines()
    assert predominant == "modality0"
    assert float(doing) > 0.5 > 0.4 > float(seeing)
    assert search.startswith("0.0 [")  # nothing changes between its folds
    assert any(line.startswith("audio  +") for line in explained)
    loaded, rows = namespace["loaded"], namespace["X_test"]
    assert np.array_equal(loaded.predict_proba(rows), namespace["search"].predict_proba(rows))


def test_two_commands_stand_alone_in_their_blocks_and_use_the_constraints():
    assert [block.strip() for block in blocks("sh")] == COMMANDS
    assert len(COMMANDS) == 2
    assert all("-c constraints.txt" in command for command in COMMANDS)


def test_ci_runs_the_readme_s_test_command_word_for_word():
    assert COMMANDS[1] in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_pictures_exist():
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).is_file()


def test_every_link_inside_the_project_leads_to_a_file():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", README)
    assert [target for target in targets if not (ROOT / target).exists()] == []
