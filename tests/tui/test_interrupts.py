"""Signals while a run goes on: pretended runs in this process, and real ones in their own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tui.interrupts import Interrupts, on_signal

PATIENCE = 60  # seconds, on a machine that is busy with other things
NET = """
import time
from torch import nn

class Net(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.layer = nn.Linear(784, num_classes)

    def forward(self, x):
        if not self.training and {slow_test}:
            print("testing", flush=True)
            time.sleep(0.2)
        return self.layer(x.flatten(1))

def net(in_channels, num_classes):
    return Net(in_channels, num_classes)
"""
# `nnlab train`, but for what the run is asked to do before it begins.
TRAIN = """
import sys
from pathlib import Path
import typer
from core.config import make_config
from tui.reporter import follow

net, runs, request = sys.argv[1:]

def start(control):
    from core.experiment import run_experiment
    from core.events import ControlApplied
    if request:
        control.send(request)
    settings = {"model": net, "epochs": 100_000, "threads": 1, "device": "cpu", "lr": 0.01}
    for event in run_experiment(make_config(settings), runs_dir=Path(runs), control=control):
        yield event
        if isinstance(event, ControlApplied):
            print("paused", flush=True)

END
"""
WAIT = """
import sys, time
import typer
from core.events import Progress
from tui.reporter import follow

def start(control):
    yield Progress("downloading", 0, None)
    time.sleep(600)

END
"""
END = """
try:
    follow(start, False)
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


def test_sigterm_twice_is_one_wish_and_ctrl_c_afterwards_another():
    stops = []
    with Interrupts(lambda: stops.append(True)) as interrupts:
        interrupts.gentle = True
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        interrupts.check()
        assert (stops, interrupts.exit_code) == ([True], 143)
        with pytest.raises(SystemExit) as left:
            signal.raise_signal(signal.SIGINT)
        assert left.value.code == 143


def test_a_signal_calls_while_the_context_lasts():
    calls = []
    before = signal.getsignal(signal.SIGUSR1)
    with on_signal(signal.SIGUSR1, lambda: calls.append(True)):
        signal.raise_signal(signal.SIGUSR1)
    assert calls == [True]
    assert signal.getsignal(signal.SIGUSR1) is before


def test_a_signal_that_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with on_signal(signal.SIGHUP, lambda: pytest.fail("called")):
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def start(tmp_path: Path, code: str, *, slow_test: bool = False, request: str = ""):
    """A process that trains until it is ended, its output in a pipe."""
    (tmp_path / "net.py").write_text(NET.format(slow_test=slow_test))
    words = [f"{tmp_path / 'net.py'}:net", str(tmp_path / "runs"), request]
    command = [sys.executable, "-c", code.replace("END", END), *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def read_until(process: subprocess.Popen, text: str) -> None:
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(process.stderr.read())


@pytest.mark.parametrize(
    ("state", "seen", "options"),
    [
        ("preparing", "downloading", {"code": WAIT}),
        ("training", "epoch", {}),
        ("paused", "paused", {"request": "pause"}),
        ("evaluating", "testing", {"slow_test": True}),
    ],
)
@pytest.mark.slow
def test_sigterm_ends_a_run_within_5_seconds_and_keeps_it(tmp_path, state, seen, options):
    process = start(tmp_path, **{"code": TRAIN} | options)
    read_until(process, seen)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    output, errors = process.communicate(timeout=PATIENCE)
    seconds = time.monotonic() - began
    assert process.returncode == 143, errors
    assert "Traceback" not in errors
    if state != "preparing":
        (run,) = (tmp_path / "runs").iterdir()
        assert json.loads((run / "run.json").read_text())["state"] == "stopped"
        assert list((run / "checkpoints").glob("step-*"))
        assert "nnlab resume" in output
    assert seconds < 5


@pytest.mark.slow
def test_sigusr1_saves_a_checkpoint_and_goes_on_and_sigterm_ends(tmp_path):
    process = start(tmp_path, TRAIN)
    read_until(process, "epoch")
    process.send_signal(signal.SIGUSR1)
    read_until(process, "checkpoint saved at step")
    read_until(process, "0.")  # an epoch's figures: it goes on
    os.kill(process.pid, signal.SIGTERM)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (143, "")
    assert "nnlab resume" in output
