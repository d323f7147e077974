import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "plot_0010_quickstart.py"


def rows(text):
    return {line[:22].strip(): line[22:].split() for line in text.splitlines() if line[22:].strip()}


@pytest.mark.slow
def test_the_main_job_prints_its_table_and_saves_its_picture(
    tmp_path, monkeypatch, capsys, run_main
):
    monkeypatch.chdir(tmp_path)
    run_main()
    out = capsys.readouterr()
    lines = [line for line in out.out.splitlines() if line.startswith("beta = ")]
    assert [line[:22].strip() for line in lines] == ["beta = 0", "beta = 0.5", "beta = 1"]
    table = rows(out.out)
    iid, do = ([float(table[f"beta = {b}"][column]) for b in ("0", "1")] for column in (0, 1))
    assert iid[0] > iid[1]
    assert do[1] > 0.52 > do[0]
    assert {"logistic regression", "random forest", "MLPClassifier"} <= set(table)
    assert (tmp_path / "beta_curve.png").read_bytes().startswith(b"\x89PNG")
    assert "quickstart" in out.err


@pytest.mark.slow
def test_without_matplotlib_the_main_job_says_so(
    tmp_path, monkeypatch, capsys, no_matplotlib, run_main
):
    monkeypatch.chdir(tmp_path)
    run_main()
    assert "pip install 'skbetafd[plots]'" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_help_says_what_it_is_and_does_not_start_it(tmp_path, monkeypatch, capsys, run_main):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        run_main("--help")
    assert "beta_curve.png" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("example", [EXAMPLE], ids=lambda path: path.stem)
@pytest.mark.slow
def test_the_example_runs(example, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(example))
    assert "once the tint is random" in capsys.readouterr().out
