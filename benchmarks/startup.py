"""How long nnlab takes to start: `python -m benchmarks.startup [--rounds 9] [--save FILE.json]
[--compare FILE.json]`.

Each start is a process of its own, one after the other and round by round, so that what else the
machine does hits all of them; figures are medians. Two floors stand beside each: importing what it
cannot do without, and `--help` of the smallest program that Typer can make. The first paint of
`nnlab tui` is timed in a pseudo-terminal, to the first frame with the launch form on it.
"""

import os
import pty
import resource
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.results import Results, options

NNLAB = "from tui.cli import main; main()"
SMALLEST = """
import typer
app = typer.Typer()
@app.command()
def hello(name: str) -> None:
    "Greet somebody."
app()
"""
COMMANDS = {
    # name: code, words, what it cannot do without
    "smallest typer --help": (SMALLEST, ["--help"], "import typer"),
    "nnlab --help": (NNLAB, ["--help"], "import typer, rich.console"),
    "nnlab train --help": (NNLAB, ["train", "--help"], "import typer, rich.console, pydantic"),
    "nnlab summary vgg11": (NNLAB, ["summary", "vgg11"], "import typer, rich.console, torch"),
}
SEEN = b"fashion-mini"  # on the launch form
FIRST_PAINT = "nnlab tui, first paint"


def run(code: str, words: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of a fresh interpreter."""
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


def first_paint() -> tuple[float, float]:
    """Wall and CPU seconds from the start of `nnlab tui` to its first frame."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        pid, terminal = pty.fork()
        if not pid:
            os.environ.update(TERM="xterm-256color", NNLAB_RUNS=folder, XDG_STATE_HOME=folder)
            os.execv(sys.executable, [sys.executable, "-c", NNLAB, "tui"])
        written = b""
        while SEEN not in written:
            if not select.select([terminal], [], [], 120)[0]:
                raise TimeoutError(f"no first frame: {written[-200:]!r}")
            written += os.read(terminal, 65536)
        wall = time.perf_counter() - began
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)
        return wall, sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    starts: dict[str, Callable[[], tuple[float, float]]] = {}
    for name, (code, words, needs) in COMMANDS.items():
        starts[f"{name}: imports alone"] = lambda needs=needs: run(needs, [])  # type: ignore[misc]
        starts[name] = lambda code=code, words=words: run(code, words)  # type: ignore[misc]
    starts[f"{FIRST_PAINT}: imports alone"] = lambda: run("import textual.app, pydantic", [])
    starts[FIRST_PAINT] = first_paint
    for start in starts.values():
        start()  # once, for the disk
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in starts}
    for _ in range(given.rounds):
        for name, start in starts.items():
            taken[name].append(start())
    results = Results()
    for name, times in taken.items():
        results.add(name, "s", statistics.median(wall for wall, _ in times))
        results.add(f"{name}, CPU", "s", statistics.median(cpu for _, cpu in times))
    smallest = results["smallest typer --help, CPU"]
    for name in (*COMMANDS, FIRST_PAINT):
        floor = results[f"{name}: imports alone, CPU"]
        results.add(f"{name} / its imports", "x", results[f"{name}, CPU"] / floor)
    results.add("nnlab --help / smallest", "x", results["nnlab --help, CPU"] / smallest)
    results.tell(given)


if __name__ == "__main__":
    main()
