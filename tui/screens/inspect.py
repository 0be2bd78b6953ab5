"""Inside a run: its parameters and filters, and how its network does on the test images."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding

from core.errors import ModelError
from core.events import CheckpointSaved
from tui.draw_evaluation import class_lines, matrix_lines, mistake_lines
from tui.draw_inside import filter_lines, parameter_lines
from tui.format import safe_text
from tui.row_lines import mistake_lines as row_mistakes
from tui.row_lines import number_lines
from tui.screens.conv import filters_of
from tui.screens.look import LookScreen, Sections
from tui.screens.prediction import PredictionScreen
from tui.trained_run import title

if TYPE_CHECKING:
    from core.datasets import Dataset
    from core.evaluation import Evaluation
    from core.inside import ParameterFigures
    from core.trained import Trained
    from tui.screens.prediction import Loading

MISTAKES = 12
LOOK_SECONDS = 5.0  # between two checkpoints: a screen full of images is 60 KB


class InspectScreen(LookScreen):
    """What `nnlab inspect --filters` and `nnlab evaluate` say of a run's best checkpoint.

    Of a run that goes on, `checkpoint_of` gives its newest checkpoint: that is looked into, and
    then each that follows. A network of ours disturbs no run that trains in this process; a file of
    a user's, which may draw random numbers, must not be opened beside it.
    """

    BINDINGS: ClassVar = [
        Binding("i", "image", "Image", tooltip="One image: probabilities and feature maps"),
        Binding("k", "filters", "Filters", tooltip="Lay the first layer's filters over the images"),
    ]

    def __init__(
        self,
        run: Path,
        data_dir: Path | None = None,
        checkpoint_of: Callable[[], CheckpointSaved | None] | None = None,
    ) -> None:
        super().__init__(f"inside {run.name}")
        self.run = run
        self.data_dir = data_dir
        self.checkpoint_of = checkpoint_of
        self.dataset: Dataset | None = None
        self.trained: Trained | None = None
        self.has_filters = False
        self.found: Evaluation | None = None  # of a network that tells classes of images apart
        self._seen: CheckpointSaved | None = None

    def on_mount(self) -> None:
        if self.checkpoint_of:
            self._seen = self.checkpoint_of()
            self.set_interval(LOOK_SECONDS, self.look_again)

    def look_again(self) -> None:
        """If there is a newer checkpoint, and the last one has been shown: that one."""
        assert self.checkpoint_of
        newest = self.checkpoint_of()
        busy = any(w.node is self and not w.is_finished for w in self.workers)
        if newest is not self._seen and not busy:
            self._seen = newest
            self.work_out()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        match action:
            case "filters":
                return self.has_filters and self.dataset is not None
            case "image":
                return self.found is not None
        return True

    def action_image(self) -> None:
        assert self.trained
        assert self.dataset
        assert self.found
        opened = self.trained, self.dataset

        def open_run() -> "Loading":
            yield from ()
            return opened

        mistakes = [mistake.index for mistake in self.found.mistakes]
        self.app.push_screen(PredictionScreen(title(self.trained), open_run, mistakes))

    def action_filters(self) -> None:
        assert self.trained
        assert self.dataset
        self.app.push_screen(filters_of(self.trained, self.dataset))

    def sections(self) -> Sections:
        from core.evaluation import evaluate_classes, evaluate_numbers
        from core.inside import first_filters, parameter_figures
        from core.task import REGRESSION
        from core.trained import load_trained, predict

        self.trained = trained = load_trained(self.run, "last" if self.checkpoint_of else "best")
        yield lambda *_: [Text(safe_text(title(trained)))]
        yield partial(_parameters, parameter_figures(trained.model))
        try:
            shape = (trained.image_shape[0], trained.input_size, trained.input_size)
            yield partial(filter_lines, first_filters(trained.model, shape))
            self.has_filters = True
        except ModelError:
            pass  # a network that looks at no image has no filters to be drawn
        if self.dataset is None:
            self.dataset = yield from trained.load_data(self.data_dir)
        dataset = self.dataset
        outputs = yield from predict(trained, dataset.test)
        if trained.task is REGRESSION:
            true = trained.numbers(dataset.test.labels)
            numbers = evaluate_numbers(trained.numbers(outputs), true, MISTAKES)
            yield lambda *_: number_lines(trained, numbers, dataset.test_lines)
            return
        found = evaluate_classes(outputs, dataset.test.labels, MISTAKES, loss=trained.loss)
        self.found = None if trained.encoding else found
        yield partial(_evaluation, trained, found, dataset)


def _parameters(
    figures: "list[ParameterFigures]", columns: int, lines: int, ramp: bool
) -> list[Text]:
    return parameter_lines(figures, None, columns)


def _evaluation(
    trained: "Trained",
    found: "Evaluation",
    dataset: "Dataset",
    columns: int,
    lines: int,
    ramp: bool,
) -> list[Text]:
    drawn = class_lines(trained.classes, found, columns, "rows" if trained.encoding else "images")
    drawn += matrix_lines(trained.classes, found, columns)
    if found.mistakes and trained.encoding:
        drawn += row_mistakes(trained.classes, found, dataset.test_lines)
    elif found.mistakes:
        drawn += mistake_lines(trained.classes, found, dataset.test, columns, lines, ramp)
    return drawn
