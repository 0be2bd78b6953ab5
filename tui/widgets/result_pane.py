"""How a run ended, what it reached, and what to do next."""

from rich.text import Text

from core.errors import NNLabError
from core.view import RunView
from tui.format import duration, safe_text
from tui.meters import packed
from tui.widgets.pane import Pane

FRAME = 4  # columns beside the text


class ResultPane(Pane, can_focus=False):
    """Appears when the run is over, or could not start."""

    DEFAULT_CSS = """
    ResultPane {
        height: auto;
        max-height: 8;
        border: round $success;
        &.-stopped { border: round $warning; }
        &.-failed { border: round $error; }
    }
    """
    BORDER_TITLE = "result"

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.failure: BaseException | None = None
        self._view = RunView()
        self._text = Text()

    def on_resize(self) -> None:
        self._lay_out()

    def render(self) -> Text:
        return self._text

    def show(self, view: RunView) -> None:
        self._view = view
        self._lay_out()
        state = view.end.state if view.end else "failed"
        self.set_class(state == "stopped", "-stopped")
        self.set_class(state in ("failed", "crashed"), "-failed")
        self.border_title = state

    def _lay_out(self) -> None:
        # Its own size is not known before it is shown for the first time.
        text = result_text(self._view, self.failure, self.app.size.width - FRAME)
        if text != self._text:
            self._text = text
            self.refresh(layout=True)


def result_text(view: RunView, failure: BaseException | None = None, columns: int = 120) -> Text:
    """Two to six lines: figures or problem, folder, next keys."""
    lines: list[Text] = []
    end = view.end
    if isinstance(failure, NNLabError):
        lines += _problem(failure.problem, failure.fix)
    elif failure is not None:
        lines += _problem(
            f"This is a bug in nnlab: {type(failure).__name__}: {failure}",
            "The log has the whole traceback.",
        )
    elif end and end.problem:
        lines += _problem(end.problem, end.fix)
    lines += _figures(view, columns)
    if view.start:
        name = safe_text(view.start.run)
        where = Text.assemble("folder ", (safe_text(view.start.path), "bold"))
        if end and end.state != "finished":
            where.append("   go on with ")
            where.append(f"nnlab resume {name}", "bold")
        lines.append(where)
    keys = Text.assemble(("n", "bold"), " another run   ", ("q", "bold"), " quit")
    if view.checkpoint:
        keys = Text.assemble(("i", "bold"), " look inside   ", keys)
    lines.append(keys)
    return Text("\n").join(lines)


def _problem(problem: str, fix: str) -> list[Text]:
    lines = [Text(safe_text(line)) for line in fix.splitlines()]
    return [Text(safe_text(problem), "bold"), *lines]


def _figures(view: RunView, columns: int) -> list[Text]:
    """Best and last figures; nothing before the first epoch has ended."""
    if not (best := view.best):
        return []
    last = view.epoch_ends[-1]
    figure = f"{best.test_score:.4f}"
    parts = [
        f"best test {view.metric} {figure} in epoch {best.epoch}",
        f"last {last.test_score:.4f}",
        f"train {last.train_score:.4f}",
        f"loss {last.train_loss:.4f}",
    ]
    parts += [duration(view.end.seconds)] if view.end else []
    lines = [Text(line) for line in packed(parts, columns)]
    at = lines[0].plain.index(figure)
    lines[0].stylize("bold", at, at + len(figure))
    return lines
