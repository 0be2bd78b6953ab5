"""What the GPUs and the machine are doing, now and lately."""

from collections import deque
from collections.abc import Collection

from rich.text import Text
from textual.reactive import reactive

from core.readings import DeviceReading, find_gpu
from core.view import RunView
from tui.draw_devices import draw_devices
from tui.format import DASH, safe_text
from tui.run_figures import memory_of_run, run_figures
from tui.widgets.pane import PicturePane

HISTORY = 240  # readings; more than a pane has columns


class DevicePane(PicturePane):
    """GPUs and host, as large as there is room: set `devices` to each new reading.

    `training_on` are the UUIDs of the GPUs that the run computes on.
    """

    BORDER_TITLE = " devices "

    devices: reactive[DeviceReading | None] = reactive(None, init=False, repaint=False)
    training_on: reactive[tuple[str, ...]] = reactive((), init=False, repaint=False)

    def __init__(self, elsewhere: str | None = None, id: str | None = None) -> None:
        """`elsewhere` is the machine on which the run trains, if that is not this one."""
        super().__init__(id=id)
        self._history: deque[DeviceReading] = deque(maxlen=HISTORY)
        self._peak: int | None = None  # bytes that the run was seen with
        if elsewhere:
            self.border_subtitle = Text(f"this machine; the run is on {safe_text(elsewhere)}")
        self.paint(Text("the first reading comes in a moment", "dim"))

    def watch_devices(self, reading: DeviceReading | None) -> None:
        if reading is not None:
            self._history.append(reading)
            held = memory_of_run(self.view, reading)
            self._peak = max(held or 0, self._peak or 0) or None
        self.redraw()

    def watch_view(self) -> None:
        """The run's figures are drawn with the next reading: once a second is enough."""

    def watch_training_on(self) -> None:
        self.redraw()

    def show(self, view: RunView) -> None:
        reading, room = self.devices, self.content_size
        if reading is None or not room.width:
            return
        self.set_title(Text(title(reading, self.training_on)))
        self.paint(
            draw_devices(
                reading,
                tuple(self._history),
                room.width,
                room.height,
                training_on=self.training_on,
                named=False,
                run=run_figures(view, reading, self._peak),
            )
        )


def title(reading: DeviceReading, training_on: Collection[str]) -> str:
    """The first GPU and how many there are, or the host's processor where there is none."""
    gpus = reading.gpu.gpus
    if not gpus:
        return f"host  {safe_text(reading.host.cpu_name)}"
    name = safe_text(gpus[0].name or DASH)
    if len(gpus) > 1:
        return f"{len(gpus)} GPUs  {name}"
    return f"GPU {gpus[0].index}  {name}" + (
        "  this run" if any(find_gpu(uuid, gpus) for uuid in training_on) else ""
    )
