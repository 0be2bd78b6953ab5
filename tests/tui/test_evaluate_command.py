import json
import math

import pytest
from typer.testing import CliRunner

from core.datasets import Dataset, Images
from core.events import EpochEnd
from core.record import read_events
from core.runs import read_info
from tui.cli import app


@pytest.fixture
def nnlab(tmp_path):
    def run(*words: str):
        return CliRunner().invoke(app, [*words, "--runs-dir", str(tmp_path / "runs")])

    return run


def test_the_figures_are_those_that_the_run_recorded(tiny_run, nnlab):
    info = read_info(tiny_run(epochs=5, lr=0.3))
    result = nnlab("evaluate", "tiny")
    assert result.exit_code == 0, result.output
    title, figures, _, header, *rows = result.stdout.splitlines()
    assert title.startswith("tiny: ")
    assert f"best checkpoint: epoch {info.best_epoch}, step {info.best_epoch * 5}" in title
    assert figures.startswith(f"test accuracy {info.best_test_score:.4f} (")
    assert header.split()[:4] == ["class", "images", "accuracy", "precision"]
    assert [row.split()[0] for row in rows] == ["top", "middle", "bottom"]
    assert sum(int(row.split()[1]) for row in rows) == 24


def test_the_loss_is_the_one_that_the_run_was_trained_with(tiny_run, nnlab):
    run = tiny_run(loss="squared", label_smoothing=0.1, epochs=1)
    [end] = [e for e in read_events(run) if isinstance(e, EpochEnd)]
    assert end.test_loss < 0.9 < math.log(3)  # cross-entropy would be near ln 3 at first
    found = json.loads(nnlab("evaluate", "tiny", "--json").stdout)
    assert found["loss"] == pytest.approx(end.test_loss, rel=1e-5)


def test_json_adds_up(tiny_run, nnlab):
    tiny_run(epochs=2, lr=0.01)
    found = json.loads(nnlab("evaluate", "tiny", "--json", "--mistakes", "3").stdout)
    matrix = found["confusion"]
    right = sum(matrix[i][i] for i in range(3))
    assert found["images"] == sum(map(sum, matrix)) == 24
    assert found["accuracy"] == right / 24
    assert found["mistakes_in_all"] == 24 - right
    assert len(found["mistakes"]) == min(3, 24 - right) > 0
    for i, row in enumerate(found["classes"]):
        assert row["images"] == sum(matrix[i])
        assert row["accuracy"] == matrix[i][i] / row["images"]
    worst = found["mistakes"][0]
    assert worst["true"] != worst["predicted"]
    assert worst["probability_of_true"] < worst["probability"]


def test_the_matrix_and_the_mistakes_are_drawn_below(tiny_run, nnlab):
    tiny_run(epochs=2, lr=0.01)
    found = json.loads(nnlab("evaluate", "tiny", "--json").stdout)
    lines = nnlab("evaluate", "tiny", "-c", "-m", "2").stdout.splitlines()
    start = lines.index(next(line for line in lines if line.split() == ["0", "1", "2"])) + 1
    drawn = [line.split()[2:] for line in lines[start : start + 3]]
    assert drawn == [[str(n) if n else "·" for n in row] for row in found["confusion"]]
    assert any(f"the worst 2 of {found['mistakes_in_all']} mistakes" in line for line in lines)
    assert sum(line.count("→") for line in lines if "worst" not in line) == 2
    assert max(map(len, lines)) <= 80


def test_many_classes_are_listed_where_a_matrix_has_no_room(
    tiny_run, nnlab, tiny_dataset, monkeypatch
):
    many = tuple(f"class number {i}" for i in range(40))

    def load_many(name, where):
        yield from ()
        part = tiny_dataset.train
        return Dataset("many", many, part, Images(part.pixels, part.labels + 37), "0" * 64)

    for module in ("core.prepare", "core.trained"):
        monkeypatch.setattr(f"{module}.load", load_many)
    tiny_run(epochs=1)
    result = nnlab("evaluate", "tiny", "--confusion")
    assert "40 classes are too many to draw" in result.stdout
    assert "taken for class number" in result.stdout
    assert "–" in result.stdout  # classes without a test image have no accuracy


def test_a_class_cannot_command_the_terminal(tiny_run, nnlab, tiny_dataset, monkeypatch):
    evil = Dataset(
        "evil", ("\x1b[2J", "[/red]", "猫" * 30), tiny_dataset.train, tiny_dataset.test, "0" * 64
    )

    def load_evil(name, where):
        yield from ()
        return evil

    for module in ("core.prepare", "core.trained"):
        monkeypatch.setattr(f"{module}.load", load_evil)
    tiny_run(epochs=1)
    result = nnlab("evaluate", "tiny", "-c", "-m", "3")
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout
    assert "[/red]" in result.stdout


def test_what_a_network_prints_stays_out_of_the_json(tiny_run, nnlab, tmp_path):
    tiny_run(epochs=1)
    net = tmp_path / "net.py"
    net.write_text("print('hello')\n" + net.read_text())
    result = nnlab("evaluate", "tiny", "--json")
    assert json.loads(result.stdout)["run"] == "tiny"
    assert "hello" in result.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["tinny"], 1, "Did you mean 'tiny'?"),
        (["tiny", "--checkpoint", "3"], 1, "Choose best, last or a step: 5."),
        (["tiny", "--device", "cuda:99"], 1, "cuda:99"),
        (["tiny", "--device", "gpu"], 1, "There is no device called 'gpu'."),
        (["tiny", "--mistakes", "-1"], 2, "--mistakes"),
    ],
)
def test_what_cannot_be_is_one_clear_error(tiny_run, nnlab, words, code, says):
    tiny_run(epochs=1)
    result = nnlab("evaluate", *words)
    assert result.exit_code == code
    assert says in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
