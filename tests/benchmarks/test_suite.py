import ast
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from suite import methods, report, run, tracks

ROOT = Path(__file__).parents[2]


def scores(accuracies, seeds=(0, 1), test="broken"):
    """One row a set, predictor and seed; log-loss is one minus accuracy."""
    shared = {"track": "interventional", "variant": "independent", "test": test, "budget": 1}
    shared |= {"weak_overlap": 0.25, "n_train": 70, "n_test": 30, "seconds": 1.0}
    rows = [
        {"set": name, "seed": seed, "method": predictor, "predictor": predictor}
        | {"accuracy": accuracy, "log_loss": 1 - accuracy}
        | shared
        for seed in seeds
        for name, by_predictor in accuracies.items()
        for predictor, accuracy in by_predictor.items()
    ]
    return pd.DataFrame(rows)


def test_corrected_t_test_widens_the_plain_one_by_the_rows_that_splits_share():
    differences = np.array([0.01, 0.03, 0.02, 0.02])
    t = 0.02 / np.sqrt(differences.var(ddof=1) * (1 / 4 + 30 / 70))
    expected = 2 * stats.t.sf(t, 3)
    assert report.corrected_t_test(differences, 70, 30) == pytest.approx(expected)


def test_critical_difference_is_demsar_s():
    # Demšar 2006, table 5: q = 2.569 for four classifiers; his example has 14 sets
    assert report.critical_difference(14, 4) == pytest.approx(2.569 * np.sqrt(20 / 84), abs=2e-3)


def test_gap_closed_is_the_share_between_joint_and_the_best_possible():
    rows = scores({"kar/mor": {"joint": 0.3, "β = 1": 0.5, "best possible": 0.55}})
    assert "kar/mor 80%" in report.gap_closed(rows)


def test_the_rival_is_of_the_same_network_and_its_margins_are_named():
    both = {"joint": 0.3, "auxiliaries alone": 0.5, "stacking": 0.9, "best possible": 0.95}
    rows = scores({"a": {**both, "β = 1": 0.45}, "b": {**both, "β = 1": 0.55}})
    said = report.against_best_rival(rows)
    assert "is auxiliaries alone, 0.500 / 0.50" in said
    assert "accuracy or .05 in log-loss on: a." in said
    assert "in log-loss, on 1 of 2." in said


def test_a_seed_that_was_cut_off_is_left_out():
    full = scores({"a": {"joint": 0.3, "β = 1": 0.4}})
    rows = pd.concat([full, scores({"a": {"joint": 0.3}}, seeds=[2])])
    assert sorted(report.whole_seeds(rows)["seed"].unique()) == [0, 1]


def scores_of(job, tests=("iid", "half_broken", "broken", "redrawn")):
    parts = [scores({"a": {job: 0.3}}, seeds=[0], test=test) for test in tests]
    return pd.concat(parts)[list(run.Score._fields)]


JOINT = {run.Job("interventional", "a", "independent", 0, "joint")}


@pytest.fixture
def path(tmp_path):
    """The scores of one job."""
    path = tmp_path / "scores.csv"
    scores_of("joint").to_csv(path, index=False)
    return path


def test_finished_jobs_are_read_and_an_unfinished_line_is_cut_off(path):
    whole = path.read_text()
    path.write_text(whole + "interventional,a,indep")
    assert run.done(path, budget=1) == JOINT
    assert path.read_text() == whole


def test_a_job_of_which_lines_were_lost_is_run_again(path):
    whole = path.read_text()
    scores_of("uniform", ["iid", "broken"]).to_csv(path, index=False, header=False, mode="a")
    assert run.done(path, budget=1) == JOINT
    assert path.read_text() == whole
    scores_of("front-door").to_csv(path, index=False)  # the first of its three predictors alone
    assert run.done(path, budget=1) == set()


def test_a_line_that_is_broken_in_the_middle_is_named(path):
    lines = path.read_text().splitlines()
    lines[2] = "interventional,a"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(ValueError, match=r"scores\.csv, line 3 is broken: 'interventional,a'"):
        run.done(path, budget=1)


def test_scores_of_another_budget_are_not_mixed_in(path):
    with pytest.raises(ValueError, match="made with --budget 1, not 3: name another --out"):
        run.done(path, budget=3)


@pytest.mark.parametrize("n_rows", [0, 1])
def test_scores_with_other_columns_are_refused(path, n_rows):
    old = scores_of("joint").drop(columns="weak_overlap")
    old[:n_rows].to_csv(path, index=False)
    with pytest.raises(ValueError, match="columns of another version"):
        run.done(path, budget=1)


@pytest.mark.slow
def test_every_variant_says_how_the_confounder_is_planted():
    split = tracks.task("interventional", "kar/mor", "correlated with the content", 0)
    laws = tracks.VARIANTS["correlated with the content"].by_class
    assert len(set(laws)) == len(laws) == 2
    assert set(split.tests) == {"iid", "half_broken", "broken", "redrawn"}
    broken, redrawn = split.tests["broken"], split.tests["redrawn"]
    assert np.array_equal(broken[0]["mor"], redrawn[0]["mor"])
    assert not np.array_equal(broken[1], redrawn[1])


@pytest.mark.slow
def test_missing_auxiliaries_leave_the_predominant_modality_alone():
    split = tracks.task("clean", "kar/mor", "no confounder", 0)
    X, _ = split.tests["50% missing"]
    gone = np.isnan(X["mor"]).all(axis=1)
    assert 0.4 < gone.mean() < 0.6
    assert not np.isnan(X["kar"]).any()
    assert np.isnan(split.tests["100% missing"][0]["mor"]).all()


def test_a_report_without_the_reference_says_so(tmp_path):
    accuracies = {name: {"joint": 0.3, "ogm-ge": 0.4} for name in "abc"}
    scores(accuracies).to_csv(tmp_path / "scores.csv", index=False)
    report.write_report(tmp_path / "scores.csv", tmp_path)
    said = (tmp_path / "report.md").read_text()
    assert "β = 1 lacks scores, and is not compared." in said
    assert "3 sets, 2 predictors: too few for Friedman's test." in said


def test_ensembles_are_listed_apart_and_not_ranked():
    accuracies = {"joint": 0.3, "β = 0": 0.5, "uniform": 0.4, "stacking": 0.9}
    rows = scores({name: accuracies for name in ("kar/mor", "penguin")}, test="iid")
    said = report.by_group(rows, ["joint", "β = 0", "uniform"]).splitlines()
    assert said[2] == "| predictor | first, 1 sets | recorded, 1 sets | all, 2 sets |"
    assert said[4].startswith("| β = 0 | 0.500 / 0.500; 1.0, 1.0 |")
    assert said[-1] == "| *stacking* | 0.900 / 0.100 | 0.900 / 0.100 | 0.900 / 0.100 |"


def test_bird_strikes_are_reported_apart(tmp_path):
    both = {"joint": 0.3, "β = 0": 0.5, "uniform": 0.4}
    sets = {"kar/mor": both, "birds_phase": both}
    rows = pd.concat([scores(sets, test=test) for test in ("iid", "100% missing")])
    rows.assign(track="clean").to_csv(tmp_path / "scores.csv", index=False)
    report.write_report(tmp_path / "scores.csv", tmp_path)
    known, birds = (tmp_path / "report.md").read_text().split("## Bird strikes as they were filed")
    assert "birds_phase" not in known
    assert "| joint | 0.300 / 0.70 |" in birds


def test_sets_on_which_a_flat_model_is_far_ahead_are_named():
    flat = dict.fromkeys(report.FLAT, 0.5) | {"stacking": 0.9}
    rows = scores({"a": {**flat, "β = 0": 0.48}, "b": {**flat, "β = 0": 0.49}}, test="iid")
    assert "on: a 2.0." in report.flat_wins(rows)


def test_a_temperature_is_fitted_on_held_out_rows_and_used_on_others():
    class Overconfident:
        classes_ = np.array(["a", "b"])

        def predict_proba(self, X):
            return np.tile([0.99, 0.01], (len(X), 1))

    y = np.array(["a"] * 70 + ["b"] * 30)
    held = Overconfident().predict_proba(y)
    predict = methods._tempered(Overconfident(), held, y)
    assert predict(np.zeros((2, 1))) == pytest.approx(np.tile([0.7, 0.3], (2, 1)), abs=0.03)


def test_one_seed_is_no_test():
    rows = scores({"a": {"joint": 0.3, "β = 1": 0.4}}, seeds=[0])
    said = report.comparisons(rows, ["joint", "β = 1"], "β = 1")
    assert "| joint | 0 | 1 | 0 |" in said


def test_a_file_cut_off_in_its_header_gets_another(path):
    path.write_text("track,se")
    assert run.done(path, budget=1) == set()
    run.work([], path, 1, 1)
    assert path.read_text().strip() == ",".join(run.Score._fields)


def test_a_set_that_there_is_not_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["run.py", "--sets", "kar/mor", "kar/more"])
    with pytest.raises(SystemExit):
        run.parsed()
    assert "'kar/more'" in capsys.readouterr().err


def test_scores_are_packed_to_the_same_bytes_and_read_again(monkeypatch, tmp_path):
    packed = tmp_path / "scores.csv.gz"
    whole = scores_of("joint").to_csv(index=False).encode()
    packed.write_bytes(gzip.compress(whole))
    monkeypatch.setattr("sys.argv", ["run.py", "--seeds", "0", "--out", str(tmp_path)])
    run.main()
    first = packed.read_bytes()
    run.main()
    assert packed.read_bytes() == first
    assert gzip.decompress(first) == whole
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.md", "scores.csv.gz", "suite.png"}


def test_every_file_that_the_mutation_runs_name_is_there():
    tree = ast.parse((ROOT / "benchmarks" / "mutation.py").read_text())
    (parts,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "PARTS"
    ]
    for modules, tests in parts.values():
        paths = [*(f"skbetafd/{name}" for name in modules), *tests]
        assert [path for path in paths if not (ROOT / path).is_file()] == []
