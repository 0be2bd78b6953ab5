"""nnlab devices: what the GPUs and the machine are doing."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from tui.options import Json

if TYPE_CHECKING:
    from core.readings import DeviceReading

INTERVAL = 1.0  # seconds between two readings
FIRST = 0.25  # seconds that the processor figures of a single reading cover


def devices(
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on every second, until q or Ctrl-C.")
    ] = False,
    json: Json = False,
) -> None:
    """Show what the GPUs and the machine are doing, and who uses them.

    Without an NVIDIA GPU it shows the machine, and why there is no GPU.
    A reading that a device does not give is a dash, in JSON null. Traffic, memory errors and
    processes are read every few seconds only; details_age_seconds says how long ago.
    Leaving --watch is no error: the exit code is 0.

    Examples:
      nnlab devices
      nnlab devices --watch
      nnlab devices --json | jq '.gpus[] | {name, memory_free_bytes, slowed_by}'
      nnlab devices --json --watch > devices.jsonl
    """
    if not watch:
        reading = _read_once()
        print(as_json(reading)) if json else _print(reading)
    elif json:
        _each(lambda reading: print(as_json(reading), flush=True))
    elif sys.stdout.isatty():
        _watch_screen()
    else:
        _each(_print)


def as_json(reading: "DeviceReading") -> str:
    """One JSON object on one line; what is unknown is null."""
    found = asdict(reading)
    from tui.json_output import to_json

    return to_json({"time": found["time"], **found["gpu"], "host": found["host"]})


def _read_once() -> "DeviceReading":
    from core.sampler import reader

    read = reader()
    read()  # processor figures are the difference of two
    time.sleep(FIRST)
    return read()


def _print(reading: "DeviceReading") -> None:
    from tui.console import console
    from tui.draw_devices import draw_devices

    out = console()
    width = min(out.width, 120) if sys.stdout.isatty() else 80
    out.print(draw_devices(_machine_alone(reading), (), width, sys.maxsize))


def _machine_alone(reading: "DeviceReading") -> "DeviceReading":
    """Without the figures of this process, which only looks."""
    host = replace(reading.host, process_cores=None, process_memory_bytes=None)
    return replace(reading, host=host)


def _each(use: "Callable[[DeviceReading], None]") -> None:
    """`use` a reading every second until Ctrl-C."""
    from core.sampler import reader

    read = reader()
    read()
    try:
        while True:
            time.sleep(INTERVAL)
            use(read())
    except KeyboardInterrupt:
        return


def _watch_screen() -> None:
    """Draw on the alternate screen until q or Ctrl-C; the terminal is then as it was before."""
    from rich.live import Live
    from rich.text import Text

    from core.sampler import DeviceSampler
    from tui.console import console
    from tui.draw_devices import draw_devices

    sampler = DeviceSampler(INTERVAL)
    out = console()
    drawn_for = None
    with (
        _keys() as key_within,
        Live(console=out, screen=True, auto_refresh=False, vertical_overflow="crop") as live,
    ):
        sampler.start()
        try:
            while key_within(INTERVAL / 10) not in ("q", "Q"):
                reading, size = sampler.latest, out.size
                if reading is None or (reading, size) == drawn_for:
                    continue
                drawn_for = (reading, size)
                drawn = draw_devices(
                    _machine_alone(reading), sampler.history, size.width, size.height - 1
                )
                live.update(drawn.append_text(Text("\nq Quit", "dim")), refresh=True)
        except KeyboardInterrupt:
            pass  # as good as q
        finally:
            sampler.stop()


@contextmanager
def _keys() -> Iterator[Callable[[float], str | None]]:
    """A function that waits some seconds, at most until a key is pressed, and returns that key."""
    if not sys.stdin.isatty() or sys.platform == "win32":
        yield lambda seconds: time.sleep(seconds)
        return
    import termios
    import tty

    terminal = sys.stdin.fileno()

    def key_within(seconds: float) -> str | None:
        if not select.select([terminal], [], [], seconds)[0]:
            return None
        # Nothing to read from a terminal means that it is gone.
        return os.read(terminal, 1).decode(errors="replace") or "q"

    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal)
    try:
        yield key_within
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
