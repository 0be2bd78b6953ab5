"""Requests from other processes, in full: the promises of docs/durability.md."""

import threading
import time

import pytest
from control_files import check_mutations

from core.config import make_config
from core.control import Control
from core.experiment import run_experiment
from core.mailbox import RemoteControl, acknowledged

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_mutated_files_never_say_what_is_not_in_them(tmp_path, seed):
    (tmp_path / "run").mkdir()
    check_mutations(tmp_path / "run", 1000, seed + 100)


def test_a_run_answers_within_two_seconds(tmp_path):
    """Forty requests at odd moments, in training, evaluation and pause."""
    config = make_config({"model": "softmax", "epochs": 10_000, "threads": 1, "device": "cpu"})
    control = Control()
    events = run_experiment(config, runs_dir=tmp_path, name="r", control=control)
    thread = threading.Thread(target=lambda: list(events))
    thread.start()
    while not (tmp_path / "r" / "metrics.jsonl").exists():
        time.sleep(0.05)
    remote, took = RemoteControl(tmp_path / "r"), []
    for number in range(10):
        for kind, value in (("pause", None), ("lr", 0.01), ("resume", None), ("extend", 1)):
            time.sleep(0.037 * number)
            began = time.monotonic()
            assert acknowledged(remote.run, remote.send(kind, value), 60)
            took.append(time.monotonic() - began)
    remote.send("stop")
    thread.join()
    assert max(took) < 2, took
    print(f"median {sorted(took)[20]:.3f} s, slowest {max(took):.3f} s")
