"""The first line of the dashboard: which run, what it is doing, how far it is."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.style import Style
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from core.events import Progress
from core.view import RunView
from tui.attached import Attached
from tui.format import clip, clock, safe_text, size

SIGNS = {
    "preparing": "…",
    "pausing": "‖",
    "resuming": "●",
    "training": "●",
    "evaluating": "◌",
    "paused": "‖",
    "waiting": "‖",
    "queued": "‖",
    "stopping": "■",
    "saving": "■",
    "finished": "✔",
    "stopped": "■",
    "failed": "✘",
    "crashed": "✘",
}
STATE_WIDTH = max(map(len, SIGNS)) + 2  # the longest word and its sign: the rest keeps its place
COLORS = {
    "training": "success",
    "evaluating": "success",
    "finished": "success",
    "preparing": "primary",
    "failed": "error",
    "crashed": "error",
}  # any other state: "warning"


@dataclass(frozen=True)
class Pace:
    """Since when a piece of work has been going on, to tell how long it still takes."""

    doing: str
    done: int
    since: float

    def seconds_left(self, progress: Progress, now: float) -> float | None:
        """None when it cannot be told yet."""
        done = progress.done - self.done
        if progress.total is None or done <= 0 or now - self.since < 0.5:
            return None
        return (progress.total - progress.done) * (now - self.since) / done


class RunHeader(Widget):
    """One line; during the preparation it shows what is being prepared."""

    DEFAULT_CSS = """
    RunHeader { dock: top; height: 1; background: $panel; padding: 0 1; }
    """

    view: reactive[RunView] = reactive(RunView(), init=False, always_update=True)
    asked: reactive[str] = reactive("")  # a state that was asked for and has not come yet

    def __init__(
        self, title: str = "", *, attached: Attached | None = None, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.attached = attached
        self.title = title  # until the run has started and says itself what it is
        self._pace: Pace | None = None
        self._line = Text()

    def watch_view(self, view: RunView) -> None:
        progress = view.progress
        if progress is None:
            self._pace = None
        elif self._pace is None or self._pace.doing != progress.doing:
            self._pace = Pace(progress.doing, progress.done, time.monotonic())

    def render(self) -> Text:
        left = None
        if self._pace and self.view.progress:
            left = self._pace.seconds_left(self.view.progress, time.monotonic())
        colors = self.app.theme_variables
        return header_line(
            self.view, self.content_size.width, title=self.title, attached=self.attached,
            asked=self.asked, seconds_left=left, colors=colors,
        )  # fmt: skip


def header_line(
    view: RunView,
    width: int,
    *,
    title: str = "",
    attached: Attached | None = None,
    asked: str = "",
    seconds_left: float | None = None,
    colors: Mapping[str, str] | None = None,
) -> Text:
    """Identity on the left; state, epoch, progress bar, percent and time left on the right.

    Of a run of another process, `attached` is told too: whole, or in a word where room is short.
    """
    colors = colors or {}
    state = asked or view.state
    color = colors.get(COLORS.get(state, "warning"), "")
    right = Text(f"{SIGNS.get(state, '●')} {state}".ljust(STATE_WIDTH + 1), f"bold {color}".strip())
    bar_width = min(max(width // 6, 8), 30)
    muted = colors.get("foreground-muted", "")
    if view.start:
        digits = len(str(view.epochs))
        right.append(f" epoch {view.epoch:>{digits}}/{view.epochs} ")
        part = view.step / view.total_steps if view.total_steps else 0.0
        right.append_text(bar(part, bar_width, color, muted))
        right.append(f" {min(part, 1.0):4.0%}")
        right.append(f"  ETA {clock(view.eta_seconds):<7}" if not view.end else "")
    elif state == "queued" and view.behind:
        right.append(f" behind {clip(', '.join(view.behind), 40)}")
    elif view.progress and state != "failed":
        right.append_text(progress_text(view.progress, bar_width, color, muted))
        right.append(f"  ETA {clock(seconds_left):<7}" if seconds_left is not None else "")
    if view.start:
        names = (view.start.model, view.start.data, view.start.run)
        title = " · ".join(safe_text(name, 100) for name in names)
    room = max(width - right.cell_len - 2, 0)
    left = Text(title, "bold")
    if attached:
        whole = f"{attached}  "
        fits = len(whole) + left.cell_len <= room
        left = Text.assemble((whole if fits else "attached  ", muted), left)
    left.truncate(room, overflow="ellipsis")
    line = Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right)
    line.truncate(width)
    line.no_wrap = True
    return line


def progress_text(progress: Progress, bar_width: int, color: str, muted: str) -> Text:
    """What is being done, how much of it, and a bar if the whole is known."""
    text = Text(" " + safe_text(progress.doing, 200))
    text.truncate(48, overflow="ellipsis")
    text.append(" ")
    amount = size if progress.unit == "bytes" else "{:,}".format
    if progress.total:
        text.append_text(bar(progress.done / progress.total, bar_width, color, muted))
        text.append(f" {progress.done / progress.total:4.0%}")
        text.append(f"  {amount(progress.done)} of {amount(progress.total)}")
    elif progress.done:
        text.append(amount(progress.done))
    if progress.unit != "bytes" and (progress.total or progress.done):
        text.append(f" {safe_text(progress.unit, 20)}")
    return text


def bar(part: float, width: int, color: str, muted: str) -> Text:
    """A bar of `width` cells, filled to half a cell: ━━━╸───."""
    halves = round(min(max(part, 0.0), 1.0) * 2 * width)
    full, half = divmod(halves, 2)
    text = Text("━" * full + "╸" * half, Style.parse(color) if color else "")
    text.append("─" * (width - full - half), Style.parse(muted) if muted else "")
    return text
