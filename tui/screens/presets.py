"""The experiments of the notes to choose from, as a dialog."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from core.presets import Preset
from tui.format import percent
from tui.widgets.setting_field import as_text


class PresetScreen(ModalScreen[Preset | None]):
    """Returns the preset chosen, or None when left with Esc."""

    BINDINGS: ClassVar = [("escape,q", "dismiss(None)", "Back")]

    # Not DEFAULT_CSS: what the app says of all screens would be stronger.
    CSS = """
    PresetScreen {
        align: center middle;
        background: $background 60%;
        & > Vertical {
            width: 70;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            padding: 0 1;
            background: $surface;
            border: round $primary;
            border-title-color: $foreground;
            border-subtitle-color: $foreground-muted;
        }
        OptionList { height: auto; background: transparent; scrollbar-size: 1 1; }
    }
    """

    def __init__(self, presets: Sequence[Preset]) -> None:
        super().__init__()
        self.presets = presets

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "presets: the experiments of the notes"
            box.border_subtitle = "enter uses, esc closes"
            yield OptionList(
                *(Option(preset_lines(p), id=p.name) for p in self.presets),
                compact=True,
                markup=False,
            )

    @on(OptionList.OptionSelected)
    def _use(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(self.presets[event.option_index])


def preset_lines(preset: Preset) -> Text:
    """Title and source, then the settings that make the experiment."""
    text = Text(preset.title, "bold").append(f", {preset.source}", "not bold")
    if preset.test_accuracy is not None:
        text.append(f": {percent(preset.test_accuracy)} there", "not bold")
    settings = [setting(n, v) for n, v in preset.values.items() if n not in ("model", "data")]
    return text.append(f"\n  {', '.join(settings)}", "not bold dim")


def setting(name: str, value: object) -> str:
    """ "batch size 256", but "sgd": names speak for themselves."""
    return str(value) if isinstance(value, str) else f"{name.replace('_', ' ')} {as_text(value)}"
