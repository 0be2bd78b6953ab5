"""The benchmarks run; what they measure is not asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


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
