"""The panes below the charts of a dashboard, of which small terminals show some at a time."""

from textual.containers import Container

from tui.grid import PANES, Room


class PaneGrid(Container):
    """Shows a page of its children."""

    DEFAULT_CSS = "PaneGrid { layout: grid; grid-size: 2 2; &.-none { display: none; } }"

    def show_page(self, room: Room, page: int) -> None:
        """Show the panes of `page`, or none if it is that of the charts alone."""
        pages = -(-PANES // room.at_once)
        page %= pages + room.crowded
        self.set_class(room.crowded and page == 0, "-none")
        # The devices have a line of their own where only one pane is shown: begin with the next.
        first = ((page - room.crowded) * room.at_once + (room.at_once == 1)) % PANES
        for index, pane in enumerate(self.children):
            pane.display = first <= index < first + room.at_once
        self.styles.grid_size_columns = room.in_a_row
        self.styles.grid_size_rows = -(-room.at_once // room.in_a_row)
        if room.halved:
            self.styles.height = f"{room.panes}fr"
        else:
            self.styles.clear_rule("height")  # of a fixed number of lines
        self.set_class(room.in_a_row == PANES, "-one-row")
