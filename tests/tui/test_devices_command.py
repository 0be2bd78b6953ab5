import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pexpect
import pyte
import pytest
from fake_nvml import GIB, compile_library, environment
from sample_devices import gpu, reading
from typer.testing import CliRunner

from tui.cli import app
from tui.commands.devices import as_json

NNLAB = [sys.executable, "-c", "from tui.cli import main; main()"]


@pytest.fixture
def four_gpus() -> dict[str, str]:
    """The environment of a machine with four GPUs, the third of them lost."""
    return environment(compile_library(), gpus=4, lost=2)


def nnlab(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run([*NNLAB, *words], env=env, capture_output=True, text=True, timeout=60)


def test_the_pane_is_printed_once_and_fits_80_columns(four_gpus):
    done = nnlab("devices", env=four_gpus)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.startswith("GPU")] == [
        "GPU 0  NVIDIA Fake 80GB",
        "GPU 1  NVIDIA Fake 80GB",
        "GPU 3  NVIDIA Fake 80GB",
        "GPU 2 is lost: it no longer answers. `sudo dmesg | grep Xid` says more; a reboot",
    ]
    assert any(line.startswith("cpu ") and "%" in line for line in lines)
    assert "\x1b" not in done.stdout


def test_json_is_one_object_with_what_is_unknown_as_null(four_gpus):
    done = nnlab("devices", "--json", env=four_gpus)
    found = json.loads(done.stdout)
    assert [gpu["index"] for gpu in found["gpus"]] == [0, 1, 3]
    assert found["gpus"][2]["memory_used_bytes"] == 16 * GIB
    assert found["gpus"][0]["fan"] is None
    assert found["gpus"][0]["pcie_received_per_second"] == 2.5e9
    assert found["gpus"][0]["nvlink_sent_per_second"] > 0
    assert found["problem"].startswith("GPU 2 is lost")
    assert 0 <= found["host"]["cpu"] <= 1


def test_sixteen_gpus_with_instances_and_throttling_fit_80_by_24():
    env = environment(compile_library(), gpus=16, slowed=4, mig=3)
    terminal = Terminal("devices", "--watch", env=env, lines=24, columns=80)
    shown = terminal.read_until("q Quit").splitlines()
    assert [int(line[1:3]) for line in shown[:16]] == list(range(16))
    assert all("slowed: power cap" in line for line in shown[:16])
    assert any(line.startswith("cpu ") for line in shown)
    terminal.program.send("q")
    assert terminal.read_to_the_end() == 0


def test_without_a_gpu_the_host_and_the_reason_are_shown():
    env = environment(compile_library(), init=18)
    done = nnlab("devices", env=env)
    assert done.returncode == 0
    assert done.stdout.startswith("No GPU: the NVIDIA driver and its library have different")
    assert "\nhost  " in done.stdout
    assert json.loads(nnlab("devices", "--json", env=env).stdout)["gpus"] == []


def test_help_has_examples():
    result = CliRunner().invoke(app, ["devices", "--help"])
    assert result.exit_code == 0
    assert "nnlab devices --watch" in result.stdout
    assert "exit code is 0" in result.stdout


def test_a_name_with_escape_sequences_stays_inside_its_json_string():
    line = as_json(reading(gpu(name="\x1b[2J\n")))
    assert "\n" not in line
    assert "\x1b" not in line
    assert json.loads(line)["gpus"][0]["name"] == "\x1b[2J\n"


def test_watching_as_json_is_a_line_each_until_ctrl_c_which_is_no_error(four_gpus):
    program = subprocess.Popen(
        [*NNLAB, "devices", "--watch", "--json"], env=four_gpus, stdout=subprocess.PIPE, text=True
    )
    first, second = (json.loads(program.stdout.readline()) for _ in range(2))
    program.send_signal(signal.SIGINT)
    assert program.wait(100) == 0
    program.stdout.close()
    assert second["time"] > first["time"]
    assert len(second["gpus"]) == 3


def test_watching_into_a_pipe_prints_the_pane_again_and_again(monkeypatch):
    readings = iter([reading(gpu()), reading(gpu(utilisation=0.1)), reading(gpu(utilisation=0.9))])

    def read():
        try:
            return next(readings)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("core.sampler.reader", lambda: read)
    monkeypatch.setattr("tui.commands.devices.INTERVAL", 0)
    result = CliRunner().invoke(app, ["devices", "--watch"])
    assert result.exit_code == 0
    utils = [line for line in result.stdout.splitlines() if line.startswith("util ")]
    assert ["10 %" in utils[0], "90 %" in utils[1]] == [True, True]
    assert len(utils) == 2  # the first reading has no processor figures


class Terminal:
    """nnlab in a real pseudo-terminal, and what its screen shows."""

    def __init__(self, *words: str, env: dict[str, str], lines: int, columns: int) -> None:
        self.screen = pyte.HistoryScreen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self.bytes = b""
        self.program = pexpect.spawn(
            NNLAB[0],
            [*NNLAB[1:], *words],
            env=env | {"TERM": "xterm-256color", "COLUMNS": "", "LINES": ""},
            dimensions=(lines, columns),
            cwd=Path(__file__).parents[2],
        )

    def read_until(self, text: str) -> str:
        """Feed the screen until it shows `text`. Fails after 20 seconds without output."""
        while text not in (shown := "\n".join(self.screen.display)):
            chunk = self.program.read_nonblocking(65536, timeout=20)
            self.bytes += chunk
            self._stream.feed(chunk)
        return shown

    def read_to_the_end(self) -> int:
        """What is left, until the program ends. Returns its exit code."""
        self.program.expect(pexpect.EOF, timeout=20)
        self.bytes += self.program.before
        self._stream.feed(self.program.before)
        self.program.close()
        return self.program.exitstatus


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("leave", ["q", "\x03"])
def test_watching_draws_on_the_alternate_screen_and_leaves_the_terminal_as_it_was(four_gpus, leave):
    terminal = Terminal("devices", "--watch", env=four_gpus, lines=12, columns=80)
    shown = terminal.read_until("q Quit")
    assert "  3 " in shown
    assert "GPU 2 is lost" in shown
    terminal.program.setwinsize(40, 80)
    terminal.screen.resize(40, 80)
    terminal.read_until("GPU 3  NVIDIA Fake 80GB")  # there is room now
    terminal.program.send(leave)
    assert terminal.read_to_the_end() == 0
    assert terminal.bytes.count(b"\x1b[?1049h") == terminal.bytes.count(b"\x1b[?1049l") == 1
    assert terminal.bytes.rindex(b"\x1b[?25h") > terminal.bytes.rindex(b"\x1b[?25l")  # the cursor


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_watching_that_is_terminated_leaves_the_terminal_as_it_was(four_gpus):
    terminal = Terminal("devices", "--watch", env=four_gpus, lines=12, columns=80)
    terminal.read_until("q Quit")
    terminal.program.kill(signal.SIGTERM)
    assert terminal.read_to_the_end() == 143
    assert terminal.bytes.count(b"\x1b[?1049l") == 1


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_keys_are_echoed_again_after_watching(four_gpus):
    command = f"stty -g; {shlex.join(NNLAB)} devices --watch; echo; stty -g"
    program = pexpect.spawn("sh", ["-c", command], env=four_gpus | {"TERM": "xterm"}, timeout=20)
    program.expect(rb"([0-9a-f:]{20,})\r\n")
    before = program.match[1]
    program.expect("q Quit")
    program.send("q")
    program.expect(rb"\r\n([0-9a-f:]{20,})\r\n")
    assert program.match[1] == before
    program.close()


def test_no_color_is_obeyed(four_gpus):
    terminal = Terminal(
        "devices", "--watch", env=four_gpus | {"NO_COLOR": "1"}, lines=12, columns=80
    )
    terminal.read_until("q Quit")
    terminal.program.send("q")
    terminal.read_to_the_end()
    assert not any(b"\x1b[%dm" % colour in terminal.bytes for colour in range(30, 38))
