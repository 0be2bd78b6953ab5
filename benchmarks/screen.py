"""What the dashboard costs while it trains: `python -m benchmarks.screen [--seconds 20]
[--rounds 6] [--models lenet,mlp] [--save FILE.json] [--compare FILE.json]`.

`nnlab tui` in a real pseudo-terminal, of which is measured:
- the bytes that it writes, from a while after the first score on: what a connection has to carry;
- how late a timer of its event loop comes, every 20 ms: how long a key would wait. Moments that are
  due while the loop stands still count each with its own wait. The same run paused stands beside
  it: what the machine and the terminal take by themselves;
- the training's throughput against the same training headless. Two processes are stopped and
  continued in turns, so that what else the machine does hits both; steps are those of their rows.
  The training has one thread, and the screen may have another processor.
"""

import asyncio
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.results import Results, options

NNLAB = "from tui.cli import main; main()"
TIMED = "from benchmarks.screen import timed_dashboard; timed_dashboard()"
SIZES = ((120, 40), (200, 60), (80, 24))  # columns and rows
WARM_UP = 5.0  # seconds of training; the axes still grow quickly
TURN = 10.0  # seconds of training before the other one's
FIRST_OF_TURN = 0.5  # seconds that do not count: caches are cold after a stop
TICK = 0.02  # seconds
TRAINING = "● training".encode()


class Terminal:
    """A program in a pseudo-terminal that reads all and shows nothing."""

    def __init__(self, code: str, words: Sequence[str], folder: Path, size: tuple[int, int]):
        self.pid, self._file = pty.fork()
        if not self.pid:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.environ.update(environment(folder))
            os.execv(sys.executable, [sys.executable, "-c", code, *words])

    def read_until(self, text: bytes) -> None:
        """Read until the program has written `text`."""
        seen = b""
        while text not in seen:
            if not select.select([self._file], [], [], 120)[0]:
                raise TimeoutError(f"never {text!r}, but {seen[-200:]!r}")
            seen += os.read(self._file, 65536)

    def read_for(self, seconds: float) -> int:
        """How many bytes come in the next `seconds`."""
        end, count = time.perf_counter() + seconds, 0
        while (left := end - time.perf_counter()) > 0:
            if select.select([self._file], [], [], left)[0]:
                count += len(os.read(self._file, 65536))
        return count

    def press(self, key: bytes) -> None:
        os.write(self._file, key)

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._file)


def environment(folder: Path) -> dict[str, str]:
    """In which a run in `folder` knows nothing of the user's, and colours are all there."""
    return {
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "NNLAB_RUNS": str(folder / "runs"),
        "XDG_STATE_HOME": str(folder),
    }


def endless(model: str) -> list[str]:
    """The options of a training with one thread that does not end."""
    return [model, "--epochs", "100000", "--threads", "1"]


@contextmanager
def dashboard(
    model: str, size: tuple[int, int] = SIZES[0], code: str = NNLAB
) -> Iterator[tuple[Terminal, Path]]:
    """`nnlab tui` that trains `model`, from its first score on, and the folder it works in."""
    with tempfile.TemporaryDirectory() as name:
        terminal = Terminal(code, ["tui", "--start", *endless(model)], Path(name), size)
        try:
            terminal.read_until(TRAINING)
            terminal.read_for(WARM_UP)
            yield terminal, Path(name)
        finally:
            terminal.close()


def written(size: tuple[int, int], seconds: float) -> float:
    """Bytes a second that the dashboard of a perceptron writes in a terminal of that size."""
    with dashboard("mlp", size) as (terminal, _):
        began = time.perf_counter()
        count = terminal.read_for(seconds)
        return count / (time.perf_counter() - began)


# How late


def timed_dashboard() -> None:
    """`nnlab` with a timer in its event loop that notes in the file lateness.txt when each tick was
    due and when it came, in seconds of the monotonic clock. The child's side of `lateness`."""
    from tui import app
    from tui.cli import main

    class TimedApp(app.NNLabApp):
        def on_mount(self) -> None:  # beside that of NNLabApp, which Textual calls too
            self.loop = asyncio.get_running_loop()
            self.ticks = Path(os.environ["XDG_STATE_HOME"], "lateness.txt")
            self.tick(self.loop.time())

        def tick(self, due: float) -> None:
            now = self.loop.time()
            with self.ticks.open("a") as file:
                while due <= now:
                    file.write(json.dumps([due, now]) + "\n")
                    due += TICK
            self.loop.call_at(due, self.tick, due)

    app.NNLabApp = TimedApp  # type: ignore[misc]
    main()


def lateness(model: str, seconds: float) -> dict[str, list[float]]:
    """By what the run does, how many seconds late each tick of the dashboard's timer came."""
    late: dict[str, list[float]] = {}
    with dashboard(model, code=TIMED) as (terminal, folder):
        for doing in ("training", "paused"):
            if doing == "paused":
                terminal.press(b" ")
                terminal.read_until(b"paused")
            began = time.monotonic()
            terminal.read_for(seconds)
            rows = map(json.loads, (folder / "lateness.txt").read_text().splitlines())
            late[doing] = [came - due for due, came in rows if due >= began]
    return late


# How fast


class Trained:
    """A process that trains, stopped but for its turns."""

    def __init__(self, process: int, folder: Path) -> None:
        self._process = psutil.Process(process)
        (run,) = (folder / "runs").iterdir()
        self._rows = run / "metrics.jsonl"
        self._thread = self._busiest()  # which trains
        self._process.suspend()

    def _busiest(self) -> int:
        thread: int = max(self._process.threads(), key=lambda thread: thread.user_time).id
        return thread

    def _cpu(self) -> tuple[float, float]:
        """Seconds of the processor so far: the training thread's, and all the other threads'."""
        threads = {t.id: t.user_time + t.system_time for t in self._process.threads()}
        alone = threads.pop(self._thread)
        return alone, sum(threads.values())

    def _step(self) -> tuple[int, float]:
        """Steps, and the moment of the last report on them."""
        with self._rows.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            row = json.loads(file.read().splitlines()[-1])
        return row["step"], row["time"]

    def turn(self, wait: Terminal | None) -> tuple[float, float, float]:
        """Let it train for a turn. Returns steps a second, processor seconds of the training
        thread a step, and what the other threads take of a processor."""
        self._process.resume()
        try:
            rest(FIRST_OF_TURN, wait)
            cpu, (step, at) = self._cpu(), self._step()
            rest(TURN - FIRST_OF_TURN, wait)
            now, (last, end) = self._cpu(), self._step()
        finally:
            self._process.suspend()
        steps = last - step
        return steps / (end - at), (now[0] - cpu[0]) / steps, (now[1] - cpu[1]) / (end - at)


def rest(seconds: float, terminal: Terminal | None) -> None:
    """Let `seconds` pass, reading what comes to a terminal."""
    if terminal:
        terminal.read_for(seconds)
    else:
        time.sleep(seconds)


@contextmanager
def headless(model: str) -> Iterator[tuple[int, Path]]:
    """`nnlab train` of `model`, from a while after its first report on, and its folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = subprocess.Popen(
            [sys.executable, "-c", NNLAB, "train", *endless(model)],
            env=os.environ | environment(folder),
            stdout=subprocess.DEVNULL,
        )
        try:
            while not any(folder.glob("runs/*/metrics.jsonl")):
                assert process.poll() is None, "nnlab train has ended"
                time.sleep(0.1)
            time.sleep(WARM_UP)
            yield process.pid, folder
        finally:
            process.kill()
            process.wait()


def compare_throughput(model: str, rounds: int, results: Results) -> None:
    """Add what the dashboard takes of the throughput, and of the processors."""
    with headless(model) as (process, folder):
        plain = Trained(process, folder)
        with dashboard(model) as (terminal, folder):
            watched = Trained(terminal.pid, folder)
            turns = [(plain.turn(None), watched.turn(terminal)) for _ in range(rounds)]
    for name, figure in (("steps/s", 0), ("CPU of a step", 1)):
        ratios = [(w[figure] / p[figure]) for p, w in turns]
        results.add(f"{model}: {name} / headless", "x", statistics.median(ratios))
    results.add(f"{model}: steps/s", "1/s", statistics.median(w[0] for _, w in turns))
    results.add(f"{model}: screen", "% CPU", 100 * statistics.median(w[2] for _, w in turns))


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--models", default="lenet,mlp")
    given = parser.parse_args()
    results = Results()
    for model in given.models.split(","):
        compare_throughput(model, given.rounds, results)
        for doing, late in lateness(model, given.seconds).items():
            shares = statistics.quantiles(late, n=100)
            for name, value in (("p50", shares[49]), ("p99", shares[98]), ("max", max(late))):
                results.add(f"{model}, {doing}: late, {name}", "ms", 1000 * value)
    for size in SIZES:
        results.add(f"{size[0]}x{size[1]}", "KiB/s", written(size, given.seconds) / 1024)
    results.tell(given)


if __name__ == "__main__":
    main()
