"""The images of a data set: samples of every class, their balance, shapes, mean and deviation."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding

from core.datasets import is_table
from tui.draw_dataset import balance_lines, fact_lines, sample_lines
from tui.screens.conv import kernels_over
from tui.screens.look import LookScreen, Sections
from tui.table_lines import column_lines, target_lines

if TYPE_CHECKING:
    from core.datasets import Dataset

SAMPLES = 20


class ImagesScreen(LookScreen):
    """What `nnlab data show` says; the data set is downloaded first if it has to be.

    `target` is the column of a table that is to be predicted.
    """

    BINDINGS: ClassVar = [
        Binding("k", "kernels", "Kernels", tooltip="Lay kernels over the images: a convolution")
    ]

    def __init__(
        self, name: str, data_dir: Path | None = None, *, target: str | None = None
    ) -> None:
        super().__init__(f"images of {name}")
        self.data = name
        self.data_dir = data_dir
        self.target = target

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "kernels" or not is_table(self.data)

    def action_kernels(self) -> None:
        self.app.push_screen(kernels_over(self.data, self.data_dir))

    def sections(self) -> Sections:
        return self._table_sections() if is_table(self.data) else self._image_sections()

    def _table_sections(self) -> Sections:
        from core.datasets import Where
        from core.datasets.csv_file import read_csv
        from core.datasets.survey import survey
        from core.datasets.table import prepare_table

        path = Path(self.data)
        table = yield from read_csv(path)
        facts = survey(table)
        yield lambda columns, *_: column_lines(path.name, len(table), facts, columns)
        if self.target:
            prepared = yield from prepare_table(path, Where(target=self.target))
            yield lambda *_: target_lines(prepared)

    def _image_sections(self) -> Sections:
        from core.datasets import Where, load

        dataset = yield from load(self.data, Where(self.data_dir))
        facts = [*fact_lines(dataset), *balance_lines(dataset)]
        yield lambda *_: facts
        yield partial(_samples, dataset)


def _samples(dataset: "Dataset", columns: int, lines: int, ramp: bool) -> list[Text]:
    return sample_lines(dataset, SAMPLES, columns, lines, ramp)
