"""A screen of text and pictures that a thread works out: the ground of `inspect` and `images`."""

from collections.abc import Callable, Generator
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static
from textual.worker import get_current_worker

from core.errors import NNLabError
from core.events import Notice, Progress
from tui.ascii import encoding_of_screen
from tui.format import safe_text
from tui.images import needs_ramp
from tui.widgets.key_line import KeyLine

Draw = Callable[[int, int, bool], list[Text]]  # columns, lines, whether in shades of grey
Sections = Generator[Progress | Notice | Draw, None, None]


class LookScreen(Screen[None]):
    """Sections that appear one by one, each as soon as it is known; Esc goes back.

    A subclass says in `sections` what there is to see. It is called in a thread, and what it yields
    draws the newest section, at once and again for every size of the terminal. To `work_out` it
    again replaces one after the other.
    """

    BINDINGS: ClassVar = [Binding("escape", "dismiss(None)", "Back", tooltip="Go back")]
    DEFAULT_CSS = """
    LookScreen {
        #heading { height: 1; padding: 0 1; text-style: bold; }
        #doing { height: 1; padding: 0 1; color: $foreground-muted; }
        #doing.-failed { height: auto; color: $error; }
        VerticalScroll { height: 1fr; padding: 0 1; scrollbar-size: 1 1; }
    }
    """
    AUTO_FOCUS = "VerticalScroll"

    class News(Message):
        """Something was found out, or what is being done now."""

        def __init__(self, news: Progress | Notice | Draw, place: int) -> None:
            super().__init__()
            self.news = news
            self.place = place  # of a section, from 0

    class Failed(Message):
        """It ended early, for a reason that the user can act on."""

        def __init__(self, error: NNLabError) -> None:
            super().__init__()
            self.error = error

    class Done(Message):
        """All is there."""

        def __init__(self, sections: int) -> None:
            super().__init__()
            self.sections = sections

    def __init__(self, heading: str) -> None:
        super().__init__()
        self.heading = heading
        self.drawn: list[Draw] = []

    def sections(self) -> Sections:
        """What there is to see, from the top. Raises NNLabError."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        yield Static(safe_text(self.heading), id="heading", markup=False)
        yield Static("loading…", id="doing", markup=False)
        with VerticalScroll():
            yield Static(id="text", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw())
        self.work_out()

    @work(thread=True)
    def work_out(self) -> None:
        worker = get_current_worker()
        place = 0
        try:
            for news in self.sections():
                if worker.is_cancelled:
                    return
                self.post_message(self.News(news, place))
                place += callable(news)
        except NNLabError as error:
            self.post_message(self.Failed(error))
        else:
            self.post_message(self.Done(place))

    @on(News)
    def show_news(self, message: News) -> None:
        match message.news:
            case Progress(doing=doing, done=done, total=total):
                share = f" {done / total:.0%}" if total else ""
                self.query_one("#doing", Static).update(f"{safe_text(doing)}{share}…")
            case Notice(text=text):
                self.notify(safe_text(text), markup=False)
            case draw:
                self.drawn[message.place : message.place + 1] = [draw]
                self.redraw()
                self.refresh_bindings()

    @on(Done)
    def show_done(self, message: Done) -> None:
        del self.drawn[message.sections :]
        self.query_one("#doing").display = False

    @on(Failed)
    def show_failure(self, message: Failed) -> None:
        doing = self.query_one("#doing", Static)
        doing.display = True
        doing.add_class("-failed")
        doing.update(safe_text(f"{message.error.problem} {message.error.fix}"))

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw all sections for the size that there is now."""
        columns, lines = self.size.width - 4, max(self.size.height - 4, 8)
        ramp = self.app.no_color or needs_ramp(self.app.console, encoding_of_screen())
        found = [draw(columns, lines, ramp) for draw in self.drawn]
        blocks = [Text("\n").join(section) for section in found if section]
        self.query_one("#text", Static).update(Text("\n\n").join(blocks))
