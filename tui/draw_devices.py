"""Device readings as lines of text: a pure function, used by `nnlab devices` and the dashboard.

It draws as much as fits: a block for each GPU and one for the host, or a line for each.
"""

import textwrap
from collections.abc import Callable, Sequence
from typing import TypeVar

from rich.cells import set_cell_size
from rich.text import Text

from core.readings import (
    DeviceReading,
    GpuProcess,
    GpuReading,
    GpuReadings,
    HostReading,
    find_gpu,
)
from tui.format import DASH, percent, safe_text, size
from tui.meters import (
    LABEL,
    METER,
    Series,
    bytes_of,
    in_one_line,
    meters,
    number,
    part_of,
    share,
    sparkline,
    squeezed,
)

T = TypeVar("T")

PROBLEM = "yellow"


def draw_devices(
    reading: DeviceReading,
    history: Sequence[DeviceReading],
    width: int,
    height: int,
    *,
    training_on: str | None = None,
    named: bool = True,
) -> Text:
    """At most `height` lines of at most `width` columns.

    `history` holds readings up to now, oldest first, for sparklines; without it, bars show what is
    now. `training_on` is the UUID of the GPU to mark as the run's. `named=False` leaves out what a
    frame has in its title: the name of the only GPU, or of the host where there is none.
    """
    found = reading.gpu.gpus
    history = history[-width:]
    # By UUID: an index may change when another GPU is lost.
    before = [{gpu.uuid or gpu.index: gpu for gpu in then.gpu.gpus} for then in history]
    ours = find_gpu(training_on, found)
    gpus = [
        _GpuDrawing(gpu, [then.get(gpu.uuid or gpu.index) for then in before], gpu is ours, width)
        for gpu in found
    ]
    memory = max((len(gpu.memory) for gpu in gpus), default=0)
    for gpu in gpus:
        gpu.memory = gpu.memory.rjust(memory)
    host = _HostDrawing(reading.host, [then.host for then in history], width)
    problem = _problem(reading.gpu, width)
    name_gpu, name_host = named or len(gpus) > 1, named or bool(gpus)

    spacious = [line for gpu in gpus for line in [*gpu.block(name_gpu, each_process=True), Text()]]
    spacious += [*problem, Text()] if problem else []
    tall = [line for gpu in gpus for line in gpu.block(name_gpu, each_process=False)]
    short = [gpu.line() for gpu in gpus]
    for lines in (
        [*spacious, *host.block(name_host)],
        [*tall, *problem, *host.block(name_host)],
        [*tall, *problem, *host.lines()],
        [*tall, *problem, *host.lines()[:1]],
        [*short, *problem, *host.block(name_host)],
        [*short, *problem, *host.lines()],
    ):
        if len(lines) <= height:
            return _joined(lines, width)
    return _joined(_crowded(gpus, problem, host.lines(), height), width)


def _crowded(
    gpus: Sequence["_GpuDrawing"], problem: Sequence[Text], host: Sequence[Text], height: int
) -> list[Text]:
    """What is left out: the end of the problem, the second line of the host, then some GPUs.

    A single line is the run's GPU, or the first; without one, the host.
    """
    if height == 1:
        return [max(gpus, key=lambda gpu: gpu.ours).line()] if gpus else [*host[:1]]
    if len(gpus) + bool(problem) + len(host) > height:
        host = host[:1]
    if problem:
        room = max(height - len(gpus) - len(host), 1)
        if len(problem) > room:
            problem = [*problem[: room - 1], Text(f"{problem[room - 1].plain} …", PROBLEM)]
    room = max(height - len(problem) - len(host), 0)
    lines = [gpu.line() for gpu in gpus]
    if len(lines) > room:
        # The run's GPU is always among those shown.
        lines = [gpu.line() for gpu in sorted(gpus, key=lambda gpu: not gpu.ours)]
        shown = max(room - 1, 0)
        lines = [*lines[:shown], Text(f"… {len(lines) - shown} more GPUs", "dim")][:room]
    return [*lines, *problem, *host][:height]


class _GpuDrawing:
    """One GPU, ready to be drawn in several sizes."""

    def __init__(
        self, gpu: GpuReading, past: Sequence[GpuReading | None], ours: bool, width: int
    ) -> None:
        self.gpu = gpu
        self.ours = ours
        self.memory = bytes_of(gpu.memory_used_bytes, gpu.memory_total_bytes)
        self._width = width
        self._util = f"{percent(gpu.utilisation, 0):>5}"
        self._power = part_of(gpu.power_watts, gpu.power_limit_watts, "W")
        self._temperature = f"{number(gpu.temperature_celsius, 3)} °C"
        self._utils = _over(past, gpu, lambda g: g.utilisation)
        self._memories = _over(
            past, gpu, lambda g: share(g.memory_used_bytes, g.memory_total_bytes)
        )
        self._powers = _over(past, gpu, lambda g: share(g.power_watts, g.power_limit_watts))

    def block(self, named: bool, each_process: bool) -> list[Text]:
        """Everything that is known of it, over several lines."""
        gpu = self.gpu
        lines = []
        if named:
            line = Text.assemble((f"GPU {gpu.index}", "bold"), f"  {safe_text(gpu.name or DASH)}")
            lines.append(line.append("  this run", "bold") if self.ours else line)
        sm, memory = (f"{number(mhz, 4)} MHz" for mhz in (gpu.sm_clock_mhz, gpu.memory_clock_mhz))
        fan, state = percent(gpu.fan, 0), safe_text(gpu.performance_state or DASH)
        drawn, columns = meters(
            [
                ("util", self._utils, self._util),
                ("mem", self._memories, self.memory),
                ("power", self._powers, self._power),
            ],
            [
                (f"temp {self._temperature}", f"sm  {sm}"),
                (f"fan  {fan:>5}", f"mem {memory}"),
                (f"state  {state:>3}", ""),
            ],
            self._width,
        )
        lines += drawn
        if not columns:
            rest = [f"sm {sm}", f"fan {fan}", state]
            lines.append(in_one_line(f"temp  {self._temperature}", None, rest, "", self._width)[0])
        for instance in gpu.mig:
            name = safe_text(instance.name or DASH).removeprefix(safe_text(gpu.name or "")).strip()
            used = bytes_of(instance.memory_used_bytes, instance.memory_total_bytes)
            lines.append(Text.assemble((f"{name}  ", "dim"), used))
        if each_process and gpu.processes:
            return [*lines, *map(_process_row, gpu.processes)]
        return [*lines, _process_line(gpu.processes, self._width)]

    def line(self) -> Text:
        """The most important of it."""
        label = f"{'▸' if self.ours else ' '}{self.gpu.index:>2}"
        values = [self._util, self.memory, self._temperature, self._power]
        name = safe_text(self.gpu.name or DASH).removeprefix("NVIDIA ")
        return in_one_line(label, self._utils, values, name, self._width)[0]


class _HostDrawing:
    """The machine, ready to be drawn in two sizes."""

    def __init__(self, host: HostReading, past: Sequence[HostReading], width: int) -> None:
        self._host = host
        self._width = width
        self._cpu = f"{percent(host.cpu, 0):>5}"
        self._ram = bytes_of(host.memory_used_bytes, host.memory_total_bytes)
        self._cpus = _over(past, host, lambda h: h.cpu)
        self._rams = _over(past, host, lambda h: share(h.memory_used_bytes, h.memory_total_bytes))
        busy = number(host.process_cores, len(f"{len(host.cores) or 1}.0"), 1)
        process = f"this process {busy} cores {size(host.process_memory_bytes):>8}"
        self._process = [process] if host.process_memory_bytes is not None else []

    def block(self, named: bool) -> list[Text]:
        """Everything, over several lines."""
        host = self._host
        lines = []
        if named:
            lines.append(Text.assemble(("host", "bold"), f"  {safe_text(host.cpu_name)}"))
        rows = [("cpu", self._cpus, self._cpu), ("ram", self._rams, self._ram)]
        lines += meters(rows, [], self._width)[0]
        if len(host.cores) > 1:
            bars = squeezed(host.cores, self._width - LABEL)
            bar = sparkline(bars, len(bars))
            lines.append(Text.assemble((f"{'cores':<{LABEL}}", "dim"), (bar, METER)))
        load = "  ".join(number(minutes, 1, 2) for minutes in host.load or (None,) * 3)
        line = Text.assemble((f"{'load':<{LABEL}}", "dim"), load)
        if host.swap_total_bytes:
            swap = bytes_of(host.swap_used_bytes, host.swap_total_bytes)
            if line.cell_len + len(f"   swap  {swap}") <= self._width:
                line.append("   swap  ", "dim").append(swap)
        return [*lines, line, *map(Text, self._process)]

    def lines(self) -> list[Text]:
        """Processors, memory and this process in one line, or two."""
        values = [self._cpu, f"ram {self._ram}", *self._process]
        line, shown = in_one_line("cpu", self._cpus, values, "", self._width)
        return [line] if shown == len(values) else [line, *map(Text, self._process)]


def _process_row(process: GpuProcess) -> Text:
    owner = set_cell_size(safe_text(_owner(process)), 12)
    return Text.assemble(
        (f"{process.pid:>8}  {owner}  {size(process.memory_bytes):>8}  ", "bold" * process.ours),
        safe_text(process.command or DASH),
    )


def _process_line(processes: Sequence[GpuProcess] | None, width: int) -> Text:
    """As many processes as fit, ours first, and how many more there are."""
    if not processes:
        return Text("no processes" if processes is not None else f"processes {DASH}", "dim")
    processes = sorted(processes, key=lambda process: not process.ours)
    line = Text()
    for i, process in enumerate(processes):
        left = len(processes) - i - 1
        room = width - line.cell_len - (3 if i else 0) - (len(f" +{left} more") if left else 0)
        words = Text(f"{safe_text(_owner(process))} {size(process.memory_bytes)}")
        program = (process.command or "").split(" ")[0]
        which = Text(f" ({safe_text(f'{program} {process.pid}'.strip())})")
        if not process.ours and words.cell_len + which.cell_len <= room:
            words.append_text(which)
        if i and words.cell_len > room:
            return line.append(f" +{left + 1} more", "dim")
        line.append(" · " if i else "", "dim").append_text(words)
    return line


def _owner(process: GpuProcess) -> str:
    if process.ours:
        return "this process"
    return "you" if process.yours else process.owner or DASH


def _problem(readings: GpuReadings, width: int) -> list[Text]:
    words = safe_text(" ".join(filter(None, (readings.problem, readings.fix))))
    return [Text(line, PROBLEM) for line in textwrap.wrap(words, max(width, 10))]


def _over(past: Sequence[T | None], now: T, of: Callable[[T], float | None]) -> Series:
    return Series([None if then is None else of(then) for then in past], of(now))


def _joined(lines: Sequence[Text], width: int) -> Text:
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n", no_wrap=True).join(lines)
