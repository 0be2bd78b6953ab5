import json

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from core.trained import load_trained
from tui.cli import app


@pytest.fixture
def nnlab(tmp_path):
    def run(*words: str):
        return CliRunner().invoke(app, ["inspect", *words, "--runs-dir", str(tmp_path / "runs")])

    return run


def test_every_parameter_has_a_line(tiny_run, nnlab):
    model = load_trained(tiny_run()).model
    title, header, *rows = nnlab("tiny").stdout.splitlines()
    assert title.startswith("tiny: net.py:net on fashion-mini")
    assert header.split() == ["parameter", "shape", "norm", "mean", "spread", "histogram"]
    assert [row.split()[0] for row in rows] == [name for name, _ in model.named_parameters()]
    assert rows[0].split()[1] == "4×1×3×3"
    assert float(rows[0].split()[2]) == pytest.approx(model.conv1.weight.norm().item(), abs=1e-4)
    assert max(map(len, [header, *rows])) <= 80


def test_gradients_are_a_column_more(tiny_run, nnlab):
    tiny_run()
    lines = nnlab("tiny", "--gradients").stdout.splitlines()
    assert lines[1].split()[-1] == "gradient"
    assert all(float(line.split()[-1]) >= 0 for line in lines[2:8])
    assert lines[-1].startswith("loss ")
    found = json.loads(nnlab("tiny", "--gradients", "--json").stdout)
    assert found["loss"] > 0
    assert all(p["gradient_norm"] >= 0 for p in found["parameters"])


def test_without_being_asked_for_there_are_no_gradients_and_no_images_are_read(
    tiny_run, nnlab, monkeypatch
):
    tiny_run()
    monkeypatch.delattr("core.trained.load")
    found = json.loads(nnlab("tiny", "--json").stdout)
    assert {p["gradient_norm"] for p in found["parameters"]} == {None}
    assert "loss" not in found


def test_filters_are_drawn_with_their_numbers(tiny_run, nnlab):
    run = tiny_run()
    lines = nnlab("tiny", "--filters").stdout.splitlines()
    assert lines[1] == "conv1: 4 filters of 1×3×3"
    assert lines[-1].split() == ["0", "1", "2", "3"]
    found = json.loads(nnlab("tiny", "--filters", "--json").stdout)["filters"]
    assert found["layer"] == "conv1"
    torch.testing.assert_close(torch.tensor(found["values"]), load_trained(run).model.conv1.weight)


def test_filters_of_a_perceptron_are_its_weights_as_images(tiny_run, nnlab):
    tiny_run(model="softmax")
    assert "3 filters of 1×8×8" in nnlab("tiny", "--filters").stdout


def test_feature_maps_of_a_test_image_and_of_its_file_are_the_same(
    tiny_run, nnlab, tiny_dataset, tmp_path
):
    tiny_run()
    Image.fromarray(tiny_dataset.test.pixels[5, 0].numpy()).save(tmp_path / "x.png")
    by_index, by_file = (
        json.loads(nnlab("tiny", "--features", what, "--json").stdout)["features"]
        for what in ("5", str(tmp_path / "x.png"))
    )
    assert by_index == by_file
    assert [layer["layer"] for layer in by_index] == ["conv1", "bn1", "relu1"]
    text = nnlab("tiny", "--features", "5").stdout
    for part in ("the image", "conv1: 4×6×6", "relu1: 4×6×6"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["tinny"], 1, "Did you mean 'tiny'?"),
        (["tiny", "--features", "24"], 2, "They count from 0 to 23."),
        (["tiny", "--features", "9" * 100], 2, "They count from 0 to 23."),
        (["tiny", "--features", "nope.png"], 1, "nope.png cannot be read: No such file"),
        (["tiny", "--features", "-1"], 1, "cannot be read"),
        (["tiny", "--features", ""], 1, "cannot be read"),
    ],
)
def test_what_cannot_be_is_one_clear_error(tiny_run, nnlab, words, code, says):
    tiny_run(epochs=1)
    result = nnlab(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_network_without_maps_says_so(tiny_run, nnlab):
    tiny_run(model="softmax", epochs=1)
    result = nnlab("tiny", "--features", "0")
    assert result.exit_code == 1
    assert "feature maps" in result.stderr
