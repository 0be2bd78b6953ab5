"""The network of a run, or of the launch form: its layers, and what becomes of them."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static, Tree

from core.errors import NNLabError
from core.events import LayerFigures
from core.layer_history import LayerHistory, layer_history
from core.view import RunView
from tui.draw_layers import Column, layer_lines, shown_columns, title_line, tree_line
from tui.format import safe_text
from tui.layer_lines import total_lines
from tui.layer_tree import LayerNode, tree_of, tree_of_names
from tui.screens.prediction import layer_of_run
from tui.widgets.key_line import KeyLine
from tui.widgets.layer_tree import LayerTree

if TYPE_CHECKING:
    from core.summary import Summary

UPDATES_PER_SECOND = 2


def network_of_run(
    view_of: Callable[[], RunView], *, may_build: bool, data_dir: Path | None = None
) -> "ModelScreen":
    """The screen of the network of a run that has begun.

    The network is not built where that would disturb a run that this process trains.
    """
    start = view_of().start
    assert start is not None

    def summarize() -> "Summary":
        from core.estimate import summarize_run

        return summarize_run(start)

    model = Path(start.model).name
    return ModelScreen(f"{start.run}: {model}", summarize if may_build else None, view_of, data_dir)


class ModelScreen(Screen[None]):
    """The layers as a tree; below, all that is known of the chosen one. Esc goes back.

    Of a run, `view_of` gives its newest view; what is told there of its layers is shown as it
    comes. `summarize` is called in a thread; None where the network must not be built here.
    """

    BINDINGS: ClassVar = [
        Binding("i", "maps", "Maps", tooltip="What this layer makes of an image (also enter)"),
        Binding("escape", "dismiss(None)", "Back", tooltip="Go back"),
    ]
    DEFAULT_CSS = """
    ModelScreen {
        #heading { height: 1; padding: 0 1; text-style: bold; }
        #totals { height: auto; max-height: 2; padding: 0 1; color: $foreground-muted; }
        #totals.-failed { color: $error; }
        #titles { height: 1; padding: 0 1; margin-top: 1; }
        LayerTree { height: 1fr; padding: 0 0 0 1; }
        #layer {
            height: 45%;
            padding: 0 1;
            border-top: solid $panel-border;
        }
        &.-without-run #layer { height: 4; }
    }
    """

    class Summarized(Message):
        """What the network is made of."""

        def __init__(self, summary: "Summary") -> None:
            super().__init__()
            self.summary = summary

    class Failed(Message):
        """It cannot be told, for a reason that the user can act on."""

        def __init__(self, error: NNLabError) -> None:
            super().__init__()
            self.error = error

    def __init__(
        self,
        heading: str,
        summarize: "Callable[[], Summary] | None",
        view_of: Callable[[], RunView] | None = None,
        data_dir: Path | None = None,
    ) -> None:
        super().__init__()
        self.data_dir = data_dir
        self._had_maps = False
        self.heading = heading
        self.summarize = summarize
        self.view_of = view_of
        self.summary: Summary | None = None
        self.figures: tuple[LayerFigures, ...] = ()
        self._histories: dict[str, LayerHistory] = {}  # of `figures`, as they are asked for

    def compose(self) -> ComposeResult:
        yield Static(safe_text(self.heading), id="heading", markup=False)
        yield Static("working out the shapes…", id="totals", markup=False)
        yield Static(id="titles", markup=False)
        yield LayerTree(self._line_of)
        yield Static(id="layer", markup=False)
        yield KeyLine()

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw())
        self.set_class(self.view_of is None, "-without-run")
        if self.summarize is not None:
            self.work_out(self.summarize)
        else:
            self.query_one("#totals", Static).update(
                "its file is not run beside its own training: shapes once the run is over"
            )
        if self.view_of is not None:
            self.take_figures()
            self.set_interval(1 / UPDATES_PER_SECOND, self.take_figures)

    @work(thread=True)
    def work_out(self, summarize: "Callable[[], Summary]") -> None:
        try:
            self.post_message(self.Summarized(summarize()))
        except NNLabError as error:
            self.post_message(self.Failed(error))

    @on(Summarized)
    def show_summary(self, message: Summarized) -> None:
        self.summary = message.summary
        self.query_one(LayerTree).show_nodes(tree_of(message.summary))
        self.redraw()

    @on(Failed)
    def show_failure(self, message: Failed) -> None:
        totals = self.query_one("#totals", Static)
        totals.add_class("-failed")
        totals.update(safe_text(f"{message.error.problem} {message.error.fix}"))

    def take_figures(self) -> None:
        """Show what the run has told of its layers since the last time."""
        assert self.view_of
        if self._has_maps != self._had_maps:  # the first checkpoint has come
            self._had_maps = self._has_maps
            self.refresh_bindings()
        figures = self.view_of().layers
        if figures is self.figures:
            return
        first = not self.figures
        self.figures = figures
        self._histories.clear()
        if self.summary is None and first and figures:
            self.query_one(LayerTree).show_nodes(
                tree_of_names((*figures[-1].layers, *figures[-1].relus))
            )
        self.redraw()

    def on_resize(self, event: events.Resize) -> None:
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Draw everything for the newest figures and the size that there is now."""
        tree = self.query_one(LayerTree)
        width = tree.columns
        self.query_one("#titles", Static).update(title_line(self._columns(width), width))
        if self.summary:
            lines = total_lines(self.summary, max(self.size.width - 2, 1))
            self.query_one("#totals", Static).update("\n".join(lines))
        tree.show_figures()
        self.show_layer()

    @on(Tree.NodeHighlighted)
    def show_layer(self) -> None:
        """All about the layer under the cursor."""
        node = self.query_one(LayerTree).cursor_node
        below = self.query_one("#layer", Static)
        if node is None or node.data is None:
            below.update("")
            return
        start = self.view_of().start if self.view_of else None
        steps = start.steps_per_epoch if start else 1
        history = self._history(node.data)
        lines = layer_lines(node.data, history, steps, *below.content_size)
        below.update(Text("\n").join(lines))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "maps" or self._has_maps

    @property
    def _has_maps(self) -> bool:
        """Whether the network of a run can be opened here, and looks at images."""
        if self.view_of is None or self.summarize is None:
            return False
        view = self.view_of()
        return bool(view.checkpoint and view.start and not view.start.table)

    @on(LayerTree.Opened)
    def open_layer(self) -> None:
        if self._has_maps:
            self.action_maps()

    def action_maps(self) -> None:
        assert self.view_of
        view, node = self.view_of(), self.query_one(LayerTree).cursor_node
        if view.start and node and node.data:
            which = "best" if view.end else "last"
            run = Path(view.start.path)
            self.app.push_screen(layer_of_run(run, which, node.data.name, self.data_dir))

    def _line_of(self, node: LayerNode, width: int) -> str:
        columns = self._columns(self.query_one(LayerTree).columns)
        macs = self.summary.total_macs if self.summary else 0
        return tree_line(node, self._history(node), columns, width, macs)

    def _columns(self, width: int) -> list[Column]:
        return shown_columns(width, live=bool(self.figures))

    def _history(self, node: LayerNode) -> LayerHistory:
        if node.name not in self._histories:
            self._histories[node.name] = layer_history(self.figures, node.name)
        return self._histories[node.name]
