"""Device readings as lines of text: a pure function, used by `nnlab devices` and the dashboard.

It draws as much as fits: a block for each GPU and one for the host, or a line for each.
"""

import textwrap
from collections.abc import Collection, Sequence
from itertools import chain, zip_longest

from rich.text import Text

from core.readings import DeviceReading, GpuReadings, find_gpu
from tui.draw_gpu import GpuDrawing, process_table
from tui.draw_host import HostDrawing
from tui.format import duration, safe_text
from tui.palette import palette

TALLEST = 6  # lines of a graph
COLUMN, GAP = 56, 3  # columns of a GPU beside others, and between two


def draw_devices(
    reading: DeviceReading,
    history: Sequence[DeviceReading],
    width: int,
    height: int,
    *,
    training_on: Collection[str] = (),
    named: bool = True,
    run: Sequence[str] = (),
) -> Text:
    """At most `height` lines of at most `width` columns.

    `history` holds readings up to now, oldest first, for sparklines; without it, bars show what is
    now. `training_on` are the UUIDs of the GPUs to mark as the run's. `named=False` leaves out
    what a frame has in its title: the name of the only GPU, or of the host where there is none.
    `run` are figures of a run to set beside.
    """
    history = history[-width:]
    gpus = _drawings(reading, history, training_on, width)
    host = HostDrawing(reading.host, [then.host for then in history], width, run)
    problem = _problem(reading.gpu, width)
    name_gpu, name_host = named or len(gpus) > 1, named or bool(gpus)

    def tall(host_lines: Sequence[Text]) -> list[Text]:
        blocks = [([gpu.name()] if name_gpu else []) + gpu.compact() for gpu in gpus]
        return [*chain.from_iterable(blocks), *problem, *host_lines]

    def short(host_lines: Sequence[Text]) -> list[Text]:
        return [*(gpu.line() for gpu in gpus), *problem, *host_lines]

    def beside() -> list[Text]:
        narrow = _side_by_side(reading, history, training_on, width)
        return _with_processes([*narrow, *problem, *host.block(name_host)], gpus, width, height)

    # From all to little. A form is made only if those before have no room, and if a GPU's least
    # lines have: sixteen GPUs are drawn in a few milliseconds then.
    for least, form in (
        (6, lambda: _full(gpus, host, problem, name_gpu, name_host, history, width, height)),
        (4, lambda: tall(host.block(name_host))),
        (4, lambda: tall(host.lines())),
        (4, lambda: tall(host.lines()[:2])),
        (4, lambda: tall(host.lines()[:1])),
        (4 / (1 + width // COLUMN), beside),
        (1, lambda: _with_processes(short(host.block(name_host)), gpus, width, height)),
        (1, lambda: short(host.lines())),
    ):
        if least * len(gpus) <= height and len(lines := form()) <= height:
            return _joined(lines, width)
    return _joined(_crowded(gpus, problem, host.lines(), height), width)


def _drawings(
    reading: DeviceReading,
    history: Sequence[DeviceReading],
    training_on: Collection[str],
    width: int,
) -> list[GpuDrawing]:
    found = reading.gpu.gpus
    # By UUID: an index may change when another GPU is lost.
    before = [{gpu.uuid or gpu.index: gpu for gpu in then.gpu.gpus} for then in history]
    ours = [find_gpu(uuid, found) for uuid in training_on]
    gpus = [
        GpuDrawing(gpu, [then.get(gpu.uuid or gpu.index) for then in before], gpu in ours, width)
        for gpu in found
    ]
    memory = max((len(gpu.memory) for gpu in gpus), default=0)
    for gpu in gpus:
        gpu.memory = gpu.memory.rjust(memory)
    return gpus


def _side_by_side(
    reading: DeviceReading,
    history: Sequence[DeviceReading],
    training_on: Collection[str],
    width: int,
) -> list[Text]:
    """The compact form of all GPUs in as many columns as have room."""
    columns = max(min((width + GAP) // (COLUMN + GAP), len(reading.gpu.gpus)), 1)
    each = (width + GAP) // columns - GAP
    blocks = [
        [gpu.name(), *gpu.compact()] for gpu in _drawings(reading, history, training_on, each)
    ]
    lines = []
    for start in range(0, len(blocks), columns):
        for row in zip_longest(*blocks[start : start + columns], fillvalue=Text()):
            line = Text()
            for text in row:
                text = text.copy()
                text.truncate(each, overflow="ellipsis", pad=True)
                line.append_text(text).append(" " * GAP)
            line.rstrip()
            lines.append(line)
    return lines


def _full(
    gpus: Sequence[GpuDrawing],
    host: HostDrawing,
    problem: Sequence[Text],
    name_gpu: bool,
    name_host: bool,
    history: Sequence[DeviceReading],
    width: int,
    height: int,
) -> list[Text]:
    """Everything, with as many processes and as high graphs as have room."""

    def drawn(rows: int) -> list[Text]:
        lines: list[Text] = []
        for gpu, room in zip(gpus, tables, strict=True):
            lines += [gpu.name()] if name_gpu else []
            lines += gpu.full(rows)
            pairs = [(gpu.gpu, process) for process in gpu.gpu.processes or ()]
            lines += (
                process_table(pairs, room, width, with_gpu=False) if pairs else [gpu.no_process()]
            )
            lines.append(Text())
        lines += [*problem, Text()] if problem else []
        return [*lines, *host.block(name_host, rows)]

    # A table has a header, and at least a line for ours or for how many there are.
    needed = [1 + len(gpu.gpu.processes) if gpu.gpu.processes else 0 for gpu in gpus]
    tables = [min(lines, 3) for lines in needed]
    lines = drawn(1)
    spare = height - len(lines)
    if spare < 0:
        return lines
    for i, most in enumerate(needed):
        more = min(most - tables[i], spare // (len(gpus) - i))
        tables[i] += more
        spare -= more
    graphs = len(drawn(2)) - len(drawn(1))
    rows = min(1 + (spare - 1) // graphs, TALLEST)
    if len(history) < 2 or rows < 2:
        return drawn(1)
    seconds = (history[-1].time - history[0].time) / (len(history) - 1)
    legend = Text(f"graphs: {duration(seconds)} a column, now at the right", "dim")
    return [*drawn(rows), legend]


def _with_processes(
    lines: list[Text], gpus: Sequence[GpuDrawing], width: int, height: int
) -> list[Text]:
    """The processes of all GPUs below, if there is room for some."""
    pairs = [(gpu.gpu, process) for gpu in gpus for process in gpu.gpu.processes or ()]
    room = height - len(lines) - 1
    if not pairs or room < 3:
        return lines
    return [*lines, Text(), *process_table(pairs, room, width, with_gpu=True)]


def _crowded(
    gpus: Sequence[GpuDrawing], problem: Sequence[Text], host: Sequence[Text], height: int
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
            problem = [
                *problem[: room - 1],
                Text(f"{problem[room - 1].plain} …", palette().warning),
            ]
    room = max(height - len(problem) - len(host), 0)
    lines = [gpu.line() for gpu in gpus]
    if len(lines) > room:
        # The run's GPU is always among those shown.
        lines = [gpu.line() for gpu in sorted(gpus, key=lambda gpu: not gpu.ours)]
        shown = max(room - 1, 0)
        lines = [*lines[:shown], Text(f"… {len(lines) - shown} more GPUs", "dim")][:room]
    return [*lines, *problem, *host][:height]


def _problem(readings: GpuReadings, width: int) -> list[Text]:
    words = safe_text(" ".join(filter(None, (readings.problem, readings.fix))))
    return [Text(line, palette().warning) for line in textwrap.wrap(words, max(width, 10))]


def _joined(lines: Sequence[Text], width: int) -> Text:
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n", no_wrap=True).join(lines)
