"""What is inside a network as text: its parameters, its filters, what its layers see."""

from math import ceil, sqrt
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from tui.format import DASH, clip, safe_text, shape
from tui.images import Tile, caption, fit, from_values, grid, image_lines
from tui.meters import sparkline
from tui.palette import palette

if TYPE_CHECKING:
    from torch import Tensor

    from core.inside import FeatureMaps, Filters, ParameterFigures

MOST_FILTERS = 64  # drawn, of one layer
MOST_MAPS = 16  # drawn, of one layer
MAP_LINES = 12  # of the terminal, for the maps of one layer
LEAST_MAP = 8  # pixels on a side
UNIT = 2  # columns for a unit without a place


def parameter_lines(
    figures: "list[ParameterFigures]", loss: float | None, columns: int
) -> list[Text]:
    """A line for each parameter."""

    names = [clip(f.name, max(columns - 60, 16)) for f in figures]
    width = max(cell_len("parameter"), *map(cell_len, names))
    shapes = max(len("shape"), *(len(shape(f.shape)) for f in figures))
    gradient = "  gradient" if loss is not None else ""
    drawn = width + shapes + 50 + len(gradient) <= columns  # else there is no room for histograms
    lines = [
        Text(
            f"{'parameter':<{width}}  {'shape':>{shapes}}  {'norm':>8}  {'mean':>8}  "
            f"{'spread':>7}{'  histogram   ' * drawn}{gradient}",
            "bold",
        )
    ]
    for name, f in zip(names, figures, strict=True):
        line = Text(
            f"{set_cell_size(name, width)}  {shape(f.shape):>{shapes}}  {number(f.norm):>8}  "
            f"{number(f.mean):>8}  {number(f.spread):>7}"
        )
        if drawn:
            most = max(f.histogram)
            bars = sparkline([n / most for n in f.histogram] if most else [], len(f.histogram))
            line.append(f"  {bars}", palette().meter)
        if loss is not None:
            line.append(f"  {DASH if f.gradient_norm is None else number(f.gradient_norm):>8}")
        lines.append(line)
    if loss is not None:
        lines += [Text(), Text(f"loss {loss:.4f} on the first batch of the run")]
    return lines


def filter_lines(filters: "Filters", columns: int, lines: int, ramp: bool) -> list[Text]:
    """The filters of the first layer as images."""

    count = len(filters.images)
    shown = filters.images[:MOST_FILTERS]
    more = f", the first {MOST_FILTERS}" if count > MOST_FILTERS else ""
    size = shape(tuple(filters.images.shape[1:]))
    tiles = [Tile(from_values(f), caption(str(i))) for i, f in enumerate(shown)]
    return [
        Text(safe_text(f"{filters.layer}: {count} filters of {size}{more}")),
        *grid(tiles, columns, lines - 3, ramp=ramp, smallest=LEAST_MAP),
    ]


def feature_lines(
    image: "Tensor | None", maps: "list[FeatureMaps]", columns: int, ramp: bool
) -> list[Text]:
    """The image if it is given, then the maps of each layer."""

    drawn = []
    if image is not None:
        drawn = [Text("the image"), *image_lines(fit(image, columns, MAP_LINES), ramp=ramp), Text()]
    for layer in maps:
        count = len(layer.maps)
        more = f", the first {MOST_MAPS}" if count > MOST_MAPS else ""
        # One way to draw for all maps of a layer, so that they can be compared.
        signed = bool((layer.maps < 0).any())
        tiles = [Tile(from_values(m[None], signed=signed)) for m in layer.maps[:MOST_MAPS]]
        drawn += [
            Text(safe_text(f"{layer.layer}: {shape(tuple(layer.maps.shape))}{more}")),
            *grid(tiles, columns, MAP_LINES, ramp=ramp, smallest=LEAST_MAP),
            Text(),
        ]
    return drawn[:-1]


def output_lines(found: "FeatureMaps", columns: int, lines: int, ramp: bool) -> list[Text]:
    """What one layer makes of an image, in as many lines as there are, or more: its maps with their
    numbers, or its units as one picture, from the left to the right and down."""
    count, low, high = len(found.maps), found.maps.min().item(), found.maps.max().item()
    units = count > 1 and found.maps.shape[1:] == (1, 1)
    facts = [f"{count} units, row by row" if units else shape(tuple(found.maps.shape))]
    facts.append(f"from {number(low)} to {number(high)}")
    if low < 0:
        facts.append("bright: far from 0" if ramp else "amber: above 0, blue: below")
    if units:
        import torch

        across = min(columns // UNIT, ceil(sqrt(2 * count)))
        blank = found.maps.new_zeros(-count % across)
        picture = from_values(torch.cat([found.maps.flatten(), blank]).reshape(1, -1, across))
        wide, high = across * UNIT, UNIT * picture.shape[1] // 2
        drawn = image_lines(fit(picture, wide, high), ramp=ramp)
    else:
        shown = found.maps[:MOST_FILTERS]
        if count > len(shown):
            facts.append(f"the first {len(shown)}")
        tiles = [
            Tile(from_values(m[None], signed=low < 0), caption(str(i))) for i, m in enumerate(shown)
        ]
        drawn = grid(tiles, columns, lines - 1, ramp=ramp, smallest=LEAST_MAP)
    heading = Text(clip(f"{found.layer or '(network)'}: {' · '.join(facts)}", columns), "bold")
    return [heading, *drawn]


def number(value: float) -> str:
    """Four digits that say something, in at most eight characters."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1000 else f"{value:.1e}"
