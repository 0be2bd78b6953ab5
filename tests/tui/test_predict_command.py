import json
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from tui.cli import app


@pytest.fixture
def nnlab(tmp_path):
    def run(*words: str):
        return CliRunner().invoke(app, ["predict", *words, "--runs-dir", str(tmp_path / "runs")])

    return run


@pytest.fixture
def files(tmp_path, tiny_dataset) -> list[Path]:
    """The first test image of each class, as PNG files."""
    found = []
    for label, name in enumerate(tiny_dataset.classes):
        at = int((tiny_dataset.test.labels == label).nonzero()[0])
        found.append(tmp_path / f"{name}.png")
        Image.fromarray(tiny_dataset.test.pixels[at, 0].numpy()).save(found[-1])
    return found


def test_images_are_recognised_from_files(tiny_run, nnlab, files):
    tiny_run(epochs=15, lr=0.5)
    found = json.loads(nnlab("tiny", *map(str, files), "--json").stdout)
    assert [image["classes"][0]["name"] for image in found["images"]] == ["top", "middle", "bottom"]
    for image in found["images"]:
        probabilities = [c["probability"] for c in image["classes"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert sum(probabilities) == pytest.approx(1)


def test_top_names_as_many_classes_as_there_are(tiny_run, nnlab, files):
    tiny_run(epochs=1)
    for top, count in ((1, 1), (99, 3)):
        found = json.loads(nnlab("tiny", str(files[0]), "--top", str(top), "--json").stdout)
        assert len(found["images"][0]["classes"]) == count


def test_each_image_is_drawn_with_its_classes_beside_it(tiny_run, nnlab, files):
    tiny_run(epochs=15, lr=0.5)
    result = nnlab("tiny", str(files[0]), str(files[2]))
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert sum("top.png" in line or "bottom.png" in line for line in lines) == 2
    assert max(map(len, lines)) <= 80
    beside = next(i for i, line in enumerate(lines) if "top.png" in line)
    assert " top " in lines[beside + 1]
    assert " %" in lines[beside + 1]


def test_a_colour_photo_of_another_size_is_brought_to_the_training_images(
    tiny_run, nnlab, tmp_path
):
    tiny_run(epochs=1)
    Image.new("RGB", (300, 100), (200, 30, 30)).save(tmp_path / "x.jpg")
    assert nnlab("tiny", str(tmp_path / "x.jpg")).exit_code == 0


@pytest.mark.parametrize("content", [None, b"", b"no image at all"])
def test_an_image_that_cannot_be_read_is_named(tiny_run, nnlab, files, tmp_path, content):
    tiny_run(epochs=1)
    bad = tmp_path / "bad.png"
    if content is not None:
        bad.write_bytes(content)
    result = nnlab("tiny", str(files[0]), str(bad))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "bad.png cannot be read" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_folder_is_no_image(tiny_run, nnlab, tmp_path):
    tiny_run(epochs=1)
    result = nnlab("tiny", str(tmp_path))
    assert result.exit_code == 1
    assert "Is a directory" in result.stderr


def test_a_file_is_needed(nnlab):
    assert nnlab("tiny").exit_code == 2


def test_the_name_of_a_file_cannot_command_the_terminal(tiny_run, nnlab, files, tmp_path):
    tiny_run(epochs=1)
    evil = files[0].rename(tmp_path / "\x1b[2J.png")
    result = nnlab("tiny", str(evil))
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
