"""What convolutions and poolings leave of an image's height and width."""

from collections.abc import Sequence
from itertools import count

from core.errors import ConfigError

Window = tuple[int, int, int]  # kernel, stride and padding in pixels, of square windows


def side_after(name: str, input_size: int, windows: Sequence[Window]) -> int:
    """Height and width of what the network called `name` makes of images of `input_size`.

    `windows` are those of its layers, in their order; a layer that keeps the size may be left out.

    Raises ConfigError with the smallest size that fits, if nothing is left.
    """
    side = _after(input_size, windows)
    if side < 1:
        smallest = next(size for size in count(input_size) if _after(size, windows) > 0)
        raise ConfigError(
            f"{name} cannot take images of {input_size}x{input_size}: "
            "its convolutions and poolings leave nothing of them.",
            f"Choose an input size of at least {smallest}.",
        )
    return side


def _after(side: int, windows: Sequence[Window]) -> int:
    for kernel, stride, padding in windows:
        side = (side + 2 * padding - kernel) // stride + 1
    return side
