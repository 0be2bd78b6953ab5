"""The benchmarks run; what they measure is not asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.executors import configs_for
from benchmarks.results import Results, options
from core.device import Device

ROOT = Path(__file__).parent.parent


def test_a_result_is_saved_and_the_next_one_compared_with_it(tmp_path, capsys):
    saved = tmp_path / "saved.json"
    before, now = Results(), Results()
    before.add("start", "s", 0.5)
    before.tell(options("").parse_args(["--save", str(saved)]))
    now.add("start", "s", 0.75)
    now.add("new", "x", 2.0)
    capsys.readouterr()
    now.tell(options("").parse_args(["--compare", str(saved)]))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["start", "0.750", "s", "1.50", "of", "before"],
        ["new", "2.000", "x"],
    ]
    now.tell(options("").parse_args(["--json"]))
    told = json.loads(capsys.readouterr().out)
    assert told["results"]["new"] == {"value": 2.0, "unit": "x"}


@pytest.mark.slow
def test_training_is_timed_against_the_bare_step_and_a_saved_result(tmp_path):
    saved, before = tmp_path / "now.json", tmp_path / "before.json"
    before.write_text(json.dumps({"results": {"softmax": {"bare": {"times_ours": 0.375}}}}))
    command = [sys.executable, "-m", "benchmarks.training", "--work", "softmax", "--rounds", "1"]
    command += ["--images", "500", "--peers", "ours,bare", "--against", before, "--save", saved]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(saved.read_text())["results"]["softmax"]
    assert list(found) == ["ours", "bare"]
    assert found["ours"]["times_ours"] == 1
    assert 0 < found["bare"]["times_ours"] < 1
    assert "0.38" in done.stdout


def test_steps_are_timed_in_the_ways_that_a_device_has(monkeypatch):
    cpu = Device("cpu", "a CPU")
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert list(configs_for("softmax", 64, cpu)) == ["eager", "compile"]
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    ways = configs_for("softmax", 64, cpu)
    assert list(ways) == ["eager", "compile", "bfloat16"]
    assert (ways["compile"].precision, ways["bfloat16"].executor) == ("float32", "eager")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (8, 0))
    gpu = configs_for("softmax", 64, Device("cuda:0", "a GPU"))
    assert list(gpu) == ["eager", "compile", "graph", "bfloat16", "tf32"]
