import json

import pytest
from typer.testing import CliRunner

from core.initializers import INITIALIZERS
from core.layers import ACTIVATIONS
from core.schedules import SCHEDULES
from tui.cli import app


def nnlab(*words: str):
    return CliRunner().invoke(app, ["plot", *words])


@pytest.mark.parametrize(
    "words",
    [
        *(("activation", name) for name in ACTIVATIONS),
        *(("schedule", name) for name in SCHEDULES),
        *(("init", name, "--depth", "4", "--width", "16") for name in INITIALIZERS),
    ],
    ids=" ".join,
)
def test_everything_that_can_be_chosen_can_be_drawn(words):
    result = nnlab(*words)
    assert result.exit_code == 0, result.output
    heading, legend, *picture = result.stdout.splitlines()
    assert heading.startswith(f"{words[1]}: ")
    assert legend.startswith("━━ ")
    assert max(map(len, picture)) <= 80
    assert json.loads(nnlab(*words, "--json").stdout)["name"] == words[1]


def test_the_curve_of_relu_bends_at_zero():
    lines = nnlab("activation", "relu", "--range", "2").stdout.splitlines()
    assert lines[-1].split() == [
        "x",
        "-2.0",
        "-1.5",
        "-1.0",
        "-0.5",
        "0.0",
        "0.5",
        "1.0",
        "1.5",
        "2.0",
    ]
    assert lines[2].split()[0] == "2.0"
    found = json.loads(nnlab("activation", "relu", "--json").stdout)
    at = {x: i for i, x in enumerate(found["xs"])}
    assert [found["ys"][at[x]] for x in (-6, 0, 3, 6)] == [0, 0, 3, 6]
    assert [found["gradients"][at[x]] for x in (-6, 0, 3, 6)] == [0, 0, 1, 1]


def test_a_schedule_is_drawn_over_its_epochs_up_to_its_peak():
    result = nnlab("schedule", "step", "--epochs", "100", "--lr", "0.4")
    lines = result.stdout.splitlines()
    assert "peak 0.4" in lines[1]
    assert lines[-1].split()[0] == "epoch"
    assert lines[-1].split()[-1] == "100"
    found = json.loads(nnlab("schedule", "step", "--epochs", "100", "--lr", "0.4", "--json").stdout)
    assert (found["lr"][0], found["lr"][-1]) == (0.4, pytest.approx(0.004))


def test_a_warm_up_begins_at_zero():
    found = json.loads(nnlab("schedule", "constant", "--warmup", "2.5", "--json").stdout)
    at = dict(zip(found["epochs"], found["lr"], strict=True))
    assert found["lr"][0] == 0
    assert max(lr for epoch, lr in at.items() if epoch < 2.4) < 0.1
    assert {lr for epoch, lr in at.items() if epoch > 2.5} == {0.1}


def test_options_of_an_initializer_stand_in_the_heading():
    words = ("init", "normal", "--init-options", "std=0.5", "--depth", "3", "--width", "8")
    assert nnlab(*words).stdout.startswith("normal std=0.5: ")
    assert json.loads(nnlab(*words, "--json").stdout)["options"] == {"std": 0.5}


def test_an_initializer_is_told_layer_by_layer():
    result = nnlab("init", "kaiming_normal", "--depth", "5", "--width", "64")
    rows = [line.split() for line in result.stdout.splitlines()[-5:]]
    assert [row[0] for row in rows] == list("12345")
    found = json.loads(
        nnlab("init", "kaiming_normal", "--depth", "5", "--width", "64", "--json").stdout
    )
    for row, layer in zip(rows, found["layers"], strict=True):
        assert float(row[1]) == pytest.approx(layer["activations"], rel=0.01)
        assert float(row[2]) == pytest.approx(layer["gradients"], rel=0.01)


def test_many_layers_have_a_line_for_some():
    lines = nnlab("init", "default", "--depth", "100", "--width", "8").stdout.splitlines()
    assert [line.split()[0] for line in lines[-10:]] == [str(n) for n in range(1, 100, 10)]


def test_a_tiny_terminal_is_told_that_it_is_one(monkeypatch):
    monkeypatch.setattr("tui.console.picture_size", lambda out: (12, 24))
    assert "no room to draw" in nnlab("activation", "relu").stdout


def test_a_spread_beyond_all_numbers_is_still_json():
    words = ("init", "thresholded_uniform", "--depth", "200", "--width", "64", "--json")
    layers = json.loads(nnlab(*words).stdout)["layers"]
    assert layers[-1]["activations"] == "NaN"
    assert nnlab(*words[:-1]).exit_code == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["activation", "rlu"], "Did you mean 'relu'?"),
        (["schedule", "cosin"], "Did you mean 'cosine'?"),
        (["init", "kaming_normal"], "Did you mean 'kaiming_normal'?"),
        (["init", "default", "--activation", "sigmoi"], "Did you mean 'sigmoid'?"),
        (["activation", "relu", "--range", "0"], "--range"),
        (["activation", "relu", "--range", "nan"], "--range"),
        (["schedule", "step", "--epochs", "0"], "--epochs"),
        (["schedule", "step", "--lr", "inf"], "--lr"),
        (["init", "default", "--depth", "1000000"], "--depth"),
        (["schedule", "step", "--epochs", "5", "--warmup", "6"], "the run has 5 epochs"),
        (["schedule", "step", "--warmup", "nan"], "--warmup"),
        (["init", "normal", "--init-options", "sdt=1"], "Did you mean 'std'?"),
        (["init", "normal", "--init-options", "std"], "not of the form name=value"),
        (["init", "normal", "--init-options", "std=-1"], "expects std >= 0"),
        (["activation"], "NAME"),
        (["activaton", "relu"], "activation"),
    ],
)
def test_what_cannot_be_is_one_clear_error(words, says):
    result = nnlab(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert says.lower() in result.stderr.lower()
    assert "Traceback" not in result.stderr
