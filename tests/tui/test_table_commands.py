"""The commands on a table, as a user types them."""

import json
from pathlib import Path

import pytest
from heart import write_heart
from typer.testing import CliRunner

from core.config import make_config
from core.experiment import run_experiment
from core.runs import read_info
from tui.cli import app


@pytest.fixture
def nnlab(tmp_path, monkeypatch):
    monkeypatch.setenv("NNLAB_RUNS", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    write_heart(tmp_path / "heart.csv")
    return lambda *words: CliRunner().invoke(app, words)


@pytest.fixture
def trained(nnlab, tmp_path):
    """A function that trains `model` on a target; gives what run.json says."""

    def train(target, model="mlp"):
        values = {"model": model, "data": "heart.csv", "target": target, "epochs": 2, "threads": 1}
        list(run_experiment(make_config(values), runs_dir=tmp_path / "runs", name=target))
        return read_info(tmp_path / "runs" / target)

    return train


def test_training_on_numbers_speaks_of_r_squared_and_rows(nnlab):
    result = nnlab("train", "linear", "--data", "heart.csv", "--target", "age", "--threads", "1")
    assert result.exit_code == 0, result.output
    assert "train R²  test loss   test R²" in result.stdout
    assert "rows/s" in result.stdout
    assert "(242 + 61 rows)" in result.stdout
    assert "test R² in epoch" in result.stdout
    assert "accuracy" not in result.stdout


def test_a_missing_target_is_answered_with_the_columns(nnlab):
    result = nnlab("train", "mlp", "--data", "heart.csv")
    assert result.exit_code == 1
    assert "has the columns age, sex, cp" in result.stderr
    assert "Traceback" not in result.output


def test_runs_show_and_compare_name_the_score(nnlab, trained):
    infos = {target: trained(target) for target in ("age", "thal")}
    best = {name: f"{info.best_test_score:.4f}" for name, info in infos.items()}
    lines = nnlab("runs").stdout.splitlines()
    assert any(f"R² {best['age']}" in line for line in lines)
    assert f"{best['age']} test R² in epoch" in nnlab("show", "age").stdout
    assert f"{best['thal']} test accuracy in epoch" in nnlab("show", "thal").stdout
    assert "test acc" in nnlab("show", "thal").stdout
    both = nnlab("compare", "age", "thal").stdout
    assert "test score" in both
    assert "test R²" not in both
    assert ["score", "R²", "accuracy"] in [line.split() for line in both.splitlines()]


def test_evaluating_numbers_tells_errors_in_their_own_units(nnlab, trained):
    info = trained("age")
    found = json.loads(nnlab("evaluate", "age", "--json", "--mistakes", "4").stdout)
    assert found["r2"] == pytest.approx(info.best_test_score, abs=1e-6)
    assert found["rows"] == 61
    errors = [abs(w["true"] - w["predicted"]) for w in found["worst"]]
    assert errors == sorted(errors, reverse=True)
    assert found["mae"] < errors[-1]
    rows = (line.split(",") for line in Path("heart.csv").read_text().splitlines())
    ages = {number: row[0] for number, row in enumerate(rows, 1)}
    assert [str(round(w["true"])) for w in found["worst"]] == [
        ages[w["line"]] for w in found["worst"]
    ]
    text = nnlab("evaluate", "age", "--mistakes", "4").stdout
    assert f"test R² {found['r2']:.4f} (61 rows)" in text
    assert f"{found['worst'][0]['line']:>6}  " in text
    refused = nnlab("evaluate", "age", "--confusion")
    assert refused.exit_code == 2
    assert "no confusion matrix" in refused.stderr


def test_mistakes_in_a_table_are_lines_of_its_file(nnlab, trained):
    trained("thal")
    found = json.loads(nnlab("evaluate", "thal", "--json", "-m", "2").stdout)
    text = nnlab("evaluate", "thal", "-m", "2", "--confusion").stdout
    for mistake in found["mistakes"]:
        assert f"{mistake['line']:>6}  {mistake['true']}" in text
    assert "61 images" not in text


def test_predicting_takes_new_rows_without_the_target(nnlab, trained, tmp_path):
    trained("thal")
    trained("age")
    rows = [line.split(",") for line in Path("heart.csv").read_text().splitlines()][:4]
    (tmp_path / "new.csv").write_text("\n".join(",".join(row[:12] + row[13:]) for row in rows))
    (tmp_path / "heart.csv").unlink()
    found = json.loads(nnlab("predict", "thal", "new.csv", "--json", "--top", "2").stdout)["rows"]
    assert [row["line"] for row in found] == [2, 3, 4]
    assert all(len(row["classes"]) == 2 for row in found)
    assert "fixed" in nnlab("predict", "thal", "new.csv").stdout
    (tmp_path / "new.csv").write_text("\n".join(",".join(row[1:]) for row in rows))
    values = json.loads(nnlab("predict", "age", "new.csv", "--json").stdout)["rows"]
    assert all(0 < row["value"] < 120 for row in values)
    lacking = nnlab("predict", "thal", "new.csv")
    assert lacking.exit_code == 1
    assert "lacks the column age" in lacking.stderr


def test_a_tables_columns_and_balance_are_shown(nnlab):
    lines = nnlab("data", "show", "heart.csv").stdout.splitlines()
    assert lines[1] == "303 rows, 14 columns"
    kinds = {line.split()[0]: line.split()[1:3] for line in lines[4:]}
    assert kinds["age"] == ["number", "–"]
    assert kinds["thal"] == ["text", "7"]
    found = json.loads(nnlab("data", "show", "heart.csv", "--target", "target", "--json").stdout)
    assert len(found["columns"]) == 14
    assert sum(found["classes"]["train"].values()) == found["train"]["rows"] == 242
    text = nnlab("data", "show", "heart.csv", "--target", "target").stdout
    assert "17 features from 13 columns" in text
    assert nnlab("data", "show", "fashion-mini", "--target", "x").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [("conv", "--data", "heart.csv"), ("shift", "label", "--data", "heart.csv")],
    ids=" ".join,
)
def test_what_needs_images_says_so(nnlab, words):
    result = nnlab(*words)
    assert result.exit_code == 1
    assert "is a table" in result.stderr


def test_looking_inside_has_gradients_but_no_filters(nnlab, trained):
    trained("age", "linear")
    assert "output.weight" in nnlab("inspect", "age", "--gradients").stdout
    result = nnlab("inspect", "age", "--filters")
    assert result.exit_code == 2
    assert "seen no image" in result.stderr
