"""nnlab plot: runs, activations, schedules and initializers as curves."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigError
from core.initializers import INITIALIZERS
from core.layers import ACTIVATIONS
from core.registry import Registry
from core.schedules import SCHEDULES
from tui.commands.plot_run import run
from tui.options import Json

if TYPE_CHECKING:
    from rich.text import Text

    from core.plots import LayerSpread
    from tui.draw_choice import ChoicePlot

plot = typer.Typer(
    name="plot",
    no_args_is_help=True,
    help="Draw runs, an activation function, a schedule or an initializer.",
)

plot.command()(run)

MOST_COLUMNS, MOST_LINES = 120, 30  # of a curve: beyond that it says no more


def _name(registry: Registry) -> Any:
    """A NAME argument for one of the registry's entries."""
    return typer.Argument(
        help=f"One of: {', '.join(registry)}.",
        autocompletion=lambda: [(d.name, d.summary) for d in registry.declared.values()],
        show_default=False,
    )


@plot.command()
def activation(
    name: Annotated[str, _name(ACTIVATIONS)],
    limit: Annotated[
        float, typer.Option("--range", min=0.01, max=1000, help="Draw from -RANGE to RANGE.")
    ] = 6.0,
    json: Json = False,
) -> None:
    """Draw an activation function and its gradient.

    The gradient is what backpropagation multiplies with on its way down.

    Examples:
      nnlab plot activation sigmoid
      nnlab plot activation leaky_relu --range 2
      nnlab plot activation tanh --json | jq .gradients
    """
    ACTIVATIONS.check(name)
    from core.plots import activation_curve

    found = activation_curve(name, limit)
    if json:
        _print_json({"name": name} | asdict(found))
        return
    from tui.draw_choice import activation_plot

    _print_plot(activation_plot(name, found))


@plot.command()
def schedule(
    name: Annotated[str, _name(SCHEDULES)],
    epochs: Annotated[int, typer.Option(min=1, max=1_000_000, help="Of the run.")] = 10,
    lr: Annotated[float, typer.Option(min=1e-12, max=1e6, help="Peak learning rate.")] = 0.1,
    warmup: Annotated[
        float,
        typer.Option(min=0, help="Epochs over which the learning rate first rises from 0."),
    ] = 0.0,
    json: Json = False,
) -> None:
    """Draw the learning rate over a run.

    A schedule is a factor of the peak learning rate, from the first step to the last;
    a warm-up is one more, for any of them.

    Examples:
      nnlab plot schedule one_cycle
      nnlab plot schedule cosine --epochs 200 --lr 0.4 --warmup 5
      nnlab plot schedule step --json | jq .lr
    """
    SCHEDULES.check(name)
    if not warmup <= epochs:
        raise ConfigError(
            f"--warmup cannot be {warmup:g}: the run has {epochs} epochs.",
            "Give at most as many, or more --epochs.",
        )
    from core.plots import schedule_curve

    done, rates = schedule_curve(name, epochs, lr, warmup)
    if json:
        _print_json({"name": name, "epochs": done, "lr": rates})
        return
    from tui.draw_choice import schedule_plot

    _print_plot(schedule_plot(name, epochs, done, rates))


@plot.command()
def init(
    name: Annotated[str, _name(INITIALIZERS)],
    activation: Annotated[
        str,
        typer.Option(
            help=f"Between the layers; one of: {', '.join(ACTIVATIONS)}.",
            autocompletion=lambda: list(ACTIVATIONS),
        ),
    ] = "relu",
    init_options: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="The initializer's own: std=0.1 of normal, value=0.5 of constant.",
        ),
    ] = None,
    depth: Annotated[int, typer.Option(min=2, max=200, help="Layers.")] = 10,
    width: Annotated[int, typer.Option(min=2, max=2048, help="Units in each layer.")] = 256,
    json: Json = False,
) -> None:
    """Show what an initializer does to a deep network before its first step.

    Standard normal examples go in, standard normal gradients come back from the top.
    Where both stay near 1 it can learn; where they vanish or explode, it cannot.

    Examples:
      nnlab plot init kaiming_normal
      nnlab plot init xavier_uniform --activation tanh --depth 30
      nnlab plot init normal --init-options std=0.0884
      nnlab plot init normal --json | jq '.layers[] | .activations'
    """
    INITIALIZERS.check(name)
    ACTIVATIONS.check(activation)
    options = read_init_options(name, init_options or [])
    from core.plots import spread_by_layer

    layers = spread_by_layer(name, activation, depth, width, options)
    if json:
        rows = [asdict(layer) for layer in layers]
        asked = {"name": name, "options": options, "activation": activation}
        _print_json(asked | {"layers": rows})
        return
    from tui.draw_choice import init_plot

    _print_plot(init_plot(name, options, layers), spread_lines(layers))


def read_init_options(initializer: str, texts: list[str]) -> dict[str, float]:
    """["std=0.1"] as {"std": 0.1}, as `nnlab train` understands it. Raises ConfigError."""
    from core.config import make_config

    run = {"model": "mlp", "initializer": initializer, "init_options": ",".join(texts)}
    return make_config(run).init_options


def spread_lines(layers: "Sequence[LayerSpread]") -> "list[Text]":
    """A line for each layer, some of them where there are many."""
    from rich.text import Text

    from tui.meters import sparkline
    from tui.palette import palette

    every = -(-len(layers) // 10)
    lines = [
        Text("layer  activations  gradients  histogram of the activations (root of counts)", "bold")
    ]
    for layer in layers[::every]:
        line = Text(f"{layer.layer:>5}  {layer.activations:>11.3g}  {layer.gradients:>9.3g}  ")
        most = max(layer.histogram)
        roots = [math.sqrt(n / most) for n in layer.histogram] if most else []
        bars = sparkline(roots, len(layer.histogram))
        line.append(bars, palette().train)
        lines.append(line.append(f"  {layer.lowest:.2g} to {layer.highest:.2g}", "dim"))
    return lines


def _print_plot(found: "ChoicePlot", below: "Sequence[Text]" = ()) -> None:
    """Heading, legend and curves, as large as the terminal and what stands `below` allow."""
    from tui.console import console, picture_size
    from tui.draw_choice import choice_lines

    out = console()
    columns, lines = picture_size(out)
    height = max(min(lines - 4 - len(below), MOST_LINES), 8)
    drawn = choice_lines(found, min(columns, MOST_COLUMNS), height)
    out.print(drawn[0])
    for line in drawn[1:]:
        out.print(line, soft_wrap=True)
    if len(drawn) == 2:
        out.print("There is no room to draw here: make the terminal larger, or use --json.")
    for line in below:
        out.print(line)


def _print_json(value: Any) -> None:
    from tui.json_output import print_json

    print_json(value)
