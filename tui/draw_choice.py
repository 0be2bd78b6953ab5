"""Curves of what can be chosen for a run: an activation, a schedule, an initializer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.style import Style
from rich.text import Text

from core.initializers import INITIALIZERS
from core.layers import ACTIVATIONS
from core.schedules import SCHEDULES
from tui.curves import Curve
from tui.format import safe_text
from tui.palette import palette

if TYPE_CHECKING:
    from core.plots import ActivationCurve, LayerSpread

SIGNS = {"train": "━━", "test": "┈●┈"}


@dataclass(frozen=True)
class ChoicePlot:
    """Curves with their heading, ready to be drawn in any size."""

    heading: str
    legend: Mapping[str, str]  # what the curve of each role is
    curves: Sequence[Curve]
    options: Mapping[str, Any] = field(default_factory=dict)  # of `tui.plot.draw`


def activation_plot(name: str, found: "ActivationCurve") -> ChoicePlot:
    """An activation function and its gradient."""
    return ChoicePlot(
        f"{name}: {ACTIVATIONS.declared[name].summary}",
        {"train": "function", "test": "gradient"},
        [
            Curve("train", found.xs, found.ys),
            Curve("test", found.xs[::8], found.gradients[::8], dotted=True),
        ],
        {"x_limits": (found.xs[0], found.xs[-1]), "x_label": "x"},
    )


def schedule_plot(name: str, epochs: int, done: list[float], rates: list[float]) -> ChoicePlot:
    """The learning rate over a run."""
    return ChoicePlot(
        f"{name}: {SCHEDULES.declared[name].summary}",
        {"train": f"learning rate, peak {max(rates):.3g}"},
        [Curve("train", done, rates)],
        {"x_limits": (0, epochs), "x_label": "epoch", "y_range": (0, 1e6)},
    )


def init_plot(
    name: str, options: Mapping[str, float], layers: "Sequence[LayerSpread]"
) -> ChoicePlot:
    """What an initializer does to a deep network before its first step."""
    numbers = [layer.layer for layer in layers]
    heading = " ".join([name, *(f"{option}={value:g}" for option, value in options.items())])
    return ChoicePlot(
        f"{heading}: {INITIALIZERS.declared[name].summary}",
        {"train": "spread of activations", "test": "spread of gradients"},
        [
            Curve("train", numbers, [layer.activations for layer in layers]),
            Curve("test", numbers, [layer.gradients for layer in layers], dotted=True),
        ],
        {"x_limits": (1, len(layers)), "x_label": "layer", "y_log": True},
    )


def choice_lines(plot: ChoicePlot, width: int, height: int) -> list[Text]:
    """Heading, legend and curves, which are `height` lines; no curves where there is no room."""
    from tui.plot import draw

    chosen = palette()
    colours = {
        "train": chosen.train,
        "test": chosen.test,
        "axis": chosen.ground.muted,
        "grid": chosen.ground.grid,
    }
    styles = {role: Style(color=colour) for role, colour in colours.items()}
    picture = draw(plot.curves, width, height, styles=styles, **plot.options)
    legend = Text("   ").join(
        Text(f"{SIGNS[role]} {text}", styles[role]) for role, text in plot.legend.items()
    )
    return [Text(safe_text(plot.heading), "bold"), legend, *([picture] if picture.plain else [])]
