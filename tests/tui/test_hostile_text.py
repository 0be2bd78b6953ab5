import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hostile import NASTY, commanding, make_lab, poison
from pseudo_terminal import Terminal
from sample_devices import HOST, gpu
from test_cli import COMMANDS, nnlab, program
from typer.testing import CliRunner

from core.readings import DeviceReading, GpuProcess, GpuReadings, MigInstance
from tui.cli import app
from tui.commands.devices import as_json as devices_as_json
from tui.draw_devices import draw_devices
from tui.widgets.device_pane import title

NOWHERE = ("--threads", "1", "--device", "cpu")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The hostile lab with a run of its network in it, and a copy with hostile rows."""
    lab = make_lab(tmp_path_factory.mktemp("hostile"))
    runs = lab / "runs"
    trained = nnlab(
        *("train", f"{lab / NASTY}.py:net", "--data", str(lab / "images"), "--input-size", "8"),
        *("--epochs", "2", "--batch-size", "4", "--name", "plain", "--runs-dir", str(runs)),
        *NOWHERE,
    )
    assert trained.exit_code == 0, trained.output
    assert not commanding(trained.output)
    poison(runs / "plain", "poisoned")
    poison(runs / "plain", f"named {NASTY}")
    return lab


def words(lab: Path) -> dict[str, tuple[str, ...]]:
    """Command lines that show what is hostile, or quote it in an error."""
    runs = ("--runs-dir", str(lab / "runs"))
    net, images, image = f"{lab / NASTY}.py", str(lab / "images"), f"{lab / NASTY}.png"
    shown = {
        "runs": ("runs", *runs),
        "runs elsewhere": ("runs", "--runs-dir", str(lab / "none" / NASTY)),
        "show": ("show", "plain", *runs),
        "show poisoned": ("show", "poisoned", *runs),
        "show named": ("show", f"named {NASTY}", *runs),
        "compare": ("compare", "plain", "poisoned", f"named {NASTY}", *runs),
        "evaluate": ("evaluate", "plain", "-c", "-m", "3", *runs),
        "predict": ("predict", "plain", image, *runs),
        "inspect": ("inspect", "plain", "--filters", "--gradients", "--features", image, *runs),
        "summary": ("summary", f"{net}:net", "--input", "1x8x8", "--classes", "3"),
        "data show": ("data", "show", images),
        "data list": ("data", "list", "--data-dir", str(lab / NASTY)),
        "conv image": ("conv", "blur", "--image", image),
        "conv run": ("conv", "--run", "plain", *runs),
        "conv data": ("conv", "blur", "--data", images),
        "resume": ("resume", "plain", *runs),
        "sweep": ("sweep", f"{net}:broken", "--lr", f"1,{NASTY}", *runs),
        "sweep name": ("sweep", "mlp", "--lr", "1,2", "--name", NASTY, *runs),
        "resume poisoned": ("resume", "poisoned", *runs),
        "attach": ("attach", NASTY, *runs),
        "stop": ("stop", f"named {NASTY}", *runs),
        "pause": ("pause", "poisoned", *runs),
        "checkpoint": ("checkpoint", NASTY, *runs),
        "set": ("set", "plain", f"{NASTY}=1", *runs),
        "set value": ("set", "plain", f"lr={NASTY}", *runs),
        "extend": ("extend", "plain", NASTY, *runs),
        "note": ("note", "poisoned", NASTY, "--tag", "odd", *runs),
        "note tag": ("note", "plain", "--tag", NASTY, *runs),
        "trash": ("trash", "put", NASTY, *runs),
        "trash restore": ("trash", "restore", NASTY, *runs),
        "trash list": ("trash", "list", *runs),
        "trash empty": ("trash", "empty", "--days", NASTY, *runs),
        "plot run": ("plot", "run", "plain", "poisoned", f"named {NASTY}", *runs),
        "shift": ("shift", "covariate", "--data", images, "--seeds", "1"),
        "shift label": ("shift", "label", "--data", images, "--seeds", "1"),
        "summary broken": ("summary", f"{net}:broken"),
        "summary option": ("summary", "lenet", "-o", f"{NASTY}=1"),
        "summary input": ("summary", "lenet", "--input", NASTY),
        "train": ("train", NASTY),
        "train broken": ("train", f"{net}:broken", "--data", images),
        "train config": ("train", "--config", str(lab / "broken.toml")),
        "train settings": ("train", "--config", str(lab / "settings.toml")),
        "train no config": ("train", "--config", str(lab / NASTY)),
        "bench": ("bench", f"{net}:net", "--data", images, "--lr", NASTY),
        "train name": ("train", "mlp", "--name", NASTY),
        "train setting": ("train", "mlp", "--lr", NASTY, "--augmentation", NASTY),
        "train data": ("train", "mlp", "--data", f"{lab}/{NASTY}"),
        "train runs": ("train", "softmax", "--runs-dir", net, *NOWHERE),
        "import": ("import", image, "--model", "softmax", *runs, *NOWHERE),
        "import none": ("import", NASTY, "--model", "softmax", *runs, *NOWHERE),
        "predict none": ("predict", "plain", NASTY, *runs),
        "predict damaged": ("predict", "plain", str(lab / "damaged.png"), *runs),
        "show none": ("show", NASTY, *runs),
        "evaluate none": ("evaluate", "plain", "--checkpoint", NASTY, *runs),
        "evaluate device": ("evaluate", "plain", "--device", NASTY, *runs),
        "conv kernel": ("conv", NASTY),
        "conv stride": ("conv", "blur", "--stride", NASTY),
        "plot": ("plot", "activation", NASTY),
        "plot schedule": ("plot", "schedule", NASTY),
        "plot init": ("plot", "init", NASTY),
        "reproduce": ("reproduce", NASTY),
        "reproduce list": ("reproduce", "--list", "--results", NASTY),
        "no command": (NASTY,),
        "no command in a group": ("data", NASTY),
        "no option": ("runs", f"--{NASTY}"),
        "no number": ("evaluate", "plain", "--mistakes", NASTY),
        "too many": ("runs", NASTY),
    }
    as_json = (
        *("runs", "show poisoned", "show named", "compare", "evaluate", "predict", "inspect"),
        *("summary", "data show", "data list", "conv image", "conv run", "resume poisoned"),
    )
    return shown | {f"{name} as JSON": (*shown[name], "--json") for name in as_json}


@pytest.mark.parametrize("which", words(Path()))
def test_no_command_prints_what_a_terminal_would_obey(lab, which):
    done = CliRunner().invoke(app, words(lab)[which])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code in (0, 1, 2)
    assert done.output.strip()
    assert not commanding(done.output), done.output
    if done.exit_code == 0 and which.endswith("JSON"):
        for line in done.stdout.splitlines():
            json.loads(line)


def test_every_command_is_among_them(lab):
    tried = {" ".join(line[:n]) for line in words(lab).values() for n in (1, 2)}
    missing = {" ".join(command) for command in COMMANDS} - tried
    assert missing == {"tui", "models", "devices"}  # below; the last two show nothing from outside


def test_a_bug_that_quotes_anything_is_told_without_commands():
    code = (
        "import tui.cli, core.runs\n"
        f"def fail(folder): raise ZeroDivisionError({NASTY!r})\n"
        "core.runs.list_runs = fail\n"
        "tui.cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "runs"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert not commanding(done.stdout + done.stderr)


@pytest.mark.parametrize("line", [("runs",), ("show", "poisoned"), ("no", NASTY)])
def test_a_program_in_a_pipe_writes_no_escape(lab, line):
    done = program(*line, NNLAB_RUNS=str(lab / "runs"), FORCE_COLOR="")
    assert not commanding(done.stdout + done.stderr)


TAKEN_OVER = (b"PWNED\x07", b"\x1b]0;", b"\xc2\x9b", "\u202e".encode(), "\u2066".encode())


@pytest.mark.parametrize(
    "which", ["runs", "show poisoned", "compare", "evaluate", "train settings"]
)
def test_no_hostile_sequence_reaches_a_terminal(lab, which):
    terminal = Terminal(*words(lab)[which])
    terminal.end()
    assert terminal.screen.title == ""
    assert "PWNED" in terminal.written.decode() or which == "train settings"
    assert not [sequence for sequence in TAKEN_OVER if sequence in terminal.written]


def test_the_screens_show_hostile_names_and_obey_none(lab, tmp_path):
    terminal = Terminal(
        *("tui", "--start", f"{lab / NASTY}.py:net", "--data", str(lab / "images")),
        *("--input-size", "8", "--epochs", "3", "--batch-size", "4", *NOWHERE),
        NNLAB_RUNS=str(tmp_path / f"runs {NASTY}"),
    )
    terminal.until("finished")
    terminal.child.send("n")  # the launch screen, with the same settings
    terminal.until("new run")
    terminal.until(lambda text: "parameters" in text or "MACs" in text)
    terminal.child.send("q")
    assert terminal.end() == 0
    assert "PWNED" in terminal.written.decode(errors="replace")
    assert "PWNED" not in terminal.screen.title
    assert not [sequence for sequence in TAKEN_OVER if sequence in terminal.written]


@pytest.mark.parametrize("height", [1, 4, 12, 30])
@pytest.mark.parametrize("width", [40, 160])
def test_a_hostile_gpu_driver_and_other_peoples_processes_are_shown_harmless(width, height):
    process = GpuProcess(1, f"{NASTY}[/x]", f"{NASTY} {NASTY}", 2**30)
    instance = MigInstance(None, NASTY, 1, 1, 2)
    gpus = (
        gpu(0, name=NASTY, performance_state=NASTY, processes=(process, process)),
        gpu(1, name=NASTY, mig=(instance,)),
    )
    readings = (
        GpuReadings(gpus=gpus, driver=NASTY),
        GpuReadings(problem=f"{NASTY}[/x]", fix=NASTY),
    )
    for found in readings:
        reading = DeviceReading(0.0, found, replace(HOST, cpu_name=NASTY))
        drawn = draw_devices(reading, (reading,), width, height, training_on=("GPU-0",), named=True)
        assert not commanding(drawn.plain)
        assert not commanding(title(reading, "GPU-0"))
        assert not commanding(devices_as_json(reading))
