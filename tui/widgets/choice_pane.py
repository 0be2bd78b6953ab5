"""The curve of what is being chosen in the form: a schedule, an initializer, an activation."""

import asyncio
from collections.abc import Callable

from rich.text import Text
from textual import work
from textual.widgets import Static

from core.config import RunConfig
from core.layers import ACTIVATIONS
from tui.draw_choice import ChoicePlot, activation_plot, choice_lines, init_plot, schedule_plot

LAYERS, WIDTH = 10, 256  # of the deep network that an initializer is tried on, as `nnlab plot init`
LIMIT = 6.0  # an activation is drawn from -LIMIT to LIMIT
SCHEDULE = ("schedule", "warmup")
INITIALIZER = ("initializer", "init_options")


class ChoicePane(Static):
    """What `nnlab plot` draws of the setting that the cursor is in; nothing for most settings."""

    DEFAULT_CSS = """
    ChoicePane { height: 12; margin-top: 1; display: none; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self.plot: ChoicePlot | None = None

    def show_setting(self, setting: str, config: RunConfig | None) -> None:
        """Draw the curve of `setting` as it is in `config`; None if that is not complete."""
        find = plot_of(setting, config) if config else None
        if find:
            self.find_plot(find)
        else:
            self.workers.cancel_node(self)
            self.plot, self.display = None, False

    @work(exclusive=True)
    async def find_plot(self, find: Callable[[], ChoicePlot]) -> None:
        self.plot = await asyncio.to_thread(find)
        self.display = True
        self.call_after_refresh(self.redraw)

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        if self.plot:
            width, height = self.size
            heading, legend, *picture = choice_lines(self.plot, width, height - 2)
            for line in (heading, legend):
                line.truncate(width, overflow="ellipsis")
            self.update(Text("\n").join([heading, legend, *picture]))


def plot_of(setting: str, config: RunConfig) -> Callable[[], ChoicePlot] | None:
    """What finds the plot, with torch, for one setting of a run; None if it has no curve."""
    activation = config.model_options.get("activation")
    if setting in SCHEDULE:
        return lambda: _schedule(config)
    if setting in INITIALIZER and config.initializer != "default":
        return lambda: _initializer(config)
    if setting == "model_options" and activation in ACTIVATIONS:
        return lambda: _activation(str(activation))
    return None


def _schedule(config: RunConfig) -> ChoicePlot:
    from core.plots import schedule_curve

    found = schedule_curve(config.schedule, config.epochs, config.lr, config.warmup)
    return schedule_plot(config.schedule, config.epochs, *found)


def _initializer(config: RunConfig) -> ChoicePlot:
    from core.plots import spread_by_layer

    name, options = config.initializer, config.init_options
    return init_plot(name, options, spread_by_layer(name, "relu", LAYERS, WIDTH, options))


def _activation(name: str) -> ChoicePlot:
    from core.plots import activation_curve

    return activation_plot(name, activation_curve(name, LIMIT))
