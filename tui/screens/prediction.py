"""What the network of a run makes of one image: probabilities, and each layer's feature maps."""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on, work
from textual.binding import Binding

from core.errors import ModelError
from core.events import Notice, Progress
from tui.chosen import image_in
from tui.draw_inside import feature_lines, output_lines
from tui.draw_prediction import most_probable, prediction_lines
from tui.screens.confirm import QuestionScreen
from tui.screens.look import LookScreen, Sections

if TYPE_CHECKING:
    from torch import Tensor

    from core.datasets import Dataset
    from core.inside import FeatureMaps
    from core.trained import Trained

    Loading = Generator[Progress | Notice, None, tuple[Trained, Dataset]]

TOP = 10  # classes
SMALL_TOP = 4  # beside a layer
SMALL_SIDE = 16  # pixels, beside a layer


class PredictionScreen(LookScreen):
    """What `nnlab predict` and `nnlab inspect --features` say of a test image, or of a file; with a
    `layer`, what this one makes of it.

    `open_run` gives the network and its images, in a thread. Begins with the first of the
    `mistakes`, numbers of test images, if there are any.
    """

    # With priority, for the arrows belong to the scrollbar otherwise.
    BINDINGS: ClassVar = [
        Binding("right", "image(1)", "Next", priority=True, tooltip="The next image"),
        Binding("left", "image(-1)", "Before", priority=True, tooltip="The image before"),
        Binding("w", "mistake", "Mistake", tooltip="The next of the worst mistakes"),
        Binding("g", "go", "Go to", tooltip="Go to the image with this number"),
        Binding("o", "open", "Open", tooltip="Open an image file"),
    ]

    def __init__(
        self,
        heading: str,
        open_run: "Callable[[], Loading]",
        mistakes: Sequence[int] = (),
        layer: str | None = None,
    ) -> None:
        super().__init__(heading)
        self.open_run, self.mistakes, self.of_layer = open_run, mistakes, layer
        self.opened: tuple[Trained, Dataset] | None = None
        self.image = mistakes[0] if mistakes else 0
        self.own: tuple[Path, Tensor] | None = None  # an image file, in place of the test image
        self._at_work = True  # from on_mount on
        self._changed = False  # since the thread that is at work began

    def sections(self) -> Sections:
        import torch

        from core.datasets import Images
        from core.inside import feature_maps, layer_output
        from core.trained import predict

        if self.opened is None:
            self.opened = yield from self.open_run()
        trained, test = self.opened[0], self.opened[1].test
        if self.own:
            (file, pixels), label = self.own, torch.zeros(1, dtype=torch.int64)
            what = str(file)
        else:
            at = self.image
            pixels, label = test.pixels[at], test.labels[at : at + 1]
            what = f"image {at:,} of {len(test):,}: {trained.classes[int(label)]}"
        image = Images(pixels[None], label)
        outputs = yield from predict(trained, image)
        top = TOP if self.of_layer is None else SMALL_TOP
        best = most_probable(outputs.softmax(1)[0], trained.classes, top)
        yield partial(_prediction, what, pixels, best, self.of_layer is not None)
        batch = trained.batches(image).batch(0, 0)[0]
        if self.of_layer is not None:
            yield partial(_layer, layer_output(trained.model, batch, self.of_layer))
            return
        try:
            maps = feature_maps(trained.model, batch)
        except ModelError:
            return  # a network whose layers give none, such as mlp
        yield lambda columns, lines, ramp: feature_lines(None, maps, columns, ramp)

    # Keys

    def look_at(self, image: int) -> None:
        """Work out what is to be said of another test image."""
        self.image, self.own = image % self._images, None
        self._begin()

    @property
    def _images(self) -> int:
        """How many test images there are."""
        assert self.opened
        return len(self.opened[1].test)

    def _begin(self) -> None:
        """One thread at a time: quick keys leave out the images between."""
        if self._at_work:
            self._changed = True
        else:
            self._at_work = True
            self.work_out()

    @on(LookScreen.Done)
    @on(LookScreen.Failed)
    def go_on(self) -> None:
        self._at_work = False
        if self._changed:
            self._changed = False
            self._begin()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "mistake":
            return bool(self.mistakes)
        return self.opened is not None or action not in ("image", "go", "open")

    def action_image(self, by: int) -> None:
        self.look_at(self.image + (0 if self.own else by))

    def action_mistake(self) -> None:
        mistakes = list(self.mistakes)
        here = mistakes.index(self.image) if self.image in mistakes else -1
        self.look_at(mistakes[(here + 1) % len(mistakes)])

    @work
    async def action_go(self) -> None:
        most = self._images - 1
        number = await self.app.push_screen_wait(
            QuestionScreen("Which image?", f"From 0 to {most}.", str(self.image), self._number)
        )
        if number is not None:
            self.look_at(number)

    def _number(self, text: str) -> int:
        """The number of a test image. Raises ValueError."""
        most = self._images - 1
        if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most):
            raise ValueError(f"There is no test image {text!r}: they count from 0 to {most}.")
        return int(text)

    @work
    async def action_open(self) -> None:
        assert self.opened
        shape = self.opened[0].image_shape
        opened = await self.app.push_screen_wait(
            QuestionScreen(
                "An image file to look at",
                "It is cut and reduced to the size of the training images; ← goes back to them.",
                str(self.own[0]) if self.own else "",
                lambda text: (Path(text).expanduser(), image_in(text, shape)),
            )
        )
        if opened:
            self.own = opened
            self._begin()


def _prediction(
    what: str,
    pixels: "Tensor",
    best: list[tuple[str, float]],
    small: bool,
    columns: int,
    lines: int,
    ramp: bool,
) -> list[Text]:
    side = SMALL_SIDE if small else max(min(columns // 2, 2 * lines - 8, 28), 16)
    return prediction_lines(what, pixels, best, columns, ramp, side)


def _layer(found: "FeatureMaps", columns: int, lines: int, ramp: bool) -> list[Text]:
    return output_lines(found, columns, lines - SMALL_SIDE // 2 - 1, ramp)


def layer_of_run(run: Path, which: str, layer: str, data_dir: Path | None) -> PredictionScreen:
    """What one layer makes of the test images, by the checkpoint `which` of the run in `run`."""

    def open_run() -> "Loading":
        from core.trained import load_trained

        trained = load_trained(run, which)
        return trained, (yield from trained.load_data(data_dir))

    heading = f"{run.name}: what {layer or 'the network'} makes of an image"
    return PredictionScreen(heading, open_run, layer=layer)
