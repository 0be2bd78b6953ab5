import json

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from typer.testing import CliRunner

from core.kernels import KERNELS
from core.trained import load_trained
from tui.cli import app
from tui.commands.conv import complete_kernel


def nnlab(*words: str):
    return CliRunner().invoke(app, ["conv", *words])


def bar(tmp_path):
    """The note's image: 4 x 8, with a white bar in columns 2 to 5."""
    image = torch.zeros(4, 8, dtype=torch.uint8)
    image[:, 2:6] = 255
    Image.fromarray(image.numpy()).save(tmp_path / "bar.png")
    return str(tmp_path / "bar.png")


def test_the_notes_edge_detector_on_the_notes_image(tmp_path):
    found = json.loads(nnlab("1 -1", "--image", bar(tmp_path), "--json").stdout)
    [result] = found["results"]
    assert result["values"] == [[[0, -1, 0, 0, 0, 1, 0]] * 4]
    assert result["output_shape"] == [1, 4, 7]
    assert result["arithmetic"] == [
        "H' = (H + 2p - k) // s + 1 = (4 + 2*0 - 1) // 1 + 1 = 4",
        "W' = (W + 2p - k) // s + 1 = (8 + 2*0 - 2) // 1 + 1 = 7",
    ]


def test_the_picture_stands_below_the_kernel_and_the_arithmetic(tmp_path):
    lines = nnlab("edge_vertical", "--image", bar(tmp_path)).stdout.splitlines()
    assert lines[0].endswith("bar.png")
    before, after = "        @@@@@@@@@@@@@@@@        ", "    ****            ####    "
    assert lines[1:] == [
        "edge_vertical (1x2): Vertical edges: a pixel minus its right neighbour, as in the note.",
        "",
        " 1  -1   H' = (H + 2p - k) // s + 1 = (4 + 2*0 - 1) // 1 + 1 = 4",
        "         W' = (W + 2p - k) // s + 1 = (8 + 2*0 - 2) // 1 + 1 = 7",
        "         values from -1 to 1; bright: far from 0",
        "",
        *[f"{before}    {after}"] * 8,  # four times as large
    ]


def test_padding_and_stride_can_differ_between_height_and_width():
    words = ("blur", "--padding", "0,1", "--stride", "3,4", "--json")
    [result] = json.loads(nnlab(*words).stdout)["results"]
    assert result["output_shape"] == [1, (28 - 3) // 3 + 1, (28 + 2 - 3) // 4 + 1]


def test_without_a_kernel_all_are_tried():
    result = nnlab()
    assert result.exit_code == 0
    for name in ("the image", *KERNELS):
        assert name in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    found = json.loads(nnlab("--json").stdout)
    assert [r["kernel"] for r in found["results"]] == list(KERNELS)


def test_a_runs_filter_gives_what_its_first_layer_gives_without_the_bias(tiny_run, tiny_dataset):
    run = tiny_run()
    words = ("--run", "tiny", "--runs-dir", str(run.parent), "--index", "4", "--json")
    found = json.loads(nnlab(*words, "--filter", "2").stdout)
    trained = load_trained(run)
    pixels = tiny_dataset.test.pixels[4:5] / 255
    expected = F.conv2d(pixels, trained.model.conv1.weight)[0, 2]
    [result] = found["results"]
    torch.testing.assert_close(torch.tensor(result["values"])[0], expected)
    assert [r["kernel"] for r in json.loads(nnlab(*words).stdout)["results"]] == list("0123")
    text = nnlab(*words[:-1], "--filter", "2").stdout
    assert "2 (1x3x3): filter of conv1, tiny, epoch" in text


def test_a_grey_filter_works_on_a_colour_photo(tiny_run, tmp_path):
    run = tiny_run(epochs=1)
    Image.new("RGB", (30, 20), (10, 200, 90)).save(tmp_path / "x.png")
    words = ("--run", "tiny", "--runs-dir", str(run.parent), "--image", str(tmp_path / "x.png"))
    found = json.loads(nnlab(*words, "--filter", "0", "--json").stdout)
    assert found["input_shape"] == [1, 20, 30]


def test_a_large_photo_is_reduced_to_the_terminal_and_it_is_said(tmp_path):
    Image.new("L", (400, 200), 120).save(tmp_path / "x.png")
    result = nnlab("blur", "--image", str(tmp_path / "x.png"))
    assert "reduced from 400x200 to 38x19" in " ".join(result.stdout.split())
    assert "(19 + 2*0 - 3) // 1 + 1 = 17" in result.stdout


def test_a_frame_wider_than_the_terminal_is_reduced_with_its_image():
    lines = nnlab("blur", "--padding", "100").stdout.splitlines()
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["blurr"], 2, "Did you mean 'blur'?"),
        (["blur", "--stride", "0"], 2, "--stride cannot be '0'."),
        (["blur", "--stride", "1,2,3"], 2, "--stride cannot be '1,2,3'."),
        (["blur", "--padding", "-1"], 2, "--padding cannot be '-1'."),
        (["blur", "--padding", "101"], 2, "from 0 to 100"),
        (["blur", "--padding", "x"], 2, "--padding cannot be 'x'."),
        (["blur", "--padding", "٣"], 2, "--padding cannot be '٣'."),
        (["1 2; 3"], 2, "is no kernel"),
        (["blur", "--image", "nope.png"], 1, "nope.png cannot be read"),
        (["blur", "--index", "2000"], 2, "They count from 0 to 1999."),
        (["blur", "--data", "fashon"], 2, "Did you mean 'fashion-mini'?"),
        (["blur", "--data", "mnist", "--image", "x.png"], 2, "exclude each other"),
        (["blur", "--run", "x"], 2, "exclude each other"),
        (["--filter", "1"], 2, "Add --run NAME."),
        (["--run", "nope", "--runs-dir", "no-such-folder"], 1, "There are no runs"),
        (["--", " ".join("1" * 31), "--stride"], 2, "--stride"),
        ([" ".join("1" * 31)], 2, "A kernel of 1x31 does not fit into an image of 28x28."),
    ],
)
def test_what_cannot_be_is_one_clear_error(words, code, says):
    result = nnlab(*words)
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert "Traceback" not in result.stderr


def test_a_filter_that_the_run_has_not_is_refused(tiny_run):
    run = tiny_run(epochs=1)
    result = nnlab("--run", "tiny", "--runs-dir", str(run.parent), "--filter", "4")
    assert result.exit_code == 2
    assert "They count from 0 to 3." in result.stderr


def test_the_shell_is_offered_every_kernel_with_what_it_is():
    assert ("blur", "The mean of nine pixels.") in complete_kernel()
    assert len(complete_kernel()) == len(KERNELS)
