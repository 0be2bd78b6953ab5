"""The launch screen: pick a network, images and settings, see what they cost, start."""

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Select, Static
from textual.widgets._select import SelectOverlay

from core.build import default_input_size
from core.config import RunConfig, defaults_for
from core.datasets import DATASETS, Where, availability, is_table
from core.errors import NNLabError
from core.presets import PRESETS, Preset
from core.sweep import Sweep
from tui.asked import preset_of, read_form
from tui.detach import detach, start_sweep
from tui.format import safe_text, size
from tui.kept import keep_settings
from tui.next_command import next_command
from tui.screens.confirm import ConfirmScreen
from tui.screens.cost import CostScreen
from tui.screens.images import ImagesScreen
from tui.screens.model import ModelScreen
from tui.screens.presets import PresetScreen
from tui.widgets.choice_pane import ChoicePane
from tui.widgets.data_list import DataList
from tui.widgets.estimate_pane import EstimatePane
from tui.widgets.key_line import KeyLine
from tui.widgets.layer_table import LayerTable
from tui.widgets.network_list import NetworkList
from tui.widgets.picker import Picker
from tui.widgets.setting_field import SettingField
from tui.widgets.settings_form import SettingsForm

FIRST_RUN = {"model": "mlp", "data": "fashion-mini"}  # works at once, without a network
BEGINNING = Preset("beginning", "The defaults", "as at the first start", FIRST_RUN)


class LaunchScreen(CostScreen):
    """Puts a RunConfig together and hands it to `app.start_run`."""

    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (72, "-narrow"), (100, "-wide"), (160, "-roomy")]  # noqa: RUF012
    AUTO_FOCUS = "#model OptionList"
    BINDINGS: ClassVar = [
        # With priority, so that it works from a list and from a text field as well.
        Binding("enter", "enter", "Start", priority=True, tooltip="Start training with all this"),
        Binding("ctrl+s", "start", show=False, tooltip="Start training, whatever has the focus"),
        Binding("d", "detach", "Detach", tooltip="Start in the background, and stay here"),
        Binding("p", "preset", "Preset", tooltip="Take the settings of an experiment of the notes"),
        Binding("i", "images", "Images", tooltip="Look at the images: samples, classes, figures"),
        Binding("m", "layers", "Model", tooltip="The layers of the network as a tree"),
        Binding("slash", "search", "Search", tooltip="Search the networks, or type a path"),
        Binding("v", "view", "View", tooltip="Show layers, cost and command, or the choices again"),
        Binding("r", "app.runs", "Runs", tooltip="All runs: find, compare, go on"),
        Binding("C", "copy", "Copy command", tooltip="Copy the command that does the same"),
        Binding("escape", "leave", "Leave", tooltip="Leave this field"),
        Binding("escape", "choices", show=False),
    ]
    DEFAULT_CSS = """
    LaunchScreen {
        #head { height: 1; padding: 0 1; }
        #title { width: auto; text-style: bold; }
        #machine { width: 1fr; text-align: right; color: $foreground-muted; }
        #body { height: 1fr; }
        #picks { width: 31; }
        #model { height: 1fr; min-height: 6; }
        #data { height: 10; }
        #settings { width: 40; }
        #detail {
            width: 1fr;
            border: round $panel-border;
            border-title-color: $foreground;
            padding: 0 1;
            &:focus-within { border: round $primary; }
        }
        LayerTable { height: 1fr; }
        LayerTable.-trouble, #brief.-trouble { color: $error; }
        LayerTable.-unknown Static { width: 1fr !important; }
        #estimate, #command, #start { margin-top: 1; }
        #command { height: auto; color: $foreground-muted; }
        #start:focus { text-style: bold underline; }
        #brief { display: none; padding: 0 1; }

        &.-roomy {
            #picks { width: 44; }
            #settings { width: 48; }
        }
        &.-narrow, &.-tiny {
            #picks { width: 31; }
            #detail { display: none; }
            #settings { width: 1fr; }
            #brief { display: block; }
            &.-detail {
                #picks, #settings, #brief { display: none; }
                #detail { display: block; }
            }
        }
        &.-tiny {
            #body { layout: vertical; overflow-y: auto; scrollbar-size: 1 1; }
            #picks { width: 1fr; height: auto; }
            #model { height: 12; }
            #settings { height: 24; }
        }
    }
    """

    def __init__(self, values: Mapping[str, Any] = FIRST_RUN) -> None:
        """`values` are the settings to begin with."""
        super().__init__()
        self.first_values = {**FIRST_RUN, **values}

    def compose(self) -> ComposeResult:
        with Horizontal(id="head"):
            yield Static("nnlab · new run", id="title", markup=False)
            yield Static("loading torch…", id="machine", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="picks"):
                yield NetworkList(str(self.first_values["model"]), id="model")
                yield DataList(str(self.first_values["data"]), id="data")
            yield SettingsForm(id="settings")
            with Vertical(id="detail"):
                yield LayerTable()
                yield ChoicePane()
                yield EstimatePane(id="estimate")
                yield Static(id="command", markup=False)
                yield Button("Start", variant="primary", compact=True, id="start")
        yield EstimatePane(id="brief")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one("#brief", EstimatePane).brief = True
        self.query_one(SettingsForm).fill(self.first_values)
        self.show_cost(None, "loading torch…")
        self.look_for_data()

    def on_screen_resume(self) -> None:
        self.changed()  # also after a run: the memory that is free may have changed

    @work(group="data")
    async def look_for_data(self) -> None:
        """Find out which data sets are here; a network file system may take its time."""
        where = Where(self.lab.data_dir)
        found = await asyncio.to_thread(lambda: {n: availability(n, where) for n in DATASETS})
        for data_list in self.query(DataList):  # gone if the screen was taken down meanwhile
            data_list.show_availability(found)

    # What is picked

    @property
    def values(self) -> dict[str, str]:
        """All that was chosen, as text; what was not chosen is missing."""
        picked = {str(picker.id): picker.value for picker in self.query(Picker)}
        return {**picked, **self.query_one(SettingsForm).given}

    @on(Picker.Picked)
    @on(SettingsForm.Changed)
    def changed(self) -> None:
        """Check what was chosen, show what follows from it, and find out anew what it costs."""
        values, form = self.values, self.query_one(SettingsForm)
        self.asked = asked = read_form(values)
        self.trouble = None
        for picker in self.query(Picker):
            picker.problem = asked.problems.get(str(picker.id), "")
        side = None if is_table(values["data"]) else default_input_size(values["model"])
        form.suggest({"input_size": side, **defaults_for(values)})
        form.show_problems(asked.problems)
        preset = preset_of(values)
        form.border_subtitle = f"{preset.title}, {preset.source}" if preset else ""
        title = safe_text(f"{values['model']} on {values['data']}")
        self.query_one("#detail").border_title = Text(title)
        self.query_one("#command", Static).update(safe_text(asked.command))
        runs = f"Start {len(asked.sweep.trials)} runs" if asked.sweep else "Start"
        self.query_one("#start", Button).label = runs
        self.show_choice()
        self.find_cost()

    def on_descendant_focus(self) -> None:
        self.show_choice()

    def show_choice(self) -> None:
        """Beside the form, the curve of the setting that the cursor is in, if it has one."""
        if self.is_narrow:
            return  # no room beside it
        nodes = self.focused.ancestors_with_self if self.focused else []
        setting = next((n.setting for n in nodes if isinstance(n, SettingField)), "")
        self.query_one(ChoicePane).show_setting(setting, self.asked.config)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Enter belongs to what has the focus where that does something else with it."""
        typing = isinstance(self.focused, Input)
        match action:
            case "enter":
                return not isinstance(self.focused, Select | SelectOverlay)
            case "search":
                return not typing  # the slash is typed
            case "leave":
                return typing
            case "view":
                return self.is_narrow
            case "choices":
                return self.is_narrow and self.has_class("-detail")
        return True

    @property
    def is_narrow(self) -> bool:
        """Whether layers and cost have no room beside the choices."""
        return self.has_class("-narrow") or self.has_class("-tiny")

    def on_resize(self) -> None:
        self.refresh_bindings()

    @on(Button.Pressed, "#start")
    def action_enter(self) -> None:
        self.action_start()

    @work(exclusive=True, group="start")
    async def action_start(self) -> None:
        """Start the run, or the sweep in the background, or say what is in its way."""
        if (config := self.startable()) and await self.fits_or_is_wanted():
            keep_settings(self.values)
            await self.be_quiet()
            if self.asked.sweep:
                self.start_sweep(self.asked.sweep)
            else:
                self.lab.start_run(config)

    @work(group="detach")
    async def action_detach(self) -> None:
        """Start the run in a process of its own, and say how to get at it."""
        if not ((config := self.startable()) and await self.fits_or_is_wanted()):
            return
        keep_settings(self.values)
        if self.asked.sweep:
            self.start_sweep(self.asked.sweep)
            return
        name = safe_text(config.model)
        self.notify(f"{name} in the background", title="Starting", markup=False)
        try:
            run = await asyncio.to_thread(
                detach, config, runs_dir=self.lab.runs_dir, data_dir=self.lab.data_dir
            )
        except NNLabError as error:
            self.refuse(f"{error.problem} {error.fix}")
            return
        lines = (next_command("attach", run), next_command("stop", run))
        self.notify(
            safe_text(f"Watch it: {lines[0]}") + "\n" + safe_text(f"Stop it: {lines[1]}"),
            title=f"{run.name} trains in the background",
            timeout=15,
            markup=False,
        )

    @work(group="detach")
    async def start_sweep(self, sweep: Sweep) -> None:
        """Start all its runs in a process of their own, and show them."""
        self.notify(f"{len(sweep.trials)} runs in the background", title="Starting", markup=False)
        try:
            runs = await asyncio.to_thread(start_sweep, sweep, self.lab.runs_dir, self.lab.data_dir)
        except NNLabError as error:
            self.refuse(f"{error.problem} {error.fix}")
            return
        self.lab.compare_runs(runs)

    def startable(self) -> RunConfig | None:
        """The run that was put together; None if something is in its way, which is told."""
        problems = self.asked.problems
        if self.asked.config is None:
            self.refuse("\n".join(f"{n.replace('_', ' ')}: {p}" for n, p in problems.items()))
            self.focus_problem()
        elif self.trouble:
            self.refuse(f"{self.trouble.problem} {self.trouble.fix}")
        else:
            return self.asked.config
        return None

    async def fits_or_is_wanted(self) -> bool:
        """Whether the memory will do, as far as that is known, or else nobody minds."""
        if self.cost is None or self.cost.fits:
            return True
        return await self.app.push_screen_wait(
            ConfirmScreen(
                "Start it with too little memory?",
                f"It needs about {size(self.cost.memory_bytes)}, and "
                f"{size(self.cost.device.memory_free_bytes)} are free. A smaller batch size takes "
                "less.",
                yes="Start",
                no="Change it",
            )
        )

    def refuse(self, why: str) -> None:
        self.notify(safe_text(why), title="Not yet", severity="error", markup=False)

    def focus_problem(self) -> None:
        """Put the cursor where the first problem is."""
        self.remove_class("-detail")
        for picker in self.query(Picker):
            if picker.problem:
                picker.focus_search()
                return
        self.query_one(SettingsForm).focus_problem()

    def action_preset(self) -> None:
        self.app.push_screen(PresetScreen((*PRESETS, BEGINNING)), self.use_preset)

    def use_preset(self, preset: Preset | None) -> None:
        """Take over all settings of `preset`."""
        if preset is None:
            return
        for picker in self.query(Picker):
            picker.pick(str(preset.values[str(picker.id)]))
        self.query_one(SettingsForm).fill(preset.values)

    def action_images(self) -> None:
        if problem := self.asked.problems.get("data"):
            self.refuse(problem)
        else:
            target = self.values.get("target")
            self.app.push_screen(
                ImagesScreen(self.values["data"], self.lab.data_dir, target=target)
            )

    def action_layers(self) -> None:
        if summary := self.query_one(LayerTable).summary:
            heading = f"{summary.model} on {self.values['data']}"
            self.app.push_screen(ModelScreen(heading, lambda: summary))

    def action_search(self) -> None:
        self.remove_class("-detail")
        self.query_one("#model", Picker).focus_search()

    def action_view(self) -> None:
        self.toggle_class("-detail")
        self.query_one("#start" if self.has_class("-detail") else "#model OptionList").focus()

    def action_choices(self) -> None:
        self.action_view()

    def action_leave(self) -> None:
        self.query_one("#model OptionList").focus()

    def action_copy(self) -> None:
        if command := self.asked.command:
            self.app.copy_to_clipboard(command)
            self.notify(
                safe_text(command),
                title="Copied, if this terminal lets programs copy",
                markup=False,
            )
