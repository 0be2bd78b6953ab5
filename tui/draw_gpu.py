"""One GPU as lines of text, in several sizes, and the processes on it."""

from collections.abc import Sequence

from rich.cells import set_cell_size
from rich.text import Text

from core.readings import GpuProcess, GpuReading
from tui.format import DASH, percent, safe_text, size
from tui.meters import (
    bytes_of,
    in_one_line,
    meters,
    number,
    over,
    packed,
    part_of,
    rate,
    share,
)
from tui.palette import palette

SPACIOUS = 100  # columns from which a GPU's single line tells clocks and traffic, too
OLD_SECONDS = 1.5  # from which on the age of what is not read every second is told
TABLE = 64  # columns below which a process has no room for its loads


class GpuDrawing:
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
        self._utils = over(past, gpu, lambda g: g.utilisation)
        self._memories = over(past, gpu, lambda g: share(g.memory_used_bytes, g.memory_total_bytes))
        self._powers = over(past, gpu, lambda g: share(g.power_watts, g.power_limit_watts))
        hottest = gpu.shutdown_celsius or gpu.slowdown_celsius or 100.0
        self._temperatures = over(past, gpu, lambda g: share(g.temperature_celsius, hottest))

    def name(self) -> Text:
        line = Text.assemble(
            (f"GPU {self.gpu.index}", "bold"), f"  {safe_text(self.gpu.name or DASH)}"
        )
        return line.append("  this run", "bold") if self.ours else line

    def full(self, rows: int = 1) -> list[Text]:
        """Everything that is known of it but its name and processes; graphs `rows` lines high."""
        gpu = self.gpu
        columns = [
            [
                f"sm    {number(gpu.sm_clock_mhz, 4)} MHz",
                f"mem   {number(gpu.memory_clock_mhz, 4)} MHz",
                f"fan   {percent(gpu.fan, 0):>8}",
                f"state {safe_text(gpu.performance_state or DASH):>8}",
            ],
            [
                f"pcie in  {rate(gpu.pcie_received_per_second)}",
                f"pcie out {rate(gpu.pcie_sent_per_second)}",
                f"link in  {rate(gpu.nvlink_received_per_second)}",
                f"link out {rate(gpu.nvlink_sent_per_second)}",
            ],
        ]
        lines, shown = meters(
            [
                ("util", self._utils, self._util),
                ("mem", self._memories, self.memory),
                ("power", self._powers, self._power),
                (
                    "temp",
                    self._temperatures,
                    part_of(gpu.temperature_celsius, gpu.slowdown_celsius, "°C"),
                ),
            ],
            list(zip(*columns, strict=True)),
            self._width,
            rows,
        )
        cells = [" ".join(cell.split()) for column in columns[shown:] for cell in column]
        lanes = DASH if gpu.pcie_lanes is None else f"×{gpu.pcie_lanes}"
        cells += [
            f"pcie {gpu.pcie_generation or DASH} {lanes}",
            f"ecc errors {_whole(gpu.ecc_corrected)} corrected, {_whole(gpu.ecc_uncorrected)} not",
            f"off at {number(gpu.shutdown_celsius, 1)} °C",
        ]
        if (gpu.details_age_seconds or 0) >= OLD_SECONDS:
            cells.append(f"traffic, errors, processes: {gpu.details_age_seconds:.0f} s ago")
        if gpu.uuid and self._width >= SPACIOUS:
            cells.append(safe_text(gpu.uuid))
        lines += [Text(line, "dim") for line in packed(cells, self._width)]
        return [*lines, *self._slowed(), *self._instances()]

    def no_process(self) -> Text:
        """That nobody uses it, or that it is not known who does."""
        return process_line(self.gpu.processes, self._width)

    def compact(self) -> list[Text]:
        """The same without history of the temperature, traffic, errors and limits, but with the
        processes in a line.
        """
        gpu = self.gpu
        sm, memory = (f"{number(mhz, 4)} MHz" for mhz in (gpu.sm_clock_mhz, gpu.memory_clock_mhz))
        fan, state = percent(gpu.fan, 0), safe_text(gpu.performance_state or DASH)
        lines, columns = meters(
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
        if not columns:
            rest = [f"sm {sm}", f"fan {fan}", state]
            lines.append(in_one_line(f"temp  {self._temperature}", None, rest, "", self._width)[0])
        lines += [*self._slowed(), *self._instances()]
        return [*lines, process_line(gpu.processes, self._width)]

    def line(self) -> Text:
        """The most important of it."""
        gpu = self.gpu
        label = f"{'▸' if self.ours else ' '}{gpu.index:>2}"
        values = [self._util, self.memory, self._temperature, self._power]
        if self._width >= SPACIOUS:
            values += [
                f"sm {number(gpu.sm_clock_mhz, 4)} MHz",
                f"{safe_text(gpu.performance_state or DASH):>3}",
            ]
        if self._width >= 1.5 * SPACIOUS:
            values.append(
                f"pcie in {rate(gpu.pcie_received_per_second)} out {rate(gpu.pcie_sent_per_second)}"
            )
        if gpu.slowed_by:  # matters more than the name
            warning = f"slowed: {', '.join(gpu.slowed_by)}"
            line = in_one_line(label, self._utils, values, warning, self._width)[0]
            start = line.plain.find(warning)
            if start >= 0:
                line.stylize(palette().warning, start)
            return line
        name = safe_text(gpu.name or DASH).removeprefix("NVIDIA ")
        if gpu.mig:
            name = f"{len(gpu.mig)} MIG  {name}"
        return in_one_line(label, self._utils, values, name, self._width)[0]

    def _slowed(self) -> list[Text]:
        if not self.gpu.slowed_by:
            return []
        return [Text(f"slowed by {', '.join(self.gpu.slowed_by)}", palette().warning)]

    def _instances(self) -> list[Text]:
        lines = []
        for instance in self.gpu.mig:
            whole = safe_text(self.gpu.name or "")
            name = safe_text(instance.name or DASH).removeprefix(whole).strip()
            used = bytes_of(instance.memory_used_bytes, instance.memory_total_bytes)
            lines.append(Text.assemble((f"{name}  ", "dim"), used))
        return lines


def process_table(
    processes: Sequence[tuple[GpuReading, GpuProcess]], rows: int, width: int, *, with_gpu: bool
) -> list[Text]:
    """A header and at most `rows` - 1 lines, ours first where not all have room."""
    room = rows - 1
    left_out = 0
    if len(processes) > room:
        left_out = len(processes) - room + 1
        processes = sorted(processes, key=lambda pair: not pair[1].ours)[: room - 1]
    loads = f"{'sm':>5}  {'cpu':>6}  {'ram':>8}  " if width >= TABLE else ""
    header = f"{'pid':>8}  {'owner':<12}  {'gpu mem':>8}  {loads}command"
    lines = [Text(f"gpu  {header}" if with_gpu else header, "dim")]
    for gpu, process in processes:
        row = _process_row(process, with_loads=bool(loads))
        lines.append(Text.assemble(f"{gpu.index:>3}  ", row) if with_gpu else row)
    return [*lines, Text(f"+{left_out} more", "dim")] if left_out else lines


def _process_row(process: GpuProcess, *, with_loads: bool) -> Text:
    owner = set_cell_size(safe_text(_owner(process)), 12)
    cores = process.cpu_cores
    cpu = DASH if cores is None else f"{cores * 100:.0f} %"  # of one core, as top has it
    loads = f"{percent(process.utilisation, 0):>5}  {cpu:>6}  {size(process.host_memory_bytes):>8}"
    row = f"{process.pid:>8}  {owner}  {size(process.memory_bytes):>8}  "
    return Text.assemble(
        (f"{row}{loads}  " if with_loads else row, "bold" * process.ours),
        safe_text(process.command or DASH),
    )


def process_line(processes: Sequence[GpuProcess] | None, width: int) -> Text:
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


def _whole(number: int | None) -> str:
    return DASH if number is None else str(number)
