"""Which charts a screen shows, in how many rows and columns, and what is left for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST = 3  # rows and columns
LEAST_ROWS, LEAST_COLUMNS = 6, 26  # characters of a chart with its border: less says nothing
GOOD_ROWS = 7  # characters of a chart that one can still read values from
WIDE, TALL = 190, 60  # characters of a terminal with room for one chart more in a row, and below
PANES = 4  # below the charts of a dashboard
PANE_ROWS = 7  # characters of one of them


@dataclass(frozen=True)
class Grid:
    """What somebody chose; the numbers are 0 for as many as there is room for."""

    charts: tuple[str, ...] = ()  # their names; () is all that have something to say
    rows: int = 0
    columns: int = 0

    def wanted(self, width: int, height: int) -> tuple[int, int]:
        """Rows and columns in a terminal of that size."""
        return (
            self.rows or (2 if height >= TALL else 1),
            self.columns or (3 if width >= WIDE else 2),
        )


def fitting(wanted: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """As many of the rows and columns as have room in so many characters, at least one."""
    rows, columns = wanted
    return (
        max(min(rows, height // LEAST_ROWS), 1),
        max(min(columns, width // LEAST_COLUMNS), 1),
    )


def page_of(names: Sequence[str], at_once: int, page: int) -> Sequence[str]:
    """The names on a page, counted from 0; after the last page comes the first."""
    pages = max(-(-len(names) // at_once), 1)
    first = page % pages * at_once
    return names[first : first + at_once]


@dataclass(frozen=True)
class Room:
    """How a dashboard shares its lines between its charts and the panes below."""

    at_once: int  # panes in sight
    in_a_row: int
    charts: int  # lines
    panes: int  # lines
    crowded: bool  # the charts take all of them: the panes come with a key

    @property
    def paged(self) -> bool:
        """Whether only some of the panes are in sight."""
        return self.at_once < PANES

    @property
    def halved(self) -> bool:
        """Whether the panes grow with the terminal; else they have a number of lines."""
        return not self.paged and self.in_a_row < PANES


def shared(width: int, height: int, chart_rows: int) -> Room:
    """The room of a dashboard with so many rows of charts."""
    at_once = 1 if width < 104 else 2 if height < 32 else PANES
    in_a_row = 1 if at_once == 1 else PANES if width >= WIDE else 2
    lines = height - 2  # without header and footer
    needed = chart_rows * GOOD_ROWS
    if at_once < PANES:
        panes = 9
        needed += 1  # the devices have a line of their own
    elif in_a_row == PANES:
        panes = 20
    else:
        panes = min(lines // 2, max(lines - needed, 2 * PANE_ROWS))
    return Room(
        at_once, in_a_row, lines - panes, panes, crowded=chart_rows > 1 and needed > lines - panes
    )
