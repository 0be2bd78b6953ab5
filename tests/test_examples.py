"""The examples in docs/examples run, say what they promise, and the networks among them train."""

import runpy
from pathlib import Path

import pytest

from core.runs import read_info

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
NETWORKS = {
    "parameter_sharing": "SharedNet",
    "lazy_initialisation": "lazy_net",
    "custom_layer": "CentredNet",
    "nested_blocks": "nested_net",
}
SAID = {
    "parameter_sharing": [
        # 784 * 64 + 64, the shared 64 * 64 + 64 once, 64 * 10 + 10
        "55,050 parameters: the shared 64x64 layer counts once",
        "the same object: True, 100",
        "gradients add up: True",
    ],
    "lazy_initialisation": [
        "before: <UninitializedParameter>",
        "output: (5, 10)",
        "after: (256, 20) and (10, 256)",
        "it stays at 20 inputs: 21 are an error now",
        # 32 - 5 + 1 = 28, halved: 8 * 14 * 14 inputs
        "lazy_net for 32x32 in colour: (64, 1568)",
    ],
    "custom_layer": ["equal to torch's linear: True", "parameters: ['weight', 'bias']"],
    "table_regression": ["R² 1.000", "a: 0.002", "b: -3.4"],
    "nested_blocks": [
        "children: ['flatten', 'entry', 'blocks', 'output']",
        "blocks.block2.up.weight: (16, 16), the same as the attribute: True",
        # 784 * 16 + 16, blocks of 16 * 8i + 8i + 8i * 16 + 16 for i = 1 to 4, 16 * 10 + 10
        "20 tensors, 15,434 numbers",
        "output: (2, 10)",
    ],
}


def test_every_example_is_tested():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SAID) >= set(NETWORKS)


@pytest.mark.parametrize("name", SAID)
def test_an_example_says_what_it_promises(name, capsys):
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out.splitlines()
    assert [line for line in SAID[name] if line not in printed] == []


@pytest.mark.parametrize(("name", "network"), NETWORKS.items())
def test_the_network_of_an_example_trains(name, network, tiny_run):
    size = 8 if name != "lazy_initialisation" else 12
    run = tiny_run(model=f"{EXAMPLES / name}.py:{network}", input_size=size, epochs=1)
    assert read_info(run).state == "finished"
