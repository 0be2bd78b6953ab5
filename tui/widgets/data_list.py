"""The data sets to pick from, and the user's own: a folder with a sub-folder for each class, or a
table."""

from collections.abc import Mapping

from core.datasets import DATASETS, Availability, is_table
from tui.format import size
from tui.widgets.picker import Choice, Picker


class DataList(Picker):
    """Every registered data set, and whether it is here or has to be downloaded."""

    def __init__(self, value: str, *, id: str | None = None) -> None:
        super().__init__(
            "data",
            data_choices({}),
            value,
            hint="search, folder or table.csv",
            is_own=is_path,
            id=id,
        )

    def show_availability(self, found: Mapping[str, Availability]) -> None:
        """Show whether each data set that is in `found` can be used at once."""
        self.choices = data_choices(found)


def is_path(text: str) -> bool:
    """Whether this can only mean a folder or a table of the user's own."""
    return "/" in text or "\\" in text or text.startswith(("~", ".")) or is_table(text)


def data_choices(found: Mapping[str, Availability]) -> tuple[Choice, ...]:
    """A line for each data set, those that come with nnlab first: imports no torch."""
    declared = sorted(DATASETS.declared.values(), key=lambda d: (d.facts["size"] > 0, d.name))
    return tuple(Choice(d.name, _state(found.get(d.name)), d.summary) for d in declared)


def _state(found: Availability | None) -> str:
    if found is None:
        return ""
    return f"↓ {size(found.size)}" if found.state == "to download" else found.state
