"""nnlab's app with the screen of runs, on a folder of a test."""

from pathlib import Path

from core.config import RunConfig
from tui.app import NNLabApp
from tui.screens.runs import RunsScreen


class Workspace(NNLabApp):
    """Opens on the runs; what would train or open a form is only noted."""

    def __init__(self, runs_dir: Path) -> None:
        super().__init__(runs_dir=runs_dir)
        self.resumed: list[Path] = []
        self.offered: list[RunConfig | None] = []
        self.told: list[str] = []

    def on_mount(self) -> None:
        self.push_screen(RunsScreen())

    def resume_run(self, run, config):
        self.resumed.append(run)

    def open_launch_screen(self, config=None):
        self.offered.append(config)

    def notify(self, message, *, title="", **options):
        self.told.append(f"{title}: {message}")

    @property
    def runs_screen(self) -> RunsScreen:
        return next(s for s in self.screen_stack if isinstance(s, RunsScreen))

    async def settle(self, pilot) -> None:
        """Wait until every thread is done and what it found is shown."""
        await pilot.pause()
        while any(not worker.is_finished for worker in self.workers):
            await pilot.pause(0.01)
        await pilot.pause()

    @property
    def picture(self) -> str:
        """All that is on the screen, as text."""
        strips = self.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    @property
    def names(self) -> list[str]:
        """The runs in the table, titles of groups in brackets."""
        rows = self.runs_screen.table.rows
        return [f"[{row}]" if isinstance(row, str) else row.name for row in rows]
