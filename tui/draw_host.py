"""The machine as lines of text, in several sizes."""

from collections.abc import Sequence

from rich.text import Text

from core.readings import HostReading
from tui.format import percent, safe_text, size
from tui.meters import (
    LABEL,
    bytes_of,
    in_one_line,
    meters,
    number,
    over,
    packed,
    rate,
    share,
    sparkline,
    squeezed,
)
from tui.palette import palette


class HostDrawing:
    """The machine, ready to be drawn in two sizes. `run` are figures of the run, if there is one.

    Where a container may use less memory than the machine has, its limit stands for the machine's.
    """

    def __init__(
        self, host: HostReading, past: Sequence[HostReading], width: int, run: Sequence[str] = ()
    ) -> None:
        self._host = host
        self._width = width
        self._cpu = f"{percent(host.cpu, 0):>5}"
        self._ram = bytes_of(host.memory_used_bytes, host.memory_total_bytes)
        self._cpus = over(past, host, lambda h: h.cpu)
        self._rams = over(past, host, lambda h: share(h.memory_used_bytes, h.memory_total_bytes))
        self._limit = bytes_of(host.limit_used_bytes, host.limit_bytes)
        self._limits = over(past, host, lambda h: share(h.limit_used_bytes, h.limit_bytes))
        busy = number(host.process_cores, len(f"{len(host.cores) or 1}.0"), 1)
        process = f"this process {busy} cores {size(host.process_memory_bytes):>8}"
        self._process = [process] if host.process_memory_bytes is not None else []
        self._run = [Text(line) for line in packed(["this run", *run], width)] if run else []

    def block(self, named: bool, rows: int = 1) -> list[Text]:
        """Everything, over several lines, with graphs `rows` lines high."""
        host = self._host
        lines = []
        if named:
            lines.append(Text.assemble(("host", "bold"), f"  {safe_text(host.cpu_name)}"))
        graphs = [("cpu", self._cpus, self._cpu), ("ram", self._rams, self._ram)]
        if host.limit_bytes is not None:
            graphs.append(("limit", self._limits, self._limit))
        lines += meters(graphs, [], self._width, rows)[0]
        if len(host.cores) > 1:
            bars = squeezed(host.cores, self._width - LABEL)
            bar = sparkline(bars, len(bars))
            lines.append(Text.assemble((f"{'cores':<{LABEL}}", "dim"), (bar, palette().meter)))
        load = "  ".join(number(minutes, 1, 2) for minutes in host.load or (None,) * 3)
        cells = [f"{'load':<{LABEL}}{load}"]
        if host.swap_total_bytes:
            cells.append(f"swap  {bytes_of(host.swap_used_bytes, host.swap_total_bytes)}")
        cells += [
            f"disk  read {rate(host.disk_read_per_second)} "
            f"write {rate(host.disk_written_per_second)}",
            f"net   in   {rate(host.network_received_per_second)} "
            f"out   {rate(host.network_sent_per_second)}",
        ]
        for line in packed(cells, self._width):
            text = Text(line)
            text.highlight_regex(r"\b(load|swap|disk|net|read|write|in|out)\b", "dim")
            lines.append(text)
        return [*lines, *self._run, *map(Text, self._process)]

    def lines(self) -> list[Text]:
        """Processors, memory, the run and this process in one line, or a few."""
        limited = self._host.limit_bytes is not None
        memory = f"limit {self._limit}" if limited else f"ram {self._ram}"
        values = [self._cpu, memory, *self._process]
        line, shown = in_one_line("cpu", self._cpus, values, "", self._width)
        process = [] if shown == len(values) else self._process
        return [line, *self._run, *map(Text, process)]
