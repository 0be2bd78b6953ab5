"""What a run will cost in memory and time, before it starts."""

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from core.estimate import Estimate
from tui.format import count, duration, safe_text, size


class EstimatePane(Widget):
    """Memory and time, in two lines, or all in one where there is little room."""

    DEFAULT_CSS = "EstimatePane { height: auto; }"

    estimate: reactive[Estimate | None] = reactive(None, layout=True)
    waiting: reactive[str] = reactive("", layout=True)  # in place of what is not known yet
    sweep: reactive[str] = reactive("", layout=True)  # what all runs of a sweep take together
    brief: reactive[bool] = reactive(False, layout=True)

    def render(self) -> Text:
        if self.estimate is None:
            return Text(safe_text(self.waiting) if self.brief else "")
        lines = brief_line if self.brief else full_lines
        text = lines(self.estimate, self.waiting)
        if not self.sweep:
            return text
        return text.append(f" · {self.sweep}" if self.brief else f"\nsweep   {self.sweep}")


def full_lines(estimate: Estimate, waiting: str) -> Text:
    """A line each for memory and time; the rest stands in the table of layers."""
    text = Text("memory  ", "dim").append(memory_text(estimate))
    if not estimate.fits:
        text.append(": too much, try a smaller batch size", "bold red")
    text.append("\ntime    ", "dim")
    if estimate.seconds is not None:
        text.append("≈ ")
    return text.append(time_text(estimate, waiting))


def brief_line(estimate: Estimate, waiting: str) -> Text:
    """Everything in as few words as possible."""
    parameters = Text(f"{count(estimate.summary.total_params)} parameters")
    return Text(" · ").join([parameters, memory_text(estimate), time_text(estimate, waiting)])


def memory_text(estimate: Estimate) -> Text:
    """ "9.8 MiB of 21.7 GiB", in red if that is too much."""
    text, free = Text(size(estimate.memory_bytes)), estimate.device.memory_free_bytes
    if free is not None:
        text.append(f" of {size(free)}")
    if not estimate.fits:
        text.stylize("bold red")
    return text


def time_text(estimate: Estimate, waiting: str) -> Text:
    """ "1.2 s an epoch, 20 s in all"."""
    if estimate.seconds_per_epoch is None:
        return Text(safe_text(waiting), style="dim")
    epoch, whole = duration(estimate.seconds_per_epoch), duration(estimate.seconds)
    return Text(f"{epoch} an epoch, {whole} in all")
