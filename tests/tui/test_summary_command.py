import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.build import default_input_shape, default_outputs
from core.models import MODELS
from core.summary import summarize_named
from tui.cli import app
from tui.layer_lines import layer_lines, markdown, total_lines


def run(*words: str):
    return CliRunner().invoke(app, ["summary", *words])


def test_the_table_and_the_totals_are_printed():
    result = run("lenet")
    summary = summarize_named("lenet")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        *layer_lines(summary, None), "", *total_lines(summary, None),
    ]  # fmt: skip


def test_depth_one_prints_the_children_with_the_shapes_of_the_notes():
    lines = run("resnet18", "--input", "1x224x224", "--depth", "1").stdout.splitlines()[1:11]
    assert [line.split()[3] for line in lines] == [
        "64×112×112", "64×112×112", "64×112×112", "64×56×56", "64×56×56",
        "128×28×28", "256×14×14", "512×7×7", "512×1×1", "10",
    ]  # fmt: skip


@pytest.mark.parametrize("name", list(MODELS))
def test_json_is_all_there_is_on_stdout_and_adds_up(name):
    result = run(name, "--json", "--batch-size", "32")
    found = json.loads(result.stdout)

    assert result.stdout.count("\n") == 1
    assert found["model"] == name
    assert found["input_shape"] == list(default_input_shape(name))
    assert found["batch_size"] == 32
    assert (
        found["total_params"]
        == found["trainable_params"]
        == sum(layer["params"] for layer in found["layers"])
    )
    assert found["total_macs"] == sum(layer["macs"] for layer in found["layers"])
    assert found["layers"][-1]["output_shape"] == [default_outputs(name)]
    assert found["layers"][0].keys() >= {
        "name", "kind", "input_shape", "output_shape", "kernel", "params", "share", "macs",
        "activation_bytes", "receptive_field",
    }  # fmt: skip


def test_channels_classes_and_options_shape_the_network():
    options = ("--input", "3x32x32", "--classes", "100", "--model-options", "hidden=512", "--json")
    found = json.loads(run("mlp", *options).stdout)
    assert found["total_params"] == (3 * 32 * 32 + 1) * 512 + 513 * 100


def test_markdown_is_for_a_readme():
    assert run("lenet_bn", "--markdown").stdout == markdown(summarize_named("lenet_bn")) + "\n"


def test_a_users_network_works_and_what_its_file_prints_stays_out_of_the_json(tmp_path: Path):
    path = tmp_path / "net.py"
    path.write_text(
        "from torch import nn\nprint('hello')\n"
        "def net(in_channels, num_classes):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * 64, num_classes))\n"
    )
    result = run(f"{path}:net", "--input", "1x8x8", "--json")
    assert json.loads(result.stdout)["total_params"] == 650
    assert "hello" in result.stderr


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (["lenett"], 2, "Did you mean 'lenet'?"),
        (["lenet", "--input", "28"], 2, "--input '28' is not the shape of an image."),
        (["lenet", "--input", "1x28x-28"], 2, "such as 1x28x28"),
        (["lenet", "--input", "1x0x28"], 2, "such as 1x28x28"),
        (["lenet", "--input", "1x28x٢٨"], 2, "such as 1x28x28"),
        (["lenet", "--input", "1x8x8"], 2, "at least 12"),
        (["lenet", "--input", "1x28x32"], 1, "fc1 (Linear) was given 480"),
        (["mlp", "--model-options", "hiden=3"], 2, "Did you mean 'hidden'?"),
        (["mlp", "--model-options", "hidden"], 2, "name=value"),
        (["mlp", "--depth", "0"], 2, "--depth"),
        (["mlp", "--json", "--markdown"], 2, "exclude each other"),
        (["no/net.py:Net"], 2, "no/net.py"),
    ],
)
def test_what_cannot_be_is_one_clear_error(words, exit_code, says):
    result = run(*words)
    assert result.exit_code == exit_code
    assert says in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_help_has_examples_and_warns_that_a_file_is_run():
    text = " ".join(run("--help").stdout.replace("│", " ").split())
    assert "nnlab summary resnet18 --input 3x224x224 --depth 1" in text
    assert "which runs the code in that file" in text
