"""What the network of a run makes of one image: probabilities, and each layer's feature maps."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import on, work
from textual.binding import Binding

from core.errors import ModelError
from tui.chosen import image_in
from tui.draw_inside import feature_lines
from tui.draw_prediction import most_probable, prediction_lines
from tui.screens.confirm import QuestionScreen
from tui.screens.look import LookScreen, Sections
from tui.trained_run import title

if TYPE_CHECKING:
    from torch import Tensor

    from core.datasets import Dataset
    from core.trained import Trained

TOP = 10  # classes


class PredictionScreen(LookScreen):
    """What `nnlab predict` and `nnlab inspect --features` say of a test image, or of a file.

    Begins with the first of the `mistakes`, numbers of test images, if there are any.
    """

    # With priority, for the arrows belong to the scrollbar otherwise.
    BINDINGS: ClassVar = [
        Binding("right", "image(1)", "Next", priority=True, tooltip="The next image"),
        Binding("left", "image(-1)", "Before", priority=True, tooltip="The image before"),
        Binding("w", "mistake", "Mistake", tooltip="The next of the worst mistakes"),
        Binding("g", "go", "Go to", tooltip="Go to the image with this number"),
        Binding("o", "open", "Open", tooltip="Open an image file"),
    ]

    def __init__(self, trained: "Trained", dataset: "Dataset", mistakes: Sequence[int]) -> None:
        super().__init__(title(trained))
        self.trained, self.dataset, self.mistakes = trained, dataset, mistakes
        self.image = mistakes[0] if mistakes else 0
        self.own: tuple[Path, Tensor] | None = None  # an image file, in place of the test image
        self._at_work = True  # from on_mount on
        self._changed = False  # since the thread that is at work began

    def sections(self) -> Sections:
        import torch

        from core.datasets import Images
        from core.inside import feature_maps
        from core.trained import predict

        trained, test = self.trained, self.dataset.test
        if self.own:
            (file, pixels), label = self.own, torch.zeros(1, dtype=torch.int64)
            what = str(file)
        else:
            at = self.image
            pixels, label = test.pixels[at], test.labels[at : at + 1]
            what = f"image {at:,} of {len(test):,}: {trained.classes[int(label)]}"
        image = Images(pixels[None], label)
        outputs = yield from predict(trained, image)
        best = most_probable(outputs.softmax(1)[0], trained.classes, TOP)
        yield partial(_prediction, what, pixels, best)
        try:
            maps = feature_maps(trained.model, trained.batches(image).batch(0, 0)[0])
        except ModelError:
            return  # a network whose layers give none, such as mlp
        yield lambda columns, lines, ramp: feature_lines(None, maps, columns, ramp)

    # Keys

    def look_at(self, image: int) -> None:
        """Work out what is to be said of another test image."""
        self.image, self.own = image % len(self.dataset.test), None
        self._begin()

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
        return action != "mistake" or bool(self.mistakes)

    def action_image(self, by: int) -> None:
        self.look_at(self.image + (0 if self.own else by))

    def action_mistake(self) -> None:
        mistakes = list(self.mistakes)
        here = mistakes.index(self.image) if self.image in mistakes else -1
        self.look_at(mistakes[(here + 1) % len(mistakes)])

    @work
    async def action_go(self) -> None:
        most = len(self.dataset.test) - 1
        number = await self.app.push_screen_wait(
            QuestionScreen("Which image?", f"From 0 to {most}.", str(self.image), self._number)
        )
        if number is not None:
            self.look_at(number)

    def _number(self, text: str) -> int:
        """The number of a test image. Raises ValueError."""
        most = len(self.dataset.test) - 1
        if not (text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= most):
            raise ValueError(f"There is no test image {text!r}: they count from 0 to {most}.")
        return int(text)

    @work
    async def action_open(self) -> None:
        shape = self.trained.image_shape
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
    columns: int,
    lines: int,
    ramp: bool,
) -> list[Text]:
    side = max(min(columns // 2, 2 * lines - 8, 28), 16)
    return prediction_lines(what, pixels, best, columns, ramp, side)
