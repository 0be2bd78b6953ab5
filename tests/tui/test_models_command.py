import json
import subprocess
import sys

from typer.testing import CliRunner

from core.models import MODELS
from tui.cli import app
from tui.commands.models import describe_all, table


def test_every_network_has_a_line_with_its_parameters_and_its_size():
    result = CliRunner().invoke(app, ["models"])
    lines = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert lines.keys() == {"name", *MODELS}
    assert lines["lenet"].split()[1:3] == ["61,706", "1×28×28"]
    assert MODELS.declared["lenet"].summary in lines["lenet"]
    assert lines["trashnet"].split()[1:3] == ["133,514", "3×32×32"]  # in colour, as in the notes
    assert lines["resnet18"].split()[1:3] == ["11,178,378", "1×224×224"]
    assert list(lines)[-1] == "vgg19"  # the largest


def test_every_network_fits_a_line_of_120_columns():
    lines = table(describe_all(), width=120)
    assert len(lines) == 1 + len(MODELS)
    assert max(map(len, lines)) <= 120
    assert all(line.endswith(".") for line in lines[1:])


def test_in_a_narrow_terminal_the_sentence_has_a_line_of_its_own():
    titles, *lines = table(describe_all(), width=80)
    assert titles.split() == ["name", "params", "input", "source"]
    facts, sentences = lines[::2], lines[1::2]
    assert {line.split()[0] for line in facts} == set(MODELS)
    assert sorted(line.strip() for line in sentences) == sorted(
        declared.summary for declared in MODELS.declared.values()
    )
    assert max(map(len, lines)) <= 80


def test_json_lists_every_network_with_its_facts():
    found = json.loads(CliRunner().invoke(app, ["models", "--json"]).stdout)
    assert [network["name"] for network in found] == list(MODELS)
    by_name = {network["name"]: network for network in found}
    assert by_name["softmax"] == {
        "name": "softmax",
        "summary": MODELS.declared["softmax"].summary,
        "source": MODELS.declared["softmax"].facts["source"],
        "params": 7850,
        "input_shape": [1, 28, 28],
        "recipe": {"optimizer": "sgd", "lr": 0.1},
    }


def test_counting_allocates_no_weights_and_imports_no_compiler():
    code = """
import sys
from tui.commands.models import describe_all
describe_all()
print({"sympy", "torch._dynamo"} & sys.modules.keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr
