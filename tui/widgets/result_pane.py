"""How a run ended, what it reached, and what to do next."""

from rich.text import Text

from core.errors import NNLabError
from core.view import RunView
from tui.format import duration, safe_text
from tui.widgets.pane import Pane


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
        self._text = Text()

    def render(self) -> Text:
        return self._text

    def show(self, view: RunView) -> None:
        self._text = result_text(view, self.failure)
        state = view.end.state if view.end else "failed"
        self.set_class(state == "stopped", "-stopped")
        self.set_class(state in ("failed", "crashed"), "-failed")
        self.border_title = state
        self.refresh(layout=True)


def result_text(view: RunView, failure: BaseException | None = None) -> Text:
    """Two to five lines: figures or problem, folder, next keys."""
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
    if figures := _figures(view):
        lines.append(figures)
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


def _figures(view: RunView) -> Text | None:
    """Best and last figures; None before the first epoch has ended."""
    if not (best := view.best):
        return None
    last = view.epoch_ends[-1]
    text = Text.assemble(
        f"best test {view.metric} ",
        (f"{best.test_score:.4f}", "bold"),
        f" in epoch {best.epoch}   last {last.test_score:.4f}   "
        f"train {last.train_score:.4f}   loss {last.train_loss:.4f}",
    )
    if view.end:
        text.append(f"   {duration(view.end.seconds)}")
    return text
