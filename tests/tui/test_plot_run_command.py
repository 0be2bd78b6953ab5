"""nnlab plot run: what is drawn of runs that were written here."""

import math
from dataclasses import replace

import pytest
from PIL import Image, ImageColor
from sample_run import WHOLE_RUN
from typer.testing import CliRunner

from core.config import make_config
from core.events import RunStart
from core.record import record
from core.runs import create_run
from tui.cli import app
from tui.picture import COLOURS, SIZE


@pytest.fixture
def runs_dir(tmp_path):
    """Two runs, which differ in their names alone."""
    folder = tmp_path / "runs"
    for name in ("brave-otter", "calm-heron"):
        path = create_run(folder, make_config({"model": "lenet", "epochs": 3}), name)
        start = WHOLE_RUN[0]
        assert isinstance(start, RunStart)
        events = [replace(start, run=name, path=str(path)), *WHOLE_RUN[1:]]
        list(record(path, events, "0" * 64))
    return folder


def nnlab(runs_dir, *words):
    return CliRunner().invoke(app, ["plot", "run", *words, "--runs-dir", str(runs_dir)])


def test_one_run_has_its_training_and_its_test_curve_and_the_best_epoch(runs_dir):
    result = nnlab(runs_dir, "brave-otter", "--smooth", "0")
    assert result.exit_code == 0, result.output
    assert "loss   train 0.1145 ━━   test 0.2145 ┈●┈" in result.stdout
    assert "accuracy   train 0.8000 ━━   test 0.7500 ┈●┈" in result.stdout
    assert result.stdout.count("★") == 2
    assert "\nepoch 0.0 " in result.stdout


def test_of_a_run_with_very_many_rows_some_are_drawn_and_that_is_told(runs_dir, monkeypatch):
    monkeypatch.setattr("core.tail.WHOLE", 0)
    monkeypatch.setattr("core.long_log.PLACES", 3)
    monkeypatch.setattr("core.long_log.NEWEST", 0)
    result = nnlab(runs_dir, "brave-otter")
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith("brave-otter: The logs are long (0 MB, some ")
    assert "evenly spaced, 3 of them ends of epochs" in result.stderr
    assert "test 0.2145 ┈●┈" in result.stdout


def test_several_runs_have_letters_and_names(runs_dir):
    result = nnlab(runs_dir, "brave-otter", "calm-heron", "--figure", "score", "--x", "time")
    assert "test accuracy   A brave-otter 0.7500   B calm-heron 0.7500" in result.stdout
    assert "\n time 0 " in result.stdout


@pytest.mark.parametrize(
    "x", ["epoch", *(pytest.param(x, marks=pytest.mark.slow) for x in ("step", "time", "clock"))]
)
def test_every_chart_can_be_drawn_over_every_axis(runs_dir, x, tmp_path):
    words = ["brave-otter", "--x", x, "--figure", "loss,score,lr,speed,wait", "--log", "--log-x"]
    result = nnlab(runs_dir, *words)
    assert result.exit_code == 0, result.output
    assert "no figure" not in result.stdout
    assert nnlab(runs_dir, *words, "--png", str(tmp_path / "x.png")).exit_code == 0


def test_a_picture_has_a_chart_below_the_other_in_the_colours_of_the_curves(runs_dir, tmp_path):
    file = tmp_path / "curves.png"
    result = nnlab(runs_dir, "brave-otter", "calm-heron", "--side", "train", "--png", str(file))
    assert result.exit_code == 0, result.output
    assert str(file) in result.stdout
    with Image.open(file) as image:
        assert image.size == (SIZE[0], 2 * SIZE[1])
        seen = [colour for _, colour in image.getcolors(1 << 20)]
    for colour in COLOURS[:2]:
        wanted = ImageColor.getrgb(colour)
        assert any(math.dist(wanted, rgb) < 16 for rgb in seen)  # edges are mixed with the ground


def test_a_chart_that_there_is_not_has_a_close_one(runs_dir):
    result = nnlab(runs_dir, "brave-otter", "--figure", "loss,scor")
    assert result.exit_code == 2
    assert "'scor'" in result.stderr
    assert "Did you mean 'score'?" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["brave-oter"], "brave-otter"),
        (["brave-otter", "--png", "curves.jpg"], "pictures are PNG"),
        (["brave-otter", "--png", "nowhere/curves.png"], "cannot be written"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(runs_dir, words, said):
    result = nnlab(runs_dir, *words)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_run_without_a_report_says_so(runs_dir):
    path = create_run(runs_dir, make_config({"model": "lenet"}), "empty")
    list(record(path, WHOLE_RUN[:1], "0" * 64))
    result = nnlab(runs_dir, "empty")
    assert result.exit_code == 0, result.output
    assert "There is no figure to draw" in result.stdout
    assert nnlab(runs_dir, "empty", "--png", str(runs_dir / "empty.png")).exit_code == 0
