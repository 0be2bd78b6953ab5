"""What the run was asked to do, and what it runs on."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from core.config import RunConfig
from core.view import RunView
from tui.attached import Attached
from tui.format import count, safe_text
from tui.widgets.pane import Pane

Pairs = Sequence[tuple[str, str]]  # name, value

GAP = 3  # between two columns of settings
LONG = 16  # columns of the terminal; a longer value gets lines of its own
MOST_COLUMNS = 4
STEPS_RUN = {"compile": "compiled", "graph": "by a CUDA graph"}


class ConfigPane(Pane, can_focus=False):
    """The settings of a run, then its facts: parameters, images, device, folder."""

    BORDER_TITLE = "settings"

    def __init__(
        self,
        config: RunConfig | None = None,
        attached: Attached | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.config = config
        self.attached = attached
        self._shown = Text()

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(markup=False)

    def show(self, view: RunView) -> None:
        pairs = [*settings(self.config), *facts(view)]
        if self.attached:  # in full here, for the header has not always room
            pairs.append(("process", str(self.attached)))
        muted = self.app.theme_variables["foreground-muted"]
        text = newspaper(pairs, self.content_size.width - 1, muted)
        if text != self._shown:
            self._shown = text
            self.query_one(Static).update(text)


def newspaper(pairs: Pairs, width: int, name_style: str = "") -> Text:
    """Short pairs down as many columns as fit into `width`, then long ones, a line each."""
    short = [pair for pair in pairs if cell_len(pair[1]) <= LONG]
    for count_of_columns in range(MOST_COLUMNS, 0, -1):
        rows = max(-(-len(short) // count_of_columns), 1)
        columns = [short[i : i + rows] for i in range(0, len(short), rows)]
        widths = [(max(len(n) for n, _ in c), max(cell_len(v) for _, v in c)) for c in columns]
        if sum(names + 1 + values for names, values in widths) + GAP * (len(columns) - 1) <= width:
            break
    text = Text()
    for row in range(rows if short else 0):
        line = Text()
        for column, (names, values) in zip(columns, widths, strict=True):
            if row < len(column):
                line.append(f"{column[row][0]:<{names}} ", name_style)
                line.append(set_cell_size(column[row][1], values + GAP))
        line.rstrip()
        text.append_text(line).append("\n")
    longest = max((len(n) for n, v in pairs if cell_len(v) > LONG), default=0)
    for name, value in pairs:
        if cell_len(value) > LONG:
            text.append(f"{name:<{longest}} ", name_style)
            text.append(f"{value}\n")
    text.rstrip()
    return text


def settings(config: RunConfig | None) -> Iterator[tuple[str, str]]:
    """Name and value of each setting that is set."""
    if config is None:
        return
    for name, value in config:
        if text := _written(value):
            yield name.replace("_", " "), safe_text(text)


def facts(view: RunView) -> Iterator[tuple[str, str]]:
    """What became known when the run started."""
    if not (start := view.start):
        return
    if view.last:
        yield "lr now", f"{view.last.lr:.4g}"
        yield "data wait", f"{view.last.data_wait:.0%}"
    yield "parameters", f"{start.parameters:,}"
    yield "steps per epoch", f"{start.steps_per_epoch:,}"
    yield start.samples, f"{count(start.train_images)} + {count(start.test_images)} test"
    yield "threads", str(start.threads)
    yield "steps run", STEPS_RUN.get(start.executor, "eagerly")
    yield "runs on", safe_text(f"{start.device}, {start.device_name}")
    yield "folder", safe_text(start.path)


def _written(value: Any) -> str:
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{k}={v}" for k, v in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
