"""The part of the launch screen that finds out what the run or sweep that is asked for costs."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import mean
from typing import TYPE_CHECKING, Any, TypeVar, cast

from textual import work
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.widgets import Static

from core.config import where_of
from core.errors import NNLabError
from core.estimate import (
    Estimate,
    ImageFacts,
    image_facts,
    layers_and_memory,
    parameters_of_all,
    time_step,
)
from core.sweep import kinds_of
from tui.asked import Asked
from tui.format import duration, safe_text, size
from tui.widgets.estimate_pane import EstimatePane
from tui.widgets.layer_table import LayerTable
from tui.widgets.network_list import NetworkList

if TYPE_CHECKING:
    from core.device import Device
    from tui.app import NNLabApp

T = TypeVar("T")

MOST = 4  # kinds of runs of a sweep that are timed, a second each
PAUSE = 0.3  # seconds without a change before the estimate begins


class CostScreen(Screen[None]):
    """Shows what `asked` costs in the panes for it, which LaunchScreen arranges."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = Asked()
        self.cost: Estimate | None = None  # of the run that needs most memory, once it is known
        self.trouble: NNLabError | None = None  # why this run could not train, found by trying
        self.counted_for: tuple[int | None, ...] | None = None  # channels, classes, side
        self.at_work: asyncio.Future[Any] | None = None  # the thread that finds out the cost
        self.outdated = threading.Event()  # set when nobody wants its answer any more

    @property
    def lab(self) -> "NNLabApp":
        return cast("NNLabApp", self.app)

    @work(exclusive=True, group="cost")
    async def find_cost(self) -> None:
        """Layers and memory, then the time, each shown once it is known; nothing waits for it."""
        self.outdated.set()
        outdated = self.outdated = threading.Event()
        config, sweep = self.asked.config, self.asked.sweep
        self.cost = None
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
            table = self.query_one(LayerTable)
            table.remove_class("-unknown")
            table.summary = found[largest].summary
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
        self.cost = found
        # On these alone: a class of the screen is looked up for all of its widgets, at each key.
        for pane in self.query("LayerTable, #brief"):
            pane.set_class(self.trouble is not None, "-trouble")
        table = self.query_one(LayerTable)
        table.set_class(found is None, "-unknown")
        table.summary = found.summary if found else None
        table.message = safe_text(message)
        for pane in self.query(EstimatePane):
            pane.estimate = found
            pane.waiting = message

    def show_device(self, device: "Device") -> None:
        free = (
            "" if device.memory_free_bytes is None else f" · {size(device.memory_free_bytes)} free"
        )
        why = f", {device.why}" if device.why else ""
        name = f"{device.torch_name} {device.name}" if device.why else device.name
        self.query_one("#machine", Static).update(safe_text(name + free + why))
