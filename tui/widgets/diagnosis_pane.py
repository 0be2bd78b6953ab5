"""What is wrong with the run and what to try, in a few lines beside its curves."""

from collections import deque
from collections.abc import Mapping, Sequence

from rich.text import Text
from textual.reactive import reactive

from core.diagnosis import READINGS, Finding, diagnose
from core.readings import DeviceReading
from core.view import RunView
from tui.widgets.pane import Pane


class DiagnosisPane(Pane, can_focus=False):
    """Takes no room while there is nothing to say: set `devices` to each new reading."""

    DEFAULT_CSS = """
    DiagnosisPane { border: none; height: auto; max-height: 4; display: none; }
    """

    devices: reactive[DeviceReading | None] = reactive(None, init=False, repaint=False)
    wanted: reactive[bool] = reactive(True, init=False, repaint=False)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._readings: deque[DeviceReading] = deque(maxlen=READINGS)
        self._text = Text()

    def render(self) -> Text:
        return self._text

    def watch_devices(self, reading: DeviceReading | None) -> None:
        # While it is paused or tested, an idle GPU is no fault.
        if reading is not None and self.view.state == "training":
            self._readings.append(reading)
            self.redraw()

    def watch_wanted(self) -> None:
        self.redraw()

    def show(self, view: RunView) -> None:
        findings = diagnose(view, tuple(self._readings)) if self.wanted else ()
        text = diagnosis_text(findings, self.app.theme_variables)
        if text != self._text:
            self._text = text
            self.display = bool(findings)
            self.refresh(layout=True)


def diagnosis_text(findings: Sequence[Finding], colors: Mapping[str, str]) -> Text:
    """A line for each: a sign, its name, its evidence, and what to try."""
    lines = []
    for finding in findings:
        sign, color = ("▲", "warning") if finding.advice else ("✔", "success")
        lines.append(
            Text.assemble(
                (f"{sign} {finding.name}", f"bold {colors.get(color, '')}".strip()),
                f"  {finding.evidence} ",
                (finding.advice, "bold"),
            )
        )
    return Text("\n").join(lines)
