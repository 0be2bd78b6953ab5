"""The convolution playground: a kernel over an image, with padding and stride, changed by keys."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import work
from textual.binding import Binding

from core.errors import ConfigError
from core.kernels import KERNELS
from tui.chosen import image_in, named, reduced, run_kernels, with_channels
from tui.draw_conv import TILE, Named, all_lines, one_lines, room_for_two
from tui.format import safe_text
from tui.next_command import run_words
from tui.screens.confirm import QuestionScreen
from tui.screens.look import LookScreen, Sections

if TYPE_CHECKING:
    from torch import Tensor

    from core.datasets import Dataset, Loading
    from core.trained import Trained

MOST_PADDING, MOST_STRIDE = 15, 15  # more shows nothing


class ConvScreen(LookScreen):
    """What `nnlab conv` draws: the kernel, the arithmetic of the shape, the image before and after.

    `load` gives the data set, in a thread, and `kernels` those to choose from. `data` is what the
    command calls the images, `run` the words with which it names the run whose filters these are.
    """

    # With priority, for the arrows belong to the scrollbar otherwise.
    BINDINGS: ClassVar = [
        Binding("down", "kernel(1)", "Kernel", priority=True, tooltip="The next kernel"),
        Binding("up", "kernel(-1)", show=False, priority=True, tooltip="The kernel before"),
        Binding("right", "image(1)", "Image", priority=True, tooltip="The next image"),
        Binding("left", "image(-1)", show=False, priority=True, tooltip="The image before"),
        Binding("plus", "padding(1)", "Padding", key_display="+", tooltip="One more zero around"),
        Binding("minus", "padding(-1)", show=False, key_display="-", tooltip="One zero fewer"),
        Binding("greater_than_sign", "stride(1)", "Stride", key_display=">", tooltip="Wider steps"),
        Binding("less_than_sign", "stride(-1)", show=False, key_display="<", tooltip="Narrower"),
        Binding("a", "all", "All", tooltip="All kernels on this image, or one of them"),
        Binding("k", "type_kernel", "Type", tooltip="Type the numbers of a kernel"),
        Binding("o", "open", "Open", tooltip="Open an image file"),
    ]

    def __init__(
        self,
        heading: str,
        load: "Callable[[], Loading]",
        kernels: Callable[[], list[Named]],
        data: str = "",
        run: tuple[str, ...] = (),
    ) -> None:
        super().__init__(heading)
        self.load = load
        self.find_kernels = kernels
        self.data, self.run = data, run
        self.dataset: Dataset | None = None
        self.kernels: list[Named] = []
        self.kernel = 0
        self.image = 0
        self.own: tuple[Path, Tensor] | None = None  # an image file, in place of the data set's
        self.padding = 0
        self.stride = 1
        self.all = False

    def sections(self) -> Sections:
        self.kernels = self.find_kernels()
        self.dataset = yield from self.load()
        yield self.draw

    def draw(self, columns: int, lines: int, ramp: bool) -> list[Text]:
        """Everything, for what is chosen now."""
        from core.kernels import convolve

        chosen = self.kernels if self.all else [self.kernels[self.kernel]]
        pixels, what = self._image()
        values = chosen[0].values
        pixels = with_channels(pixels, len(values)) if values.dim() == 3 else pixels
        room = (TILE, TILE // 2) if self.all else room_for_two(columns, lines)
        small = reduced(pixels, *room)
        stride, padding = (self.stride,) * 2, (self.padding,) * 2
        count = len(self.kernels)
        which = f"all {count} kernels" if self.all else f"kernel {self.kernel + 1} of {count}"
        settings = f"{which} · {what}"
        if small.shape != pixels.shape:
            settings += f", reduced to {small.shape[-1]}×{small.shape[-2]}"
        settings += f" · padding {self.padding} · stride {self.stride}"
        head = Text(safe_text(settings), "bold")
        head.truncate(columns, overflow="ellipsis")
        try:
            outs = [convolve(small / 255, k.values, stride, padding) for k in chosen]
        except ConfigError as error:
            return [head, Text(), Text(f"{error.problem} Press + for more padding.")]
        if self.all:
            drawn = [Text(), *all_lines(chosen, small, outs, columns, lines, ramp)]
        else:
            drawn = one_lines(chosen[0], small, outs[0], stride, padding, columns, lines, ramp)
        return [head, *drawn, Text(safe_text(self.command), "dim")]

    @property
    def command(self) -> str:
        """The command that draws the same."""
        words = ["nnlab", "conv", *self.run]
        if not self.all:
            words += ["--filter"] if self.run else []
            words.append(self.kernels[self.kernel].name)
        if self.own:
            words += ["--image", str(self.own[0])]
        else:
            words += ["--data", self.data] if self.data else []
            words += ["--index", str(self.image)]
        return shlex.join([*words, "--padding", str(self.padding), "--stride", str(self.stride)])

    def _image(self) -> "tuple[Tensor, str]":
        """The pixels (C, H, W), and in words what they show."""
        if self.own:
            return self.own[1], self.own[0].name
        assert self.dataset
        test = self.dataset.test
        label = self.dataset.classes[int(test.labels[self.image])]
        return test.pixels[self.image], f"image {self.image:,} of {len(test):,}: {label}"

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to choose before it is loaded, and a run's filters are its own."""
        if action == "type_kernel" and self.run:
            return False
        mine = ("kernel", "image", "padding", "stride", "all", "type_kernel", "open")
        return self.dataset is not None if action in mine else True

    def action_kernel(self, by: int) -> None:
        self.kernel = (self.kernel + by) % len(self.kernels)
        self.all = False
        self.redraw()

    def action_image(self, by: int) -> None:
        assert self.dataset
        if self.own:
            self.own = None  # back to where it was
        else:
            self.image = (self.image + by) % len(self.dataset.test)
        self.redraw()

    def action_padding(self, by: int) -> None:
        self.padding = min(max(self.padding + by, 0), MOST_PADDING)
        self.redraw()

    def action_stride(self, by: int) -> None:
        self.stride = min(max(self.stride + by, 1), MOST_STRIDE)
        self.redraw()

    def action_all(self) -> None:
        self.all = not self.all
        self.redraw()

    @work
    async def action_type_kernel(self) -> None:
        typed = await self.app.push_screen_wait(
            QuestionScreen(
                "The numbers of a kernel",
                "Rows are separated by semicolons: 1 0 -1; 2 0 -2; 1 0 -1",
                "",
                named,
            )
        )
        if typed:
            self.kernels.append(typed)
            self.kernel, self.all = len(self.kernels) - 1, False
            self.redraw()

    @work
    async def action_open(self) -> None:
        opened = await self.app.push_screen_wait(
            QuestionScreen(
                "An image file to lay the kernel over",
                "Its path; ← and → go back to the data set.",
                str(self.own[0]) if self.own else "",
                lambda text: (Path(text).expanduser(), image_in(text)),
            )
        )
        self.own = opened or self.own
        self.redraw()


def kernels_over(data: str, data_dir: Path | None) -> ConvScreen:
    """The kernels that have a name over the images of a data set."""

    def load_images() -> "Loading":
        from core.datasets import Where, check_images, load

        return (yield from load(check_images(data), Where(data_dir)))

    return ConvScreen(
        f"convolution: kernels over {data}",
        load_images,
        lambda: [named(name) for name in KERNELS],
        data=data,
    )


def filters_of(trained: "Trained", dataset: "Dataset") -> ConvScreen:
    """The filters of a run's first layer over its images."""

    def loaded() -> "Loading":
        yield from ()
        return dataset

    return ConvScreen(
        f"convolution: filters of {trained.run.name}",
        loaded,
        lambda: run_kernels(trained),
        run=("--run", *run_words(trained.run)),
    )
