"""The launch screen: pick a network, images and settings, see what they cost, start."""

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets import Button, Input, Select, Static
from textual.widgets._select import SelectOverlay

from core.build import default_input_size
from core.config import RunConfig, defaults_for, where_of
from core.datasets import DATASETS, Where, availability, is_table
from core.errors import NNLabError
from core.estimate import (
    Estimate,
    ImageFacts,
    image_facts,
    layers_and_memory,
    parameters_of_all,
    time_step,
)
from core.presets import Preset
from core.sweep import Sweep, kinds_of
from tui.asked import Asked, preset_of, read_form
from tui.detach import detach, start_sweep
from tui.format import duration, safe_text, size
from tui.next_command import next_command
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

if TYPE_CHECKING:
    from core.device import Device
    from tui.app import NNLabApp

T = TypeVar("T")

FIRST_RUN = {"model": "mlp", "data": "fashion-mini"}  # works at once, without a network
MOST = 4  # kinds of runs of a sweep that are timed, a second each
PAUSE = 0.3  # seconds without a change before the estimate begins


class LaunchScreen(Screen[None]):
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
        &.-trouble LayerTable, &.-trouble #brief { color: $error; }
        &.-unknown LayerTable Static { width: 1fr !important; }
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
        self.asked = Asked()
        self.trouble: NNLabError | None = None  # why this run could not train, found by trying
        self.counted_for: tuple[int | None, ...] | None = None  # channels, classes, side
        self.at_work: asyncio.Future[Any] | None = None  # the thread that finds out the cost
        self.outdated = threading.Event()  # set when nobody wants its answer any more

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

    @property
    def lab(self) -> "NNLabApp":
        return cast("NNLabApp", self.app)

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

    # What it costs

    @work(exclusive=True, group="cost")
    async def find_cost(self) -> None:
        """Layers and memory, then the time, each shown once it is known; nothing waits for it."""
        self.outdated.set()
        outdated = self.outdated = threading.Event()
        config, sweep = self.asked.config, self.asked.sweep
        for pane in self.query(EstimatePane):
            pane.sweep = ""
        if config is None:
            self.show_cost(None, "Layers and cost stand here once every setting is right.")
            return
        kinds = kinds_of(sweep.trials) if sweep else [(config, config.epochs)]
        await asyncio.sleep(PAUSE)
        try:
            images = await self.in_thread(image_facts, config.data, where_of(config, None))
            found = [await self.in_thread(layers_and_memory, k, images) for k, _ in kinds[:MOST]]
            largest = max(range(len(found)), key=lambda n: found[n].memory_bytes)
            self.remove_class("-unknown")
            self.query_one(LayerTable).summary = found[largest].summary
            self.show_device(found[largest].device)
            await self.count_parameters(images)
            if not found[largest].fits or not self.may_probe:
                self.show_cost(found[largest], "not measured")
                return
            self.show_cost(found[largest], "measuring…")
            for index in range(len(found)):
                work = (kinds[index][0], found[index], outdated.is_set)
                found[index] = replace(
                    found[index], step_seconds=await self.in_thread(time_step, *work)
                )
            self.show_cost(found[largest], "")
            if sweep:
                self.show_sweep(len(sweep.trials), found, [epochs for _, epochs in kinds])
        except NNLabError as error:
            self.trouble = error
            self.show_cost(None, f"{error.problem} {error.fix}")
        except NoMatches:
            return  # the screen was taken down while the thread was at work

    def show_sweep(self, runs: int, found: Sequence[Estimate], epochs: Sequence[int]) -> None:
        """Say how long all runs together will take, each kind of them as often as it is there."""
        known = [e.seconds_per_epoch for e in found if e.seconds_per_epoch is not None]
        if len(known) == len(found):
            rest = mean(known) * sum(epochs[len(known) :])
            seconds = sum(s * n for s, n in zip(known, epochs, strict=False)) + rest
            for pane in self.query(EstimatePane):
                pane.sweep = f"{runs} runs, ≈ {duration(seconds)} in all"

    async def count_parameters(self, images: ImageFacts) -> None:
        """Show how large each network is, for images with so many channels and classes."""
        kind = (images.channels, images.classes, images.side)
        if kind != self.counted_for:
            counts = await self.in_thread(parameters_of_all, images)
            self.query_one(NetworkList).show_parameters(counts)
            self.counted_for = kind

    @property
    def may_probe(self) -> bool:
        """Whether nothing trains in this process, which a probe would disturb."""
        return self.is_current and not self.lab.training

    async def in_thread(self, work: Callable[..., T], *args: Any) -> T:
        """What `work(*args)` returns. A thread cannot be cancelled, so it is remembered."""
        self.at_work = asyncio.ensure_future(asyncio.to_thread(work, *args))
        return await asyncio.shield(self.at_work)

    async def be_quiet(self) -> None:
        """Return when no thread of this screen uses torch: a probe leaves after its step."""
        self.outdated.set()
        self.workers.cancel_group(self, "cost")
        if self.at_work:
            await asyncio.wait([self.at_work])

    def show_cost(self, found: Estimate | None, message: str) -> None:
        """Show layers and cost; `message` stands for what is not known."""
        self.set_class(self.trouble is not None, "-trouble")
        self.set_class(found is None, "-unknown")
        table = self.query_one(LayerTable)
        table.summary = found.summary if found else None
        table.message = safe_text(message)
        for pane in self.query(EstimatePane):
            pane.estimate = found
            pane.waiting = message

    def show_device(self, device: "Device") -> None:
        free = (
            "" if device.memory_free_bytes is None else f" · {size(device.memory_free_bytes)} free"
        )
        self.query_one("#machine", Static).update(safe_text(device.name) + free)

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
        if config := self.startable():
            await self.be_quiet()
            if self.asked.sweep:
                self.start_sweep(self.asked.sweep)
            else:
                self.lab.start_run(config)

    @work(group="detach")
    async def action_detach(self) -> None:
        """Start the run in a process of its own, and say how to get at it."""
        if not (config := self.startable()):
            return
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
        self.app.push_screen(PresetScreen(), self.use_preset)

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
