import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
COMMANDS = re.findall(r"^python3 -m venv .*$", README, flags=re.MULTILINE)


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.filterwarnings("ignore:lbfgs failed to converge")
def test_the_python_blocks_run_one_after_another(capsys):
    namespace = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)
    predominant, doing, seeing, *beta_and_shape = capsys.readouterr().out.split()
    assert predominant == "modality0"
    assert beta_and_shape[1:] == ["(2,", "5)"]
    assert float(doing) > 0.5 > 0.4 > float(seeing)


def test_two_commands_stand_alone_in_their_blocks_and_use_the_constraints():
    assert [block.strip() for block in blocks("sh")] == COMMANDS
    assert len(COMMANDS) == 2
    assert all("-c constraints.txt" in command for command in COMMANDS)


def test_ci_runs_the_readme_s_test_command_word_for_word():
    assert COMMANDS[1] in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_pictures_exist():
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).is_file()
