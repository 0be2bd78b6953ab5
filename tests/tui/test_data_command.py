import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from core.datasets import DATASETS
from tui.cli import app


def nnlab(*words: str):
    return CliRunner().invoke(app, ["data", *words])


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """A folder of 10 red and 5 blue images, with names that a terminal must not obey."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, colour, count in (("red\x1b[2J", (255, 0, 0), 10), ("blue", (0, 0, 255), 5)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (12, 8), colour).save(tmp_path / "photos" / name / f"{i}.png")
    return tmp_path / "photos"


def test_every_data_set_is_listed_with_its_state(tmp_path):
    result = nnlab("list", "--data-dir", str(tmp_path))
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert lines.keys() == {"name", *DATASETS}
    assert "built-in" in lines["fashion-mini"]
    assert "↓ 29.4 MiB" in lines["fashion-mnist"]
    assert "60,000 + 10,000" in lines["mnist"]
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_a_data_set_that_is_here_says_where(shared_data):
    found = json.loads(nnlab("list", "--json", "--data-dir", str(shared_data)).stdout)
    by_name = {d["name"]: d for d in found}
    assert by_name["mnist"]["state"] == "ready"
    assert by_name["mnist"]["path"].startswith(str(shared_data))
    assert by_name["mnist"]["download_bytes"] == 0


def test_the_built_in_images_are_shown_with_their_figures():
    result = nnlab("show", "fashion-mini")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "fashion-mini"
    assert "6,000 for training, 2,000 for testing" in lines[1]
    assert any(line.split()[1:4] == ["Trouser", "600", "10.0"] for line in lines)
    captions = " ".join(lines[20:])
    for name in ("T-shirt/top", "Ankle boot"):
        assert name in captions
    assert max(map(len, lines)) <= 80


def test_mean_and_deviation_are_those_of_the_training_images():
    from core.datasets import Where, load

    found = json.loads(nnlab("show", "fashion-mini", "--json").stdout)
    loading = load("fashion-mini", Where())
    try:
        while True:
            next(loading)
    except StopIteration as end:
        pixels = end.value.train.pixels.double() / 255
    assert found["mean"] == pytest.approx([pixels.mean().item()])
    assert found["std"] == pytest.approx([pixels.std(correction=0).item()], rel=1e-6)
    assert found["shape"] == [1, 28, 28]
    assert found["train"]["images"] == sum(found["train"]["classes"].values()) == 6000


def test_a_folder_of_photos_is_shown_too(photos):
    result = nnlab("show", str(photos), "--samples", "3")
    assert result.exit_code == 0, result.output
    assert "\x1b" not in result.stdout
    assert "red�[2J" in result.stdout
    found = json.loads(nnlab("show", str(photos), "--json").stdout)
    assert found["shape"] == [3, 8, 12]
    assert found["test"]["images"] == 3  # a fifth of each class
    # 4 of 12 training images are blue, 8 red.
    assert found["mean"] == pytest.approx([8 / 12, 0, 4 / 12])
    assert np.allclose(found["std"], [np.sqrt(2 / 9), 0, np.sqrt(2 / 9)])


def test_samples_can_be_left_out():
    with_some, without = (nnlab("show", "fashion-mini", "--samples", n).stdout for n in ("4", "0"))
    assert with_some.startswith(without)
    assert len(without.splitlines()) == 8 + 2 + 10  # facts, titles, classes


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["show", "fashon-mini"], 2, "Did you mean 'fashion-mini'?"),
        (["show", "no/such/folder"], 1, "There is no folder 'no/such/folder'."),
        (["show", "fashion-mini", "--samples", "-1"], 2, "--samples"),
        (["shwo"], 2, "show"),
    ],
)
def test_what_cannot_be_is_one_clear_error(words, code, says):
    result = nnlab(*words)
    assert result.exit_code == code
    assert says in result.stderr
    assert "Traceback" not in result.stderr
